"""What `transaction.on_commit()` is given, and on which database it waits."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.calls import ALL_SENDS, handed_callables, is_atomic, task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import is_canvas
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, text_of
from celeryize.patch.nodes import dotted

# What the name of a database is usually called.
ALIASES = ("using", "db", "database", "alias")
# Functions that give no name of a database.
CONVERTS = frozenset({"int", "str", "list", "tuple", "dict", "set", "bool", "float"})
# Celery 5.4 was the first with delay_on_commit().
FIRST_WITH_COMMIT = (5, 4)
WAITING = frozenset({"delay_on_commit", "apply_async_on_commit"})


@check("celery.E607")
def commit_with_arguments(facts: Facts) -> Iterator[Occurrence]:
    """on_commit is given the arguments of the task.

    What happens: The call raises.
    How it looks: TypeError: attribute name must be string, not 'int', or
        ConnectionDoesNotExist: The connection '5' doesn't exist.
    Why: The second argument of on_commit() is the name of a database.
    Fix: task.delay_on_commit(order.pk), or on_commit(partial(task.delay, order.pk)).
    Source: https://docs.djangoproject.com/en/stable/topics/db/transactions/#django.db.transaction.on_commit;
        reproduced with Django 5.2
    """
    for code in facts.code.relevant:
        for call, given in handed_callables(code):
            if not commit_has_arguments(call) or not isinstance(given, ast.Attribute):
                continue
            task = facts.tasks.named_by(code, given.value)
            if task is not None and given.attr in ALL_SENDS:
                values = ", ".join(ast.unparse(value) for value in call.args[1:])
                yield Occurrence(
                    f"on_commit() takes {values} for the name of a database, not for an argument",
                    code.where(call),
                    f"Write {ast.unparse(given.value)}.delay_on_commit({values}).",
                )


def commit_has_arguments(call: ast.Call) -> bool:
    """Whether a call of on_commit() has more arguments than a function and a database."""
    if len(call.args) < 2:
        return False
    second = call.args[1]
    # a function may give the name of a database: router.db_for_write(Order)
    if isinstance(second, ast.Call) and dotted(second.func) not in CONVERTS:
        return False
    spelled = ast.unparse(second)
    named = spelled.isupper() or any(word in spelled.lower() for word in ALIASES)
    return text_of(second) is None and not named


@check("celery.W608")
def commit_runs_task_here(facts: Facts) -> Iterator[Occurrence]:
    """on_commit is given a task, or a signature, and runs it in the process that commits.

    What happens: The task runs in the web process, before the answer; no worker has a part in it.
    How it looks: (nothing: the page is slow, and the worker's log is empty)
    Why: on_commit() calls what it is given. Calling a task, or a signature, runs its function.
    Fix: on_commit(task.delay), on_commit(signature.delay), or task.delay_on_commit(...).
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics
    """
    for code in facts.code.relevant:
        for call, given in handed_callables(code):
            what = ""
            if facts.tasks.named_by(code, given) is not None:
                what = "this task"
            elif is_canvas(facts, code, given) and isinstance(given, ast.Call | ast.BinOp):
                what = "this signature"
            if what and not isinstance(given, ast.Lambda):
                yield Occurrence(
                    f"on_commit() runs {what} here: it is not sent to a worker",
                    code.where(call),
                    f"Write {ast.unparse(given)}.delay.",
                )


@check("celery.E573")
def commit_method_too_new(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent by delay_on_commit(), which the project's Celery does not have.

    What happens: The call raises.
    How it looks: AttributeError: 'send' object has no attribute 'delay_on_commit'
    Why: delay_on_commit() and apply_async_on_commit() came with Celery 5.4.
    Fix: celery>=5.4; or transaction.on_commit(lambda: task.delay(order.pk))
    Source: https://docs.celeryq.dev/en/stable/history/changelog-5.4.html
    """
    version = facts.celery_below(FIRST_WITH_COMMIT)
    if not version:
        return
    for code, call, how, task in task_calls(facts):
        if how in WAITING and "base" not in task.options:
            yield Occurrence(
                f"{how}() needs Celery 5.4, and this project has {version}",
                code.where(call),
                "Raise the requirement, or use transaction.on_commit().",
            )


@check("celery.W609")
def commit_of_another_database(facts: Facts) -> Iterator[Occurrence]:
    """on_commit waits for another database than the transaction around it.

    What happens: The task is sent at once, before the commit.
    How it looks: DoesNotExist, now and then
    Why: on_commit() and delay_on_commit() look at the default database, on which no transaction is
        open, unless they are given using=.
    Fix: transaction.on_commit(lambda: task.delay(order.pk), using="legacy")
    Source: https://docs.djangoproject.com/en/stable/topics/db/transactions/#django.db.transaction.on_commit;
        reproduced with Django 5.2
    """
    # every view has a transaction on the default database
    engines = [ast.unparse(setting.value) for setting in facts.settings.named("DATABASES")]
    if facts.settings.is_set("ATOMIC_REQUESTS") or any("ATOMIC_REQ" in one for one in engines):
        return
    for code in facts.code.relevant:
        for call in code.calls:
            name = dotted(call.func).rpartition(".")[2]
            if name not in WAITING | {"on_commit"} or _names_database(call, name):
                continue
            if name in WAITING and not _is_task_method(facts, code, call):
                continue
            database = _database_around(code, call)
            if database:
                yield Occurrence(
                    f"{name}() looks at the default database, and the transaction is on {database}",
                    code.where(call),
                    f"Write transaction.on_commit(..., using={database}).",
                )


def _names_database(call: ast.Call, name: str) -> bool:
    if any(keyword.arg in {"using", None} for keyword in call.keywords):
        return True
    return name == "on_commit" and len(call.args) > 1


def _is_task_method(facts: Facts, code: Code, call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    return facts.tasks.named_by(code, call.func.value) is not None


def _database_around(code: Code, call: ast.Call) -> str:
    """The database of the nearest `atomic(using=...)`, unless that is the default one."""
    found = ""
    for outer in code.around(call):
        given: list[ast.expr] = []
        if isinstance(outer, ast.With):
            given = [item.context_expr for item in outer.items]
        elif isinstance(outer, Function):
            given = outer.decorator_list
        for expression in given:
            if is_atomic(expression):
                database = _using_of(expression)
                # one of several transactions is on the default database
                if not database:
                    return ""
                found = found or database
        if isinstance(outer, ast.Lambda):
            return ""
        if isinstance(outer, Function):
            break
    return found


def _using_of(expression: ast.expr) -> str:
    """The literal `using` of a call of atomic(), as it is written."""
    if not isinstance(expression, ast.Call):
        return ""
    named = [keyword.value for keyword in expression.keywords if keyword.arg == "using"]
    for value in [*named, *expression.args[:1]]:
        text = text_of(value)
        if text and text != "default":
            return repr(text)
    return ""
