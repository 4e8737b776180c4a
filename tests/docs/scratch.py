"""The project that the documentation is about: a clinic, as a person might have it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import make_tree, small_project

COMPOSE = """services:
  web:
    build: .
    command: gunicorn config.wsgi --bind 0.0.0.0:8000
    ports:
      - "8000:8000"
"""
DOCKERFILE = "FROM python:3.13-slim\nWORKDIR /code\nCOPY . .\nRUN pip install -r requirements.txt\n"


def environment(state: Path) -> dict[str, str]:
    """No variable of the machine, 80 columns, and celeryize first on the PATH."""
    kept = {"HOME", "LANG", "TMPDIR", "TZ"}
    return {
        **{name: value for name, value in os.environ.items() if name in kept},
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": str(state),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


def clinic(folder: Path) -> Path:
    """A Django project without Celery, under git, with an environment that has Celery."""
    make_tree(folder, {**small_project(), ".gitignore": ".venv\n__pycache__/\n"})
    (folder / ".venv").symlink_to(sys.prefix)
    git = ["git", "-c", "user.name=You", "-c", "user.email=you@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)
    return folder


def clinic_with_celery(folder: Path, *, profile: str = "production") -> Path:
    """The same after `init`, `add-task` and `add-schedule`."""
    clinic(folder)
    state = folder.parent / "state"
    for line in (
        ["init", "--broker", "redis", "--profile", profile, "--beat"],
        ["add-task", "doctors.remind_patient", "patient_id:int"],
        [
            "add-schedule",
            "every-morning",
            "doctors.remind_patient",
            "--at",
            "08:00",
            "--args",
            "[7]",
        ],
    ):
        words = [sys.executable, "-m", "celeryize", *line, "--yes", "--no-verify", "--quiet"]
        subprocess.run(words, cwd=folder, env=environment(state), check=True, capture_output=True)
    return folder


def copy_of(folder: Path, place: Path) -> Path:
    """A copy of a project, with the same environment."""
    return Path(shutil.copytree(folder, place, symlinks=True))
