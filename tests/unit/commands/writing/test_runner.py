"""The one run of all writers: what is written, asked and said for each of its options."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.writing.carry_out import Around, WriteOutcome
from celeryize.commands.writing.runner import Planned, Written, keeping_answers, run_writer
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch, Declined, Exit, Interrupted, Unproved
from celeryize.model import Todo
from celeryize.probe.proof import Expected
from tests.conftest import snapshot
from tests.views import Recorder

NEW = PurePosixPath("doctors/new.py")


def write(folder: Path, view: Recorder, **options: bool) -> Written:
    """A writer of one file, which is there the second time."""

    def planned(project: Project) -> Planned:
        draft = project.draft()
        draft.write(NEW, b"X = 1\n", "new")
        return Planned(
            draft.plan(), "celeryize test", Expected("", ""), next_steps=lambda _: ("go",)
        )

    return run_writer(RunOptions(folder), WriteOptions(no_verify=True, **options), view, planned)


def test_yes_writes_and_the_second_time_there_is_nothing_to_do(project: Path):
    written = write(project, Recorder(), yes=True)
    assert (written.status, written.exit_code, written.next_steps) == ("done", Exit.DONE, ("go",))
    assert (project / NEW).read_text() == "X = 1\n"
    assert write(project, Recorder(), yes=True).result.outcome is WriteOutcome.NOTHING_TO_DO


@pytest.mark.parametrize(
    ("options", "code"), [({"dry_run": True}, Exit.DONE), ({"check": True}, Exit.FINDINGS)]
)
def test_a_run_that_only_shows_writes_nothing(project: Path, options, code):
    before = snapshot(project)
    written = write(project, Recorder(), **options)
    assert (written.status, written.exit_code) == ("would change", code)
    assert snapshot(project) == before


def test_a_no_is_an_error_and_writes_nothing(project: Path):
    before = snapshot(project)
    with pytest.raises(Declined) as caught:
        write(project, Recorder(answer=False))
    assert (caught.value.exit_code, str(caught.value)) == (Exit.REFUSED, "Nothing was changed.")
    assert snapshot(project) == before


class Deciding(Recorder):
    """A person who is shown something, and asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def show_todos(self, todos: Sequence[Todo]) -> None:
        self.seen += [todo.what for todo in todos]

    def show_todos_ahead(self, todos: Sequence[Todo]) -> None:
        self.seen += [f"ahead: {todo.what}" for todo in todos]

    def confirm(self, question: str) -> bool:
        self.seen.append(question)
        return True


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, ["ahead: by hand", "Write these changes?", "by hand"]),
        # who is not asked reads it once, at the end
        ({"yes": True}, ["by hand"]),
    ],
)
def test_the_manual_steps_are_shown_before_the_question_too(project: Path, options, seen):
    def planned(project: Project) -> Planned:
        draft = project.draft()
        draft.write(NEW, b"X = 1\n", "new")
        draft.add_todo(Todo("by hand", "", "x\n", NEW))
        return Planned(draft.plan(), "celeryize test", Expected("", ""))

    view = Deciding()
    run_writer(RunOptions(project), WriteOptions(no_verify=True, **options), view, planned)
    assert view.seen == seen


def test_what_goes_around_a_write_rolls_it_back_by_an_exception(project: Path):
    before = snapshot(project)

    @contextmanager
    def failing():
        assert (project / NEW).exists(), "entered once the files are written"
        raise Unproved("no")
        yield

    def planned(opened: Project) -> Planned:
        draft = opened.draft()
        draft.write(NEW, b"X = 1\n", "new")
        return Planned(
            draft.plan(), "celeryize test", Expected("", ""), around=Around(lambda _: failing())
        )

    options = WriteOptions(yes=True, no_verify=True)
    with pytest.raises(Unproved):
        run_writer(RunOptions(project), options, Recorder(), planned)
    assert snapshot(project) == before


def test_ctrl_c_at_the_end_says_that_the_change_is_written(project: Path):
    class Interrupted(Recorder):
        def show_end(self, *values: object, **named: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        write(project, Interrupted(), yes=True)
    line = f"celeryize undo -C {project}"
    assert caught.value.__notes__ == [f"The change was already written; to undo it: {line}"]


@pytest.mark.parametrize("error", [Declined("no"), Unproved("no"), CannotPatch("no")])
@pytest.mark.parametrize("command", ["celeryize x", ""])
def test_an_error_after_questions_keeps_the_answers(error, command):
    with pytest.raises(type(error)) as caught, keeping_answers(command):
        raise error
    assert (caught.value.same_answers, caught.value.hint) == (command, "")


def test_ctrl_c_at_the_last_question_keeps_the_answers():
    with pytest.raises(Interrupted) as caught, keeping_answers("celeryize x"):
        raise KeyboardInterrupt
    assert caught.value.same_answers == "celeryize x"


@pytest.mark.parametrize(("command", "notes"), [("", []), ("celeryize x", ["it was written"])])
def test_ctrl_c_is_as_it_was_without_questions_or_after_the_write(command, notes):
    error = KeyboardInterrupt()
    for note in notes:
        error.add_note(note)
    with pytest.raises(KeyboardInterrupt) as caught, keeping_answers(command):
        raise error
    assert caught.value is error
