"""`celeryize add-schedule`: an entry for Celery Beat, in the place where it takes effect."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.commands.beat_files import ignore_beat_files
from celeryize.commands.init.missing_broker import config_module
from celeryize.commands.missing_library import require_library
from celeryize.commands.schedule.entry import Request, entry_code, indent_lines
from celeryize.commands.schedule.migration import plan_migration, reads_database
from celeryize.commands.task import plan as task_plan
from celeryize.commands.task.place import registered_name
from celeryize.commands.task.remove import DEPTH, uses_in
from celeryize.detect.celery import CeleryApp, module_names
from celeryize.detect.project import Project
from celeryize.detect.settings import constant
from celeryize.detect.tasks import find_tasks
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, NoCelery, UsageError
from celeryize.model import Plan
from celeryize.patch.beat_schedule import (
    Home,
    add_entry,
    entries_of_task,
    entry_of,
    find_home,
    find_in_app,
    names_in,
    remove_entry,
)
from celeryize.patch.definitions import remove_unused_imports
from celeryize.patch.nodes import walk
from celeryize.patch.settings import add_attributes, add_block
from celeryize.patch.source import Source, python_literal

__all__ = ["Removal", "Request", "plan", "plan_removal"]

# What a schedule elsewhere would be called, or be read from.
_SCHEDULES = (b"beat_schedule", b"BEAT_SCHEDULE", b"config_from_envvar")


@dataclass(frozen=True, slots=True)
class Removal:
    """The plan that removes an entry, the name of the entry, and whether no other one is left."""

    plan: Plan
    entry: str
    is_last: bool = False


def plan(project: Project, request: Request) -> Plan:
    """The edit that adds the entry. Raises UsageError, or CannotPatch with the lines to paste."""
    given = request.task
    request = with_registered_name(project, request)
    entry = entry_code(request)
    if request.create:
        return _plan_with_task(project, request)
    draft = project.draft()
    app = _require_app(project)
    if request.task != given:
        draft.add_note(f"{given} means the task {request.task}.")
    if reads_database(project):
        return plan_migration(project, draft, request)
    home = _find_home(project, draft, app, entry)
    what = f"the entry {request.name}: {request.when.words}"
    if home is not None:
        imports = list(request.when.imports)
        after = add_entry(home, request.name, entry, imports, replace=request.replace)
        draft.write(home.source.path, after, what)
    elif app.reads_django_settings:
        _start_schedule(project, draft, request, entry, what)
    else:
        _start_in_app(project, draft, app, request, what)
    if request.when.model == "SolarSchedule":
        require_library(project, "ephem", "celery[solar]")
    for note in request.when.notes:
        draft.add_note(note)
    return draft.plan()


def with_registered_name(project: Project, request: Request) -> Request:
    """The request with the name under which Celery knows the task: nobody hears any other."""
    if not project.celery:
        return request
    name = registered_name(project, request.task, is_new=request.create)
    return replace(request, task=name)


def plan_removal(project: Project, name: str) -> Removal:
    """The edit that removes the entry; `name` may be the task that it sends.

    Raises CannotPatch where no plain dict has it.
    """
    draft = project.draft()
    home = _find_home(project, draft, _require_app(project), f"{python_literal(name)}: ...")
    if home is None:
        raise CannotPatch(
            "this project has no Beat schedule in its settings", hint="See celeryize schedule."
        )
    meant = _meant_entry(project, home, name)
    if meant != name:
        draft.add_note(f"{name} is the task of the entry {meant}.")
    path = home.source.path
    after = remove_entry(home, meant)
    names = [n for n in names_in(home, meant) if not _is_taken_elsewhere(project, draft, path, n)]
    draft.write(path, remove_unused_imports(after, names), f"without the entry {meant}")
    is_last = len(home.literal.keys) == 1 and not _adds_entries(project)
    return Removal(draft.plan(), meant, is_last)


def _adds_entries(project: Project) -> bool:
    """Whether code of the project adds entries when an app starts."""
    modules = project.modules
    return any(modules.files_with(base, DEPTH, b"add_periodic_task") for base in modules.roots)


def entry_names(project: Project) -> list[str]:
    """The names of the entries, as far as they are written out. Raises CannotPatch as a removal."""
    home = _find_home(project, project.draft(), _require_app(project), "...")
    keys = home.literal.keys if home is not None else []
    return [
        key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


def _is_taken_elsewhere(project: Project, draft: Draft, home: PurePosixPath, name: str) -> bool:
    """Whether another file of the project may have a name from the file that has the schedule."""
    files = (
        file
        for base in project.modules.roots
        for file in project.modules.files_with(base, DEPTH, name.encode())
    )
    # include() of split_settings runs them all in one namespace
    shared = set(project.settings.reachable) if project.settings.split else set()
    for file in dict.fromkeys(files):
        if file == home:
            continue
        try:
            source = draft.source(file)
        except CannotPatch:
            # a file that no Python reads imports nothing
            continue
        is_used = any(True for _ in uses_in(project, source, name, [home]))
        if is_used or _lacks_import(source, name, shared=file in shared):
            return True
    return False


def _lacks_import(source: Source, name: str, *, shared: bool) -> bool:
    """Whether a file uses a name that only `import *`, or a `shared` namespace, gives it."""
    nodes = list(walk(source.tree))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    bound = {alias.asname or alias.name for node in imports for alias in node.names}
    is_used = any(isinstance(node, ast.Name) and node.id == name for node in nodes)
    return is_used and name not in bound and (shared or "*" in bound)


def _meant_entry(project: Project, home: Home, name: str) -> str:
    """The entry of a name, or the one that sends the task of that name.

    Raises UsageError where several do.
    """
    if entry_of(home, name) is not None:
        return name
    sending = entries_of_task(home, {name, registered_name(project, name)})
    if len(sending) > 1:
        raise UsageError(f"several entries send {name}", hint=f"Write one of {', '.join(sending)}.")
    return sending[0] if sending else name


def _start_schedule(
    project: Project, draft: Draft, request: Request, entry: str, what: str
) -> None:
    """The first entry: the setting that holds it."""
    settings = project.settings
    imports = list(request.when.imports)
    block = f"{_setting_name(project)} = {{\n{indent_lines(entry)},\n}}\n"
    path = settings.file
    broker = settings.assigned.get("CELERY_BROKER_URL")
    if settings.split and broker is not None:
        # the component that has the other settings of Celery
        path = broker.path
    source = draft.source(path)
    if settings.class_based:
        after = add_attributes(source, block, imports, settings.class_based.line or 0)
    else:
        last = None
        if settings.last and path == settings.file:
            last = settings.last.line
        after = add_block(source, block, imports, last)
    draft.write(path, after, what)
    ignore_beat_files(project, draft)


def _start_in_app(
    project: Project, draft: Draft, app: CeleryApp, request: Request, what: str
) -> None:
    """The first entry of an app that does not read CELERY_* from the Django settings: in the app
    file, which every kind of configuration leaves the last word."""
    block = f"{app.variable}.conf.beat_schedule = {{\n{indent_lines(entry_code(request))},\n}}\n"
    source = draft.source(app.where.path)
    draft.write(source.path, add_block(source, block, list(request.when.imports)), what)
    ignore_beat_files(project, draft)


def _find_home(project: Project, draft: Draft, app: CeleryApp, entry: str) -> Home | None:
    """The dict that is the schedule; None where there is none yet.

    Raises CannotPatch for two, or for code.
    """
    if reads_database(project):
        scheduler = constant(project.modules, project.settings, "CELERY_BEAT_SCHEDULER")
        raise CannotPatch(
            f"Beat reads its schedule from the database ({scheduler}); an entry in the settings "
            "would overwrite changes made in the admin each time Beat starts",
            hint="Add it in the admin, or in a data migration.",
            where=project.settings.assigned["CELERY_BEAT_SCHEDULER"],
        )
    reachable = [draft.source(path) for path in dict.fromkeys(project.settings.reachable)]
    in_settings = find_home(reachable, _setting_name(project), entry)
    in_app = find_in_app(draft.source(app.where.path), app.variable, entry)
    if in_settings and in_app:
        raise CannotPatch(
            f"there are two schedules, in {in_settings.source.path} and in {app.where.path}: "
            "which one wins depends on the version of Celery (5.7 takes the app's)",
            hint="Move all entries into one of them; this is the one to add:",
            snippet=entry + ",\n",
            where=in_app.source.where(in_app.literal),
        )
    # a setting that the app does not read would never be sent
    if in_app is None and in_settings is None and not app.reads_django_settings:
        _require_place_in_app(project, app, entry)
    return in_settings or in_app


def _require_place_in_app(project: Project, app: CeleryApp, entry: str) -> None:
    """Raise CannotPatch where a schedule in the app file may not be the only one, or where the file
    has no app at its top level."""
    source = project.modules.source(app.where.path)
    configured = config_module(project, app)
    files = {app.where.path, *project.settings.reachable, *filter(None, [configured])}
    # a dict in the settings, which are among the files
    source_of = (app.config_source or "").partition(".")[0]
    seen = source_of in {"", "settings", "django"} or configured is not None
    elsewhere = any(project.modules.mentions(path, word) for path in files for word in _SCHEDULES)
    if seen and not elsewhere and source and app.variable in module_names(source.tree):
        return
    raise CannotPatch(
        f"the app at {app.where} does not read CELERY_* from the Django settings",
        hint="Put this entry where it is configured:",
        snippet=entry + ",\n",
        where=app.where,
    )


def _plan_with_task(project: Project, request: Request) -> Plan:
    """The plan of the entry and, if no code defines its task, that of the task."""
    entry = plan(project, replace(request, create=False))
    function = request.task.rpartition(".")[2]
    known = find_tasks(project.modules, project.apps, project.celery, function)
    if any(task.name == request.task for task in known):
        return entry
    added = task_plan.plan(project, task_plan.Request(request.task, test=False))
    if added.task.registered != request.task:
        raise UsageError(
            f"the task would be registered as {added.task.registered}",
            hint="Schedule it under that name.",
        )
    # each of the two was planned on the file as it is
    if {e.path for e in added.plan.edits} & {e.path for e in entry.edits}:
        raise CannotPatch(
            "the task needs a change of the same file as the entry",
            hint="Run celeryize add-task first.",
        )
    return Plan(
        tuple(sorted((*added.plan.edits, *entry.edits), key=lambda e: e.path)),
        (*added.plan.steps, *entry.steps),
        (*added.plan.todos, *entry.todos),
        (*added.plan.notes, *entry.notes),
    )


def _require_app(project: Project) -> CeleryApp:
    if not project.celery:
        raise NoCelery
    return project.celery[0]


def _setting_name(project: Project) -> str:
    """The setting's name: the old one where the app has no namespace, for the new one would be
    ignored.
    """
    app = project.celery[0]
    if app.config_source == "django.conf:settings" and not app.namespace:
        return "CELERYBEAT_SCHEDULE"
    return "CELERY_BEAT_SCHEDULE"
