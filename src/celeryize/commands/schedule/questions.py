"""What `add-schedule` asks a person who left something out: the task, when it runs, the name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, count

from celeryize import when
from celeryize.commands.asking import ask_in_row
from celeryize.commands.schedule.entry import Request
from celeryize.commands.task.place import registered_name
from celeryize.detect.project import Project
from celeryize.detect.tasks import DefinedTask, find_tasks
from celeryize.errors import CeleryizeError, UsageError
from celeryize.ui.view import Asker, Choice, Question, View

EXAMPLE = "celeryize add-schedule nightly shop.sync --at 03:00"
REMOVE_EXAMPLE = "celeryize remove-schedule nightly"
# More would not fit on a screen of 24 lines.
MOST_TASKS = 15
EVERY_DAY, SOME_DAYS, MONTHLY = "daily", "days", "monthly"
INTERVAL, CRONTAB = "interval", "crontab"
CREATE, ELSEWHERE = "create", "elsewhere"
TIMES = (
    Choice(EVERY_DAY, "at a time of day, every day (--at)"),
    Choice(SOME_DAYS, "at a time of day, on some days of the week (--at, --on)"),
    Choice(MONTHLY, "at a time of day, once a month (--cron)"),
    Choice(INTERVAL, "again and again: every 15min, every 2h (--every)"),
    Choice(CRONTAB, "the five fields of a crontab (--cron)"),
)


def require_all(request: Request, view: View) -> None:
    """Raise UsageError where something is left out, and nobody can be asked."""
    if view.interactive:
        return
    missing = [
        what
        for what, said in (
            ("a NAME", request.name),
            ("a TASK", request.task),
            ("a time", request.when.code),
        )
        if not said
    ]
    if missing:
        raise UsageError(
            f"add-schedule needs {' and '.join(missing)}", hint=f"For example: {EXAMPLE}"
        )


def require_removed(name: str, view: View) -> None:
    """Raise UsageError where no entry to remove is named, and nobody can be asked."""
    if not name and not view.interactive:
        raise UsageError("remove-schedule needs a NAME", hint=f"For example: {REMOVE_EXAMPLE}")


def ask_removed(names: Sequence[str], view: View) -> str:
    """The entry to remove, one of these names."""
    if not names:
        raise UsageError("the schedule has no entry", hint="`celeryize schedule` lists them.")
    shown = names[:MOST_TASKS]
    choices = tuple(Choice(name, "") for name in shown)
    other = "another entry, by its name ..."
    return view.ask(
        Question("Which entry is to be removed?", "NAME", choices, shown[0], other=other)
    )


def ask_missing(project: Project, given: Request, view: Asker, *, in_full: bool) -> Request:
    """The request with what a person says to the questions that it leaves open.

    Who has typed all but arguments of the task is asked for these `in_full` alone: not with --yes.
    """
    if not view.interactive:
        return given
    return ask_in_row(view, partial(_ask_open, project, given, in_full=in_full))


def _ask_open(project: Project, given: Request, view: Asker, *, in_full: bool) -> Request:
    request = given
    if not request.task:
        tasks = find_tasks(project.modules, project.apps, project.celery)
        request = replace(request, task=view.ask(_task_question(project, tasks)))
        if not request.create and _is_new(project, request.task, tasks):
            create = view.ask(_creation_question(request.task)) == CREATE
            request = replace(request, create=create)
    if not request.when.code:
        flags = _ask_time(view)
        chosen = _parsed(dict(flags))
        typed = tuple(word for pair in flags for word in pair)
        request = replace(request, when=chosen, timed=typed)
    if not request.name:
        taken = set() if request.replace else _names_in_use(project)
        request = replace(request, name=view.ask(_name_question(request.task, taken)))
    if in_full or request != given:
        return _ask_arguments(project, request, view)
    return request


def _task_question(project: Project, tasks: tuple[DefinedTask, ...]) -> Question:
    if not tasks:
        own = [app.label for app in project.apps if app.installed]
        example = f"{(own or ['shop'])[0]}.tidy_up"
        text = "There is no task yet. What is the new one called?"
        return Question(text, "APP.TASK", (), "", example=f"for example {example}")
    shown = tasks[:MOST_TASKS]
    return Question(
        "Which task is to run?",
        "TASK",
        tuple(Choice(task.name, "") for task in shown),
        shown[0].name,
        other="another task, by its name ...",
    )


def _is_new(project: Project, name: str, tasks: Sequence[DefinedTask]) -> bool:
    """Whether no code defines a task of one of the project's apps."""
    registered = registered_name(project, name)
    if any(task.name == registered for task in tasks):
        return False
    heads = {head for app in project.apps for head in (app.name, app.label)}
    return any(name.startswith(f"{head}.") for head in heads)


def _creation_question(task: str) -> Question:
    choices = (
        Choice(CREATE, "write the task, too, to be filled in"),
        Choice(ELSEWHERE, "the entry alone: the task gets its name elsewhere"),
    )
    return Question(f"No code defines {task}. What is to be written?", "--create", choices, CREATE)


def _ask_time(view: Asker) -> list[tuple[str, str]]:
    """The options that say when it runs, and their values."""
    kind = view.ask(Question("When does it run?", "--at, --every, --cron", TIMES, EVERY_DAY))
    if kind == INTERVAL:
        return [_ask_option(view, "How often?", "--every", "for example 30s, 15min, 2h, 1d")]
    if kind == CRONTAB:
        example = "minute hour day month weekday, for example 0 8 * * mon; or @hourly"
        return [_ask_option(view, "Which fields?", "--cron", example)]
    if kind == MONTHLY:
        return [_ask_month(view)]
    days = []
    if kind == SOME_DAYS:
        example = "for example mon-fri, sat,sun, weekdays"
        question = Question(
            "On which days?", "--on", (), "", example=example, problem_of=_problem_of_days
        )
        days = [("--on", view.ask(question))]
    return [_ask_option(view, "At what time?", "--at", "for example 07:30"), *days]


def _ask_month(view: Asker) -> tuple[str, str]:
    """The five fields of a time once a month."""
    question = Question(
        "On which day of the month?",
        "--cron",
        (),
        "",
        example="for example 1; 31 leaves out shorter months",
        problem_of=_problem_of_day,
    )
    day = view.ask(question)
    _, typed = _ask_option(view, "At what time?", "--at", "for example 07:30")
    hour, minute = typed.split(":")
    return "--cron", f"{int(minute)} {int(hour)} {int(day)} * *"


def _problem_of_day(text: str) -> str:
    if text.isdecimal() and 1 <= int(text) <= 31:
        return ""
    return f"{text} is not a day of the month. Type a number from 1 to 31."


def _ask_option(view: Asker, text: str, flag: str, example: str) -> tuple[str, str]:
    def problem_of(typed: str) -> str:
        return _problem_of({flag: _unquoted(typed)})

    question = Question(text, flag, (), "", example=example, problem_of=problem_of)
    return flag, _unquoted(view.ask(question))


def _unquoted(typed: str) -> str:
    """A value without the quotes that a shell needs: "0 8 * * *"."""
    if len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "\"'":
        return typed[1:-1].strip()
    return typed


def _problem_of_days(text: str) -> str:
    return _problem_of({"--on": text, "--at": "00:00"})


def _parsed(said: dict[str, str]) -> when.When:
    return when.parse(
        cron=said.get("--cron"),
        every=said.get("--every"),
        at=said.get("--at"),
        on=said.get("--on"),
    )


def _problem_of(said: dict[str, str]) -> str:
    try:
        _parsed(said)
    except UsageError as error:
        return f"{error.message}. {error.hint}"
    return ""


def _names_in_use(project: Project) -> set[str]:
    """The entries that are there, as far as they can be read: the plan says what is wrong there."""
    from celeryize.commands.schedule.plan import entry_names

    try:
        return set(entry_names(project))
    except CeleryizeError:
        return set()


def _name_question(task: str, taken: set[str]) -> Question:
    first = task.rpartition(".")[2].replace("_", "-")
    names = chain([first], (f"{first}-{number}" for number in count(2)))
    usual = next(name for name in names if name not in taken)

    def problem_of(typed: str) -> str:
        return f"There is an entry {typed} already. Type another name." if typed in taken else ""

    return Question(
        "What is the entry called?",
        "NAME",
        (),
        usual,
        example=f"Enter for {usual}",
        optional=True,
        problem_of=problem_of,
    )


def _ask_arguments(project: Project, request: Request, view: Asker) -> Request:
    """The request with a value for each parameter that has none yet, asked one by one."""
    from celeryize.commands.schedule.arguments import (
        find_task,
        missing_arguments,
        problem_of_typed,
        read_value,
        with_argument,
    )

    task = find_task(project, request)
    if task is None:
        return request
    missing = missing_arguments(task, request)
    for number, needed in enumerate(missing, start=1):
        flag = "--kwargs" if needed.by_name or request.kwargs else "--args"
        counted = ""
        if len(missing) > 1:
            counted = f"Argument {number} of {len(missing)}: "
        question = Question(
            f"{counted}{task.function} takes {needed}. What is it given?",
            flag,
            (),
            "",
            example=needed.shown,
            problem_of=problem_of_typed(needed, missing[number:]),
        )
        request = with_argument(request, needed, read_value(needed, view.ask(question)))
    return request
