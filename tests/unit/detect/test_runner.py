"""detect/runner: how the programs of a project's environment are started."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import pytest

from celeryize.detect.dependencies import Dependencies
from celeryize.detect.interpreter import Interpreter
from celeryize.detect.runner import program_line
from celeryize.patch.dependencies import Form


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has all managers, and no active environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("uv", "poetry", "pdm", "pipenv", "hatch"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return tmp_path


def celery(root: Path, manager: str, interpreter: Interpreter, folder: Path | None = None) -> str:
    dependencies = Dependencies(manager, PurePosixPath("pyproject.toml"), Form.PEP621)
    return program_line("celery", root, dependencies, interpreter, folder or root)


@pytest.mark.parametrize("manager", ["uv", "poetry", "pdm", "pipenv", "hatch"])
def test_a_manager_starts_it_in_the_environment_that_it_keeps(machine, manager):
    kept = Interpreter(Path("/elsewhere/bin/python"), "", by_manager=True)
    assert celery(machine, manager, kept) == f"{manager} run celery"
    beside = Interpreter(machine / ".venv/bin/python", "")
    assert celery(machine, manager, beside) == f"{manager} run celery"


def test_a_manager_that_is_not_there_does_not(machine, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    beside = Interpreter(machine / ".venv/bin/python", "")
    assert celery(machine, "uv", beside) == ".venv/bin/celery"


def test_before_there_is_an_environment_the_manager_will_make_one(machine, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("celeryize.detect.runner.has_django", lambda python: False)
    own = Interpreter(Path(sys.executable), "", is_own=True)
    assert celery(machine, "poetry", own) == "poetry run celery"
    assert celery(machine, "pip", own) == "celery"


@pytest.mark.parametrize("name", [".venv", "venv", "env"])
def test_an_environment_beside_the_project_is_a_path(machine, name):
    beside = Interpreter(machine / f"{name}/bin/python", "")
    assert celery(machine, "pip", beside) == f"{name}/bin/celery"
    assert celery(machine, "pip", beside, machine / "src") == f"../{name}/bin/celery"


def test_one_of_another_name_is_not_the_one_that_the_manager_keeps(machine):
    other = Interpreter(machine / "venv/bin/python", "")
    assert celery(machine, "uv", other) == "venv/bin/celery"


def test_one_that_is_far_away_is_named_in_full(machine):
    far = Interpreter(Path("/opt/other envs/shop/bin/python"), "--python")
    assert celery(machine, "pip", far) == "'/opt/other envs/shop/bin/celery'"


def test_in_an_active_environment_the_name_is_enough(machine, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", str(machine / ".venv"))
    beside = Interpreter(machine / ".venv/bin/python", "$VIRTUAL_ENV")
    assert celery(machine, "uv", beside) == "celery"
