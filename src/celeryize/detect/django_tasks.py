"""Django's own tasks, of Django 6.0 and its backport: what is one, and what TASKS says of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.modules import Bindings, Modules, bound_names
from celeryize.detect.project import Project
from celeryize.model import Where
from celeryize.patch.nodes import walk
from celeryize.reading import read_file

# The decorator, by the names that it can be imported under; the latter two are of the backport.
DECORATORS = frozenset(
    {"django.tasks.task", "django.tasks.base.task", "django_tasks.task", "django_tasks.base.task"}
)
# Backends that send to Celery, by their package, and the distribution that brings each.
# Source: the two packages on PyPI, read at 0.1.1 and 0.1.
CELERY_BACKENDS: Mapping[str, str] = {
    "django_tasks_celery": "django-tasks-celery",
    "django_tasks_fennel": "django-tasks-fennel",
}
# Django's own, which never leave the process: the first runs a task at once, the second never.
LOCAL_BACKENDS = ("ImmediateBackend", "DummyBackend")
DEFAULT_ALIAS = "default"
DEFAULT_QUEUE = "default"
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class TaskBackend:
    """An entry of TASKS. `path` is empty where it cannot be read; `queues` None where not said."""

    path: str
    queues: tuple[str, ...] | None = None

    @property
    def sends_to_celery(self) -> bool:
        """Whether what is enqueued becomes a message of Celery."""
        return self.path.partition(".")[0] in CELERY_BACKENDS

    @property
    def is_local(self) -> bool:
        """Whether it is one of those that Django brings for development and tests."""
        return self.path.rpartition(".")[2] in LOCAL_BACKENDS


@dataclass(frozen=True, slots=True)
class DjangoTask:
    """A function under Django's decorator: its queue, and the alias of its backend.

    Either is empty where code computes it. `backport`: it is one of the package django-tasks.
    """

    function: str
    module: str
    where: Where
    queue: str = DEFAULT_QUEUE
    backend: str = DEFAULT_ALIAS
    backport: bool = False

    @property
    def name(self) -> str:
        """The name under which `django-tasks-celery` registers it."""
        return f"{self.module}.{self.function}"


def read_backends(value: ast.expr) -> dict[str, TaskBackend] | None:
    """The entries of a literal of TASKS by alias; None where it is computed."""
    if not isinstance(value, ast.Dict):
        return None
    found: dict[str, TaskBackend] = {}
    for key, entry in zip(value.keys, value.values, strict=True):
        alias = _text(key)
        if not alias or not isinstance(entry, ast.Dict):
            return None
        fields = {_text(name): field for name, field in zip(entry.keys, entry.values, strict=True)}
        path = _text(fields.get("BACKEND"))
        found[alias] = TaskBackend(path, _texts(fields.get("QUEUES")))
    return found


def django_tasks_in(
    tree: ast.Module, path: PurePosixPath, module: str, bindings: Bindings
) -> Iterator[DjangoTask]:
    """The Django tasks at the top level of one module."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            spelled = decorator_name(call.func if call else decorator, bindings)
            if spelled not in DECORATORS:
                continue
            options = {k.arg: k.value for k in call.keywords if k.arg} if call else {}
            yield DjangoTask(
                node.name,
                module,
                Where(path, node.lineno),
                _option(options, "queue_name", DEFAULT_QUEUE),
                _option(options, "backend", DEFAULT_ALIAS),
                spelled.startswith("django_tasks."),
            )
            break


def decorator_name(node: ast.expr, bindings: Bindings) -> str:
    """The full dotted name of a decorator, whatever the imports call it; empty for anything else
    than a name."""
    parts: list[str] = []
    current = node
    while isinstance(current, ast.Attribute):
        parts.insert(0, current.attr)
        current = current.value
    if not isinstance(current, ast.Name):
        return ""
    module, name = bindings.get(current.id, ("", None))
    return ".".join(part for part in (module, name, *parts) if part)


def find_django_tasks(project: Project) -> tuple[DjangoTask, ...]:
    """Every Django task at the top level of a module in an app's folder."""
    found: dict[Where, DjangoTask] = {}
    modules = project.modules
    for app in project.apps:
        for path in modules.python_files(app.folder, _DEPTH):
            if not _mentions_tasks(modules, path):
                continue
            source, module = modules.source(path), modules.name_of(path)
            if source is None or module is None:
                continue
            imports = [
                node for node in walk(source.tree) if isinstance(node, ast.Import | ast.ImportFrom)
            ]
            bindings = bound_names(modules, path, imports)
            for task in django_tasks_in(source.tree, path, module, bindings):
                found.setdefault(task.where, task)
    return tuple(found.values())


def _mentions_tasks(modules: Modules, path: PurePosixPath) -> bool:
    try:
        data = read_file(modules.root / path)
    except OSError:
        return False
    return any(word in data for word in (b"django.tasks", b"django_tasks", b"import tasks"))


def _option(options: Mapping[str, ast.expr], name: str, default: str) -> str:
    if name not in options:
        return default
    return _text(options[name])


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


def _texts(node: ast.expr | None) -> tuple[str, ...] | None:
    """The strings of a list; None where there is none, or one of them is computed."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    texts = tuple(_text(element) for element in node.elts)
    if not all(texts):
        return None
    return texts
