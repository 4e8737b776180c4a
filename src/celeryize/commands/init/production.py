"""What a new set-up has to know about its settings elsewhere: in production, in a class that reads
the environment; and about its start files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from celeryize.commands.init.app_settings import choose_app_settings
from celeryize.commands.init.setup import Setup
from celeryize.detect.project import Project
from celeryize.detect.pydantic_settings import find_settings_class
from celeryize.detect.settings import ReaderKind
from celeryize.detect.web_entries import VARIABLE
from celeryize.model import NextStep
from celeryize.reading import file_mentions

# Files that start the processes of a project, in the folders where they usually are.
START_FILES = ("Procfile", "*compose*.y*ml", "*.service", "supervisord*.conf", "*supervisor*.conf")
# What starts the processes on a platform, whatever a Procfile beside it says.
PLATFORM_FILES = ("fly.toml", "render.yaml")
FOLDERS = (".", "deploy", "deployment", "deployments", "docker", "compose", "systemd", "etc")
MOST_NAMED = 3


def report_other_settings(setup: Setup) -> None:
    """A note where a web process gets other settings than a worker that is started plainly."""
    project = setup.project
    if project.settings.unknown or project.celery or choose_app_settings(project).note:
        return
    for entry in project.web:
        if entry.stale or not entry.certain or not entry.names:
            continue
        if entry.names != (project.settings.module,):
            spec = setup.start_spec
            setup.draft.add_note(
                f"The web server has the settings {entry.names[0]} ({entry.where}); a worker takes "
                f"those of manage.py, {project.settings.module}, unless {VARIABLE} is set. In "
                f"production, start it with the same: {VARIABLE}={entry.names[0]} celery -A {spec} "
                "worker"
            )
            return


def report_unfollowed_settings(setup: Setup) -> None:
    """A note where the settings are put together in a way that was not followed: by classes of the
    project's own, say."""
    settings = setup.project.settings
    if settings.unknown or settings.installed_apps_where or settings.split:
        return
    setup.draft.add_note(
        f"{settings.module} sets INSTALLED_APPS in a way that celeryize does not follow. The "
        f"settings are in {settings.file}: look whether your other environments have them, too."
    )


def report_settings_class(setup: Setup) -> None:
    """A note where a class of pydantic-settings reads the environment, which the new lines do
    without it: what it takes from a .env file they do not see."""
    settings = setup.project.settings
    if settings.reader.kind is not ReaderKind.LITERAL or setup.answers.profile == "minimal":
        return
    found = find_settings_class(setup.project.modules, settings.reachable)
    if found is not None:
        name, where = found
        setup.draft.add_note(
            f"{where} reads the environment with pydantic-settings, and .env where it says so; the "
            f"new lines read os.environ. To have them in {name}, give it the fields "
            "celery_broker_url and celery_result_backend and use these in the settings."
        )


def deployment_steps(project: Project) -> tuple[NextStep, ...]:
    """The step that writes the worker where the project's processes are started."""
    names = files_without_worker(project)
    if not names:
        return ()
    return (NextStep(f"Write the worker into {names}", ("celeryize add-worker",)),)


def files_without_worker(project: Project) -> str:
    """The names of the files that start the project's processes, where none mentions Celery."""
    files = list(_start_files(project))
    platforms = [project.root / name for name in PLATFORM_FILES]
    mentioning = [*files, *(file for file in platforms if file.is_file())]
    if any(file_mentions(file, b"celery") for file in mentioning):
        return ""
    names = [os.path.relpath(file, project.root) for file in files[:MOST_NAMED]]
    if len(files) > MOST_NAMED:
        names.append("...")
    return ", ".join(names)


def _start_files(project: Project) -> Iterator[Path]:
    places = dict.fromkeys(
        place / folder
        for place in (project.root, project.root / project.base)
        for folder in FOLDERS
    )
    seen: set[Path] = set()
    for place in places:
        for pattern in START_FILES:
            for file in sorted(place.glob(pattern)):
                if file.is_file() and file.resolve() not in seen:
                    seen.add(file.resolve())
                    yield file
