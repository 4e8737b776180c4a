"""The options of tasks: which ones Celery reads, and which one a misspelt name means."""

from __future__ import annotations

import difflib
from dataclasses import replace

from celeryize.celery_facts import words
from celeryize.checks.facts import Facts
from celeryize.checks.facts.tasks import Task

# What the task decorator, or a task's class, reads. Source: celery/app/base.py, task.py and
# autoretry.py of 5.7.
OPTIONS = words(
    """
    name base bind app lazy pydantic pydantic_strict pydantic_context pydantic_dump_kwargs shared
    typing max_retries default_retry_delay rate_limit ignore_result trail send_events
    store_errors_even_if_ignored serializer time_limit soft_time_limit backend track_started
    acks_late acks_on_failure acks_on_failure_or_timeout acks_on_timeout reject_on_worker_lost
    retry_on_worker_lost throws expires priority resultrepr_maxsize request_stack abstract
    autoretry_for dont_autoretry_for retry_kwargs retry_backoff retry_backoff_max retry_jitter queue
    exchange routing_key options countdown link link_error compression on_failure on_success
    on_retry after_return before_start filter shadow_name Strategy Request from_config
    store_eager_result run once celery_once singleton unique_on lock_expiry raise_on_duplicate
    delivery_mode
    """
)
# How like a known option a name must be to mean it.
ALIKE = 0.7


def option_meant(name: str) -> str:
    """The option that a name means which Celery does not read; empty for one that is nobody's."""
    if name in OPTIONS:
        return ""
    close = difflib.get_close_matches(name, OPTIONS, 1, ALIKE)
    close = close or [o for o in sorted(OPTIONS) if o.replace("_", "") == name.replace("_", "")]
    return close[0] if close else ""


def tasks_as_meant(facts: Facts) -> tuple[Task, ...]:
    """All tasks, with the options that are misspelt under the names that were meant."""
    return facts.code.once("tasks as meant", lambda: tuple(map(as_meant, facts.tasks)))


def as_meant(task: Task) -> Task:
    """A task as it is once its misspelt options are spelt right."""
    # a task class of the project may read any option
    if "base" in task.options or not any(map(option_meant, task.options)):
        return task
    meant = {option_meant(name) or name: value for name, value in task.options.items()}
    return replace(task, options=meant | {n: v for n, v in task.options.items() if n in OPTIONS})
