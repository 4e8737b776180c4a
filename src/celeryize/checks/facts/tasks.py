"""The tasks of the project's code, as detect/tasks.py recognises them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from celeryize.checks.facts.code import Code, CodeFacts, is_visible
from celeryize.checks.facts.literals import Function, is_false, is_true, parameters_of, text_of
from celeryize.detect.project import Project
from celeryize.detect.tasks import TaskRecogniser, task_name
from celeryize.model import Where
from celeryize.patch.nodes import dotted

# How many modules a task may be handed through: `from .mail import send` in an `__init__.py`.
REEXPORTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A function under a task decorator: the name it gets (empty where that is computed).

    `above` and `below` are the decorators around the one of Celery, which is `decorator`.
    """

    name: str
    node: Function
    code: Code
    decorator: ast.expr
    shared: bool
    options: Mapping[str, ast.expr]
    above: tuple[ast.expr, ...]
    below: tuple[ast.expr, ...]
    # further options come by `**OPTIONS`, bind and typing perhaps among them
    hidden: bool = False

    @property
    def where(self) -> Where:
        """The line of its `def`."""
        return self.code.where(self.node)

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Its `def` and all that is below, decorators included; walked once for all checks."""
        return self.code.within(self.node)

    @property
    def lines(self) -> range:
        """The lines from its first decorator to its `def`: where an import finds it."""
        return range(self.node.decorator_list[0].lineno, self.node.lineno + 1)

    @property
    def bound(self) -> bool:
        """Whether its first argument is the task itself."""
        return is_true(self.options.get("bind"))

    @property
    def holder(self) -> ast.ClassDef | None:
        """The class it is a method of."""
        outer = self.code.parents.get(self.node)
        if isinstance(outer, ast.ClassDef):
            return outer
        return None

    @property
    def is_conditional(self) -> bool:
        """Whether it is defined inside an `if` or a `try`, and so perhaps not at all."""
        return any(isinstance(outer, ast.If | ast.Try) for outer in self.code.around(self.node))

    @property
    def signature(self) -> inspect.Signature | None:
        """What a caller has to pass; None where another decorator may change it."""
        # each of these may change what a caller passes
        if self.below or self.holder or self.hidden or "base" in self.options:
            return None
        if is_false(self.options.get("typing")):
            return None
        parameters = parameters_of(self.node)
        if self.bound:
            # bind=True without a first argument is a mistake of its own (E420)
            if not parameters or parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
                return None
            parameters = parameters[1:]
        try:
            return inspect.Signature(parameters)
        except ValueError:
            return None


@dataclass(frozen=True, eq=False)
class TaskFacts:
    """The tasks of the project; iterating gives all of them, file by file."""

    project: Project
    code: CodeFacts

    def __iter__(self) -> Iterator[Task]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @cached_property
    def all(self) -> tuple[Task, ...]:
        """Every function of the project under @shared_task or @app.task."""
        return tuple(task for code in self.code.relevant for task in self._tasks_in(code))

    def _tasks_in(self, code: Code) -> Iterator[Task]:
        recogniser = TaskRecogniser(
            self.project.modules, code.module, self.code.bindings(code.path), self.project.celery
        )
        for node in code.functions:
            found = recogniser.decorator_of(node)
            if found is None:
                continue
            yield Task(
                name=task_name(found, code.module, node.name),
                node=node,
                code=code,
                decorator=found.node,
                shared=found.shared,
                options=found.options,
                above=tuple(node.decorator_list[: found.index]),
                below=tuple(node.decorator_list[found.index + 1 :]),
                hidden=found.hidden,
            )

    @cached_property
    def have_own_class(self) -> bool:
        """Whether the app has a task class of its own, which may call tasks in its own way."""
        if any("task_cls" in app.constructor for app in self.project.celery):
            return True
        # `app.Task = OurTask`
        codes = [self.code.parsed(app.where.path) for app in self.project.celery]
        return any(
            dotted(target) == f"{app.variable}.Task"
            for app, code in zip(self.project.celery, codes, strict=True)
            for assign in (code.assigns if code else ())
            for target in getattr(assign, "targets", ())
        )

    @cached_property
    def discovered_names(self) -> frozenset[str]:
        """The modules of an app that autodiscover_tasks() imports: usually `tasks` alone."""
        found: set[str] = set()
        for code in self.code.relevant:
            if "autodiscover_tasks" not in code.source.text:
                continue
            for call in code.calls:
                if dotted(call.func).endswith(".autodiscover_tasks"):
                    found.add(_related_name(call))
        return frozenset(found or {"tasks"})

    def named_by(self, code: Code, node: ast.expr) -> Task | None:
        """The task that an expression names: a function of this module, or an imported one."""
        spelled = dotted(node)
        if not spelled:
            return None
        head, _, rest = spelled.partition(".")
        # a task of the same file needs no import
        if not rest and (code.path, head) in self._by_place:
            task = self._by_place[code.path, head]
            # `def send(greet):` has a greet of its own, which is not the task
            if is_visible(code, node, head, task.node):
                return task
        meant = self._task_at(_full_name(code.imported.get(head), rest), REEXPORTS)
        # most imported names are no tasks under any of their imports: no scope has to be looked at
        if meant is None and head not in code.imported_twice:
            return None
        bound = self.code.imported_as(code, node, head)
        if bound == code.imported.get(head):
            return meant
        return self._task_at(_full_name(bound, rest), REEXPORTS)

    def _task_at(self, full: str, levels: int) -> Task | None:
        """The task at a dotted path, followed through the modules that re-export it."""
        module, _, name = full.rpartition(".")
        path = None
        if module:
            path = self.project.modules.find(module)
        if path is None or not levels:
            return None
        if (path, name) in self._by_place:
            return self._by_place[path, name]
        if not self._may_hand_on(path, name):
            return None
        # `from shop.tasks import send`, where shop/tasks/__init__.py imports it from .mail
        base, inner = self.code.bindings(path).get(name, ("", None))
        if inner:
            return self._task_at(f"{base}.{inner}", levels - 1)
        return None

    def _may_hand_on(self, path: PurePosixPath, name: str) -> bool:
        """Whether a module may import a task under a name: seen before the module is parsed."""
        if name in self._function_names:
            return True
        return self.project.modules.mentions(path, f" as {name}".encode())

    @cached_property
    def _function_names(self) -> frozenset[str]:
        return frozenset(task.node.name for task in self)

    @cached_property
    def _by_place(self) -> dict[tuple[PurePosixPath, str], Task]:
        return {(task.code.path, task.node.name): task for task in self}


def _full_name(bound: tuple[str, str | None] | None, rest: str) -> str:
    """The dotted path of a binding and the attributes behind it; empty for none."""
    if bound is None:
        return ""
    return ".".join(part for part in (*bound, rest) if part)


def _related_name(call: ast.Call) -> str:
    """The module name that a call of autodiscover_tasks() looks for in each app."""
    given = list(call.args[1:2])
    given += [keyword.value for keyword in call.keywords if keyword.arg == "related_name"]
    return (text_of(given[0]) if given else None) or "tasks"
