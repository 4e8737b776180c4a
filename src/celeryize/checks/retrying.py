"""Retrying: what retry() and the options around it do, and the exceptions that must get through."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import (
    Function,
    is_false,
    is_true,
    parameters_of,
    text_of,
)
from celeryize.checks.facts.tasks import Task
from celeryize.checks.task_options import as_meant
from celeryize.checks.times import wrong_time
from celeryize.patch.nodes import dotted, walk

# What a task can only reach through itself; Source: celery/app/task.py.
OWN_METHODS = frozenset({"retry", "replace", "update_state", "request", "max_retries"})
# What retry() reads; Source: celery/app/task.py.
RETRY_OPTIONS = frozenset({"args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries"})
EXITS = frozenset({"sys.exit", "os._exit"})
# A class derived from one of these is a task where it has a run().
TASK_CLASSES = frozenset(
    {"celery.Task", "celery.app.task.Task", "celery.contrib.django.task.DjangoTask"}
)
BROAD = frozenset({"Exception", "BaseException"})
# What leaves the loop around a handler.
LEAVING: tuple[type[ast.stmt], ...] = (ast.Raise, ast.Return, ast.Break)
LET_THROUGH = "Let it through, above this: except SoftTimeLimitExceeded: raise"
# What takes no time, by the first name of what is called.
QUICK = frozenset(
    {"bool", "dict", "float", "getattr", "int", "json", "len", "list", "log", "logger", "logging"}
    | {"next", "print", "set", "str", "tuple", "Decimal", "UUID", "datetime"}
)
SOFT_LIMIT = "celery.exceptions.SoftTimeLimitExceeded"


@check("celery.E610")
def self_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A task uses self, and has none.

    What happens: The task fails; nothing is retried.
    How it looks: NameError: name 'self' is not defined
    Why: Only with bind=True is a task given itself, as its first argument.
    Fix: @shared_task(bind=True), and self as the first parameter.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        if task.holder is not None or _binds_self(task.code, task.node):
            continue
        for node in task.nodes:
            if (
                isinstance(node, ast.Attribute)
                and node.attr in OWN_METHODS
                and dotted(node.value) == "self"
                and not _has_other_self(task, node)
            ):
                yield Occurrence(
                    f"{task.node.name} uses self.{node.attr}, and has no self",
                    task.code.where(node),
                    "Add bind=True, and self as the first parameter.",
                )
                break


def _binds_self(code: Code, function: Function) -> bool:
    """Whether `self` is a parameter of a function, or a name of its module."""
    names = [parameter.name for parameter in parameters_of(function)]
    if "self" in names:
        return True
    return any(node.id == "self" and isinstance(node.ctx, ast.Store) for node in code.of(ast.Name))


def _has_other_self(task: Task, node: ast.AST) -> bool:
    """Whether a function inside of the task has a self of its own."""
    for outer in task.code.around(node):
        if outer is task.node:
            return False
        if isinstance(outer, Function) and _binds_self(task.code, outer):
            return True
    return False


def _all_tasks(facts: Facts) -> tuple[Task, ...]:
    """Every task of the project, those that are classes with a run() included."""
    return facts.code.once("tasks and classes", lambda: _find_tasks(facts))


def _find_tasks(facts: Facts) -> tuple[Task, ...]:
    found = [*facts.tasks]
    for code in facts.code.relevant:
        for node in code.classes:
            if any(_is_task_class(facts, code, base) for base in node.bases):
                found += _class_task(code, node)
    return tuple(found)


def _is_task_class(facts: Facts, code: Code, base: ast.expr) -> bool:
    return full_name(facts, code, base) in TASK_CLASSES


def _class_task(code: Code, node: ast.ClassDef) -> Iterator[Task]:
    """A class with a run() as a task: what its body assigns are the options."""
    options: dict[str, ast.expr] = {"bind": ast.Constant(value=True)}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            options[statement.targets[0].id] = statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            options[dotted(statement.target)] = statement.value
    for statement in node.body:
        if isinstance(statement, Function) and statement.name == "run":
            yield Task("", statement, code, node.bases[0], False, options, (), ())


def _own_calls(facts: Facts, method: str) -> tuple[tuple[Task, ast.Call], ...]:
    """Every `self.retry(...)`, say, in a task, whatever its first parameter is called."""
    return facts.code.once(f"calls of {method}", lambda: tuple(_find_own_calls(facts, method)))


def _find_own_calls(facts: Facts, method: str) -> Iterator[tuple[Task, ast.Call]]:
    for task in _all_tasks(facts):
        owners = {task.node.name, "self"}
        parameters = parameters_of(task.node)
        if task.bound and parameters:
            owners = {parameters[0].name, task.node.name}
        for node in task.code.within(task.node):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == method
                and dotted(node.func.value) in owners
            ):
                yield task, node


@check("celery.E611")
def exception_as_arguments(facts: Facts) -> Iterator[Occurrence]:
    """retry() is given the exception as its first argument.

    What happens: The task fails instead of being tried again.
    How it looks: TypeError: 'ConnectionError' object is not iterable
    Why: The first parameter of retry() is args, the arguments of the next run.
    Fix: self.retry(exc=exc)
    Source: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.retry
    """
    for task, call in _own_calls(facts, "retry"):
        first = next(iter(call.args), None)
        if first is not None and _is_exception(task.code, first):
            yield Occurrence(
                f"the exception {ast.unparse(first)} is given to retry() as args, the arguments "
                "of the next run",
                task.code.where(first),
                f"Write exc={ast.unparse(first)}.",
            )


def _is_exception(code: Code, node: ast.expr) -> bool:
    """Whether a name is what an `except ... as` around it has caught, or a new exception."""
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2].endswith(("Error", "Exception"))
    return isinstance(node, ast.Name) and any(
        isinstance(outer, ast.ExceptHandler) and outer.name == node.id
        for outer in code.around(node)
    )


@check("celery.W474")
def goes_on_after_retry(facts: Facts) -> Iterator[Occurrence]:
    """A task goes on behind a retry that does not raise.

    What happens: It runs to its end, with what it could not get, and runs again later, too.
    How it looks: UnboundLocalError, or SUCCESS with half of the work done
    Why: retry() ends the task by an exception. With throw=False it only sends the message, and
        returns.
    Fix: return, behind it; or leave throw=False out.
    Source: celery/app/task.py, Task.retry; reproduced with Celery 5.7
    """
    for task in facts.tasks:
        for node in task.nodes:
            if not isinstance(node, ast.Call) or not dotted(node.func).endswith(".retry"):
                continue
            if not any(k.arg == "throw" and is_false(k.value) for k in node.keywords):
                continue
            statement = task.code.parents.get(node)
            after = _statement_behind(task, statement) if isinstance(statement, ast.Expr) else None
            while after is not None and _only_logs(after):
                after = _statement_behind(task, after)
            if after is not None and not _ends_quietly(after):
                yield Occurrence(
                    "with throw=False the task goes on behind this retry",
                    task.code.where(node),
                    "Write `return` behind it, or leave throw=False out.",
                )


def _statement_behind(task: Task, statement: ast.AST) -> ast.stmt | None:
    """What runs after a statement of a task; None at its end, or where a loop goes on."""
    inner: ast.AST = statement
    while inner is not task.node:
        outer = task.code.parents[inner]
        for block in ("body", "orelse", "finalbody"):
            statements: list[ast.stmt] = getattr(outer, block, [])
            if isinstance(statements, list) and inner in statements:
                rest = statements[statements.index(inner) + 1 :]
                if rest:
                    return rest[0]
        if isinstance(outer, ast.For | ast.While | ast.AsyncFor):
            return None
        inner = outer
    return None


def _only_logs(statement: ast.stmt) -> bool:
    """Whether a statement is a line for the log."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    return dotted(statement.value.func).lstrip("_").startswith(("log", "print"))


def _ends_quietly(statement: ast.stmt) -> bool:
    """Whether a statement ends the task with nothing, or leaves the block."""
    if isinstance(statement, ast.Return):
        # what is told about the retry, and not the result of more work
        return not any(isinstance(node, ast.Call) for node in walk(statement))
    return isinstance(statement, ast.Raise | ast.Continue | ast.Break)


@check("celery.W620")
def retried_for_ever(facts: Facts) -> Iterator[Occurrence]:
    """A task is retried for ever, whatever it raises.

    What happens: One task that cannot succeed comes back for ever, and they add up.
    How it looks: Task ... retry: Retry in 180s: KeyError('x'), without an end
    Why: max_retries=None has no limit, and autoretry_for=(Exception,) takes a bug for an outage.
    Fix: Name the exceptions that pass by themselves, or a limit.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    for task in _all_tasks(facts):
        limit, classes = task.options.get("max_retries"), task.options.get("autoretry_for")
        if not _is_none(limit) or task.hidden or "dont_autoretry_for" in task.options:
            continue
        assert limit is not None
        if BROAD & {dotted(node) for node in _elements(classes)}:
            yield Occurrence(
                f"{task.node.name} is retried for ever, whatever it raises",
                task.code.where(limit),
                "Set max_retries, or name the exceptions that pass by themselves.",
            )


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _elements(node: ast.expr | None) -> list[ast.expr]:
    """The elements of a literal collection."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return elements
    return []


@check("celery.W630")
def reject_without_late_ack(facts: Facts) -> Iterator[Occurrence]:
    """A task rejects its message, which is acknowledged already.

    What happens: The message is not requeued: it is lost.
    How it looks: Task ... rejected; nothing comes back
    Why: Without acks_late, a message is acknowledged before the task runs.
    Fix: acks_late=True on the task.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#reject
    """
    if _acknowledges_late(facts):
        return
    for task in _all_tasks(facts):
        # a base class, or `**OPTIONS`, may set it
        if {"acks_late", "base"} & set(task.options) or task.hidden or facts.tasks.have_own_class:
            continue
        for node in task.nodes:
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and full_name(facts, task.code, node.exc.func) == "celery.exceptions.Reject"
                and _requeues(node.exc)
            ):
                yield Occurrence(
                    f"{task.node.name} rejects its message to have it back, but it is "
                    "acknowledged already",
                    task.code.where(node),
                    "Add acks_late=True to the task.",
                )


def _requeues(call: ast.Call) -> bool:
    """Whether a Reject asks for the message to come back: `Reject(exc, requeue=True)`."""
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "requeue")]
    return any(is_true(value) for value in given)


def _acknowledges_late(facts: Facts) -> bool:
    """Whether the tasks are acknowledged late by a setting, or may be."""
    if facts.worker and facts.worker.conf.get("task_acks_late"):
        return True
    late = [*facts.settings.named("CELERY_TASK_ACKS_LATE", "CELERY_ACKS_LATE")]
    if any(not (isinstance(s.value, ast.Constant) and s.value.value is False) for s in late):
        return True
    return facts.settings.is_set("task_annotations") or any(
        name in {"task_acks_late", "task_annotations"}
        for app in facts.project.celery
        for name, _ in app.conf_writes
    )


@check("celery.W640")
def soft_limit_swallowed(facts: Facts) -> Iterator[Occurrence]:
    """A loop in a task swallows the soft time limit.

    What happens: The loop goes on; the hard time limit then kills the process.
    How it looks: Soft time limit (270s) exceeded, later: Hard time limit (300s) exceeded
    Why: SoftTimeLimitExceeded is raised once, and it is an Exception.
    Fix: except SoftTimeLimitExceeded: raise, above the `except Exception`.
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    for task in _all_tasks(facts):
        if not _has_soft_limit(facts, task):
            continue
        for node in task.nodes:
            if isinstance(node, ast.Try) and _is_repeated(task, node):
                handler = _swallowing(facts, task.code, node)
                if handler is not None:
                    yield Occurrence(
                        f"this `except` in a loop of {task.node.name} swallows "
                        "SoftTimeLimitExceeded",
                        task.code.where(handler),
                        LET_THROUGH,
                    )
        for function, handler in _swallowing_helpers(facts, task):
            yield Occurrence(
                f"this `except` of {function.name}, which a loop of {task.node.name} calls, "
                "swallows SoftTimeLimitExceeded",
                task.code.where(handler),
                LET_THROUGH,
            )
        own = task.options.get("soft_time_limit")
        if own is not None:
            for handler in _swallowing_before_loops(facts, task):
                yield Occurrence(
                    f"this `except` of {task.node.name} swallows SoftTimeLimitExceeded, and the "
                    "loop below it goes on",
                    task.code.where(handler),
                    LET_THROUGH,
                )


def _swallowing_helpers(facts: Facts, task: Task) -> Iterator[tuple[Function, ast.ExceptHandler]]:
    """The handlers in functions of the same file that a loop of a task calls for each round.

    A `return` there goes back into the loop.
    """
    top = {one.name: one for one in task.code.source.tree.body if isinstance(one, Function)}
    called = {
        node.func.id
        for node in task.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        # what it gives back may end the loop
        and isinstance(task.code.parents[node], ast.Expr)
        and task.code.binder_of(node, node.func.id) is None
        and _is_repeated(task, node)
    }
    for name in sorted(called & set(top)):
        function = top[name]
        # a task, or what a decorator has made of it, is something else
        if function.decorator_list or isinstance(function, ast.AsyncFunctionDef):
            continue
        for statement in function.body:
            if isinstance(statement, ast.Try) and _works(statement.body):
                handler = _swallowing(facts, task.code, statement, leaving=(ast.Raise,))
                if handler is not None:
                    yield function, handler


def _works(body: list[ast.stmt]) -> bool:
    """Whether a block calls what may take its time: neither a conversion nor a line of the log."""
    names = {
        dotted(node.func).partition(".")[0]
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }
    return bool(names - QUICK)


def _swallowing_before_loops(facts: Facts, task: Task) -> Iterator[ast.ExceptHandler]:
    """The handlers of a task itself that a loop with work comes after."""
    for position, statement in enumerate(task.node.body):
        if not isinstance(statement, ast.Try) or not _works(statement.body):
            continue
        loops = [
            one
            for one in task.node.body[position + 1 :]
            if isinstance(one, ast.For | ast.While) and _works(one.body)
        ]
        handler = _swallowing(facts, task.code, statement)
        if loops and handler is not None:
            yield handler


def _has_soft_limit(facts: Facts, task: Task) -> bool:
    given = task.options.get("soft_time_limit")
    if given is not None:
        return not _is_none(given)
    if facts.worker is not None:
        found = {one.name: one.attributes for one in facts.worker.tasks}
        return bool(
            facts.worker.conf.get("task_soft_time_limit")
            or found.get(task.name, {}).get("soft_time_limit")
        )
    return any(
        not _is_none(setting.value)
        for setting in facts.settings.named(
            "CELERY_TASK_SOFT_TIME_LIMIT", "CELERYD_TASK_SOFT_TIME_LIMIT"
        )
    )


def _is_repeated(task: Task, node: ast.AST) -> bool:
    """Whether a node is inside of a loop of its task, and not in a function of its own."""
    for outer in task.code.around(node):
        if isinstance(outer, Function | ast.Lambda):
            return False
        if isinstance(outer, ast.For | ast.AsyncFor | ast.While):
            return True
    return False


def _swallowing(
    facts: Facts, code: Code, node: ast.Try, leaving: tuple[type[ast.stmt], ...] = LEAVING
) -> ast.ExceptHandler | None:
    """The handler that catches the soft limit, where nothing in it leaves the loop."""
    for handler in node.handlers:
        caught = [handler.type] if handler.type else []
        if isinstance(handler.type, ast.Tuple):
            caught = handler.type.elts
        names = {dotted(part) for part in caught}
        if any(full_name(facts, code, part) == SOFT_LIMIT for part in caught):
            return None
        if not caught or names & BROAD:
            leaves = any(isinstance(inner, leaving) for inner in ast.walk(handler))
            return None if leaves else handler
    return None


@check("celery.W621")
def replacement_swallowed(facts: Facts) -> Iterator[Occurrence]:
    """The end of a task that replaces itself is swallowed by an `except Exception`.

    What happens: The new task runs, and this one goes on and ends as a success, too.
    How it looks: (nothing: SUCCESS, with the wrong result)
    Why: self.replace() ends the task by raising celery.exceptions.Ignore, which is an Exception.
    Fix: Call it outside of that `try`.
    Source: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.replace
    """
    for task, call in _own_calls(facts, "replace"):
        inner: ast.AST = call
        for outer in task.code.around(call):
            if isinstance(outer, Function | ast.Lambda):
                break
            if isinstance(outer, ast.Try) and inner in outer.body and _catches_ignore(outer):
                yield Occurrence(
                    "the end of this task is caught by the `except` around it",
                    task.code.where(call),
                    "Call replace() outside of that try.",
                )
                break
            inner = outer


def _catches_ignore(node: ast.Try) -> bool:
    """Whether the first handler that fits an Ignore does not raise again."""
    for handler in node.handlers:
        caught = {"Exception"}
        if handler.type:
            caught = {dotted(part).rpartition(".")[2] for part in ast.walk(handler.type)}
        if caught & {"Ignore", "Retry", "TaskPredicate"}:
            return False
        if caught & BROAD:
            return not any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
    return False


@check("celery.E622")
def retry_delay_wrong(facts: Facts) -> Iterator[Occurrence]:
    """The delay of a retry is not a number of seconds.

    What happens: The task fails at its first retry.
    How it looks: TypeError: '<' not supported between instances of 'datetime.timedelta' and 'int'
    Why: countdown and default_retry_delay are numbers; eta is a datetime.
    Fix: default_retry_delay=60
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.default_retry_delay
    """
    for code, name, value in _retry_settings(facts):
        problem = None
        if name in {"countdown", "default_retry_delay", "eta", "expires"}:
            problem = wrong_time(facts, code, name, value)
        if problem is not None:
            message, hint = problem
            yield Occurrence(message, code.where(value), hint)


def _retry_settings(facts: Facts) -> Iterator[tuple[Code, str, ast.expr]]:
    """Every option of a retry: in the decorator, in retry_kwargs, in the call of retry()."""
    for task in map(as_meant, _all_tasks(facts)):
        for name in ("default_retry_delay", "max_retries"):
            if name in task.options:
                yield task.code, name, task.options[name]
        for name, value in _retry_kwargs(task):
            yield task.code, name, value
    for task, call in _own_calls(facts, "retry"):
        for keyword in call.keywords:
            if keyword.arg:
                yield task.code, keyword.arg, keyword.value


def _retry_kwargs(task: Task) -> Iterator[tuple[str, ast.expr]]:
    """The entries of `retry_kwargs={"max_retries": 5}`."""
    match task.options.get("retry_kwargs"):
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if text_of(key):
                    yield str(text_of(key)), value
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            for keyword in keywords:
                if keyword.arg:
                    yield keyword.arg, keyword.value


@check("celery.E623")
def retry_limit_is_text(facts: Facts) -> Iterator[Occurrence]:
    """The number of retries is a text.

    What happens: The task fails at its first retry.
    How it looks: TypeError: '>' not supported between instances of 'int' and 'str'
    Why: The number of retries so far is compared with it.
    Fix: max_retries=5
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.max_retries
    """
    for code, name, value in _retry_settings(facts):
        if name == "max_retries" and text_of(value) is not None:
            yield Occurrence(
                f"max_retries is {ast.unparse(value)}, a text",
                code.where(value),
                "Write the number without quotes.",
            )


@check("celery.E624")
def autoretry_for_text(facts: Facts) -> Iterator[Occurrence]:
    """autoretry_for names exceptions as texts.

    What happens: The task fails at any exception, and is never retried.
    How it looks: TypeError: catching classes that do not inherit from BaseException is not allowed
    Why: The classes are put into an `except`.
    Fix: autoretry_for=(ConnectionError,)
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.autoretry_for
    """
    for task in map(as_meant, _all_tasks(facts)):
        for name in ("autoretry_for", "dont_autoretry_for"):
            for element in _elements(task.options.get(name)):
                if text_of(element) is not None:
                    yield Occurrence(
                        f"{name} holds the text {ast.unparse(element)}, not a class",
                        task.code.where(element),
                        "Write the class itself.",
                    )


@check("celery.W625")
def retry_option_unknown(facts: Facts) -> Iterator[Occurrence]:
    """retry_kwargs has an option that retry() does not know.

    What happens: Nothing: the task is retried as if it were not there, three times.
    How it looks: (nothing)
    Why: retry() takes any keyword.
    Fix: max_retries, countdown
    Source: celery/app/task.py, retry
    """
    for task in map(as_meant, _all_tasks(facts)):
        if "autoretry_for" not in task.options:
            continue
        for name, value in _retry_kwargs(task):
            close = difflib.get_close_matches(name, RETRY_OPTIONS, 1, 0.7)
            if name not in RETRY_OPTIONS and close:
                yield Occurrence(
                    f"the retry option {name} has no effect",
                    task.code.where(value),
                    f"Did you mean {close[0]}?",
                )


@check("celery.W626")
def no_limit_that_is_one(facts: Facts) -> Iterator[Occurrence]:
    """retry() is given max_retries=None, which does not mean for ever.

    What happens: The task gives up after its own max_retries, which is 3.
    How it looks: MaxRetriesExceededError, or the exception itself, after three retries
    Why: None in retry() and in retry_kwargs means: as the task has it.
    Fix: max_retries=None on the decorator; or a number.
    Source: celery/app/task.py, retry
    """
    for task in _all_tasks(facts):
        # where the task has a limit of its own, None may be meant as that
        if "max_retries" in task.options or "base" in task.options or task.hidden:
            continue
        given = [value for name, value in _retry_kwargs(task) if name == "max_retries"]
        for owner, call in _own_calls(facts, "retry"):
            if owner is task:
                given += [k.value for k in call.keywords if k.arg == "max_retries"]
        for value in given:
            if _is_none(value):
                yield Occurrence(
                    f"max_retries=None here means the limit of {task.node.name}, which is 3",
                    task.code.where(value),
                    "Set max_retries on the decorator.",
                )


@check("celery.W627")
def delay_beside_backoff(facts: Facts) -> Iterator[Occurrence]:
    """A delay of retries has no effect beside retry_backoff, or a backoff without it.

    What happens: The retries wait as long as the other option says.
    How it looks: (nothing)
    Why: With retry_backoff, autoretry computes each countdown; without it, retry_backoff_max and
        retry_jitter are not read.
    Fix: retry_backoff=60 alone; or retry_backoff=True beside retry_backoff_max.
    Source: celery/app/autoretry.py
    """
    for task in _all_tasks(facts):
        if "autoretry_for" not in task.options or {"base"} & set(task.options) or task.hidden:
            continue
        backoff = task.options.get("retry_backoff")
        if backoff is None or _is_off(backoff):
            value = task.options.get("retry_backoff_max")
            if value is not None:
                yield _no_effect(task, "retry_backoff_max", value, "without retry_backoff")
            continue
        if not isinstance(backoff, ast.Constant):
            continue
        manual = any(owner is task for owner, _ in _own_calls(facts, "retry"))
        for name, value in _retry_kwargs(task):
            if name == "countdown":
                yield _no_effect(task, name, value, "beside retry_backoff")
        if "default_retry_delay" in task.options and not manual:
            value = task.options["default_retry_delay"]
            yield _no_effect(task, "default_retry_delay", value, "beside retry_backoff")


def _is_off(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _no_effect(task: Task, name: str, value: ast.expr, why: str) -> Occurrence:
    return Occurrence(
        f"{name} has no effect {why}", task.code.where(value), "Remove one of the two."
    )


@check("celery.E628")
def failure_without_exception(facts: Facts) -> Iterator[Occurrence]:
    """A task sets its state to FAILURE with a meta that is not an exception.

    What happens: Whoever reads the state or the result gets an exception from Celery.
    How it looks: ValueError: Exception information must include the exception type
    Why: For FAILURE, the result backend rebuilds the exception from exc_type and exc_message.
    Fix: Raise the exception; or a state of your own, such as "REFUSED".
    Source: celery/backends/base.py, exception_to_python
    """
    for task, call in _own_calls(facts, "update_state"):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        state, meta = given.get("state"), given.get("meta")
        if len(call.args) > 1 or state is None or meta is None:
            continue
        failed = text_of(state) == "FAILURE"
        failed = failed or full_name(facts, task.code, state) == "celery.states.FAILURE"
        plain = isinstance(meta, ast.Dict) and not any(
            key is None or text_of(key) in {"exc_type", None} for key in meta.keys
        )
        if failed and (plain or text_of(meta) is not None):
            yield Occurrence(
                "FAILURE is set with a meta that holds no exception: reading it raises",
                task.code.where(call),
                "Raise the exception, or use a state of your own.",
            )


@check("celery.W629")
def task_ends_process(facts: Facts) -> Iterator[Occurrence]:
    """A task ends its process.

    What happens: The process of the worker exits, and a new one is started; on_failure and
        callbacks of the task are not called in it.
    How it looks: WorkerLostError: Worker exited prematurely: exitcode 1.
    Why: sys.exit() raises SystemExit, which is no Exception: it is not caught around a task.
    Fix: Raise an exception, or return.
    Source: reproduced with Celery 5.7
    """
    for task in _all_tasks(facts):
        for node in task.nodes:
            if not isinstance(node, ast.Call) or task.code.function_of(node) is not task.node:
                continue
            spelled = full_name(facts, task.code, node.func)
            caught = any(isinstance(outer, ast.Try) for outer in task.code.around(node))
            if not caught and (spelled in EXITS or dotted(node.func) in {"exit", "quit"}):
                yield Occurrence(
                    f"{task.node.name} ends the process of the worker",
                    task.code.where(node),
                    "Raise an exception, or return.",
                )
