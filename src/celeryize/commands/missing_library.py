"""A library that a change needs and the project's environment lacks: told once, with the line that
adds it.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from celeryize.detect.install_line import install_line
from celeryize.detect.interpreter import has_django
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError

# Where one of these is missing, nothing can be imported, which is for the proof to say.
PROVED = {"celery", "django"}
# What adds a requirement to the project's file, and installs it.
ADDING = {
    "uv": ("uv", "add"),
    "poetry": ("poetry", "add"),
    "pdm": ("pdm", "add"),
    "pipenv": ("pipenv", "install"),
}


def require_library(project: Project, module: str, requirement: str) -> None:
    """Raise CeleryizeError where the project's environment certainly lacks a module."""
    # an environment without Django is not the project's: nothing is known of it
    python = project.interpreter.path
    if not has_django(python) or _has_module(python, module):
        return
    raise CeleryizeError(
        f"{module} is not installed in the project's environment ({python})",
        hint=f"Add it first: {adding_line(project, requirement)}",
    )


def require_imports(project: Project, lines: Iterable[str]) -> None:
    """Raise CeleryizeError for the first import whose library is not there."""
    known = {*sys.stdlib_module_names, *PROVED, *project.style.own}
    for line in lines:
        module = line.split()[1].split(".")[0]
        if module and module not in known and not _is_of_project(project, module):
            require_library(project, module, module)


def adding_line(project: Project, requirement: str) -> str:
    """The line that declares a requirement and installs it, or the two steps of it."""
    command = ADDING.get(project.dependencies.manager)
    if command is not None:
        return f"`{shlex.join((*command, requirement))}`"
    line = f"`{install_line(project, [('pip', 'install', requirement)])}`"
    if project.dependencies.file is None:
        return line
    return f"{line}, and declare {requirement} in {project.dependencies.file}"


def _is_of_project(project: Project, module: str) -> bool:
    places = [project.root / place / module for place in project.modules.roots]
    return any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)


def _has_module(python: Path, module: str) -> bool:
    """Whether an environment may hold a module, read off its folders."""
    places = [Path(place) for place in sys.path if place]
    if python != Path(sys.executable):
        places = [
            *python.parent.parent.glob("lib/python*/site-packages"),
            python.parent.parent / "Lib/site-packages",
        ]
    for place in places:
        # what is installed in place is somewhere else
        found = [place / module, place / f"{module}.py", *place.glob(f"{module}.*.so")]
        if any(file.exists() for file in found) or any(place.glob("__editable__*.pth")):
            return True
    return False
