"""Settings of a block that are replaced, removed, or added beside their like.

CELERY_TASK_TIME_LIMIT = 300         CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_TRACK_STARTED = True  -> CELERY_TASK_SOFT_TIME_LIMIT = 570
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from celeryize.patch.replace import replaced
from celeryize.patch.source import Source, Splice, fitted, insertion, statements

Assignment = ast.Assign | ast.AnnAssign


@dataclass(frozen=True, slots=True)
class Piece:
    """One setting of a block (LF, four spaces, double quotes): the lines of its comment, its
    statement, and whether a blank line is above it.
    """

    name: str
    comment: tuple[str, ...]
    statement: str
    spaced: bool = False

    @property
    def value(self) -> ast.expr:
        """The node of its value."""
        node = ast.parse(self.statement).body[0]
        assert isinstance(node, Assignment)
        assert node.value is not None
        return node.value


@dataclass(frozen=True, slots=True)
class BlockChange:
    """What becomes of a block. `comments` are the lines that were generated, and may go with their
    setting; every other comment stays.
    """

    replaced: Mapping[str, Piece] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    added: tuple[Piece, ...] = ()
    # the old and the new piece of each setting that stays: its comment follows
    leads: Mapping[str, tuple[Piece, Piece]] = field(default_factory=dict)
    # the names of the whole block in their order, which says what is beside what
    order: tuple[str, ...] = ()
    comments: frozenset[str] = frozenset()


def pieces_of(block: str) -> tuple[Piece, ...]:
    """The settings of a block, in order."""
    lines = block.split("\n")
    found: list[Piece] = []
    for node in ast.parse(block).body:
        name = assigned_name(node)
        if not name:
            continue
        start = node.lineno - 1
        while start and lines[start - 1].startswith("#"):
            start -= 1
        comment = tuple(lines[start : node.lineno - 1])
        statement = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        found.append(Piece(name, comment, statement, bool(start) and not lines[start - 1]))
    return tuple(found)


def assigned_name(node: ast.stmt) -> str:
    """The one name that a statement assigns; empty for any other statement."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return name
    return ""


def change_block(source: Source, body: Sequence[ast.stmt], change: BlockChange) -> Source:
    """The settings with the change. `body` holds the block: of the module, or of a class.

    Raises CannotPatch where the result would differ in anything else.
    """
    there = {assigned_name(node): node for node in body if assigned_name(node)}
    splices = [
        splice
        for name, piece in change.replaced.items()
        for splice in _replacement(source, there[name], piece)
    ]
    splices += removals(source, [there[name] for name in change.removed], change.comments)
    splices += _additions(source, there, change)
    # last: what is added above a setting comes above its comment
    for name, (old, new) in change.leads.items():
        splices += _lead(source, there[name], old, new, change.comments)
    if not splices:
        return source
    return source.splice(*splices)


def without_import(source: Source, line: str) -> Source:
    """The module without an import that is a statement of its own; as it is without such a one, or
    where the module uses the name.
    """
    wanted = ast.dump(statements(line)[0])
    name = line.split()[-1]
    nodes = [node for node in source.tree.body if ast.dump(node) == wanted]
    if len(nodes) != 1 or any(
        isinstance(node, ast.Name) and node.id == name for node in ast.walk(source.tree)
    ):
        return source
    start, end = source.line_starts[nodes[0].lineno - 1], source.after_line(nodes[0])
    alone = (not source.text[:start].strip() or source.text[:start].endswith("\n\n")) and (
        re.match(r"\r?\n", source.text[end:])
    )
    # the blank line below the only import of its paragraph goes with it
    if alone:
        end += alone.end()
    return source.splice(Splice(start, end, "", (), (nodes[0],)))


def comment_lines(source: Source, block: str, margin: str = "") -> frozenset[str]:
    """The lines of comment of a block of ours, as they are written into `source`."""
    text = fitted(source, 0, block, margin)
    lines = (line.strip() for line in (*block.split("\n"), *text.split("\n")))
    return frozenset(line for line in lines if line.startswith("#"))


def _replacement(source: Source, node: ast.stmt, piece: Piece) -> list[Splice]:
    """The splices that give a setting its new value."""
    margin = _margin(source, node)
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        value = ast.get_source_segment(piece.statement, piece.value) or ""
        return [replaced(source, node.value, value)]
    start, end = source.start(node), source.end(node)
    text = _indented(source, start, piece.statement, margin).removeprefix(margin)
    return [Splice(start, end, text, statements(piece.statement), (node,))]


def _lead(
    source: Source, node: ast.stmt, old: Piece, new: Piece, ours: frozenset[str]
) -> list[Splice]:
    """The splice that gives a setting the comment and the blank line that it has in the new block,
    where it has those of the old one.
    """
    first, last = _comment_span(source, node)
    there = source.text[first:last]
    lines = [line.strip() for line in there.splitlines()]
    if not set(lines) <= ours or bool(lines) != bool(old.comment):
        return []
    newline = source.newline_at(first)
    text = ""
    if _words(lines) == _words(new.comment):
        # only laid out otherwise
        text = there
    elif new.comment:
        margin = _margin(source, node)
        text = _indented(source, first, "\n".join(new.comment), margin) + newline
    blank = re.search(r"\n([ \t]*\r?\n)\Z", source.text[:first])
    if old.spaced and not new.spaced and blank:
        first = blank.start(1)
    elif new.spaced and not old.spaced and not blank:
        text = newline + text
    if text == source.text[first:last]:
        return []
    return [Splice(first, last, text)]


def removals(
    source: Source, nodes: Sequence[ast.stmt], ours: frozenset[str] = frozenset()
) -> list[Splice]:
    """The splices that take statements out, each with its comment of ours, and the blank line that
    would be left double.
    """
    spans: list[tuple[int, int, list[ast.stmt]]] = []
    for node in sorted(nodes, key=lambda one: one.lineno):
        start, end = _own_comment_start(source, node, ours), source.after_line(node)
        if spans and not source.text[spans[-1][1] : start].strip():
            first, _, before = spans.pop()
            spans.append((first, end, [*before, node]))
        else:
            spans.append((start, end, [node]))
    found = []
    for start, end, dropped in spans:
        blank = re.search(r"\n((?:[ \t]*\r?\n)+)\Z", source.text[:start])
        below = source.text[end:]
        first = start
        if blank and (not below.strip() or re.match(r"[ \t]*\r?\n", below)):
            first = blank.start(1)
        found.append(Splice(first, end, "", (), tuple(dropped)))
    return found


def _additions(source: Source, there: Mapping[str, ast.stmt], change: BlockChange) -> list[Splice]:
    """The splices that put new settings below the one that is above them in the block, else above
    the one below them.
    """
    staying = [n for n in change.order if n in there and n not in change.removed]
    groups: dict[tuple[str, bool], list[Piece]] = {}
    for piece in change.added:
        at = change.order.index(piece.name)
        above = [name for name in staying if change.order.index(name) < at]
        if above:
            groups.setdefault((above[-1], True), []).append(piece)
        elif staying:
            groups.setdefault((staying[0], False), []).append(piece)
    found = []
    for (anchor, below), group in groups.items():
        node = there[anchor]
        margin = _margin(source, node)
        offset = source.after_line(node) if below else _comment_span(source, node)[0]
        newline = source.newline_at(offset)
        lead = "" if source.text[:offset].endswith("\n") or not offset else newline
        text = lead
        for piece in group:
            if piece.spaced and below:
                text += newline
            whole = "\n".join([*piece.comment, piece.statement])
            text += _indented(source, offset, whole, margin) + newline
        adds = [node for piece in group for node in statements(piece.statement)]
        found.append(insertion(offset, text, adds))
    return found


def _words(comment: Sequence[str]) -> list[str]:
    return " ".join(line.lstrip("# ") for line in comment).split()


def _indented(source: Source, offset: int, text: str, margin: str) -> str:
    """Lines of ours as the file has them, each behind the margin."""
    lines = fitted(source, offset, f"{text}\n", margin).rstrip("\r\n").split("\n")
    return "\n".join(margin + line if line.strip() else line for line in lines)


def _margin(source: Source, node: ast.stmt) -> str:
    return source.text[source.line_starts[node.lineno - 1] : source.start(node)]


def _comment_span(source: Source, node: ast.stmt) -> tuple[int, int]:
    """Where the lines of comment directly above a statement begin and end."""
    number = node.lineno
    while number > 1 and _line(source, number - 1).lstrip().startswith("#"):
        number -= 1
    return source.line_starts[number - 1], source.line_starts[node.lineno - 1]


def _own_comment_start(source: Source, node: ast.stmt, ours: frozenset[str]) -> int:
    """The start of a statement's line, or of the lines of comment above it that are ours."""
    number = node.lineno
    while number > 1 and _line(source, number - 1).strip() in ours:
        number -= 1
    return source.line_starts[number - 1]


def _line(source: Source, number: int) -> str:
    end = len(source.text)
    if number < len(source.line_starts):
        end = source.line_starts[number]
    return source.text[source.line_starts[number - 1] : end]
