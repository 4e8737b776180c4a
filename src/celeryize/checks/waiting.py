"""Retries that are due after the broker has given up, or given away, their message."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import followed
from celeryize.checks.facts.literals import is_true, number_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.patience import broker_patience
from celeryize.patch.nodes import dotted

# Celery's own: three retries, and delays of at most ten minutes.
RETRIES = 3
LONGEST_BACKOFF = 600.0
# A number of seconds or retries that no project means.
MOST = 10**9


@check("celery.W473")
def retry_beyond_patience(facts: Facts) -> Iterator[Occurrence]:
    """A retry waits longer than the broker keeps its message for a worker.

    What happens: The retry runs several times, in several workers.
    How it looks: The same task id is received again and again in the worker's log.
    Why: A retry is a message with an eta, which waits in a worker, unacknowledged. Redis and SQS
        give it to another worker after visibility_timeout. A delay that doubles gets there.
    Fix: A bound: countdown=min(1800, 60 * 2 ** self.request.retries), retry_backoff_max=1800; or
        visibility_timeout above the longest delay.
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
    """
    patience = broker_patience(facts)
    if patience is None:
        return
    for task in facts.tasks:
        if task.hidden:
            continue
        for node, delay in (*_delays_of_options(task), *_delays_of_calls(task)):
            if delay >= patience:
                yield Occurrence(
                    f"a retry of {task.node.name} waits up to {delay:g} s, and the broker gives "
                    f"its message to another worker after {patience:g} s: it runs several times",
                    task.code.where(node),
                    "Bound the delay, or raise visibility_timeout above it.",
                )


def _retries_of(task: Task, call: ast.Call | None = None) -> float:
    """How often a task is retried; the default where nothing says so."""
    given = task.options.get("max_retries")
    for keyword in call.keywords if call else ():
        if keyword.arg == "max_retries":
            given = keyword.value
    number = number_of(given) if given is not None else RETRIES
    return number if number is not None else 0


def _delays_of_options(task: Task) -> Iterator[tuple[ast.expr, float]]:
    """The longest delays that the decorator of a task asks for."""
    delay = task.options.get("default_retry_delay")
    seconds = number_of(delay)
    if delay is not None and seconds is not None and _retries_of(task) > 0:
        if any(_is_retry(call) and not _has_delay(call) for call in task.nodes):
            yield delay, seconds
    backoff = task.options.get("retry_backoff")
    if backoff is None or "autoretry_for" not in task.options:
        return
    factor = 1.0 if is_true(backoff) else number_of(backoff)
    bound = task.options.get("retry_backoff_max")
    longest = number_of(bound) if bound is not None else LONGEST_BACKOFF
    retries = _retries_of(task)
    if factor is None or longest is None or not 1 <= retries < MOST:
        return
    yield bound or backoff, min(longest, factor * 2 ** min(retries - 1, 40))


def _is_retry(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "self.retry"


def _has_delay(node: ast.AST) -> bool:
    assert isinstance(node, ast.Call)
    return any(keyword.arg in {"countdown", "eta", None} for keyword in node.keywords)


def _delays_of_calls(task: Task) -> Iterator[tuple[ast.expr, float]]:
    """The longest of the delays that a task computes of the number of its retries."""
    # what compares the number may end before the longest of them
    compared = [node for node in task.nodes if isinstance(node, ast.Compare)]
    if any("retries" in ast.unparse(node) for node in compared):
        return
    for call in task.nodes:
        if not _is_retry(call):
            continue
        assert isinstance(call, ast.Call)
        retries = _retries_of(task, call)
        for keyword in call.keywords:
            given = followed(task.code, keyword.value)
            if keyword.arg != "countdown" or "retries" not in ast.unparse(given):
                continue
            if 1 <= retries < MOST:
                value = _value_at(given, min(retries - 1, 40))
                if value is not None:
                    yield keyword.value, value


def _value_at(node: ast.expr, retries: float) -> float | None:
    """The value of an expression after so many retries; None where it has anything else in it."""
    if dotted(node).endswith("request.retries"):
        return retries
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(op, _value_at(left, retries), _value_at(right, retries))
        case ast.Call(func=ast.Name(id="min" | "max" | "int" | "float" | "round" as name)):
            values = [_value_at(argument, retries) for argument in node.args]
            known = [value for value in values if value is not None]
            if len(known) < len(values) or not known or node.keywords:
                return None
            return min(known) if name == "min" else max(known)
    return number_of(node)


def _joined(op: ast.operator, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Pow() if abs(left) <= 1000 and right <= 100:
            return float(left**right)
    return None
