"""How a process is stopped, and what the settings make of it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, is_true, number_of
from celeryize.detect.processes.process import PLATFORMS, Process
from celeryize.model import Where

SOFT = "worker_soft_shutdown_timeout"
REMAP = "REMAP_SIGTERM"
# A file for a developer's own machine: nobody waits for its tasks.
DEVELOPMENT = re.compile(
    r"(?:^|[^a-z])(?:dev|devel|development|local|test|tests|testing|override|ci|debug|example)"
    r"(?:[^a-z]|$)"
)


def is_development(path: PurePosixPath) -> bool:
    """Whether a file is for development, by its name or its folder."""
    return bool(DEVELOPMENT.search(str(path).lower()))


def stopped_workers(facts: Facts) -> list[Process]:
    """The workers that a deployment stops: those of production.

    Beside the file of a platform that starts one, nothing starts those of a Procfile.
    """
    found = [
        process
        for process in facts.deployment.processes
        if process.subcommand == "worker" and not is_development(process.where.path)
    ]
    if not any(process.kind in PLATFORMS for process in found):
        return found
    return [process for process in found if process.kind != "procfile"]


def soft_timeout(facts: Facts) -> tuple[float | None, Where | None]:
    """The soft shutdown timeout in seconds, and the line that sets it.

    (0, None) where nothing sets it, (None, place) where code computes it.
    """
    if facts.worker and SOFT in facts.worker.configuration:
        value = facts.worker.configuration[SOFT].value
        place = facts.settings.first(f"CELERY_{SOFT.upper()}")
        if isinstance(value, (int, float)):
            return float(value), place.where if place else None
    for setting in facts.settings.named(f"CELERY_{SOFT.upper()}", SOFT):
        return number_of(default_of(setting.value)), setting.where
    if facts.settings.is_set(SOFT) and facts.worker is None:
        # app.conf.update(...) may set it
        return None, None
    return 0.0, None


def is_remapped(facts: Facts, process: Process) -> bool:
    """Whether a stop may reach the worker as another signal than SIGTERM."""
    if process.signal == "SIGQUIT":
        return True
    # the variable is for SIGTERM alone
    if process.signal == "SIGINT":
        return False
    if process.variable(REMAP) is not None:
        return True
    if facts.app_code and REMAP in facts.app_code.source.text:
        return True
    # an image, an env_file or the shell around it may give it
    return facts.deployment.exports_elsewhere(REMAP, process.where.path)


def acknowledges_late(facts: Facts) -> bool:
    """Whether the settings, or some task, acknowledge messages after the run."""
    if any(is_true(s.value) for s in facts.settings.named("CELERY_TASK_ACKS_LATE")):
        return True
    return any(is_true(task.options.get("acks_late")) for task in facts.tasks)
