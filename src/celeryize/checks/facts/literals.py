"""The values of literals in a syntax tree: names, texts, numbers, parameters of a function."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass

from celeryize.patch.nodes import dotted

Function = ast.FunctionDef | ast.AsyncFunctionDef
SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def text_of(node: ast.AST | None) -> str | None:
    """The value of a string literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def number_of(node: ast.AST | None) -> float | None:
    """The value of a number, of arithmetic with numbers, or the seconds of a `timedelta(...)`; else
    None."""
    match node:
        # bool is a subclass of int
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int(value) | float(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = number_of(operand)
            if inner is None:
                return None
            return -inner
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            a, b = number_of(left), number_of(right)
            if a is None or b is None:
                return None
            return a * b
        case ast.Call(func=func, args=[], keywords=keywords) if dotted(func).endswith("timedelta"):
            return _seconds_of(keywords)
    return None


def _seconds_of(keywords: list[ast.keyword]) -> float | None:
    """The seconds of the arguments of a timedelta."""
    total = 0.0
    for keyword in keywords:
        part = number_of(keyword.value)
        if part is None or keyword.arg not in SECONDS:
            return None
        total += part * SECONDS[keyword.arg]
    return total


@dataclass(frozen=True, slots=True)
class Pair:
    """A key of a dict and its value."""

    key: ast.expr
    value: ast.expr


def pairs_of(node: ast.AST | None) -> list[Pair] | None:
    """The pairs of `{...}` or `dict(...)`, less what `**` brings; None for anything else.

    The keys of `dict(...)` are made of its keywords, and are at their places.
    """
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [Pair(key, value) for key, value in pairs if key is not None]
    if isinstance(node, ast.Call) and dotted(node.func) in {"dict", "OrderedDict"}:
        return [
            Pair(ast.copy_location(ast.Constant(keyword.arg), keyword), keyword.value)
            for keyword in node.keywords
            if keyword.arg
        ]
    return None


def is_true(node: ast.AST | None) -> bool:
    """Whether a node is the literal True."""
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node: ast.AST | None) -> bool:
    """Whether a node is the literal False."""
    return isinstance(node, ast.Constant) and node.value is False


def default_of(node: ast.expr) -> ast.expr:
    """The value itself, or what `env("NAME", default=...)`, `os.environ.get("NAME", ...)` falls
    back to."""
    if isinstance(node, ast.Call) and node.args and text_of(node.args[0]) is not None:
        named = next((k.value for k in node.keywords if k.arg == "default"), None)
        if named is not None:
            return named
        # os.environ.get("NAME", "default"); the second of a ConfigParser's get() is a name, too
        if len(node.args) == 2 and _is_default(node.func, node.args[1]):
            return node.args[1]
    return node


def _is_default(reader: ast.expr, second: ast.expr) -> bool:
    """Whether the second argument of a reader is what it falls back to."""
    spelled = dotted(reader)
    if not spelled.endswith((".get", ".getstr")) or "env" in spelled.lower():
        return True
    # of a parser of .ini files, or of a dict: only what can be no name of an option
    return "://" in (text_of(second) or "")


def parameters_of(node: Function) -> list[inspect.Parameter]:
    """The parameters of a function as `inspect` has them."""
    args = node.args
    parameters: list[inspect.Parameter] = []
    positional = [*args.posonlyargs, *args.args]
    first_default = len(positional) - len(args.defaults)
    for index, arg in enumerate(positional):
        kind: inspect._ParameterKind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if index < len(args.posonlyargs):
            kind = inspect.Parameter.POSITIONAL_ONLY
        parameters.append(_make_parameter(arg, kind, has_default=index >= first_default))
    if args.vararg:
        parameters.append(_make_parameter(args.vararg, inspect.Parameter.VAR_POSITIONAL))
    for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        keyword_only = inspect.Parameter.KEYWORD_ONLY
        parameters.append(_make_parameter(arg, keyword_only, has_default=value is not None))
    if args.kwarg:
        parameters.append(_make_parameter(args.kwarg, inspect.Parameter.VAR_KEYWORD))
    return parameters


def _make_parameter(
    arg: ast.arg, kind: inspect._ParameterKind, *, has_default: bool = False
) -> inspect.Parameter:
    # which default it is does not matter: only whether a caller may leave the argument out
    default: object = inspect.Parameter.empty
    if has_default:
        default = None
    return inspect.Parameter(arg.arg, kind, default=default)
