"""What the scopes inside a module bind: a local name that is not the module's own."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from celeryize.checks.facts.literals import Function
from celeryize.patch.nodes import child_nodes, walk

Import = ast.Import | ast.ImportFrom
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = Function | ast.Lambda | Comprehension


@dataclass(frozen=True, slots=True)
class Local:
    """The names that one scope binds, sorted by how: what it imports, defines, and all else."""

    imports: Mapping[str, list[Import]] = field(default_factory=dict)
    definitions: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()

    def binds(self, name: str) -> bool:
        """Whether a name means something of this scope."""
        return name in self.values or name in self.definitions or name in self.imports


def local_names(scope: ast.AST) -> Local:
    """The names that a function, a lambda or a comprehension binds for itself."""
    if isinstance(scope, Comprehension):
        inside = (node for one in scope.generators for node in walk(one.target))
        return Local(values=frozenset(_values_in(inside)))
    if not isinstance(scope, Function | ast.Lambda):
        return Local()
    nodes = list(_own_nodes(scope))
    # what it declares global, or takes from the function around it, is not its own
    outer = {
        name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names
    }
    imports: dict[str, list[Import]] = {}
    for node in nodes:
        if isinstance(node, Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                if name not in outer:
                    imports.setdefault(name, []).append(node)
    defined = {node.name for node in nodes if isinstance(node, Function | ast.ClassDef)}
    values = set(_values_in(nodes)) | set(_values_in(walk(scope.args)))
    return Local(imports, frozenset(defined - outer), frozenset(values - outer))


def _own_nodes(scope: Function | ast.Lambda) -> Iterator[ast.AST]:
    """The nodes below a function, less those of the scopes inside it."""
    todo: list[ast.AST] = [scope.body] if isinstance(scope, ast.Lambda) else list(scope.body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, Comprehension):
            # of a comprehension only `:=` binds a name of the function around it
            todo += [inner for inner in walk(node) if isinstance(inner, ast.NamedExpr)]
        elif not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            todo += child_nodes(node)


def _values_in(nodes: Iterator[ast.AST] | list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
