"""One node in the place of another: a name, a keyword, a value. The rest stays as it is.

CELERY_TASK_TIME_LIMT = 300    ->    CELERY_TASK_TIME_LIMIT = 300
"""

from __future__ import annotations

import ast
import re

from celeryize.patch.source import Source, Splice, expression, fitted, python_literal, statements


def replaced(source: Source, node: ast.expr, text: str) -> Splice:
    """The splice that puts an expression (LF, double quotes) where `node` and its own parentheses
    stand.
    """
    start, end = with_parentheses(source, node)
    text = fitted(source, start, text)
    return Splice(start, end, text, (expression(text),), (node,))


def respelled(source: Source, node: ast.expr, text: str) -> Splice:
    """The splice that puts another text into the string literal `node`, in its quotes."""
    quote = source.segment(node)[:1]
    # prefixes, triple quotes and escapes are written anew
    plain = quote in {"'", '"'} and quote not in text and repr(text)[1:-1] == text
    if plain:
        literal = f"{quote}{text}{quote}"
    else:
        literal = python_literal(text)
    return Splice(source.start(node), source.end(node), literal, (ast.Constant(text),), (node,))


def renamed_target(source: Source, node: ast.Name, name: str) -> Splice:
    """The splice that gives what an assignment binds another name."""
    target = ast.Name(name, ast.Store())
    return Splice(source.start(node), source.end(node), name, (target,), (node,))


def renamed_argument(source: Source, keyword: ast.keyword, name: str) -> Splice:
    """The splice that gives a keyword argument another name, and leaves its value."""
    start, end = source.start(keyword), source.end(keyword)
    # the name alone is replaced: its value may span lines and hold comments
    text = name + source.text[start + len(keyword.arg or "") : end]
    return Splice(start, end, text, (ast.keyword(name, keyword.value),), (keyword,))


def as_tuple(source: Source, node: ast.expr) -> Splice:
    """The splice that makes a tuple of one of an expression: `(5)` and `5` become `(5,)`."""
    start, end = with_parentheses(source, node)
    text = f"({source.segment(node)},)"
    if source.text[start] == "(" and start != source.start(node):
        text = f"{source.text[start : end - 1].rstrip()},{source.text[end - 1]}"
    return Splice(start, end, text, (ast.Tuple([node], ast.Load()),), (node,))


def with_argument(source: Source, decorator: ast.expr, argument: str) -> Splice:
    """The splice that gives a decorator a first keyword argument.

    One without parentheses gets them.
    """
    if not isinstance(decorator, ast.Call):
        start, end = source.start(decorator), source.end(decorator)
        text = f"{source.segment(decorator)}({argument})"
        return Splice(start, end, text, (expression(text),), (decorator,))
    # parsed within a call, because a keyword argument is no expression of its own
    call = expression(f"f({argument})")
    assert isinstance(call, ast.Call)
    if not decorator.keywords:
        offset = source.text.index("(", source.end(decorator.func)) + 1
        return Splice(offset, offset, argument, tuple(call.keywords))
    offset = source.start(decorator.keywords[0])
    margin = source.text[source.line_starts[source.line_of(offset) - 1] : offset]
    if margin.strip():
        more = " "
    else:
        more = source.newline_at(offset) + margin
    return Splice(offset, offset, f"{argument},{more}", tuple(call.keywords))


def below(source: Source, node: ast.stmt, text: str) -> Splice:
    """The splice that puts statements (LF, four spaces, double quotes) on the lines below a
    statement.
    """
    offset = source.after_line(node)
    if source.text[:offset].endswith("\n"):
        lead = ""
    else:
        lead = source.newline_at(offset)
    return Splice(offset, offset, lead + fitted(source, offset, text), statements(text))


def with_parentheses(source: Source, node: ast.expr) -> tuple[int, int]:
    """Where an expression starts and ends, with one pair of parentheses that holds nothing else."""
    start, end = source.start(node), source.end(node)
    before = re.search(r"\([ \t]*\Z", source.text[:start])
    after = re.compile(r"[ \t]*\)").match(source.text, end)
    if (
        before is None
        or after is None
        or re.search(r"[\w\])\"'][ \t]*\Z", source.text[: before.start()])
    ):
        return start, end
    return before.start(), after.end()
