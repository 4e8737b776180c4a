"""What a task does while it runs that holds its worker, or that other processes never see."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.literals import Function
from celeryize.patch.nodes import dotted

# What starts a process that the prefork pool forbids.
PROCESSES = frozenset(
    {
        "multiprocessing.Pool",
        "multiprocessing.Process",
        "multiprocessing.pool.Pool",
        "multiprocessing.Manager",
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process.ProcessPoolExecutor",
    }
)
# What waits for another server, for ever unless it is given a timeout.
WAITING = frozenset(
    {f"requests.{verb}" for verb in ("get", "post", "put", "patch", "delete", "head", "request")}
    | {"urllib.request.urlopen"}
)
# What ends the run of a task, by its last name.
LEAVES = frozenset({"exit", "_exit", "retry", "replace", "abort", "reraise"})


@check("celery.E667")
def starts_processes(facts: Facts) -> Iterator[Occurrence]:
    """A task starts processes with multiprocessing.

    What happens: The task fails.
    How it looks: AssertionError: daemonic processes are not allowed to have children
    Why: The processes of the prefork pool are daemonic.
    Fix: A group of tasks; or threads, or the pool threads: celery worker -P threads.
    Source: reproduced with Celery 5.7
    """
    pools = [command.option("-P", "--pool") for command in facts.deployment.workers]
    if any(pool not in {None, "prefork", "processes"} for pool in pools):
        return
    if facts.settings.first("CELERY_WORKER_POOL") is not None:
        return
    for code, node in task_functions(facts):
        # most files import neither library, and a task has many calls
        if not any(word in code.source.text for word in ("multiprocessing", "concurrent")):
            continue
        for call in code.within(node):
            if isinstance(call, ast.Call) and full_name(facts, code, call.func) in PROCESSES:
                yield Occurrence(
                    f"{node.name} starts processes, which a process of the prefork pool may not",
                    code.where(call),
                    "Split the work into tasks, or start the worker with -P threads.",
                )


@check("celery.W644")
def task_never_ends(facts: Facts) -> Iterator[Occurrence]:
    """A task is a loop without an end.

    What happens: It holds a process of the pool for ever, or until a time limit kills it.
    How it looks: (nothing: the other tasks wait)
    Why: A worker has as many places as its pool has processes.
    Fix: One round per run, and an entry of the Beat schedule.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for code, node in task_functions(facts):
        for loop in code.within(node):
            if not isinstance(loop, ast.While) or code.function_of(loop) is not node:
                continue
            if isinstance(loop.test, ast.Constant) and loop.test.value and not _ends(loop):
                yield Occurrence(
                    f"{node.name} never ends: nothing leaves this loop",
                    code.where(loop),
                    "Let it do one round, and have Beat send it again.",
                )


def _ends(loop: ast.While) -> bool:
    """Whether anything may leave a loop: `break`, `return`, `raise`, or a call of `exit`."""
    for inner in ast.walk(loop):
        if isinstance(inner, ast.Break | ast.Return | ast.Raise | ast.Yield | ast.YieldFrom):
            return True
        if isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] in LEAVES:
            return True
    return False


@check("celery.W665")
def request_without_timeout(facts: Facts) -> Iterator[Occurrence]:
    """A task waits for another server without a limit.

    What happens: Where the server does not answer, the task holds its place in the pool for ever.
    How it looks: (nothing: one worker process after the other stops taking tasks)
    Why: requests and urlopen wait without an end, and neither the task nor the settings have a time
        limit.
    Fix: requests.get(url, timeout=10), and CELERY_TASK_TIME_LIMIT.
    Source: https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
    """
    limits = ("task_time_limit", "task_soft_time_limit")
    if any(facts.settings.is_set(name) for name in limits):
        return
    for code, node in task_functions(facts):
        for call in code.within(node):
            if not isinstance(call, ast.Call) or _limits_itself(facts, node):
                continue
            given = {keyword.arg for keyword in call.keywords}
            name = full_name(facts, code, call.func)
            if name in WAITING and not {"timeout", None} & given:
                yield Occurrence(
                    f"{node.name} waits for the answer without a limit",
                    code.where(call),
                    "Pass timeout=, or set CELERY_TASK_TIME_LIMIT.",
                )


def _limits_itself(facts: Facts, node: Function) -> bool:
    """Whether a task has a time limit of its own, or options that are kept elsewhere."""
    for task in facts.tasks:
        if task.node is node:
            return task.hidden or bool({"time_limit", "soft_time_limit"} & set(task.options))
    return True


@check("celery.W668")
def counts_in_a_global(facts: Facts) -> Iterator[Occurrence]:
    """A task counts in a global of its module.

    What happens: Each process of each worker counts for itself, and begins anew with each restart;
        the web process sees nothing of it.
    How it looks: (nothing: numbers that jump)
    Why: Processes do not share their memory.
    Fix: The database, or django.core.cache with incr().
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    for code, node in task_functions(facts):
        shared = {name for n in code.within(node) if isinstance(n, ast.Global) for name in n.names}
        for inner in code.within(node):
            if isinstance(inner, ast.AugAssign) and dotted(inner.target) in shared:
                yield Occurrence(
                    f"{dotted(inner.target)} is another one in each process of each worker",
                    code.where(inner),
                    "Keep it in the database or in the cache.",
                )
