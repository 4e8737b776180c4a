"""How every command begins: repair an interrupted run, read the project, start looking at it from inside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from celeryize.apply import recover
from celeryize.detect.environment import Environment, find_environment
from celeryize.detect.layout import find_root
from celeryize.errors import NoProject
from celeryize.patch.newer import parsed_by

# Processes, sockets and temporary folders are loaded only by what looks inside.
if TYPE_CHECKING:
    from celeryize.detect.project import Project
    from celeryize.probe.run import Preview, Prober, Target


class Opening(Protocol):
    """The part of a view that shows what a command starts from."""

    def show_project(self, project: Project) -> None:
        """What was recognised, a line each."""

    interactive: bool

    def show_note(self, text: str) -> None:
        """One sentence."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Which of the options it is, from 0; raises CeleryizeError where there is nobody to ask, or no answer."""


@contextmanager
def opened(
    start: Path,
    view: Opening,
    *,
    settings: str | None = None,
    python: str | None = None,
    package: str | None = None,
    look_inside: bool = True,
    timeout: float = 60,
    brief: bool = False,
    names: tuple[str, ...] = (),
    preview: Preview | None = None,
) -> Iterator[tuple[Project, Prober | None]]:
    """The project around `start` and, if asked for, a prober whose look at the untouched project is under way.

    `brief` leaves out what was recognised: a small command should not open with ten lines of it. `names` and
    `preview` are what that look is asked for, as in `target_of`.
    """
    start, root = _chosen(start, view)
    repaired = recover(root)
    if repaired:
        view.show_note(repaired)
    # A manager may run plugins that the project brings along: without a look inside, nothing of it runs.
    ground = find_environment(start, settings=settings, python=python, ask=look_inside)
    with ExitStack() as stack:
        # An interpreter that came with the project is run where its code may be, or where the user named it.
        if look_inside or python is not None:
            stack.enter_context(parsed_by(ground.interpreter.path))
        prober = stack.enter_context(_warming(ground, timeout)) if look_inside else None
        # loaded while the project's interpreter starts: a proof is as long as that takes
        from celeryize.detect.project import load_project

        project = load_project(start, settings=settings, python=python, package=package, environment=ground)
        if not brief:
            view.show_project(project)
        if prober is not None:
            prober.start_baseline(target_of(project, names=names, preview=preview))
        yield project, prober


def _chosen(start: Path, view: Opening) -> tuple[Path, Path]:
    """Where a command starts, of several projects in the one that a person picks; and the root of that project."""
    try:
        return start, find_root(start)
    except NoProject as error:
        if not (error.choices and view.interactive):
            raise
        names = [os.path.relpath(folder, start) for folder in error.choices]
        chosen = error.choices[view.choose("There are several Django projects here. Which one?", names)]
    return chosen, find_root(chosen)


def _warming(ground: Environment, timeout: float) -> Prober:
    """A prober whose interpreter imports the libraries while we read the project's code."""
    from celeryize.probe.run import Prober, Target

    layout = ground.layout
    first = Target(
        python=ground.interpreter.path,
        base=layout.root / layout.base,
        paths=tuple(layout.root / path for path in layout.paths[1:]),
        settings=layout.settings,
        app_spec=None,
    )
    return Prober(first, timeout=timeout)


def target_of(
    project: Project,
    spec: str | None = None,
    names: tuple[str, ...] = (),
    environment: tuple[tuple[str, str], ...] = (),
    preview: Preview | None = None,
) -> Target:
    """What a prober looks at: the project with its own app, unless `spec` names a planned one.

    `names` are the settings whose values are wanted; `environment` is what the import
    needs, `preview` asks when Beat's entries run.
    """
    from celeryize.probe.run import Target

    if spec is None and project.celery:
        spec = project.celery[0].spec(project.package.name)
    return Target(
        python=project.interpreter.path,
        base=project.root / project.base,
        paths=tuple(project.root / path for path in project.layout.paths[1:]),
        settings=project.settings.module,
        app_spec=spec,
        configuration=project.layout.configuration if project.settings.class_based else None,
        settings_names=names,
        environment=environment,
        preview=preview,
    )
