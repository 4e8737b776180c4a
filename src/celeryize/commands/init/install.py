"""`celeryize init --install`: the project's own package manager runs once the files are written.

What it rewrites, its lock files and the manifest, belongs to the change: it is rolled back with it,
and undone with it. The packages themselves stay in the environment, and the undo says so. Whatever
ends us ends the manager, too, and the lock of the project is held until it has ended.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from celeryize.commands.writing.carry_out import Around
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.supervised import Finished, run_supervised
from celeryize.ui.view import View

# What each manager writes beside its manifest, also where there is none yet.
LOCK_FILES = {
    "poetry": "poetry.lock",
    "uv": "uv.lock",
    "pdm": "pdm.lock",
    "pipenv": "Pipfile.lock",
}
ROLLED_BACK = "The change was rolled back."
LAST_LINES = 20


def plan_installation(project: Project, view: View) -> Around:
    """What to run around the write. Raises CeleryizeError where there is no manager to run."""
    dependencies = project.dependencies
    if not dependencies.commands:
        raise CeleryizeError(
            "there is no manager to install with", hint="Install the dependency manually."
        )
    _refuse_other_environment(project)
    generated = list(dependencies.locks)
    if dependencies.file is not None:
        generated.append(dependencies.file)
    lock_file = LOCK_FILES.get(dependencies.manager)
    if lock_file:
        generated.append(dependencies.folder / lock_file)
    # of several commands the last installs
    manager = dependencies.commands[-1][0]
    return Around(
        lambda lock: _installed(project, lock, view),
        generated=tuple(dict.fromkeys(PurePosixPath(path) for path in generated)),
        stays=f"The packages that {manager} has installed stay in the environment.",
        installs=True,
    )


def _refuse_other_environment(project: Project) -> None:
    """Raise CeleryizeError where pip would fill the environment of celeryize, and not the one that
    is beside the project, still without Django.
    """
    if not project.interpreter.is_own or project.dependencies.commands[0][0] != "pip":
        return
    for folder in (project.root / project.base, project.root):
        for name in (".venv", "venv", "env"):
            if (folder / name / "pyvenv.cfg").exists():
                beside = shlex.quote(os.path.relpath(folder / name / "bin/python"))
                raise CeleryizeError(
                    f"{name} has no Django, so the project would be installed into the "
                    f"environment that runs celeryize ({project.interpreter.path})",
                    hint=f"Name the one that is meant: `--python {beside}`",
                )


@contextmanager
def _installed(project: Project, lock: int, view: View) -> Iterator[None]:
    """Run the commands of the manager. Raises CeleryizeError where one fails."""
    for command in project.dependencies.commands:
        with view.working(f"running {shlex.join(command)}"):
            _run_manager(project, command, lock, view)
    yield


def _run_manager(project: Project, command: tuple[str, ...], lock: int, view: View) -> None:
    """Run one command of the manager where it belongs; pip is the interpreter's own."""
    shown = shlex.join(command)
    if command[0] == "pip":
        finished = _run_pip(project, command[1:], lock, view)
    elif shutil.which(command[0]):
        finished = _run(project, command, lock, view)
    else:
        raise CeleryizeError(
            f"cannot run `{shown}`: {command[0]} is not installed, or not on PATH",
            hint="Install it, or run init without --install and install the dependency yourself. "
            + ROLLED_BACK,
        )
    if finished.exit_code:
        raise CeleryizeError(
            f"`{shown}` failed:\n{finished.last_lines(LAST_LINES)}", hint=ROLLED_BACK
        )


def _run_pip(project: Project, arguments: tuple[str, ...], lock: int, view: View) -> Finished:
    """Run the pip of the project's interpreter; `uv venv` makes environments without one."""
    python = str(project.interpreter.path)
    finished = _run(project, (python, "-m", "pip", *arguments), lock, view)
    if finished.exit_code == 0 or "No module named pip" not in finished.output:
        return finished
    if not shutil.which("uv"):
        raise CeleryizeError(
            f"{python} has no pip, and there is no uv on PATH",
            hint=f"Run `{python} -m ensurepip`, or install the dependency yourself. {ROLLED_BACK}",
        )
    # uv's options of `pip install` are pip's, but for the interpreter
    with_uv = ("uv", "pip", arguments[0], "--python", python, *arguments[1:])
    return _run(project, with_uv, lock, view)


def _run(project: Project, command: tuple[str, ...], lock: int, view: View) -> Finished:
    folder = project.root / project.dependencies.folder
    return run_supervised(command, folder=folder, keeping=[lock], tell=view.tell_progress)
