"""A pipe, a device, a gigabyte in the place of a file of the project: a sentence, and no waiting."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import make_tree, small_project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's kinds of files")

PATHS = [
    "manage.py",
    "config/settings.py",
    "config/__init__.py",
    "config/celery.py",
    "doctors/tasks.py",
    "doctors/models.py",
    "requirements.txt",
    "pyproject.toml",
    "Procfile",
    "docker-compose.yml",
    ".celeryize.yml",
    ".gitignore",
    ".env",
]
COMMANDS = [
    ("init", "--dry-run", "--no-verify"),
    ("add-task", "doctors.greet", "--dry-run", "--no-verify"),
    ("verify", "--static"),
]
MEMORY = 1 << 30


def place(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as stream:
            stream.truncate(1 << 30)


@pytest.mark.parametrize("kind", ["pipe", "device", "gigabyte"])
@pytest.mark.parametrize("path", PATHS)
def test_a_file_of_another_kind_ends_no_command_badly(tmp_path, path, kind):
    root = make_tree(tmp_path / "project", small_project())
    place(root / path, kind)
    for command in COMMANDS:
        ran = subprocess.run(
            [sys.executable, "-m", "celeryize", *command],
            cwd=root,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
        assert ran.returncode in {0, 1, 3}, f"{command}: {ran.stderr}"
        assert "Traceback" not in ran.stderr
