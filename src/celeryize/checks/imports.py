"""What only an import shows: the project as a worker and as a web process see it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts
from celeryize.checks.registry import registry
from celeryize.model import Where
from celeryize.probe import Failure

LIBRARIES = frozenset({"broker", "backend"})


def _where(facts: Facts, failure: Failure) -> Where | None:
    if failure.where is None:
        return None
    file = Path(failure.where[0])
    inside = file.is_relative_to(facts.project.root)
    path = file.relative_to(facts.project.root) if inside else file
    return Where(PurePosixPath(path), failure.where[1])


def _failures(facts: Facts) -> Iterator[Failure]:
    seen = set()
    for sight in (facts.worker, facts.web):
        for failure in sight.failures if sight else ():
            key = (failure.type, failure.message, failure.where)
            if key not in seen:
                seen.add(key)
                yield failure


@check("celery.E000", imports=True)
def does_not_import(facts: Facts) -> Iterator[Spot]:
    """The project does not import.

    How it looks: the error itself, in the worker or in manage.py; `manage.py check` may pass, for it
    imports no tasks.

    Why: said by the error.

    Fix: Mend what the error says; the last lines of the project on its way are shown.

    Source: the project's own interpreter.
    """
    for failure in _failures(facts):
        if failure.phase not in LIBRARIES | {"signal"}:
            path = "; ".join(frame.rsplit("/", 1)[-1] for frame in failure.frames[-2:])
            yield Spot(f"{failure.type}: {failure.message}", _where(facts, failure), path)


@check("celery.E003", imports=True)
def not_registered(facts: Facts) -> Iterator[Spot]:
    """A task is defined, and the worker does not know it.

    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored and discarded.

    Why: discovery imports the module `tasks` of each installed app, and nothing else.

    Fix: As said for each task.

    Source: celery#4461, #3341, #2596.
    """
    if facts.worker is None or facts.worker.app is None:
        return
    for row in registry(facts.project, facts.worker):
        explained = row.remark.startswith(("its module does not import", "the worker registers another task"))
        if not row.registered and not explained:
            yield Spot(f"{row.name} is not registered: {row.remark}", row.where)


@check("celery.E008", imports=True)
def default_app(facts: Facts) -> Iterator[Spot]:
    """Web processes bind @shared_task to another app than the worker.

    How it looks: kombu.exceptions.OperationalError: [Errno 111] Connection refused from .delay().

    Why: nothing that Django imports at its start imports the app.

    Fix: `from .celery import app as celery_app` in the project package.

    Source: celery#3252.
    """
    worker, web = facts.worker, facts.web
    if worker and web and worker.app and web.celery_importable and web.installed_apps:
        if web.current_app_main != worker.app.main and facts.app and facts.app.imported:
            yield Spot(
                f"web processes use the app {web.current_app_main!r}, the worker {worker.app.main!r}",
                facts.app.where,
            )


@check("celery.W058", imports=True)
def environment_wins(facts: Facts) -> Iterator[Spot]:
    """A variable of the environment beats the settings.

    How it looks: the settings name one broker, and another is used.

    Why: Celery reads CELERY_BROKER_URL and CELERY_RESULT_BACKEND itself, before everything else.

    Fix: Unset it, or have the settings read it.

    Source: celery/app/utils.py, Settings.broker_url; Celery pull request 9089.
    """
    for name in facts.worker.environment if facts.worker else ():
        setting = facts.setting(name)
        if setting and name in {"CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"} and facts.literal(name) is not None:
            yield Spot(f"{name} is set in this environment, and wins over the settings", setting.where)


@check("celery.E009", imports=True)
def handler_failed(facts: Facts) -> Iterator[Spot]:
    """A signal handler raised, and Celery swallowed it.

    How it looks: a periodic task that is missing from Beat, without a line in any log.

    Why: Celery logs the errors of handlers where nobody looks.

    Fix: Mend the handler; on_after_finalize comes late enough to import tasks.

    Source: celery#3589; captured from the logger celery.utils.dispatch.signal.
    """
    for failure in _failures(facts):
        if failure.phase == "signal":
            yield Spot(f"a signal handler raised {failure.type}: {failure.message}", _where(facts, failure))


@check("celery.E015", imports=True)
def library_missing(facts: Facts) -> Iterator[Spot]:
    """The broker's or the result backend's library cannot be loaded.

    How it looks: AttributeError: 'NoneType' object has no attribute 'Redis', or No module named 'redis'.

    Why: celery alone installs no client for Redis, SQS or a database.

    Fix: Install the extra, for example celery[redis].

    Source: reproduced with Celery 5.7.
    """
    for failure in _failures(facts):
        if failure.phase in LIBRARIES:
            setting = facts.setting("CELERY_BROKER_URL" if failure.phase == "broker" else "CELERY_RESULT_BACKEND")
            place = setting.where if setting else facts.app.where if facts.app else None
            yield Spot(f"the {failure.phase} cannot be loaded: {failure.type}: {failure.message}", place)


@check("celery.E018", imports=True)
def entry_cannot_be_sent(facts: Facts) -> Iterator[Spot]:
    """An entry of Beat cannot be sent: no such task, or arguments that do not fit.

    How it looks: Beat sends a task that nobody knows; or Message Error: Couldn't apply scheduled
    task, at every tick.

    Why: Beat does not know the tasks, and learns only when it sends.

    Fix: `celeryize tasks` lists names and signatures.

    Source: reproduced with Celery 5.7.
    """
    if facts.worker is None or facts.worker.app is None:
        return
    names = [task.name for task in facts.worker.tasks]
    setting = facts.setting("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
    place = setting.where if setting else facts.app.where if facts.app else None
    for entry in facts.worker.beat_schedule:
        where = _entry_place(facts, entry.name) or place
        if not entry.registered and not str(entry.task).startswith("celery."):
            near = difflib.get_close_matches(entry.task or "", names, 1, 0.6)
            hint = f"Did you mean {near[0]}?" if near else ""
            yield Spot(f"the entry {entry.name} names {entry.task}, which is not registered", where, hint)
        elif entry.problem:
            yield Spot(f"the entry {entry.name} cannot be sent: {entry.problem}", where)


def _entry_place(facts: Facts, name: str) -> Where | None:
    from celeryize.checks.schedules import entries

    return next((source.where(entry) for source, found, entry in entries(facts) if found == name), None)


@check("celery.E019", imports=True)
def one_name_twice(facts: Facts) -> Iterator[Spot]:
    """Two tasks have one name, or one task has two.

    How it looks: DuplicateTaskNameWarning; or NotRegistered, because caller and worker disagree about the name.

    Why: the first of two tasks of one name wins; a module that is imported under two names registers twice.

    Fix: One import path for each module; explicit names where needed.

    Source: Celery's documentation on task names; celery#4256.
    """
    if facts.worker is None:
        return
    for warning in facts.worker.warnings:
        if warning["type"] == "DuplicateTaskNameWarning":
            yield Spot(str(warning["message"]), facts.app.where if facts.app else None)
    places: dict[tuple[str | None, int | None], list[str]] = {}
    for task in facts.worker.tasks:
        places.setdefault((task.file, task.line), []).append(task.name)
    for (file, line), names in places.items():
        if len(names) > 1 and file and Path(file).is_relative_to(facts.project.root):
            where = Where(PurePosixPath(Path(file).relative_to(facts.project.root)), line)
            yield Spot(f"one function is registered as {' and '.join(sorted(names))}", where)
