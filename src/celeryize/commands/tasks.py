"""`celeryize tasks`: the registered tasks with their options; the others with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeryize.checks.registry import Row, registry
from celeryize.commands.options import RunOptions
from celeryize.commands.start_up import ImportRequest, start_up
from celeryize.errors import CannotPatch, CeleryizeError
from celeryize.ui.view import View

if TYPE_CHECKING:
    from celeryize.detect.project import Project
    from celeryize.probe import Sight

# A task without limits of its own has these.
LIMITS = ("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT")


def run(options: RunOptions, view: View) -> tuple[Row, ...]:
    """Show the tasks of a project, registered ones first. Raises CannotPatch without a Celery app.

    Raises CeleryizeError where its interpreter has no Celery, or the project does not import.
    """
    request = ImportRequest(settings=LIMITS)
    with start_up(options, view, brief=True, request=request) as (project, prober):
        if not project.celery:
            raise CannotPatch(
                "this project has no Celery app yet", hint="Set it up first: celeryize init."
            )
        assert prober is not None
        # a web process may register fewer tasks; only the worker's count
        worker, _ = prober.baseline()
    _raise_if_not_imported(project, worker)
    rows = tuple(registry(project, worker))
    view.show_tasks(rows)
    return rows


def _raise_if_not_imported(project: Project, worker: Sight) -> None:
    """Without an import there is no registry to show."""
    if not (worker.celery_importable and worker.django_importable):
        missing = "Django"
        if worker.django_importable:
            missing = "Celery"
        reason = ""
        if worker.failures:
            reason = f": {worker.failures[0].message}"
        raise CeleryizeError(
            f"{missing} cannot be imported by {project.interpreter.path}{reason}",
            hint=f"Install the dependencies ({project.dependencies.sync}), "
            "or choose another interpreter: --python PATH.",
        )
    # with its apps set up, a broken tasks module is one of the reasons that are listed
    if not worker.installed_apps and worker.failures:
        failed = worker.failures[0]
        raise CeleryizeError(
            f"the project does not import: {failed.type}: {failed.message}",
            hint="See celeryize verify.",
        )
