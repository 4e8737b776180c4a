"""`celeryize undo`: take back the last change, byte for byte."""

from __future__ import annotations

from pathlib import Path

from celeryize.apply import last_change, recover, undo_edits, undone
from celeryize.commands.carry_out import Outcome, SaidNo, View
from celeryize.detect.layout import find_root
from celeryize.model import Plan, Status, Step


def run(start: Path, view: View, *, dry_run: bool = False, yes: bool = False) -> tuple[Outcome, str]:
    """Show and carry out the undo. Raises Conflict where a file has changed since, SaidNo after a no."""
    root = find_root(start)
    repaired = recover(root)
    change = last_change(root)
    if change is None:
        return Outcome.NOTHING_TO_DO, repaired or "there is no change of celeryize to take back"
    edits = undo_edits(change, root)
    steps = tuple(
        Step(
            e.path,
            Status.DELETE if e.after is None else Status.CREATE if e.before is None else Status.UPDATE,
            f"as it was before `{change.command}`",
        )
        for e in edits
    )
    plan = Plan(edits, steps)
    view.show_plan(plan, with_diff=not (yes or dry_run))
    if dry_run:
        view.write_diff(plan, root)
        return Outcome.WOULD_CHANGE, f"`{change.command}` would be taken back"
    if not yes and not view.confirm("Take these changes back?"):
        raise SaidNo("The changes stay.")
    with undone(change, root=root):
        pass
    return Outcome.DONE, f"`{change.command}` is taken back"
