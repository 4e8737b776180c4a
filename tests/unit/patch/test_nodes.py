"""Walking a syntax tree gives the nodes of ast.walk() that have a place, in the same order."""

import ast
import inspect
from pathlib import Path

import pytest

import celeryize
from celeryize.patch.nodes import child_nodes, nodes_below, walk

# No node of these has a place of its own, and none has children.
PLACELESS = ast.expr_context | ast.operator | ast.unaryop | ast.cmpop | ast.boolop
EVERY_KIND = '''
"""A module."""
from __future__ import annotations
import a.b as c, d
global_name: int = 1
def f(a, /, b: int = 1, *args, c, d=2, **kw) -> str:
    global x, y
    return {**a, "k": [i async for i in b if not i], **{}}[1:2, ...] @ -a and b < c <= d
async def g():
    async with a as b, c: await d
    async for i in j: yield i
    else: yield from ()
class A(B, metaclass=C):
    @property
    def x(self): nonlocal_ = lambda q=1, *, r: (q := r); del q.x, q[0]; raise E from e
try: pass
except* (A, B) as e: assert e, f"{e!r:>{1}}"
else: pass
finally: x += 1
while x if y else z: break
for a, *b in c: continue
match x:
    case {"a": 1, **rest}: pass
    case A(1, b=2) | [1, *others] | None as every: pass
    case _: pass
'''


def _with_place(tree: ast.AST) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if not isinstance(node, PLACELESS)]


def test_every_kind_of_node() -> None:
    tree = ast.parse(EVERY_KIND)
    kinds = {type(node) for node in walk(tree)}
    assert {ast.match_case, ast.keyword, ast.withitem, ast.arg, ast.alias, ast.Slice} <= kinds
    assert list(walk(tree)) == _with_place(tree)
    assert nodes_below(tree) == _with_place(tree)


@pytest.mark.parametrize(
    "file", sorted(Path(inspect.getfile(celeryize)).parent.rglob("*.py"))[::20]
)
def test_own_modules(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert list(walk(tree)) == _with_place(tree)


def test_children_of_a_node_that_was_made_by_hand() -> None:
    name = ast.Name("greet")
    assert child_nodes(ast.Call(func=name)) == [name]


def test_every_class_of_ast_tells_its_fields() -> None:
    """The fields come from docstrings; here they are compared with what the class itself says."""
    for kind in vars(ast).values():
        if not (isinstance(kind, type) and issubclass(kind, ast.AST) and kind._fields):
            continue
        # the deprecated spellings of Constant, and the nodes that a parser never makes
        if kind.__module__ != "ast" or kind.__subclasses__() or not kind.__doc__:
            continue
        if "(" in kind.__doc__:
            told = kind.__doc__.partition("(")[2].rpartition(")")[0]
            names = [
                part.split()[-1] for part in told.replace("\n", " ").split(",") if part.strip()
            ]
            assert names == list(kind._fields)
