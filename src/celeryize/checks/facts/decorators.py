"""Decorators that certainly give back a plain function: a wrapper, or the function itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.facts.literals import Function
from celeryize.patch.nodes import dotted

# Decorators of libraries that give back what has no methods of a task.
OF_FUNCTIONS = frozenset(
    {"django.db.transaction.atomic", "django.db.transaction.non_atomic_requests"}
    | {"django.views.decorators.debug.sensitive_variables"}
    | {"functools.cache", "functools.lru_cache", "functools.singledispatch"}
    | {"typing.no_type_check", "warnings.deprecated", "typing_extensions.deprecated"}
    | {"asgiref.sync.sync_to_async", "asgiref.sync.async_to_sync", "contextlib.contextmanager"}
    | {"tenacity.retry", "retrying.retry", "retry.retry", "stamina.retry", "cachetools.cached"}
    | {"backoff.on_exception", "backoff.on_predicate", "sentry_sdk.trace"}
)
WRAPS = frozenset({"wraps", "functools.wraps"})
# What may be done with a function that is given back: it is kept in a list or a set.
KEEPS = frozenset({"append", "add"})


def gives_function(decorator: Function, *, called: bool) -> bool:
    """Whether a decorator, written without or (`called`) with parentheses, certainly gives back a
    function of its own, or the one that it got, without the methods of a task."""
    inner = list(_own_definitions(decorator))
    returned = [node.value for node in _own_nodes(decorator) if isinstance(node, ast.Return)]
    if called:
        made = [one for one in inner if [one.name] == [dotted(value) for value in returned]]
        return (
            len(made) == 1 and not made[0].decorator_list and gives_function(made[0], called=False)
        )
    parameters = [*decorator.args.posonlyargs, *decorator.args.args]
    if not parameters or not returned:
        return False
    given = parameters[0].arg
    names = {one.name for one in inner if all(map(_is_wraps, one.decorator_list))} | {given}
    if not all(isinstance(value, ast.Name) and value.id in names for value in returned):
        return False
    kept = {dotted(value) for value in returned}
    return not any(_may_change(decorator, node, kept) for node in ast.walk(decorator))


def _is_wraps(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and dotted(decorator.func) in WRAPS


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, less those of the functions and classes in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield from _own_nodes(child)


def _own_definitions(function: Function) -> Iterator[Function]:
    return (node for node in _own_nodes(function) if isinstance(node, Function))


def _may_change(decorator: Function, node: ast.AST, names: set[str]) -> bool:
    """Whether a node may give one of some functions an attribute, or its name another value."""
    if isinstance(node, ast.Attribute):
        return dotted(node.value) in names and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Name):
        return node.id in names and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call) and not _is_wraps(node):
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        kept = isinstance(node.func, ast.Attribute) and node.func.attr in KEEPS
        # what the wrapper calls at each run may not matter; in doubt it does
        return not kept and any(dotted(value) in names for value in given)
    return node is not decorator and isinstance(node, Function) and _is_shadowed(node, names)


def _is_shadowed(function: Function, names: set[str]) -> bool:
    """Whether a parameter of an inner function has the name of one that is given back."""
    arguments = function.args
    return any(one.arg in names for one in (*arguments.posonlyargs, *arguments.args))
