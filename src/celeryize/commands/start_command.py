"""What a user types next, and that works when it is pasted: install, start, prove."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from celeryize.detect.project import Project
from celeryize.detect.runner import program_line
from celeryize.detect.web_settings import worker_environment
from celeryize.model import NextStep

# What the step of a process is called.
STARTS = {
    "worker": "Start a worker",
    "beat": "Start Beat, in a terminal of its own",
}


def start_steps(
    project: Project,
    spec: str,
    subcommands: tuple[str, ...],
    environment: tuple[tuple[str, str], ...] = (),
    titles: tuple[str, ...] = (),
) -> tuple[NextStep, ...]:
    """The steps that start `celery -A spec`, from the folder where the user is.

    Each goes to another folder first where one is needed: a process has a terminal of its own.
    `titles` are those of the subcommands.
    """
    titles = titles or tuple(STARTS[subcommand] for subcommand in subcommands)
    *change, _ = start_commands(project, spec, subcommands[:1], environment)
    steps = []
    for subcommand, title in zip(subcommands, titles, strict=True):
        line = start_commands(project, spec, (subcommand,), environment)[-1]
        steps.append(NextStep(title, (*change, line)))
    return tuple(steps)


def start_commands(
    project: Project,
    spec: str,
    subcommands: tuple[str, ...],
    environment: tuple[tuple[str, str], ...] = (),
) -> tuple[str, ...]:
    """The lines that start `celery -A spec`, from the folder where the user is.

    The folder is the one in which Python finds `spec`: manage.py puts others on sys.path, and
    `celery` does not run it. `environment` is what a worker for development needs.
    """
    home, missing = start_place(project, spec)
    steps = []
    folder = os.path.relpath(home)
    if folder != ".":
        steps.append(f"cd {shlex.quote(folder)}")
    words = [f"{name}={shlex.quote(value)}" for name, value in environment]
    if missing:
        paths = ":".join(os.path.relpath(path, home) for path in missing)
        words.insert(0, f"PYTHONPATH={shlex.quote(paths)}")
    celery = program_in(project, "celery", project.root / home)
    for subcommand in subcommands:
        steps.append(" ".join((*words, f"{celery} -A {spec} {subcommand} -l INFO")))
    return tuple(steps)


def program_in(project: Project, program: str, folder: Path) -> str:
    """The words that start a program of the project's environment from a folder."""
    return program_line(program, project.root, project.dependencies, project.interpreter, folder)


def worker_variables(project: Project) -> tuple[tuple[str, str], ...]:
    """The variables that give a worker of an existing app the settings of manage.py."""
    if not project.celery:
        return ()
    return worker_environment(
        project.modules, project.web, project.layout, project.celery[0].where.path
    )


def install_line(project: Project, commands: Sequence[Sequence[str]] = ()) -> str:
    """What installs the dependencies, to be pasted where the user is; empty where nothing is known.

    pip is that of the project's environment, wherever the shell's own is.
    """
    folder = project.root / project.dependencies.folder
    lines = [_in_environment(project, command, folder) for command in _commands(project, commands)]
    if not lines:
        return ""
    relative = os.path.relpath(folder)
    if relative == ".":
        return " && ".join(lines)
    return f"(cd {shlex.quote(relative)} && {' && '.join(lines)})"


def _commands(project: Project, commands: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    return commands or project.dependencies.commands


def _in_environment(project: Project, command: Sequence[str], folder: Path) -> str:
    program, *arguments = command
    if program == "pip":
        words = f"{program_in(project, 'python', folder)} -m pip"
        # an environment that is active, or that nobody has found, has pip under its name
        if words == "python -m pip":
            words = "pip"
    elif program in {"pip-compile", "pip-sync"}:
        words = program_in(project, program, folder)
    else:
        words = program
    return f"{words} {shlex.join(arguments)}"


def start_place(project: Project, spec: str) -> tuple[Path, tuple[Path, ...]]:
    """The folder to start `celery -A spec` in, and those that it would lack on sys.path."""
    home = _folder_of(project, spec)
    missing = _missing_paths(project, home)
    return project.root / home, tuple(project.root / path for path in missing)


def _folder_of(project: Project, spec: str) -> PurePosixPath:
    """The entry of sys.path in which a module is found."""
    head = spec.partition(":")[0].split(".")[0]
    return _home_of(project, head) or project.base


def _home_of(project: Project, head: str) -> PurePosixPath | None:
    for base in project.modules.roots:
        place = project.root / base / head
        if place.is_dir() or place.with_suffix(".py").is_file():
            return base
    return None


def _missing_paths(project: Project, home: PurePosixPath) -> list[PurePosixPath]:
    """The folders that the settings and the installed apps are in, and that `celery` would not
    have on sys.path: it has the current one."""
    names = [project.settings.module, *(app.name for app in project.apps if app.installed)]
    homes = {_home_of(project, name.split(".")[0]) for name in names}
    missing = [base for base in project.layout.paths if base in homes and base != home]
    # settings that extend sys.path do so in the worker, too
    extended = [project.modules.source(path) for path in project.settings.reachable]
    extended += [project.modules.source(app.where.path) for app in project.celery[:1]]
    if any(source is not None and "sys.path" in source.text for source in extended):
        return []
    return missing
