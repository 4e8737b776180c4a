"""`celeryize undo`: what it finds after git or a formatter was there, its list, forgetting."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path, PurePosixPath

import pytest

from celeryize.apply import applied, last_change, never
from celeryize.commands.task.plan import Request
from celeryize.commands.undo_all import carry_out, plan_undo_of_all
from celeryize.commands.writing.carry_out import WriteOutcome
from celeryize.errors import CeleryizeError, Conflict, Declined, Exit, UsageError
from celeryize.journal import state_dir
from celeryize.model import Edit, Status
from tests import commands
from tests.conftest import git, snapshot
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


def test_a_refused_undo_names_the_lines_that_are_in_the_way(changed: Path):
    settings = changed / "config/settings.py"
    text = settings.read_text()
    text = text.replace("TASK_TIME_LIMIT = 300", "TASK_TIME_LIMIT = 99")
    text = text.replace("CELERY_TIMEZONE = TIME_ZONE\n", "")
    settings.write_text(text.replace("DEBUG = True", "MINE = 1\nDEBUG = True"))
    lines = settings.read_text().splitlines()
    limit = lines.index("CELERY_TASK_TIME_LIMIT = 99") + 1
    with pytest.raises(Conflict) as caught:
        commands.undo(changed, Recorder(), yes=True)
    said = caught.value.message.splitlines()
    assert f"config/settings.py:{limit} was written as: CELERY_TASK_TIME_LIMIT = 300" in said
    assert f"config/settings.py:{limit} has now: CELERY_TASK_TIME_LIMIT = 99" in said
    assert any("lacks what was written: CELERY_TIMEZONE = TIME_ZONE" in line for line in said)
    # it stands elsewhere, and is in nobody's way
    assert "MINE" not in caught.value.message
    assert "-CELERY_TIMEZONE = TIME_ZONE" in caught.value.snippet


def test_a_refused_undo_works_when_the_shown_lines_are_removed_by_hand(project: Path):
    before = files_of(project)
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    settings = project / "config/settings.py"
    written = settings.read_text()
    settings.write_text(written.replace("TASK_TIME_LIMIT = 300", "TASK_TIME_LIMIT = 99"))
    with pytest.raises(Conflict) as caught:
        commands.undo(project, Recorder(), yes=True)
    hint = caught.value.hint
    assert "remove the lines with a - in the first patch above" in hint
    assert "Then `celeryize undo` again" in hint
    assert caught.value.snippet.count("\n+") == caught.value.snippet.count("\n+++ ")
    removed = {line[1:] for line in caught.value.snippet.splitlines() if line.startswith("-")}
    removed.add("CELERY_TASK_TIME_LIMIT = 99")
    kept = [line for line in settings.read_text().splitlines() if line not in removed or not line]
    settings.write_text("\n".join(kept).rstrip("\n") + "\n")
    assert commands.undo(project, Recorder(), yes=True).status is WriteOutcome.DONE
    assert files_of(project).keys() == before.keys()


@pytest.mark.parametrize("changes", [1, 2])
def test_an_undo_above_other_changes_names_the_list(changed: Path, changes: int):
    if changes == 2:
        commands.add_task(changed, Recorder(), Request(TASK), yes=True, no_verify=True)
    view = Recorder()
    commands.undo(changed, view, yes=True)
    said = [note for note in view.plans[0].notes if "undo --list" in note]
    assert len(said) == changes - 1


def test_a_refused_undo_shows_no_password(changed: Path):
    app = changed / "config/celery.py"
    app.write_text(app.read_text() + "app.conf.broker_url = 'redis://:secret@cache/0'\n")
    with pytest.raises(Conflict, match=r"config/celery\.py:\d+ has, and it was not") as caught:
        commands.undo(changed, Recorder(), yes=True)
    assert "secret" not in caught.value.message


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


# --- later edits of the same file -----------------------------------------------------------------


def edited_elsewhere(root: Path) -> bytes:
    """Edit the settings away from ours; what they are to be once the change is undone."""
    change = last_change(root)
    assert change is not None
    [edit] = [edit for edit in change.edits if edit.path.name == "settings.py"]
    assert edit.before is not None
    settings = root / edit.path
    settings.write_bytes(b"MINE = 1\n" + settings.read_bytes() + b"\nMORE = 2\n")
    return b"MINE = 1\n" + edit.before + b"\nMORE = 2\n"


def test_later_edits_elsewhere_are_kept_and_said(project: Path):
    before = snapshot(project)
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    wanted = edited_elsewhere(project)
    view = Recorder()
    ended = commands.undo(project, view, yes=True)
    assert ended.summary == (
        "`celeryize init` is undone; kept your later edits in config/settings.py"
    )
    [step] = [step for step in view.plans[0].steps if step.path.name == "settings.py"]
    assert (step.status, step.what) == (
        Status.UPDATE,
        "loses this change only, and keeps your later edits",
    )
    after = snapshot(project)
    assert (project / "config/settings.py").read_bytes() == wanted
    after.pop("config/settings.py"), before.pop("config/settings.py")
    assert after == before
    assert last_change(project) is None


@pytest.mark.parametrize(
    ("options", "code"), [({"dry_run": True}, Exit.DONE), ({"check": True}, Exit.FINDINGS)]
)
def test_an_undo_around_later_edits_can_be_looked_at(changed: Path, options, code):
    edited_elsewhere(changed)
    before = snapshot(changed)
    assert commands.undo(changed, Recorder(), **options).exit_code is code
    with pytest.raises(Declined):
        commands.undo(changed, Recorder(answer=False))
    assert snapshot(changed) == before


def test_several_runs_with_edits_between_them_end_at_the_edits_alone(changed: Path):
    from celeryize.commands.task.plan import Request

    tasks = changed / "doctors/tasks.py"
    assert not tasks.exists()
    tasks.write_text('"""Ours."""\n')
    commands.add_task(changed, Recorder(), Request(TASK), yes=True, no_verify=True)
    tasks.write_text(tasks.read_text() + "\n\ndef mine():\n    return 1\n")
    commands.add_task(changed, Recorder(), Request("doctors.more"), yes=True, no_verify=True)
    tasks.write_text(tasks.read_text() + "\n\ndef other():\n    return 1\n")
    for _ in range(2):
        commands.undo(changed, Recorder(), yes=True)
    assert tasks.read_text() == (
        '"""Ours."""\n\n\ndef mine():\n    return 1\n\n\ndef other():\n    return 1\n'
    )


def test_an_edit_of_our_lines_is_refused_with_the_patch_to_make_by_hand(changed: Path):
    settings = changed / "config/settings.py"
    written = settings.read_text()
    settings.write_text(written.replace("CELERY_BROKER_URL =", "CELERY_BROKER_URL = X ="))
    before = snapshot(changed)
    with pytest.raises(Conflict, match="has an edit in its lines") as caught:
        commands.undo(changed, Recorder(), yes=True)
    assert "+CELERY_BROKER_URL = X =" in caught.value.diff
    assert "-CELERY_BROKER_URL =" in caught.value.snippet
    assert snapshot(changed) == before

    # by hand, as the patch says, with another edit on top: then the rest can be undone
    change = last_change(changed)
    assert change is not None
    [edit] = [edit for edit in change.edits if edit.path.name == "settings.py"]
    by_hand = (edit.before or b"").replace(b"/Paris", b"/Berlin")
    settings.write_bytes(by_hand)
    view = Recorder()
    assert commands.undo(changed, view, yes=True).status is WriteOutcome.DONE
    assert Status.IDENTICAL in {step.status for step in view.plans[0].steps}
    assert settings.read_bytes() == by_hand
    assert not (changed / "config/celery.py").exists()


def test_the_list_says_what_can_be_undone_around_later_edits(changed: Path):
    edited_elsewhere(changed)
    view = Listing()
    commands.undo(changed, view, chosen=_chosen(listed=True))
    assert "1 edited elsewhere" in view.rows[0].state


def test_what_is_saved_after_the_question_is_not_undone(changed: Path):
    class Saving(Recorder):
        def confirm(self, question: str) -> bool:
            settings = changed / "config/settings.py"
            settings.write_bytes(settings.read_bytes() + b"\nLATE = 1\n")
            return True

    edited_elsewhere(changed)
    with pytest.raises(Conflict, match="changed since the change was planned"):
        commands.undo(changed, Saving())
    assert (changed / "config/settings.py").read_bytes().endswith(b"\nLATE = 1\n")


@pytest.fixture
def pair(project: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two Django projects of one repository, both with Celery; the second was set up last."""
    root = tmp_path / "pair"
    for name in ("alpha", "beta"):
        shutil.copytree(project, root / name)
        shutil.rmtree(root / name / ".git", ignore_errors=True)
    (root / ".git").mkdir()
    for name in ("alpha", "beta"):
        commands.init(root / name, Recorder(), flags={}, yes=True, no_verify=True)
    return root / "alpha", root / "beta"


def test_of_two_projects_the_newest_change_of_the_one_it_stands_in_is_undone(pair):
    alpha, beta = pair
    view = Recorder()
    ended = commands.undo(alpha, view, yes=True)
    assert ended.status is WriteOutcome.DONE
    assert not (alpha / "config/celery.py").exists() and (beta / "config/celery.py").exists()
    assert "another project" in " ".join(view.notes) and "beta/" in " ".join(view.notes)
    again = commands.undo(alpha, Recorder(), yes=True)
    assert again.status is WriteOutcome.NOTHING_TO_DO
    view = Recorder()
    assert commands.undo(beta, view, yes=True).status is WriteOutcome.DONE
    assert not view.notes and not (beta / "config/celery.py").exists()


def test_of_two_projects_the_newest_change_of_the_one_it_stands_in_is_forgotten(pair):
    alpha, beta = pair
    commands.undo(alpha, Recorder(), yes=True, chosen=_chosen(forget=True))
    assert commands.undo(alpha, Recorder(), yes=True).status is WriteOutcome.NOTHING_TO_DO
    assert commands.undo(beta, Recorder(), yes=True).status is WriteOutcome.DONE


ROOM = "from django.db import models\n\n\nclass Room(models.Model):\n    pass\n"


def with_app(project: Path, *, models: str = "") -> Path:
    """A project with an app beside the installed ones, which add-task has put there."""
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    app = project / "rooms"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "apps.py").write_text(
        "from django.apps import AppConfig\n\n\nclass RoomsConfig(AppConfig):\n    name = 'rooms'\n"
    )
    (app / "models.py").write_text(models)
    before = (project / "config/settings.py").stat()
    os.utime(app / "models.py", (before.st_mtime - 100, before.st_mtime - 100))
    request = Request("rooms.clean", test=False)
    commands.add_task(project, Recorder(), request, yes=True, no_verify=True)
    assert "rooms" in (project / "config/settings.py").read_text()
    return project


@pytest.mark.parametrize("name", ["models.py", "migrations/0001_initial.py"])
def test_an_app_that_has_tables_since_stays_installed(project: Path, name):
    folder = with_app(project)
    file = folder / "rooms" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(ROOM if name == "models.py" else "class Migration:\n    pass\n")
    os.utime(file, (file.stat().st_mtime + 5, file.stat().st_mtime + 5))
    settings = (folder / "config/settings.py").read_bytes()
    view = Recorder()
    ended = commands.undo(folder, view, yes=True)
    assert ended.status is WriteOutcome.DONE
    assert (folder / "config/settings.py").read_bytes() == settings
    assert not (folder / "rooms/tasks.py").exists()
    (step,) = [s for s in view.plans[0].steps if s.path.name == "settings.py"]
    assert (step.status, step.what) == (Status.IDENTICAL, "stays as it is now (see below)")
    assert any("by now" in note and f"rooms/{name}" in note for note in view.plans[0].notes)
    assert commands.undo(folder, Recorder(), yes=True).summary.startswith("`celeryize init`")


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks")
def test_the_lock_of_an_editor_is_no_table(project: Path):
    """Emacs locks the file that it edits by a symlink to nowhere."""
    folder = with_app(project)
    (folder / "rooms/migrations").mkdir()
    (folder / "rooms/migrations/.#0001_initial.py").symlink_to("somebody@host.1")
    ended = commands.undo(folder, Recorder(), yes=True)
    assert ended.status is WriteOutcome.DONE
    assert "rooms" not in (folder / "config/settings.py").read_text()


def test_an_app_whose_tables_were_there_before_goes_again(project: Path):
    folder = with_app(project, models=ROOM)
    view = Recorder()
    commands.undo(folder, view, yes=True)
    assert "rooms" not in (folder / "config/settings.py").read_text()
    assert not any("by now" in note for note in view.plans[0].notes)


@pytest.mark.parametrize("committed", [True, False])
def test_what_is_in_a_commit_is_to_be_committed_once_more(project: Path, committed):
    git(project, "init", "-q")
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    if committed:
        git(project, "add", "-A")
        git(project, "commit", "-qm", "celery")
    summary = commands.undo(project, Recorder(), yes=True).summary
    assert ("it is in a commit, so commit this, too" in summary) == committed


@pytest.mark.parametrize("path", ["config/celery.py", "config/settings.py"])
def test_a_file_that_has_become_a_link_is_not_followed(changed: Path, path):
    mine = changed / "mine.py"
    (changed / path).rename(mine)
    (changed / path).symlink_to(mine)
    before = files_of(changed)
    with pytest.raises(Conflict, match="was written as a file, and is a symlink now"):
        commands.undo(changed, Recorder(), yes=True)
    assert files_of(changed) == before


def test_a_link_that_was_there_before_is_followed(project: Path):
    settings = project / "config/settings.py"
    mine = project / "config/real.py"
    settings.rename(mine)
    settings.symlink_to("real.py")
    before = mine.read_bytes()
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    assert mine.read_bytes() != before
    assert commands.undo(project, Recorder(), yes=True).status is WriteOutcome.DONE
    assert mine.read_bytes() == before and settings.is_symlink()


def test_what_comes_back_is_said_before_the_question(changed: Path):
    """A mistake that was fixed: whoever has taken another way since must not get it again unseen."""
    settings = changed / "config/settings.py"
    healthy = settings.read_text() + 'CELERY_TIMEZONE = "Europe/Berlin"\n'
    broken = healthy.replace("Europe/Berlin", "Europe/Berln")
    with applied_change(changed, "config/settings.py", broken, healthy, "celeryize verify --fix"):
        pass
    view = Recorder(answer=False)
    with pytest.raises(Declined):
        commands.undo(changed, view)
    (plan,) = view.plans
    assert plan.notes[0] == (
        "undo brings back what `celeryize verify --fix` replaced: "
        'CELERY_TIMEZONE = "Europe/Berln"  (config/settings.py)'
    )
    assert "`celeryize undo --forget`, then `celeryize undo`" in plan.notes[-1]


@pytest.mark.parametrize(
    ("before", "after", "command", "end"),
    [
        # what it added was missing
        ("", "A = 1\n", "celeryize verify --fix", "`celeryize verify --fix` fixed in x.py"),
        ("A = 1\n", "A = 2\n", "celeryize init", "A = 1  (x.py)"),
        ("a\nb\n", "", "celeryize update", "a  (x.py); b  (x.py)"),
        ("a\nb\nc\nd\n", "", "celeryize update", "c  (x.py); 1 more line"),
        ("a\n\nb\nc\nd\ne\n", "", "celeryize update", "c  (x.py); 2 more lines"),
        # nothing is replaced, or it says by its name what comes back
        ("A = 1\n", "A = 1\nB = 2\n", "celeryize add-task a.b", ""),
        ("A = 1\nB = 2\n", "A = 1\n", "celeryize remove-task a.b", ""),
    ],
)
def test_lines_that_a_change_replaced_come_back(project: Path, before, after, command, end):
    with applied_change(project, "x.py", before, after, command):
        pass
    view = Recorder()
    commands.undo(project, view, yes=True)
    notes = [note for note in view.plans[0].notes if "brings back" in note]
    assert bool(notes) == bool(end)
    assert all(note.endswith(end) for note in notes)


def applied_change(root: Path, path: str, before: str, after: str, command: str):
    """A change of one file, as a command makes it."""
    (root / path).write_text(before)
    edit = Edit(PurePosixPath(path), before.encode(), after.encode())
    return applied((edit,), root=root, command=command)


@pytest.mark.parametrize(("inside", "said"), [(True, " (`uv sync`)"), (False, "")])
def test_what_was_done_by_hand_is_named(project: Path, monkeypatch, inside, said):
    # the command is for the folder where the user was
    monkeypatch.chdir(project if inside else project.parent)
    (project / "uv.lock").write_text("version = 1\n")
    (project / "requirements.txt").unlink()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["django"]\n'
    )
    commands.init(project, Recorder(), flags={"broker": "redis"}, yes=True, no_verify=True)
    view = Recorder()
    commands.undo(project, view, dry_run=True)
    assert f"Manual steps that you did for it stay: refresh uv.lock{said}." in view.plans[0].notes


def test_what_was_done_by_hand_is_kept_without_a_password(project: Path):
    flags = {"broker": "amqp://shop:secret@rabbit:5672//"}
    commands.init(project, Recorder(), flags=flags, yes=True, no_verify=True)
    view = Recorder()
    commands.undo(project, view, dry_run=True)
    assert any(note.startswith("Manual steps that you did") for note in view.plans[0].notes)
    assert not any("secret" in note for note in view.plans[0].notes)
    kept = [file for file in state_dir(project).rglob("*.json") if "secret" in file.read_text()]
    assert kept == []


@pytest.fixture
def thrice(changed: Path) -> Path:
    """A project with three changes that share files."""
    for name in ("doctors.greet", "doctors.remind"):
        request = Request(name)
        commands.add_task(changed, Recorder(), request, yes=True, no_verify=True)
    return changed


def test_all_changes_are_undone_byte_for_byte_after_one_question(project: Path):
    before = snapshot(project)
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    for name in ("doctors.greet", "doctors.remind"):
        commands.add_task(project, Recorder(), Request(name), yes=True, no_verify=True)
    written = snapshot(project)

    view = Recorder()
    ended = commands.undo(project, view, chosen=_chosen(of_all=True), dry_run=True)
    assert ended.status is WriteOutcome.WOULD_CHANGE
    assert snapshot(project) == written

    view = Recorder()
    ended = commands.undo(project, view, yes=True, chosen=_chosen(of_all=True))
    assert ended.status is WriteOutcome.DONE
    assert "all 3 changes are undone, back to before `celeryize init" in ended.summary
    assert snapshot(project) == before
    # a file that three changes wrote is one step
    paths = [step.path for step in view.plans[0].steps]
    assert len(paths) == len(set(paths))
    assert last_change(project) is None
    ended = commands.undo(project, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert ended.status is WriteOutcome.NOTHING_TO_DO


def test_an_undo_of_all_keeps_edits_that_were_made_since(thrice: Path):
    settings = thrice / "config/settings.py"
    settings.write_text("# mine\n" + settings.read_text())
    ended = commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert ended.status is WriteOutcome.DONE
    assert ended.summary.endswith("kept your later edits in config/settings.py")
    assert settings.read_text().startswith("# mine\n")
    assert "CELERY" not in settings.read_text()


def test_an_undo_of_all_goes_on_where_a_task_was_filled_in_and_deleted(thrice: Path):
    tasks = thrice / "doctors/tasks.py"
    filled = tasks.read_text().replace("pass  # The work: make it safe to repeat.", "print(1)", 1)
    tasks.write_text(filled)
    with pytest.raises(Conflict) as caught:
        commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert "delete all of it in doctors/tasks.py, then `celeryize undo` again" in caught.value.hint
    # as the hint says; its import stays
    head, _, second = filled.split("@shared_task\n")
    tasks.write_text(f"{head}@shared_task\n{second}")
    ended = commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert ended.status is WriteOutcome.DONE
    assert "kept" not in ended.summary
    assert not tasks.exists()


@pytest.mark.parametrize("left", ["imports", "nothing", "no file"])
def test_an_undo_of_all_goes_on_where_all_tasks_were_filled_in_and_deleted(thrice: Path, left):
    request = Request("doctors.mail", parameters=("recipient:str",), kind="email")
    commands.add_task(thrice, Recorder(), request, yes=True, no_verify=True)
    tasks = thrice / "doctors/tasks.py"
    text = tasks.read_text()
    assert "import smtplib\n" in text
    if left == "no file":
        tasks.unlink()
    else:
        tasks.write_text(text.partition("\n\n\n@")[0] + "\n" if left == "imports" else "")
    ended = commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert ended.status is WriteOutcome.DONE
    assert not tasks.exists()
    assert not (thrice / "config/celery.py").exists()
    assert "CELERY" not in (thrice / "config/settings.py").read_text()


def test_an_undo_of_all_that_meets_an_edit_undoes_nothing(thrice: Path):
    app = thrice / "config/celery.py"
    app.write_text(app.read_text().replace("Celery(", "Celery(strict_typing=True, main="))
    now = snapshot(thrice)
    with pytest.raises(Conflict) as caught:
        commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert snapshot(thrice) == now
    assert caught.value.hint.endswith(
        "undo what came after it (`celeryize undo`, 2 times), then drop the change from the "
        "history: celeryize undo --forget"
    )


def test_an_undo_of_all_leaves_what_git_has_restored(thrice: Path):
    change = last_change(thrice)
    assert change is not None
    for edit in change.edits:
        assert edit.before is not None
        (thrice / edit.path).write_bytes(edit.before)
    view = Recorder()
    ended = commands.undo(thrice, view, yes=True, chosen=_chosen(of_all=True))
    assert "all 2 changes" in ended.summary
    assert any("stays in the history" in note for note in view.plans[0].notes)
    assert last_change(thrice) == change


def test_an_undo_of_all_in_a_copy_leaves_what_was_made_in_the_first_folder(project: Path):
    git(project, "init", "--quiet")
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    copy = project.with_name("copy")
    shutil.copytree(project, copy, symlinks=True)
    # the newest change is of the copy itself; the journal of the others came with it
    path = PurePosixPath("doctors/mine.py")
    with applied([Edit(path, None, b"X = 1\n")], root=copy, command="celeryize here"):
        pass
    now = snapshot(copy)
    with pytest.raises(CeleryizeError, match=r"was made in .*project"):
        commands.undo(copy, Recorder(), yes=True, chosen=_chosen(of_all=True))
    assert snapshot(copy) == now


def test_all_cannot_be_undone_and_forgotten_at_once(thrice: Path):
    with pytest.raises(UsageError, match="--forget leaves their files"):
        commands.undo(thrice, Recorder(), yes=True, chosen=_chosen(of_all=True, forget=True))


def test_an_undo_of_all_that_fails_says_what_is_undone(thrice: Path):
    """A file that somebody saves between the question and the second undo."""
    of_all = plan_undo_of_all(thrice, never)
    (_, edits), *_ = of_all.undos[1:]
    saved = thrice / edits[0].path

    def passed(change):
        # asked for each change that is undone: by now the newest is
        if last_change(thrice) == of_all.undos[1][0]:
            saved.write_text("x = 1\n")
        return False

    with pytest.raises(Conflict) as caught:
        carry_out(of_all, thrice, passed)
    assert saved.read_text() == "x = 1\n"
    [note] = caught.value.__notes__
    assert note.startswith("Undone before that, and not written again: `celeryize add-task")
    assert last_change(thrice) == of_all.undos[1][0]
