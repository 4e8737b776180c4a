"""The project package imports the Celery app, so that web processes know it."""

from __future__ import annotations

from dataclasses import replace

from celeryize.commands.init.generated_files import project_newline
from celeryize.commands.init.setup import Setup
from celeryize.detect.celery import CeleryApp, module_names
from celeryize.detect.modules import imports_package
from celeryize.detect.project import Project
from celeryize.detect.tasks import tasks_import_app
from celeryize.detect.variables import Assigned
from celeryize.detect.web_settings import SettingsChange, missing_settings, settings_changes
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.package_init import import_app


def add_package_import(setup: Setup, module: str, variable: str, *, absolute: bool = False) -> None:
    """Import `variable` of the module `module` of the package in its `__init__.py`; with
    `absolute`, of any module.

    Raises CannotPatch.
    """
    package = setup.project.package
    draft = setup.draft
    if draft.read(package.init) is None:
        draft.add_note(
            f"{package.init} did not exist; it is created, because it has to import the app."
        )
    source = draft.source(package.init)
    after = import_app(source, module, variable, absolute=absolute)
    # an empty file has no newline of its own to continue
    if not source.text and project_newline(setup.project) == "\r\n":
        after = replace(after, text=after.text.replace("\n", "\r\n"))
    draft.write(package.init, after, "imports the app, so that web processes know it")


def import_existing_app(setup: Setup, app: CeleryApp) -> None:
    """The import of an app that the project has already.

    A manual step where it is in another package that imports the project package in turn.
    """
    project = setup.project
    package = project.package
    if tasks_import_app(project.modules, project.apps, project.celery):
        setup.draft.add_note(
            f"{package.init} does not import the app, and need not: no task is a shared task, so "
            "each tasks module imports the app of its tasks."
        )
        return
    if _is_loose_module(project, app):
        _refuse_import(setup, app, "No import finds it by that name.")
        return
    gone = missing_settings(project.modules, app.where.path)
    if gone is not None:
        _refuse_broken_app(setup, gone)
        return
    changes = list(settings_changes(project.modules, project.web, package.name, app.where.path))
    if changes:
        _refuse_other_settings(setup, changes[0])
        return
    relative = app.module.removeprefix(f"{package.name}.")
    if relative != app.module:
        with setup.attempt():
            add_package_import(setup, relative, app.variable)
        return
    if imports_package(project.modules, app.where.path, package.name):
        turn = f"It imports {package.name} in turn."
        _refuse_import(setup, app, turn)
        return
    with setup.attempt():
        add_package_import(setup, app.module, app.variable, absolute=True)


def _is_loose_module(project: Project, app: CeleryApp) -> bool:
    """Whether the app is a name that no import finds: its module is not there, or binds it only in
    a function."""
    path = project.modules.find(app.module)
    source = project.modules.source(path) if path else None
    return source is None or app.variable not in module_names(source.tree)


def _refuse_broken_app(setup: Setup, gone: Assigned) -> None:
    """A manual step: the app file does not import, so that no web process would start."""
    setup.draft.add_manual(
        CannotPatch(
            f"{setup.project.package.init} does not import the Celery app, and cannot yet: "
            f"{gone.where} names the settings module {gone.values[0]}, which does not exist",
            hint=f"Name {setup.project.settings.module} there, then run init again.",
            where=gone.where,
        )
    )


def _refuse_other_settings(setup: Setup, change: SettingsChange) -> None:
    """A manual step: the import would give the web process the settings of the worker."""
    entry = change.entry
    own = " or ".join(entry.names) or "the settings of its environment"
    setup.draft.add_manual(
        CannotPatch(
            f"{setup.project.package.init} does not import the Celery app, and cannot: "
            f"{change.where} sets {change.name}, and {entry.where} {own}. With the import, web "
            f"processes of {entry.module} would run with {change.name}",
            hint=f"Have {change.where.path} name the settings of {entry.path} (the environment "
            "variable still wins for the worker), then run init again.",
            where=change.where,
        )
    )


def _refuse_import(setup: Setup, app: CeleryApp, why: str) -> None:
    """A manual step: the import that would be a circle, or of which nobody knows the name."""
    package = setup.project.package
    setup.draft.add_manual(
        CannotPatch(
            f"{package.init} does not import the Celery app, "
            "so web processes use Celery's default app",
            hint=f"The app is {app.module}:{app.variable}. {why} Once that is changed, run init "
            "again, or paste these lines at the end.",
            snippet=f"from {app.module} import {app.variable} as celery_app\n\n"
            '__all__ = ("celery_app",)\n',
            where=Where(package.init),
        )
    )
