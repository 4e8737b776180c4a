"""`celeryize add-task`: a task that is right the first time, where the worker finds it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.commands.missing_library import require_imports
from celeryize.commands.task.generate import (
    Generated,
    generate_task,
    unused_parameters,
)
from celeryize.commands.task.kinds import WHOLE_BODIES
from celeryize.commands.task.place import named_task, place_of
from celeryize.commands.task.queues import report_other_libraries, report_queue
from celeryize.commands.task.request import Request, chosen_kind
from celeryize.commands.task.test_file import add_test, command_of, has_tests, render_test
from celeryize.commands.task.trigger import assumed_argument, connect_trigger, parse_trigger
from celeryize.detect.apps import App
from celeryize.detect.caches import find_unshared_cache
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import NoCelery
from celeryize.model import Plan
from celeryize.patch.definitions import add_definitions
from celeryize.patch.imports import add_import
from celeryize.patch.installed_apps import install_app

__all__ = ["Added", "Generated", "Request", "chosen_kind", "plan"]


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome of planning.

    `test` is the module of the test, if there is one, and `run_test` are the arguments of Python
    that run it.
    """

    plan: Plan
    task: Generated
    test: PurePosixPath | None
    run_test: tuple[str, ...] | None


def _what_is_added(task: Generated) -> str:
    """The task, and the second one of a kind that has two."""
    others = [
        node.name
        for node in ast.parse(task.code).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list and node.name != task.function
    ]
    if not others:
        return f"the task {task.registered}"
    return f"the tasks {task.registered} and {' and '.join(others)}"


def plan(project: Project, request: Request, templates: Path | None = None) -> Added:
    """The edits that add the task. `templates` is a folder of the project's own templates.

    Raises UsageError for what cannot be meant, CannotPatch for what cannot be done safely.
    """
    if not project.celery:
        raise NoCelery
    app, function = named_task(project, request.target)
    draft = project.draft()
    report_queue(project, draft, request.queue)
    if request.lock:
        _report_cache(project, draft)
    path, package = place_of(project, app, function)
    task = generate_task(project, request, app, function, path, templates)
    source = draft.source(path)
    report_other_libraries(source, draft, is_django=request.is_django)
    require_imports(project, task.imports)
    after = add_definitions(source, task.code, list(task.imports))
    draft.write(path, after, _what_is_added(task))
    if package is not None:
        line = f"from .{path.stem} import {function}"
        init = draft.source(package)
        what = "imports it, so that discovery finds it"
        draft.write(package, init.splice(*add_import(init, line)), what)
    if "send_mail(" in task.code and request.body_from is None:
        draft.add_note(f"the subject and the text of the mail are examples: replace them in {path}")
    unused = unused_parameters(task)
    if unused and task.subject.kind in WHOLE_BODIES:
        names = " and ".join(unused)
        verb = "is" if len(unused) == 1 else "are"
        draft.add_note(f"{names} {verb} not used yet: what the task does with it is yours to write")
    if not app.installed:
        _install_app(project, draft, app)
    trigger = None
    if request.trigger is not None:
        trigger = parse_trigger(project, app, request.trigger)
        connect_trigger(project, app, draft, task, trigger)
        assumed = assumed_argument(task, trigger)
        if assumed:
            draft.add_note(assumed)
    tested: PurePosixPath | None = None
    run_test: tuple[str, ...] | None = None
    if _wants_test(project, app, request):
        test = render_test(project, app, task.subject, trigger)
        draft.write(test.path, add_test(draft.source(test.path), test), "its test")
        tested = test.path
        run_test = command_of(project, test)
    elif request.test is None and draft.edits():
        draft.add_note(
            f"no test is written, because {app.label} has none yet: --test writes one, too."
        )
    return Added(draft.plan(), task, tested, run_test)


def _report_cache(project: Project, draft: Draft) -> None:
    """A note where the cache of the lock is one that processes do not share."""
    cache = find_unshared_cache(project.modules, project.settings)
    if cache is None:
        return
    at = "CACHES is not set, and Django's default is"
    if cache.where is not None:
        at = f"CACHES ({cache.where}) is"
    draft.add_note(
        f"--lock needs a cache that all processes share, and {at} {cache.words}: two workers would "
        "run the task at the same time. Set CACHES to Redis, Memcached or the database."
    )


def _install_app(project: Project, draft: Draft, app: App) -> None:
    """INSTALLED_APPS with the app: discovery of tasks goes by that list."""
    path = project.settings.file
    if project.settings.installed_apps_where:
        path = project.settings.installed_apps_where.path
    what = f"{app.name} in INSTALLED_APPS, or no worker finds it"
    draft.write(path, install_app(draft.source(path), app.name), what)


def _wants_test(project: Project, app: App, request: Request) -> bool:
    """Whether to write a test: as asked, else where the app has tests already."""
    if request.test is None:
        return has_tests(project, app)
    return request.test
