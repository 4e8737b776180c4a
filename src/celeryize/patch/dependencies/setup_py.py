"""One element more in the `install_requires` of a setup.py, where that is a plain list.

install_requires=["django>=5.2"],   ->   install_requires=["django>=5.2", "celery[redis]>=5.4"],
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.dependencies.brackets import Brackets
from celeryize.patch.dependencies.requirement import Entry, name_in, normalised
from celeryize.patch.source import Source, expression, insertion


def entries(data: bytes) -> Mapping[str, Entry]:
    """What the list declares; nothing where it is not a plain list."""
    try:
        source = Source.decode(PurePosixPath("setup.py"), data)
        elements = _plain_list(source).elts
    except CannotPatch:
        return {}
    said = [(e.value, e.lineno) for e in elements if isinstance(e, ast.Constant)]
    return {
        normalised(name): Entry(text, line)
        for text, line in said
        if isinstance(text, str) and (name := name_in(text))
    }


def declare(data: bytes, path: PurePosixPath, line: str) -> bytes:
    """The file with one element more. Raises CannotPatch."""
    source = Source.decode(path, data)
    found = _plain_list(source)
    said = [e.value for e in found.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    spans = [(source.start(e), source.end(e)) for e in found.elts]
    brackets = Brackets(source.text, source.start(found) + 1, source.end(found) - 1, spans)
    index = brackets.place_of([name_in(s) or s for s in said], name_in(line) or line)
    if spans and source.text[spans[0][0]] in "'\"":
        quote = source.text[spans[0][0]]
    else:
        quote = source.quote
    element = f"{quote}{line}{quote}"
    inserted = brackets.insert(index, element)
    new = expression(element)
    return source.splice(
        *(insertion(offset, text, (new,) if element in text else ()) for offset, text in inserted)
    ).encode()


def _plain_list(source: Source) -> ast.List:
    """The list literal that `install_requires` is, or that the one name behind it is.

    Raises CannotPatch.
    """
    calls = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and any(k.arg == "install_requires" for k in node.keywords)
    ]
    # two calls, or none: the text does not show which one builds the package
    if len(calls) != 1:
        raise CannotPatch(f"{source.path} does not set install_requires once", where=source.where())
    found = next(k.value for k in calls[0].keywords if k.arg == "install_requires")
    # install_requires=REQUIRES, with the list above it
    if isinstance(found, ast.Name):
        found = _only_value(source, found.id) or found
    if not isinstance(found, ast.List) or not all(_is_text(e) for e in found.elts):
        raise CannotPatch(
            f"install_requires in {source.path} is built by code, not written as a list",
            hint="Add the line where the list is made.",
            where=source.where(found),
        )
    return found


def _only_value(source: Source, name: str) -> ast.expr | None:
    """What a name is set to, if it is set once, at the top of the file, and used once."""
    uses = [n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id == name]
    values = [
        node.value
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        and [t.id for t in node.targets if isinstance(t, ast.Name)] == [name]
        and len(node.targets) == 1
    ]
    # two uses: where it is set, and where it is passed; a third might change the list
    if len(values) == 1 and len(uses) == 2:
        return values[0]
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
