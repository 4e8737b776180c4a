"""Signals of Celery: receivers that are never called, because they are gone or wait for another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_false, text_of
from celeryize.checks.imported import place
from celeryize.patch.nodes import dotted

# Their sender is the task itself; Source: celery/app/trace.py and celery/app/task.py.
BY_TASK = frozenset({"task_prerun", "task_postrun", "task_success", "task_failure", "task_retry"})
# Their sender is the task's name; Source: celery/app/amqp.py.
BY_NAME = frozenset({"before_task_publish", "after_task_publish", "task_sent"})
# Sent by the worker, or by its processes, and by nothing else.
OF_WORKERS = BY_TASK | {
    "task_received",
    "task_rejected",
    "task_revoked",
    "task_unknown",
    "task_internal_error",
    "worker_init",
    "worker_ready",
    "worker_shutting_down",
    "worker_shutdown",
    "worker_process_init",
    "worker_process_shutdown",
    "celeryd_init",
    "celeryd_after_setup",
    "heartbeat_sent",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """One `signal.connect(...)`: the signal's name, the call or the decorator, and the receiver.

    `receiver` is the function below the decorator, or what the call is given.
    """

    signal: str
    code: Code
    node: ast.expr
    receiver: ast.AST | None

    @property
    def options(self) -> dict[str, ast.expr]:
        """The keywords of the connection."""
        if not isinstance(self.node, ast.Call):
            return {}
        return {keyword.arg: keyword.value for keyword in self.node.keywords if keyword.arg}


def _connections(facts: Facts) -> Iterator[Connection]:
    """Every connection to a signal of celery.signals in the project."""
    for code in facts.code.relevant:
        if ".connect" not in code.source.text:
            continue
        decorators: set[ast.expr] = set()
        for function in code.functions:
            for decorator in function.decorator_list:
                decorators.add(decorator)
                name = _signal_name(facts, code, _called(decorator))
                if name:
                    yield Connection(name, code, decorator, function)
        for call in code.calls:
            name = _signal_name(facts, code, call.func)
            if name and call not in decorators:
                yield Connection(name, code, call, next(iter(call.args), None))


def _called(decorator: ast.expr) -> ast.expr:
    """The name in a decorator, with or without arguments."""
    if isinstance(decorator, ast.Call):
        return decorator.func
    return decorator


def _signal_name(facts: Facts, code: Code, node: ast.expr) -> str:
    """`task_success` of `task_success.connect`; empty for anything but a signal of Celery."""
    if not isinstance(node, ast.Attribute) or node.attr != "connect":
        return ""
    full = full_name(facts, code, node.value)
    if full.startswith("celery.signals."):
        return full.removeprefix("celery.signals.")
    return ""


@check("celery.W641")
def receiver_is_gone(facts: Facts) -> Iterator[Occurrence]:
    """A receiver of a signal is removed from memory before the signal is sent.

    What happens: It is never called.
    How it looks: (nothing)
    Why: A signal only keeps a weak reference: a lambda, or a function that is defined inside of
        another one, is gone when that one ends.
    Fix: A function at the top of the module; or connect(receiver, weak=False).
    Source: https://docs.celeryq.dev/en/stable/userguide/signals.html#basics
    """
    for found in _connections(facts):
        if is_false(found.options.get("weak")):
            continue
        name = _short_lived(found)
        if name:
            yield Occurrence(
                f"{name} is gone before {found.signal} is sent: it is never called",
                found.code.where(found.node),
                "Define it at the top of the module, or add weak=False.",
            )


def _short_lived(found: Connection) -> str:
    """What nothing but the connection holds, in words; empty where something may hold it."""
    receiver, code = found.receiver, found.code
    if isinstance(receiver, ast.Lambda):
        return "this lambda"
    function = code.function_of(found.node)
    if isinstance(receiver, Function):
        # the function around the decorated one
        function, name = code.function_of(receiver), receiver.name
    elif isinstance(receiver, ast.Name):
        name = receiver.id
    else:
        return ""
    if function is None:
        return ""
    defined = [n for n in ast.walk(function) if isinstance(n, Function) and n.name == name]
    uses = [
        n
        for n in ast.walk(function)
        if (isinstance(n, ast.Name) and n.id == name and n is not receiver)
        or (isinstance(n, ast.Global | ast.Nonlocal) and name in n.names)
    ]
    if len(defined) == 1 and defined[0] is not function and not uses:
        return name
    return ""


@check("celery.W642")
def sender_of_other_kind(facts: Facts) -> Iterator[Occurrence]:
    """A receiver waits for a sender that the signal never has.

    What happens: It is never called.
    How it looks: (nothing)
    Why: Signals about a running task have the task itself as their sender; those about publishing
        have its name.
    Fix: task_success.connect(sender=send_mail); after_task_publish.connect(sender="shop.tasks.f")
    Source: https://docs.celeryq.dev/en/stable/userguide/signals.html#task-signals
    """
    for found in _connections(facts):
        sender = found.options.get("sender")
        if sender is None:
            continue
        task = facts.tasks.named_by(found.code, sender)
        if found.signal in BY_TASK and text_of(sender) is not None:
            yield Occurrence(
                f"the sender of {found.signal} is the task itself, never its name",
                found.code.where(sender),
                "Write the task.",
            )
        elif found.signal in BY_NAME and task is not None:
            yield Occurrence(
                f"the sender of {found.signal} is the name of a task, never the task",
                found.code.where(sender),
                f"Write {dotted(sender)}.name.",
            )


@check("celery.W464")
def pool_sends_no_signal(facts: Facts) -> Iterator[Occurrence]:
    """A receiver waits for the start of a process, and the pool has none.

    What happens: It is never called: what it opens is not open.
    How it looks: (nothing)
    Why: worker_process_init and worker_process_shutdown are sent in the processes of prefork (and
        by solo). The pools threads, gevent and eventlet have no processes of their own.
    Fix: worker_init or worker_ready, which every worker sends
    Source: https://docs.celeryq.dev/en/stable/userguide/signals.html#worker-process-init;
        celery/concurrency of 5.7
    """
    pools = {command.option("-P", "--pool") for command in facts.deployment.workers}
    if not pools or not pools <= {"threads", "gevent", "eventlet"}:
        return
    for found in _connections(facts):
        if found.signal in {"worker_process_init", "worker_process_shutdown"}:
            yield Occurrence(
                f"the pool {min(str(pool) for pool in pools)} never sends {found.signal}",
                found.code.where(found.node),
                "Connect to worker_init instead.",
            )


@check(
    "celery.W643",
    imports=True,
    unless=(
        "celery.E001",
        "celery.E002",
        "celery.E003",
        "celery.W003",
        "celery.E030",
        "celery.E120",
    ),
)
def receiver_not_in_worker(facts: Facts) -> Iterator[Occurrence]:
    """A receiver of a worker's signal is in a module that the worker does not import.

    What happens: It is never called.
    How it looks: (nothing)
    Why: A receiver is connected when its module is imported; a worker only imports the app file,
        the installed apps with their models, and the tasks modules.
    Fix: Import its module in AppConfig.ready(), or in the app file.
    Source: the import itself
    """
    worker = facts.worker
    if worker is None or worker.app is None or worker.failures:
        return
    places = {
        (str(where.path), where.line)
        for receiver in worker.receivers
        if (where := place(facts, receiver.file, receiver.line)) is not None
    }
    for found in _connections(facts):
        function = found.receiver
        if found.signal not in OF_WORKERS or not isinstance(function, Function):
            continue
        # only one that each import of its module connects, and keeps
        outer = list(found.code.around(function))
        if not all(isinstance(node, ast.Module) for node in outer):
            continue
        # another decorator may put a function of its own in its place
        if not all(_signal_name(facts, found.code, _called(d)) for d in function.decorator_list):
            continue
        first = min(node.lineno for node in function.decorator_list)
        lines = range(first, function.lineno + 1)
        if not any((str(found.code.path), line) in places for line in lines):
            yield Occurrence(
                f"the worker does not import {found.code.module}: {function.name} is never called",
                found.code.where(function),
                "Import the module in AppConfig.ready().",
            )
