"""What the checks look at: the project, its code, and, where it was imported, the two looks from inside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.tasks import DefinedTask, celery_decorators, find_tasks
from celeryize.model import Where
from celeryize.patch.source import Source, every_statement
from celeryize.probe import Sight

MARKS = (b"celery", b".delay", b"apply_async", b"shared_task", b"crontab")
DEPLOYMENT = (
    "Procfile",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yml",
    "compose.yaml",
    "docker-compose.prod.yml",
    "docker-compose.production.yml",
)
DEPTH = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """An assignment of the settings: its name, its value as code, its place."""

    name: str
    value: ast.expr
    where: Where


@dataclass(frozen=True, slots=True)
class TaskFunction:
    """A task in the code: its function, and the call of its decorator (None: without arguments)."""

    source: Source
    node: ast.FunctionDef | ast.AsyncFunctionDef
    call: ast.Call | None
    spelled: str


@dataclass(eq=False)
class Facts:
    """A project as its code has it; `worker` and `web` are None where nothing was imported."""

    project: Project
    worker: Sight | None = None
    web: Sight | None = None

    @property
    def app(self) -> CeleryApp | None:
        """The project's Celery app."""
        return self.project.celery[0] if self.project.celery else None

    @cached_property
    def app_source(self) -> Source | None:
        """The file that builds the app."""
        return self.project.modules.source(self.app.where.path) if self.app else None

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every assignment of an upper-case name in the settings files, nested ones included."""
        found = []
        for path in self.project.settings.reachable:
            source = self.project.modules.source(path)
            for node in every_statement(source.tree) if source else ():
                targets: list[ast.expr] = []
                value: ast.expr | None = None
                if isinstance(node, ast.Assign):
                    targets, value = node.targets, node.value
                elif isinstance(node, ast.AnnAssign):
                    targets, value = [node.target], node.value
                for target in targets:
                    if isinstance(target, ast.Name) and target.id.isupper() and value is not None:
                        found.append(Setting(target.id, value, Where(path, node.lineno)))
        return tuple(found)

    def setting(self, *names: str) -> Setting | None:
        """The assignment that is in effect, of the first of the names that is assigned."""
        for name in names:
            for setting in self.settings:
                if setting.name == name:
                    return setting
        return None

    def literal(self, *names: str) -> object:
        """The value of a setting that is a plain literal, else None."""
        found = self.setting(*names)
        if found is None:
            return None
        try:
            return ast.literal_eval(found.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The project's own files that have to do with Celery, told by their bytes, by path."""
        modules = self.project.modules
        paths: dict[PurePosixPath, None] = dict.fromkeys(self.project.settings.reachable)
        folders = [app.folder for app in self.project.apps] + [self.project.package.folder]
        for folder in folders:
            paths |= dict.fromkeys(modules.python_files(folder, DEPTH))
        if self.app:
            paths[self.app.where.path] = None
        return tuple(source for path in sorted(paths) if (source := self._relevant(path)) is not None)

    def _relevant(self, path: PurePosixPath) -> Source | None:
        try:
            data = (self.project.root / path).read_bytes()
        except OSError:
            return None
        return self.project.modules.source(path) if any(mark in data for mark in MARKS) else None

    @cached_property
    def tasks(self) -> tuple[TaskFunction, ...]:
        """Every function that a decorator of Celery makes a task."""
        return tuple(task for source in self.sources for task in self._tasks_in(source))

    def _tasks_in(self, source: Source) -> Iterator[TaskFunction]:
        spellings = celery_decorators(self.project.modules, source, self.project.celery)
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                spelled = ast.unparse(call.func if call else decorator)
                if spelled in spellings:
                    yield TaskFunction(source, node, call, spelled)
                    break

    @cached_property
    def defined(self) -> tuple[DefinedTask, ...]:
        """The tasks that the apps define at the top level of their modules."""
        return find_tasks(self.project.modules, self.project.apps, self.project.celery)

    @cached_property
    def deployment(self) -> tuple[tuple[Where, str], ...]:
        """The lines of Procfile and compose files that start Celery."""
        found = []
        folders = dict.fromkeys((PurePosixPath(), self.project.base))
        for path in (folder / name for folder in folders for name in DEPLOYMENT):
            try:
                text = (self.project.root / path).read_text("utf-8", "replace")
            except OSError:
                continue
            lines = enumerate(text.splitlines(), 1)
            found += [(Where(path, number), line) for number, line in lines if "celery" in line]
        return tuple(found)

    def line(self, where: Where) -> str:
        """The line of a place, for an excerpt."""
        if where.line is None:
            return ""
        try:
            lines = (self.project.root / where.path).read_text("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return lines[where.line - 1].rstrip() if where.line <= len(lines) else ""
