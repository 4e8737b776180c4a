"""Another task queue that the project has already: named, because both then run side by side."""

from __future__ import annotations

import re
from dataclasses import dataclass

from celeryize.commands.init.setup import Setup
from celeryize.model import Where

# redis://localhost:6379/1, {"host": "localhost", "db": 1}, DB=1
_DATABASE = re.compile(r"rediss?://[^\s'\"]*/(\d+)|\b(?:db|DB)['\"]?\s*[:=]\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Queue:
    """A task queue: the packages that bring it, its Django apps, its settings; whether it needs
    Redis."""

    name: str
    packages: tuple[str, ...]
    apps: tuple[str, ...]
    settings: tuple[str, ...] = ()
    redis: bool = False


QUEUES = (
    Queue("Django Q", ("django-q2", "django-q"), ("django_q",), ("Q_CLUSTER",), redis=True),
    Queue("RQ", ("django-rq", "rq"), ("django_rq",), ("RQ_QUEUES", "RQ"), redis=True),
    Queue("Huey", ("huey",), ("huey.contrib.djhuey",), ("HUEY",), redis=True),
    Queue(
        "Dramatiq",
        ("django-dramatiq", "dramatiq"),
        ("django_dramatiq",),
        ("DRAMATIQ_BROKER",),
        redis=True,
    ),
    Queue("ARQ", ("arq", "django-arq"), ("django_arq",), redis=True),
    Queue("Procrastinate", ("procrastinate",), ("procrastinate.contrib.django",)),
    Queue(
        "Django background tasks",
        ("django-background-tasks", "django4-background-tasks"),
        ("background_task",),
    ),
    Queue("Django tasks", ("django-tasks",), ("django_tasks", "django_tasks_db"), ("TASKS",)),
    Queue("APScheduler", ("django-apscheduler",), ("django_apscheduler",)),
)


def report_other_queues(setup: Setup) -> None:
    """A note for each queue, and what it shares with Celery."""
    for queue in QUEUES:
        where = _where_is(setup, queue)
        if not where:
            continue
        text = f"This project has {queue.name} already ({where}). It stays as it is: Celery runs "
        text += "beside it, with a worker of its own."
        if queue.redis and setup.answers.broker.startswith("redis"):
            text += (
                " Where both use one Redis server, give Celery a database of its own: "
                f"CELERY_BROKER_URL=redis://localhost:6379/{_free_database(setup)}, for example."
            )
        setup.draft.add_note(text)


def _free_database(setup: Setup) -> int:
    """The number of a Redis database, from 1 up, that the settings do not name."""
    taken = set()
    for path in setup.project.settings.reachable:
        source = setup.project.modules.source(path)
        if source is not None:
            taken |= {int(first or second) for first, second in _DATABASE.findall(source.text)}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _where_is(setup: Setup, queue: Queue) -> str:
    """Where the project installs, configures or declares a queue; empty where it does not."""
    settings = setup.project.settings
    for entry in settings.installed_apps:
        if any(entry == app or entry.startswith(f"{app}.") for app in queue.apps):
            return str(settings.installed_apps_where or Where(settings.file))
    declared = setup.project.dependencies.declared
    if any(name in declared for name in queue.packages):
        # TASKS and RQ are words that may mean anything: they count beside the package alone
        for setting in queue.settings:
            if setting in settings.assigned:
                return str(settings.assigned[setting])
        return str(setup.project.dependencies.file or "its dependencies")
    return ""
