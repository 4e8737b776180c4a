"""Amazon SQS with queues that are made outside of Celery."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import Pair, default_of, pairs_of, text_of
from celeryize.checks.written import resolved, settings_of
from celeryize.model import Where


@dataclass(frozen=True, slots=True)
class Predefined:
    """The transport options of an SQS broker, the names of its predefined queues, their place."""

    options: list[Pair]
    names: frozenset[str]
    where: Where


def _predefined(facts: Facts) -> list[Predefined]:
    """Each assignment of predefined_queues; none where one of the names is computed."""
    urls = [text_of(default_of(value)) or "" for _, value in settings_of(facts, "broker_url")]
    if not any(url.startswith("sqs") for url in urls):
        return []
    found: list[Predefined] = []
    for setting, value in settings_of(facts, "broker_transport_options"):
        options = pairs_of(value) or []
        for pair in options:
            if text_of(pair.key) != "predefined_queues":
                continue
            queues = pairs_of(resolved(setting.code, pair.value)) or []
            names = frozenset(text_of(queue.key) or "" for queue in queues)
            # a name that is computed may be any
            if not names or "" in names:
                return []
            found.append(Predefined(options, names, setting.code.where(pair.value)))
    return found


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
    keys = {text_of(pair.key) for one in found for pair in one.options}
    # a prefix is a part of each name
    if not found or "queue_name_prefix" in keys:
        return
    queues = sorted(name for one in found for name in one.names)
    spelled = {_as_amazon(name) for name in queues}
    for name, place in [*_default_queues(facts, spelled, found[0].where), *_own_queues(facts)]:
        if _as_amazon(name) not in spelled:
            yield Occurrence(
                f"the queue {name!r} is not among predefined_queues ({', '.join(queues)})",
                place,
                "Add it there, or use one of them.",
            )


def _as_amazon(name: str) -> str:
    """A name as SQS has it: dots arrive as hyphens, other signs as underscores."""
    return re.sub(r"[^\w-]", "_", name.replace(".", "-"))


def _default_queues(facts: Facts, spelled: set[str], where: Where) -> Iterator[tuple[str, Where]]:
    """The default queue, where it is certain which one that is, and that it is used."""
    found = [(setting.where, value) for setting, value in settings_of(facts, "task_default_queue")]
    names = [(text_of(value) or "", place) for place, value in found]
    if names:
        # one that the environment gives, or that is right in one of the files, may be the one
        if not any(not name or _as_amazon(name) in spelled for name, _ in names):
            yield from names
        return
    if any(code.has("default_queue", "DEFAULT_QUEUE") for code in facts.code.relevant):
        return
    routed = [*settings_of(facts, "task_routes"), *settings_of(facts, "task_queues")]
    limited = any(worker.option("-Q", "--queues") for worker in facts.deployment.workers)
    everywhere = bool(list(facts.tasks)) and all("queue" in task.options for task in facts.tasks)
    if not routed and not limited and not everywhere:
        yield "celery", where


def _own_queues(facts: Facts) -> Iterator[tuple[str, Where]]:
    """The queues that tasks name themselves."""
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
    for found in _predefined(facts)[:1]:
        for pair in found.options:
            if text_of(pair.key) == "visibility_timeout" and isinstance(pair.value, ast.expr):
                yield Occurrence(
                    "visibility_timeout has no effect beside predefined_queues: that of the queue "
                    "counts, which is 30 s by default",
                    found.where,
                    "Set it on the queue in AWS.",
                )
