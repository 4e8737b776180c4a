"""Whether the entries of Beat fire when their author thinks they do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts
from celeryize.errors import UsageError
from celeryize.patch.source import Source
from celeryize.when import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, LONG, MINUTE, MONTH

FIELDS = {f.keyword: f for f in (MINUTE, HOUR, DAY_OF_WEEK, DAY_OF_MONTH, MONTH)}
ORDER = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
ENTRY = frozenset({"task", "schedule", "args", "kwargs", "options", "relative"})


def _crontabs(facts: Facts) -> Iterator[tuple[Source, ast.Call]]:
    for source in facts.sources:
        if "crontab" in source.text:
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "crontab":
                    yield source, node


def _given(call: ast.Call) -> dict[str, ast.expr]:
    given = dict(zip(ORDER, call.args, strict=False))
    return given | {k.arg: k.value for k in call.keywords if k.arg}


def entries(facts: Facts) -> Iterator[tuple[Source, str, ast.Dict]]:
    """The entries of schedules that are plain dicts, in the settings or in the app file."""
    for source in facts.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                target = ast.unparse(node.targets[0])
                if target in {"CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"} or target.endswith(
                    ".conf.beat_schedule"
                ):
                    for key, value in zip(node.value.keys, node.value.values, strict=True):
                        if isinstance(key, ast.Constant) and isinstance(value, ast.Dict):
                            yield source, str(key.value), value


def _value(entry: ast.Dict, name: str) -> ast.expr | None:
    for key, value in zip(entry.keys, entry.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == name:
            return value
    return None


@check("celery.E017")
def unknown_task(facts: Facts) -> Iterator[Spot]:
    """An entry of Beat names a task that does not exist.

    How it looks: Beat sends it happily, for ever; the worker logs "Received unregistered task".

    Why: Beat does not know the tasks.

    Fix: Write the name under which the task is registered: `celeryize tasks` lists them.

    Source: reproduced with Celery 5.7.
    """
    names = {task.name for task in facts.defined}
    own = {app.name for app in facts.project.apps}
    for source, name, entry in entries(facts):
        task = _value(entry, "task")
        if not (isinstance(task, ast.Constant) and isinstance(task.value, str)):
            continue
        ours = any(task.value.startswith(f"{app}.tasks.") for app in own)
        if ours and task.value not in names and not facts.worker:
            yield Spot(f"the entry {name} names {task.value}, which no code defines", source.where(task))


@check("celery.W021")
def minute_forgotten(facts: Facts) -> Iterator[Spot]:
    """A crontab names an hour or a day, and no minute: it fires sixty times an hour.

    How it looks: sixty mails instead of one.

    Why: what is not given is *.

    Fix: Add minute=0.

    Source: celery#2912, #4620, #2185.
    """
    for source, call in _crontabs(facts):
        given = _given(call)
        if given and "minute" not in given:
            yield Spot(f"{ast.unparse(call)} fires every minute", source.where(call))


@check("celery.W022")
def step(facts: Facts) -> Iterator[Spot]:
    """A step that does not divide its hour or day.

    How it looks: */45 fires at 0 and 45, fifteen minutes apart once an hour.

    Why: a crontab starts anew with each hour and day.

    Fix: Use a step that divides, or an interval.

    Source: celery#2220.
    """
    for source, call in _crontabs(facts):
        for name, size in (("minute", 60), ("hour", 24)):
            text = _given(call).get(name)
            match = (
                re.fullmatch(r"\*/(\d+)", text.value)
                if isinstance(text, ast.Constant) and isinstance(text.value, str)
                else None
            )
            if match and int(match[1]) and size % int(match[1]):
                yield Spot(f"{name}={match[0]!r} does not divide {size}", source.where(call))


@check("celery.E023")
def impossible_crontab(facts: Facts) -> Iterator[Spot]:
    """A crontab that Celery refuses: all of Beat, and the settings, do not load.

    How it looks: ValueError: Invalid weekday literal '0 8 * * *'., or Invalid crontab pattern.

    Why: each field is an argument of its own, in the order minute, hour, day_of_week, day_of_month, month_of_year.

    Fix: Use keywords; crontab.from_string("0 8 * * *") reads the five fields.

    Source: reproduced with Celery 5.7.
    """
    for source, call in _crontabs(facts):
        for name, value in _given(call).items():
            if name in {"nowfun", "app"}:
                continue
            field = FIELDS.get(name)
            if field is None:
                yield Spot(f"crontab has no argument {name}", source.where(call))
                continue
            text = value.value if isinstance(value, ast.Constant) else None
            if isinstance(text, str | int) and not isinstance(text, bool):
                try:
                    field.values(str(text).lower())
                except UsageError as error:
                    yield Spot(f"{name}={text!r}: {error.message}", source.where(call))


@check("celery.E024")
def malformed_entry(facts: Facts) -> Iterator[Spot]:
    """An entry of Beat has a key that Beat does not know, or no schedule: Beat does not start.

    How it looks: ScheduleEntry.__init__() got an unexpected keyword argument 'queue'.

    Why: the keys are task, schedule, args, kwargs, options and relative; the queue belongs into options.

    Fix: Move it into "options".

    Source: reproduced with Celery 5.7.
    """
    for source, name, entry in entries(facts):
        keys = [k.value for k in entry.keys if isinstance(k, ast.Constant)]
        for key in keys:
            if key not in ENTRY:
                yield Spot(f"the entry {name} has a key {key!r}", source.where(entry))
        if len(keys) == len(entry.keys) and not {"task", "schedule"} <= set(keys):
            yield Spot(f"the entry {name} has no {'schedule' if 'task' in keys else 'task'}", source.where(entry))
        schedule = _value(entry, "schedule")
        if isinstance(schedule, ast.Constant) and isinstance(schedule.value, str):
            yield Spot(f"the schedule of {name} is a text", source.where(schedule))


@check("celery.E025")
def arguments_are_a_text(facts: Facts) -> Iterator[Spot]:
    """The args of an entry are no tuple or list: a text is taken apart into letters, a number is an error.

    How it looks: the task is called with 'a', 'b'; or TypeError: 'int' object is not iterable.

    Why: ("ab") is a text; a tuple of one needs its comma.

    Fix: Write ["ab"] or ("ab",).

    Source: reproduced with Celery 5.7.
    """
    for source, name, entry in entries(facts):
        args = _value(entry, "args")
        if isinstance(args, ast.Constant) and args.value is not None:
            yield Spot(f"the args of {name} are {args.value!r}", source.where(args))


@check("celery.W027")
def long_interval(facts: Facts) -> Iterator[Spot]:
    """An interval of an hour or more: where Beat's file does not survive a restart, it may never end.

    How it looks: a daily task that never runs on a platform that restarts every day.

    Why: an interval counts from the start of Beat, unless its schedule file says otherwise.

    Fix: Use a crontab, or keep the file on a volume.

    Source: PostHog#42607; sentry#47333.
    """
    scheduler = facts.literal("CELERY_BEAT_SCHEDULER")
    if isinstance(scheduler, str) and "Persistent" not in scheduler:
        return
    for source, name, entry in entries(facts):
        seconds = _seconds(_value(entry, "schedule"))
        if seconds is not None and seconds >= LONG:
            yield Spot(f"the entry {name} has an interval of {seconds:g} seconds", source.where(entry))


def _seconds(node: ast.expr | None) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Call(func=func, args=[], keywords=keywords) if ast.unparse(func).split(".")[-1] == "timedelta":
            units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
            total = 0.0
            for keyword in keywords:
                amount = keyword.value
                if keyword.arg not in units or not isinstance(amount, ast.Constant):
                    return None
                total += units[keyword.arg] * float(str(amount.value))
            return total
    return None
