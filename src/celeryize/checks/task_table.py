"""The rows of `celeryize tasks`: the tasks as the worker has them, then the unregistered ones with
why."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from celeryize.checks.facts import Facts
from celeryize.checks.facts.tasks import Task
from celeryize.checks.imported import place
from celeryize.checks.registration import unregistered_tasks, worker_registry
from celeryize.model import Where

if TYPE_CHECKING:
    from celeryize.probe.report import ImportedTask, ImportReport


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task: the facts of its registration, or, with `registered` false, why there is none.

    `remark` is that reason, or what is odd about a registered task. Limits are in seconds, the
    task's own or those of the settings. `scheduled_by` names entries of the Beat schedule.
    """

    name: str
    where: Where | None
    registered: bool
    remark: str = ""
    signature: str = ""
    queue: str | None = None
    time_limit: object = None
    soft_time_limit: object = None
    max_retries: object = None
    retries_on: tuple[str, ...] = ()
    scheduled_by: tuple[str, ...] = ()

    @property
    def limits(self) -> str:
        """The limits in a few characters: `soft 270 s, hard 300 s`."""
        pairs = (("soft", self.soft_time_limit), ("hard", self.time_limit))
        return ", ".join(f"{word} {value} s" for word, value in pairs if value is not None)


def task_rows(facts: Facts) -> Iterator[TaskRow]:
    """The registered tasks by name, then the others by place. Needs the facts of an import."""
    assert facts.worker is not None
    # a task of an installed library is in the registry and in no file of ours
    defined = _defined_tasks(facts)
    for task in facts.worker.tasks:
        yield _registered_row(facts, facts.worker, task, defined.get(task.name))
    for missing in unregistered_tasks(facts):
        name = missing.task.name or f"{missing.task.code.module}.{missing.task.node.name}"
        yield TaskRow(name, missing.task.where, registered=False, remark=missing.message)


def _defined_tasks(facts: Facts) -> dict[str, Task]:
    """The tasks of the code by the name under which the worker has registered them."""
    registry = worker_registry(facts)
    found: dict[str, Task] = {}
    for task in facts.tasks if registry else ():
        registered = None
        if registry:
            registered = registry.find(task)
        if registered is not None:
            found.setdefault(registered.name, task)
    return found


def _registered_row(
    facts: Facts, worker: ImportReport, task: ImportedTask, known: Task | None
) -> TaskRow:
    options = task.options
    retries = None
    if _retries(options, known):
        retries = options.get("max_retries", 3)
    return TaskRow(
        name=task.name,
        where=known.where if known else place(facts, task.file, task.line),
        registered=True,
        remark=_decorator_remark(known) if known else "",
        signature=task.signature,
        # The decorator's queue wins over the routes (celery.app.routes merges it over them).
        queue=str(options["queue"]) if options.get("queue") else task.queue,
        time_limit=options.get("time_limit", worker.conf.get("task_time_limit")),
        soft_time_limit=options.get("soft_time_limit", worker.conf.get("task_soft_time_limit")),
        max_retries=retries,
        retries_on=_retries_on(options.get("autoretry_for")),
        scheduled_by=tuple(e.name for e in worker.beat_schedule if e.task == task.name),
    )


def _retries(options: Mapping[str, object], known: Task | None) -> bool:
    """Whether a task is ever tried again: on an exception, or by a call of retry() in its body."""
    if options.get("autoretry_for"):
        return True
    if known is None:
        return False
    return any(isinstance(node, ast.Attribute) and node.attr == "retry" for node in known.nodes)


def _decorator_remark(task: Task) -> str:
    """What is odd about a registered task: a decorator above Celery's gives back something else."""
    if not task.above:
        return ""
    decorator = task.decorator
    spelled = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return f"@{ast.unparse(task.above[0])} is above @{spelled}, so its .delay is lost"


def _retries_on(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    return ()
