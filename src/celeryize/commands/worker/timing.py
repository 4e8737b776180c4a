"""The soft shutdown in the settings: the other half of the grace in the deployment files."""

from __future__ import annotations

from dataclasses import dataclass

from celeryize.commands.init.settings_place import write_settings
from celeryize.commands.worker.wishes import OLD_NAME, Timing
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
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


def setting_name(app: CeleryApp) -> str:
    """What the Django settings call it: without a namespace, Celery reads the old names."""
    namespace = (app.namespace or "").rstrip("_")
    if not namespace:
        return OLD_NAME
    return f"{namespace}_WORKER_SOFT_SHUTDOWN_TIMEOUT"


def plan_timing(project: Project, draft: Draft, timing: Timing) -> None:
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
    if app.config_source == "django.conf:settings":
        block = f"{COMMENT}{setting_name(app)} = {timing.soft}\n"
        write_settings(_Place(project, draft), block, (), what)
        return
    line = f"{app.variable}.conf.worker_soft_shutdown_timeout = {timing.soft}\n"
    try:
        after = add_block(draft.source(app.where.path), COMMENT + line, [])
        draft.write(app.where.path, after, what)
    except CannotPatch as refusal:
        draft.add_manual(refusal)
