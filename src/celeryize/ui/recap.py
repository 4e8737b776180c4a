"""What a plan changes, in lines that fit above the question, as `git diff --stat` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.diff import unified
from celeryize.model import Edit, Plan, Status
from celeryize.ui.text import Piece, display_width
from celeryize.ui.voice import Voice

# The empty line above the recap, its head and its last lines, and the question with an empty line.
LINES_BESIDE = 7
# However low the screen is, some files are named.
LEAST_FILES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one file: its status, and how many lines come and go."""

    path: PurePosixPath
    status: Status
    added: int
    removed: int

    @property
    def size(self) -> str:
        """`+12 -3`, without what is 0."""
        parts = []
        if self.added or not self.removed:
            parts.append(f"+{self.added}")
        if self.removed:
            parts.append(f"-{self.removed}")
        return " ".join(parts)


def changes_of(plan: Plan) -> tuple[Change, ...]:
    """The changed files of a plan, in the order of its diff."""
    statuses = {step.path: step.status for step in plan.steps}
    return tuple(_change_of(edit, statuses.get(edit.path)) for edit in plan.edits_to_read)


def _change_of(edit: Edit, status: Status | None) -> Change:
    # a changed line may begin as the heads of the files do
    _, _, body = unified((edit,)).partition(b"\n@@")
    lines = body.split(b"\n")
    added = sum(line.startswith(b"+") for line in lines)
    removed = sum(line.startswith(b"-") for line in lines)
    return Change(edit.path, status or _status_of(edit), added, removed)


def _status_of(edit: Edit) -> Status:
    if edit.before is None:
        return Status.CREATE
    if edit.after is None:
        return Status.DELETE
    return Status.UPDATE


def total_of(changes: Sequence[Change], todos: int = 0) -> str:
    """How much a diff changes, and how many manual steps there are, in one line."""
    files = "1 file" if len(changes) == 1 else f"{len(changes)} files"
    more = sum(change.added for change in changes)
    less = sum(change.removed for change in changes)
    added = "1 line" if more == 1 else f"{more} lines"
    total = f"The diff above: {files}, {added} added, {less} removed"
    if todos:
        total += f"; manual steps for you: {todos}"
    return f"{total}. Type d to read it."


def say_recap(
    voice: Voice, changes: Sequence[Change], height: int, colours: Mapping[Status, str]
) -> None:
    """A line for each file, as many as a screen of `height` lines has beside the question."""
    room = max(height - LINES_BESIDE, LEAST_FILES)
    shown = changes
    if len(changes) > room:
        # one line counts the others
        shown = changes[: room - 1]
    width = max(display_width(str(change.path)) for change in shown)
    digits = max(len(change.size) for change in shown)
    voice.say("In short:", "bold", always=True)
    for change in shown:
        path = str(change.path)
        gap = " " * (width - display_width(path) + 2)
        pieces = [
            Piece(f"{change.status:>9}", colours[change.status]),
            Piece(f"  {path}{gap}{change.size:>{digits}}"),
        ]
        voice.say_pieces(pieces, always=True, hang=None)
    if len(shown) < len(changes):
        voice.say(f"           and {len(changes) - len(shown)} more files", "dim", always=True)
