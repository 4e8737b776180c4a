"""The time limits that tasks have of their own, and what they forbid in the settings.

Celery compares a task's hard limit with the soft one that is in effect, whichever of the two comes
from the settings, and raises ValueError at delay() where the soft one is above the hard one
(celery/app/task.py, Task.apply_async; reproduced with Celery 5.7).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.detect.project import Project
from celeryize.model import Where

HARD, SOFT = "CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT"
# How many folders below an app are searched.
DEPTH = 3


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """The limits of one task in seconds, None for one that it leaves to the settings."""

    where: Where
    hard: float | None
    soft: float | None

    @property
    def conflict(self) -> str:
        """Why a limit of the settings must not stand beside it."""
        if self.hard is not None:
            own, other = f"time_limit={self.hard:g}", "a soft limit above it"
        else:
            own, other = f"soft_time_limit={self.soft:g}", "a hard limit below it"
        return f"{self.where} has {own}, and beside {other} each delay() of that task raises"


def forbidden_limits(project: Project, block: str) -> dict[str, OwnLimits]:
    """The limits of a block that would keep a task from being sent, each with that task."""
    values = {
        target.id: node.value.value
        for node in ast.parse(block).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {HARD, SOFT}
    }
    found: dict[str, OwnLimits] = {}
    for own in _limits_of_tasks(project) if values else ():
        hard, soft = values.get(HARD), values.get(SOFT)
        if isinstance(soft, int) and own.soft is None and own.hard is not None and own.hard < soft:
            found.setdefault(SOFT, own)
        if isinstance(hard, int) and own.hard is None and own.soft is not None and own.soft > hard:
            found.setdefault(HARD, own)
    return found


def _limits_of_tasks(project: Project) -> Iterator[OwnLimits]:
    """The limits in the decorators of the apps' functions, where they are numbers."""
    modules = project.modules
    seen = set()
    for app in project.apps:
        for path in modules.python_files(app.folder, DEPTH):
            if path in seen or not modules.mentions(path, b"time_limit"):
                continue
            seen.add(path)
            source = modules.source(path)
            for node in ast.walk(source.tree) if source else ():
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                for decorator in node.decorator_list:
                    limits = _numbers_of(decorator)
                    if source is not None and limits:
                        yield OwnLimits(
                            source.where(decorator),
                            limits.get("time_limit"),
                            limits.get("soft_time_limit"),
                        )


def _numbers_of(decorator: ast.expr) -> dict[str, float]:
    """The limits that a decorator is given; none where one of them is no plain number."""
    found: dict[str, float] = {}
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
        if keyword.arg not in {"time_limit", "soft_time_limit"}:
            continue
        value = getattr(keyword.value, "value", None)
        if not isinstance(value, int | float):
            return {}
        found[keyword.arg] = value
    return found
