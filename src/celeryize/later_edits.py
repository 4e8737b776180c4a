"""Where a file was edited since a change wrote it: the lines that are in the way of an undo."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

Block = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class LaterEdit:
    """The lines `written` by a change that somebody replaced by `now`, which begin at `line`,
    from 1, of the present file. Both are without the indent of their first line."""

    line: int
    written: str
    now: str


def find_later_edits(
    before: bytes | None, written: bytes | None, now: bytes | None
) -> tuple[LaterEdit, ...]:
    """The edits within the lines of a change from `before` to `written`, or directly beside them;
    all of the edits where none is."""
    if written is None or now is None:
        return ()
    old, base, ours = (_split_lines(data) for data in (before or b"", written, now))
    changes = [(start, stop) for _, _, start, stop in _differences(old, base)]
    edits = _differences(base, ours)
    inside = [edit for edit in edits if _meets(edit, changes)]
    # a name that is used elsewhere, or a file that was made whole
    return tuple(_described(edit, base, ours) for edit in inside or edits)


def _differences(old: Sequence[str], new: Sequence[str]) -> list[Block]:
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [tuple(rest) for tag, *rest in opcodes if tag != "equal"]  # type: ignore[misc]


def _meets(edit: Block, changes: Sequence[tuple[int, int]]) -> bool:
    """Whether an edit of the written lines overlaps a change, or touches it."""
    return any(edit[0] <= stop and start <= edit[1] for start, stop in changes)


def _described(edit: Block, base: Sequence[str], ours: Sequence[str]) -> LaterEdit:
    first, last, start, stop = edit
    return LaterEdit(start + 1, _text_of(base[first:last]), _text_of(ours[start:stop]))


def _text_of(lines: Sequence[str]) -> str:
    """The first line that is not empty, and how many there are more."""
    filled = [line.strip() for line in lines if line.strip()]
    if not filled:
        return "an empty line" if lines else ""
    more = len(filled) - 1
    return f"{filled[0]} (and {more} more)" if more else filled[0]


def _split_lines(data: bytes) -> list[str]:
    """Lines that end at LF only, as git counts them."""
    return data.decode("utf-8", "backslashreplace").split("\n")
