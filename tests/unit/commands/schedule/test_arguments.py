"""add-schedule: what the task takes, as far as its signature says it for certain."""

from __future__ import annotations

import ast
import contextlib
import json
from pathlib import Path

import pytest

from celeryize.commands.schedule.arguments import (
    Needed,
    check_arguments,
    find_task,
    missing_arguments,
    read_value,
)
from celeryize.commands.schedule.plan import Request
from celeryize.detect.project import load_project
from celeryize.errors import UsageError
from celeryize.ui.view import Question
from celeryize.when import UNKNOWN, parse
from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder

HEAD = "from celery import shared_task\nfrom typing import Optional\n\n\n"
MAIL = HEAD + "@shared_task\ndef mail(pk: int, note: str, *, copies: int = 1) -> None:\n    pass\n"
EVERY = parse(at="03:00")


def clinic_with(project: Path, tasks: str) -> Path:
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    (project / "doctors/tasks.py").write_text(tasks)
    return project


def add(folder: Path, **given: str) -> None:
    """Whether an entry is one that its task can be called with. Raises UsageError."""
    request = Request("nightly", "doctors.tasks.mail", EVERY, **given)
    task = find_task(load_project(folder), request)
    if task is not None:
        check_arguments(task, request)


def one_task(signature: str, options: str = "") -> str:
    decorator = f"@shared_task({options})" if options else "@shared_task"
    return f"{HEAD}{decorator}\ndef mail({signature}):\n    pass\n"


def test_what_is_missing_is_said_with_its_types_and_the_option_to_paste(project):
    clinic = clinic_with(project, MAIL)
    before = snapshot(clinic)
    with pytest.raises(UsageError) as refused:
        add(clinic)
    assert refused.value.message == (
        "mail has to be given pk: int, note: str, and the entry does not"
    )
    assert refused.value.hint == "Add for example --args '[1, \"daily\"]'."
    with pytest.raises(UsageError) as refused:
        add(clinic, args="[1]")
    assert refused.value.hint == "Add for example --args '[1, \"daily\"]'."
    with pytest.raises(UsageError) as refused:
        add(clinic, kwargs='{"pk": 1}')
    assert refused.value.hint == 'Add for example --kwargs \'{"pk": 1, "note": "daily"}\'.'
    assert snapshot(clinic) == before
    add(clinic, args="[1]", kwargs='{"note": "x"}')


@pytest.mark.parametrize(
    ("signature", "wrong", "right"),
    [
        ("pk: int", "a", 1),
        ("pk: 'int'", "a", 1),
        ("pk: int", 1.5, True),
        ("pk: float", "1.5", 1),
        ("pk: str", 1, "1"),
        ("pk: bool", "yes", 1),
        ("pk: list[int]", ["a"], [1]),
        ("pk: list", {}, ["a"]),
        ("pk: dict[str, int]", [], {"a": 1}),
        ("pk: int | None", "a", None),
        ("pk: int", None, 2),
        ("pk: Optional[int]", "a", None),
        ("pk: int | str", [], "a"),
        ("pk: int = 1", "a", 5),
    ],
)
def test_a_value_of_another_type_is_refused(project, signature, wrong, right):
    clinic = clinic_with(project, one_task(signature))
    for given in ({"args": json.dumps([wrong])}, {"kwargs": json.dumps({"pk": wrong})}):
        with pytest.raises(UsageError, match="pk is annotated as"):
            add(clinic, **given)
    add(clinic, args=json.dumps([right]))


@pytest.mark.parametrize(
    ("signature", "options", "args"),
    [
        ("pk", "", '["a"]'),
        ("pk: UUID", "", '["a"]'),
        ("pk: int | UUID", "", '["a"]'),
        ("pk: list[UUID]", "", '[["a"]]'),
        ("pk: int", "pydantic=True", '["1"]'),
        ("self, pk: int", "bind=True", "[1]"),
        ("pk: int, *rest", "", '[1, "a"]'),
        ("pk: int", "typing=False", "[]"),
        ("pk: int", "base=Other", "[]"),
        ("pk: int", "**OPTIONS", "[]"),
    ],
)
def test_what_is_not_certain_is_taken_as_it_is(project, signature, options, args):
    add(clinic_with(project, one_task(signature, options)), args=args)


def test_what_is_not_proved_is_said_and_not_refused(project):
    clinic = clinic_with(project, MAIL)
    before = snapshot(clinic)
    request = Request("nightly", "doctors.tasks.mail", EVERY)
    with pytest.raises(UsageError, match="mail has to be given pk: int"):
        commands.add_schedule(clinic, Recorder(), request, yes=True)
    assert snapshot(clinic) == before
    view = Recorder()
    commands.add_schedule(clinic, view, request, yes=True, no_verify=True)
    assert view.plans[0].notes[-1].startswith("mail has to be given pk: int, note: str, and the")
    assert snapshot(clinic) != before


def test_who_is_not_to_be_asked_is_not_asked(project):
    view = Answering()
    clinic = clinic_with(project, MAIL)
    request = Request("nightly", "doctors.tasks.mail", EVERY)
    commands.add_schedule(clinic, view, request, yes=True, no_verify=True)
    assert not view.questions


def test_a_task_that_no_code_of_the_project_defines_is_taken_as_it_is(project):
    clinic = clinic_with(project, MAIL)
    request = Request("nightly", "library.tasks.clean", EVERY)
    commands.add_schedule(clinic, Recorder(), request, yes=True, no_verify=True)


class Answering(Recorder):
    """A person who takes what is offered, and types the rest in order."""

    interactive = True

    def __init__(self, *typed: str) -> None:
        super().__init__(answer=True)
        self.typed = list(typed)
        self.questions: list[Question] = []

    def ask(self, question: Question) -> str:
        self.questions.append(question)
        return question.default or self.typed.pop(0)


class Choosing(Answering):
    """A person who types an answer to each question, or chooses it by its value."""

    def ask(self, question: Question) -> str:
        self.questions.append(question)
        return self.typed.pop(0)


def test_each_missing_argument_is_asked_with_its_type(project):
    clinic = clinic_with(project, MAIL)
    view = Answering("1", "3 o'clock")
    request = Request("nightly", "doctors.tasks.mail", EVERY)
    ended = commands.add_schedule(clinic, view, request, no_verify=True)
    assert [question.text for question in view.questions] == [
        "Argument 1 of 2: mail takes pk: int. What is it given?",
        "Argument 2 of 2: mail takes note: str. What is it given?",
    ]
    problem_of = view.questions[0].problem_of
    assert problem_of is not None and "is annotated as int" in problem_of('"a"')
    assert "--args '[1, \"3 o'\"'\"'clock\"]'" in ended.command_line
    assert '"args": [1, "3 o\'clock"]' in (clinic / "config/settings.py").read_text()


@pytest.mark.parametrize(
    ("signature", "typed", "said"),
    [
        ("pk: int, note: str", '5, "a@b.de"', "The next question is for note."),
        ("pk: int, note: str", "5, a@b.de", "The next question is for note."),
        ("pk, note", "5, 6", "The next question is for note."),
        ("note: str, pk: int", "a@b.de, 5", "The next question is for pk."),
        ("note: str, other: str", '"a", "b"', "The next question is for other."),
        ("a: int, b: int, c: int", "1, 2", "The next questions are for b and c."),
        ("a: int, b: int, c: int, d: int", "1,2,3,4", "The next questions are for the other 3."),
        ("ids: list, pk: int", "[1], 2", "The next question is for pk."),
        ("pk", "5, 6", "A list is typed in brackets: [5, 6]."),
        ("pk: int", "pk=5", "Type the value alone, without pk=."),
        ("note: str", "note=x", "Type the value alone, without note=."),
        ("pk: int, note: str", "5", ""),
        ("note: str, other: str", "Hello, you", ""),
        ("note: str, pk: int", "Hello, you", ""),
        ("note: str, pk: int", "a=b", ""),
        ("note: str", 'Hello, "you"', ""),
        ("ids: list, pk: int", "[1, 2]", ""),
        ("ids: list", "1, 2", "For example [1, 2]"),
    ],
)
def test_a_question_for_one_argument_says_so(signature, typed, said, project):
    view = Answering("x", "1", "1", "1", "1")
    request = Request("nightly", "doctors.tasks.mail", EVERY)
    with contextlib.suppress(UsageError):
        commands.add_schedule(
            clinic_with(project, one_task(signature)), view, request, no_verify=True
        )
    problem_of = view.questions[0].problem_of
    assert problem_of is not None
    assert said in problem_of(typed)
    assert bool(problem_of(typed)) == bool(said)


@pytest.mark.parametrize(
    ("signature", "shown"),
    [
        ("pk: int", "for example 1"),
        ("full: bool", "for example true"),
        ("note: str", "a text, without quotes"),
        ("ids: list[int]", "in JSON, for example [1, 2]"),
        ("names: list[str]", 'in JSON, for example ["one", "two"]'),
        ("names: List[str] | None", 'in JSON, for example ["one", "two"]'),
        ("pk", 'in JSON, for example 1, "a text", [1, 2] or true'),
    ],
)
def test_an_example_is_of_the_type_that_is_asked_for(signature, shown, project):
    clinic = clinic_with(project, one_task(signature))
    request = Request("nightly", "doctors.tasks.mail", EVERY)
    task = find_task(load_project(clinic), request)
    assert task is not None
    assert [one.shown for one in missing_arguments(task, request)] == [shown]


def test_the_quotes_of_a_shell_are_taken_off_a_time(project):
    clinic = clinic_with(project, one_task(""))
    view = Choosing("crontab", '"0 8 * * mon"', "mailing")
    commands.add_schedule(clinic, view, Request("", "doctors.tasks.mail", UNKNOWN), no_verify=True)
    assert "crontab(hour=8, minute=0, day_of_week=" in (clinic / "config/settings.py").read_text()
    problem_of = view.questions[1].problem_of
    assert problem_of is not None and "Did you mean @daily?" in problem_of("daily")
    assert "Did you mean" not in problem_of("every monday")


def test_the_name_of_an_entry_that_is_there_is_not_offered(project):
    clinic = clinic_with(project, MAIL)
    for name in ("mail", "mail-2"):
        view = Answering("1", "x")
        request = Request("", "doctors.tasks.mail", EVERY)
        commands.add_schedule(clinic, view, request, yes=True, no_verify=True)
        question = view.questions[0]
        assert question.default == name
    assert question.problem_of is not None
    assert question.problem_of("mail") and not question.problem_of("other")


def test_a_task_of_two_definitions_is_taken_as_it_is(project):
    twice = "\n    ".join(one_task("pk: int")[len(HEAD) :].rstrip().split("\n"))
    add(clinic_with(project, f"{HEAD}if True:\n    {twice}\nelse:\n    {twice}\n"))


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("it's", "it's"),
        ('"it is"', "it is"),
        ('"a" and "b"', '"a" and "b"'),
        ('"', '"'),
    ],
)
def test_a_text_is_taken_as_it_is_typed(typed, value):
    note = Needed("note", ast.parse("str", mode="eval").body, by_name=False)
    assert read_value(note, typed) == value


def test_two_texts_are_not_one():
    note = Needed("note", ast.parse("str", mode="eval").body, by_name=False)
    with pytest.raises(UsageError, match="is not a value"):
        read_value(note, '"a", "b"')
