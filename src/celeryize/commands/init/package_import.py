"""The project package imports the Celery app, so that web processes know it."""

from __future__ import annotations

from dataclasses import replace

from celeryize.commands.init.generated_files import project_newline
from celeryize.commands.init.setup import Setup
from celeryize.detect.celery import CeleryApp
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.package_init import import_app


def add_package_import(setup: Setup, module: str, variable: str) -> None:
    """Import `variable` of the module `module` of the package in its `__init__.py`.

    Raises CannotPatch.
    """
    package = setup.project.package
    draft = setup.draft
    if draft.read(package.init) is None:
        draft.add_note(
            f"{package.init} did not exist; it is created, because it has to import the app."
        )
    source = draft.source(package.init)
    after = import_app(source, module, variable)
    # an empty file has no newline of its own to continue
    if not source.text and project_newline(setup.project) == "\r\n":
        after = replace(after, text=after.text.replace("\n", "\r\n"))
    draft.write(package.init, after, "imports the app, so that web processes know it")


def import_existing_app(setup: Setup, app: CeleryApp) -> None:
    """The import of an app that the project has already.

    A manual step where it is in another package. Such a package may import the project package in
    turn, which we cannot know.
    """
    package = setup.project.package
    relative = app.module.removeprefix(f"{package.name}.")
    if relative != app.module:
        with setup.attempt():
            add_package_import(setup, relative, app.variable)
        return
    setup.draft.add_manual(
        CannotPatch(
            f"{package.init} does not import the Celery app, "
            "so web processes use Celery's default app",
            hint=f"The app is in another package ({app.module}). If it does not import "
            f"{package.name} in turn, paste these lines at the end.",
            snippet=f"from {app.module} import {app.variable} as celery_app\n\n"
            '__all__ = ("celery_app",)\n',
            where=Where(package.init),
        )
    )
