"""From the options and the project: which processes there have to be, and how they are stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass

from celeryize.celery_versions import range_of
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, number_of, text_of
from celeryize.checks.facts.processes.stop import soft_timeout
from celeryize.commands.schedule.migration import reads_database
from celeryize.commands.start_command import start_place
from celeryize.commands.worker.broker import find_backend_server, find_broker_server
from celeryize.commands.worker.request import Request
from celeryize.commands.worker.wanted import MARGIN, Job, Wanted
from celeryize.detect.project import Project
from celeryize.detect.settings import constant

SOFT = 20
# However long a worker may take: systemd knows "infinity".
LONGEST = 24 * 3600
OLD_NAME = "CELERYD_SOFT_SHUTDOWN_TIMEOUT"
# Without a soft shutdown, SIGTERM waits for the tasks; this is how long they have.
PATIENCE = 60
# The first Celery with a soft shutdown.
WITH_SOFT = (5, 5)
DATABASE_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"


@dataclass(frozen=True, slots=True)
class Timing:
    """The soft shutdown in seconds, and whether the settings lack it; None: Celery is too old."""

    soft: int | None
    missing: bool
    unknown: bool = False


def wanted_processes(
    project: Project,
    facts: Facts,
    request: Request,
    *,
    health: bool,
    patience: float | None = None,
) -> tuple[Wanted, Timing]:
    """The processes to be, and what the settings have to say about their stop.

    `patience` are the seconds that the workers which are there have for their tasks at a stop.
    """
    timing = _timing_of(project, facts, patience)
    grace = PATIENCE
    if timing.soft is not None:
        grace = timing.soft + MARGIN
    scheduler, has_schedule = _schedule_of(project, facts)
    beat = None
    if request.beat or (request.beat is None and has_schedule):
        options = ("-S", scheduler) if scheduler and not _scheduler_is_set(facts) else ()
        beat = Job("beat", "beat", options)
    folder = str(project.base) if str(project.base) != "." else ""
    spec = project.start_spec(project.celery[0])
    home = os.path.relpath(start_place(project, spec)[0], project.root)
    wanted = Wanted(
        spec=spec,
        folder=folder,
        home="" if home == "." else home,
        soft=timing.soft,
        grace=grace,
        workers=_workers_of(facts, request),
        beat=beat,
        database=bool(scheduler) or _scheduler_is_set(facts),
        health=health,
        broker=find_broker_server(facts),
        backend=find_backend_server(facts),
        soft_is_missing=timing.missing,
        slots_are_open=not request.concurrency and not facts.settings.is_set("worker_concurrency"),
    )
    return wanted, timing


def default_queue_of(facts: Facts) -> str:
    """The name of the default queue."""
    setting = facts.settings.first("CELERY_TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE")
    return (text_of(setting.value) if setting else None) or "celery"


def _workers_of(facts: Facts, request: Request) -> tuple[Job, ...]:
    """The workers: one for the default queue and, with --queues, one for these."""
    default = default_queue_of(facts)
    slots = ("-c", str(request.concurrency)) if request.concurrency else ()
    # a worker without -Q consumes all queues that the settings declare
    declared = facts.settings.is_set("task_queues") or facts.settings.first("CELERY_QUEUES")
    if not request.queues:
        return (Job("worker", "worker", slots),)
    name = "worker-" + "-".join(request.queues).replace(":", "-").replace(".", "-")
    own = Job("worker", name, ("-Q", ",".join(request.queues), *slots))
    if default in request.queues:
        return (own,)
    # without a worker for it, the tasks of the default queue would never run
    rest = ("-Q", default) if declared else ()
    return (Job("worker", "worker", rest), own)


def _timing_of(project: Project, facts: Facts, patience: float | None) -> Timing:
    if not has_soft_shutdown(project):
        return Timing(None, missing=False)
    soft, _ = soft_timeout(facts)
    old = next(facts.settings.named(OLD_NAME), None)
    if not soft and old is not None:
        soft = number_of(default_of(old.value))
    if soft is None:
        return Timing(SOFT, missing=False, unknown=True)
    if soft > 0:
        return Timing(round(soft), missing=False)
    # a worker that had ten minutes for its tasks keeps them
    kept = 0 if patience is None else round(min(patience, LONGEST)) - MARGIN
    return Timing(max(SOFT, kept), missing=True)


def has_soft_shutdown(project: Project) -> bool:
    """Whether the Celery of the project has a soft shutdown, as far as it is known."""
    declared = range_of(project.dependencies.declared.get("celery", ""))
    if declared.high is not None and tuple(declared.high[:2]) <= WITH_SOFT:
        return False
    version = project.celery_version
    return version is None or version >= WITH_SOFT


def _schedule_of(project: Project, facts: Facts) -> tuple[str, bool]:
    """The scheduler of Beat where it is not the file's, and whether there is anything to send."""
    set_scheduler = constant(project.modules, project.settings, "CELERY_BEAT_SCHEDULER")
    scheduler = set_scheduler if isinstance(set_scheduler, str) else ""
    if not scheduler and "django_celery_beat" in project.settings.installed_apps:
        scheduler = DATABASE_SCHEDULER
    if scheduler or reads_database(project):
        return scheduler, True
    if facts.schedule.entries:
        return "", True
    texts = [code.source.text for code in facts.code.relevant]
    return "", any("add_periodic_task(" in text for text in texts) or _is_computed(facts)


def _is_computed(facts: Facts) -> bool:
    """Whether the schedule is more than a literal without entries."""
    import ast

    for setting in facts.settings.named("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"):
        if not (isinstance(setting.value, ast.Dict) and not setting.value.keys):
            return True
    return False


def _scheduler_is_set(facts: Facts) -> bool:
    return facts.settings.is_set("beat_scheduler") and not any(
        name in {"update"} for app in facts.project.celery for name, _ in app.conf_writes
    )
