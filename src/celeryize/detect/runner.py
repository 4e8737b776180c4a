"""How a program of the project's environment is started: `uv run celery`, `.venv/bin/celery`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path, PurePosixPath

from celeryize.detect.dependencies import Dependencies
from celeryize.detect.interpreter import Interpreter, has_django

# Managers that start a program in the environment they keep.
RUNNERS = {
    "uv": "uv run",
    "poetry": "poetry run",
    "pdm": "pdm run",
    "pipenv": "pipenv run",
    "hatch": "hatch run",
}
# The folder of an environment that these take for their own, beside their file.
OWN_FOLDER = ".venv"
# So many steps up are still shorter than the whole path.
FAR_UP = 3


def program_line(
    program: str, root: Path, dependencies: Dependencies, interpreter: Interpreter, folder: Path
) -> str:
    """The words that start a program of the project's environment from a folder.

    `uv run celery` where a manager keeps the environment, plain `celery` where it is active, else
    the program's path.
    """
    python = interpreter.path
    runner = RUNNERS.get(dependencies.manager)
    home = root / dependencies.folder
    kept = python.parent.parent == home / OWN_FOLDER or interpreter.by_manager
    if is_active(python):
        return program
    if runner and kept and shutil.which(runner.split()[0]):
        return f"{runner} {program}"
    if interpreter.is_own:
        # no environment was found: the manager will make one, or somebody else will
        if runner and not has_django(python):
            return f"{runner} {program}"
        return program
    return shlex.quote(shortest_path(python.parent / program, folder))


def is_active(python: Path) -> bool:
    """Whether the shell finds the programs beside an interpreter by their names alone."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if str(python.parent) in folders[:1]:
        return True
    activated = os.environ.get("VIRTUAL_ENV")
    return activated is not None and Path(activated) == python.parent.parent


def shortest_path(path: Path, folder: Path) -> str:
    """A path from a folder; the absolute one where that is far away."""
    relative = os.path.relpath(path, folder)
    if PurePosixPath(relative).parts[:FAR_UP] == ("..",) * FAR_UP or sys.platform == "win32":
        return str(path)
    return relative
