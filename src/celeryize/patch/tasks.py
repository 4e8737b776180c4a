"""One more task at the end of a tasks module.

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
import sys

from celeryize.errors import CannotPatch
from celeryize.patch.imports import add_import
from celeryize.patch.package_init import append
from celeryize.patch.source import Source, Splice, statements

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def add_task(source: Source, code: str, imports: list[str]) -> Source:
    """The module with the definitions of `code` (LF, double quotes) at its end, and the imports they need.

    Comes back as it is where functions of these names, decorators and signatures are there; their bodies are
    the user's. Raises CannotPatch where a name means something else.
    """
    wanted = [node for node in ast.parse(code).body if isinstance(node, Definition)]
    there = {name: node for node in source.tree.body for name in _binds(node)}
    found = [node.name for node in wanted if node.name in there]
    for node in wanted:
        if node.name in there and not same_head(there[node.name], node):
            raise CannotPatch(
                f"{source.path} defines {node.name} otherwise",
                hint="Choose another name, or change it by hand as shown (- there, + asked for).",
                snippet=_difference(there[node.name], node),
                where=source.where(there[node.name]),
            )
    if len(found) == len(wanted):
        return source
    if not source.text.strip():
        text = f"{import_block(imports)}\n\n\n{code.strip(chr(10))}\n"
        return source.splice(
            Splice(len(source.text), len(source.text), text.replace("\n", source.newline), _adds(text))
        )
    splices: list[Splice] = []
    for line in imports:
        splices += add_import(source, line)
    return source.splice(*_merged(splices), append(source, code.strip("\n") + "\n", blank_lines=2))


def remove_task(source: Source, name: str, code: str) -> Source:
    """The module without the function `name`, if that is still what it is in `code`.

    Raises CannotPatch where it was changed since, or is not there.
    """
    wanted = next(n for n in ast.parse(code).body if isinstance(n, Function) and n.name == name)
    for node in source.tree.body:
        if name in _binds(node):
            if ast.dump(node) != ast.dump(wanted):
                raise CannotPatch(
                    f"{name} was changed since it was generated",
                    hint="Remove it by hand, with the imports that only it needs.",
                    snippet=_difference(node, wanted),
                    where=source.where(node),
                )
            start = source.start(node)
            end = source.after_line(node)
            while start and source.text[start - 1] in "\r\n \t":
                start -= 1
            lead = source.newline * (1 if end >= len(source.text) else 3) if start else ""
            return source.splice(Splice(start, end, lead, (), (node,)))
    raise CannotPatch(f"{source.path} defines no {name}", where=source.where())


def same_head(one: ast.stmt, other: Definition) -> bool:
    """Whether two functions have the same kind, decorators and parameters; two classes, the same bases."""
    if type(one) is not type(other) or not isinstance(one, Definition):
        return False
    return _head(one) == _head(other)


def _head(node: Definition) -> list[str]:
    decorators = sorted(ast.dump(d) for d in node.decorator_list)
    rest = node.bases if isinstance(node, ast.ClassDef) else [node.args]
    return [*decorators, *(ast.dump(part) for part in rest)]


def _difference(one: ast.stmt, other: Definition) -> str:
    lines = difflib.unified_diff(
        ast.unparse(one).splitlines(), ast.unparse(other).splitlines(), "there", "asked for", lineterm=""
    )
    return "\n".join(list(lines)[2:]) + "\n"


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, Function | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).split(".")[0] for a in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _adds(text: str) -> tuple[ast.AST, ...]:
    return tuple(statements(text))


def import_block(imports: list[str]) -> str:
    """Import lines in isort's order: the standard library, the others, the project, a blank line between."""
    sections: dict[int, list[str]] = {}
    for line in imports:
        module = line.split()[1]
        section = 2 if module.startswith(".") else int(module.split(".")[0] not in sys.stdlib_module_names)
        sections.setdefault(section, []).append(line)
    plain_first = {key: sorted(lines, key=lambda x: (x.startswith("from "), x)) for key, lines in sections.items()}
    return "\n\n".join("\n".join(plain_first[key]) for key in sorted(plain_first))


def _merged(splices: list[Splice]) -> list[Splice]:
    """Splices at one place, in the order of their text."""
    return sorted(splices, key=lambda s: (s.start, s.text))
