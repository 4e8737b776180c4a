"""Entries of the Beat schedule: what the running app makes of them, and what is lost in silence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, pairs_of, text_of
from celeryize.checks.facts.processes.reads import star_imports
from celeryize.checks.facts.processes.stop import is_development
from celeryize.checks.facts.schedule import CONF_ATTRIBUTES, SETTINGS
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import add_queue
from celeryize.checks.schedule import (
    arguments_misfit,
    cron_fields,
    crontab_calls,
    crontab_wrong,
    entry_malformed,
    entry_without_task,
    may_exist,
)
from celeryize.checks.times import wrong_time
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk

if TYPE_CHECKING:
    from celeryize.probe.report import ImportedEntry

# What gives the time at which it is called.
CLOCKS = frozenset({"now", "utcnow", "today", "localtime", "localdate", "time"})
# The days that not every month has, in words.
RARE_DAYS = {31: "five months have no day 31", 30: "February has no day 30"}
# django_celery_beat.models.IntervalSchedule
PERIODS = ("days", "hours", "minutes", "seconds", "microseconds")
# How PeriodicTask rows are made.
MAKERS = frozenset({"create", "get_or_create", "update_or_create", "acreate", "aget_or_create"})
# Settings whose dicts are checked for doubled keys: names of tasks, and options.
DICTS = ("CELERY_TASK_ROUTES", "CELERY_ROUTES", "CELERY_TASK_ANNOTATIONS", "CELERY_ANNOTATIONS")
OPTIONS = (
    "CELERY_BROKER_TRANSPORT_OPTIONS",
    "BROKER_TRANSPORT_OPTIONS",
    "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS",
)


@check("celery.W730")
def expires_at_import(facts: Facts) -> Iterator[Occurrence]:
    """The `expires` of an entry is a time, computed when the settings are imported.

    What happens: Once that time is over, every message of the entry is expired before a worker gets
        it, until Beat is restarted.
    How it looks: Discarding revoked task: shop.tasks.report[...]
    Why: The settings are imported once; the entry keeps that one moment.
    Fix: A number of seconds: "options": {"expires": 3600}
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
    """
    seen: set[str] = set()
    for entry in facts.schedule.entries:
        for pair in pairs_of(entry.fields.get("options")) or ():
            if text_of(pair.key) in {"expires", "eta"} and _reads_clock(pair.value):
                seen.add(entry.name)
                yield _computed_once(entry.name, text_of(pair.key), entry.code.where(pair.value))
    for imported in facts.worker.beat_schedule if facts.worker else ():
        options = imported.options if isinstance(imported.options, dict) else {}
        if imported.name not in seen and "datetime.datetime(" in str(options.get("expires")):
            yield _computed_once(imported.name, "expires", entry_place(facts, imported))


@check("celery.E251")
def time_of_entry_wrong(facts: Facts) -> Iterator[Occurrence]:
    """An entry of the Beat schedule has a time among its options that Celery cannot count with.

    What happens: Nothing is sent; Beat logs an error each time the entry is due.
    How it looks: SchedulingError: Couldn't apply scheduled task nightly: '<' not supported between
        instances of 'datetime.timedelta' and 'int'
    Why: expires is a number of seconds or a datetime, countdown a number of seconds.
    Fix: "options": {"expires": 3600}
    Source: celery/beat.py, Scheduler.apply_async; reproduced with Celery 5.7
    """
    # the scheduler of the database leaves out what its rows have no column for
    others = facts.settings.is_set("beat_scheduler") or facts.deployment.names_scheduler
    if others or facts.settings.first("CELERYBEAT_SCHEDULER") is not None:
        return
    for entry in facts.schedule.entries:
        for pair in pairs_of(entry.fields.get("options")) or ():
            name = text_of(pair.key)
            problem = None
            if name in {"countdown", "eta", "expires"}:
                problem = wrong_time(facts, entry.code, name, pair.value)
            if problem is not None:
                message, hint = problem
                where = entry.code.where(pair.value)
                yield Occurrence(f"{message}, in {entry.name!r}", where, hint)
    for code, name, value in _periodic_times(facts):
        problem = wrong_time(facts, code, name, value)
        if problem is not None:
            message, hint = problem
            yield Occurrence(f"{message}, in add_periodic_task()", code.where(value), hint)


def _periodic_times(facts: Facts) -> Iterator[tuple[Code, str, ast.expr]]:
    """The times among the options of `sender.add_periodic_task(60, task.s(), expires=...)`."""
    for code in facts.code.relevant:
        for call in code.calls_of("add_periodic_task"):
            for keyword in call.keywords:
                if keyword.arg in {"countdown", "eta", "expires"}:
                    yield code, keyword.arg, keyword.value


def _computed_once(name: str, option: str | None, where: Where | None) -> Occurrence:
    return Occurrence(
        f"{option} of {name!r} is computed once, when the settings are imported",
        where,
        "Write the number of seconds.",
    )


def _reads_clock(node: ast.expr) -> bool:
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    # inside a lambda it is computed later
    if any(isinstance(n, ast.Lambda) for n in ast.walk(node)):
        return False
    return any(
        dotted(call.func).rpartition(".")[2] in CLOCKS and not call.keywords and len(call.args) < 2
        for call in calls
    )


def entry_place(facts: Facts, entry: ImportedEntry) -> Where | None:
    """Where an entry is written, or else where the schedule is."""
    for written in facts.schedule.entries:
        if written.name == entry.name:
            return written.where
    setting = facts.settings.first(*SETTINGS)
    if setting is not None:
        return setting.where
    for app in facts.project.celery:
        for name, where in app.conf_writes:
            if name in {"beat_schedule", "update"}:
                return where
    for code in facts.code.relevant:
        for call in code.calls:
            if dotted(call.func).endswith(".add_periodic_task"):
                return code.where(call)
    return None


@check("celery.W731")
def key_twice(facts: Facts) -> Iterator[Occurrence]:
    """A dict of the settings has one key twice.

    What happens: The last one counts, the first is gone: an entry or a route that was written is
        not there, or an option has another value than the one that was read first.
    How it looks: (nothing: Python says no word about it)
    Why: Of two equal keys in a dict, Python keeps the last.
    Fix: A name of its own for each entry and each route; an option once.
    Source: https://docs.python.org/3/reference/expressions.html#dictionary-displays
    """
    for code, holder in [*facts.schedule.dicts, *_dicts_named(facts, DICTS)]:
        for name, first, key in _doubled(holder):
            yield Occurrence(
                f"the key {name!r} is there twice, so the one of line {first.lineno} is gone",
                code.where(key),
                "Give each its own name.",
            )
    entries = [(entry.code, entry.node) for entry in facts.schedule.entries if entry.is_literal]
    for code, holder in [*_dicts_named(facts, OPTIONS), *entries]:
        for name, first, key in _doubled(holder):
            yield Occurrence(
                f"{name!r} is given twice, so the value of line {first.lineno} is not used: the "
                "last one counts",
                code.where(key),
                "Delete the one that is not meant.",
            )


def _dicts_named(facts: Facts, names: Sequence[str]) -> list[tuple[Code, ast.Dict]]:
    """The settings of some names that are written as a dict."""
    found = facts.settings.named(*names)
    return [(one.code, one.value) for one in found if isinstance(one.value, ast.Dict)]


def _doubled(holder: ast.Dict) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """Each key that a dict has already, with the place before, and this one."""
    before: dict[str, ast.expr] = {}
    for key in holder.keys:
        name = text_of(key)
        if key is None or name is None:
            continue
        if name in before:
            yield name, before[name], key
        before[name] = key


@check("celery.W732")
def schedule_replaced(facts: Facts) -> Iterator[Occurrence]:
    """The Beat schedule is assigned twice in one file.

    What happens: The entries of the first are gone.
    How it looks: (nothing)
    Why: The second assignment replaces the first as a whole.
    Fix: One dict; or CELERY_BEAT_SCHEDULE.update(...).
    Source: reproduced with Celery 5.7
    """
    last: dict[tuple[str, str], ast.AST] = {}
    for setting in facts.settings.named(*SETTINGS):
        statement = setting.code.parents[setting.value]
        key = (setting.name, str(setting.where.path))
        before = last.get(key)
        last[key] = statement
        if before is None or setting.conditional or not pairs_of(setting.value):
            continue
        taken = [
            node
            for node in setting.code.parents
            if isinstance(node, ast.Name)
            and node.id == setting.name
            and isinstance(node.ctx, ast.Load)
        ]
        first_line = getattr(before, "lineno", 0)
        same_level = setting.code.parents[before] is setting.code.parents[statement]
        # `OLD = CELERY_BEAT_SCHEDULE`, or `{**CELERY_BEAT_SCHEDULE, ...}`, keeps the first
        if same_level and not any(node.lineno > first_line for node in taken):
            yield Occurrence(
                f"this replaces the {setting.name} of line {first_line}, whose entries are gone",
                setting.where,
                "Write one dict.",
            )


@check("celery.W743")
def base_schedule_replaced(facts: Facts) -> Iterator[Occurrence]:
    """The settings of one environment replace the Beat schedule that all share.

    What happens: There, the entries of the shared file are never sent.
    How it looks: (nothing)
    Why: `from .base import *` brings the schedule, and the assignment behind it replaces the whole.
    Fix: CELERY_BEAT_SCHEDULE = {**CELERY_BEAT_SCHEDULE, "more": {...}}; or .update({...})
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#entries
    """
    every = list(facts.settings.named(*SETTINGS))
    places = [s for s in every if not s.conditional]
    for setting in every if len({one.code.path for one in every}) > 1 else ():
        if setting.conditional and not _is_of_production(setting):
            continue
        own = _keys_of(setting.value)
        # an empty schedule is meant; so is that of a developer
        if not own or is_development(setting.code.path):
            continue
        shared = _files_brought_to(facts, setting)
        for base in places:
            lost = [key for key in _keys_of(base.value) if key not in own]
            if base.name == setting.name and base.code.path in shared and lost:
                rest = " and others are" if len(lost) > 3 else _is_or_are(lost)
                yield Occurrence(
                    f"this replaces the schedule of {base.where}: {', '.join(lost[:3])}{rest} "
                    "never sent here",
                    setting.where,
                    f"Write {{**{setting.name}, ...}}, or {setting.name}.update(...).",
                )


def _is_of_production(setting: Setting) -> bool:
    """Whether the condition of an assignment is `if not DEBUG`, or another one of production."""
    holder = setting.code.parents[setting.code.parents[setting.value]]
    if not isinstance(holder, ast.If) or not isinstance(setting.code.parents[holder], ast.Module):
        return False
    if setting.code.parents[setting.value] not in holder.body:
        return False
    return (
        re.fullmatch(r"not (?:settings\.)?DEBUG|(?:IS_)?PROD\w*", ast.unparse(holder.test))
        is not None
    )


def _files_brought_to(facts: Facts, setting: Setting) -> set[PurePosixPath]:
    """The files that are star-imported above a setting, where nothing takes over the setting of
    theirs."""
    body = setting.code.source.tree.body
    # what is taken from it, or added to it, may be the other's
    others = [node for node in body if node is not setting.code.parents[setting.value]]
    if any(_takes(node, setting.name) for node in (*others, setting.value)):
        return set()
    above = [node for node in body if node.lineno < setting.value.lineno]
    return {path for node in above for path in _star_imported(facts, setting.code, node)}


def _is_or_are(names: list[str]) -> str:
    if len(names) == 1:
        return " is"
    return " are"


def _keys_of(value: ast.expr) -> list[str]:
    """The names of the entries of a schedule; none where another dict brings some."""
    if isinstance(value, ast.Dict) and None in value.keys:
        return []
    if isinstance(value, ast.Call) and any(keyword.arg is None for keyword in value.keywords):
        return []
    keys = (text_of(pair.key) for pair in pairs_of(value) or ())
    return [key for key in keys if key]


def _takes(node: ast.AST, name: str) -> bool:
    """Whether a statement or a value uses a setting, or imports it under another name."""
    for inner in walk(node):
        if isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Load):
            return True
        if isinstance(inner, ast.Attribute | ast.alias) and name in (
            getattr(inner, "attr", ""),
            getattr(inner, "name", ""),
        ):
            return True
    return False


def _star_imported(facts: Facts, code: Code, node: ast.stmt) -> list[PurePosixPath]:
    """The files that a star import brings, with those that they bring."""
    if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
        return []
    found = facts.modules.find(facts.modules.absolute(node, code.path))
    return star_imports(facts, found) if found is not None else []


@check("celery.E733")
def periodic_task_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A PeriodicTask is made for a task that does not exist.

    What happens: Beat sends it, and each worker discards it.
    How it looks: Received unregistered task of type 'shop.tasks.ad'.
    Why: The row holds a name, and nothing checks it.
    Fix: The name under which the task is registered.
    Source: https://django-celery-beat.readthedocs.io/; celery/worker/consumer/consumer.py,
        on_unknown_task
    """
    for code in facts.code.relevant:
        if "PeriodicTask" not in code.source.text:
            continue
        for call in code.calls:
            value = _periodic_task(facts, code, call)
            name = text_of(value)
            if value is None or not name or not is_unknown_task(facts, name):
                continue
            yield Occurrence(
                f"this PeriodicTask names the task {name}, which does not exist",
                code.where(value),
                "Use the name under which the task is registered.",
            )


def _periodic_task(facts: Facts, code: Code, call: ast.Call) -> ast.expr | None:
    """The `task` of a call that makes a PeriodicTask."""
    return model_values(facts, code, call).get("task")


@check("celery.E740")
def periodic_arguments_not_json(facts: Facts) -> Iterator[Occurrence]:
    """A PeriodicTask is given its arguments as Python, or a period that does not exist.

    What happens: Beat fails on the row, again and again, or sends nothing for it.
    How it looks: json.decoder.JSONDecodeError: Expecting value, or
        TypeError: 'second' is an invalid keyword argument for timedelta
    Why: The columns hold texts: args and kwargs are JSON, and nothing converts them. A period is
        days, hours, minutes, seconds or microseconds.
    Fix: args=json.dumps([...]), kwargs=json.dumps({...}); period=IntervalSchedule.SECONDS
    Source: https://django-celery-beat.readthedocs.io/en/latest/; django_celery_beat/models.py
    """
    for code in facts.code.relevant:
        if "django_celery_beat" not in code.source.text:
            continue
        for call in code.calls:
            given = model_values(facts, code, call)
            for name in ("args", "kwargs"):
                if isinstance(given.get(name), ast.List | ast.Tuple | ast.Dict):
                    yield Occurrence(
                        f"{name} of this PeriodicTask is Python, and the column holds JSON",
                        code.where(given[name]),
                        f"Write {name}=json.dumps(...).",
                    )
            period = text_of(given.get("period"))
            if period and period not in PERIODS:
                yield Occurrence(
                    f"there is no period {period!r}",
                    code.where(given["period"]),
                    f"Write one of {', '.join(PERIODS)}.",
                )


def model_values(facts: Facts, code: Code, call: ast.Call) -> dict[str, ast.expr]:
    """The values by column that a call gives a new PeriodicTask or IntervalSchedule."""
    spelled = dotted(call.func)
    model, _, method = spelled.partition(".objects.")
    if method and method not in MAKERS:
        return {}
    head, _, rest = model.partition(".")
    module, name = facts.code.bindings(code.path).get(head, ("", None))
    full = ".".join(part for part in (module, name, rest) if part)
    if not full.startswith("django_celery_beat.models."):
        return {}
    found = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    for keyword in ("defaults", "create_defaults"):
        for pair in pairs_of(found.get(keyword)) or ():
            found.setdefault(text_of(pair.key) or "", pair.value)
    return found


def is_unknown_task(facts: Facts, name: str) -> bool:
    """Whether no task has a name, for certain: the registry, or the code alone, has none."""
    if name in facts.task_names or name.startswith("celery."):
        return False
    if facts.worker and facts.worker.tasks:
        return True
    is_own = name.split(".")[0] in facts.code.own_packages
    return is_own and all(task.name for task in facts.tasks) and not may_exist(facts, name)


@check("celery.E734", unless=("celery.E942",))
def entry_queue_not_consumed(facts: Facts) -> Iterator[Occurrence]:
    """An entry of the Beat schedule goes to a queue that no worker consumes.

    What happens: Its messages stay in the broker; the task never runs.
    How it looks: (nothing: Beat sends it on time)
    Why: Each worker of the deployment names its queues with -Q, or consumes the default queue.
    Fix: Add the queue to the -Q of a worker.
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html
    """
    workers = facts.deployment.workers
    unclear = any("$" in c.text or "{" in c.text for c in workers)
    if not workers or unclear or facts.settings.is_set("task_default_queue"):
        return
    declared = facts.settings.is_set("task_queues") or facts.settings.first("CELERY_QUEUES")
    given = [command.option("-Q", "--queues") for command in workers]
    # without -Q, all of CELERY_TASK_QUEUES are consumed
    if declared and None in given:
        return
    consumed = {q for queues in given for q in (queues or "celery").split(",")}
    for entry in facts.schedule.entries:
        for pair in pairs_of(entry.fields.get("options")) or ():
            queue = text_of(pair.value)
            if text_of(pair.key) == "queue" and queue and queue not in consumed:
                yield Occurrence(
                    f"no worker consumes the queue {queue!r} of {entry.name!r} "
                    f"({workers[0].where}: {', '.join(sorted(consumed))})",
                    entry.code.where(pair.value),
                    f"Add it: {add_queue(workers[0], consumed, queue)}",
                )


@check("celery.W735")
def day_that_few_months_have(facts: Facts) -> Iterator[Occurrence]:
    """A crontab is due on a day that not every month has.

    What happens: With day_of_month=31 the task runs in seven months of twelve.
    How it looks: (nothing)
    Why: A month without that day is left out.
    Fix: day_of_month=1, or "28-31" and a test for the last day inside the task.
    Source: celery/schedules.py
    """
    for code, call in crontab_calls(facts):
        fields = cron_fields(call)
        text = str(getattr(fields.get("day_of_month"), "value", ""))
        if "month_of_year" in fields or "day_of_week" in fields or not text.isdigit():
            continue
        if int(text) in RARE_DAYS:
            yield Occurrence(
                f"{ast.unparse(call)} does not run every month: {RARE_DAYS[int(text)]}",
                code.where(call),
                'Use day_of_month=1, or "28-31" and test for the last day in the task.',
            )


@check(
    "celery.E736",
    imports=True,
    unless=("celery.E001", "celery.E002", "celery.E003", "celery.E030", "celery.E120"),
)
def entry_cannot_be_sent(facts: Facts) -> Iterator[Occurrence]:
    """Beat cannot build or send an entry that the running app holds.

    What happens: Beat exits, or logs an exception whenever the entry is due; a schedule of 0
        seconds is sent continuously.
    How it looks: TypeError: ScheduleEntry.__init__() got an unexpected keyword argument ..., or
        Couldn't apply scheduled task nightly: greet() takes 1 positional argument but 2 were given
    Why: The exception that is shown, from building the entry and binding its arguments as Beat
        does.
    Fix: See the exception.
    Source: celery/beat.py; the worker's own schedule
    """
    worker = facts.worker
    if worker is None:
        return
    checks = (entry_malformed, entry_without_task, crontab_wrong, arguments_misfit)
    told = [occurrence.message for run in checks for occurrence in run(facts)]
    for entry in worker.beat_schedule:
        # what the code alone shows is told by E230, E240 and E250
        if any(repr(entry.name) in message for message in told):
            continue
        problem = _problem_of(worker.scheduler, entry)
        if problem:
            yield Occurrence(
                f"Beat cannot send the entry {entry.name!r}: {problem}", entry_place(facts, entry)
            )


def _problem_of(scheduler: str | None, entry: ImportedEntry) -> str | None:
    """What Beat would raise for an entry, or why it would never stop sending it."""
    own = scheduler is None or scheduler.startswith("celery.beat")
    if entry.problem:
        # another scheduler builds its entries in its own way
        building = "ScheduleEntry" in entry.problem or entry.problem.startswith("AttributeError")
        return entry.problem if own or not building else None
    seconds = re.fullmatch(r"(-?[\d.]+)|<freq: (-?[\d.]+) seconds?>", entry.schedule)
    zero = entry.schedule == "datetime.timedelta(0)"
    if seconds is not None:
        zero = float(seconds[1] or seconds[2]) <= 0
    if zero:
        return f"its schedule is {entry.schedule}, so it is always due"
    return None


@check("celery.E737")
def schedule_is_a_list(facts: Facts) -> Iterator[Occurrence]:
    """The Beat schedule is a list.

    What happens: Beat does not start.
    How it looks: TypeError: unhashable type: 'dict'
    Why: Each entry needs a name: the schedule is a dict of entries.
    Fix: {"nightly": {"task": ..., "schedule": ...}}
    Source: celery/beat.py; reproduced with Celery 5.7
    """
    for setting in facts.settings.named(*SETTINGS):
        if isinstance(setting.value, ast.List | ast.Tuple | ast.Set):
            yield Occurrence(
                f"{setting.name} is not a dict of entries by name",
                setting.where,
                'Write {"name": {"task": ..., "schedule": ...}}.',
            )
    for code in facts.code.relevant:
        for node in code.assigns:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List):
                continue
            if dotted(node.targets[0]).endswith(CONF_ATTRIBUTES):
                yield Occurrence(
                    "the schedule is not a dict of entries by name",
                    code.where(node),
                    'Write {"name": {"task": ..., "schedule": ...}}.',
                )


@check("celery.E738")
def periodic_task_called(facts: Facts) -> Iterator[Occurrence]:
    """add_periodic_task is given a call of a task, or its arguments in the wrong order.

    What happens: The task runs, or is sent, at once; the exception that follows is swallowed with
        the rest of the handler, so its periodic tasks are missing.
    How it looks: (nothing), or AttributeError: 'NoneType' object has no attribute 'name'. Or:
        'crontab' object has no attribute 'name'
    Why: `.s()` makes a signature; a call of the task runs it here, and delay() sends it now.
    Fix: sender.add_periodic_task(10.0, greet.s("x"))
    Source: celery/app/base.py; reproduced with Celery 5.7
    """
    for code, call in _periodic_calls(facts):
        given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "sig")]
        if call.args and len(given) == 1 and _is_signature(facts, code, call.args[0]):
            yield Occurrence(
                "the schedule comes first, and then the signature",
                code.where(call),
                f"Write add_periodic_task({ast.unparse(given[0])}, {ast.unparse(call.args[0])}).",
            )
            continue
        if not given or not isinstance(given[0], ast.Call):
            continue
        function = given[0].func
        sent = isinstance(function, ast.Attribute) and function.attr in {"delay", "apply_async"}
        owner = function.value if sent and isinstance(function, ast.Attribute) else function
        if facts.tasks.named_by(code, owner) is not None or _is_local_task(facts, code, owner):
            name = dotted(owner)
            yield Occurrence(
                f"{ast.unparse(given[0])} calls {name} here and now",
                code.where(given[0]),
                f"Write {name}.s(...).",
            )


def _is_signature(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is `task.s(...)`, for a task of the project."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    if node.func.attr not in {"s", "si", "signature"}:
        return False
    return facts.tasks.named_by(code, owner) is not None or _is_local_task(facts, code, owner)


def _is_local_task(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether a name is imported, inside of a function, from a module where it is a task."""
    name = dotted(node)
    for statement in code.imports:
        if isinstance(statement, ast.ImportFrom):
            module = facts.modules.absolute(statement, code.path)
            for alias in statement.names:
                if name == (alias.asname or alias.name):
                    return f"{module}.{alias.name}" in {task.name for task in facts.tasks}
    return False


def _periodic_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call]]:
    for code in facts.code.relevant:
        if "add_periodic_task" in code.source.text:
            for call in code.calls:
                if dotted(call.func).endswith(".add_periodic_task"):
                    yield code, call


@check("celery.W739")
def periodic_task_replaced(facts: Facts) -> Iterator[Occurrence]:
    """Two calls of add_periodic_task have the same signature and no name.

    What happens: The second replaces the first: only its schedule is in effect.
    How it looks: (nothing)
    Why: Without `name=`, an entry is called after its signature.
    Fix: name="..." for each.
    Source: celery/app/base.py, _add_periodic_task; reproduced with Celery 5.7
    """
    seen: dict[tuple[Function | None, str], ast.Call] = {}
    for code, call in _periodic_calls(facts):
        if len(call.args) < 2 or any(k.arg in {"name", None} for k in call.keywords):
            continue
        # of two branches only one may run
        if any(isinstance(o, ast.If | ast.Try | ast.For | ast.While) for o in code.around(call)):
            continue
        key = (code.function_of(call), f"{dotted(call.func)} {ast.dump(call.args[1])}")
        first = seen.setdefault(key, call)
        if first is not call:
            yield Occurrence(
                f"this replaces the periodic task of line {first.lineno}, which has the same "
                "signature",
                code.where(call),
                "Give each a name=.",
            )
