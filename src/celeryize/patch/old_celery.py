"""Code for Celery 3 in the words of Celery 5: imports, decorators, periodic tasks.

from celery.task import periodic_task, task        from celery import shared_task
@task(ignore_result=True)                      ->  @shared_task(ignore_result=True)
@periodic_task(run_every=crontab(hour=3))          @shared_task
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.errors import CannotPatch
from celeryize.patch.block_change import removals, without_import
from celeryize.patch.imports import gives
from celeryize.patch.rename import own_names
from celeryize.patch.source import (
    Source,
    Splice,
    every_statement,
    expression,
    fitted,
    statements,
)

# Names of modules that are gone, and where each of their names is now; None: nowhere.
# https://docs.celeryq.dev/en/stable/history/whatsnew-5.0.html#compat-task-modules
MOVED: dict[str, dict[str, tuple[str, str] | None]] = {
    "task": {
        "task": ("celery", "shared_task"),
        "periodic_task": ("celery", "shared_task"),
        "Task": ("celery", "Task"),
        "subtask": ("celery", "signature"),
        "group": ("celery", "group"),
        "chord": ("celery", "chord"),
        "chain": ("celery", "chain"),
    },
    "schedules": {
        "crontab": ("celery.schedules", "crontab"),
        "schedule": ("celery.schedules", "schedule"),
    },
}
OLD_MODULES: dict[str, dict[str, tuple[str, str] | None]] = {
    "celery.task": MOVED["task"],
    "celery.task.base": MOVED["task"],
    "celery.decorators": MOVED["task"],
    "celery.task.schedules": MOVED["schedules"],
    "celery.task.sets": {"subtask": ("celery", "signature")},
}
# `from celery import task` gave the decorator, and is gone as well.
OF_CELERY: dict[str, tuple[str, str] | None] = {
    "task": ("celery", "shared_task"),
    "subtask": ("celery", "signature"),
}
DECORATORS = frozenset({"task", "periodic_task"})
# What an expression of a schedule may name, and the import that gives it to the settings.
SCHEDULES = {
    "crontab": "from celery.schedules import crontab",
    "timedelta": "from datetime import timedelta",
    "datetime": "import datetime",
}


@dataclass(frozen=True, slots=True)
class Periodic:
    """A `@periodic_task`, as an entry of a schedule: the function, and its values as Python."""

    function: str
    name: str
    schedule: str
    options: str
    imports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Modern:
    """A module of today, and the periodic tasks that it had."""

    source: Source
    periodic: tuple[Periodic, ...] = ()


def modern_module(source: Source) -> Modern:
    """The module without names that Celery 5 does not have.

    Raises CannotPatch, with the place, for one that has no heir.
    """
    bound = dict(_old_names(source))
    if not bound:
        return Modern(source)
    others = _other_uses(source, bound)
    splices: list[Splice] = []
    given = {one for node in source.tree.body for one in gives(node) if not _is_moved(node)}
    for node in every_statement(source.tree):
        if isinstance(node, ast.ImportFrom) and _moved_of(node):
            splices += _new_import(source, node, others, given)
    periodic: list[Periodic] = []
    for function, decorator in _decorators(source, bound):
        old = bound[_name_of(decorator)]
        # a name that the module uses otherwise, too, stays the name of the decorator
        new = "shared_task"
        if _name_of(decorator) in others:
            new = _name_of(decorator)
        if old == "periodic_task":
            entry, text = _periodic(source, function, decorator, new)
            periodic.append(entry)
        elif _name_of(decorator) in others:
            continue
        elif isinstance(decorator, ast.Call):
            text = new + source.text[source.end(decorator.func) : source.end(decorator)]
        else:
            text = new
        start, end = source.start(decorator), source.end(decorator)
        splices.append(Splice(start, end, text, (expression(text),), (decorator,)))
    after = source.splice(*splices)
    # the schedule that needed it is in the settings now
    for line in sorted({line for task in periodic for line in task.imports}):
        after = without_import(after, line)
    return Modern(after, tuple(periodic))


def _is_moved(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and bool(_moved_of(node))


def _moved_of(node: ast.ImportFrom) -> dict[str, tuple[str, str] | None]:
    """The table of the module that a statement imports from, where one of its names moved."""
    if node.level:
        return {}
    if node.module == "celery":
        if any(alias.name in OF_CELERY for alias in node.names):
            return {**OF_CELERY}
        return {}
    return dict(OLD_MODULES.get(node.module or "", {}))


def _old_names(source: Source) -> Iterator[tuple[str, str]]:
    """The names that old imports bind in the module, each with what it was called there."""
    for node in every_statement(source.tree):
        if isinstance(node, ast.Import):
            gone = [alias.name for alias in node.names if alias.name in OLD_MODULES]
            if gone:
                raise _has_no_heir(source, node, gone[0])
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        module = node.module or ""
        if module.startswith(("celery.task.", "celery.decorators.")) and module not in OLD_MODULES:
            raise _has_no_heir(source, node, module)
        moved = _moved_of(node)
        for alias in node.names if moved else ():
            if alias.name not in moved and module != "celery":
                raise _has_no_heir(source, node, f"{module}.{alias.name}")
            if alias.name in moved:
                yield alias.asname or alias.name, alias.name


def _has_no_heir(source: Source, node: ast.stmt, name: str) -> CannotPatch:
    return CannotPatch(
        f"{source.where(node)}: {name} is gone since Celery 5, and celeryize knows nothing that "
        "takes its place",
        hint="Rewrite this line and what uses it, or let --partial change the rest.",
        snippet=source.segment(node) + "\n",
        where=source.where(node),
        in_place=True,
    )


def _name_of(decorator: ast.expr) -> str:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(function, ast.Name):
        return function.id
    return ""


def _decorators(
    source: Source, bound: dict[str, str]
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.expr]]:
    """The functions that an old decorator makes a task, each with it."""
    for node in every_statement(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if bound.get(_name_of(decorator)) in DECORATORS:
                    yield node, decorator


def _other_uses(source: Source, bound: dict[str, str]) -> frozenset[str]:
    """The old names that the module uses for more than a decorator, or binds again: they are
    imported under the name that they had.
    """
    decorating = {
        id(decorator.func if isinstance(decorator, ast.Call) else decorator)
        for _, decorator in _decorators(source, bound)
    }
    return frozenset(
        node.id
        for node in own_names(source.tree, frozenset())
        if isinstance(node, ast.Name) and node.id in bound and id(node) not in decorating
    )


def _new_import(
    source: Source,
    node: ast.ImportFrom,
    others: frozenset[str],
    given: set[tuple[str, str, str]],
) -> list[Splice]:
    """The splices that put imports of today in the place of an old one; `given` are those that the
    module has by then.
    """
    moved = _moved_of(node)
    wanted: dict[str, list[str]] = {}
    for alias in node.names:
        module, name = moved.get(alias.name) or (node.module or "", alias.name)
        known_as = alias.asname or alias.name
        plain = alias.name in DECORATORS and known_as not in others
        text = name
        if alias.asname and not plain:
            text = f"{name} as {alias.asname}"
        elif not plain and known_as != name:
            text = f"{name} as {known_as}"
        there = (module, name, text.partition(" as ")[2])
        # in a block of its own, it may be the only one that runs
        if there not in given or node.col_offset:
            wanted.setdefault(module, []).append(text)
        if not node.col_offset:
            given.add(there)
    if not wanted:
        return removals(source, [node])
    text = "\n".join(
        f"from {module} import {', '.join(sorted(names, key=str.lower))}"
        for module, names in sorted(wanted.items())
    )
    start, end = source.start(node), source.end(node)
    margin = source.text[source.line_starts[node.lineno - 1] : start]
    written = fitted(source, start, text + "\n", margin).rstrip("\r\n")
    written = written.replace("\n", f"\n{margin}")
    return [Splice(start, end, written, statements(text), (node,))]


def _periodic(
    source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, decorator: ast.expr, new: str
) -> tuple[Periodic, str]:
    """The entry for a periodic task, and the decorator that is left.

    Raises CannotPatch where the settings could not repeat its schedule.
    """
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    by_name = {keyword.arg: keyword for keyword in keywords}
    every = by_name.get("run_every")
    used = (
        {n.id for n in ast.walk(every.value) if isinstance(n, ast.Name)}
        if every is not None
        else set()
    )
    if every is None or None in by_name or not used <= SCHEDULES.keys():
        raise CannotPatch(
            f"{source.where(decorator)}: the schedule of {function.name} is not written out, so "
            "it cannot move to the settings",
            hint="Make it a @shared_task, and add its entry: celeryize add-schedule.",
            snippet=source.segment(decorator) + "\n",
            where=source.where(decorator),
        )
    name = ""
    if "name" in by_name and isinstance(by_name["name"].value, ast.Constant):
        name = str(by_name["name"].value.value)
    options = ""
    if "options" in by_name:
        options = source.segment(by_name["options"].value)
    rest = [
        source.segment(keyword)
        for keyword in keywords
        if keyword.arg not in {"run_every", "options", "relative"}
    ]
    text = new
    if rest:
        text = f"{new}({', '.join(rest)})"
    imports = tuple(SCHEDULES[one] for one in sorted(used))
    schedule = source.segment(every.value)
    return Periodic(function.name, name, schedule, options, imports), text
