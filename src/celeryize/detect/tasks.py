"""What a task is: a function under a decorator of Celery, recognised by where that is imported
from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.apps import App
from celeryize.detect.celery import CeleryApp
from celeryize.detect.modules import Bindings, Modules, bound_names
from celeryize.model import Where
from celeryize.patch.nodes import walk
from celeryize.reading import read_file

DEPTH = 3
# in code, and not in a comment about it
USES_SHARED_TASK = re.compile(rb"(?m)^[^#\n]*\bshared_task\b")
# Decorators that need no app. All but the first two are of Celery before 5: such a project has
# tasks, too.
SHARED_TASK = frozenset(
    {
        "celery.shared_task",
        "celery.app.shared_task",
        "celery.task",
        "celery.task.task",
        "celery.task.periodic_task",
        "celery.task.base.periodic_task",
        "celery.decorators.task",
        "celery.decorators.periodic_task",
    }
)
# `@app.task`, and `@app.periodic_task` of Celery before 4.
TASK_METHODS = frozenset({"task", "periodic_task"})
# What else Celery has that holds `task` as an app does.
CURRENT_APPS = frozenset({"celery.current_app", "celery._state.current_app"})
# How many modules an app may be handed through: `from .celery import app` in an `__init__.py`.
REEXPORTS = 3
CELERY = re.compile(r"\bfrom celery\b|\bimport celery\b|\bCelery\(")


@dataclass(frozen=True, slots=True)
class TaskDecorator:
    """The decorator of Celery above a function; `index` counts from the uppermost decorator.

    `hidden`: further options come by `**OPTIONS`, which only an import can read.
    """

    index: int
    node: ast.expr
    shared: bool
    options: Mapping[str, ast.expr]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class TaskRecogniser:
    """Says which functions of one module are tasks. Nothing else in celeryize decides that."""

    modules: Modules
    module: str
    bindings: Bindings
    celery: tuple[CeleryApp, ...]

    def decorator_of(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> TaskDecorator | None:
        """The decorator that makes a function a task; None for any other function."""
        for index, decorator in enumerate(node.decorator_list):
            call = None
            if isinstance(decorator, ast.Call):
                call = decorator
            spelled = _dotted_name(call.func if call else decorator)
            shared = self._is_shared_task(spelled)
            if not shared and not self._is_task_of_app(spelled):
                continue
            keywords = []
            if call:
                keywords = call.keywords
            options = {keyword.arg: keyword.value for keyword in keywords if keyword.arg}
            hidden = any(keyword.arg is None for keyword in keywords)
            return TaskDecorator(index, decorator, shared, options, hidden)
        return None

    def _is_shared_task(self, spelled: str) -> bool:
        """`shared_task`, `celery.shared_task`, or an alias of either."""
        return self._full_name(spelled) in SHARED_TASK

    def _full_name(self, spelled: str) -> str:
        """What a dotted name of this module means: its first part as the imports have it."""
        head, _, rest = spelled.partition(".")
        module, name = self.bindings.get(head, ("", None))
        return ".".join(part for part in (module, name, rest) if part)

    def _is_task_of_app(self, spelled: str) -> bool:
        """`app.task`, where `app` is a Celery app of the project: built here, or imported."""
        holder, _, attribute = spelled.rpartition(".")
        if attribute not in TASK_METHODS or not holder:
            return False
        if any(app.module == self.module and app.variable == holder for app in self.celery):
            return True
        full = self._full_name(holder)
        if not full:
            return self._is_built_here(holder)
        if full in CURRENT_APPS:
            return True
        module, _, variable = full.rpartition(".")
        # the app itself, or the package that re-exports it
        homes = {
            home for app in self.celery for home in (app.module, app.module.rpartition(".")[0])
        }
        if not module or full in self._submodules:
            return False
        return module in homes or (self._is_own(module) and self._holds_app(module, variable))

    @property
    def _submodules(self) -> frozenset[str]:
        """The modules of the apps: `celery` of `from . import celery` is a module and no app."""
        return frozenset(app.module for app in self.celery)

    def _is_built_here(self, name: str) -> bool:
        """Whether a variable of this module is assigned what Celery code makes: `app = make()`."""
        path = self.modules.find(self.module)
        source = None
        if path:
            source = self.modules.source(path)
        if source is None or not CELERY.search(source.text):
            return False
        return name in _assigned_by_calls(source.tree)

    def _holds_app(self, module: str, variable: str, levels: int = REEXPORTS) -> bool:
        """Whether a name of a module of the project is a Celery app, as far as its text shows."""
        path = self.modules.find(module)
        source = None
        if path:
            source = self.modules.source(path)
        if path is None or source is None or not levels:
            return False
        if CELERY.search(source.text) and variable in _assigned_by_calls(source.tree):
            return True
        imports = [n for n in source.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        base, name = bound_names(self.modules, path, imports).get(variable, ("", None))
        return bool(name) and self._holds_app(base, name or "", levels - 1)

    def _is_own(self, module: str) -> bool:
        """Whether a module belongs to the project, and not to an installed library."""
        head = module.split(".")[0]
        return self.modules.find(head) is not None or self.modules.folder(head) is not None


def _assigned_by_calls(tree: ast.Module) -> frozenset[str]:
    """The names outside of functions that are assigned the result of a call."""
    found: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        match node:
            case ast.Assign(targets=targets, value=ast.Call()):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call()):
                found.add(name)
            # an app may be built in an `if` or a `try`
            case ast.Module() | ast.If() | ast.Try() | ast.With() | ast.ExceptHandler():
                todo += ast.iter_child_nodes(node)
    return frozenset(found)


def task_name(decorator: TaskDecorator, module: str, function: str) -> str:
    """The name under which Celery registers a task; empty where code computes it."""
    given = decorator.options.get("name")
    if given is None:
        # `**OPTIONS` may hold a name, too
        if decorator.hidden:
            return ""
        return f"{module}.{function}"
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return given.value or f"{module}.{function}"
    return ""


@dataclass(frozen=True, slots=True)
class DefinedTask:
    """A task at the top level of a module: its function, its `def` line, its name."""

    function: str
    where: Where
    name: str


def find_tasks(
    modules: Modules, apps: tuple[App, ...], celery: tuple[CeleryApp, ...], word: str = ""
) -> tuple[DefinedTask, ...]:
    """Every task at the top level of a module in an app's folder, in the order of the files.

    With `word`, only those of files that hold it: a task is where its function or its name is.
    """
    # what the command line gives may hold bytes that are no text
    wanted = word.encode("utf-8", "surrogatepass")
    found: dict[Where, DefinedTask] = {}
    for app in apps:
        # most files have no task, and parsing is what takes time
        for path in modules.files_with(app.folder, DEPTH, b"task"):
            if modules.mentions(path, wanted):
                for task in tasks_in(modules, path, celery):
                    found.setdefault(task.where, task)
    return tuple(found[place] for place in sorted(found, key=lambda w: (w.path, w.line or 0)))


def prefers_app_task(
    modules: Modules, apps: tuple[App, ...], celery: tuple[CeleryApp, ...]
) -> bool:
    """Whether the tasks modules of the apps use the app's decorator, and none `shared_task`.

    Most files need not be parsed for the answer.
    """
    related = celery[0].related_name or "tasks"
    candidates: list[PurePosixPath] = []
    for app in apps:
        for path in (app.folder / f"{related}.py", *modules.python_files(app.folder / related, 1)):
            data = _read_bytes(modules, path)
            if b"shared_task" in data:
                return False
            if b".task" in data:
                candidates.append(path)
    return any(True for path in candidates for _ in tasks_in(modules, path, celery))


def tasks_import_app(
    modules: Modules, apps: tuple[App, ...], celery: tuple[CeleryApp, ...]
) -> bool:
    """Whether the project has tasks and each is a task of its own app.

    Such a tasks module imports the app itself, so that nothing else has to: only `shared_task`
    looks for the current app.
    """
    candidates: list[PurePosixPath] = []
    # where INSTALLED_APPS cannot be read, every app counts
    installed = [app for app in apps if app.installed] or apps
    for app in installed:
        for path in modules.files_with(app.folder, DEPTH, b"task"):
            data = _read_bytes(modules, path)
            if USES_SHARED_TASK.search(data):
                return False
            if b".task" in data:
                candidates.append(path)
    return any(True for path in candidates for _ in tasks_in(modules, path, celery))


def tasks_in(
    modules: Modules, path: PurePosixPath, celery: tuple[CeleryApp, ...]
) -> Iterator[DefinedTask]:
    """The tasks at the top level of one file."""
    source, module = modules.source(path), modules.name_of(path)
    if source is None or module is None:
        return
    nodes = walk(source.tree)
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    recogniser = TaskRecogniser(modules, module, bound_names(modules, path, imports), celery)
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorator = recogniser.decorator_of(node)
            if decorator is not None:
                # where the name is computed, Celery's usual one is the best guess
                name = task_name(decorator, module, node.name) or f"{module}.{node.name}"
                yield DefinedTask(node.name, source.where(node), name)


def _dotted_name(node: ast.expr) -> str:
    """`a.b.c` as text; empty for anything but names and attributes."""
    parts: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    if isinstance(current, ast.Name):
        return ".".join([current.id, *reversed(parts)])
    return ""


def _read_bytes(modules: Modules, path: PurePosixPath) -> bytes:
    try:
        return read_file(modules.root / path)
    except OSError:
        return b""
