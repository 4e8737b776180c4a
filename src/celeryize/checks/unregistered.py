"""Tasks that a worker does not register: one check per reason of registration.py, with its fix."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.tasks import Task
from celeryize.checks.registration import (
    CAUSES,
    Reason,
    Unregistered,
    app_around,
    discovery_named,
    name_clashes,
    unregistered_tasks,
)
from celeryize.patch.imports import add_import
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import below
from celeryize.patch.source import Source, Splice, is_identifier, statements

# How many tasks a sentence names.
LISTED = 8
# What is mended once for the tasks of all files.
OF_THE_PROJECT = frozenset({Reason.NO_DISCOVERY, Reason.NOT_INSTALLED, Reason.UNKNOWN})


def _report_reason(facts: Facts, reason: Reason) -> Iterator[Occurrence]:
    """The tasks that are not registered for one reason: a finding per cause, with its fix."""
    groups: dict[tuple[str, ...], list[Unregistered]] = {}
    for one in unregistered_tasks(facts):
        if one.reason is reason:
            groups.setdefault(_cause_of(one), []).append(one)
    for group in groups.values():
        fix: Fix | Unsure | None = None
        if reason is Reason.NO_DISCOVERY:
            fix = _add_discovery(facts)
        elif reason is Reason.NOT_EXPORTED:
            fix = _add_export(facts, [one.task for one in group])
        first = group[0]
        yield Occurrence(_message_of(group), first.task.where, _hint_of(group), fix=fix)


def _cause_of(one: Unregistered) -> tuple[str, ...]:
    """What a task shares with those that are not registered for the same cause."""
    name = one.task.node.name
    cause = one.message.removeprefix(name), one.hint.replace(f"import {name}", "import")
    if one.reason in OF_THE_PROJECT:
        return cause
    # each file has to be moved, or imported, by itself
    return (*cause, str(one.task.code.path))


def _message_of(group: list[Unregistered]) -> str:
    """The sentence about one task, or about several that lack the same."""
    first, *others = group
    if not others:
        return first.message
    names = [one.task.node.name for one in group]
    listed = ", ".join(names)
    if len(names) > LISTED:
        listed = f"{', '.join(names[: LISTED - 1])} and {len(names) - LISTED + 1} more"
    text = first.message.removeprefix(f"{names[0]} is").replace("its module", "their modules")
    if text.endswith(" does not import it"):
        text = text.removesuffix("it") + "them"
    return f"{len(names)} tasks ({listed}) are{text}"


def _hint_of(group: list[Unregistered]) -> str:
    names = sorted({one.task.node.name for one in group})
    first = group[0]
    hint = first.hint
    if len(names) > 1:
        hint = hint.replace("Move the task into", "Move the tasks into")
    return hint.replace(f"import {first.task.node.name}", f"import {', '.join(names)}")


def _add_discovery(facts: Facts) -> Fix | Unsure:
    """autodiscover_tasks() below the line that reads the Django settings."""
    named = discovery_named(facts)
    if named is not None:
        home, uncalled = named
        text = f"{home.source.segment(uncalled)}()"
        start, end = home.source.start(uncalled), home.source.end(uncalled)
        # the statement is nothing but the name
        line = home.parents[uncalled]
        splice = Splice(start, end, text, tuple(statements(text)), (line,))
        return Fix(home.path, "calls autodiscover_tasks()", (splice,))
    app, code = facts.project.celery[0], facts.app_code
    if code is None or not app.reads_django_settings:
        return Unsure("the app does not read the Django settings")
    # after config_from_object, where the documentation has it, too
    for node in code.source.tree.body:
        called = ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func)
        if called == f"{app.variable}.config_from_object":
            splice = below(code.source, node, f"{app.variable}.autodiscover_tasks()\n")
            return Fix(code.path, "calls autodiscover_tasks()", (splice,))
    return Unsure("the app is not configured at the top of its module")


def _add_export(facts: Facts, tasks: list[Task]) -> Fix | Unsure:
    """The import of a module's tasks in the `__init__` of the package around it."""
    code = tasks[0].code
    init = code.path.parent / "__init__.py"
    app = app_around(facts, tasks[0])
    if app is None or code.path.parent.parent != app.folder:
        return Unsure("the module is nested deeper than the package")
    if not is_identifier(code.path.stem):
        return Unsure(f"{code.path.name} is no name that an import can spell")
    source = facts.modules.source(init)
    if source is None and (facts.project.root / init).exists():
        return Unsure(f"{init} cannot be read")
    source = source or Source(init, "")
    names = ", ".join(sorted({task.node.name for task in tasks}))
    # an import must not replace what the package has under that name
    bound = {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)} | set(
        facts.code.bindings(init)
    )
    bound |= {n.name for n in source.tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    if bound & {task.node.name for task in tasks}:
        return Unsure(f"{init} uses these names for something else")
    line = f"from .{code.path.stem} import {names}"
    return Fix(init, line, tuple(add_import(source, line)))


@check("celery.E031", unless=tuple(CAUSES), fixable=True)
def never_discovered(facts: Facts) -> Iterator[Occurrence]:
    """Nothing discovers the tasks.

    What happens: The worker starts with an empty registry.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored
        and discarded.
    Why: Celery only imports tasks modules if app.autodiscover_tasks() is called.
    Fix: app.autodiscover_tasks() in the app file.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    return _report_reason(facts, Reason.NO_DISCOVERY)


@check("celery.E032", unless=tuple(CAUSES))
def app_not_installed(facts: Facts) -> Iterator[Occurrence]:
    """The app of a task is not in INSTALLED_APPS.

    What happens: The worker does not register the task.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored
        and discarded.
    Why: autodiscover_tasks() only searches the installed apps.
    Fix: Add the app to INSTALLED_APPS.
    Source: celery/fixups/django.py
    """
    return _report_reason(facts, Reason.NOT_INSTALLED)


@check("celery.E033", unless=tuple(CAUSES))
def module_not_discovered(facts: Facts) -> Iterator[Occurrence]:
    """A task is in a module that is not called tasks.

    What happens: The worker does not register the task.
    How it looks: Received unregistered task of type 'shop.jobs.add'. The message has been ignored
        and discarded.
    Why: autodiscover_tasks() imports one module of each app: <app>.tasks, unless related_name says
        another.
    Fix: Move the task into tasks.py; or a second call in the app file, beside the first:
        app.autodiscover_tasks(related_name="jobs")
    Source: https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.autodiscover_tasks
    """
    return _report_reason(facts, Reason.MODULE_NAME)


@check("celery.E034", unless=tuple(CAUSES))
def package_hides_module(facts: Facts) -> Iterator[Occurrence]:
    """A package tasks/ hides tasks.py.

    What happens: The worker does not register the tasks of tasks.py.
    How it looks: Received unregistered task of type 'shop.tasks.add'. The message has been ignored
        and discarded.
    Why: Python imports a package rather than a module of the same name.
    Fix: Move the tasks into the package, or remove it.
    Source: https://docs.python.org/3/reference/import.html
    """
    return _report_reason(facts, Reason.SHADOWED)


@check("celery.E035", unless=tuple(CAUSES), fixable=True)
def package_does_not_import(facts: Facts) -> Iterator[Occurrence]:
    """A package tasks/ does not import the module of a task.

    What happens: The worker does not register the task.
    How it looks: Received unregistered task of type 'shop.tasks.mail.send'. The message has been
        ignored ...
    Why: autodiscover_tasks() imports the package, and that runs its __init__.py only.
    Fix: from .mail import send in tasks/__init__.py
    Source: https://github.com/celery/celery/issues/4461
    """
    return _report_reason(facts, Reason.NOT_EXPORTED)


@check("celery.E036", unless=tuple(CAUSES))
def module_never_imported(facts: Facts) -> Iterator[Occurrence]:
    """Nothing imports the module of a task.

    What happens: The worker does not register the task.
    How it looks: Received unregistered task of type '...'. The message has been ignored and
        discarded.
    Why: A task is registered when its module is imported.
    Fix: Move it into the tasks module of an app, or add the module to CELERY_IMPORTS.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#imports
    """
    return _report_reason(facts, Reason.NOT_IMPORTED)


@check("celery.E660", imports=True, unless=(*CAUSES, "celery.E021", "celery.E030", "celery.E120"))
def missing_without_reason(facts: Facts) -> Iterator[Occurrence]:
    """The worker does not have a task, and nothing in the code explains it.

    What happens: Each message for it is discarded.
    How it looks: Received unregistered task of type '...'. The message has been ignored and
        discarded.
    Why: The worker was imported, and the task is not in its registry: a condition keeps its module
        from being imported, code removes it again, or it is registered under another app.
    Fix: Import its module where the worker does; `celeryize tasks` shows what that has.
    Source: the worker's registry
    """
    yield from _report_reason(facts, Reason.UNKNOWN)
    clashing = {task for task, _ in name_clashes(facts)}
    for one in unregistered_tasks(facts):
        # a clash of two tasks of the project is E190
        if one.reason is Reason.NAME_TAKEN and one.task not in clashing:
            yield Occurrence(one.message, one.task.where, one.hint)
