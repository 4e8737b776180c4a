"""How a task ends that does not succeed: handlers that never run, and runs that never end."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from celeryize.checks.arguments import KNOWN, misfit, packed_arguments
from celeryize.checks.calls import SENDS
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, number_of
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted, walk

EXCEEDED = "MaxRetriesExceededError"
# What only writes down what has happened.
NOTES = frozenset(
    {
        "capture_exception",
        "capture_message",
        "critical",
        "debug",
        "error",
        "exception",
        "format",
        "info",
        "print",
        "repr",
        "str",
        "type",
        "warn",
        "warning",
    }
)
# What a query of the database does not raise.
NETWORK = frozenset(
    {
        "BotoCoreError",
        "ClientError",
        "ConnectTimeout",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "HTTPError",
        "ReadTimeout",
        "RequestException",
        "SMTPException",
        "SMTPServerDisconnected",
        "Timeout",
        "TimeoutError",
        "URLError",
    }
)
SOFT = "SoftTimeLimitExceeded"


@check("celery.E612")
def exceeded_never_raised(facts: Facts) -> Iterator[Occurrence]:
    """A handler waits for MaxRetriesExceededError, and retry() raises something else.

    What happens: The handler never runs: what it should do after the last retry is not done.
    How it looks: (nothing: the task fails with the first exception)
    Why: Where retry() is given exc=, it raises that one when the retries are used up.
    Fix: self.retry() without exc=; or compare self.request.retries with self.max_retries.
    Source: reproduced with Celery 5.7: with exc= the handler did not run, without it did;
        celery/app/task.py, Task.retry
    """
    for task in facts.tasks:
        for node in task.code.within(task.node):
            if not isinstance(node, ast.Try):
                continue
            handler = next((h for h in node.handlers if _catches_only(h, EXCEEDED)), None)
            retries = list(_retries_in(task, node.body))
            if _may_exceed_otherwise(node.body):
                continue
            if handler and retries and all(_exception_of(call) for call in retries):
                yield Occurrence(
                    f"this never runs: retry(exc=...) of line {retries[0].lineno} raises its exc, "
                    f"and not {EXCEEDED}",
                    task.code.where(handler),
                    "Call retry() without exc=.",
                )


def _may_exceed_otherwise(body: list[ast.stmt]) -> bool:
    """Whether MaxRetriesExceededError may come from elsewhere than from retry()."""
    for node in (node for statement in body for node in walk(statement)):
        if isinstance(node, ast.Raise) and node.exc and EXCEEDED in ast.unparse(node.exc):
            return True
        # a function that is given the task may raise it
        if isinstance(node, ast.Call) and any(dotted(given) == "self" for given in node.args):
            return True
    return False


def _catches_only(handler: ast.ExceptHandler, name: str) -> bool:
    return dotted(handler.type).rpartition(".")[2] == name


def _retries_in(task: Task, body: list[ast.stmt]) -> Iterator[ast.Call]:
    names = {"self.retry", f"{task.node.name}.retry"}
    for statement in body:
        for node in walk(statement):
            if isinstance(node, ast.Call) and dotted(node.func) in names:
                yield node


def _exception_of(call: ast.Call) -> bool:
    """Whether a call of retry() is given an exception other than the one of the limit."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "exc"] + call.args[2:3]
    if not given or (isinstance(given[0], ast.Constant) and given[0].value is None):
        return False
    return EXCEEDED not in ast.unparse(given[0])


@check("celery.W613")
def soft_limit_never_comes(facts: Facts) -> Iterator[Occurrence]:
    """A task catches SoftTimeLimitExceeded, and no soft time limit is set.

    What happens: The handler never runs; the task runs until it ends, or until it is killed.
    How it looks: (nothing)
    Why: SoftTimeLimitExceeded is raised by a soft time limit alone. There is none by default.
    Fix: @shared_task(soft_time_limit=270), or CELERY_TASK_SOFT_TIME_LIMIT.
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    if _has_soft_limit(facts):
        return
    for task in facts.tasks:
        if task.hidden or {"soft_time_limit", "base"} & set(task.options):
            continue
        for node in task.code.within(task.node):
            if isinstance(node, ast.ExceptHandler) and _catches_only(node, SOFT):
                yield Occurrence(
                    f"this never runs: {task.node.name} has no soft time limit",
                    task.code.where(node),
                    f"Set soft_time_limit= in the decorator of {task.node.name}, or "
                    "CELERY_TASK_SOFT_TIME_LIMIT.",
                )


def _has_soft_limit(facts: Facts) -> bool:
    """Whether all tasks, or any call, may have a soft time limit."""
    if facts.settings.is_set("task_soft_time_limit") or facts.settings.is_set("task_annotations"):
        return True
    if facts.worker and facts.worker.conf.get("task_soft_time_limit"):
        return True
    if any("--soft-time-limit" in " ".join(c.words) for c in facts.deployment.workers):
        return True
    return any(
        keyword.arg == "soft_time_limit"
        and isinstance(call.func, ast.Attribute)
        # the decorator of another task says nothing about this one
        and call.func.attr not in {"task", "shared_task"}
        for code in facts.code.relevant
        for call in code.calls
        for keyword in call.keywords
    )


@check("celery.W614")
def resends_itself(facts: Facts) -> Iterator[Occurrence]:
    """A task sends itself again from its own except, without an end.

    What happens: What always fails is sent for ever, and each failure counts as a success.
    How it looks: SUCCESS, again and again
    Why: Only retry() counts the tries and knows max_retries.
    Fix: raise self.retry(exc=error, countdown=30) with bind=True and max_retries=5.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying
    """
    for task in facts.tasks:
        for node in task.code.within(task.node):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in SENDS or dotted(node.func.value) not in _own_names(task):
                continue
            if not _may_end(task, node) and _is_unconditional_in_handler(
                task.code, node, task.node
            ):
                yield Occurrence(
                    f"{task.node.name} sends itself again whenever it fails, without an end",
                    task.code.where(node),
                    "Raise self.retry(...) instead, which counts the tries.",
                )


def _may_end(task: Task, call: ast.Call) -> bool:
    """Whether a condition of a task may end what it sends, or a value that is another each time."""
    for inner in task.nodes:
        # a condition that only writes to the log ends nothing
        if isinstance(inner, ast.IfExp | ast.Match) or (
            isinstance(inner, ast.If) and _leaves(inner, call)
        ):
            return True
    set_here = {
        inner.id
        for inner in task.nodes
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }
    # a number that is counted up, and a list that gets shorter, are an end of their own
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    for inner in (inner for value in given for inner in walk(value)):
        if isinstance(inner, ast.BinOp | ast.Subscript | ast.Call):
            return True
        if isinstance(inner, ast.Name) and inner.id in set_here:
            return True
    return False


def _leaves(condition: ast.If, call: ast.Call) -> bool:
    """Whether a condition decides about a call: it leaves before it, or is around it."""
    inner = list(ast.walk(condition))
    ways_out = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Call)
    plain = {"logger", "log", "logging", "print"}
    for node in inner:
        if not isinstance(node, ways_out) or node in ast.walk(condition.test):
            continue
        # any other call may end it, too: it may cancel the job
        if not isinstance(node, ast.Call) or dotted(node.func).partition(".")[0] not in plain:
            return True
    return call in inner


def _own_names(task: Task) -> set[str]:
    if task.bound:
        return {task.node.name, "self"}
    return {task.node.name}


def _is_unconditional_in_handler(code: Code, node: ast.AST, function: Function) -> bool:
    for outer in code.around(node):
        if isinstance(outer, ast.If | ast.IfExp) or outer is function:
            return False
        if isinstance(outer, ast.ExceptHandler):
            return True
    return False


@check("celery.E615")
def retried_with_misfit(facts: Facts) -> Iterator[Occurrence]:
    """A retry gives its task arguments that do not fit.

    What happens: The task is not retried: the message is rejected.
    How it looks: celery.exceptions.Reject: ("TypeError('ping() takes 2 positional arguments but 3
        were given')", False)
    Why: args and kwargs of retry() replace those of the task.
    Fix: The arguments of the task, without self; or none, for the same ones again.
    Source: reproduced with Celery 5.7
    """
    for task in facts.tasks:
        if facts.tasks.have_own_class:
            continue
        for call in _retries_in(task, task.node.body):
            replaced = {keyword.arg for keyword in call.keywords} & {"args", "kwargs"}
            # the one that is not given stays as it was, and is not known
            if replaced != {"args"} and replaced != {"args", "kwargs"}:
                continue
            given = packed_arguments(call)
            if given is None or (replaced == {"args"} and _has_defaults(task)):
                continue
            problem = misfit(task, *given)
            if problem:
                yield Occurrence(
                    f"this retry of {task.node.name}: {problem}",
                    task.code.where(call),
                    "Give it the arguments of the task, without self.",
                )


def _has_defaults(task: Task) -> bool:
    """Whether some of the arguments may have come by name, and come again."""
    signature = task.signature
    if signature is None:
        return True
    return any(p.kind is p.KEYWORD_ONLY for p in signature.parameters.values())


@check("celery.W454")
def swallows_what_is_retried(facts: Facts) -> Iterator[Occurrence]:
    """A task with autoretry_for catches the exception itself.

    What happens: It is never retried: it ends as a success.
    How it looks: SUCCESS, and the exception in the log
    Why: autoretry_for sees the exceptions that leave the function.
    Fix: Raise it again below the log: logger.exception(...) and `raise`
    Source: celery/app/autoretry.py; reproduced with Celery 5.7
    """
    for task in facts.tasks:
        wanted = task.options.get("autoretry_for")
        elements = getattr(wanted, "elts", None)
        if not elements or task.hidden:
            continue
        names = {dotted(element).rpartition(".")[2] for element in elements}
        work = [one for one in task.node.body if not _is_preparation(one, names)]
        # what is beside the `try` may raise, and is retried
        if len(work) != 1 or not isinstance(work[0], ast.Try) or work[0].orelse:
            continue
        for handler in work[0].handlers:
            # what an earlier `except` raises again is retried
            if _leaves_by_exception(handler) and _catches_some(handler, names):
                break
            if _catches_all(handler, names) and not _leaves_by_exception(handler):
                yield Occurrence(
                    f"{task.node.name} catches what autoretry_for waits for: it is never retried",
                    task.code.where(handler),
                    "End the `except` with `raise`.",
                )


def _is_preparation(statement: ast.stmt, names: set[str]) -> bool:
    """Whether a statement cannot be what fails so: a docstring, an import, a line of the log, or a
    query where other exceptions than those of a database are waited for."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Assign | ast.Return):
        value = statement.value
        if names <= NETWORK and isinstance(value, ast.Call) and _is_query(value):
            return True
        return value is None or isinstance(value, ast.Constant | ast.Name)
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Call):
        return dotted(value.func).partition(".")[0] in {"logger", "log", "logging", "print"}
    return isinstance(value, ast.Constant)


def _is_query(call: ast.Call) -> bool:
    spelled = ast.unparse(call.func)
    return ".objects." in spelled or spelled.endswith("get_object_or_404")


def _catches_some(handler: ast.ExceptHandler, names: set[str]) -> bool:
    if handler.type is None:
        return True
    caught = {dotted(node).rpartition(".")[2] for node in walk(handler.type)}
    return bool(caught & (names | {"Exception", "BaseException"}))


def _catches_all(handler: ast.ExceptHandler, names: set[str]) -> bool:
    """Whether a handler catches every one of some exceptions."""
    if handler.type is None:
        return True
    caught = {dotted(node).rpartition(".")[2] for node in walk(handler.type)}
    return bool(caught & {"Exception", "BaseException"}) or names <= caught


def _leaves_by_exception(handler: ast.ExceptHandler) -> bool:
    for node in walk(handler):
        if isinstance(node, ast.Raise):
            return True
        # any call but one of a logger may raise, or do what has to be done instead
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] not in NOTES:
            return True
    return False


@check("celery.E455")
def finally_takes_the_retry(facts: Facts) -> Iterator[Occurrence]:
    """A `return` in a finally takes the place of a retry.

    What happens: The task ends as a success, and the retry that was sent runs beside it.
    How it looks: SUCCESS, and the same id again
    Why: retry() raises; a `return` in finally replaces every exception.
    Fix: Put the `return` below the `try`.
    Source: https://docs.python.org/3/reference/compound_stmts.html#finally-clause; reproduced with
        Celery 5.7: SUCCESS, and the message was received twice
    """
    for task in facts.tasks:
        for node in task.code.within(task.node):
            if not isinstance(node, ast.Try):
                continue
            returns = [inner for inner in node.finalbody if isinstance(inner, ast.Return)]
            handlers = [inner for handler in node.handlers for inner in handler.body]
            if returns and any(_retries_in(task, [*node.body, *handlers])):
                yield Occurrence(
                    f"this return swallows the retry of {task.node.name}",
                    task.code.where(returns[0]),
                    "Put it below the try.",
                )


@check("celery.W456")
def option_of_retry_unknown(facts: Facts) -> Iterator[Occurrence]:
    """retry() is given an option that it does not know.

    What happens: The option has no effect; and where its value is an exception, the task is
        rejected instead of retried.
    How it looks: reject requeue=False: Object of type OSError is not JSON serializable
    Why: retry() hands what it does not know to apply_async, which takes any keyword.
    Fix: exc=, countdown=, eta=, max_retries=, args=, kwargs=
    Source: celery/app/task.py, Task.retry; reproduced with Celery 5.7
    """
    known = KNOWN | {"exc", "throw", "max_retries"}
    for task in facts.tasks:
        for call in _retries_in(task, task.node.body):
            for keyword in call.keywords:
                if keyword.arg is None or keyword.arg in known:
                    continue
                close = difflib.get_close_matches(keyword.arg, known, 1, 0.6)
                if close:
                    yield Occurrence(
                        f"the option {keyword.arg} of retry() has no effect",
                        task.code.where(keyword.value),
                        f"Did you mean {close[0]}?",
                    )


@check("celery.W467")
def retries_of_none(facts: Facts) -> Iterator[Occurrence]:
    """A task retries, and may not: its max_retries is 0.

    What happens: The first failure is the last, as if there were no retry.
    How it looks: FAILURE after one try
    Why: retry() raises where the number of retries exceeds max_retries; the first one exceeds 0.
    Fix: max_retries=3, the default; None retries for ever.
    Source: celery/app/task.py, Task.retry
    """
    for task in facts.tasks:
        limit = task.options.get("max_retries")
        if limit is None or number_of(limit) != 0 or task.hidden:
            continue
        calls = [n for n in task.nodes if isinstance(n, ast.Call)]
        retries = [c for c in calls if dotted(c.func).rpartition(".")[2] == "retry"]
        if any(keyword.arg == "max_retries" for call in retries for keyword in call.keywords):
            continue
        if retries or "autoretry_for" in task.options:
            yield Occurrence(
                f"{task.node.name} retries, and its max_retries is 0: it never will",
                task.code.where(limit),
                "Set how often it may: max_retries=3.",
            )
