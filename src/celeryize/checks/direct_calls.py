"""Tasks that are called where they should be sent: slow work in a request, a signal or a save."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celeryize.checks.calls import is_model, is_view
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.plain import plain_function
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
SWITCHES = re.compile(
    r"settings|environ|getenv|eager|sync|debug|worker|celery|broker|queue|background", re.I
)
# A decorator that says where a function runs: in a thread, or by another queue.
ELSEWHERE = re.compile(r"thread|background|async|job|queue|task|celery|worker|defer", re.I)


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
        for call in code.calls:
            # a value that is used was meant to be waited for
            if not isinstance(code.parents.get(call), ast.Expr) and not _is_after_commit(
                code, call
            ):
                continue
            task = facts.tasks.named_by(code, _called_by(call))
            where = _place_of(facts, code, call) if task is not None else ""
            if task is None or not where or _is_meant(facts, code, call, task):
                continue
            reason = _why_slow(facts, task)
            if reason:
                sent = f"{task.node.name}.delay(...)"
                if _called_by(call) is not call.func:
                    sent = f"partial({task.node.name}.delay, ...)"
                yield Occurrence(
                    f"{task.node.name}() {reason}, and runs {where}: it is not sent to a worker",
                    code.where(call),
                    f"Write {sent}.",
                )


@check("celery.I403", unless_there=("celery.W404",))
def task_called_in_view(facts: Facts) -> Iterator[Occurrence]:
    """A view calls a task like a function.

    What happens: The task runs in the web process, before the answer; no worker has a part in it.
    How it looks: (nothing: the page is slow, and the worker's log is empty)
    Why: Calling a task calls its function. Only delay() and apply_async() send it.
    Fix: task.delay(...), or task.delay_on_commit(...) inside a transaction.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics
    """
    for code in facts.code.relevant:
        for call in code.calls:
            # a value that is used was meant to be waited for
            if not isinstance(code.parents.get(call), ast.Expr):
                continue
            called = call.func
            # apply() runs the task here, as calling it does
            if isinstance(called, ast.Attribute) and called.attr == "apply":
                called = called.value
            task = facts.tasks.named_by(code, called)
            if task is None:
                continue
            function = code.function_of(call)
            if function is None or not is_view(code, function):
                continue
            # a project that sends it as well, where it has a worker, knows what it does
            if _is_meant(facts, code, call, task):
                continue
            yield Occurrence(
                f"{task.node.name}() runs here, in the web process: it is not sent to a worker",
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
    if decorated or f"{code.module}.{function.name}" in connected:
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
    """The paths of the functions in `post_save.connect(welcome, sender=Doctor)`."""
    # an apps.py that connects them need not mention Celery
    for path in facts.code.files:
        if not facts.code.has(path, ".connect("):
            continue
        code = facts.code.parsed(path)
        if code is None:
            continue
        for call in code.calls_of("connect"):
            if any(name in dotted(call.func) for name in SIGNALS):
                for given in call.args[:1]:
                    yield _path_of(facts, code, given)


def _path_of(facts: Facts, code: Code, node: ast.expr) -> str:
    """The module and the name of a function, imported or of the file itself."""
    head, _, rest = dotted(node).partition(".")
    bound = facts.code.imported_as(code, node, head)
    if bound is None:
        return f"{code.module}.{head}"
    return ".".join(part for part in (*bound, rest) if part)


def _called_by(call: ast.Call) -> ast.expr:
    """What a call calls; for `partial(welcome, 1)`, what that will call."""
    if dotted(call.func).rpartition(".")[2] == "partial" and call.args:
        return call.args[0]
    return call.func


def _is_after_commit(code: Code, call: ast.Call) -> bool:
    """Whether a call is made by `on_commit(lambda: welcome(1))`, or `on_commit(partial(welcome,
    1))`, in the same process."""
    around = code.parents.get(call)
    if _called_by(call) is call.func:
        # the value of the call itself would be given to on_commit()
        around = code.parents.get(around) if isinstance(around, ast.Lambda) else None
    return isinstance(around, ast.Call) and dotted(around.func).endswith("on_commit")


def _is_meant(facts: Facts, code: Code, call: ast.Call, task: Task) -> bool:
    """Whether the code knows that it calls: in a task, behind a switch, or where sending failed."""
    # a command is run by a person, who waits for it
    if {"management", "migrations"} & set(code.path.parts):
        return True
    sent = [f"{task.node.name}.{how}" for how in ("delay", "apply_async", "s(", "si(")]
    # send_task() has the name
    if code.has(*sent, f'"{task.name}"', f"'{task.name}'"):
        return True
    tasks = {one.node for one in facts.tasks if one.code is code}
    for outer in code.around(call):
        if outer in tasks or isinstance(outer, ast.ExceptHandler):
            return True
        # the answer says whether it worked
        if isinstance(outer, ast.Try) and any(_answers(handler) for handler in outer.handlers):
            return True
        if isinstance(outer, ast.Lambda) and not _is_after_commit(code, call):
            return True
        if isinstance(outer, ast.If | ast.IfExp) and SWITCHES.search(ast.unparse(outer.test)):
            return True
    function = code.function_of(call)
    if function is None:
        return False
    if any(ELSEWHERE.search(ast.unparse(one)) for one in function.decorator_list):
        return True
    return any(_is_left_before(node, call) for node in code.within(function))


def _answers(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Return) for node in handler.body)


def _is_left_before(node: ast.AST, call: ast.Call) -> bool:
    """Whether a switch above a call ends the function: `if USE_CELERY: ...; return`."""
    if not isinstance(node, ast.If) or node.lineno > call.lineno:
        return False
    ends = isinstance(node.body[-1], ast.Return)
    return ends and SWITCHES.search(ast.unparse(node.test)) is not None


def _why_slow(facts: Facts, task: Task) -> str:
    """What a task does that no request should wait for; empty where that is not known."""
    if {"autoretry_for", "retry_backoff"} & task.options.keys():
        return "retries when it fails"
    calls = [node for node in task.nodes if isinstance(node, ast.Call)]
    if any(dotted(call.func) == "self.retry" for call in calls):
        return "retries when it fails"
    for call in calls:
        reason = _slow_call(facts, task.code, call)
        if reason:
            return reason
    # most tasks leave the work to a function
    for call in calls:
        plain = plain_function(facts, task.code, call.func)
        inner = plain.code.within(plain.node) if plain is not None else ()
        for node in inner:
            if plain is not None and isinstance(node, ast.Call):
                reason = _slow_call(facts, plain.code, node)
                if reason:
                    return reason
    return ""


def _slow_call(facts: Facts, code: Code, call: ast.Call) -> str:
    called = full_name(facts, code, call.func)
    if called in MAILS or dotted(call.func).endswith(".email_user"):
        return "sends e-mail"
    if called.startswith(SERVERS):
        return "waits for another server"
    return ""
