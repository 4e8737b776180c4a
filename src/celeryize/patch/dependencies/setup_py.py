"""One element more in the `install_requires` of a setup.py, where that is a plain list.

install_requires=["django>=5.2"],   ->   install_requires=["django>=5.2", "celery[redis]>=5.4"],
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.dependencies.brackets import Brackets
from celeryize.patch.dependencies.requirement import Entry, name_in, normalised
from celeryize.patch.source import Source, expression, insertion

# A chain of names longer than this is no list of requirements.
_DEEPEST = 5


def entries(data: bytes) -> Mapping[str, Entry]:
    """What install_requires lists, as far as the code shows it: through names, `+` and `*`.

    What only part of the code decides counts, too: a second line for it would be wrong then.
    """
    found: dict[str, Entry] = {}
    try:
        source = Source.decode(PurePosixPath("setup.py"), data)
        calls = _calls_with_requirements(source)
    except CannotPatch:
        return found
    for call in calls:
        for text, line in _texts_of(source, _requirements_of(call), _DEEPEST):
            if name := name_in(text):
                found.setdefault(normalised(name), Entry(text, line))
    return found


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
    calls = _calls_with_requirements(source)
    # two calls, or none: the text does not show which one builds the package
    if len(calls) != 1:
        raise CannotPatch(f"{source.path} does not set install_requires once", where=source.where())
    found = _requirements_of(calls[0])
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


def _calls_with_requirements(source: Source) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and any(k.arg == "install_requires" for k in node.keywords)
    ]


def _requirements_of(call: ast.Call) -> ast.expr:
    return next(k.value for k in call.keywords if k.arg == "install_requires")


def _only_value(source: Source, name: str) -> ast.expr | None:
    """What a name is set to, if it is set once, at the top of the file, and only read elsewhere."""
    values = _values_of(source, name)
    uses = [n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id == name]
    readers = [use for node in ast.walk(source.tree) for use in _read_in(node) if use in uses]
    # every use but the assignment reads it: REQUIRES + [...], extras={"dev": REQUIRES}
    if len(values) == 1 and len(uses) - 1 == len(readers):
        return values[0]
    return None


def _read_in(node: ast.AST) -> list[ast.expr]:
    """The operands of a node that takes lists and leaves them as they are."""
    match node:
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return [left, right]
        case ast.keyword(value=value) | ast.Starred(value=value):
            return [value]
        case ast.Dict(values=values):
            return list(values)
        case ast.Call(func=ast.Name(id="list" | "sorted" | "set" | "tuple" | "len"), args=args):
            return list(args)
        case ast.comprehension(iter=value) | ast.For(iter=value):
            return [value]
    return []


def _values_of(source: Source, name: str) -> list[ast.expr]:
    """What a name is assigned at the top level."""
    return [
        node.value
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == name
    ]


def _texts_of(source: Source, node: ast.expr, depth: int) -> Iterator[tuple[str, int]]:
    """The strings that an expression is made of, each with its line."""
    match node:
        case ast.Constant(value=str(text)):
            yield text, node.lineno
        case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
            for element in elts:
                yield from _texts_of(source, element, depth)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            yield from _texts_of(source, left, depth)
            yield from _texts_of(source, right, depth)
        case ast.Starred(value=value) | ast.Call(func=ast.Name(id="list" | "sorted"), args=[value]):
            yield from _texts_of(source, value, depth)
        case ast.Name(id=name) if depth:
            for value in _values_of(source, name):
                yield from _texts_of(source, value, depth - 1)
            for added in _added_to(source, name):
                yield from _texts_of(source, added, depth - 1)


def _added_to(source: Source, name: str) -> Iterator[ast.expr]:
    """What `NAME += [...]`, `NAME.append(...)` and `NAME.extend(...)` add."""
    for node in ast.walk(source.tree):
        match node:
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=found), attr="append" | "extend"),
                args=[value],
            ) if found == name:
                yield value


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
