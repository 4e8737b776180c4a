"""`celeryize tasks`: what is registered, from where, with which options; and what is not, with the reason."""

from __future__ import annotations

from pathlib import Path

from celeryize.checks.facts import read_facts
from celeryize.checks.task_table import TaskRow, task_rows
from celeryize.commands.opening import Opening, opened
from celeryize.errors import CannotPatch, CeleryizeError

LIMITS = ("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT")


def run(
    start: Path,
    view: Opening,
    *,
    settings: str | None = None,
    python: str | None = None,
    timeout: float = 60,
) -> tuple[TaskRow, ...]:
    """The tasks of the project around `start`: registered ones first. Raises CannotPatch without a Celery app.

    Raises CeleryizeError where its interpreter has no Celery, or no look was possible.
    """
    with opened(start, view, settings=settings, python=python, timeout=timeout, brief=True, names=LIMITS) as (
        project,
        prober,
    ):
        if not project.celery:
            raise CannotPatch("this project has no Celery app yet", hint="Set it up first: celeryize init.")
        assert prober is not None
        worker, web = prober.baseline()
    if not (worker.celery_importable and worker.django_importable):
        missing = "Celery" if worker.django_importable else "Django"
        told = f": {worker.failures[0].message}" if worker.failures else ""
        raise CeleryizeError(
            f"{missing} cannot be imported by {project.interpreter.path}{told}",
            hint=f"Install the dependencies ({project.dependencies.sync}), or name another: --python PATH.",
        )
    if not worker.installed_apps and worker.failures:
        failed = worker.failures[0]
        raise CeleryizeError(
            f"the project does not import: {failed.type}: {failed.message}", hint="See celeryize verify."
        )
    return tuple(task_rows(read_facts(project).with_imports(worker, web)))
