"""What a refused plan would have written, as lines for a person to paste, each with its place.

==> config/celery.py, a new file <==        ==> config/settings.py, below line 31 <==

Line numbers are those of the file as it is; the places of one file come last first, so that they stay right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Edit
from celeryize.patch.source import NEWLINE


class WholePlan(CannotPatch):
    """A refusal whose snippet holds the lines of the whole plan, each below its file and place."""


def headed(path: PurePosixPath | str, place: str, lines: str) -> str:
    """Lines below the name of their file and their place in it; `place` is `at the end`, `below line 31`, ..."""
    stripped = re.sub(r"\A(?:[ \t]*\n)+", "", lines).rstrip()
    return f"==> {path}, {place} <==\n{stripped}\n"


def lines_of(edits: Sequence[Edit]) -> Iterator[str]:
    """For each place that a plan changes, its lines. A file that goes away is left out: there are none."""
    for edit in edits:
        if edit.after is None:
            continue
        after = _lines(edit.after)
        if edit.before is None:
            yield headed(edit.path, "a new file", "\n".join(after))
            continue
        before = _lines(edit.before)
        for kind, i, j, k, m in reversed(SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()):
            if kind != "equal":
                yield headed(edit.path, _place(i, j, len(before)), "\n".join(after[k:m]))


def _lines(data: bytes) -> list[str]:
    lines = NEWLINE.split(data.decode("utf-8-sig", "replace"))
    return lines[:-1] if not lines[-1] else lines


def _place(start: int, end: int, length: int) -> str:
    if start < end:
        return f"in place of line {end}" if end == start + 1 else f"in place of lines {start + 1} to {end}"
    if start == length:
        return "at the end"
    return f"below line {start}" if start else "at the top"
