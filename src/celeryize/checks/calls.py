"""Whether tasks are sent at the right time, with what survives the way."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts
from celeryize.patch.source import Source

OF_APPLY_ASYNC = frozenset({"countdown", "eta", "expires", "queue", "link", "link_error", "routing_key"})
MANAGER_ROWS = frozenset({"get", "create", "first", "last", "get_or_create", "earliest", "latest"})


def _calls(source: Source, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


@check("celery.W033")
def inside_a_transaction(facts: Facts) -> Iterator[Spot]:
    """A task is sent inside a transaction: it may run before the row is there, or for one that never comes.

    How it looks: a DoesNotExist in the worker now and then, or mail about something that was rolled back.

    Why: the message goes out at once, the commit comes later.

    Fix: task.delay_on_commit(...), or transaction.on_commit.

    Source: Celery's First steps with Django, "Trigger tasks at the end of the database transaction".
    """
    for source in facts.sources:
        for block in ast.walk(source.tree):
            if isinstance(block, ast.With) and any("atomic" in ast.unparse(i.context_expr) for i in block.items):
                for node in (n for s in block.body for n in ast.walk(s)):
                    if isinstance(node, ast.Call) and _sends(node) and not _on_commit(block, node):
                        yield Spot("a task is sent inside atomic()", source.where(node))


def _sends(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in {"delay", "apply_async"}


def _on_commit(block: ast.With, call: ast.Call) -> bool:
    """Whether a call stands in a function that on_commit is given."""
    return any(
        isinstance(node, ast.Lambda | ast.FunctionDef) and any(n is call for n in ast.walk(node))
        for node in ast.walk(block)
    )


@check("celery.E036")
def instance_as_argument(facts: Facts) -> Iterator[Spot]:
    """A model instance or a request is given to a task.

    How it looks: kombu.exceptions.EncodeError: Object of type Doctor is not JSON serializable.

    Why: arguments travel as JSON.

    Fix: Pass the primary key, and fetch the row in the task.

    Source: reproduced; Celery's documentation on tasks, "State".
    """
    for source in facts.sources:
        for function in ast.walk(source.tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            rows = {"request"} & {a.arg for a in function.args.args}
            for node in ast.walk(function):
                match node:
                    case ast.Assign(
                        targets=[ast.Name(id=name)],
                        value=ast.Call(func=ast.Attribute(attr=attr, value=ast.Attribute(attr="objects"))),
                    ) if attr in MANAGER_ROWS - {"get_or_create"}:
                        rows.add(name)
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "delay"
                ):
                    for argument in node.args:
                        if isinstance(argument, ast.Name) and argument.id in rows:
                            yield Spot(f"{argument.id} is given to a task", source.where(node))


@check("celery.W037")
def option_for_delay(facts: Facts) -> Iterator[Spot]:
    """An option of apply_async is given to delay, which hands it to the task.

    How it looks: TypeError: add() got an unexpected keyword argument 'expires'.

    Why: delay passes all it gets as the task's own arguments.

    Fix: task.apply_async(args=[...], expires=...).

    Source: reproduced with Celery 5.7.
    """
    parameters = {
        a.arg for task in facts.tasks for a in [*task.node.args.args, *task.node.args.kwonlyargs] if a.arg
    }
    for source in facts.sources:
        for node in _calls(source, "delay"):
            for keyword in node.keywords:
                if keyword.arg in OF_APPLY_ASYNC - parameters:
                    yield Spot(f"{keyword.arg} is given to delay", source.where(node))


@check("celery.W038")
def waits_without_backend(facts: Facts) -> Iterator[Spot]:
    """A result is waited for, and there is no result backend.

    How it looks: NotImplementedError: No result backend is configured.

    Why: results are kept only where CELERY_RESULT_BACKEND says so.

    Fix: Set CELERY_RESULT_BACKEND, or do not wait.

    Source: celery#7340.
    """
    app = facts.app
    if app is None or not app.reads_django_settings or "backend" in app.constructor or app.conf_writes:
        return
    if facts.setting("CELERY_RESULT_BACKEND", "RESULT_BACKEND"):
        return
    for source in facts.sources:
        for node in _calls(source, "get"):
            match node.func:
                case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="delay" | "apply_async"))):
                    yield Spot("a result is waited for", source.where(node))


@check("celery.E062")
def enqueue_and_delay(facts: Facts) -> Iterator[Spot]:
    """A task of django.tasks is sent with delay, or one of Celery with enqueue.

    How it looks: AttributeError: 'Task' object has no attribute 'delay'.

    Why: two frameworks use the name tasks.py.

    Fix: .enqueue(...) for django.tasks, .delay(...) for Celery.

    Source: Django 6.0's documentation on tasks; reproduced.
    """
    for source in facts.sources:
        django = set()
        for node in source.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "django.tasks":
                django |= {a.asname or a.name for a in node.names}
        if not django:
            continue
        own = {
            node.name
            for node in source.tree.body
            if isinstance(node, ast.FunctionDef)
            and any(ast.unparse(d).split("(")[0] in django for d in node.decorator_list)
        }
        for call in _calls(source, "delay", "apply_async"):
            if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in own:
                yield Spot(f"{ast.unparse(call.func.value)} is a task of django.tasks", source.where(call))
