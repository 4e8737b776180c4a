"""What a function certainly gives back: nothing."""

from __future__ import annotations

import ast
import re

from celeryize.celery_facts import words
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

# What ends a task in another way than with the value of its function.
REPLACERS = frozenset({"replace", "replace_in_chord", "add_to_chord"})

# What raises for None.
NEEDS = words(
    """
    int float len sum sorted list tuple set dict min max iter next open enumerate zip map filter any
    all reversed loads Path join bulk_create
    """
)
LOGS = frozenset({"logger", "log", "logging", "print", "isinstance", "str", "repr", "bool"})


def returns_nothing(task: Task) -> bool:
    """Whether the result of a task is None for certain, whatever way it takes.

    A decorator below Celery's, a class of its own, `**OPTIONS` and what replaces the task may give
    it another result; a body that only raises, or is a stub, gives none.
    """
    if task.below or task.above or task.holder or task.hidden or "base" in task.options:
        return False
    if isinstance(task.node, ast.AsyncFunctionDef) or _is_stub(task.node):
        return False
    ends = False
    for node in _own_nodes(task.code, task.node):
        match node:
            case ast.Yield() | ast.YieldFrom():
                return False
            case ast.Return(value=None | ast.Constant(value=None)):
                ends = True
            case ast.Return():
                return False
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in REPLACERS:
                return False
            case ast.Call(args=args) if task.bound and _gives_itself(task.node, args):
                return False
    return ends or (_goes_on(task.node.body) and not _ends_in_raise(task.code, task.node))


def _ends_in_raise(code: Code, function: Function) -> bool:
    """Whether the last line calls a function of the file that always raises."""
    match function.body[-1]:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            called = [one for one in code.source.tree.body if isinstance(one, Function)]
            return any(one.name == name and not _goes_on(one.body) for one in called)
    return False


def _gives_itself(function: Function, args: list[ast.expr]) -> bool:
    """Whether a bound task hands itself to a function, which may replace it."""
    own = next((one.arg for one in (*function.args.posonlyargs, *function.args.args)), "")
    return any(isinstance(arg, ast.Name) and arg.id == own for arg in args)


def _own_nodes(code: Code, function: Function) -> list[ast.AST]:
    """The nodes of a function that are not of a function inside it."""
    return [
        node
        for node in code.within(function)
        if node is not function
        and not isinstance(node, Function | ast.Lambda)
        and _scope_of(code, node) is function
    ]


def _scope_of(code: Code, node: ast.AST) -> ast.AST | None:
    return next(
        (one for one in code.around(node) if isinstance(one, Function | ast.Lambda)),
        None,
    )


def _is_stub(function: Function) -> bool:
    """Whether a body is a docstring, `pass` or `...`: it is not written yet."""
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in function.body
    )


def _goes_on(body: list[ast.stmt]) -> bool:
    """Whether the end of a block may be reached."""
    match body[-1]:
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            return False
        case ast.If(body=then, orelse=other):
            return not other or _goes_on(then) or _goes_on(other)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _goes_on(inner)
        case ast.Try(body=inner, handlers=handlers, orelse=other):
            blocks = [other or inner, *(handler.body for handler in handlers)]
            return any(_goes_on(block) for block in blocks)
        case ast.While(test=ast.Constant(value=value)) if value:
            return any(isinstance(node, ast.Break) for node in ast.walk(body[-1]))
        case ast.Expr(value=ast.Call(func=func)):
            return dotted(func) not in {"sys.exit", "os._exit", "exit"}
        case ast.Match(cases=cases):
            return any(_goes_on(case.body) for case in cases)
    return True


def needs_value(task: Task, name: str) -> bool:
    """Whether a task cannot do with None for a parameter: it takes an attribute or an item of it,
    counts or goes through it; and nowhere asks whether it is None."""
    reads = [
        node
        for node in task.nodes
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    stored = any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in task.nodes
    )
    if stored or any(_may_be_none(task.code, one) for one in reads):
        return False
    if any(_is_tried(task.code, one) for one in reads):
        return False
    return any(_fails_for_none(task.code, one) for one in reads)


def _is_tried(code: Code, node: ast.Name) -> bool:
    """Whether what None raises is caught around a use."""
    inner: ast.AST = node
    for outer in code.around(node):
        if isinstance(outer, ast.Try) and inner in outer.body:
            kinds = [ast.unparse(handler.type or ast.Name("")) for handler in outer.handlers]
            if any(re.search(r"TypeError|AttributeError|DoesNotExist", kind) for kind in kinds):
                return True
        inner = outer
    return False


def _fails_for_none(code: Code, node: ast.Name) -> bool:
    """Whether a use of a name raises for None, or finds no row."""
    match outer := code.parents.get(node):
        case ast.Attribute() | ast.BinOp() | ast.UnaryOp() | ast.AugAssign() | ast.Starred():
            return True
        case ast.Subscript(value=owner) | ast.For(iter=owner) | ast.comprehension(iter=owner):
            return owner is node
        case ast.keyword(arg=None):
            return True
        case ast.keyword(arg=key):
            call = code.parents.get(outer)
            method = dotted(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            return method in {"get", "get_object_or_404"} and key in {"pk", "id"}
        case ast.Call(func=func, args=args) if node in args:
            return func is not node and dotted(func).rpartition(".")[2] in NEEDS
    return False


def _may_be_none(code: Code, node: ast.Name) -> bool:
    """Whether a use of a name is good for None, too: a condition, a line of the log, a text."""
    inner: ast.AST = node
    for outer in code.around(node):
        match outer:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if test is inner:
                return True
            case ast.BoolOp() | ast.Compare() | ast.FormattedValue():
                return True
            case ast.UnaryOp(op=ast.Not()):
                return True
            case ast.Call(func=func) if dotted(func).partition(".")[0] in LOGS:
                return True
            case ast.stmt():
                return False
        inner = outer
    return False
