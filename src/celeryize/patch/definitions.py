"""Add definitions and their imports to a module, or remove them: tasks, tests, receivers.

from celery import shared_task        from celery import shared_task
                                      from django.core.mail import send_mail
@shared_task                   ->
def old(): ...                        @shared_task
                                      def old(): ...

                                      @shared_task
                                      def new(): ...
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Collection
from copy import deepcopy
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.imports import gives, has_import, member_key, with_imports
from celeryize.patch.source import Source, Splice, append_block, fitted, statements
from celeryize.patch.style import DEFAULT, Style

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
BLANK = re.compile(r"(?:[ \t]*\r?\n)+")


def add_definitions(source: Source, code: str, imports: list[str]) -> Source:
    """The module with the definitions of `code` (LF, double quotes) at its end, and the imports
    they need.

    Comes back as it is where functions of these names, decorators and signatures are there; their
    bodies are the user's. Raises CannotPatch where a name means something else.
    """
    wanted = [node for node in ast.parse(code).body if isinstance(node, Definition)]
    there = {name: node for node in source.tree.body for name in _bound_names(node)}
    found = [node.name for node in wanted if node.name in there]
    for node in wanted:
        if node.name in there and not same_head(there[node.name], node):
            raise CannotPatch(
                f"{source.path} already defines {node.name} with a different signature",
                hint="Choose another name, or change it manually as shown (- there, + asked for).",
                snippet=_show_difference(there[node.name], node),
                where=source.where(there[node.name]),
            )
    # all of them are there, as they were asked for: their bodies belong to the user
    if len(found) == len(wanted):
        return source
    # an empty module gets its imports in isort's order, which no neighbour can give
    if not source.text.strip():
        head = import_block(imports, source.style)
        text = f"{head}\n\n\n{code.strip(chr(10))}\n".lstrip("\n")
        text = fitted(source, len(source.text), text).replace("\r\n", "\n")
        # blanks without an end of line would be the indent of the first statement
        if source.text and not source.text.endswith("\n"):
            text = f"\n{text}"
        return source.splice(
            Splice(
                len(source.text),
                len(source.text),
                text.replace("\n", source.newline),
                _added_nodes(text),
            )
        )
    for line in imports:
        _refuse_other_meaning(source, line)
    after = source.splice(append_block(source, code.strip("\n") + "\n", blank_lines=2))
    return with_imports(after, imports)


def _refuse_other_meaning(source: Source, line: str) -> None:
    """Raise CannotPatch where the module has another meaning for a name that `line` imports.

    The import would either take the name from the project's own code, or be hidden by it.
    """
    if has_import(source, line):
        return
    wanted = statements(line)[0]
    names = _bound_names(wanted)
    folder = source.path.parent
    for node in source.tree.body:
        for clash in sorted(names & _names_within(node)):
            if all(
                # the root of the modules may lie below that of the repository
                any(f".{origin}".endswith(f".{new}") for new in _origins(wanted, clash, folder))
                for origin in _origins(node, clash, folder)
            ):
                continue
            raise CannotPatch(
                f"{source.path} has another meaning for {clash} than `{line}`",
                hint="Put the task into another module, or give what is there another name.",
                snippet=line,
                where=source.where(node),
            )


def _origins(node: ast.stmt, name: str, folder: PurePosixPath) -> set[str]:
    """Where a statement of a module in `folder` takes a name from: modules, and "" for the rest."""
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            for alias in inner.names:
                if (alias.asname or alias.name).split(".")[0] != name:
                    continue
                taken = alias.name
                if isinstance(inner, ast.Import) and alias.asname is None:
                    # `import urllib.parse` and `import urllib.error` bind the same package
                    taken = name
                found.add(f"{_absolute_module(inner, folder)}.{taken}")
            continue
        defined = isinstance(inner, Definition) and inner.name == name
        if defined or (isinstance(inner, ast.Name) and inner.id == name):
            found.add("")
    return found


def _absolute_module(node: ast.Import | ast.ImportFrom, folder: PurePosixPath) -> str:
    """The module that an import names, from the root of the repository."""
    if isinstance(node, ast.Import):
        return ""
    if not node.level:
        return node.module or ""
    base = folder.parts[: len(folder.parts) - node.level + 1]
    return ".".join([*base, *filter(None, [node.module])])


def _names_within(node: ast.stmt) -> set[str]:
    """The names that a statement of a module binds, also in the branches of an `if` or a `try`."""
    found = _bound_names(node)
    if not isinstance(node, Definition):
        for inner in ast.walk(node):
            if isinstance(inner, Definition | ast.Import | ast.ImportFrom):
                found |= _bound_names(inner)
    return found


def remove_definitions(source: Source, before: str, after: str) -> Source:
    """The module without the definitions and the imports that made the text `after` out of
    `before`.

    An import that something else needs by now stays. Comes back as it is where all of them are
    gone. Raises CannotPatch where the code of a definition is not what it was; what its docstring
    says by now goes with it.
    """
    added = [
        node for name, node in _definitions_of(after).items() if name not in _definitions_of(before)
    ]
    # before anything is removed: the lines are those of the file
    for wanted in added:
        _refuse_edited(source, wanted, Source.decode(source.path, after.encode()))
    for wanted in added:
        node = _binding_of(source, wanted.name)
        if node is not None:
            source = _without_definition(source, node)
    for names in sorted(_imported_names(after) - _imported_names(before)):
        source = _without_import(source, names)
    return source


def _binding_of(source: Source, name: str) -> ast.stmt | None:
    """The statement of a module that binds a name; None where there is none."""
    return next((node for node in source.tree.body if name in _bound_names(node)), None)


def _refuse_edited(source: Source, wanted: Definition, written: Source) -> None:
    """Raise CannotPatch where a definition is there, and its code is not as in `written`."""
    node = _binding_of(source, wanted.name)
    # compared as trees: a formatter may have changed the text since
    if node is None or _code_of(node) == _code_of(wanted):
        return
    first, last = source.line_of(source.start(node)), node.end_lineno
    raise CannotPatch(
        f"{wanted.name} was edited since celeryize wrote it, and your edit would be lost",
        hint=f"If it can go, delete lines {first} to {last} of {source.path}, then run the "
        "command again: it removes the rest. Edited since (- as written, + as it is now):",
        snippet=_edited_lines(_lines_of(written, wanted), _lines_of(source, node)),
        where=source.where(node),
    )


def remove_unused_imports(source: Source, names: Collection[str]) -> Source:
    """The module without the imports at its top level of some names, where nothing uses them.

    An import whose line has a comment stays: a person, or a linter, was told something about it.
    """
    before = source
    for node in before.tree.body:
        if "#" in before.text[before.start(node) : before.after_line(node)]:
            continue
        for given in sorted(gives(node)):
            if (given[2] or given[1]).split(".")[0] in names:
                source = _without_import(source, given)
    return source


def defines(text: str, name: str) -> bool:
    """Whether a module, given as text, defines a function `name` at its top level."""
    return isinstance(_definitions_of(text).get(name), Function)


def _definitions_of(text: str) -> dict[str, Definition]:
    return {node.name: node for node in ast.parse(text).body if isinstance(node, Definition)}


def _imported_names(text: str) -> set[tuple[str, str, str]]:
    return {given for node in ast.parse(text).body for given in gives(node)}


def _without_definition(source: Source, node: ast.stmt) -> Source:
    start, end = source.start(node), source.after_line(node)
    while start and source.text[start - 1] in "\r\n \t":
        start -= 1
    if below := BLANK.match(source.text, end):
        end = below.end()
    lead = ""
    if start:
        lead = source.newline * (1 if end >= len(source.text) else 3)
    return source.splice(Splice(start, end, lead, (), (node,)))


def _without_import(source: Source, given: tuple[str, str, str]) -> Source:
    """The module without the import of one name, where nothing uses it."""
    _, name, alias = given
    bound = (alias or name).split(".")[0]
    used = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)}
    # a name in a string may be one of `__all__`, or a type in quotes
    exported = {n.value for n in ast.walk(source.tree) if isinstance(n, ast.Constant)}
    # somebody else uses it by now
    if bound in used | exported:
        return source
    for node in source.tree.body:
        if given not in gives(node):
            continue
        assert isinstance(node, ast.Import | ast.ImportFrom)
        if len(node.names) == 1:
            return source.splice(_without_line(source, node))
        place = next(
            i for i, a in enumerate(node.names) if (a.name, a.asname or "") == (name, alias)
        )
        one = node.names[place]
        # with the comma before it or, for the first name, the comma behind it
        if place:
            return source.splice(
                Splice(source.end(node.names[place - 1]), source.end(one), "", (), (one,))
            )
        return source.splice(Splice(source.start(one), source.start(node.names[1]), "", (), (one,)))
    return source


def _without_line(source: Source, node: ast.stmt) -> Splice:
    """The splice that takes out a statement with its line, and the blank lines that would be left
    doubled.
    """
    start, end = source.start(node), source.after_line(node)
    if start == 0 and (below := BLANK.match(source.text, end)):
        end = below.end()
    elif BLANK.match(source.text, end):
        while source.text[:start].endswith(("\n\n", "\n\r\n")):
            start = source.text.rindex("\n", 0, start - 1) + 1
    return Splice(start, end, "", (), (node,))


def same_head(one: ast.stmt, other: Definition) -> bool:
    """Whether two functions have the same kind, decorators and parameters.

    Two classes, the same bases.
    """
    if type(one) is not type(other) or not isinstance(one, Definition):
        return False
    return _head_of(one) == _head_of(other)


def _head_of(node: Definition) -> list[str]:
    decorators = sorted(ast.dump(d) for d in node.decorator_list)
    rest: list[ast.AST] = []
    if isinstance(node, ast.ClassDef):
        rest += node.bases
    else:
        rest.append(node.args)
    return [*decorators, *(ast.dump(part) for part in rest)]


def _code_of(node: ast.stmt) -> str:
    """What a definition does: its tree without docstrings."""
    bare = deepcopy(node)
    for inner in ast.walk(bare):
        if isinstance(inner, Definition) and ast.get_docstring(inner, clean=False) is not None:
            del inner.body[0]
    return ast.dump(bare)


def _lines_of(source: Source, node: ast.stmt) -> list[str]:
    return source.text[source.start(node) : source.after_line(node)].splitlines()


def _edited_lines(before: list[str], now: list[str]) -> str:
    """What was edited in a definition, as it is in the file."""
    lines = difflib.unified_diff(before, now, lineterm="")
    return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@")) + "\n"


def _show_difference(one: ast.stmt, other: Definition) -> str:
    lines = difflib.unified_diff(
        ast.unparse(one).splitlines(),
        ast.unparse(other).splitlines(),
        "there",
        "asked for",
        lineterm="",
    )
    return "\n".join(list(lines)[2:]) + "\n"


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, Function | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).split(".")[0] for a in node.names}
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _added_nodes(text: str) -> tuple[ast.AST, ...]:
    return tuple(statements(text))


def import_block(imports: list[str], style: Style = DEFAULT) -> str:
    """Import lines in isort's order: the standard library, the others, the project, a blank line
    between.
    """
    sections: dict[int, list[str]] = {}
    for line in merged_imports(imports):
        module = line.split()[1]
        level = len(module) - len(module.lstrip("."))
        sections.setdefault(style.section_of(module.lstrip("."), level), []).append(line)
    in_order = {key: sorted(lines, key=_line_key(style)) for key, lines in sections.items()}
    return "\n\n".join("\n".join(in_order[key]) for key in sorted(in_order))


def merged_imports(imports: list[str]) -> list[str]:
    """The lines, each once, and those of one module as one, its names in isort's order."""
    names: dict[str, set[str]] = {}
    lines: list[str] = []
    for line in dict.fromkeys(imports):
        match = re.fullmatch(r"from (\S+) import ([\w, ]+)", line)
        if match:
            names.setdefault(match[1], set()).update(name.strip() for name in match[2].split(","))
        else:
            lines.append(line)
    for module, found in names.items():
        lines.append(f"from {module} import {', '.join(sorted(found, key=member_key))}")
    return lines


def _line_key(style: Style) -> Callable[[str], tuple[bool, int, str]]:
    def key(line: str) -> tuple[bool, int, str]:
        module = line.split()[1]
        bare = module.lstrip(".")
        is_from = line.startswith("from ") and not style.mixed
        return is_from, len(bare) - len(module), bare.lower()

    return key
