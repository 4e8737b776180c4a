"""Tables in one style: aligned on a terminal, with tabs between the columns in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from celeryize.ui.terminal import Terminal
from celeryize.ui.text import Piece, display_width, render, safe

GAP = "  "
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns, and their cells by row.

    The columns of `extra` go to a second line of their row where the terminal is too narrow, first
    those named first. The first column always stays. `marked` columns are problems.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    extra: Sequence[str] = ()
    marked: Sequence[str] = ()


def table_lines(table: Table, terminal: Terminal) -> Iterator[str]:
    """The lines of a table; none without rows."""
    if not table.rows:
        return
    if not terminal.is_terminal:
        yield from _tabbed(table)
        return
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in table.rows]
    kept, moved = _split_columns(table, cells, terminal.width or 80)
    widths = {column: _width_of(table, cells, column) for column in kept}
    yield render([Piece(_aligned(table.head, widths), "bold")], terminal)
    for row in cells:
        pieces = list(_aligned_pieces(table, row, widths))
        yield render(pieces, terminal).rstrip()
        more = list(_second_line(table, row, moved))
        if more:
            yield render([Piece(INDENT), *more], terminal, hang=INDENT)


def _tabbed(table: Table) -> Iterator[str]:
    """For cut and awk: a tab or a newline in a cell would be another cell."""
    for row in (table.head, *table.rows):
        yield "\t".join(" ".join(safe(cell).split()) for cell in row)


def _split_columns(table: Table, cells: list[list[str]], width: int) -> tuple[list[int], list[int]]:
    """The columns of the first line, and those of the second; empty columns are in neither."""
    kept = [
        column
        for column in range(len(table.head))
        if column == 0 or any(row[column] for row in cells)
    ]
    order = [*table.extra, *(name for name in reversed(table.head) if name not in table.extra)]
    moved: list[int] = []
    for name in order:
        if _total_width(table, cells, kept) <= width or len(kept) == 1:
            break
        column = list(table.head).index(name)
        if column and column in kept:
            kept.remove(column)
            moved.append(column)
    return kept, sorted(moved)


def _total_width(table: Table, cells: list[list[str]], kept: Iterable[int]) -> int:
    widths = [_width_of(table, cells, column) for column in kept]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _width_of(table: Table, cells: list[list[str]], column: int) -> int:
    return max(display_width(text) for text in (table.head[column], *(r[column] for r in cells)))


def _aligned(row: Sequence[str], widths: dict[int, int]) -> str:
    return GAP.join(_padded(row[column], width) for column, width in widths.items()).rstrip()


def _aligned_pieces(table: Table, row: Sequence[str], widths: dict[int, int]) -> Iterator[Piece]:
    for position, (column, width) in enumerate(widths.items()):
        if position:
            yield Piece(GAP)
        style = ""
        if table.head[column] in table.marked:
            style = "red"
        yield Piece(row[column], style)
        yield Piece(" " * (width - display_width(row[column])))


def _second_line(table: Table, row: Sequence[str], moved: Sequence[int]) -> Iterator[Piece]:
    """The cells that have no room in the first line, each behind the name of its column."""
    cells = [column for column in moved if row[column]]
    for column in cells:
        style = "dim"
        if table.head[column] in table.marked:
            style = "red"
        end = "" if column == cells[-1] else "; "
        yield Piece(f"{table.head[column]}: {row[column]}{end}", style)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))
