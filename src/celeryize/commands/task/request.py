"""What the command line asks of `add-task`, and what it cannot ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from celeryize.commands.task.kinds import find_kind
from celeryize.detect.project import Project
from celeryize.detect.settings import constant
from celeryize.errors import UsageError
from celeryize.spelling import did_you_mean

# What a task, or a queue, may be called.
NAME = re.compile(r"[\w.\-:]+")
RATE = re.compile(r"\d+(\.\d+)?(/[smh])?")
# Whose task it is: the decorator and the methods that it gets.
APIS = ("celery", "django")
NAME_HINT = "Use letters, digits, dots, dashes, underscores."


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; None is "not said". Seconds everywhere."""

    target: str
    parameters: tuple[str, ...] = ()
    kind: str = "plain"
    model: str | None = None
    bind: bool = False
    max_retries: int | None = None
    default_retry_delay: int | None = None
    retry_on: tuple[str, ...] = ()
    backoff: bool = False
    backoff_max: int | None = None
    jitter: bool | None = None
    time_limit: int | None = None
    soft_time_limit: int | None = None
    rate_limit: str | None = None
    queue: str | None = None
    name: str | None = None
    priority: int | None = None
    ignore_result: bool = False
    acks_late: bool | None = None
    expires: int | None = None
    lock: bool = False
    decorator: str | None = None
    body_from: Path | None = None
    test: bool | None = None
    trigger: str | None = None
    # django: a task of django.tasks
    api: str = "celery"

    @property
    def is_django(self) -> bool:
        """Whether it is a task of django.tasks."""
        return self.api == "django"


def chosen_kind(kind: str | None, model: str | None, body_from: Path | None) -> str:
    """The kind that was asked for: who names a model, and no kind, wants to work on that model.

    A body of the user's own does with the model what it likes.
    """
    if kind is not None:
        return kind
    if model is not None and body_from is None:
        return "model"
    return "plain"


def check_request(request: Request, kinds: Sequence[str]) -> None:
    """Raise UsageError for options that contradict each other, or that Celery would silently
    ignore.
    """
    if request.kind not in kinds:
        near = did_you_mean(request.kind, kinds)
        raise UsageError(
            f"unknown kind {request.kind}", hint=f"{near}Choose one of {', '.join(kinds)}."
        )
    if request.api not in APIS:
        near = did_you_mean(request.api, APIS)
        raise UsageError(f"unknown --api {request.api}", hint=f"{near}Use {' or '.join(APIS)}.")
    if not request.is_django:
        _check_retries(request)
        _check_limits(request)
        check_priority(request.priority)
    for name, what in ((request.name, "task"), (request.queue, "queue")):
        check_name(name, what)


def check_name(name: str | None, what: str) -> None:
    """Raise UsageError for a text that cannot be the name of a task or a queue."""
    if name is not None and not NAME.fullmatch(name):
        raise UsageError(f"invalid {what} name {name!r}", hint=NAME_HINT)


def check_priority(priority: int | None) -> None:
    """Raise UsageError for a priority that a broker does not have."""
    if priority is not None and not 0 <= priority <= 9:
        raise UsageError("a priority is 0 to 9", hint="On Redis 0 comes first, on RabbitMQ 9 does.")


def within_settings(project: Project, request: Request) -> Request:
    """The request with a soft limit below its hard one, where the settings' own soft limit would be
    above it.

    Celery takes the limit that a task does not have from the settings, and refuses in .delay() if
    soft > hard.
    """
    soft = constant(project.modules, project.settings, "CELERY_TASK_SOFT_TIME_LIMIT")
    hard = constant(project.modules, project.settings, "CELERY_TASK_TIME_LIMIT")
    wanted = request.soft_time_limit
    limit = request.time_limit
    if wanted is not None and limit is None and isinstance(hard, int) and wanted > hard:
        raise UsageError(
            f"the settings kill every task after {hard} seconds, before this soft limit",
            hint="Add a longer --time-limit.",
        )
    # a tenth below the hard limit, so that the task can still clean up
    if limit is not None and wanted is None and isinstance(soft, int) and soft > limit:
        return replace(request, soft_time_limit=max(1, limit - max(1, limit // 10)))
    return request


def _check_retries(request: Request) -> None:
    # a kind may retry by itself, and then these options are about its retries
    automatic = bool(request.retry_on or find_kind(request.kind).retry_on)
    if request.max_retries is not None and not (automatic or request.bind):
        raise UsageError(
            "--max-retries alone never retries: Celery retries on self.retry() or autoretry_for",
            hint="Add --retry-on EXCEPTION, or --bind for a body that calls self.retry().",
        )
    shaped = request.backoff or request.backoff_max is not None or request.jitter is not None
    if shaped and not automatic:
        raise UsageError(
            "--backoff, --backoff-max and --jitter belong to automatic retries; "
            "self.retry() ignores them",
            hint="Add --retry-on EXCEPTION, or use --default-retry-delay.",
        )
    backs_off = request.backoff or bool(find_kind(request.kind).retry_on)
    if request.backoff_max is not None and not backs_off:
        raise UsageError("--backoff-max has no effect without --backoff", hint="Add --backoff.")


def _check_limits(request: Request) -> None:
    soft, hard = request.soft_time_limit, request.time_limit
    if soft is not None and hard is not None and soft > hard:
        raise UsageError(
            "the soft time limit is longer than the hard one: .delay() would raise ValueError",
            hint="Make --soft-time-limit the shorter one.",
        )
    if request.rate_limit is not None and not RATE.fullmatch(request.rate_limit):
        raise UsageError(
            f"invalid rate limit {request.rate_limit!r}: the worker would fail with KeyError",
            hint="Write 10/s, 10/m or 10/h.",
        )
    if any(
        value < 0
        for value in _given_numbers(request, "max_retries", "default_retry_delay", "backoff_max")
    ):
        raise UsageError("a number of retries or seconds is negative", hint="Use 0 or more.")
    if any(
        value <= 0 for value in _given_numbers(request, "time_limit", "soft_time_limit", "expires")
    ):
        raise UsageError("a limit of 0 seconds or less lets no task run", hint="Use 1 or more.")


def _given_numbers(request: Request, *names: str) -> Iterator[int]:
    """The numbers that were given, of these options."""
    for name in names:
        value = getattr(request, name)
        if value is not None:
            yield value
