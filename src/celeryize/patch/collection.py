"""One more element in a list, tuple, set or dict literal, in the shape its neighbours have.

A = [              A = [
    "x",  # why        "x",  # why
]            ->        "y",
                   ]
"""

from __future__ import annotations

import ast
import re

from celeryize.patch.source import Source, Splice, fitted, insertion

Literal = ast.List | ast.Tuple | ast.Set | ast.Dict


def append_element(source: Source, literal: Literal, element: str) -> list[Splice]:
    """The splices that add `element` (`"x"`, or `"key": value` for a dict.

    LF, four spaces) as the last one. An element of several lines is indented to its place, and an
    empty one-line literal is opened up for it.
    """
    adds = _element_nodes(literal, element)
    if isinstance(literal, ast.Dict):
        items = literal.values
    else:
        items = literal.elts
    start, end = source.start(literal), source.end(literal)
    # a tuple without parentheses, or one that starts with those of its first element
    if source.text[start] not in "([{" or (items and source.start(items[0]) == start):
        return [insertion(end, f", {fitted(source, start, element)}", adds)]
    close = end - 1
    margin = _line_margin(source, close if items or "\n" in source.text[start:close] else start)
    newline = source.newline_at(start)
    if not items:
        return [_into_empty(source, literal, element, adds, start, close, margin, newline)]
    last, comma = _tail_match(source, items[-1], close)
    first = source.start(_first_element(literal))
    # one element a line: the new one gets a line, too
    if not source.text[source.line_starts[source.line_of(first) - 1] : first].strip():
        indent = _line_margin(source, first)
        text = indent + _place_element(source, element, start, indent)
        if comma is None:
            line_end = _line_end(source, last, close)
            # a comment behind the last element stays behind it: the comma goes before it
            if line_end == last:
                return [insertion(last, f",{newline}{text}", adds)]
            return [insertion(last, ",", ()), insertion(line_end, f"{newline}{text}", adds)]
        return [insertion(_line_end(source, comma + 1, close), f"{newline}{text},", adds)]
    text = _place_element(source, element, start, margin)
    if comma is None:
        return [insertion(last, f", {text}", adds)]
    return [insertion(comma + 1, f" {text}", adds)]


def _element_nodes(literal: Literal, element: str) -> tuple[ast.AST, ...]:
    if isinstance(literal, ast.Dict):
        entry = ast.parse(f"{{{element}}}", mode="eval").body
        assert isinstance(entry, ast.Dict)
        return tuple(
            n for pair in zip(entry.keys, entry.values, strict=True) for n in pair if n is not None
        )
    return (ast.parse(element, mode="eval").body,)


def _first_element(literal: Literal) -> ast.expr:
    if isinstance(literal, ast.Dict):
        return literal.keys[0] or literal.values[0]
    return literal.elts[0]


def _into_empty(
    source: Source,
    literal: Literal,
    element: str,
    adds: tuple[ast.AST, ...],
    start: int,
    close: int,
    margin: str,
    newline: str,
) -> Splice:
    inner = margin + source.indent
    text = _place_element(source, element, start, inner)
    # the bracket closes on a line of its own: the element goes above that line
    if "\n" in source.text[start:close]:
        line = source.line_starts[source.line_of(close) - 1]
        if source.text[line:close].strip():
            line = close
        return insertion(line, f"{inner}{text},{newline}", adds)
    if "\n" in element or isinstance(literal, ast.Dict):
        return insertion(close, f"{newline}{inner}{text},{newline}{margin}", adds)
    # without a comma, one element in parentheses is no tuple
    return insertion(start + 1, text + ("," if isinstance(literal, ast.Tuple) else ""), adds)


def _tail_match(source: Source, item: ast.expr, close: int) -> tuple[int, int | None]:
    """Where the last item ends (its own parentheses included), and the comma after it, if there is
    one.
    """
    last = position = source.end(item)
    while position < close:
        character = source.text[position]
        # a comma or a parenthesis in a comment is none
        if character == "#":
            position = source.text.index("\n", position)
        elif character == ",":
            return last, position
        elif character == ")":
            last = position + 1
        position += 1
    return last, None


def _line_end(source: Source, offset: int, close: int) -> int:
    """The end of the line at `offset`, behind its comment.

    `offset` itself if the bracket closes on it.
    """
    match = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r?\n)").match(source.text, offset)
    if match and match.end() <= close:
        return match.end()
    return offset


def _line_margin(source: Source, offset: int) -> str:
    line = source.line_starts[source.line_of(offset) - 1]
    match = re.compile(r"[ \t\f]*").match(source.text, line)
    if match:
        return match.group()
    return ""


def _place_element(source: Source, element: str, offset: int, margin: str) -> str:
    lines = fitted(source, offset, element).split("\n")
    return "\n".join([lines[0], *(margin + line if line.strip() else line for line in lines[1:])])
