"""How every command begins: repair an interrupted run, read the project, start importing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.apply import interrupted_change, recover
from celeryize.commands.options import RunOptions
from celeryize.detect.environment import Environment, find_environment
from celeryize.detect.layout import find_root
from celeryize.errors import NoProject
from celeryize.patch.newer import parsed_by

# Processes, sockets and temporary folders are loaded only by what imports the project.
if TYPE_CHECKING:
    from celeryize.detect.project import Project
    from celeryize.probe.run import Preview, Prober, Target
    from celeryize.ui.view import View


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What an import of the project is asked for.

    `app` is the app as `celery -A` takes it, the project's own where it is None. `settings` are the
    settings whose values are wanted, `environment` is what the import needs, and `preview` asks
    when Beat's entries run.
    """

    app: str | None = None
    settings: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    preview: Preview | None = None


OWN_APP = ImportRequest()
# What a person reads while it lasts.
IMPORTING = "importing your project as a worker and as a web process"

# Stands for the settings module that no file names.
UNKNOWN = "?"


@contextmanager
def start_up(
    options: RunOptions,
    view: View,
    *,
    imports: bool = True,
    brief: bool = False,
    request: ImportRequest = OWN_APP,
    writes: bool = False,
    may_lack_settings: bool = False,
) -> Iterator[tuple[Project, Prober | None]]:
    """The project and, with `imports`, a prober that is importing the untouched project already.

    `brief` leaves out what was recognised: a small command should not open with ten lines of it.
    An interrupted change is rolled back by a command that `writes`; any other one names it.
    `may_lack_settings`: the code can be read where nobody knows which settings the project has.
    """
    start, root = _chosen_project(options.start, view)
    view.know_root(root)
    interrupted = recover(root) if writes else interrupted_change(root)
    if interrupted:
        view.show_note(interrupted)
    # A manager may run plugins that the project brings along: without an import, nothing of the
    # project may run.
    unknown = ""
    try:
        environment = find_environment(
            start, settings=options.settings, python=options.python, ask=imports
        )
    except NoProject as error:
        if not may_lack_settings or error.choices or options.settings:
            raise
        unknown = error.message.split(":")[0]
        environment = find_environment(start, settings=UNKNOWN, python=options.python, ask=False)
    with ExitStack() as stack, ExitStack() as reading:
        reading.enter_context(view.working("reading your project"))
        # An interpreter that came with the project is run only where its code may be run anyway,
        # or where the user named it.
        if imports or options.python is not None:
            stack.enter_context(parsed_by(environment.interpreter.path))
        prober = None
        if imports:
            prober = stack.enter_context(_warm_prober(environment, options.timeout))
        # loaded while the project's interpreter starts: a proof is as long as that takes
        from celeryize.detect.project import load_project

        load = partial(
            load_project,
            start,
            settings=options.settings,
            python=options.python,
            package=options.package,
            environment=environment,
        )
        try:
            project = load(without_settings=unknown)
        except NoProject as error:
            if not may_lack_settings or unknown:
                raise
            project = load(without_settings=error.message)
        reading.close()
        if not brief:
            view.show_project(project)
        if prober is not None:
            prober.start_baseline(target_of(project, request))
        yield project, prober


def _chosen_project(start: Path, view: View) -> tuple[Path, Path]:
    """Where a command starts, and the root of the project there; of several, a person picks one."""
    try:
        return start, find_root(start)
    except NoProject as error:
        if not (error.choices and view.interactive):
            raise
        names = [os.path.relpath(folder, start) for folder in error.choices]
        question = "There are several Django projects here. Which one?"
        chosen = error.choices[view.choose(question, names)]
    return chosen, find_root(chosen)


def _warm_prober(environment: Environment, timeout: float) -> Prober:
    """A prober whose interpreter imports the libraries while we read the project's code."""
    from celeryize.probe.run import Prober, Target

    layout = environment.layout
    # without an app: which one it is, only the code that is read meanwhile says
    first = Target(
        python=environment.interpreter.path,
        base=layout.root / layout.base,
        paths=tuple(layout.root / path for path in layout.paths[1:]),
        settings=layout.settings,
        app_spec=None,
    )
    return Prober(first, timeout=timeout)


def target_of(project: Project, request: ImportRequest = OWN_APP) -> Target:
    """What a prober imports: the project with its own app, unless the request has a planned one."""
    from celeryize.detect.web_entries import VARIABLE
    from celeryize.detect.web_settings import entries_to_import, worker_environment
    from celeryize.probe.run import Target

    app = request.app
    if app is None and project.celery:
        app = project.celery[0].spec(project.package.name)
    app_files = tuple(one.where.path for one in project.celery)
    environment = request.environment
    if app_files and VARIABLE not in dict(environment):
        environment += worker_environment(
            project.modules, project.web, project.layout, app_files[0]
        )
    return Target(
        python=project.interpreter.path,
        base=project.root / project.base,
        paths=tuple(project.root / path for path in project.layout.paths[1:]),
        settings=project.settings.module,
        app_spec=app,
        configuration=project.layout.configuration,
        settings_names=request.settings,
        environment=environment,
        preview=request.preview,
        entry_points=entries_to_import(
            project.modules, project.web, project.settings.module, app_files
        ),
    )
