"""What a person at a terminal sees: the questions, the one confirmation, Ctrl-C."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import make_tree, small_project, snapshot


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
        "celeryize init --broker redis --result-backend redis --profile standard --no-beat --yes"
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert (project / "config/celery.py").exists()


def test_what_a_flag_says_is_not_asked(project):
    child = terminal(
        project, "init", "--no-verify", "--broker", "rabbitmq", "--profile", "minimal", "--no-beat"
    )
    child.expect_exact("(--result-backend)")
    assert "(--broker)" not in child.before
    child.sendline("")
    child.expect_exact("Write these changes?")
    child.sendline("n")
    child.expect_exact("Nothing was written.")
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
