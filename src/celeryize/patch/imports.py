"""One more import, merged with what a module imports already.

import sys             import os
                ->     import sys
"""

from __future__ import annotations

import ast
import re
import sys

from celeryize.patch.source import Source, Splice, fitted, insertion, statements


def has_import(source: Source, line: str) -> bool:
    """Whether the top level of a module has everything that an import statement would give it."""
    wanted = statements(line)[0]
    have = {name for node in source.tree.body for name in gives(node)}
    return gives(wanted) <= have


def add_import(source: Source, line: str) -> list[Splice]:
    """The splices that import what `line` says; none if it is there.

    New imports go into the leading block. `import x` lines keep their order where they are sorted;
    `from x import y` joins an existing `from x import`.
    """
    if has_import(source, line):
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
    # below the last one that sorts before it, so that a sorted block stays sorted
    after = [node for node in block if _sort_key(node) < _sort_key(wanted)]
    if after:
        offset = source.after_line(after[-1])
    elif block:
        offset = source.line_starts[block[0].lineno - 1]
    else:
        return [_first_import(source, line)]
    if offset == 0 or source.text[offset - 1] == "\n":
        lead = ""
    else:
        lead = source.newline_at(offset)
    gap = ""
    # a blank line between the standard library and the rest, where the block begins with the rest
    if not after and _sort_key(block[0])[0] > _sort_key(wanted)[0]:
        gap = "\n"
    return [insertion(offset, lead + fitted(source, offset, f"{line}\n{gap}"), (wanted,))]


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
    """The names of `wanted` behind those of `node`, on its line or in its parentheses."""
    # nothing can be joined to a star: the import gets a statement of its own
    if node.names[0].name == "*":
        return []
    text = ", ".join(ast.unparse(alias) for alias in wanted.names)
    last = source.end(node.names[-1])
    tail = re.compile(r"\s*,(?=\s*(?:#[^\n]*)?\s*\))").match(source.text, last)
    first_line = source.line_of(source.start(node.names[0]))
    # in parentheses, one name a line
    if first_line != node.lineno:
        margin = source.text[source.line_starts[first_line - 1] : source.start(node.names[0])]
        newline = source.newline_at(last)
        if tail:
            return [insertion(tail.end(), f"{newline}{margin}{text},", wanted.names)]
        return [insertion(last, f",{newline}{margin}{text}", wanted.names)]
    if tail:
        return [insertion(tail.end(), f" {text}", wanted.names)]
    return [insertion(last, f", {text}", wanted.names)]


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
        return insertion(offset, lead + fitted(source, offset, f"{line}\n"), statements(line))
    # A shebang or a coding line counts on its own line alone, also where the file ends with it.
    head = re.compile(r"(?:[ \t]*#[^\n]*(?:\n|\Z))*").match(source.text)
    offset = 0
    if head:
        offset = head.end()
    if offset == 0 or source.text[offset - 1] == "\n":
        lead = ""
    else:
        lead = source.newline_at(offset)
    # a blank line between the import and the code below it, unless one is there
    gap = ""
    if source.text[offset:].strip() and not source.text[offset:].startswith(("\n", "\r\n")):
        gap = "\n"
    return insertion(offset, lead + fitted(source, offset, f"{line}\n{gap}"), statements(line))


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


def _sort_key(node: ast.stmt) -> tuple[int, str]:
    """isort's default order: the standard library, the others, the project.

    `import x` before `from x`.
    """
    if isinstance(node, ast.Import):
        name, level = node.names[0].name, 0
    elif isinstance(node, ast.ImportFrom):
        name, level = node.module or "", node.level
    else:
        return (9, "")
    top = name.split(".")[0]
    if level:
        section = 3
    else:
        section = 1
        if top in sys.stdlib_module_names:
            section = 0
    return (section, f"{isinstance(node, ast.ImportFrom):d}{name}")


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
