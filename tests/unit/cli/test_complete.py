"""Shell completion: words of the program and of the project, in the form of each shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.cli.complete import SHELLS, candidates
from celeryize.cli.main import VERBS
from celeryize.cli.project_names import find_names
from tests.conftest import make_tree, small_project

TASKS = (
    "from celery import shared_task\n\n\n@shared_task(\n    time_limit=3,\n)\n"
    "def remind(pk: int) -> None:\n    pass\n\n\ndef helper():\n    pass\n"
)
SCHEDULE = (
    'CELERY_BEAT_SCHEDULE = {\n    "weekly": {\n        "task": "doctors.tasks.remind",\n'
    '        "options": {"queue": "a"},\n    },\n    "nightly": dict(task="x"),\n}\n'
)


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    files = {**small_project(), "doctors/tasks.py": TASKS, "config/beat.py": SCHEDULE}
    files[".venv/lib/other/tasks.py"] = TASKS
    return make_tree(tmp_path / "clinic", files)


def values(*arguments: str, incomplete: str = "") -> list[str]:
    found = (candidate.value for candidate in candidates(list(arguments), incomplete))
    return [value for value in found if value.startswith(incomplete)]


def test_verbs_options_and_values_of_the_program():
    assert set(VERBS) | {"help"} <= set(values())
    assert values("help", incomplete="undo") == ["undo"]
    assert values("init", incomplete="--pro") == ["--project-dir", "--profile"][::-1]
    assert values("init", "--profile") == ["minimal", "standard", "production"]
    assert values("verify", "--broker") == ["filesystem", "configured"]
    assert "E170" in values("verify", "--explain", incomplete="E1")
    assert "http" in values("add-task", "a.b", "--kind")
    assert "--idempotent" not in values("add-task", incomplete="--")
    assert values("add-task", "a.b", incomplete="pk:i") == ["pk:int"]


def test_names_of_the_project(clinic, monkeypatch):
    monkeypatch.chdir(clinic / "doctors")
    assert values("add-task") == ["doctors."]
    assert values("remove-task") == ["doctors.remind"]
    assert values("add-schedule", "daily") == ["doctors.remind"]
    assert values("remove-schedule", "--yes") == ["nightly", "weekly"]
    # the value of an option is no argument
    assert values("remove-schedule", "--python", "x") == ["nightly", "weekly"]
    monkeypatch.chdir("/")
    assert values("remove-task", "-C", str(clinic)) == ["doctors.remind"]


def test_a_folder_without_a_project_has_no_names(tmp_path):
    assert find_names(tmp_path) == ([], [], [])


def test_a_pipe_with_the_name_of_a_module_does_not_stop_the_shell(tmp_path):
    os.mkfifo(tmp_path / "tasks.py")
    assert find_names(tmp_path) == ([], [], [])


@pytest.mark.parametrize(
    ("shell", "answer"),
    [
        ("bash", "doctors.remind"),
        ("fish", "doctors.remind"),
        ("powershell", "doctors.remind::: "),
        ("zsh", "_arguments '*: :((\"doctors.remind\"))'"),
    ],
)
def test_each_shell_gets_its_form(clinic, shell, answer):
    line = "celeryize remove-task d"
    environment = {
        **os.environ,
        "_CELERYIZE_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "COMP_WORDS": line,
        "COMP_CWORD": "2",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize"],
        cwd=clinic,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, answer, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_is_printed(shell):
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "--show-completion", shell],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0 and "_CELERYIZE_COMPLETE" in ran.stdout


def test_an_unknown_shell_is_refused_with_the_one_that_is_meant():
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "--show-completion", "fsh"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2 and "Did you mean fish?" in ran.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_its_script(clinic, tmp_path):
    program = tmp_path / "celeryize"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m celeryize "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(celeryize --show-completion bash)"; COMP_WORDS=(celeryize remove-task d); '
        "COMP_CWORD=2; _celeryize_completion celeryize; echo ${COMPREPLY[@]}"
    )
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=clinic,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert ran.stdout == "doctors.remind\n", ran.stderr


def test_completion_loads_nothing_heavy(clinic):
    program = (
        "import os, sys; sys.argv = ['celeryize']\n"
        "from celeryize.cli.complete import answer_completion\n"
        "answer_completion('complete_bash')\n"
        "print('\\n' + '\\n'.join(sys.modules))"
    )
    environment = {"COMP_WORDS": "celeryize remove-task ", "COMP_CWORD": "2"}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=clinic,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ran.stdout.split())
    assert not {"rich", "copier", "yaml", "jinja2", "celeryize.detect", "celeryize.checks"} & loaded
