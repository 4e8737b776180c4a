"""`celeryize schedule`: what runs when, as Beat of the installed version would see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from celeryize import pictures
from celeryize.commands.opening import Opening, opened
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.probe.report import ImportedEntry, ImportReport
from celeryize.probe.run import Preview

HALF_HOURS = 48
MANY_RUNS = 2000


@dataclass(frozen=True, slots=True)
class Schedule:
    """The entries of Beat with their runs, in the zone of the app."""

    entries: tuple[ImportedEntry, ...]
    zone: str


def run(
    start: Path, view: Opening, *, hours: float | None, settings: str | None, python: str | None, timeout: float
) -> Schedule:
    """Every entry of the Beat schedule with its next run, or with its runs within `hours`."""
    preview = Preview(None, MANY_RUNS if hours else 1, hours)
    with opened(start, view, settings=settings, python=python, timeout=timeout, brief=True, preview=preview) as (
        project,
        prober,
    ):
        assert prober is not None
        sight, _ = prober.baseline()
        _importable(project, sight)
        return Schedule(sight.beat_schedule, sight.timezone or "UTC")


def files(
    found: Schedule, *, svg: Path | None = None, html: Path | None = None, ics: Path | None = None
) -> list[tuple[Path, str]]:
    """The files that were asked for, with what goes into them."""
    runs = {e.name: [datetime.fromisoformat(run) for run in e.runs] for e in found.entries}
    wanted = [
        (svg, pictures.svg(runs, found.zone)),
        (html, pictures.html(runs, found.zone)),
        (ics, pictures.ics(runs)),
    ]
    return [(file, text) for file, text in wanted if file is not None]


def busiest(runs: list[datetime]) -> tuple[str, int] | None:
    """The minute in which most runs start, and how many; None without runs."""
    counted = Counter(run.strftime("%H:%M") for run in runs)
    return max(sorted(counted.items()), key=lambda item: item[1]) if counted else None


def timeline(runs: list[datetime]) -> str:
    """48 half hours as characters: how many runs start in each."""
    counted = Counter(run.hour * 2 + run.minute // 30 for run in runs)
    return "".join(_mark(counted.get(slot, 0)) for slot in range(HALF_HOURS))


def _mark(count: int) -> str:
    if not count:
        return "\u00b7"
    return str(count) if count < 10 else "#"


def _importable(project: Project, sight: ImportReport) -> None:
    if not sight.celery_importable:
        raise CeleryizeError(
            f"Celery cannot be imported in {project.interpreter.path}",
            hint=f"Install the dependencies: {project.dependencies.sync or 'pip install celery'}.",
        )
    if sight.app is None:
        failed = sight.failures[0] if sight.failures else None
        raise CeleryizeError(
            f"the project's Celery app cannot be loaded: {failed.type}: {failed.message}"
            if failed
            else "this project has no Celery app",
            hint="See celeryize verify." if failed else "Set it up first: celeryize init.",
        )
