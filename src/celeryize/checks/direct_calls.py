"""Tasks that are called where they should be sent: slow work in a request, a signal or a save."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.calls import is_model, is_view
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

# The methods of views, forms and admins that Django and its REST framework call in a request.
HOOKS = frozenset(
    {"perform_create", "perform_update", "perform_destroy", "form_valid", "save_model"}
    | {"delete_model", "save_formset", "save_related", "response_add", "response_change"}
)
# What takes seconds, or fails now and then: e-mail and other servers.
MAILS = frozenset(
    f"django.core.mail.{name}"
    for name in ("send_mail", "send_mass_mail", "mail_admins", "mail_managers", "EmailMessage")
) | {"django.core.mail.EmailMultiAlternatives", "django.core.mail.get_connection"}
SERVERS = ("requests.", "httpx.", "urllib.request.", "smtplib.", "boto3.", "twilio.", "stripe.")
# What the signals of models are called, and those of users that log in.
SIGNALS = ("_save", "_delete", "m2m_changed", "user_logged")
# The settings, or a variable, that decide whether a task is sent.
SWITCHES = ("settings", "environ", "getenv", "EAGER", "eager", "sync", "DEBUG", "async", "worker")


@check("celery.W404")
def slow_task_called(facts: Facts) -> Iterator[Occurrence]:
    """A task that sends e-mail, asks a server or retries is called, and not sent.

    What happens: The work is done in the request, which waits for it and fails with it. Nothing is
        tried again: a task that is called raises its exception.
    How it looks: (nothing: the page is slow, and the worker's log is empty)
    Why: Calling a task calls its function. Only delay() and apply_async() send it.
    Fix: task.delay(...), or task.delay_on_commit(...) inside a transaction.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics; reproduced with Celery
        5.7: the task raised where it was called, its retries did not happen
    """
    for code in facts.code.relevant:
        # a command is run by a person, who waits for it
        if "management" in code.path.parts or "migrations" in code.path.parts:
            continue
        for call in code.calls:
            # a value that is used was meant to be waited for
            if not isinstance(code.parents.get(call), ast.Expr):
                continue
            task = facts.tasks.named_by(code, call.func)
            where = _place_of(facts, code, call) if task is not None else ""
            if task is None or not where or _is_meant(facts, code, call, task):
                continue
            reason = _why_slow(facts, task)
            if reason:
                yield Occurrence(
                    f"{task.node.name}() {reason}, and runs {where}: it is not sent to a worker",
                    code.where(call),
                    f"Write {task.node.name}.delay(...).",
                )


def _place_of(facts: Facts, code: Code, call: ast.Call) -> str:
    """Where a call runs, if it is in a request, a signal, or where a model is saved."""
    function = code.function_of(call)
    if function is None:
        return ""
    if is_view(code, function):
        return "here, in the request"
    connected = facts.code.once("connected functions", lambda: frozenset(_connected(facts)))
    decorated = any(_is_receiver(decorator) for decorator in function.decorator_list)
    # a module of receivers is imported by ready(), whichever file connects them
    if decorated or function.name in connected:
        return "here, in the process that sends the signal"
    holder = code.parents.get(function)
    if not isinstance(holder, ast.ClassDef):
        return ""
    if function.name in HOOKS:
        return "here, in the request"
    if function.name in {"save", "delete"} and is_model(holder):
        return "here, in the process that saves"
    return ""


def _is_receiver(decorator: ast.expr) -> bool:
    """Whether a decorator connects a function to signals of models, or of users that log in."""
    if not isinstance(decorator, ast.Call) or dotted(decorator.func).split(".")[-1] != "receiver":
        return False
    text = ast.unparse(decorator)
    return any(name in text for name in SIGNALS)


def _connected(facts: Facts) -> Iterator[str]:
    """The names of the functions in `post_save.connect(welcome, sender=Doctor)`."""
    for code in facts.code.relevant:
        for call in code.calls_of("connect"):
            if any(name in dotted(call.func) for name in SIGNALS):
                yield from (dotted(given).rpartition(".")[2] for given in call.args[:1])


def _is_meant(facts: Facts, code: Code, call: ast.Call, task: Task) -> bool:
    """Whether the code knows that it calls: in a task, behind a switch, or where sending failed."""
    if any(code.has(f"{task.node.name}.{how}") for how in ("delay", "apply_async", "s(", "si(")):
        return True
    tasks = {one.node for one in facts.tasks if one.code is code}
    for outer in code.around(call):
        if outer in tasks or isinstance(outer, ast.ExceptHandler | ast.Lambda):
            return True
        if isinstance(outer, ast.If | ast.IfExp):
            if any(word in ast.unparse(outer.test) for word in SWITCHES):
                return True
    return False


def _why_slow(facts: Facts, task: Task) -> str:
    """What a task does that no request should wait for; empty where that is not known."""
    if {"autoretry_for", "retry_backoff"} & task.options.keys():
        return "retries when it fails"
    for node in task.nodes:
        if not isinstance(node, ast.Call):
            continue
        if dotted(node.func) == "self.retry":
            return "retries when it fails"
        called = full_name(facts, task.code, node.func)
        if called in MAILS:
            return "sends e-mail"
        if called.startswith(SERVERS):
            return "waits for another server"
    return ""
