"""How long the broker waits for a task before it gives it to another worker."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import constant_of
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import is_true, number_of, pairs_of, text_of
from celeryize.checks.settings import PREFIX, url_text
from celeryize.model import Where
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import replaced

OPTIONS = f"{PREFIX}BROKER_TRANSPORT_OPTIONS"
# Seconds, where nothing sets them; Source: kombu/transport/redis.py.
VISIBILITY_TIMEOUT = 3600.0
# The same of Amazon's; Source: kombu/transport/SQS.
SQS_TIMEOUT = 1800.0
# The most that Amazon takes; Source: its SetQueueAttributes.
SQS_LONGEST = 43200
HOUR = 3600


@dataclass(frozen=True, slots=True)
class _Longer:
    """Something that takes longer than the broker waits: its seconds, its place, what is wrong."""

    seconds: float
    where: Where
    message: str


@check("celery.W470", grouped=True, fixable=True)
def visibility_timeout_too_short(facts: Facts) -> Iterator[Occurrence]:
    """The broker delivers a task again before it can be done.

    What happens: The same task runs several times at once.
    How it looks: The same task id is received again and again in the worker's log.
    Why: Redis and SQS give a message that is not acknowledged within visibility_timeout to another
        worker; late acknowledgement, `countdown` and `eta` keep messages that long.
    Fix: visibility_timeout above the time limit and the longest countdown or eta.
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
    """
    timeout = broker_patience(facts)
    if timeout is None:
        return
    broker = "Redis"
    if (url_text(facts, "broker_url") or "").startswith("sqs"):
        broker = "SQS"
    found = [
        *_limit_longer_than(facts, timeout, broker),
        *_tasks_longer_than(facts, timeout, broker),
    ]
    found += _delays_longer_than(facts, timeout, broker)
    if not found:
        return
    # one number for all of them: the next full hour
    longest = max(one.seconds for one in found)
    enough = (int(longest) // HOUR + 1) * HOUR
    hint, fix = _how_to_wait(facts, longest, enough), _write_timeout(facts, enough)
    if broker == "SQS" and enough > SQS_LONGEST:
        hint = f"SQS waits {SQS_LONGEST} s at most: a task that takes longer has to be two, and "
        hint += "what is due later has to be sent later, by Beat."
        fix = Unsure(f"SQS waits {SQS_LONGEST} s at most")
    for one in found:
        yield Occurrence(one.message, one.where, hint, fix=fix)


def _how_to_wait(facts: Facts, longest: float, enough: int) -> str:
    """What to write so that the broker waits longer than the longest, and where."""
    option = f'"visibility_timeout": {enough}'
    above = f"which is above {longest:g} s, the longest of all"
    _, where = _visibility_timeout(facts)
    options = facts.settings.first(OPTIONS)
    if where is not None:
        return f"Write {option} in {where}, {above}."
    if options is not None:
        return f"Add {option} to {OPTIONS} ({options.where}), {above}."
    broker = facts.settings.first(f"{PREFIX}BROKER_URL")
    place = f" below {broker.where}" if broker else ""
    return f"Add {OPTIONS} = {{{option}}}{place}, {above}."


def _write_timeout(facts: Facts, enough: int) -> Fix | Unsure:
    """The number in the settings that is too low."""
    found = list(facts.settings.named(OPTIONS))
    value = _timeout_of(found[0].value) if len(found) == 1 else None
    if len(found) > 1:
        return Unsure(f"{OPTIONS} is set in several places")
    if value is None or number_of(value) is None:
        return Unsure("no number for visibility_timeout is written in the settings")
    source = found[0].code.source
    what = f"visibility_timeout becomes {enough}"
    return Fix(found[0].code.path, what, (replaced(source, value, str(enough)),))


def _limit_longer_than(facts: Facts, timeout: float, broker: str) -> Iterator[_Longer]:
    """The time limit of the settings, where any task is acknowledged at its end."""
    limit = facts.settings.first(f"{PREFIX}TASK_TIME_LIMIT")
    longest = number_of(limit.value) if limit and _acknowledges_late(facts) else None
    if limit is None or longest is None or timeout > longest:
        return
    yield _Longer(
        longest,
        _visibility_timeout(facts)[1] or limit.where,
        f"{broker} delivers a task again after {timeout:g} s, but it may run for {longest:g} s "
        "and is acknowledged at its end",
    )


def _delays_longer_than(facts: Facts, timeout: float, broker: str) -> Iterator[_Longer]:
    """The calls that send a task for later than the broker waits."""
    for code in facts.code.relevant:
        for call in code.calls:
            delay = delay_of(code, call)
            if delay is not None and delay >= timeout:
                yield _Longer(
                    delay,
                    code.where(call),
                    f"a delay of {delay:g} s is not below the visibility_timeout of {broker}, "
                    f"{timeout:g} s: the task runs several times",
                )


def _tasks_longer_than(facts: Facts, timeout: float, broker: str) -> Iterator[_Longer]:
    """The tasks that are acknowledged at their end and have a time limit of their own above the
    patience of the broker."""
    late = facts.settings.first("CELERY_TASK_ACKS_LATE")
    by_settings = late is not None and is_true(late.value)
    for task in facts.tasks:
        own = task.options.get("acks_late")
        if not (is_true(own) or (own is None and by_settings)):
            continue
        limits = [number_of(task.options.get(name)) for name in ("time_limit", "soft_time_limit")]
        longest = max((limit for limit in limits if limit is not None), default=0)
        if longest >= timeout:
            yield _Longer(
                longest,
                task.where,
                f"{task.node.name} may run for {longest:g} s, and {broker} delivers it again after "
                f"{timeout:g} s",
            )


def broker_patience(facts: Facts) -> float | None:
    """The seconds after which the broker gives an unacknowledged message to another worker; None
    for a broker that does not, or of which it is not known."""
    url = url_text(facts, "broker_url") or ""
    timeout, where = _visibility_timeout(facts)
    if url.startswith(("redis", "sentinel")):
        return timeout
    options = facts.settings.first(f"{PREFIX}BROKER_TRANSPORT_OPTIONS")
    # a queue that is made elsewhere has a timeout of its own
    if not url.startswith("sqs") or (options and "predefined" in ast.unparse(options.value)):
        return None
    if where is None:
        return SQS_TIMEOUT
    return timeout


def _visibility_timeout(facts: Facts) -> tuple[float, Where | None]:
    """The seconds after which Redis delivers a message again, and where they are set."""
    options = facts.settings.first(OPTIONS)
    value = _timeout_of(options.value) if options else None
    if options is None or value is None:
        return VISIBILITY_TIMEOUT, None
    return number_of(value) or VISIBILITY_TIMEOUT, options.code.where(value)


def _timeout_of(options: ast.expr) -> ast.expr | None:
    """The value of visibility_timeout in a dict of options."""
    pairs = pairs_of(options) or []
    return next((p.value for p in pairs if text_of(p.key) == "visibility_timeout"), None)


def _acknowledges_late(facts: Facts) -> bool:
    """Whether any task is acknowledged at its end only."""
    late = facts.settings.first("CELERY_TASK_ACKS_LATE")
    if late and is_true(late.value):
        return True
    return any(is_true(task.options.get("acks_late")) for task in facts.tasks)


def delay_of(code: Code, call: ast.Call) -> float | None:
    """The seconds in `apply_async(..., countdown=60)`, or in `eta=timezone.now() + timedelta()`."""
    sends = {"apply_async", "apply_async_on_commit", "retry", "send_task", "set"}
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in sends:
        return None
    for keyword in call.keywords:
        value = constant_of(code, keyword.value)
        if keyword.arg == "countdown":
            return number_of(value)
        if keyword.arg == "eta" and isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            now = isinstance(value.left, ast.Call) and dotted(value.left.func).endswith("now")
            if now:
                return number_of(constant_of(code, value.right))
    return None
