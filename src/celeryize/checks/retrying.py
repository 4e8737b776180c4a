"""Retrying: what retry() and the options around it do, and the exceptions that must get through."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, dotted, is_true, parameters_of
from celeryize.checks.facts.tasks import Task

# What a task can only reach through itself; Source: celery/app/task.py.
OWN_METHODS = frozenset({"retry", "replace", "update_state", "request", "max_retries"})
BROAD = frozenset({"Exception", "BaseException"})
SOFT_LIMIT = "celery.exceptions.SoftTimeLimitExceeded"


@check("celery.E610")
def self_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A task uses self, and has none.

    What happens: The task fails; nothing is retried.
    How it looks: NameError: name 'self' is not defined
    Why: Only with bind=True is a task given itself, as its first argument.
    Fix: @shared_task(bind=True), and self as the first parameter.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        if task.holder is not None or _binds_self(task.code, task.node):
            continue
        for node in ast.walk(task.node):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in OWN_METHODS
                and dotted(node.value) == "self"
                and not _has_other_self(task, node)
            ):
                yield Occurrence(
                    f"{task.node.name} uses self.{node.attr}, and has no self",
                    task.code.where(node),
                    "Add bind=True, and self as the first parameter.",
                )
                break


def _binds_self(code: Code, function: Function) -> bool:
    """Whether `self` is a parameter of a function, or a name of its module."""
    names = [parameter.name for parameter in parameters_of(function)]
    if "self" in names:
        return True
    return any(
        isinstance(node, ast.Name) and node.id == "self" and isinstance(node.ctx, ast.Store)
        for node in code.parents
    )


def _has_other_self(task: Task, node: ast.AST) -> bool:
    """Whether a function inside of the task has a self of its own."""
    for outer in task.code.around(node):
        if outer is task.node:
            return False
        if isinstance(outer, Function) and _binds_self(task.code, outer):
            return True
    return False


def _retry_calls(facts: Facts) -> Iterator[tuple[Task, ast.Call]]:
    """Every `self.retry(...)` in a task, whatever its first parameter is called."""
    for task in facts.tasks:
        owners = {task.node.name, "self"}
        parameters = parameters_of(task.node)
        if task.bound and parameters:
            owners = {parameters[0].name, task.node.name}
        for node in ast.walk(task.node):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "retry"
                and dotted(node.func.value) in owners
            ):
                yield task, node


@check("celery.E611")
def exception_as_arguments(facts: Facts) -> Iterator[Occurrence]:
    """retry() is given the exception as its first argument.

    What happens: The task fails instead of being tried again.
    How it looks: TypeError: 'ConnectionError' object is not iterable
    Why: The first parameter of retry() is args, the arguments of the next run.
    Fix: self.retry(exc=exc)
    Source: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.retry
    """
    for task, call in _retry_calls(facts):
        first = next(iter(call.args), None)
        if first is not None and _is_exception(task.code, first):
            yield Occurrence(
                f"the exception {ast.unparse(first)} is given to retry() as args, the arguments "
                "of the next run",
                task.code.where(first),
                f"Write exc={ast.unparse(first)}.",
            )


def _is_exception(code: Code, node: ast.expr) -> bool:
    """Whether a name is what an `except ... as` around it has caught, or a new exception."""
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2].endswith(("Error", "Exception"))
    return isinstance(node, ast.Name) and any(
        isinstance(outer, ast.ExceptHandler) and outer.name == node.id
        for outer in code.around(node)
    )


@check("celery.W620")
def retried_for_ever(facts: Facts) -> Iterator[Occurrence]:
    """A task is retried for ever, whatever it raises.

    What happens: One task that cannot succeed comes back for ever, and they add up.
    How it looks: Task ... retry: Retry in 180s: KeyError('x'), without an end
    Why: max_retries=None has no limit, and autoretry_for=(Exception,) takes a bug for an outage.
    Fix: Name the exceptions that pass by themselves, or a limit.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    for task in facts.tasks:
        limit, classes = task.options.get("max_retries"), task.options.get("autoretry_for")
        if not _is_none(limit) or task.hidden or "dont_autoretry_for" in task.options:
            continue
        assert limit is not None
        if BROAD & {dotted(node) for node in _elements(classes)}:
            yield Occurrence(
                f"{task.node.name} is retried for ever, whatever it raises",
                task.code.where(limit),
                "Set max_retries, or name the exceptions that pass by themselves.",
            )


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _elements(node: ast.expr | None) -> list[ast.expr]:
    """The elements of a literal collection."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return elements
    return []


@check("celery.W630")
def reject_without_late_ack(facts: Facts) -> Iterator[Occurrence]:
    """A task rejects its message, which is acknowledged already.

    What happens: The message is not requeued: it is lost.
    How it looks: Task ... rejected; nothing comes back
    Why: Without acks_late, a message is acknowledged before the task runs.
    Fix: acks_late=True on the task.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#reject
    """
    if _acknowledges_late(facts):
        return
    for task in facts.tasks:
        # a base class, or `**OPTIONS`, may set it
        if {"acks_late", "base"} & set(task.options) or task.hidden or facts.tasks.have_own_class:
            continue
        for node in ast.walk(task.node):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and full_name(facts, task.code, node.exc.func) == "celery.exceptions.Reject"
                and _requeues(node.exc)
            ):
                yield Occurrence(
                    f"{task.node.name} rejects its message to have it back, but it is "
                    "acknowledged already",
                    task.code.where(node),
                    "Add acks_late=True to the task.",
                )


def _requeues(call: ast.Call) -> bool:
    """Whether a Reject asks for the message to come back: `Reject(exc, requeue=True)`."""
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "requeue")]
    return any(is_true(value) for value in given)


def _acknowledges_late(facts: Facts) -> bool:
    """Whether the tasks are acknowledged late by a setting, or may be."""
    if facts.worker and facts.worker.conf.get("task_acks_late"):
        return True
    late = [*facts.settings.named("CELERY_TASK_ACKS_LATE", "CELERY_ACKS_LATE")]
    if any(not (isinstance(s.value, ast.Constant) and s.value.value is False) for s in late):
        return True
    return facts.settings.is_set("task_annotations") or any(
        name in {"task_acks_late", "task_annotations"}
        for app in facts.project.celery
        for name, _ in app.conf_writes
    )


@check("celery.W640")
def soft_limit_swallowed(facts: Facts) -> Iterator[Occurrence]:
    """A loop in a task swallows the soft time limit.

    What happens: The loop goes on; the hard time limit then kills the process.
    How it looks: Soft time limit (270s) exceeded, later: Hard time limit (300s) exceeded
    Why: SoftTimeLimitExceeded is raised once, and it is an Exception.
    Fix: except SoftTimeLimitExceeded: raise, above the `except Exception`.
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    for task in facts.tasks:
        if not _has_soft_limit(facts, task):
            continue
        for node in ast.walk(task.node):
            if not isinstance(node, ast.Try) or not _is_repeated(task, node):
                continue
            handler = _swallowing(facts, task.code, node)
            if handler is not None:
                yield Occurrence(
                    f"this `except` in a loop of {task.node.name} swallows SoftTimeLimitExceeded",
                    task.code.where(handler),
                    "Let it through: except SoftTimeLimitExceeded: raise",
                )


def _has_soft_limit(facts: Facts, task: Task) -> bool:
    given = task.options.get("soft_time_limit")
    if given is not None:
        return not _is_none(given)
    if facts.worker is not None:
        found = {one.name: one.attributes for one in facts.worker.tasks}
        return bool(
            facts.worker.conf.get("task_soft_time_limit")
            or found.get(task.name, {}).get("soft_time_limit")
        )
    return any(
        not _is_none(setting.value)
        for setting in facts.settings.named(
            "CELERY_TASK_SOFT_TIME_LIMIT", "CELERYD_TASK_SOFT_TIME_LIMIT"
        )
    )


def _is_repeated(task: Task, node: ast.AST) -> bool:
    """Whether a node is inside of a loop of its task, and not in a function of its own."""
    for outer in task.code.around(node):
        if isinstance(outer, Function | ast.Lambda):
            return False
        if isinstance(outer, ast.For | ast.AsyncFor | ast.While):
            return True
    return False


def _swallowing(facts: Facts, code: Code, node: ast.Try) -> ast.ExceptHandler | None:
    """The handler that catches the soft limit, where the loop then goes on."""
    for handler in node.handlers:
        caught = [handler.type] if handler.type else []
        if isinstance(handler.type, ast.Tuple):
            caught = handler.type.elts
        names = {dotted(part) for part in caught}
        if any(full_name(facts, code, part) == SOFT_LIMIT for part in caught):
            return None
        if not caught or names & BROAD:
            leaves = any(
                isinstance(inner, ast.Raise | ast.Return | ast.Break) for inner in ast.walk(handler)
            )
            return None if leaves else handler
    return None
