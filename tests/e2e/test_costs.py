"""What makes a command slow, held without a clock: modules loaded, files read twice, processes started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import make_tree
from tests.unit.checks.projects import healthy

ROOT = Path(__file__).parents[2]
# The big libraries: each costs more than all the rest of a small command.
HEAVY = {"asyncio", "copier", "pydantic", "questionary", "rich", "yaml"}
# And what only some commands, or some projects, need.
SELDOM = {
    "celeryize.checks.facts",
    "celeryize.live",
    "celeryize.patch.dependencies.toml",
    "importlib.metadata",
}

TASK = ("add-task", "doctors.send", "name:str", "--yes", "--no-verify")
ENTRY = (
    "add-schedule",
    "nightly",
    "doctors.tasks.add",
    "--cron",
    "0 3 * * *",
    "--yes",
    "--no-verify",
)


@pytest.fixture
def watched(tmp_path: Path):
    """Runs a command in a healthy project; gives its modules, reads and processes."""
    project = make_tree(tmp_path / "project", healthy())

    def run(*arguments: str) -> dict:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        output = tmp_path / "watched.json"
        ran = subprocess.run(
            [sys.executable, "-m", "tests.watched", str(output), *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(output.read_text())

    return run


def test_the_version_is_printed_before_anything_is_loaded(watched):
    ours = {name for name in watched("--version")["modules"] if name.startswith("celeryize")}
    assert ours == {"celeryize", "celeryize.__main__"}


@pytest.mark.parametrize("arguments", [TASK, ENTRY], ids=lambda a: a[0])
def test_a_small_command_loads_nothing_heavy(watched, arguments):
    assert not (HEAVY | SELDOM) & set(watched(*arguments)["modules"])


def test_reading_the_code_loads_no_copier_and_no_terminal_library(watched):
    assert not (HEAVY | {"jinja2"}) & set(watched("verify", "--static")["modules"])


@pytest.mark.parametrize(
    "arguments",
    [TASK, ENTRY, ("verify", "--static"), ("init", "--no-verify", "--yes")],
    ids=lambda a: a[0],
)
def test_a_command_without_a_proof_starts_no_process(watched, arguments):
    # the platform module asks uname for itself, for pydantic
    assert set(watched(*arguments)["processes"]) <= {"uname"}


@pytest.mark.parametrize("arguments", [("verify",), ("schedule",)], ids=lambda a: a[0])
def test_an_import_is_one_process(watched, arguments):
    assert len(watched(*arguments)["processes"]) == 1


@pytest.mark.parametrize("arguments", [TASK, ENTRY, ("verify", "--static")], ids=lambda a: a[0])
def test_a_file_is_read_to_know_it_and_to_plan_with_it_and_no_more(watched, arguments):
    # manage.py says where the project is before there is anything to remember it in; what is written is read
    # again where nothing may have changed it: before, under the lock, and after
    more = {"manage.py": 5, "doctors/tasks.py": 5, "config/settings.py": 5}
    # which settings class, and which settings a web process gets, are facts of their own
    more["config/wsgi.py"] = 3
    read = {path: n for path, n in watched(*arguments)["read"].items() if path.endswith(".py")}
    assert read
    assert {path: n for path, n in read.items() if n > more.get(path, 2)} == {}
