"""`celeryize add-schedule`: an entry for Celery Beat, where it takes effect and with what the task accepts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.commands.task import plan as add_task
from celeryize.commands.task.plan import NAME, find_app
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project, distribution_folder
from celeryize.detect.settings import constant
from celeryize.detect.tasks import find_tasks
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Plan, Status, Step, Todo, Where
from celeryize.patch.beat_schedule import Home, add_entry, find_home, find_in_app, remove_entry
from celeryize.patch.gitignore import BEAT_FILES, IGNORES_BEAT, ignore
from celeryize.patch.settings import add_attributes, add_block
from celeryize.patch.source import Source, python_literal
from celeryize.render import snippet
from celeryize.when import When, duration


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    name: str
    task: str
    when: When
    args: str | None = None
    kwargs: str | None = None
    queue: str | None = None
    expires: str | None = None
    priority: int | None = None
    replace: bool = False
    app: str | None = None
    create: bool = False


def plan(project: Project, request: Request) -> Plan:
    """The edit that adds the entry. Raises UsageError, or CannotPatch with the lines to paste."""
    entry = _entry(request)
    if request.create:
        return _with_task(project, request)
    draft = project.draft()
    if _in_database(project):
        return _migration(project, draft, request)
    home = _home(project, draft, entry)
    imports = list(request.when.imports)
    if home is not None:
        after = add_entry(home, request.name, entry, imports, replace=request.replace)
        path = home.source.path
    else:
        path = project.settings.file
        source = Source.decode(path, draft.read(path) or b"")
        block = f"{_name(project)} = {{\n{_indented(entry)},\n}}\n"
        if project.settings.class_based:
            after = add_attributes(source, block, imports, project.settings.class_based.line or 0)
        else:
            after = add_block(
                source, block, imports, project.settings.last.line if project.settings.last else None
            )
    planned = _planned(draft, path, after, f"the entry {request.name}: {request.when.words}", request.when.notes)
    return planned if home else _with_beat_file_ignored(planned, project, draft)


def _with_beat_file_ignored(planned: Plan, project: Project, draft: Draft) -> Plan:
    """The first entry is what Beat is started for: what it writes then is no part of the project."""
    path = project.gitignore
    before = draft.read(path)
    after = ignore(before, BEAT_FILES)
    if after == (before or b""):
        return planned
    draft.write(path, after)
    step = Step(path, Status.CREATE if before is None else Status.UPDATE, IGNORES_BEAT)
    return replace(planned, edits=draft.edits(), steps=(*planned.steps, step))


def removal(project: Project, name: str) -> Plan:
    """The edit that takes the entry out. Raises CannotPatch where it is not found in one plain dict."""
    draft = project.draft()
    home = _home(project, draft, f"{python_literal(name)}: ...")
    if home is None:
        raise CannotPatch("this project has no Beat schedule in its settings", hint="See celeryize schedule.")
    return _planned(draft, home.source.path, remove_entry(home, name), f"without the entry {name}", ())


def _planned(draft: Draft, path: PurePosixPath, after: Source, what: str, notes: tuple[str, ...]) -> Plan:
    before = draft.read(path)
    data = after.encode()
    draft.write(path, data)
    status = Status.IDENTICAL if before == data else Status.UPDATE
    return Plan(draft.edits(), (Step(path, status, what),), (), notes)


def _home(project: Project, draft: Draft, entry: str) -> Home | None:
    """The dict that is the schedule; None where there is none yet. Raises CannotPatch for two, or for code."""
    app = _app(project)
    if _in_database(project):
        scheduler = constant(project.modules, project.settings, "CELERY_BEAT_SCHEDULER")
        raise CannotPatch(
            f"Beat reads its schedule from the database ({scheduler}); an entry in the settings would overwrite "
            "there what the admin changes, at every start",
            hint="Add it in the admin, or in a data migration.",
            where=project.settings.assigned["CELERY_BEAT_SCHEDULER"],
        )
    reachable = [
        Source.decode(path, draft.read(path) or b"") for path in dict.fromkeys((*project.settings.reachable,))
    ]
    in_settings = find_home(reachable, _name(project), entry)
    app_path = app.where.path
    in_app = find_in_app(Source.decode(app_path, draft.read(app_path) or b""), app.variable, entry)
    if in_settings and in_app:
        raise CannotPatch(
            f"there are two schedules, in {in_settings.source.path} and in {app_path}: which one wins depends on "
            "the version of Celery (5.7 takes the app's)",
            hint="Move all entries into one of them; this is the one to add:",
            snippet=entry + ",\n",
            where=in_app.source.where(in_app.literal),
        )
    if in_app is None and in_settings is None and not app.reads_django_settings:
        raise CannotPatch(
            f"the app at {app.where} does not read CELERY_* from the Django settings",
            hint="Put this entry where it is configured:",
            snippet=entry + ",\n",
            where=app.where,
        )
    return in_settings or in_app


def _with_task(project: Project, request: Request) -> Plan:
    """The plan of the entry and, if no code defines its task, that of the task."""
    entry = plan(project, replace(request, create=False))
    known = {task.name for task in find_tasks(project.modules, project.apps, project.celery)}
    if request.task in known:
        return entry
    place, _, function = request.task.rpartition(".")
    added = add_task.plan(project, add_task.Request(f"{place.removesuffix('.tasks')}.{function}", test=False))
    if added.task.registered != request.task:
        raise UsageError(
            f"the task would be registered as {added.task.registered}", hint="Schedule it under that name."
        )
    if {e.path for e in added.plan.edits} & {e.path for e in entry.edits}:
        raise CannotPatch(
            "the task needs a change of the same file as the entry", hint="Run celeryize add-task first."
        )
    return Plan(
        tuple(sorted((*added.plan.edits, *entry.edits), key=lambda e: e.path)),
        (*added.plan.steps, *entry.steps),
        (*added.plan.todos, *entry.todos),
        (*added.plan.notes, *entry.notes),
    )


def _in_database(project: Project) -> bool:
    """Whether Beat reads its schedule from the database, with django-celery-beat."""
    scheduler = constant(project.modules, project.settings, "CELERY_BEAT_SCHEDULER")
    return isinstance(scheduler, str) and "django_celery_beat" in scheduler


def _migration(project: Project, draft: Draft, request: Request) -> Plan:
    """A data migration that adds the entry to the database and, taken back, removes it.

    An entry in the settings would overwrite what the admin changes, at every start of Beat (CELERY_FACTS 29).
    """
    _app(project)
    own = [app for app in project.apps if app.installed]
    if request.app is None and len(own) != 1:
        raise UsageError(
            "the schedule is in the database, so the entry becomes a data migration of an app",
            hint=f"Name the app: --app {' or --app '.join(a.label for a in own) or 'NAME'}.",
        )
    app = find_app(project, request.app) if request.app else own[0]
    folder = app.folder / "migrations"
    slug = re.sub(r"\W+", "_", request.name.lower(), flags=re.ASCII).strip("_") or "entry"
    there = sorted(p for p in project.modules.python_files(folder, 0) if p.stem.endswith(f"_schedule_{slug}"))
    names = sorted(p.stem for p in project.modules.python_files(folder, 0) if p.stem[:4].isdigit())
    library = distribution_folder(project.interpreter.path, "django_celery_beat")
    if library is None:
        raise CannotPatch(
            f"django-celery-beat is not installed in {project.interpreter.path}",
            hint="Install it: the migration has to name the library's last one.",
        )
    theirs = max(p.stem for p in (library / "migrations").glob("[0-9]*.py"))
    before = [name for name in names if name not in {p.stem for p in there}]
    dependencies = [(app.label, before[-1])] if before else []
    zone = constant(project.modules, project.settings, "TIME_ZONE")
    fields = request.when.fields
    if request.when.model == "CrontabSchedule" and isinstance(zone, str):
        fields = (*fields, ("timezone", python_literal(zone)))
    code = snippet(
        "schedule/migration.py.jinja",
        entry=python_literal(request.name),
        task=python_literal(request.task),
        model=request.when.model,
        relation=request.when.model.removesuffix("Schedule").lower(),
        fields=fields,
        options=_columns(request),
        dependencies=[
            (python_literal(a), python_literal(m)) for a, m in [*dependencies, ("django_celery_beat", theirs)]
        ],
    )
    path = there[-1] if there else folder / f"{_number(names):04d}_schedule_{slug}.py"
    old = draft.read(path)
    if old is not None and old.decode("utf-8", "replace") != code:
        raise CannotPatch(
            f"{path} schedules {request.name} otherwise",
            hint="A migration that has run is not changed: change the entry in the admin, or write another one.",
            where=Where(path),
        )
    steps = []
    if draft.read(folder / "__init__.py") is None:
        draft.write(folder / "__init__.py", b"")
        steps.append(Step(folder / "__init__.py", Status.CREATE, "makes it a package"))
    draft.write(path, code.encode())
    what = f"the entry {request.name} in the database: {request.when.words}"
    steps.append(Step(path, Status.IDENTICAL if old else Status.CREATE, what))
    todo = Todo("run the migration", "Beat reads the entry after it.", "python manage.py migrate\n")
    return Plan(draft.edits(), tuple(steps), (todo,) if old is None else (), request.when.notes)


def _number(names: list[str]) -> int:
    """The number of the next migration."""
    return max((int(name[:4]) for name in names), default=0) + 1


def _columns(request: Request) -> list[tuple[str, str]]:
    """The options of an entry as columns of django-celery-beat's PeriodicTask."""
    args, kwargs = _json(request.args, list, "--args"), _json(request.kwargs, dict, "--kwargs")
    found = [("args", json.dumps(args)) if args else None, ("kwargs", json.dumps(kwargs)) if kwargs else None]
    columns = [(name, python_literal(text)) for name, text in filter(None, found)]
    columns += [("queue", python_literal(request.queue))] if request.queue else []
    if request.expires:
        columns.append(("expire_seconds", str(duration(request.expires, "--expires"))))
    if request.priority is not None:
        columns.append(("priority", str(request.priority)))
    return columns


def _app(project: Project) -> CeleryApp:
    if not project.celery:
        raise CannotPatch("this project has no Celery app yet", hint="Set it up first: celeryize init --beat.")
    return project.celery[0]


def _name(project: Project) -> str:
    """The setting's name: the old one where the app has no namespace, for the new one would be ignored."""
    app = project.celery[0]
    if app.config_source == "django.conf:settings" and not app.namespace:
        return "CELERYBEAT_SCHEDULE"
    return "CELERY_BEAT_SCHEDULE"


def _entry(request: Request) -> str:
    """The entry as Python: every text a literal, whatever was typed."""
    if not request.name.strip():
        raise UsageError("the entry needs a name", hint="For example daily-reminders.")
    lines = [f'    "task": {python_literal(request.task)},', f'    "schedule": {request.when.code},']
    args = _json(request.args, list, "--args")
    kwargs = _json(request.kwargs, dict, "--kwargs")
    if args:
        lines.append(f'    "args": {_python(args)},')
    if kwargs:
        lines.append(f'    "kwargs": {_python(kwargs)},')
    options: dict[str, object] = {}
    if request.queue is not None and not NAME.fullmatch(request.queue):
        raise UsageError(
            f"{request.queue!r} is no name for a queue", hint="Use letters, digits, dots, dashes, underscores."
        )
    if request.queue:
        options["queue"] = request.queue
    if request.expires:
        options["expires"] = duration(request.expires, "--expires")
    if request.priority is not None:
        if not 0 <= request.priority <= 9:
            raise UsageError("a priority is 0 to 9", hint="On Redis 0 comes first, on RabbitMQ 9 does.")
        options["priority"] = request.priority
    if options:
        lines.append(f'    "options": {_python(options)},')
    return "\n".join([f"{python_literal(request.name)}: {{", *lines, "}"])


def _json(text: str | None, kind: type, flag: str) -> object:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"{flag} is not JSON: {error}",
            hint=f"For example {flag} '" + ('[1, "daily"]' if flag == "--args" else '{"full": false}') + "'.",
        ) from error
    if not isinstance(value, kind):
        wanted = (
            "a list, for example '[1, \"a\"]'" if kind is list else "an object, for example '{\"full\": false}'"
        )
        raise UsageError(f"{flag} is {wanted.split(',')[0]} in JSON", hint=f"Write {wanted}.")
    return value


def _python(value: object) -> str:
    """A JSON value as Python, with double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python_literal(str(k))}: {_python(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_python, value)) + "]"
    return python_literal(value) if isinstance(value, str) else repr(value)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
