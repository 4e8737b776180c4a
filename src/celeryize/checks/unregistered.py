"""Why is my task not registered? For each task of the code that a worker does not know, the one reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts, Task, dotted, text_of
from celeryize.checks.imported import failures
from celeryize.detect.apps import App
from celeryize.patch.imports import add_import
from celeryize.patch.replace import below
from celeryize.patch.source import Source

CAUSES = ("celery.E001", "celery.E002", "celery.E003", "celery.E010", "celery.E040", "celery.E130")


class Reason(StrEnum):
    """Why a worker does not know a task."""

    NO_DISCOVERY = "autodiscover_tasks() is never called"
    NOT_INSTALLED = "the app is not in INSTALLED_APPS"
    NO_APP = "its module belongs to no app"
    MODULE_NAME = "the module has another name"
    SHADOWED = "the package tasks/ hides tasks.py"
    NOT_EXPORTED = "the package tasks/ does not import it"


@dataclass(frozen=True, slots=True)
class Lost:
    """A task that a worker does not know, why, and what would help."""

    task: Task
    reason: Reason
    told: str
    hint: str


@lru_cache(maxsize=1)
def lost_tasks(facts: Facts) -> tuple[Lost, ...]:
    """Every task of the project's code that a worker does not know, with one reason each.

    With a look from inside, its registry is the truth; without, only what the code shows for certain is told.
    """
    return tuple(_lost_tasks(facts)) if facts.project.celery else ()


def _lost_tasks(facts: Facts) -> Iterator[Lost]:
    known = _registered(facts)
    discovers = _discovers(facts)
    for task in facts.tasks:
        if task.holder or not task.code.module or task.code.function_of(task.node):
            continue
        if known is not None:
            file = str((facts.project.root / task.code.path).resolve())
            if task.name in known[0] or (file, task.node.name) in known[1]:
                continue
        found = _reason(facts, task, discovers=discovers)
        # asked last: it may read every file
        if found is not None and not _is_imported(facts, task.code.module):
            yield found


def _registered(facts: Facts) -> tuple[set[str], set[tuple[str, str]]] | None:
    """The names, and the (file, function) pairs, that the worker has; None where that was not seen."""
    if facts.worker is None or facts.worker.app is None:
        return None
    if any(f.phase in {"app", "settings", "setup", "start"} for f in facts.worker.failures):
        return None
    names = {t.name for t in facts.worker.tasks}
    return names, {(t.file, t.name.rpartition(".")[2]) for t in facts.worker.tasks if t.file}


def _discovers(facts: Facts) -> bool:
    return any(app.autodiscovers for app in facts.project.celery) or any(
        "autodiscover_tasks" in code.source.text for code in facts.codes
    )


def _reason(facts: Facts, task: Task, *, discovers: bool) -> Lost | None:
    name, path = task.node.name, task.code.path
    if any(f.where and f.where[0].endswith(str(path)) for f in failures(facts, "tasks")):
        # celery.E030 tells
        return None
    if not discovers:
        return Lost(
            task,
            Reason.NO_DISCOVERY,
            f"{name} is not registered: nothing calls autodiscover_tasks() or imports its module",
            "Add app.autodiscover_tasks() to the app file.",
        )
    app = _app_of(facts, task)
    if app is None:
        if facts.worker is None:
            return None
        return Lost(
            task,
            Reason.NO_APP,
            f"{name} is not registered: {path} belongs to no installed app, and nothing imports it",
            "Move it into the tasks module of an installed app, or add its module to CELERY_IMPORTS.",
        )
    if not _is_installed(facts, app):
        if not facts.installed_apps or (facts.worker is None and not _is_certain(facts)):
            return None
        return Lost(
            task,
            Reason.NOT_INSTALLED,
            f"{name} is not registered: {app.name} is not in INSTALLED_APPS",
            f'Add "{app.name}" to INSTALLED_APPS.',
        )
    related = {"tasks", *facts.related_names}
    inside = path.relative_to(app.folder)
    package = app.folder / "tasks"
    if inside.name == "tasks.py" and len(inside.parts) == 1:
        if (facts.project.root / package / "__init__.py").is_file():
            return Lost(
                task,
                Reason.SHADOWED,
                f"{name} is not registered: the package {package}/ hides {path}",
                f"Move the tasks into {package}/, or remove the package.",
            )
        return None
    if inside.parts[0] in related and len(inside.parts) > 1:
        init = app.folder / inside.parts[0] / "__init__.py"
        if not (facts.project.root / init).is_file():
            return Lost(
                task,
                Reason.NOT_EXPORTED,
                f"{name} is not registered: {package}/ has no __init__.py, so nothing imports {path}",
                f"Add {init} with `from .{inside.with_suffix('').name} import {name}`.",
            )
        if inside.name == "__init__.py":
            return None
        return Lost(
            task,
            Reason.NOT_EXPORTED,
            f"{name} is not registered: {init} does not import it",
            f"Add `from .{inside.with_suffix('').name} import {name}` to {init}.",
        )
    if len(inside.parts) == 1 and inside.stem in related:
        return None
    if len(inside.parts) == 1:
        return Lost(
            task,
            Reason.MODULE_NAME,
            f"{name} is not registered: autodiscover_tasks() looks for tasks.py, not {inside.name}",
            f'Rename it to tasks.py, or add autodiscover_tasks(related_name="{inside.stem}").',
        )
    if facts.worker is None:
        return None
    return Lost(
        task,
        Reason.NO_APP,
        f"{name} is not registered: nothing imports {path}",
        "Import it in the tasks module of its app, or add its module to CELERY_IMPORTS.",
    )


def _is_certain(facts: Facts) -> bool:
    """Whether INSTALLED_APPS can be read in full: a literal in one place."""
    values = list(facts.named("INSTALLED_APPS"))
    return (
        len(values) == 1
        and isinstance(values[0].value, ast.List | ast.Tuple)
        and all(text_of(e) is not None for e in values[0].value.elts)
    )


def _app_of(facts: Facts, task: Task) -> App | None:
    """The app that a task's module lies in: the innermost."""
    by_folder = {app.folder: app for app in facts.project.apps}
    return next(
        (by_folder[folder] for folder in task.code.path.parents if folder in by_folder), None
    )


def _is_installed(facts: Facts, app: App) -> bool:
    return app.installed or facts.installs(app.name)


def _is_imported(facts: Facts, module: str) -> bool:
    """Whether a module is imported when a worker starts: by name, or by a module that surely is."""
    for setting in facts.named("CELERY_IMPORTS", "CELERY_INCLUDE"):
        if any(text_of(node) == module for node in ast.walk(setting.value)):
            return True
    if facts.worker is not None:
        # the registry has been asked already: whatever imports it, a worker does not
        return False
    if facts.app_code and any(
        isinstance(node, ast.Call) and any(text_of(e) == module for e in ast.walk(node))
        for node in facts.app_code.calls
    ):
        return True
    return facts.imports_module(module)


def _told(facts: Facts, *reasons: Reason) -> Iterator[Occurrence]:
    lost_ones = [lost for lost in lost_tasks(facts) if lost.reason in reasons]
    for lost in lost_ones:
        fix: Fix | Unsure | None = None
        if lost.reason is Reason.NO_DISCOVERY:
            fix = _discover(facts)
        elif lost.reason is Reason.NOT_EXPORTED:
            same = [one.task for one in lost_ones if one.task.code.path == lost.task.code.path]
            fix = _export(facts, same)
        yield Occurrence(lost.told, lost.task.where, lost.hint, fix=fix)


def _discover(facts: Facts) -> Fix | Unsure:
    """autodiscover_tasks() below the line that reads the Django settings."""
    app, code = facts.project.celery[0], facts.app_code
    if code is None or not app.reads_django_settings:
        return Unsure("the app does not read the Django settings")
    for node in code.source.tree.body:
        called = (
            dotted(node.value.func)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            else ""
        )
        if called == f"{app.variable}.config_from_object":
            splice = below(code.source, node, f"{app.variable}.autodiscover_tasks()\n")
            return Fix(code.path, "calls autodiscover_tasks()", (splice,))
    return Unsure("the app is not configured at the top of its module")


def _export(facts: Facts, tasks: list[Task]) -> Fix | Unsure:
    """The import of a module's tasks in the `__init__` of the package around it."""
    code = tasks[0].code
    init = code.path.parent / "__init__.py"
    app = _app_of(facts, tasks[0])
    if app is None or code.path.parent.parent != app.folder:
        return Unsure("the module lies deeper than its package")
    source = facts.modules.source(init)
    if source is None and (facts.project.root / init).exists():
        return Unsure(f"{init} cannot be read")
    source = source or Source(init, "")
    names = ", ".join(sorted({task.node.name for task in tasks}))
    bound = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)} | set(
        facts.bindings(init)
    )
    bound |= {n.name for n in source.tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    if bound & {task.node.name for task in tasks}:
        return Unsure(f"{init} uses these names for something else")
    line = f"from .{code.path.stem} import {names}"
    return Fix(init, line, tuple(add_import(source, line)))


@check("celery.E031", unless=CAUSES, fixable=True)
def never_discovered(facts: Facts) -> Iterator[Occurrence]:
    """Nothing looks for tasks.

    What happens: The worker starts with an empty registry.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored and discarded.
    Why: Celery imports tasks modules only if app.autodiscover_tasks() asks it to.
    Fix: app.autodiscover_tasks() in the app file.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    return _told(facts, Reason.NO_DISCOVERY)


@check("celery.E032", unless=CAUSES)
def app_not_installed(facts: Facts) -> Iterator[Occurrence]:
    """The app of a task is not in INSTALLED_APPS.

    What happens: The worker does not know the task.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored and discarded.
    Why: autodiscover_tasks() goes through the installed apps.
    Fix: Add the app to INSTALLED_APPS.
    Source: celery/fixups/django.py
    """
    return _told(facts, Reason.NOT_INSTALLED)


@check("celery.E033", unless=CAUSES)
def module_not_discovered(facts: Facts) -> Iterator[Occurrence]:
    """A task stands in a module that is not called tasks.

    What happens: The worker does not know the task.
    How it looks: Received unregistered task of type 'shop.jobs.add'. The message has been ignored and discarded.
    Why: autodiscover_tasks() imports <app>.tasks and nothing else.
    Fix: Rename the module to tasks.py, or call autodiscover_tasks(related_name="jobs") in addition.
    Source: https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.autodiscover_tasks
    """
    return _told(facts, Reason.MODULE_NAME)


@check("celery.E034", unless=CAUSES)
def package_hides_module(facts: Facts) -> Iterator[Occurrence]:
    """A package tasks/ hides tasks.py.

    What happens: The worker does not know what stands in tasks.py.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored and discarded.
    Why: Python prefers a package to a module of the same name.
    Fix: Move the tasks into the package, or remove it.
    Source: https://docs.python.org/3/reference/import.html
    """
    return _told(facts, Reason.SHADOWED)


@check("celery.E035", unless=CAUSES, fixable=True)
def package_does_not_import(facts: Facts) -> Iterator[Occurrence]:
    """A package tasks/ does not import the module of a task.

    What happens: The worker does not know the task.
    How it looks: Received unregistered task of type 'shop.tasks.mail.send'. The message has been ignored ...
    Why: autodiscover_tasks() imports the package, and that runs its __init__.py only.
    Fix: from .mail import send in tasks/__init__.py
    Source: https://github.com/celery/celery/issues/4461
    """
    return _told(facts, Reason.NOT_EXPORTED)


@check("celery.E036", unless=CAUSES)
def module_never_imported(facts: Facts) -> Iterator[Occurrence]:
    """Nothing that a worker imports leads to the module of a task.

    What happens: The worker does not know the task.
    How it looks: Received unregistered task of type '...'. The message has been ignored and discarded.
    Why: A task is registered when its module is imported.
    Fix: Move it into the tasks module of an app, or add the module to CELERY_IMPORTS.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#imports
    """
    return _told(facts, Reason.NO_APP)
