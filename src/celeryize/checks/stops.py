"""What the stop proof has seen: each worker and Beat stopped as its supervisor does it.

`celeryize verify --live --stop` alone; what is measured is said in docs/stops.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts

# The types alone: the stop proof starts processes.
if TYPE_CHECKING:
    from celeryize.live.stop import StopResult
    from celeryize.live.stop_report import RehearsedStop

# The last line of a process that lacks a library; the second is Django's, of a database.
MISSING = re.compile(r"No module named '(?P<module>[\w.]+)'|Error loading [\w -]+ module")


@check("celery.E960", stops=True)
def stop_loses_tasks(facts: Facts) -> Iterator[Occurrence]:
    """A stop loses the running task.

    What happens: The task that runs at a stop, a deploy for example, is neither finished nor run
        again, and nobody is told.
    How it looks: A task that stays STARTED, or WorkerLostError; exit code 137
    Why: The signals of this supervisor were sent to the real worker while a task ran, and a new
        worker was started: the broker has the task no more.
    Fix: longest task < soft timeout < grace, and REMAP_SIGTERM=SIGQUIT in the environment
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker
    """
    for stop, result in _results(facts, "lost"):
        yield Occurrence(
            f"a stop of {stop.name} loses a running task ({stop.acknowledged(result)})",
            stop.where,
            stop.change,
        )


@check("celery.E961", stops=True)
def stop_leaves_tasks_stuck(facts: Facts) -> Iterator[Occurrence]:
    """A stop leaves the running task stuck until the visibility timeout.

    What happens: The task that runs at a stop is run again, but only after the visibility timeout:
        an hour, with the defaults.
    How it looks: The message stays in Redis' key `unacked`
    Why: The worker was killed before it gave its messages back; the new worker that was started
        here did not get the task, and Redis keeps it for the one that is gone.
    Fix: longest task < soft timeout < grace, and REMAP_SIGTERM=SIGQUIT in the environment
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
    """
    for stop, result in _results(facts, "stuck"):
        yield Occurrence(
            f"a stop of {stop.name} leaves a running task stuck for {stop.visibility_timeout:g} s"
            f" ({stop.acknowledged(result)})",
            stop.where,
            stop.change,
        )


@check("celery.W962", stops=True)
def beat_is_killed(facts: Facts) -> Iterator[Occurrence]:
    """Beat does not end by itself at a stop, and is killed.

    What happens: Every stop takes the whole grace, and Beat has not written down when its entries
        ran last.
    How it looks: exit code 137, and no "beat: Shutting down..."
    Why: The signal of this supervisor was sent to the real Beat, and did not reach it.
    Fix: exec celery -A config beat
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    for stop, _ in _results(facts, "killed"):
        yield Occurrence(
            f"{stop.name} does not end at a stop: it is killed", stop.where, stop.change
        )


@check("celery.W963", stops=True)
def stop_is_not_proved(facts: Facts) -> Iterator[Occurrence]:
    """The stop of a process could not be tried.

    What happens: Nobody knows what a stop does to its tasks.
    How it looks: The lines of its log, above
    Why: The process did not start here, with the command, the environment and the folder of its
        file, on a broker of our own.
    Fix: Run it by hand first; what it needs is often in an env_file, or a library, that is not
        here.
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#starting-the-worker
    """
    for stop, result in _results(facts, "not proved"):
        reason = result.log[-1] if result.log else "it was not ready in time"
        message = f"the stop of {stop.name} is not proved: {reason}"
        yield Occurrence(message, stop.where, _missing_module(facts, reason))


def _missing_module(facts: Facts, reason: str) -> str:
    """What to do where a library is not installed here; empty where that is not the reason."""
    found = MISSING.search(reason)
    project = facts.project
    if found is None or project.dependencies.file is None:
        return ""
    package = (found["module"] or "").partition(".")[0]
    folder = project.root / project.base
    if package and ((folder / package).is_dir() or (folder / f"{package}.py").is_file()):
        # of the project itself: installing does not help
        return ""
    return (
        f"Install what {project.dependencies.file} declares, for the interpreter that tries it: "
        f"{project.interpreter.path}"
    )


def _results(facts: Facts, outcome: str) -> Iterator[tuple[RehearsedStop, StopResult]]:
    for stop in facts.stops or ():
        for result in stop.results:
            if str(result.outcome) == outcome:
                yield stop, result
