"""The tasks that the project's apps define, told by their decorators and where those are imported from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.apps import App
from celeryize.detect.celery import CeleryApp
from celeryize.detect.modules import Modules
from celeryize.model import Where
from celeryize.patch.source import Source

DEPTH = 3


@dataclass(frozen=True, slots=True)
class DefinedTask:
    """A function that a Celery decorator makes a task, by where it stands and what the decorator says.

    `lines` reach from its first decorator to its `def`; `outside` is a decorator that stands above Celery's.
    """

    app: App
    function: str
    module: str
    where: Where
    lines: range
    decorator: str
    name: str
    outside: str = ""


def find_tasks(
    modules: Modules, apps: tuple[App, ...], celery: tuple[CeleryApp, ...]
) -> tuple[DefinedTask, ...]:
    """Every task defined at the top level of a module in an app's folder, in the order of the files."""
    found: dict[Where, DefinedTask] = {}
    # The innermost app of a file is the one it belongs to.
    for app in sorted(apps, key=lambda a: -len(a.folder.parts)):
        for path in modules.python_files(app.folder, DEPTH):
            # Most files have no task, and parsing is what takes time.
            if b"task" in _read(modules, path):
                for task in tasks_in(modules, path, app, celery):
                    found.setdefault(task.where, task)
    return tuple(found[place] for place in sorted(found, key=lambda w: (w.path, w.line or 0)))


def prefers_app_task(
    modules: Modules, apps: tuple[App, ...], celery: tuple[CeleryApp, ...]
) -> bool:
    """Whether the tasks modules of the apps use the decorator of the app, and none of them `shared_task`.

    Most files need not be parsed to tell.
    """
    related = celery[0].related_name or "tasks"
    candidates: list[tuple[PurePosixPath, App]] = []
    for app in apps:
        for path in (app.folder / f"{related}.py", *modules.python_files(app.folder / related, 1)):
            data = _read(modules, path)
            if b"shared_task" in data:
                return False
            if b".task" in data:
                candidates.append((path, app))
    return any(True for path, app in candidates for _ in tasks_in(modules, path, app, celery))


def tasks_in(
    modules: Modules, path: PurePosixPath, app: App, celery: tuple[CeleryApp, ...]
) -> Iterator[DefinedTask]:
    """The tasks of one file."""
    source, module = modules.source(path), modules.name_of(path)
    if source is None or module is None:
        return
    spellings = celery_decorators(modules, source, celery)
    for node in source.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for index, decorator in enumerate(node.decorator_list):
            call = decorator if isinstance(decorator, ast.Call) else None
            spelled = ast.unparse(call.func if call else decorator)
            if spelled in spellings:
                yield DefinedTask(
                    app,
                    node.name,
                    module,
                    source.where(node),
                    range(node.decorator_list[0].lineno, node.lineno + 1),
                    spelled,
                    _named(call) or f"{module}.{node.name}",
                    ast.unparse(node.decorator_list[0]) if index else "",
                )
                break


def celery_decorators(modules: Modules, source: Source, celery: tuple[CeleryApp, ...]) -> set[str]:
    """How a module spells the decorators of Celery: `shared_task`, `celery.shared_task`, `app.task`, aliases."""
    found: set[str] = set()
    homes = {a.module for a in celery} | {a.module.rpartition(".")[0] for a in celery}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "celery":
                    found.add(f"{alias.asname or alias.name}.shared_task")
        elif isinstance(node, ast.ImportFrom):
            module = modules.absolute(node, source.path)
            for alias in node.names:
                if module in {"celery", "celery.app"} and alias.name == "shared_task":
                    found.add(alias.asname or alias.name)
                elif module in homes:
                    found.add(f"{alias.asname or alias.name}.task")
    own = modules.name_of(source.path)
    return found | {f"{a.variable}.task" for a in celery if a.module == own}


def _named(call: ast.Call | None) -> str | None:
    for keyword in call.keywords if call else ():
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return None


def _read(modules: Modules, path: PurePosixPath) -> bytes:
    try:
        return (modules.root / path).read_bytes()
    except OSError:
        return b""
