"""A throw-away environment with the dependencies as they are planned: a new version is proved in it
before anything is written, and the project's own environment is not touched."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.model import Plan
from celeryize.patch.dependencies import entries
from celeryize.supervised import Finished, run_supervised
from celeryize.ui.view import View

LAST_LINES = 8
# What no manager needs of a project, and what may be large.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".hg", ".tox", ".nox", "node_modules", "__pycache__", "*.pyc", "*.sqlite3"
)
NOTHING = "Nothing was written. Without --install the change is made without this proof."


def raises_celery(project: Project, plan: Plan) -> str:
    """The new requirement of Celery, where a plan has another one than the project; else empty."""
    dependencies = project.dependencies
    for edit in plan.edits:
        if edit.path != dependencies.file or edit.before is None or edit.after is None:
            continue
        before = entries(edit.before, dependencies.form).get("celery")
        after = entries(edit.after, dependencies.form).get("celery")
        if before and after and before.text != after.text:
            return after.text
    return ""


@contextmanager
def trial_environment(project: Project, plan: Plan, view: View) -> Iterator[Path]:
    """The interpreter of an environment with what a plan declares; it is removed at the end.

    Raises CeleryizeError where it cannot be made or filled.
    """
    with tempfile.TemporaryDirectory(prefix="celeryize-", ignore_cleanup_errors=True) as name:
        copy, environment = Path(name) / "project", Path(name) / "environment"
        shutil.copytree(project.root, copy, symlinks=True, ignore=_left_out)
        for edit in plan.edits:
            place = copy / edit.path
            if edit.after is None:
                place.unlink(missing_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(edit.after)
        folder = copy / project.dependencies.folder
        with view.working("making a throw-away environment"):
            _make_environment(project.interpreter.path, environment)
        python = environment / "bin" / "python"
        for command in _commands(project, python):
            with view.working(f"running {shlex.join(command)} in a throw-away environment"):
                finished = _run(command, folder, environment, view)
            if finished.exit_code:
                raise CeleryizeError(
                    f"`{shlex.join(command)}` failed in a throw-away environment:\n"
                    f"{finished.last_lines(LAST_LINES)}",
                    hint=NOTHING,
                )
        yield python


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is not copied: also each virtual environment, whatever it is called."""
    found = set(LEFT_OUT(folder, names))
    return found | {name for name in names if (Path(folder) / name / "pyvenv.cfg").is_file()}


def _make_environment(python: Path, folder: Path) -> None:
    """A virtual environment of the project's own Python."""
    finished = run_supervised((str(python), "-m", "venv", str(folder)), folder=folder.parent)
    if finished.exit_code and shutil.which("uv"):
        made = ("uv", "venv", "--seed", "--python", str(python), str(folder))
        finished = run_supervised(made, folder=folder.parent)
    if finished.exit_code:
        raise CeleryizeError(
            f"{python} cannot make a throw-away environment:\n{finished.last_lines(LAST_LINES)}",
            hint=NOTHING,
        )


def _commands(project: Project, python: Path) -> Iterator[tuple[str, ...]]:
    """What fills the environment: the manager's own commands, and pip for what is pip's."""
    dependencies = project.dependencies
    if dependencies.manager == "pip-tools" and dependencies.file is not None:
        # the compiled file has the old versions
        source = os.path.relpath(dependencies.file, dependencies.folder)
        yield (str(python), "-m", "pip", "install", "-q", "-r", source)
        return
    for command in dependencies.commands:
        if command[0] == "pip":
            yield (str(python), "-m", "pip", *command[1:], "-q")
        elif shutil.which(command[0]):
            yield command
        else:
            raise CeleryizeError(
                f"cannot run `{shlex.join(command)}`: {command[0]} is not installed, or not on "
                "PATH",
                hint=NOTHING,
            )


def _run(command: Sequence[str], folder: Path, environment: Path, view: View) -> Finished:
    """Run a command with the environment as the active one, which is what each manager fills."""
    active = (
        "env",
        f"VIRTUAL_ENV={environment}",
        f"UV_PROJECT_ENVIRONMENT={environment}",
        "PDM_IGNORE_SAVED_PYTHON=1",
        "PIPENV_VERBOSITY=-1",
        "PIP_DISABLE_PIP_VERSION_CHECK=1",
    )
    return run_supervised((*active, *command), folder=folder, tell=view.tell_progress)
