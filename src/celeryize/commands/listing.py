"""`celeryize tasks` and `celeryize schedule`: what is registered, what runs when, as the worker would see it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from celeryize.commands.opening import Opening, opened, target_of
from celeryize.detect.apps import App
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.model import Where
from celeryize.probe import BeatSight, Failure, Preview, Sight, TaskSight

HALF_HOURS = 48
MANY_RUNS = 2000


@dataclass(frozen=True, slots=True)
class Defined:
    """A task that the code defines: its function, its place, and why the worker does not have it."""

    name: str
    where: Where
    reason: str


@dataclass(frozen=True, slots=True)
class Tasks:
    """The registered tasks, and those that are only defined."""

    registered: tuple[TaskSight, ...]
    scheduled: dict[str, tuple[str, ...]]
    missing: tuple[Defined, ...]
    root: Path


@dataclass(frozen=True, slots=True)
class Schedule:
    """The entries of Beat with their runs, in the zone of the app."""

    entries: tuple[BeatSight, ...]
    zone: str


def tasks(start: Path, view: Opening, *, settings: str | None, python: str | None, timeout: float) -> Tasks:
    """Every task of the project around `start`. Raises CeleryizeError where the project cannot be imported."""
    with opened(start, view, settings=settings, python=python, timeout=timeout, brief=True) as (project, prober):
        assert prober is not None
        sight, _ = prober.baseline()
        _importable(project, sight)
        scheduled: dict[str, tuple[str, ...]] = {}
        for entry in sight.beat_schedule:
            if entry.task:
                scheduled[entry.task] = (*scheduled.get(entry.task, ()), entry.name)
        return Tasks(sight.tasks, scheduled, tuple(not_registered(project, sight)), project.root)


def schedule(
    start: Path, view: Opening, *, hours: float | None, settings: str | None, python: str | None, timeout: float
) -> Schedule:
    """Every entry of the Beat schedule with its next run, or with its runs within `hours`."""
    with opened(start, view, settings=settings, python=python, timeout=timeout, brief=True) as (project, prober):
        assert prober is not None
        preview = Preview(None, MANY_RUNS if hours else 1, hours)
        sight, _ = prober.prove((), project.root, target_of(project, preview=preview))
        _importable(project, sight)
        return Schedule(sight.beat_schedule, sight.timezone or "UTC")


def not_registered(project: Project, sight: Sight) -> Iterator[Defined]:
    """The tasks that the code defines and the worker does not have, each with the one reason that applies."""
    registered = {(Path(t.file), t.line) for t in sight.tasks if t.file and t.line}
    names = {t.name for t in sight.tasks}
    for app in project.apps:
        for path in project.modules.python_files(app.folder, 1):
            source = project.modules.source(path)
            if source is None or ("shared_task" not in source.text and ".task" not in source.text):
                continue
            for node in source.tree.body:
                if not isinstance(node, ast.FunctionDef) or not _is_task(node):
                    continue
                module = project.modules.name_of(path) or path.stem
                lines = range(node.decorator_list[0].lineno, node.lineno + 1)
                known = any((project.root / path, line) in registered for line in lines)
                if not known and f"{module}.{node.name}" not in names:
                    yield Defined(
                        f"{module}.{node.name}", source.where(node), _reason(project, app, path, sight.failures)
                    )


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


def _is_task(node: ast.FunctionDef) -> bool:
    spelled = [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
    return any(s in {"shared_task", "app.task", "celery_app.task", "celery.task"} for s in spelled)


def _reason(project: Project, app: App, path: PurePosixPath, failures: tuple[Failure, ...]) -> str:
    related = (project.celery[0].related_name or "tasks") if project.celery else "tasks"
    broken = next((f for f in failures if f.where and Path(f.where[0]) == project.root / path), None)
    if broken:
        return f"its module does not import: {broken.type}: {broken.message}"
    if not project.celery:
        return "the project has no Celery app"
    if not app.installed:
        return f"{app.name} is not in INSTALLED_APPS"
    if not project.celery[0].autodiscovers:
        return "the app never calls autodiscover_tasks()"
    package = app.folder / related
    if path.is_relative_to(package):
        if not (project.root / package / "__init__.py").is_file():
            return f"{package} has no __init__.py, so it is never imported"
        return f"{package}/__init__.py does not import it"
    if path.stem != related:
        return f"Celery looks for {related}.py, not for {path.name}"
    if (project.root / package).is_dir():
        return f"the folder {package} hides {path.name}"
    return "its module is not imported"


def _importable(project: Project, sight: Sight) -> None:
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
