"""What a refused plan would have written, as lines for a person to paste, each with its place.

==> config/celery.py, a new file <==        ==> config/settings.py, below line 31 <==

Line numbers are those of the file as it is; the places of one file come last first, so that they
stay correct while a person pastes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Edit
from celeryize.patch.source import NEWLINE
from celeryize.render import ANSWERS_FILE


class WholePlan(CannotPatch):
    """A refusal whose snippet holds the lines of the whole plan, each below its file and place."""


def lines_of_plan(draft: Draft, dependency_file: PurePosixPath | None) -> str:
    """The whole plan as lines for a person; a refused step goes where its error says, or last."""
    edits = [edit for edit in draft.edits() if edit.path.name != ANSWERS_FILE]
    sections = [_refused_lines(refusal, dependency_file) for refusal in draft.refused]
    sections += lines_of(edits)
    # what belongs to no file, such as a command to run
    sections += [
        f"==> {todo.what} <==\n{todo.snippet}" for todo in draft.plan().todos if todo.path is None
    ]
    return "\n".join(sections)


def _refused_lines(refusal: CannotPatch, dependency_file: PurePosixPath | None) -> str:
    path = ""
    place = "at the end"
    if refusal.where:
        path = str(refusal.where.path)
    if refusal.in_place and refusal.where:
        place = f"in place of line {refusal.where.line}"
    elif refusal.where and refusal.where.path == dependency_file:
        place = f"manual step: {refusal.hint}"
    return headed(path, place, refusal.snippet)


def headed(path: PurePosixPath | str, place: str, lines: str) -> str:
    """Lines below the name of their file and their place in it.

    `place` is `at the end`, `below line 31`, ...
    """
    stripped = re.sub(r"\A(?:[ \t]*\n)+", "", lines).rstrip()
    return f"==> {path}, {place} <==\n{stripped}\n"


def lines_of(edits: Sequence[Edit]) -> Iterator[str]:
    """For each place that a plan changes, its lines. A file that is removed has none."""
    for edit in edits:
        if edit.after is None:
            continue
        after = _lines_of_file(edit.after)
        if edit.before is None:
            yield headed(edit.path, "a new file", "\n".join(after))
            continue
        before = _lines_of_file(edit.before)
        # last place first, so that the line numbers of those before stay valid
        for kind, i, j, k, m in reversed(
            SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
        ):
            if kind != "equal":
                yield headed(edit.path, _describe_place(i, j, len(before)), "\n".join(after[k:m]))


def _lines_of_file(data: bytes) -> list[str]:
    lines = NEWLINE.split(data.decode("utf-8-sig", "replace"))
    if not lines[-1]:
        return lines[:-1]
    return lines


def _describe_place(start: int, end: int, length: int) -> str:
    if start < end:
        if end == start + 1:
            return f"in place of line {end}"
        return f"in place of lines {start + 1} to {end}"
    if start == length:
        return "at the end"
    if start:
        return f"below line {start}"
    return "at the top"
