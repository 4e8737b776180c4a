"""Other names for what a settings module assigns, and for every use of them in it.

BROKER_URL = "redis://"             CELERY_BROKER_URL = "redis://"
CACHE = BROKER_URL + "/1"     ->    CACHE = CELERY_BROKER_URL + "/1"
os.environ.get("BROKER_URL")        os.environ.get("BROKER_URL")
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from celeryize.errors import CannotPatch
from celeryize.patch.source import Source

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
BY_NAME = frozenset({"getattr", "setattr", "hasattr", "delattr"})
NAMESPACES = frozenset({"globals()", "locals()", "vars()"})


def assigned(source: Source, classes: frozenset[str] = frozenset()) -> dict[str, ast.Name]:
    """What the module assigns at its top level, or in its settings `classes`, with the first place
    of each.
    """
    found: dict[str, ast.Name] = {}
    for node in own_names(source.tree, classes):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, node)
    return found


def rename(
    source: Source, names: Mapping[str, str], classes: frozenset[str] = frozenset()
) -> Source:
    """The module with other names for what it assigns at its top level, or in its settings
    `classes`.

    Only names of the code change: no string, no comment, no name that a function has for itself.
    The result is accepted only if its syntax tree is the old one with exactly these names
    exchanged. Raises CannotPatch, with the place, where a name is bound or looked up in a way that
    a new name would break.
    """
    found = next(_in_doubt(source.tree, names), None)
    if found is not None:
        raise CannotPatch(
            f"{source.path} uses {_old_name(found, names)} in a way that cannot be renamed safely",
            hint="Rename it there manually, then run the command again.",
            where=source.where(found),
        )
    # every use is replaced, or none: a half renamed module would not import
    chosen = [n for n in own_names(source.tree, classes) if _spelling(n) in names]
    spans = sorted(
        {(source.end(n) - len(_spelling(n)), source.end(n), _spelling(n)) for n in chosen}
    )
    pieces: list[str] = []
    position = 0
    for start, end, old in spans:
        if source.text[start:end] != old:
            raise CannotPatch(
                f"{source.path} uses {old} where its position cannot be determined",
                hint="Rename it there manually, then run the command again.",
                where=source.where(next(n for n in chosen if _spelling(n) == old)),
            )
        pieces += [source.text[position:start], names[old]]
        position = end
    after = replace(source, text="".join([*pieces, source.text[position:]]))
    # the proof: the tree of the result is the old one with exactly these names exchanged
    if ast.dump(after.tree) != _dump_with(source, chosen, names):
        raise CannotPatch(
            f"the edit of {source.path} would change more than was planned", where=source.where()
        )
    return after


def own_names(
    node: ast.AST,
    classes: frozenset[str],
    hidden: frozenset[str] = frozenset(),
    of_class: frozenset[str] = frozenset(),
) -> Iterator[ast.Name | ast.Attribute]:
    """The uses of the module's own names, and of those of its settings classes.

    `hidden` are the names that the functions around `node` have for themselves, `of_class` those of
    the class around it, which its methods do not see.
    """
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Name(id=name) if name not in hidden | of_class:
                yield child
            case ast.Attribute() if _of_settings(child, classes):
                yield child
        if isinstance(child, ast.ClassDef):
            yield from own_names(
                child,
                classes,
                hidden,
                frozenset() if child.name in classes else _bound_in(child.body),
            )
        elif isinstance(child, Scope):
            yield from own_names(child, classes, hidden | _local_names(child))
        else:
            yield from own_names(child, classes, hidden, of_class)


def _of_settings(node: ast.Attribute, classes: frozenset[str]) -> bool:
    """Whether a node is `self.NAME`, or `Base.NAME` of one of the settings classes."""
    if classes:
        known = {"self", "cls", *classes}
    else:
        known = set()
    return isinstance(node.value, ast.Name) and node.value.id in known


def _bound_in(body: Sequence[ast.AST]) -> frozenset[str]:
    names = (n for s in body for n in ast.walk(s) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names if not isinstance(n.ctx, ast.Load))


def _local_names(scope: Scope) -> frozenset[str]:
    """The names that a function has for itself: its parameters and what it assigns."""
    arguments = scope.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    own = frozenset(a.arg for a in every if a is not None)
    return own | _bound_in([scope.body] if isinstance(scope, ast.Lambda) else scope.body)


def _spelling(node: ast.Name | ast.Attribute) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr


def _in_doubt(tree: ast.Module, names: Mapping[str, str]) -> Iterator[ast.AST]:
    """What binds or looks up one of the names other than by assigning or reading it."""
    for node in ast.walk(tree):
        found = {*_bound_by(node), *_looked_up_by(node)}
        if found.isdisjoint(names):
            continue
        # a comprehension has no position of its own
        if isinstance(node, ast.comprehension):
            yield node.target
        else:
            yield node


def _bound_by(node: ast.AST) -> Iterator[str]:
    """The names that a node binds otherwise than by an assignment."""
    match node:
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.Global(names=listed) | ast.Nonlocal(names=listed):
            yield from listed
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.ClassDef(name=name) | ast.arg(arg=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)):
            yield name
        case ast.comprehension(target=target):
            yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _looked_up_by(node: ast.AST) -> Iterator[str]:
    """The names that a node looks up as texts: getattr, globals(), `__all__`."""
    match node:
        case ast.Call(func=ast.Name(id=function), args=[_, ast.Constant(value=str(name)), *_]):
            if function in BY_NAME:
                yield name
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
            if ast.unparse(value) in NAMESPACES:
                yield name
        case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() | ast.Tuple() as value):
            for element in value.elts:
                if isinstance(element, ast.Constant):
                    yield str(element.value)


def _old_name(node: ast.AST, names: Mapping[str, str]) -> str:
    spelled = ast.unparse(node)
    return next((name for name in names if name in spelled), "a name")


def _dump_with(
    source: Source, chosen: list[ast.Name | ast.Attribute], names: Mapping[str, str]
) -> str:
    """The dump of the old tree with the chosen names exchanged; the tree itself stays as it is."""
    places = {id(node) for node in chosen}
    twin = replace(source, text=source.text).tree
    for old, new in zip(ast.walk(source.tree), ast.walk(twin), strict=True):
        if id(old) not in places:
            continue
        if isinstance(new, ast.Name):
            new.id = names[new.id]
        elif isinstance(new, ast.Attribute):
            new.attr = names[new.attr]
    return ast.dump(twin)
