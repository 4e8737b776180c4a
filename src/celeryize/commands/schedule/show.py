"""`celeryize schedule`: what runs when, as Beat of the installed version would see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize import when
from celeryize.commands.options import RunOptions
from celeryize.commands.schedule.database import is_in_database, read_database
from celeryize.commands.start_up import IMPORTING, ImportRequest, start_up
from celeryize.detect.install_line import install_line
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError, NoCelery
from celeryize.ui.view import View

if TYPE_CHECKING:
    from celeryize.probe.report import ImportedEntry, ImportReport

# The most runs of an entry that are asked for.
MANY_RUNS = 2000
DAY = 24.0
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """What of the schedule is shown, and which files are written of it. `within` is a duration."""

    within: str | None = None
    timeline: bool = False
    svg: Path | None = None
    html: Path | None = None
    ics: Path | None = None
    overwrite: bool = False

    @property
    def hours(self) -> float | None:
        """Within how many hours the runs are wanted; None for the next run of each entry."""
        # the pictures have room for a day
        if self.timeline or self.svg or self.html:
            return DAY
        if self.within:
            return when.duration(self.within, "--next") / 3600
        if self.ics:
            return WEEK
        return None


def run(options: RunOptions, view: View, chosen: ScheduleOptions) -> None:
    """Show every entry of the Beat schedule with its next run, or with all runs within a time."""
    from celeryize.probe.run import Preview

    hours = chosen.hours
    count = 1
    if hours:
        count = MANY_RUNS
    request = ImportRequest(preview=Preview(None, count, hours), settings=("DATABASES",))
    with start_up(options, view, brief=True, request=request) as (project, prober):
        assert prober is not None
        with view.working(IMPORTING):
            worker, _ = prober.baseline()
        _raise_if_not_importable(project, worker)
    # Celery's own default
    entries, zone = worker.beat_schedule, worker.timezone or "UTC"
    complete = True
    if is_in_database(worker):
        stored, note = read_database(worker, project.root / project.base)
        # those of the settings are copied into the database when Beat starts
        named = {entry.name for entry in stored}
        entries = (*stored, *(entry for entry in entries if entry.name not in named))
        view.show_note(note)
        complete = bool(stored)
    _save_files(entries, zone, view, chosen)
    if chosen.timeline:
        view.show_timeline(entries, zone)
    elif chosen.within:
        view.show_runs(entries, zone, chosen.within)
    else:
        view.show_schedule(entries, zone, complete=complete)


def _save_files(
    entries: tuple[ImportedEntry, ...], zone: str, view: View, chosen: ScheduleOptions
) -> None:
    from celeryize import pictures

    timeline = pictures.make_timeline(entries, zone, datetime.now(UTC))
    # all are rendered before the first is written
    texts: list[tuple[Path, str]] = []
    if chosen.svg:
        texts.append((chosen.svg, pictures.render_svg(timeline)))
    if chosen.html:
        texts.append((chosen.html, pictures.render_html(timeline)))
    if chosen.ics:
        texts.append((chosen.ics, pictures.render_calendar(pictures.runs_by_entry(entries))))
    for file, text in texts:
        view.save_answer(file, text, overwrite=chosen.overwrite)


def _raise_if_not_importable(project: Project, worker: ImportReport) -> None:
    """Without an app there is no schedule to show."""
    if not project.celery:
        raise NoCelery
    if not worker.celery_importable:
        raise CeleryizeError(
            f"Celery cannot be imported in {project.interpreter.path}",
            hint=f"Install the dependencies: {install_line(project) or 'pip install celery'}.",
        )
    stopping = [f for f in worker.failures if f.phase in {"start", "settings", "setup", "app"}]
    # the apps are set up before the tasks and the schedule are read
    if worker.app is not None and not stopping and (worker.installed_apps or not worker.failures):
        return
    if worker.failures:
        failed = (stopping or worker.failures)[0]
        raise CeleryizeError(
            "the schedule is not known, because the project does not import: "
            f"{failed.type}: {failed.message}",
            hint="See celeryize verify.",
        )
    raise NoCelery
