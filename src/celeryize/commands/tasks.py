"""`celeryize tasks`: the registered tasks with their options; the others with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeryize.checks.facts import read_facts
from celeryize.checks.task_table import TaskRow, task_rows
from celeryize.commands.options import RunOptions
from celeryize.commands.start_up import IMPORTING, ImportRequest, start_up
from celeryize.detect.install_line import install_line
from celeryize.errors import CeleryizeError, NoCelery
from celeryize.ui.view import View

if TYPE_CHECKING:
    pass

# A task without limits of its own has these.
LIMITS = ("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT")


def run(options: RunOptions, view: View) -> tuple[TaskRow, ...]:
    """Show the tasks of a project, registered ones first. Raises NoCelery without a Celery app.

    Raises CeleryizeError where its interpreter has no Celery, or the project does not import.
    """
    request = ImportRequest(settings=LIMITS)
    with start_up(options, view, brief=True, request=request) as (project, prober):
        if not project.celery:
            raise NoCelery
        assert prober is not None
        with view.working(IMPORTING):
            worker, web = prober.baseline()
    if not (worker.celery_importable and worker.django_importable):
        missing = "Django"
        if worker.django_importable:
            missing = "Celery"
        reason = ""
        if worker.failures:
            reason = f": {worker.failures[0].message}"
        raise CeleryizeError(
            f"{missing} cannot be imported by {project.interpreter.path}{reason}",
            hint=f"Install the dependencies ({install_line(project)}), "
            "or choose another interpreter: --python PATH.",
        )
    # with its apps set up, a broken tasks module is one of the reasons that are listed
    if not worker.installed_apps and worker.failures:
        failed = worker.failures[0]
        raise CeleryizeError(
            f"the project does not import: {failed.type}: {failed.message}",
            hint="See celeryize verify.",
        )
    rows = tuple(task_rows(read_facts(project).with_imports(worker, web)))
    view.show_tasks(rows)
    return rows
