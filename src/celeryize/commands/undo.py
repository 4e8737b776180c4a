"""`celeryize undo`: undo the last change, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass

from celeryize.apply import last_change, recover, undo_edits, undone
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.writing.carry_out import Aborted, WriteOutcome
from celeryize.detect.layout import find_root
from celeryize.errors import Exit
from celeryize.model import Edit, Plan, Status, Step
from celeryize.ui.view import View


@dataclass(frozen=True, slots=True)
class Undone:
    """How an undo ended, and a sentence about it."""

    status: WriteOutcome
    summary: str
    exit_code: Exit = Exit.DONE


def run(options: RunOptions, write: WriteOptions, view: View) -> Undone:
    """Undo the last change. Raises Conflict where a file has changed since, Aborted after a no."""
    ended = _undo_last_change(options, write, view)
    view.show_undo(ended.status, ended.summary)
    return ended


def _undo_last_change(options: RunOptions, write: WriteOptions, view: View) -> Undone:
    root = find_root(options.start)
    # an interrupted command is finished or rolled back first: it is not the last change then
    repaired = recover(root)
    change = last_change(root)
    if change is None:
        summary = repaired or "there is no change of celeryize to undo"
        return Undone(WriteOutcome.NOTHING_TO_DO, summary)
    edits = undo_edits(change, root)
    steps = tuple(_step_of(edit, change.command) for edit in edits)
    plan = Plan(edits, steps)
    view.show_plan(plan, with_diff=write.asks)
    if write.check:
        return Undone(WriteOutcome.WOULD_CHANGE, f"`{change.command}` can be undone", Exit.FINDINGS)
    if write.dry_run:
        view.write_diff(plan, root)
        return Undone(WriteOutcome.WOULD_CHANGE, f"`{change.command}` would be undone")
    if not write.yes and not view.confirm("Undo these changes?"):
        raise Aborted("Aborted: the changes stay.")
    with undone(change, root=root):
        # all of it is done on entering; there is nothing to prove
        pass
    return Undone(WriteOutcome.DONE, f"`{change.command}` is undone")


def _step_of(edit: Edit, command: str) -> Step:
    """What the undo does with a file."""
    status = Status.UPDATE
    if edit.before is None:
        status = Status.CREATE
    if edit.after is None:
        status = Status.DELETE
    return Step(edit.path, status, f"as it was before `{command}`")
