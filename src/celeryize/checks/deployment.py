"""How Celery is started, where Procfile and compose files say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts


@check("celery.W026")
def beat_in_the_worker(facts: Facts) -> Iterator[Spot]:
    """The worker runs Beat inside: with two workers, everything is sent twice.

    How it looks: each periodic task runs as often as there are workers.

    Why: -B starts a Beat of its own in each worker.

    Fix: Run one `celery beat` as a service of its own.

    Source: celery#2856, #4808.
    """
    for where, line in facts.deployment:
        if "worker" in line and re.search(r"(?:\s-B\b|\s--beat\b)", line):
            yield Spot("a worker with -B", where)


@check("celery.W046")
def limits_on_the_wrong_pool(facts: Facts) -> Iterator[Spot]:
    """Time limits are set, and the worker's pool ignores them.

    How it looks: a task with a limit of two seconds that runs for minutes.

    Why: the pools solo and threads have no time limits.

    Fix: Use prefork, or limit the work inside the task.

    Source: celery#9203, #1958.
    """
    limited = facts.setting("CELERY_TASK_TIME_LIMIT") or any(
        k.arg in {"time_limit", "soft_time_limit"} for task in facts.tasks if task.call for k in task.call.keywords
    )
    for where, line in facts.deployment:
        match = re.search(r"(?:-P|--pool)[ =](solo|threads)\b", line)
        if match and limited:
            yield Spot(f"the pool {match[1]} ignores time limits", where)


@check("celery.E011")
def old_command(facts: Facts) -> Iterator[Spot]:
    """Celery is started with the options in the order of Celery 4.

    How it looks: Error: No such option '-A'.

    Why: since 5.0, -A stands before the command.

    Fix: celery -A NAME worker.

    Source: Celery's What's new in 5.0.
    """
    for where, line in facts.deployment:
        if re.search(r"\bcelery\s+(worker|beat|flower|inspect|control)\b.*\s-A\b", line):
            yield Spot("-A stands behind the command", where)


@check("celery.W018")
def queue_without_worker(facts: Facts) -> Iterator[Spot]:
    """A task goes to a queue that no worker is told to consume.

    How it looks: the task stays PENDING for ever; Flower shows nothing.

    Why: a worker without -Q consumes the default queue, and those of CELERY_TASK_QUEUES.

    Fix: Start a worker with -Q for it.

    Source: freeframe#240; mozilla/addons-server#4946.
    """
    started = [line for _, line in facts.deployment if "worker" in line]
    if not started or facts.setting("CELERY_TASK_QUEUES"):
        return
    consumed = {
        q for line in started for m in re.findall(r"(?:-Q|--queues)[ =]([\w.,-]+)", line) for q in m.split(",")
    }
    default = facts.literal("CELERY_TASK_DEFAULT_QUEUE") or "celery"
    if any("-Q" not in line and "--queues" not in line for line in started):
        consumed.add(str(default))
    for task in facts.tasks:
        for keyword in task.call.keywords if task.call else ():
            value = getattr(keyword.value, "value", None)
            if keyword.arg == "queue" and isinstance(value, str) and value not in consumed:
                yield Spot(
                    f"{task.node.name} goes to {value}, which no worker consumes", task.source.where(task.node)
                )
