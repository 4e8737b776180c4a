"""The tasks as the worker has them; and those that the code defines but the worker does not have, with why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from celeryize.detect.project import Project
from celeryize.detect.tasks import DefinedTask, find_tasks
from celeryize.model import Where

if TYPE_CHECKING:
    from celeryize.probe.report import Failure, ImportedTask, ImportReport


@dataclass(frozen=True, slots=True)
class Row:
    """A task: the facts of its registration, or, with `registered` false, why it is not; `remark` is what is odd.

    Limits are in seconds, the task's own or those of the settings. `scheduled_by` names entries of Celery Beat.
    """

    name: str
    where: Where | None
    registered: bool
    remark: str = ""
    signature: str = ""
    queue: str | None = None
    time_limit: object = None
    soft_time_limit: object = None
    max_retries: object = None
    retries_on: tuple[str, ...] = ()
    scheduled_by: tuple[str, ...] = ()

    @property
    def limits(self) -> str:
        """The limits in a few characters: `soft 270 s, hard 300 s`."""
        pairs = (("soft", self.soft_time_limit), ("hard", self.time_limit))
        return ", ".join(f"{word} {value} s" for word, value in pairs if value is not None)


def registry(project: Project, worker: ImportReport) -> Iterator[Row]:
    """The registered tasks by name, then the others by place. `worker` is the worker-like look."""
    defined = find_tasks(project.modules, project.apps, project.celery)
    places = {
        (project.root / task.where.path, line): task for task in defined for line in task.lines
    }
    seen: set[Where] = set()
    for task in worker.tasks:
        known = places.get((Path(task.file), task.line or 0)) if task.file else None
        if known:
            seen.add(known.where)
        yield _registered(project, worker, task, known)
    for missing in defined:
        if missing.where not in seen:
            reason = why_not_registered(project, worker, missing)
            yield Row(missing.name, missing.where, registered=False, remark=reason)


def _registered(
    project: Project, worker: ImportReport, task: ImportedTask, known: DefinedTask | None
) -> Row:
    options = task.options
    return Row(
        name=task.name,
        where=known.where if known else _place(project, task),
        registered=True,
        remark=f"@{known.outside} stands above @{known.decorator}, so its .delay is lost"
        if known and known.outside
        else "",
        signature=task.signature,
        # The decorator's queue wins over the routes (celery.app.routes merges it over them).
        queue=str(options["queue"]) if options.get("queue") else task.queue,
        time_limit=options.get("time_limit", worker.conf.get("task_time_limit")),
        soft_time_limit=options.get("soft_time_limit", worker.conf.get("task_soft_time_limit")),
        max_retries=options.get("max_retries", 3),
        retries_on=_retries_on(options.get("autoretry_for")),
        scheduled_by=tuple(entry.name for entry in worker.beat_schedule if entry.task == task.name),
    )


def _retries_on(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _place(project: Project, task: ImportedTask) -> Where | None:
    """Where a task stands that lies in no app: in the project, or in an installed package."""
    if task.file is None:
        return None
    file = Path(task.file)
    inside = file.is_relative_to(project.root)
    return Where(PurePosixPath(file.relative_to(project.root) if inside else file), task.line)


def why_not_registered(project: Project, worker: ImportReport, task: DefinedTask) -> str:
    """Why the worker does not know a task that the code defines, and what would change that."""
    broken = _failure_at(project, worker, task)
    if broken:
        return f"its module does not import: {broken.type}: {broken.message}"
    if any(known.name == task.name for known in worker.tasks):
        return f"the worker registers another task under the name {task.name}"
    if not task.app.installed:
        return f"the app {task.app.name} is not in INSTALLED_APPS"
    related = project.celery[0].related_name or "tasks"
    package = task.app.folder / related
    inside = task.where.path.is_relative_to(package)
    has_package = (project.root / package / "__init__.py").is_file()
    if task.where.path == package.parent / f"{related}.py" and has_package:
        return f"{package}/ stands beside it and is imported instead: move it there"
    if inside and not has_package:
        return f"{package} has no __init__.py, so Celery does not import what is in it"
    if inside:
        return f"{package / '__init__.py'} does not import {task.module}"
    if not project.celery[0].autodiscovers:
        return f"{project.celery[0].where.path} does not call autodiscover_tasks()"
    if task.where.path == package.parent / f"{related}.py":
        return (
            f"the worker registers another task under the name {task.name}, or none of this module"
        )
    return f"nothing imports {task.module}: Celery looks in {task.app.name}.{related}; move or import it there"


def _failure_at(project: Project, worker: ImportReport, task: DefinedTask) -> Failure | None:
    """A failed import that went through the task's module, or through the package around it."""
    file = str(project.root / task.where.path)
    for failure in worker.failures:
        places = [failure.where[0]] if failure.where else []
        if file in places or any(frame.startswith(f"{file}:") for frame in failure.frames):
            return failure
    return None
