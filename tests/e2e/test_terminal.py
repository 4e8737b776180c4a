"""What a person at a terminal sees: the questions, the one confirmation, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.conftest import make_tree, small_project, snapshot
from tests.services import while_python_starts


def terminal(folder: Path, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "celeryize", *arguments],
        cwd=str(folder),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm", "COLUMNS": "160"},
        dimensions=(60, 160),
        encoding="utf-8",
        timeout=60,
    )


def test_four_questions_one_confirmation_and_the_command_line_at_the_end(project):
    child = terminal(project, "init", "--no-verify")
    for flag in ("--broker", "--result-backend", "--profile", "--beat"):
        child.expect_exact(f"({flag})")
        child.sendline("")
    child.expect_exact("Write these changes?")
    child.sendline("y")
    child.expect_exact(
        "celeryize init --broker redis --result-backend redis --profile standard --no-beat "
        "--no-verify --yes"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert (project / "config/celery.py").exists()


def test_the_diff_can_be_read_in_the_pager_of_the_user(project, monkeypatch):
    monkeypatch.delenv("MANPAGER", raising=False)
    monkeypatch.setenv("PAGER", "sed s/^/paged:/")
    child = terminal(project, "init", "--no-verify", "--broker", "redis", "--no-beat")
    for flag in ("--result-backend", "--profile"):
        child.expect_exact(f"({flag})")
        child.sendline("")
    child.expect_exact("Write these changes?")
    assert "paged:" not in child.before
    child.sendline("d")
    child.expect_exact("Write these changes?")
    assert "paged:" in child.before
    assert "app.autodiscover_tasks()" in child.before
    child.sendline("n")
    child.expect_exact("Nothing was changed.")


def test_what_a_flag_says_is_not_asked(project):
    child = terminal(
        project, "init", "--no-verify", "--broker", "rabbitmq", "--profile", "minimal", "--no-beat"
    )
    child.expect_exact("(--result-backend)")
    assert "(--broker)" not in child.before
    child.sendline("")
    child.expect_exact("Write these changes?")
    child.sendline("n")
    child.expect_exact("Nothing was changed.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


@pytest.mark.parametrize(("answer", "code"), [("2", 0), ("3", 3), ("", 3)])
def test_of_several_projects_the_one_that_is_picked_gets_celery(tmp_path, answer, code):
    for name in ("clinic", "shop"):
        make_tree(tmp_path / name, small_project())
    before = snapshot(tmp_path)
    child = terminal(tmp_path, "init", "--no-verify", "--yes")
    child.expect_exact("Which one?")
    child.expect_exact("2  shop")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    changed = {
        path.split("/")[0] for path, what in snapshot(tmp_path).items() if before.get(path) != what
    }
    assert changed == ({"shop"} if code == 0 else set())


@pytest.mark.parametrize("moment", ["(--broker)", "Write these changes?"])
@pytest.mark.parametrize("key", ["\x03", "\x15\x04"], ids=["Ctrl-C", "end of file"])
def test_leaving_at_a_question_writes_nothing(project, moment, key):
    before = snapshot(project)
    answers = (
        []
        if moment == "(--broker)"
        else ["--broker=redis", "--result-backend=redis", "--profile=minimal", "--beat"]
    )
    child = terminal(project, "init", "--no-verify", *answers)
    child.expect_exact(moment)
    child.send(key)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus in ({130} if key == "\x03" else {3, 130})
    assert snapshot(project) == before
    assert "Traceback" not in child.before


ANSWERS = ("--broker=redis", "--result-backend=redis", "--profile=minimal", "--no-beat")


def test_what_was_typed_before_the_question_does_not_answer_it(project):
    """The proof takes seconds; an impatient y, or Enter, was not meant for what comes after it."""
    before = snapshot(project)
    child = terminal(project, "init", *ANSWERS)
    child.send("y\ry\r")
    child.expect_exact("Write these changes?")
    child.send("\r")
    child.expect_exact("Nothing was changed.")
    child.expect_exact(
        "celeryize init --broker redis --result-backend redis --profile minimal --no-beat --yes"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3
    assert snapshot(project) == before


def test_the_last_of_the_four_questions_waits_for_enter(project):
    child = terminal(project, "init", "--no-verify")
    for flag in ("--broker", "--result-backend", "--profile"):
        child.expect_exact(f"({flag})")
        child.sendline("")
    child.expect_exact("(--beat)")
    child.send("n")
    with pytest.raises(pexpect.TIMEOUT):
        child.expect_exact("Write these changes?", timeout=2)
    child.send("\r")
    child.expect_exact("Write these changes?")
    child.send("\x03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_quiet_run_does_not_ask_blindly(project):
    child = terminal(project, "init", "-q", "--no-verify", *ANSWERS)
    child.expect_exact("CELERY_BROKER_URL")
    child.expect_exact("Write these changes?")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


@pytest.mark.parametrize("arguments", ["verify --list", "verify --explain E010", "--help"])
def test_a_reader_that_has_seen_enough_is_not_a_bug(project, arguments):
    ran = subprocess.run(
        f"{sys.executable} -m celeryize {arguments} | head -c 1",
        shell=True,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (len(ran.stdout), ran.stderr) == (1, "")


@while_python_starts
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2])
def test_ctrl_c_at_the_very_start_is_an_exit_code(project, delay):
    before = snapshot(project)
    process = subprocess.Popen(
        [sys.executable, "-m", "celeryize", "init", "--no-verify", "--yes", "--dry-run"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    # Python itself starts first, and ends by the signal or with 1; then nothing of ours has run.
    if process.returncode not in {0, 130}:
        assert process.returncode in {1, -signal.SIGINT}
        assert "/celeryize/" not in talk
    assert snapshot(project) == before
