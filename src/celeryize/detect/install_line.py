"""What installs the project's dependencies, as a line that works when it is pasted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from celeryize.detect.project import Project
from celeryize.detect.runner import program_line


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
    elif program == "pip-compile" and (project.interpreter.path.parent / program).exists():
        words = program_in(project, program, folder)
    else:
        words = program
    return f"{words} {shlex.join(arguments)}"


def program_in(project: Project, program: str, folder: Path) -> str:
    """The words that start a program of the project's environment from a folder."""
    return program_line(program, project.root, project.dependencies, project.interpreter, folder)
