"""An entry of a schedule in the database (django-celery-beat): a data migration of an app.

An entry in the settings would overwrite changes made in the admin each time Beat starts
(CELERY_FACTS 29).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.commands.schedule.entry import Request, parse_json
from celeryize.commands.task.place import find_app
from celeryize.detect.apps import App
from celeryize.detect.project import Project, distribution_folder
from celeryize.detect.settings import constant
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Plan, Todo, Where
from celeryize.patch.source import python_literal
from celeryize.render import snippet
from celeryize.when import duration


@dataclass(frozen=True, slots=True)
class _Place:
    """The file of the migration, and the last migration of the app before it.

    None where it is the first.
    """

    path: PurePosixPath
    previous: str | None


def reads_database(project: Project) -> bool:
    """Whether Beat reads its schedule from the database, with django-celery-beat."""
    scheduler = constant(project.modules, project.settings, "CELERY_BEAT_SCHEDULER")
    return isinstance(scheduler, str) and "django_celery_beat" in scheduler


def plan_migration(project: Project, draft: Draft, request: Request) -> Plan:
    """A data migration that adds the entry to the database and, migrated back, removes it."""
    app = _choose_app(project, request)
    place = _find_place(project, app, request.name)
    code = _render_migration(project, app, place, request)
    old = draft.read(place.path)
    if old is not None and old.decode("utf-8", "replace") != code:
        raise CannotPatch(
            f"{place.path} already schedules {request.name} in a different way",
            hint="A migration that has run is not changed: change the entry in the admin, "
            "or write another one.",
            where=Where(place.path),
        )
    package = place.path.parent / "__init__.py"
    if draft.read(package) is None:
        draft.write(package, b"", "makes it a package")
    what = f"the entry {request.name} in the database: {request.when.words}"
    draft.write(place.path, code.encode(), what)
    if old is None:
        migrate = "python manage.py migrate\n"
        draft.add_todo(Todo("run the migration", "Beat reads the entry after it.", migrate))
    for note in request.when.notes:
        # the database remembers the last run of an interval; Beat's schedule file is not used
        if request.when.model != "IntervalSchedule":
            draft.add_note(note)
    return draft.plan()


def _choose_app(project: Project, request: Request) -> App:
    """The app of the migration: the one that is named, or the only one. Raises UsageError."""
    if request.app:
        return find_app(project, request.app)
    own = [app for app in project.apps if app.installed]
    if len(own) == 1:
        return own[0]
    labels = " or --app ".join(app.label for app in own) or "NAME"
    raise UsageError(
        "the schedule is in the database, so the entry becomes a data migration of an app",
        hint=f"Name the app: --app {labels}.",
    )


def _find_place(project: Project, app: App, name: str) -> _Place:
    """The migration of an entry of this name, where there is one; else the next number."""
    folder = app.folder / "migrations"
    slug = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_") or "entry"
    files = sorted(project.modules.python_files(folder, 0))
    own = [path for path in files if path.stem.endswith(f"_schedule_{slug}")]
    numbered = sorted(path.stem for path in files if path.stem[:4].isdigit())
    # not itself: a migration must not depend on what it is
    own_names = {path.stem for path in own}
    before = [stem for stem in numbered if stem not in own_names]
    previous = None
    if before:
        previous = before[-1]
    if own:
        return _Place(own[-1], previous)
    number = max((int(stem[:4]) for stem in numbered), default=0) + 1
    return _Place(folder / f"{number:04d}_schedule_{slug}.py", previous)


def _render_migration(project: Project, app: App, place: _Place, request: Request) -> str:
    """The code of the migration. It depends on the app's last one, and on the library's."""
    dependencies = [("django_celery_beat", _library_migration(project))]
    if place.previous:
        dependencies.insert(0, (app.label, place.previous))
    zone = constant(project.modules, project.settings, "TIME_ZONE")
    fields = request.when.fields
    # the library's default is UTC, and not the project's time zone
    if request.when.model == "CrontabSchedule" and isinstance(zone, str):
        fields = (*fields, ("timezone", python_literal(zone)))
    return snippet(
        "schedule/migration.py.jinja",
        entry=python_literal(request.name),
        task=python_literal(request.task),
        model=request.when.model,
        relation=request.when.model.removesuffix("Schedule").lower(),
        fields=fields,
        options=_option_columns(request),
        dependencies=[(python_literal(a), python_literal(m)) for a, m in dependencies],
    )


def _library_migration(project: Project) -> str:
    """The name of the library's last migration. Raises CannotPatch where it is not installed."""
    library = distribution_folder(project.interpreter.path, "django_celery_beat")
    if library is None:
        raise CannotPatch(
            f"django-celery-beat is not installed in {project.interpreter.path}",
            hint="Install it: the migration has to name the library's last one.",
        )
    return max(path.stem for path in (library / "migrations").glob("[0-9]*.py"))


def _option_columns(request: Request) -> list[tuple[str, str]]:
    """The options of an entry as columns of django-celery-beat's PeriodicTask."""
    columns: list[tuple[str, str]] = []
    for name, text in (("args", request.args), ("kwargs", request.kwargs)):
        value = parse_json(text, f"--{name}")
        if value:
            columns.append((name, python_literal(json.dumps(value))))
    if request.queue:
        columns.append(("queue", python_literal(request.queue)))
    if request.expires:
        columns.append(("expire_seconds", str(duration(request.expires, "--expires"))))
    if request.priority is not None:
        columns.append(("priority", str(request.priority)))
    return columns
