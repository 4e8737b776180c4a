"""Which of several Celery apps is the one of this project, and how the project starts it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from celeryize.detect.celery import CeleryApp
from celeryize.detect.modules import Modules
from celeryize.detect.start_lines import StartLine, find_start_lines

# The lines of a project are asked for by several steps of one command.
read_start_lines = lru_cache(maxsize=2)(find_start_lines)


def choose_app(
    root: Path, modules: Modules, apps: tuple[CeleryApp, ...]
) -> tuple[tuple[CeleryApp, ...], bool]:
    """The apps, the one of the project first, and whether that is certain.

    It is the one that the project's own command lines start and its packages import. Where these do
    not decide, the one app that has a whole set-up.
    """
    if len(apps) < 2:
        return apps, True
    lines = read_start_lines(root)
    deployed = [app for app in apps if _is_started(app, modules, lines, deployed=True)]
    told = [app for app in apps if _is_started(app, modules, lines, deployed=False)]
    started = deployed or told
    imported = [app for app in started or apps if app.imported]
    complete = [app for app in started or apps if app.config_source and app.autodiscovers]
    for candidates in (imported, started, complete):
        if len(candidates) == 1:
            chosen = candidates[0]
            return (chosen, *(app for app in apps if app is not chosen)), True
    return apps, False


def find_start_spec(root: Path, modules: Modules, app: CeleryApp) -> str:
    """What `celery -A` is given in the project's own files, else what finds the app."""
    for line in read_start_lines(root):
        if app.is_started_by(line.app, modules):
            return line.app
    return app.spec("")


def _is_started(
    app: CeleryApp, modules: Modules, lines: tuple[StartLine, ...], *, deployed: bool
) -> bool:
    return any(line.deployed is deployed and app.is_started_by(line.app, modules) for line in lines)
