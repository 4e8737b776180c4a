"""The interpreter that runs the project: the one whose environment holds its Django."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.errors import CeleryizeError

MANAGER_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python executable and what led to it."""

    path: Path
    why: str
    # the package manager keeps it, somewhere else than beside the project
    by_manager: bool = False
    # only that of celeryize itself: none of the project was found
    is_own: bool = False
    # nothing is run with it: `verify --static`
    is_unused: bool = False


def find_interpreter(
    root: Path, base: PurePosixPath, manager: str, python: str | None
) -> Interpreter:
    """`--python`, $VIRTUAL_ENV, an environment beside the project, the manager's own, else the
    running one.

    Among several, the first that has Django wins: an activated environment may be another
    project's. Raises CeleryizeError where `--python` is not an executable.
    """
    if python is not None:
        found = shutil.which(python)
        if found is None:
            raise CeleryizeError(
                f"--python {python} is not an executable", hint="Pass a Python interpreter."
            )
        return Interpreter(Path(found).absolute(), "--python")
    candidates: list[Interpreter] = []
    for candidate in _candidate_interpreters(root, base, manager):
        if has_django(candidate.path):
            return candidate
        candidates.append(candidate)
    return candidates[0]


def has_django(python: Path) -> bool:
    """Whether the environment of an interpreter holds Django, read off its folders; nothing is
    run."""
    # our own path knows more than the folders beside the executable: .pth files, zip files
    if python == Path(sys.executable):
        places = [Path(p) for p in sys.path if p]
    else:
        places = [
            *python.parent.parent.glob("lib/python*/site-packages"),
            python.parent.parent / "Lib/site-packages",
        ]
    return any((place / "django" / "__init__.py").exists() for place in places)


def _candidate_interpreters(root: Path, base: PurePosixPath, manager: str) -> Iterator[Interpreter]:
    activated = os.environ.get("VIRTUAL_ENV")
    if activated and _python_in(Path(activated)):
        yield Interpreter(_python_in(Path(activated)) or Path(), "$VIRTUAL_ENV")
    for folder in dict.fromkeys((root / base, root)):
        for name in (".venv", "venv", "env"):
            python = _python_in(folder / name)
            if python:
                yield Interpreter(python, f"{name}/ beside the project")
    # asking starts a process, so it comes late
    asked = _ask_manager(root / base, manager)
    if asked:
        yield Interpreter(asked, f"{manager}'s environment", by_manager=True)
    yield Interpreter(Path(sys.executable), "the interpreter that runs celeryize", is_own=True)


def _python_in(folder: Path) -> Path | None:
    for name in ("bin/python", "Scripts/python.exe"):
        if (folder / name).exists():
            return (folder / name).absolute()
    return None


def _ask_manager(folder: Path, manager: str) -> Path | None:
    """The interpreter of an environment that the manager keeps elsewhere; None where it has
    none."""
    questions = {
        "poetry": ("poetry", "env", "info", "--executable"),
        "pipenv": ("pipenv", "--py"),
        "pdm": ("pdm", "info", "--python"),
    }
    question = questions.get(manager)
    if question is None or shutil.which(question[0]) is None:
        return None
    try:
        answer = subprocess.run(
            question, cwd=folder, capture_output=True, text=True, timeout=MANAGER_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    path = Path(answer.stdout.strip())
    if answer.returncode == 0 and path.is_file():
        return path
    return None
