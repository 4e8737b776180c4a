"""Receivers of Celery's signals: whether they can take what the signal sends."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, parameters_of
from celeryize.checks.imported import place
from celeryize.patch.nodes import dotted

# What each signal sends beside `signal` and `sender`. Source: the calls of send() in Celery 5.7,
# which are more than the documentation names.
SENT = {
    "before_task_publish": "body exchange routing_key headers properties declare retry_policy",
    "after_task_publish": "body exchange routing_key headers",
    "task_received": "request",
    "task_prerun": "task_id task args kwargs",
    "task_postrun": "task_id task args kwargs retval state",
    "task_success": "result runtime",
    "task_retry": "request reason einfo",
    "task_failure": "task_id exception args kwargs traceback einfo",
    "task_internal_error": "task_id args kwargs request exception traceback einfo",
    "task_revoked": "request terminated signum expired",
    "task_rejected": "message exc",
    "task_unknown": "message exc name id",
    "celeryd_init": "instance conf options",
    "celeryd_after_setup": "instance conf options",
    "worker_init": "",
    "worker_ready": "",
    "worker_process_init": "",
    "worker_process_shutdown": "pid exitcode",
    "worker_shutdown": "",
    "worker_shutting_down": "sig how exitcode",
    "heartbeat_sent": "",
    "setup_logging": "loglevel logfile format colorize",
    "after_setup_logger": "logger loglevel logfile format colorize",
    "after_setup_task_logger": "logger loglevel logfile format colorize",
    "beat_init": "",
    "beat_embedded_init": "",
}
ALWAYS = frozenset({"signal", "sender"})


@check("celery.W650")
def receiver_asks_too_much(facts: Facts) -> Iterator[Occurrence]:
    """A receiver of a signal needs an argument that the signal does not send.

    What happens: The receiver never runs, whenever the signal is sent.
    How it looks: (a line in the log at most: Signal.send swallows the TypeError)
    Why: Signals pass their arguments by name; a parameter of another name gets nothing.
    Fix: The names that the documentation lists for the signal, then **kwargs.
    Source: https://docs.celeryq.dev/en/stable/userguide/signals.html; reproduced with Celery 5.7
    """
    seen: set[tuple[str, str]] = set()
    for code, signal, function in _written_receivers(facts):
        needed = [
            p.name
            for p in parameters_of(function)
            if p.default is inspect.Parameter.empty and p.kind not in COLLECTING
        ]
        occurrence = _problem(signal, function.name, needed)
        if occurrence:
            seen.add((signal, function.name))
            yield Occurrence(occurrence[0], code.where(function), occurrence[1])
    for receiver in facts.worker.receivers if facts.worker else ():
        if (receiver.signal, receiver.name) in seen or receiver.parameters is None:
            continue
        given = [p for p in receiver.parameters if not p.default]
        needed = [p.name for p in given if p.kind not in {"VAR_POSITIONAL", "VAR_KEYWORD"}]
        occurrence = _problem(receiver.signal, receiver.name, needed)
        if occurrence:
            where = place(facts, receiver.file, receiver.line)
            yield Occurrence(occurrence[0], where, occurrence[1])


COLLECTING = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def _problem(signal: str, name: str, needed: list[str]) -> tuple[str, str] | None:
    """The message and the hint about a receiver; None where its parameters are sent."""
    if signal not in SENT:
        return None
    sent = SENT[signal].split()
    missing = [parameter for parameter in needed if parameter not in {*sent, *ALWAYS}]
    if not missing:
        return None
    what = ", ".join(["sender", *sent])
    return (
        f"{name} is never run: {signal} does not send {missing[0]!r}",
        f"It sends {what}. Take the others by **kwargs.",
    )


def _written_receivers(facts: Facts) -> Iterator[tuple[Code, str, Function]]:
    """The functions that the code connects to a signal of Celery, by a decorator or a call."""
    for code in facts.code.relevant:
        if ".connect" not in code.source.text:
            continue
        for function in code.functions:
            if function in _methods(code):
                continue
            for index, decorator in enumerate(function.decorator_list):
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                signal = _signal_of(facts, code, call)
                # a decorator below may take other arguments
                if signal and index == len(function.decorator_list) - 1:
                    yield code, signal, function
        named = {f.name: f for f in code.source.tree.body if isinstance(f, Function)}
        for call in code.calls:
            signal = _signal_of(facts, code, call.func)
            if signal is None or not call.args:
                continue
            connected = named.get(dotted(call.args[0]))
            if connected is not None and not connected.decorator_list:
                yield code, signal, connected


def _methods(code: Code) -> set[Function]:
    return {n for c in code.classes for n in c.body if isinstance(n, Function)}


def _signal_of(facts: Facts, code: Code, node: ast.expr) -> str | None:
    """The signal of Celery in `task_failure.connect`, by whatever name it was imported."""
    spelled = dotted(node)
    if not spelled.endswith(".connect"):
        return None
    head, _, rest = spelled.removesuffix(".connect").partition(".")
    module, name = facts.code.bindings(code.path).get(head, ("", None))
    full = ".".join(part for part in (module, name, rest) if part)
    if full.startswith("celery.signals."):
        return full.removeprefix("celery.signals.")
    return None
