"""One more import, merged with what a module imports already.

import sys             import os
                ->     import sys
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from celeryize.patch.source import Source, Splice, fitted, insertion, statements
from celeryize.patch.style import Style

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# `# Local imports`, `# Third party`: about all the imports of a section, not the next one alone.
HEADING = re.compile(
    r"\s*#[\s#-]*(?:[\w-]+ )?(?:(?:module|local|project|django|third.party|standard|stdlib|internal"
    r"|first.party|own)(?: [\w-]+)?|imports?)[\s:#-]*$",
    re.I,
)
TRAILING_COMMA = re.compile(r"\s*,(?=\s*(?:#[^\n]*)?\s*\))")


def has_import(source: Source, line: str, *, above: int | None = None) -> bool:
    """Whether the top level of a module has everything that an import statement would give it.

    With `above`, that line has to have it: what comes below it, or is deleted above it, is no help.
    """
    wanted = gives(statements(line)[0])
    body = [node for node in source.tree.body if above is None or node.lineno < above]
    have = {name for node in body for name in gives(node)}
    return all(one in have or _same_by_another_path(source, one, have) for one in wanted)


def _same_by_another_path(
    source: Source, wanted: tuple[str, str, str], have: set[tuple[str, str, str]]
) -> bool:
    """Whether `from .models import X` is there as `from shop.models import X`, or the other way."""
    full = _absolute(source, wanted[0])
    for module, name, alias in have:
        if (name, alias) == wanted[1:] and module and wanted[0]:
            other = _absolute(source, module)
            if f".{full}".endswith(f".{other}") or f".{other}".endswith(f".{full}"):
                return module.startswith(".") is not wanted[0].startswith(".")
    return False


def _absolute(source: Source, module: str) -> str:
    """A module by its path from the root of the project."""
    level = len(module) - len(module.lstrip("."))
    if not level:
        return module
    package = source.path.parts[: len(source.path.parts) - level]
    return ".".join((*package, *filter(None, [module.lstrip(".")])))


def with_imports(source: Source, lines: Iterable[str], *, above: int | None = None) -> Source:
    """The module with some imports, one after the other: each finds its place among the others.

    With `above`, what needs them stands at that line, so that an import below it does not count.
    """
    for line in lines:
        splices = add_import(source, line, above=above)
        if splices:
            source = source.splice(*splices)
    return source


def add_import(source: Source, line: str, *, above: int | None = None) -> list[Splice]:
    """The splices that import what `line` says; none if it is there.

    New imports go into the leading block. `import x` lines keep their order where they are sorted;
    `from x import y` joins an existing `from x import`.
    """
    if has_import(source, line, above=above):
        return []
    wanted = statements(line)[0]
    block = leading_imports(source)
    if isinstance(wanted, ast.ImportFrom):
        for node in block:
            if isinstance(node, ast.ImportFrom) and (node.module, node.level) == (
                wanted.module,
                wanted.level,
            ):
                joined = _join_names(source, node, wanted)
                if joined:
                    return joined
    if not block:
        return [_first_import(source, line)]
    return [place_import(source, block, wanted, line)]


def place_import(
    source: Source, block: list[ast.Import | ast.ImportFrom], wanted: ast.stmt, line: str
) -> Splice:
    """The place of an import in a block: below the last one that sorts before it, with a blank line
    between two sections.
    """
    style = source.style
    key = _sort_key(wanted, style)
    before = [node for node in block if _sort_key(node, style) < key]
    after = [node for node in block if node not in before]
    above = _sort_key(before[-1], style)[0] if before else None
    following = [node for node in after if not before or node.lineno > before[-1].lineno]
    if following and above != key[0] and _sort_key(following[0], style)[0] == key[0]:
        # the first of its section, below the blank line and the comments of the next
        offset = _above_comments(source, following[0], below_heading=True)
        gap = ""
        if _opens_a_comment(source, offset):
            gap = "\n"
        return insertion(offset, fitted(source, offset, f"{line}\n{gap}"), (wanted,))
    if before:
        offset = source.after_line(before[-1])
        lead = ""
        if not source.text[:offset].endswith("\n"):
            lead = source.newline_at(offset)
        if above != key[0]:
            lead += source.newline_at(offset)
    else:
        same = _sort_key(block[0], style)[0] == key[0]
        offset, lead = _above_comments(source, block[0], below_heading=same), ""
    gap = ""
    if following and not _is_blank_at(source, offset):
        below = _sort_key(following[0], style)[0]
        if below != key[0] or _opens_a_comment(source, offset):
            gap = "\n"
    return insertion(offset, lead + fitted(source, offset, f"{line}\n{gap}"), (wanted,))


def _above_comments(source: Source, node: ast.stmt, *, below_heading: bool) -> int:
    """The start of a statement's line, or of the comments directly above it, but for those at the
    head of the file, which are about all of it, and for the heading of a section that it is of.
    """
    number = node.lineno
    if below_heading and number > 1 and HEADING.match(_line_at(source, number - 1)):
        return source.line_starts[number - 1]
    while number > 1 and _line_at(source, number - 1).lstrip().startswith("#"):
        number -= 1
    if number == 1:
        number = node.lineno
    return source.line_starts[number - 1]


def _line_at(source: Source, number: int) -> str:
    end = len(source.text)
    if number < len(source.line_starts):
        end = source.line_starts[number]
    return source.text[source.line_starts[number - 1] : end]


def _is_blank_at(source: Source, offset: int) -> bool:
    """Whether the line that begins at an offset is empty."""
    return source.text[offset:].startswith(("\n", "\r\n"))


def _opens_a_comment(source: Source, offset: int) -> bool:
    """Whether a comment begins at an offset that a blank line keeps apart from what is above it:
    it stays apart from a new import, too, as ruff and Black's isort want it.
    """
    above = source.text[:offset].split("\n")[-2:-1]
    return source.text[offset:].lstrip(" \t").startswith("#") and not "".join(above).strip()


def leading_imports(source: Source) -> list[ast.Import | ast.ImportFrom]:
    """The imports at the head of a module, up to its first other statement.

    `__future__` is not among them.
    """
    block: list[ast.Import | ast.ImportFrom] = []
    for index, node in enumerate(source.tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                block.append(node)
        elif not (index == 0 and _is_docstring(node)):
            break
    return block


def _join_names(source: Source, node: ast.ImportFrom, wanted: ast.ImportFrom) -> list[Splice]:
    """The names of `wanted` among those of `node`, on its line or in its parentheses.

    Sorted names stay sorted, and a line that would be too long becomes a name a line.
    """
    # nothing can be joined to a star: the import gets a statement of its own
    if node.names[0].name == "*" or len(wanted.names) != 1:
        return []
    text = ast.unparse(wanted.names[0])
    first_line = source.line_of(source.start(node.names[0]))
    # in parentheses, one name a line
    if first_line != node.lineno:
        return _join_in_parentheses(source, node, wanted.names[0], text, first_line)
    place = _place_among(node.names, wanted.names[0])
    line = _line_at(source, node.lineno).rstrip("\r\n")
    if len(line) + len(text) + 2 > source.style.line_length and "(" not in line and "#" not in line:
        return _explode(source, node, wanted.names[0], place)
    if place < len(node.names):
        offset = source.start(node.names[place])
        return [insertion(offset, f"{text}, ", wanted.names)]
    last = source.end(node.names[-1])
    tail = TRAILING_COMMA.match(source.text, last)
    if tail:
        return [insertion(tail.end(), f" {text}", wanted.names)]
    return [insertion(last, f", {text}", wanted.names)]


def _join_in_parentheses(
    source: Source, node: ast.ImportFrom, name: ast.alias, text: str, first_line: int
) -> list[Splice]:
    begin = source.line_starts[first_line - 1]
    margin = source.text[begin : source.start(node.names[0])]
    place = _place_among(node.names, name)
    if place < len(node.names):
        offset = source.start(node.names[place])
        before = source.text[source.line_starts[source.line_of(offset) - 1] : offset]
        newline = source.newline_at(offset)
        # several names on a line: the new one among them
        separator = ", " if before.strip() else f",{newline}{margin}"
        return [insertion(offset, f"{text}{separator}", (name,))]
    last = source.end(node.names[-1])
    newline = source.newline_at(last)
    tail = TRAILING_COMMA.match(source.text, last)
    if tail:
        return [insertion(tail.end(), f"{newline}{margin}{text},", (name,))]
    return [insertion(last, f",{newline}{margin}{text}", (name,))]


def _explode(source: Source, node: ast.ImportFrom, name: ast.alias, place: int) -> list[Splice]:
    """The names of a line that would be too long, each on a line of its own, in parentheses."""
    newline = source.newline_at(source.start(node))
    step = f"{newline}{source.indent}"
    text = ast.unparse(name)
    splices: list[Splice] = []
    for index, other in enumerate(node.names):
        start = source.start(other)
        lead = f"({step}" if index == 0 else ""
        if index:
            begin = source.end(node.names[index - 1])
            splices.append(Splice(begin, start, f",{step}"))
        if index == place:
            splices.append(insertion(start, f"{lead}{text},{step}", (name,)))
        elif lead:
            splices.append(insertion(start, lead, ()))
    end = source.end(node.names[-1])
    closing = f",{newline})"
    if place == len(node.names):
        splices.append(insertion(end, f",{step}{text}{closing}", (name,)))
    else:
        splices.append(insertion(end, closing, ()))
    return splices


def _place_among(names: list[ast.alias], name: ast.alias) -> int:
    """The index of a new name: in order among sorted ones, else the end."""
    keys = [member_key(other.name) for other in names]
    if keys != sorted(keys):
        return len(names)
    return sum(key < member_key(name.name) for key in keys)


def member_key(name: str) -> tuple[int, str]:
    """isort's order of names: constants, classes, the others."""
    kind = 2
    if name.isupper() and len(name) > 1:
        kind = 0
    elif name[:1].isupper():
        kind = 1
    return kind, name.lower()


def _first_import(source: Source, line: str) -> Splice:
    """The place below the docstring, `__future__` and the opening comments of a module without
    imports.
    """
    anchor: ast.stmt | None = None
    for index, node in enumerate(source.tree.body):
        if (index == 0 and _is_docstring(node)) or (
            isinstance(node, ast.ImportFrom) and node.module == "__future__"
        ):
            anchor = node
    if anchor is not None:
        offset = source.after_line(anchor)
        newline = source.newline_at(offset)
        if source.text[:offset].endswith("\n"):
            lead = newline
        else:
            lead = newline * 2
        gap = _gap_below(source, offset)
        text = lead + fitted(source, offset, f"{line}\n{gap}")
        return insertion(offset, text, statements(line))
    # A shebang or a coding line counts on its own line alone, also where the file ends with it.
    head = re.compile(r"(?:[ \t]*#[^\n]*(?:\n|\Z))*").match(source.text)
    offset = 0
    if head:
        offset = head.end()
    if offset == 0 or source.text[offset - 1] == "\n":
        lead = ""
    else:
        lead = source.newline_at(offset)
    gap = _gap_below(source, offset)
    return insertion(offset, lead + fitted(source, offset, f"{line}\n{gap}"), statements(line))


def _gap_below(source: Source, offset: int) -> str:
    """The blank lines between an import and the code below it: two above a definition."""
    rest = source.text[offset:]
    if not rest.strip():
        return ""
    there = re.match(r"(?:[ \t]*\r?\n)*", rest)
    have = there[0].count("\n") if there else 0
    following = next((node for node in source.tree.body if source.start(node) >= offset), None)
    wanted = 2 if isinstance(following, DEFINITIONS) else 1
    return "\n" * max(0, wanted - have)


def gives(node: ast.stmt) -> set[tuple[str, str, str]]:
    """What an import statement imports, each as (module, name, alias).

    Nothing for another statement.
    """
    if isinstance(node, ast.Import):
        return {("", alias.name, alias.asname or "") for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return {(module, alias.name, alias.asname or "") for alias in node.names}
    return set()


def _sort_key(node: ast.stmt, style: Style) -> tuple[int, int, int, str]:
    """isort's order: the standard library, the others, the project, the package.

    `import x` before `from x`, unless the project sorts them together.
    """
    if isinstance(node, ast.Import):
        name, level = node.names[0].name, 0
    elif isinstance(node, ast.ImportFrom):
        name, level = node.module or "", node.level
    else:
        return (9, 0, 0, "")
    kind = int(isinstance(node, ast.ImportFrom) and not style.mixed)
    # the furthest relative import comes first
    return (style.section_of(name, level), kind, -level, name.lower())


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
