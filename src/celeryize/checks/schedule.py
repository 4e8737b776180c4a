"""Periodic tasks: crontabs, entries, their tasks and arguments, the scheduler."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping

from celeryize.celery_facts import words
from celeryize.checks.arguments import as_arguments, fitting_call, misfit, one_in_a_tuple
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import is_true, number_of, text_of
from celeryize.checks.facts.plain import is_handed_on, plain_at, plain_named
from celeryize.checks.facts.schedule import WrittenEntry
from celeryize.checks.facts.tasks import Task
from celeryize.checks.fixes import did_you_mean, only_near, remedy_for_name, rename_key
from celeryize.checks.installed import how_to_add_app
from celeryize.checks.registration import left_without_worker, would_be
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import respelled
from celeryize.patch.source import Splice, expression
from celeryize.schedule_words import crontab_words

CRON_FIELDS = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
RANGES = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_week": (0, 6),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
}
ENTRY_KEYS = {"task", "schedule", "args", "kwargs", "options", "relative", "name"}
# What apply_async reads. Source: celery/app/task.py and amqp.py of 5.7.
SEND_OPTIONS = words(
    """
    args kwargs task_id producer link link_error shadow countdown eta expires retry retry_policy
    queue exchange routing_key priority serializer compression add_to_parent publisher headers
    connection ignore_result time_limit soft_time_limit root_id parent_id group_id group_index chord
    callbacks errbacks reply_to delivery_mode mandatory immediate declare content_type
    content_encoding expire_seconds timeout confirm_timeout exchange_type properties task_type
    argsrepr kwargsrepr user_id
    """
)
# Days of the months that have fewer than 31, February in leap years.
DAYS_IN = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def crontab_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call]]:
    """Every call of Celery's crontab in the project."""
    for code in facts.code.relevant:
        if "crontab" not in code.source.text:
            continue
        bound = facts.code.bindings(code.path)
        names = {
            n
            for n, (module, name) in bound.items()
            if module == "celery.schedules" and name == "crontab"
        }
        names |= {
            f"{n}.crontab"
            for n, (module, name) in bound.items()
            if name == "schedules" and module == "celery"
        }
        names.add("celery.schedules.crontab")
        for call in code.calls:
            if dotted(call.func) in names:
                yield code, call


def cron_fields(call: ast.Call) -> dict[str, ast.expr]:
    """The fields of a crontab by name, however they are passed."""
    fields = dict(zip(CRON_FIELDS, call.args, strict=False))
    return fields | {k.arg: k.value for k in call.keywords if k.arg}


@check("celery.W210")
def every_minute_of_the_hour(facts: Facts) -> Iterator[Occurrence]:
    """A crontab sets an hour or a day, but no minute.

    What happens: The task is sent sixty times, every minute of that hour.
    How it looks: sixty lines "Scheduler: Sending due task ..." in the log of Beat, 08:00 to 08:59
    Why: An omitted field means every value, for the minute as well.
    Fix: Add minute=0; and hour=0, where only a day is set.
    Source: https://github.com/celery/celery/issues/2912
    """
    for code, call in crontab_calls(facts):
        fields = cron_fields(call)
        # hour="*" says every hour on purpose
        coarse = [f for f in CRON_FIELDS[1:] if f in fields and text_of(fields[f]) != "*"]
        if coarse and "minute" not in fields and not any(k.arg is None for k in call.keywords):
            hint = "Add minute=0."
            if "hour" not in fields:
                # minute=0 alone is every hour
                hint = "Add hour=0 and minute=0."
            yield Occurrence(
                f"{ast.unparse(call)} is due {_every_minute_of(fields)}", code.where(call), hint
            )


def _every_minute_of(fields: Mapping[str, ast.expr]) -> str:
    """When a crontab without a minute is due: `every minute of 06:00-06:59 on Monday`."""
    given: dict[str, str] = {}
    for name in CRON_FIELDS[1:]:
        value = fields.get(name)
        if value is None:
            given[name] = "*"
        elif isinstance(value, ast.Constant):
            given[name] = str(value.value)
        else:
            # a variable, or a set, which is not read here
            return "every minute"
    words = crontab_words(
        "*",
        given["hour"],
        given["day_of_month"],
        given["month_of_year"],
        given["day_of_week"],
    )
    hour = given["hour"]
    if hour.isdigit():
        return words.replace(f"of hour {int(hour)}", f"of {int(hour):02d}:00-{int(hour):02d}:59", 1)
    return words


@check("celery.I211")
def every_minute(facts: Facts) -> Iterator[Occurrence]:
    """A crontab without any field is due every minute.

    What happens: The task is sent every minute.
    How it looks: <crontab: * * * * * (m/h/dM/MY/d)>
    Why: An omitted field means every value.
    Fix: crontab(minute="*") makes it explicit; or set the fields that were meant.
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules
    """
    for code, call in crontab_calls(facts):
        if not call.args and not call.keywords:
            yield Occurrence(
                "crontab() is due every minute",
                code.where(call),
                'Write crontab(minute="*") if that is meant.',
            )


@check("celery.W220")
def step_does_not_divide(facts: Facts) -> Iterator[Occurrence]:
    """A step of a crontab does not divide its range.

    What happens: */45 is due at minutes 0 and 45: after 45 minutes, then after 15; */90 is due once
        an hour.
    How it looks: The task runs at uneven times.
    Why: A step counts from the start of each hour (or day), not from the last run.
    Fix: A step that divides 60 (or 24), or timedelta(minutes=45).
    Source: https://github.com/celery/celery/issues/2220
    """
    for code, call in crontab_calls(facts):
        for field, size in (("minute", 60), ("hour", 24)):
            text = text_of(cron_fields(call).get(field)) or ""
            step = text.removeprefix("*/")
            if (
                text.startswith("*/")
                and step.isdigit()
                and int(step)
                and (size % int(step) or int(step) >= size)
            ):
                yield Occurrence(
                    f"{field}={text!r} is not every {step} {field}s: it restarts at 0",
                    code.where(call),
                    f"Use timedelta({field}s={step}), or a step that divides {size}.",
                )


@check("celery.E230")
def crontab_wrong(facts: Facts) -> Iterator[Occurrence]:
    """A crontab is invalid, or never occurs.

    What happens: Importing its module, or starting Beat, fails.
    How it looks: ValueError: Invalid weekday literal '0 8 * * *'.
        ValueError: Invalid crontab pattern.  Valid range is 0-59. '60' was found.
        TypeError: BaseSchedule.__init__() got an unexpected keyword argument 'hours'
    Why: crontab takes minute, hour, day_of_week, day_of_month, month_of_year, each a number or a
        pattern.
    Fix: crontab.from_string("0 8 * * *") for a line of cron; else the fields by name.
    Source: celery/schedules.py
    """
    for code, call in crontab_calls(facts):
        problem = crontab_problem(call)
        if problem:
            yield Occurrence(problem[0], code.where(call), problem[1])


def crontab_problem(call: ast.Call) -> tuple[str, str] | None:
    """What is wrong with a call of crontab, and what to write instead; None if nothing is known to
    be wrong."""
    # the mistake of everybody who knows cron: the whole line as one argument
    if call.args and len((text_of(call.args[0]) or "").split()) == 5:
        return (
            "crontab() takes five fields, not a line of cron",
            f"Write crontab.from_string({ast.unparse(call.args[0])}).",
        )
    fields = cron_fields(call)
    for name in fields:
        if name not in {*CRON_FIELDS, "nowfun", "app"}:
            close = difflib.get_close_matches(name, CRON_FIELDS, 1, 0.6)
            return (
                f"crontab() has no field {name!r}",
                f"Did you mean {close[0]}?" if close else "Its fields: " + ", ".join(CRON_FIELDS),
            )
    # names of days and months are left to Celery
    for name, (low, high) in RANGES.items():
        value = fields.get(name)
        texts = []
        if isinstance(value, ast.Constant):
            texts = [str(value.value)]
        for number in (
            n for text in texts for part in text.split(",") for n in part.split("/")[0].split("-")
        ):
            if number.strip().isdigit() and not low <= int(number) <= high:
                return f"{name} is {number}, but the valid range is {low}-{high}", _in_range(name)
    day, month = number_of(fields.get("day_of_month")), number_of(fields.get("month_of_year"))
    if day is not None and month is not None and day > DAYS_IN.get(int(month), 31):
        last = DAYS_IN[int(month)]
        hint = f"Write a day up to {last}, or leave day_of_month out for each day of that month."
        return f"day {day:g} never occurs in month {month:g}", hint
    return None


def _in_range(name: str) -> str:
    """The numbers that a field of crontab takes, and what the one behind the last is mostly meant
    as."""
    low, high = RANGES[name]
    first = {"minute": "the full hour", "hour": "midnight", "day_of_week": "Sunday"}
    if name in first:
        return f"Write {low} to {high}: {first[name]} is {low}."
    return f"Write {low} to {high}."


@check("celery.W231")
def crontab_in_cron_order(facts: Facts) -> Iterator[Occurrence]:
    """A crontab's third positional argument is the day of the week.

    What happens: crontab(0, 8, 1) means Mondays at eight, not the first of the month.
    How it looks: (nothing: the task runs on other days)
    Why: Celery's order is minute, hour, day_of_week, day_of_month, month_of_year; cron's is
        another.
    Fix: Name the fields.
    Source: celery/schedules.py
    """
    for code, call in crontab_calls(facts):
        if len(call.args) < 3 or crontab_problem(call) is not None:
            continue
        # a name, `*` or 0 can be no day of a month; what a variable holds is not known
        if re.fullmatch(r"[1-6]([,/-][1-6])*", _written(call.args[2])):
            yield Occurrence(
                f"the third argument of {ast.unparse(call)} is the day of the week",
                code.where(call),
                "Name the fields.",
            )


def _written(node: ast.expr) -> str:
    """A literal of crontab as text: `1` and `"1"` are the same to it."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return ""


@check("celery.E170", fixable=True)
def entry_without_task(facts: Facts) -> Iterator[Occurrence]:
    """An entry of the Beat schedule names a task that does not exist.

    What happens: Beat sends it, and each worker discards it.
    How it looks: Received unregistered task of type 'shop.tasks.ad'.
    Why: Beat does not check the registry; it only sends the name.
    Fix: The name under which the task is registered: its module and function, or its `name=`.
    Source: reproduced with Celery 5.7
    """
    for entry in facts.schedule.entries:
        name = entry.task
        if name is None or name in facts.task_names or name.startswith("celery."):
            continue
        is_own = name.split(".")[0] in facts.code.own_packages and all(
            task.name for task in facts.tasks
        )
        # without a registry, only tasks of the project's own are known to be missing
        if not (facts.worker and facts.worker.tasks) and (not is_own or may_exist(facts, name)):
            continue
        # a task whose file was renamed is E033, and has its name again once that is mended
        if any(would_be(facts, one, name) for one in left_without_worker(facts).values()):
            continue
        yield Occurrence(
            _names_no_task(facts, entry.name, name),
            entry.code.where(entry.fields["task"]),
            # only a hint: the fix below is stricter
            remedy_for_name(facts, name),
            fix=_name_task(facts, entry, name),
        )


def _name_task(facts: Facts, entry: WrittenEntry, name: str) -> Fix | Unsure:
    """The one task of the same module with a name like it, or of the same name in another
    module."""
    if plain_named(facts, name) is not None:
        return Unsure("the function may have been a task, or another one is meant")
    module, _, function = name.rpartition(".")
    pairs = [(n, *n.rpartition(".")[::2]) for n in sorted(facts.task_names)]
    close = only_near(function, {f for _, m, f in pairs if m == module})
    meant = [n for n, m, f in pairs if (m == module and f == close) or f == function]
    if len(meant) != 1:
        if meant:
            return Unsure("several tasks may be meant")
        return Unsure("it is not certain which task was meant")
    if meant[0] in left_without_worker(facts):
        return Unsure(f"no worker registers {meant[0]}")
    splice = respelled(entry.code.source, entry.fields["task"], meant[0])
    return Fix(entry.code.path, f"{entry.name!r} names {meant[0]}", (splice,), (entry.name,))


@check(
    "celery.E171",
    imports=True,
    unless=("celery.E001", "celery.E002", "celery.E003", "celery.E030", "celery.E120"),
)
def computed_entry_without_task(facts: Facts) -> Iterator[Occurrence]:
    """An entry of a computed schedule names a task that does not exist.

    What happens: Beat sends it, and each worker discards it.
    How it looks: Received unregistered task of type 'shop.tasks.ad'.
    Why: Beat does not check the registry; it only sends the name.
    Fix: The name under which the task is registered: its module and function, or its `name=`.
    Source: app.conf.beat_schedule, as the worker has it
    """
    # what the code shows is E170
    read = {entry.name for entry in facts.schedule.entries}
    setting = facts.settings.first("CELERY_BEAT_SCHEDULE") or facts.settings.first(
        "CELERYBEAT_SCHEDULE"
    )
    for entry in facts.worker.beat_schedule if facts.worker and facts.worker.tasks else ():
        name = entry.task
        if entry.name in read or not name or name in facts.task_names or name.startswith("celery."):
            continue
        if any(would_be(facts, one, name) for one in left_without_worker(facts).values()):
            continue
        yield Occurrence(
            _names_no_task(facts, entry.name, name),
            setting.where if setting else None,
            remedy_for_name(facts, name),
        )


def _names_no_task(facts: Facts, entry: str, name: str) -> str:
    """The sentence about an entry whose task is not there."""
    plain = plain_named(facts, name)
    if plain is None:
        return f"the entry {entry!r} names the task {name}, which does not exist"
    return (
        f"the entry {entry!r} names {name}, which is a plain function ({plain.where}) and no "
        "task: no decorator makes it one"
    )


def may_exist(facts: Facts, name: str) -> bool:
    """Whether the code mentions a task's function, or its name, in a way that was not
    recognised."""
    module, _, function = name.rpartition(".")
    path = facts.modules.find(module)
    quoted = re.compile(rf"""["']{re.escape(name)}["']""")
    if sum(len(quoted.findall(code.bare)) for code in facts.code.relevant) > 1:
        return True
    if path is None:
        return False
    code = facts.code.parsed(path)
    if code is None:
        # what cannot be parsed may hold a task as well
        return re.search(rf"\b{re.escape(function)}\b", facts.code.text(path)) is not None
    plain = plain_at(facts, path, function)
    if plain is not None:
        return is_handed_on(facts, code, function)
    return code.finds(re.compile(rf"\b{re.escape(function)}\b"))


@check("celery.E240", fixable=True)
def entry_malformed(facts: Facts) -> Iterator[Occurrence]:
    """An entry of the Beat schedule has a key or a schedule that Beat does not understand.

    What happens: Beat exits with code 1.
    How it looks: TypeError: ScheduleEntry.__init__() got an unexpected keyword argument 'queue', or
        AttributeError: 'str' object has no attribute 'app'
        AttributeError: 'NoneType' object has no attribute 'is_due'
    Why: An entry has task, schedule, args, kwargs, options, relative; a schedule is a number of
        seconds, a timedelta, or an object such as crontab(...).
    Fix: Move `queue` and the like into "options"; write crontab(...) instead of a text.
    Source: celery/beat.py, ScheduleEntry
    """
    # another scheduler may take more: DatabaseScheduler takes the fields of its model
    if facts.settings.is_set("beat_scheduler") or facts.settings.first("CELERYBEAT_SCHEDULER"):
        return
    for entry in facts.schedule.entries:
        for name in entry.fields:
            if name not in ENTRY_KEYS:
                yield _unknown_key(entry, name)
        # a misspelt key is one mistake
        meant = {key for name in entry.fields for key in _near_keys(name)}
        if not {"task"} & {*entry.fields, *meant}:
            yield Occurrence(
                f"the entry {entry.name!r} has no task",
                entry.where,
                'Add "task": and the full name of the task, such as "shop.tasks.send".',
            )
        schedule = entry.fields.get("schedule")
        if schedule is None and "schedule" not in meant:
            yield Occurrence(
                f"the entry {entry.name!r} has no schedule",
                entry.where,
                'Add "schedule": and crontab(...), or a number of seconds.',
            )
        elif schedule is not None:
            yield from _schedule_problems(entry, schedule)


def _near_keys(name: str) -> list[str]:
    """The key of an entry that a name means which is none."""
    if name in ENTRY_KEYS or name in SEND_OPTIONS:
        return []
    return difflib.get_close_matches(name, ENTRY_KEYS, 1, 0.6)


def _unknown_key(entry: WrittenEntry, name: str) -> Occurrence:
    """A key that is not one of an entry: an option of apply_async, or a misspelt one."""
    where = entry.code.where(_key_and_value(entry, name)[0])
    message = f"the entry {entry.name!r} has a key {name!r}"
    if name in SEND_OPTIONS - {"args", "kwargs"}:
        hint = f'Write "options": {{"{name}": ...}}.'
        return Occurrence(message, where, hint, fix=_into_options(entry, name))
    close = difflib.get_close_matches(name, ENTRY_KEYS, 1, 0.6)
    return Occurrence(message, where, did_you_mean(close), fix=_rename_field(entry, name))


def _schedule_problems(entry: WrittenEntry, schedule: ast.expr) -> Iterator[Occurrence]:
    """What is wrong with the schedule of an entry, where the code shows its value."""
    where = entry.code.where(schedule)
    collection = isinstance(schedule, ast.Dict | ast.List | ast.Tuple | ast.JoinedStr)
    if collection or text_of(schedule) is not None:
        yield Occurrence(
            f"the schedule of {entry.name!r} is neither seconds, a timedelta nor a crontab",
            where,
            "Write crontab(...), or a number of seconds.",
        )
        return
    seconds = number_of(schedule)
    # True counts as one second, and zero is always due
    if is_true(schedule) or (seconds is not None and seconds <= 0):
        yield Occurrence(
            f"the schedule of {entry.name!r} is {ast.unparse(schedule)}: "
            "Beat would send it continuously",
            where,
        )


def _key_and_value(entry: WrittenEntry, name: str) -> tuple[ast.expr, ast.expr]:
    pairs = zip(entry.node.keys, entry.node.values, strict=True)
    return next((key, value) for key, value in pairs if key is not None and text_of(key) == name)


def _rename_field(entry: WrittenEntry, name: str) -> Fix | Unsure:
    if not entry.is_literal:
        return NOT_A_LITERAL
    return rename_key(
        entry.code,
        entry.node,
        _key_and_value(entry, name)[0],
        only_near(name, ENTRY_KEYS, 0.7),
        entry.name,
    )


NOT_A_LITERAL = Unsure("the entry is not a dict where the schedule has it")


def _into_options(entry: WrittenEntry, name: str) -> Fix | Unsure:
    """`"queue": "slow"` as `"options": {"queue": "slow"}`."""
    if not entry.is_literal:
        return NOT_A_LITERAL
    if "options" in entry.fields or sum(n not in ENTRY_KEYS for n in entry.fields) > 1:
        return Unsure("the entry has options, or several such keys")
    key, value = _key_and_value(entry, name)
    source = entry.code.source
    start, end = source.start(key), source.end(value)
    word, old = respelled(source, key, "options").text, source.text[start:end]
    added = ast.Dict([key], [value])
    splice = Splice(start, end, f"{word}: {{{old}}}", (expression(word), added), (key, value))
    return Fix(
        entry.code.path,
        f"{name!r} of {entry.name!r} moves into its options",
        (splice,),
        (entry.name,),
    )


@check("celery.W245", fixable=True)
def entry_option_unknown(facts: Facts) -> Iterator[Occurrence]:
    """An entry's options contain a name that apply_async does not know.

    What happens: Nothing: the option has no effect.
    How it looks: (nothing)
    Why: apply_async takes any keyword.
    Fix: Rename it.
    Source: celery/app/task.py
    """
    for entry in facts.schedule.entries:
        options = entry.fields.get("options")
        if not isinstance(options, ast.Dict):
            continue
        for key in options.keys:
            name = text_of(key)
            if key is None or name is None or name in SEND_OPTIONS:
                continue
            close = difflib.get_close_matches(name, SEND_OPTIONS, 1, 0.7)
            if close:
                yield Occurrence(
                    f"the option {name!r} has no effect",
                    entry.code.where(key),
                    f"Did you mean {close[0]!r}?",
                    fix=rename_key(
                        entry.code, options, key, only_near(name, SEND_OPTIONS, 0.7), entry.name
                    ),
                )


@check("celery.E250", fixable=True)
def arguments_misfit(facts: Facts) -> Iterator[Occurrence]:
    """The arguments of an entry do not fit its task.

    What happens: Nothing is sent; Beat logs an error each time the entry is due.
    How it looks: Message Error: Couldn't apply scheduled task e: add() missing 1 required
        positional argument: 'y'
    Why: `args` is a tuple or a list, and is checked against the function. ("ab") is a text, not a
        tuple.
    Fix: What the function takes: "args": (1, 2), with the comma for a single one: (1,).
    Source: celery/beat.py, Scheduler.apply_async
    """
    # arguments of tasks in libraries are checked by the import alone
    tasks: dict[str, Task] = {task.name: task for task in facts.tasks}
    for entry in facts.schedule.entries:
        task = tasks.get(entry.task or "")
        args = entry.fields.get("args")
        if args is not None and (text_of(args) is not None or number_of(args) is not None):
            yield Occurrence(
                f"the args of {entry.name!r} are {ast.unparse(args)}, not a tuple",
                entry.code.where(args),
                as_arguments(task, args),
                fix=one_in_a_tuple(task, entry.code, args, entry.name),
            )
        elif task is not None and not facts.tasks.have_own_class:
            problem = _argument_problem(entry, task)
            if problem:
                yield Occurrence(
                    f"the arguments of {entry.name!r} do not fit {task.node.name}: {problem}",
                    entry.code.where(args or entry.fields.get("kwargs") or entry.node),
                    fitting_call(task, _names_given(entry)),
                )


def _names_given(entry: WrittenEntry) -> list[str]:
    """The keywords of the arguments of an entry."""
    kwargs = entry.fields.get("kwargs")
    if not isinstance(kwargs, ast.Dict):
        return []
    return [name for name in map(text_of, kwargs.keys) if name is not None]


def _argument_problem(entry: WrittenEntry, task: Task) -> str | None:
    """Why the arguments of an entry do not fit, in Python's words; None if they do, or are
    computed."""
    args, kwargs = entry.fields.get("args"), entry.fields.get("kwargs")
    if not isinstance(args, ast.Tuple | ast.List | None) or not isinstance(kwargs, ast.Dict | None):
        return None
    given = []
    if args is not None:
        given = args.elts
    named = []
    if kwargs is not None:
        named = [text_of(key) for key in kwargs.keys]
    if None in named or any(isinstance(argument, ast.Starred) for argument in given):
        return None
    return misfit(task, len(given), [name for name in named if name is not None])


@check("celery.W270")
def long_interval(facts: Facts) -> Iterator[Occurrence]:
    """A long interval counts from the start of Beat.

    What happens: On a platform that restarts daily, or without the schedule's file, the task never
        runs.
    How it looks: (nothing)
    Why: An interval counts from the last run, which Beat keeps in a file (celerybeat-schedule); a
        new container has none and starts counting.
    Fix: crontab(...), which names a time of day.
    Source: https://github.com/PostHog/posthog/pull/42607
    """
    # another scheduler remembers the last run elsewhere, in a database mostly
    if facts.settings.is_set("beat_scheduler") or facts.deployment.names_scheduler:
        return
    for entry in facts.schedule.entries:
        schedule = entry.fields.get("schedule")
        seconds = number_of(schedule)
        # up to an hour, a restart costs little
        if schedule is not None and seconds is not None and seconds > 3600:
            yield Occurrence(
                f"{entry.name!r} is due {seconds:g} s after Beat's start, unless its file survives",
                entry.code.where(schedule),
                "Use crontab(...).",
            )


def _uses_database(facts: Facts) -> bool:
    setting = facts.settings.first("CELERY_BEAT_SCHEDULER") or facts.settings.first(
        "CELERYBEAT_SCHEDULER"
    )
    return setting is not None and "django_celery_beat" in (text_of(setting.value) or "")


@check("celery.W290")
def two_schedules(facts: Facts) -> Iterator[Occurrence]:
    """The schedule is in the settings and in the database.

    What happens: Each start of Beat overwrites what was changed in the admin; an entry that is
        removed from the settings stays in the database and keeps firing.
    How it looks: (nothing)
    Why: DatabaseScheduler writes the entries of the settings into its tables.
    Fix: Keep the entries in one place.
    Source: https://github.com/celery/django-celery-beat/issues/153
    """
    if not _uses_database(facts):
        return
    for code, schedule in facts.schedule.dicts:
        if schedule.keys:
            yield Occurrence(
                "each start of Beat overwrites changes made in the admin with these entries",
                code.where(schedule),
                "Keep the schedule in one place.",
            )


@check("celery.E291")
def scheduler_not_installed(facts: Facts) -> Iterator[Occurrence]:
    """The scheduler is django-celery-beat's, and its app is not installed.

    What happens: Beat does not start.
    How it looks: RuntimeError: Model class django_celery_beat.models.SolarSchedule doesn't declare
        an explicit app_label and isn't in an application in INSTALLED_APPS.
    Why: The schedule's tables belong to the Django app django_celery_beat.
    Fix: Add "django_celery_beat" to INSTALLED_APPS and migrate.
    Source: https://django-celery-beat.readthedocs.io/
    """
    if not _uses_database(facts) or facts.installs("django_celery_beat"):
        return
    for setting in facts.settings.named("CELERY_BEAT_SCHEDULER", "CELERYBEAT_SCHEDULER"):
        yield Occurrence(
            "django_celery_beat is not in INSTALLED_APPS",
            setting.where,
            how_to_add_app(facts, "django_celery_beat"),
        )


@check("celery.W090")
def handler_too_early(facts: Facts) -> Iterator[Occurrence]:
    """A handler of on_after_configure imports tasks, or is connected too late.

    What happens: Its periodic tasks are missing from Beat, and no message says so.
    How it looks: (nothing: Signal.send swallows AppRegistryNotReady)
    Why: The signal fires when the app is configured: in a worker before Django's apps are loaded,
        and before any tasks module is imported.
    Fix: on_after_finalize, or an entry of CELERY_BEAT_SCHEDULE.
    Source: https://github.com/celery/celery/issues/3589
    """
    for code in facts.code.relevant:
        for node in code.functions:
            decorator = next(
                (
                    d
                    for d in node.decorator_list
                    if dotted(d if not isinstance(d, ast.Call) else d.func).endswith(
                        "on_after_configure.connect"
                    )
                ),
                None,
            )
            if decorator is None:
                continue
            imports = [n for n in ast.walk(node) if isinstance(n, ast.ImportFrom | ast.Import)]
            in_app_file = any(app.where.path == code.path for app in facts.project.celery)
            if not in_app_file:
                yield Occurrence(
                    "on_after_configure fires before this module is imported",
                    code.where(node),
                    "Use on_after_finalize, or CELERY_BEAT_SCHEDULE.",
                )
            elif imports:
                yield Occurrence(
                    "this handler imports tasks before Django's apps are loaded; the exception is "
                    "swallowed",
                    code.where(node),
                    "Use on_after_finalize, or CELERY_BEAT_SCHEDULE.",
                )
