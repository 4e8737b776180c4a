"""Queues that tasks are sent to and that no worker consumes."""

from __future__ import annotations

from celeryize.checks.deployment import routed_queues
from celeryize.checks.facts import Facts
from celeryize.commands.worker.target import queues_of
from celeryize.commands.worker.wanted import Wanted
from celeryize.commands.worker.wishes import default_queue_of
from celeryize.draft import Draft


def report_unconsumed(facts: Facts, draft: Draft, wanted: Wanted) -> None:
    """A note for each queue that a route or a task names and no worker consumes."""
    default = default_queue_of(facts)
    consumed: set[str] = set()
    for job in wanted.workers:
        consumed |= queues_of(job.options, default)
    for command in facts.deployment.workers:
        consumed |= queues_of(command.words, default)
    reported: set[str] = set()
    for name, where in routed_queues(facts):
        if name not in consumed and name not in reported:
            reported.add(name)
            draft.add_note(
                f"No worker consumes the queue {name!r} ({where}): "
                f"celeryize add-worker --queues {name}"
            )
