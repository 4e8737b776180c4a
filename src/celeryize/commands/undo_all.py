"""`celeryize undo --all`: every change of the project, newest first, as one change to read."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from celeryize.apply import (
    FORGET,
    Change,
    Passed,
    Since,
    load_history,
    refuse_other_place,
    state_since,
    undo_edits,
    undone,
)
from celeryize.commands.installed_since import keep_installed
from celeryize.commands.still_imported import still_imported
from celeryize.errors import Conflict
from celeryize.model import Edit, Plan, Status, Step


@dataclass(frozen=True, slots=True)
class UndoOfAll:
    """The undos of all changes, newest first, each with its edits, and what a user is told.

    `left` are the numbers of changes whose files are as before already: these stay.
    """

    undos: tuple[tuple[Change, tuple[Edit, ...]], ...]
    edits: tuple[Edit, ...]
    edited: frozenset[PurePosixPath]
    left: frozenset[int]
    notes: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        """What becomes of each file in the end."""
        steps = tuple(self._step_of(edit) for edit in self.edits)
        return Plan(self.edits, steps, notes=self.notes)

    def _step_of(self, edit: Edit) -> Step:
        if edit.after is None:
            return Step(edit.path, Status.DELETE, "was not there before")
        status = Status.UPDATE if edit.before is not None else Status.CREATE
        if edit.path in self.edited:
            return Step(edit.path, status, "loses these changes only, and keeps your later edits")
        return Step(edit.path, status, "as it was before")


def plan_undo_of_all(root: Path, passed: Passed) -> UndoOfAll:
    """The undo of all changes of the project. Raises Conflict for the newest one that cannot be
    undone, and CeleryizeError for one of another folder; nothing is undone then."""
    changes = [change for change in load_history(root).changes if not passed(change)]
    deleted = _deleted_files(changes, root)
    at_first: dict[PurePosixPath, bytes | None] = {}
    without: dict[PurePosixPath, bytes | None] = {}
    undos: list[tuple[Change, tuple[Edit, ...]]] = []
    edited: set[PurePosixPath] = set()
    left: set[int] = set()
    notes: list[str] = []
    for change in changes:
        refuse_other_place(change, root, "a change before")
        of_rest = _without_files(change, deleted)
        files = state_since(of_rest, root, without)
        if all(file.since is Since.BACK for file in files):
            left.add(change.number)
            notes.append(
                f"the files of `{change.command}` are as they were before it already, so it stays "
                "in the history"
            )
            continue
        edited |= {file.edit.path for file in files if file.since is Since.EDITED}
        kept = keep_installed(change, _edits_of(of_rest, root, without, len(undos)), root)
        notes += kept.notes
        if change.stays:
            notes.append(change.stays)
        for edit in kept.edits:
            at_first.setdefault(edit.path, edit.before)
            without[edit.path] = edit.after
        undos.append((change, kept.edits))
    edits = tuple(
        Edit(path, before, without[path])
        for path, before in sorted(at_first.items())
        if before != without[path]
    )
    notes += still_imported(edits, root)
    # of a file that goes, nothing was kept
    kept_files = frozenset(path for path in edited if without.get(path) is not None)
    return UndoOfAll(tuple(undos), edits, kept_files, frozenset(left), tuple(notes))


def _edits_of(
    change: Change, root: Path, without: dict[PurePosixPath, bytes | None], newer: int
) -> tuple[Edit, ...]:
    try:
        return undo_edits(change, root, without)
    except Conflict as error:
        if newer:
            # the newest change is another one
            first = f"undo what came after it (`celeryize undo`, {_times(newer)}), then {FORGET}"
            error.hint = error.hint.replace(FORGET, first)
        raise


def _deleted_files(changes: Sequence[Change], root: Path) -> frozenset[PurePosixPath]:
    """The files that one of the changes has made, and somebody has deleted: nothing is left of any
    of the changes there."""
    made = {edit.path for change in changes for edit in change.edits if edit.before is None}
    return frozenset(path for path in made if not os.path.lexists(root / path))


def _without_files(change: Change, paths: Collection[PurePosixPath]) -> Change:
    files = tuple(file for file in change.files if file.edit.path not in paths)
    return replace(change, files=files)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def carry_out(of_all: UndoOfAll, root: Path, passed: Passed) -> None:
    """Undo the changes, each of them wholly or not at all. Where one fails, those before it stay
    undone, which the exception then says."""

    def is_passed(change: Change) -> bool:
        return passed(change) or change.number in of_all.left

    done: list[str] = []
    try:
        for change, edits in of_all.undos:
            with undone(change, root=root, edits=edits, passed=is_passed):
                # all of it is done on entering; there is nothing to prove
                pass
            done.append(change.command)
    except BaseException as error:
        error.add_note(_what_is_undone(done))
        raise


def _what_is_undone(commands: Sequence[str]) -> str:
    if not commands:
        return "Nothing was undone."
    names = ", ".join(f"`{command}`" for command in commands)
    return f"Undone before that, and not written again: {names}."
