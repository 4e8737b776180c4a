"""The soft shutdown in the settings: the other half of the grace in the deployment files."""

from __future__ import annotations

from dataclasses import dataclass

from celeryize.checks.facts import Facts
from celeryize.commands.init.settings_place import write_settings
from celeryize.commands.worker.wishes import Timing
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.settings import add_block

NAME = "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT"
COMMENT = (
    "# Seconds that running tasks get at a stop; the deployment files kill the worker later than"
    " that.\n"
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where settings are planned: what `write_settings` needs of a set-up."""

    project: Project
    draft: Draft


def plan_timing(project: Project, facts: Facts, draft: Draft, timing: Timing) -> None:
    """Plan the setting where it is missing."""
    if timing.soft is None:
        draft.add_note(
            "Celery before 5.5 has no soft shutdown: a task that is longer than the grace is lost "
            "at a stop."
        )
        return
    if timing.unknown:
        draft.add_note(f"{NAME} is computed: it has to be below the grace of the deployment files.")
    if not timing.missing:
        return
    app = project.celery[0]
    what = "the time of running tasks at a stop"
    if app.reads_django_settings:
        block = f"{COMMENT}{NAME} = {timing.soft}\n"
        write_settings(_Place(project, draft), block, (), what)
        return
    line = f"{app.variable}.conf.worker_soft_shutdown_timeout = {timing.soft}\n"
    if app.config_source == "django.conf:settings" or "." in app.variable:
        # old names and new ones do not mix
        draft.add_todo(
            Todo(
                "set worker_soft_shutdown_timeout", "REMAP_SIGTERM needs it.", line, app.where.path
            )
        )
        return
    try:
        after = add_block(draft.source(app.where.path), COMMENT + line, [])
        draft.write(app.where.path, after, what)
    except CannotPatch as refusal:
        draft.add_manual(refusal)
