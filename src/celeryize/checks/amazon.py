"""Amazon SQS with queues that are made outside of Celery."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import Pair, default_of, pairs_of, text_of
from celeryize.checks.written import resolved, settings_of
from celeryize.model import Where


def _predefined(facts: Facts) -> tuple[list[Pair], set[str], Where] | None:
    """The transport options of an SQS broker, and the names of its predefined queues."""
    urls = [text_of(default_of(value)) or "" for _, value in settings_of(facts, "broker_url")]
    if not any(url.startswith("sqs") for url in urls):
        return None
    for setting, value in settings_of(facts, "broker_transport_options"):
        pairs = pairs_of(value) or []
        for pair in pairs:
            if text_of(pair.key) != "predefined_queues":
                continue
            queues = pairs_of(resolved(setting.code, pair.value))
            names = {text_of(queue.key) for queue in queues or ()}
            # a name that is computed may be any
            if queues and None not in names:
                return pairs, {str(name) for name in names}, setting.code.where(pair.value)
    return None


@check("celery.E165")
def queue_is_not_predefined(facts: Facts) -> Iterator[Occurrence]:
    """A queue is used that predefined_queues does not have.

    What happens: The worker does not start, and sending to that queue raises.
    How it looks: kombu.transport.SQS.UndefinedQueueException: Queue with name 'celery' must be
        defined in 'predefined_queues'.
    Why: With predefined_queues Celery makes no queue itself. Its default queue is called `celery`.
    Fix: CELERY_TASK_DEFAULT_QUEUE with the name of one of them; or one more of them
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/sqs.html#predefined-queues
    """
    found = _predefined(facts)
    if found is None:
        return
    _, queues, where = found
    names = [(name, place) for name, place in _used_queues(facts)]
    if not any(name for name, _ in names):
        names.append(("celery", where))
    for name, place in names:
        # names with dots arrive with hyphens
        if name and name not in queues and name.replace(".", "-") not in queues:
            yield Occurrence(
                f"the queue {name!r} is not among predefined_queues ({', '.join(sorted(queues))})",
                place,
                "Add it there, or use one of them.",
            )


def _used_queues(facts: Facts) -> Iterator[tuple[str, Where]]:
    """The default queue, where the settings name it; an empty name where that is computed."""
    for setting, value in settings_of(facts, "task_default_queue"):
        yield text_of(default_of(value)) or "", setting.where
    for task in facts.tasks:
        queue = task.options.get("queue")
        if queue is not None and text_of(queue):
            yield text_of(queue) or "", task.code.where(queue)


@check("celery.W168")
def visibility_is_of_the_queue(facts: Facts) -> Iterator[Occurrence]:
    """visibility_timeout has no effect on predefined queues.

    What happens: SQS delivers a task again after the timeout of the queue, which is 30 seconds
        unless it was made with another one: the task runs several times at once.
    How it looks: The same task id is received again and again in the worker's log.
    Why: Celery gives a queue its timeout when it makes it. Predefined ones are made elsewhere.
    Fix: Set the visibility timeout of the queue in AWS, above the longest task.
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/sqs.html#visibility-timeout
    """
    found = _predefined(facts)
    for pair in found[0] if found else ():
        if text_of(pair.key) == "visibility_timeout" and isinstance(pair.value, ast.expr):
            place = found[2] if found else None
            yield Occurrence(
                "visibility_timeout has no effect beside predefined_queues: that of the queue "
                "counts, which is 30 s by default",
                place,
                "Set it on the queue in AWS.",
            )
