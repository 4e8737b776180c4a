"""Whether tasks are written so that they do what their decorator says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts, TaskFunction

# Attributes of celery.Task and what the decorators and apply_async take (CELERY_FACTS 44).
OPTIONS = frozenset(
    [
        "name",
        "bind",
        "base",
        "serializer",
        "max_retries",
        "default_retry_delay",
        "rate_limit",
        "time_limit",
        "soft_time_limit",
        "ignore_result",
        "store_errors_even_if_ignored",
        "send_events",
        "track_started",
        "acks_late",
        "acks_on_failure",
        "acks_on_failure_or_timeout",
        "acks_on_timeout",
        "reject_on_worker_lost",
        "throws",
        "expires",
        "priority",
        "queue",
        "exchange",
        "routing_key",
        "autoretry_for",
        "dont_autoretry_for",
        "retry_kwargs",
        "retry_backoff",
        "retry_backoff_max",
        "retry_jitter",
        "typing",
        "pydantic",
        "pydantic_strict",
        "pydantic_context",
        "pydantic_dump_kwargs",
        "trail",
        "abstract",
        "backend",
        "request_stack",
        "resultrepr_maxsize",
        "compression",
        "link",
        "link_error",
        "countdown",
        "eta",
        "options",
        "lazy",
        "shared",
        "filter",
        "Request",
        "Strategy",
        "from_config",
        "default_priority",
        "after_return",
        "on_failure",
        "on_success",
        "on_retry",
        "on_replace",
        "before_start",
        "description",
        "ignore_result_on_success",
        "deserializer",
        "delivery_mode",
        "immediate",
        "mandatory",
        "headers",
        "add_to_parent",
        "shadow_name",
        "retry_policy",
    ]
)


def _options(task: TaskFunction) -> dict[str, ast.expr]:
    return {k.arg: k.value for k in task.call.keywords if k.arg} if task.call else {}


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


@check("celery.E041")
def asynchronous(facts: Facts) -> Iterator[Spot]:
    """A task is `async def`, or yields: Celery calls it and never runs its body.

    How it looks: EncodeError(TypeError('Object of type coroutine is not JSON serializable')), and "coroutine
    was never awaited".

    Why: Celery 5.7 has no support for coroutines.

    Fix: Make it a plain function, and call asgiref.sync.async_to_sync inside.

    Source: celery#7743.
    """
    for task in facts.tasks:
        own = [n for n in _own_nodes(task.node) if isinstance(n, ast.Yield | ast.YieldFrom)]
        if isinstance(task.node, ast.AsyncFunctionDef) or own:
            yield Spot(f"{task.node.name} is a coroutine or a generator", task.source.where(task.node))


@check("celery.E042")
def self_and_bind(facts: Facts) -> Iterator[Spot]:
    """The task's `self` and its bind option contradict each other.

    How it looks: TypeError: f() takes 1 positional argument but 2 were given, or missing 1 required positional
    argument.

    Why: bind=True passes the task as the first argument; without it nothing does.

    Fix: Use both or neither.

    Source: Celery's documentation on bound tasks.
    """
    for task in facts.tasks:
        bound = _constant(_options(task).get("bind")) is True
        first = next((a.arg for a in [*task.node.args.posonlyargs, *task.node.args.args]), None)
        if bound and first is None and task.node.args.vararg is None:
            yield Spot(f"{task.node.name} has bind=True and no first parameter", task.source.where(task.node))
        elif not bound and first == "self":
            yield Spot(f"{task.node.name} has self and no bind=True", task.source.where(task.node))


@check("celery.E043")
def decorator_above(facts: Facts) -> Iterator[Spot]:
    """Another decorator stands above Celery's, so the name is no task.

    How it looks: AttributeError: 'function' object has no attribute 'delay'.

    Why: the outermost decorator makes what the name stands for.

    Fix: Put Celery's decorator at the top.

    Source: Celery's documentation on tasks, "Multiple decorators".
    """
    for defined in facts.defined:
        if defined.outside:
            yield Spot(f"@{defined.outside} stands above @{defined.decorator}", defined.where)


@check("celery.W044")
def dead_option(facts: Facts) -> Iterator[Spot]:
    """A decorator option that Celery does not have.

    How it looks: nothing: it becomes an attribute of the task that nobody reads.

    Why: the decorators take any keyword.

    Fix: Write the option that was meant.

    Source: reproduced with Celery 5.7.
    """
    import difflib

    for task in facts.tasks:
        for name in _options(task):
            if name not in OPTIONS and "base" not in _options(task):
                near = difflib.get_close_matches(name, OPTIONS, 1, 0.7)
                if near:
                    hint = f"Did you mean {near[0]}?"
                    yield Spot(f"{name} has no effect on {task.node.name}", task.source.where(task.call), hint)


@check("celery.E044")
def rate(facts: Facts) -> Iterator[Spot]:
    """A rate limit that Celery cannot read.

    How it looks: KeyError: 'x' in the worker.

    Why: a rate is a number, or a number per s, m or h.

    Fix: Write 10/s, 10/m or 10/h.

    Source: celery/utils/time.py, rate.
    """
    for task in facts.tasks:
        value = _constant(_options(task).get("rate_limit"))
        if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?(/[smh])?", value):
            yield Spot(f"the rate limit of {task.node.name} is {value!r}", task.source.where(task.call))


@check("celery.W045")
def never_retries(facts: Facts) -> Iterator[Spot]:
    """Options for retries on a task that never retries.

    How it looks: a task that fails at once, although max_retries says five.

    Why: Celery retries on self.retry() or on the exceptions of autoretry_for; the numbers alone do nothing.

    Fix: Add autoretry_for=(SomeError,), or call self.retry() in a bound task.

    Source: courtlistener#2089; Celery's documentation on retrying.
    """
    for task in facts.tasks:
        options = _options(task)
        wanted = {"max_retries", "default_retry_delay", "retry_backoff", "retry_jitter"} & options.keys()
        if _constant(options.get("max_retries")) == 0:
            wanted -= {"max_retries"}
        calls = [n for n in ast.walk(task.node) if isinstance(n, ast.Attribute) and n.attr == "retry"]
        if wanted and "autoretry_for" not in options and "base" not in options and not calls:
            name = sorted(wanted)[0]
            yield Spot(f"{task.node.name} has {name} and never retries", task.source.where(task.node))


@check("celery.E045")
def autoretry_without_tuple(facts: Facts) -> Iterator[Spot]:
    """autoretry_for is an exception, not a tuple of them.

    How it looks: TypeError: 'type' object is not iterable, when the module is imported.

    Why: Celery unpacks it.

    Fix: Write autoretry_for=(SomeError,).

    Source: reproduced with Celery 5.7.
    """
    for task in facts.tasks:
        value = _options(task).get("autoretry_for")
        if isinstance(value, ast.Name) and value.id[:1].isupper() and not value.id.isupper():
            yield Spot(f"autoretry_for={value.id} is no tuple", task.source.where(task.call))


@check("celery.E047")
def task_limits(facts: Facts) -> Iterator[Spot]:
    """A task's soft time limit is longer than its hard one, which it may have from the settings.

    How it looks: ValueError: soft_time_limit must be less than or equal to time_limit, from .delay().

    Why: the limit that a task does not have itself comes from the settings.

    Fix: Set both on the task, the soft one shorter.

    Source: reproduced with Celery 5.7.
    """
    for task in facts.tasks:
        options = _options(task)
        if not {"time_limit", "soft_time_limit"} & options.keys():
            continue
        hard = (
            _constant(options["time_limit"])
            if "time_limit" in options
            else facts.literal("CELERY_TASK_TIME_LIMIT")
        )
        soft = facts.literal("CELERY_TASK_SOFT_TIME_LIMIT")
        if "soft_time_limit" in options:
            soft = _constant(options["soft_time_limit"])
        if isinstance(hard, int | float) and isinstance(soft, int | float) and soft > hard:
            yield Spot(
                f"{task.node.name}: the soft limit is {soft}, the hard one {hard}", task.source.where(task.node)
            )


@check("celery.E040")
def waits_for_a_task(facts: Facts) -> Iterator[Spot]:
    """A task waits for the result of another one.

    How it looks: RuntimeError: Never call result.get() within a task!

    Why: with all processes waiting, nobody runs what they wait for.

    Fix: Use a chain, a chord or a callback.

    Source: Celery's documentation on tasks, "Avoid launching synchronous subtasks".
    """
    for task in facts.tasks:
        for node in ast.walk(task.node):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        attr="get", value=ast.Call(func=ast.Attribute(attr="delay" | "apply_async"))
                    )
                ):
                    yield Spot(f"{task.node.name} waits for a result", task.source.where(node))


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    for node in waiting:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
