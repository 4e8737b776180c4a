"""The run of `celeryize add-schedule` and `remove-schedule`: plan, prove, preview, carry out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from celeryize.commands import add_schedule
from celeryize.commands.carry_out import Ended, View, carry_out
from celeryize.commands.opening import Opening, opened, target_of
from celeryize.probe.proof import Expected, Proof, judge
from celeryize.probe.report import ImportedEntry, ImportReport
from celeryize.probe.run import Preview


class ScheduleView(View, Opening, Protocol):
    """What the command shows and asks; the preview is shown before the question."""

    def show_preview(self, lines: list[str]) -> None:
        """When the entry runs."""


def run(
    start: Path,
    view: ScheduleView,
    request: add_schedule.Request | None,
    *,
    remove: str | None = None,
    settings: str | None = None,
    python: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    check: bool = False,
    no_verify: bool = False,
    timeout: float = 60,
) -> Ended:
    """Add the entry that `request` describes, or remove the one called `remove`."""
    look = not (no_verify or check)
    with opened(start, view, settings=settings, python=python, look_inside=look, timeout=timeout, brief=True) as (
        project,
        prober,
    ):
        if request is not None:
            plan = add_schedule.plan(project, request)
            words = request.when.words
        else:
            plan, words = add_schedule.removal(project, remove or ""), ""

        def prove(*, written: bool) -> Proof:
            assert prober is not None
            app = project.celery[0]
            stored = not any(e.path == project.settings.file or e.path == app.where.path for e in plan.edits)
            name = request.name if request and not stored else None
            expected = Expected(app.module, app.variable, entry=name, entry_gone=remove)
            preview = Preview(request.name) if request else None
            before = prober.baseline()
            edits = () if written else plan.edits
            after = prober.prove(edits, project.root, target_of(project, preview=preview))
            if request is not None:
                view.show_preview(_preview(after[0], request.name, words))
            return judge(before, after, expected, project.root, fix=project.dependencies.sync)

        result = carry_out(
            plan,
            root=project.root,
            command=f"celeryize add-schedule {request.name}" if request else f"celeryize remove-schedule {remove}",
            view=view,
            prove=prove if prober else None,
            dry_run=dry_run,
            check=check,
            yes=yes,
        )
        spec = project.celery[0].spec(project.package.name)
    return Ended(result, plan.todos, (f"celery -A {spec} beat -l INFO",) if request else ())


def _preview(sight: ImportReport, name: str, words: str) -> list[str]:
    """The preview in lines: in words, the next runs with their UTC offset, what a clock change does."""
    entry = next((e for e in sight.beat_schedule if e.name == name), None)
    if entry is None or not entry.runs:
        return []
    a_day = f", {entry.per_day:g} times a day" if entry.per_day and entry.per_day > 1 else ""
    lines = [f"{name}: {words}{a_day} ({sight.timezone})", *(f"  {told(run)}" for run in entry.runs)]
    return lines + _clock_changes(entry)


def _clock_changes(entry: ImportedEntry) -> list[str]:
    lines = []
    for change in entry.changes:
        if change["affected"]:
            runs = ", ".join(told(run) for run in change["runs"]) or "no run"
            lines.append(f"  The clocks change at {told(change['at'])}: {runs}")
    return lines


def told(moment: str) -> str:
    """`Tue 2026-11-24 08:00 +01:00` of an ISO date."""
    parsed = datetime.fromisoformat(moment)
    seconds = parsed.strftime(":%S") if parsed.second else ""
    offset = parsed.strftime("%z")
    return parsed.strftime("%a %Y-%m-%d %H:%M") + f"{seconds} {offset[:3]}:{offset[3:5]}"
