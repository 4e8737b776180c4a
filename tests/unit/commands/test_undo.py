"""`celeryize undo`: what it finds after git or a formatter was there, its list, forgetting."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from celeryize.apply import last_change
from celeryize.commands.writing.carry_out import WriteOutcome
from celeryize.errors import Conflict, Declined, Exit
from celeryize.model import Status
from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder

TASK = "doctors.greet"


class Listing(Recorder):
    """Keeps the history, too."""

    def show_history(self, rows, *, truncated):
        self.rows, self.truncated = rows, truncated


@pytest.fixture
def changed(project: Path) -> Path:
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    return project


def files_of(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.py") if p.is_file()}


def test_a_change_that_git_has_restored_is_kept_for_another_branch(project: Path):
    before = files_of(project)
    others = set(project.iterdir())
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    after = {str(p.relative_to(project)): p.read_bytes() for p in project.rglob("*") if p.is_file()}
    change = last_change(project)
    assert change is not None
    for edit in change.edits:
        if edit.before is None:
            (project / edit.path).unlink()
        else:
            (project / edit.path).write_bytes(edit.before)
    assert files_of(project) == before
    assert set(project.iterdir()) == others

    ended = commands.undo(project, Recorder(), yes=True)
    assert ended.status is WriteOutcome.NOTHING_TO_DO
    assert "--forget" in ended.summary
    assert last_change(project) == change

    # back on the branch of the change
    for path, data in after.items():
        (project / path).write_bytes(data)
    assert commands.undo(project, Recorder(), yes=True).status is WriteOutcome.DONE
    assert files_of(project) == before


def test_a_reformatted_file_is_undone_and_said(project: Path):
    before = snapshot(project)
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    app = project / "config/celery.py"
    app.write_text(app.read_text().replace('"', "'").replace("\n\n\n", "\n\n"))
    view = Recorder()
    commands.undo(project, view, yes=True)
    [step] = [step for step in view.plans[0].steps if step.path.name == "celery.py"]
    assert step.what.endswith("it was reformatted since")
    assert snapshot(project) == before


def test_a_changed_comment_is_no_formatting(changed: Path):
    app = changed / "config/celery.py"
    app.write_text(app.read_text() + "# mine\n")
    before = snapshot(changed)
    with pytest.raises(Conflict, match=r"config/celery\.py changed since"):
        commands.undo(changed, Recorder(), yes=True)
    assert snapshot(changed) == before


def test_a_file_that_is_back_already_is_said(changed: Path):
    change = last_change(changed)
    assert change is not None
    edit = next(e for e in change.edits if e.before is not None)
    (changed / edit.path).write_bytes(edit.before or b"")
    view = Recorder()
    commands.undo(changed, view, yes=True)
    step = next(step for step in view.plans[0].steps if step.path == edit.path)
    assert (step.status, step.what.split(" as ")[0]) == (Status.IDENTICAL, "already")


def test_the_list_shows_the_newest_first_and_changes_nothing(changed: Path):
    from celeryize.commands.task.plan import Request

    commands.add_task(changed, Recorder(), Request(TASK), yes=True, no_verify=True)
    before = snapshot(changed)
    view = Listing()
    commands.undo(changed, view, chosen=_chosen(listed=True))
    assert [row.command for row in view.rows] == [f"celeryize add-task {TASK}", "celeryize init"]
    assert (view.rows[0].state, view.truncated) == ("as written", False)
    # its own changes went on in the same settings
    assert view.rows[1].state == "as written"
    assert snapshot(changed) == before


def _chosen(**options: bool):
    from celeryize.commands.undo import UndoOptions

    return UndoOptions(**options)


def test_a_forgotten_change_stays_on_the_disk(changed: Path):
    before = snapshot(changed)
    with pytest.raises(Declined):
        commands.undo(changed, Recorder(answer=False), chosen=_chosen(forget=True))
    assert last_change(changed) is not None
    ended = commands.undo(changed, Recorder(), yes=True, chosen=_chosen(forget=True))
    assert "its files stay" in ended.summary
    assert snapshot(changed) == before
    assert last_change(changed) is None
    assert commands.undo(changed, Recorder(), yes=True).status is WriteOutcome.NOTHING_TO_DO


def interrupted(project: Path) -> None:
    """What a kill leaves right after the files are written."""
    child = os.fork()
    if child == 0:
        from celeryize import apply

        apply.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_an_interrupted_change_is_the_one_that_is_undone(project: Path):
    before = snapshot(project)
    interrupted(project)
    ended = commands.undo(project, Recorder(), yes=True)
    assert ended.summary == "an interrupted `celeryize init` was rolled back"
    assert snapshot(project) == before


@pytest.mark.parametrize(
    ("options", "code"), [({"dry_run": True}, Exit.DONE), ({"check": True}, Exit.FINDINGS)]
)
def test_what_promises_to_write_nothing_names_an_interrupted_change(project: Path, options, code):
    interrupted(project)
    before = snapshot(project)
    ended = commands.undo(project, Recorder(), **options)
    assert (ended.exit_code, "was interrupted" in ended.summary) == (code, True)
    view = Recorder()
    commands.init(project, view, flags={}, no_verify=True, **options)
    assert any("was interrupted" in note for note in view.notes)
    assert snapshot(project) == before
