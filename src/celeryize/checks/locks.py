"""The locks of tasks, and what becomes of them and of what was saved when a task fails."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from celeryize.checks.calls import is_atomic
from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_true
from celeryize.patch.nodes import dotted

# What gives a client of Redis, whose lock() and set() have no end of their own.
CLIENTS = frozenset(
    {
        "redis.Redis",
        "redis.StrictRedis",
        "redis.from_url",
        "redis.Redis.from_url",
        "redis.StrictRedis.from_url",
        "redis.client.Redis",
        "django_redis.get_redis_connection",
    }
)
TAKES = frozenset({"add", "lock", "set", "setnx"})
CACHE = frozenset({"django.core.cache.cache", "django.core.cache.caches"})
# What makes a counter of a key, or gives a lock back.
COUNTS = frozenset({"incr", "incrby", "decr", "decrby", "incr_version"})
RETURNS = frozenset({"delete", "unlink", "release", "delete_many"})
LOCK_NAME = re.compile(r"lock|mutex|semaphore|running|busy|in_progress", re.I)
ENDS = frozenset({"ex", "px", "exat", "pxat", "timeout", "expire"})
# What changes rows, by the name of the method.
SAVES = frozenset({"save", "update", "create", "bulk_create", "bulk_update", "delete", "add"})
LOGS = frozenset({"logger", "log", "logging", "print"})


@check("celery.W485")
def lock_without_end(facts: Facts) -> Iterator[Occurrence]:
    """A task takes a lock that never ends by itself.

    What happens: If the worker is killed in the middle, the lock stays, and the task never runs
        again.
    How it looks: (nothing: each run ends at once, as a success)
    Why: Nothing else gives back the lock of a process that is gone: no finally, no `with`.
    Fix: A timeout above the time limit of the task: cache.add(key, 1, 3600),
        client.lock(name, timeout=3600)
    Source: https://docs.celeryq.dev/en/stable/tutorials/task-cookbook.html#ensuring-a-task-is-only-executed-one-at-a-time
    """
    for code, node in locking_functions(facts):
        for call in code.within(node):
            if isinstance(call, ast.Call) and _has_no_end(facts, code, node, call):
                yield Occurrence(
                    f"the lock of {node.name} never ends: a worker that is killed leaves it for "
                    "ever",
                    code.where(call),
                    "Give it a timeout above the time limit of the task.",
                )


def locking_functions(facts: Facts) -> Iterator[tuple[Code, Function]]:
    """The functions of tasks, and the context managers beside them, in files that speak of
    locks."""
    words = ("cache", "lock", "nx")
    for code, node in task_functions(facts):
        if any(word in code.source.text for word in words):
            yield code, node
    for code in facts.code.relevant:
        if "contextmanager" not in code.source.text:
            continue
        for function in code.functions:
            decorators = (dotted(one).rpartition(".")[2] for one in function.decorator_list)
            if "contextmanager" in decorators:
                yield code, function


def _has_no_end(facts: Facts, code: Code, node: Function, call: ast.Call) -> bool:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in named:
        return False
    if full_name(facts, code, call.func) == "redis.lock.Lock":
        # Lock(client, name, timeout)
        return "timeout" not in named and len(call.args) < 3
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in TAKES:
        return False
    owner, method = call.func.value, call.func.attr
    if method != "lock" and not is_lock(code, node, call):
        return False
    if method == "add":
        return _is_cache(facts, code, owner) and _adds_for_ever(call, named)
    client = _is_client(facts, code, node, owner)
    if method == "lock":
        # lock(name, timeout)
        known = client or _is_cache(facts, code, owner)
        return known and "timeout" not in named and len(call.args) < 2
    if not client or any(_sets_end(one) for one in code.within(node)):
        return False
    return method == "setnx" or _sets_without_end(method, named)


def is_lock(code: Code, node: Function, call: ast.Call) -> bool:
    """Whether a key is that of a lock: not a counter, and not the mark of what was done once."""
    methods = {_method_of(one) for one in code.within(node) if isinstance(one, ast.Call)}
    if methods & COUNTS:
        return False
    key = ast.unparse(call.args[0]) if call.args else ""
    return bool(methods & RETURNS) or LOCK_NAME.search(f"{node.name} {key}") is not None


def _adds_for_ever(call: ast.Call, named: Mapping[str | None, ast.expr]) -> bool:
    """Whether a call is `cache.add(key, value, None)`, where None means for ever."""
    given = [*call.args[2:3], *(named[name] for name in ("timeout",) if name in named)]
    return any(isinstance(one, ast.Constant) and one.value is None for one in given)


def _sets_without_end(method: str, named: Mapping[str | None, ast.expr]) -> bool:
    """Whether a call is `client.set(key, value, nx=True)`, with nothing that ends it."""
    return method == "set" and is_true(named.get("nx")) and not ENDS & named.keys()


def _is_cache(facts: Facts, code: Code, owner: ast.expr) -> bool:
    if isinstance(owner, ast.Subscript):
        owner = owner.value
    return full_name(facts, code, owner) in CACHE


def _is_client(facts: Facts, code: Code, node: Function, owner: ast.expr) -> bool:
    """Whether an expression is a client of Redis that the function, or its module, has made."""
    made: list[ast.expr] = [owner]
    if isinstance(owner, ast.Name):
        made += code.assigned_in(node).get(owner.id) or []
        made += [
            assign.value
            for assign in code.assigns
            if isinstance(assign, ast.Assign) and dotted(assign.targets[0]) == owner.id
        ]
    return any(
        isinstance(one, ast.Call) and full_name(facts, code, one.func) in CLIENTS for one in made
    )


def _sets_end(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in {"expire", "pexpire", "expireat"}


@check("celery.W486")
def lock_is_left(facts: Facts) -> Iterator[Occurrence]:
    """A task gives its lock back at its end alone, not where it fails.

    What happens: After an exception the lock stays until it expires: the next runs end at once.
    How it looks: (nothing: each run ends at once, as a success)
    Why: What raises leaves the function before the line that deletes the lock.
    Fix: try: ... finally: cache.delete(key)
    Source: https://docs.celeryq.dev/en/stable/tutorials/task-cookbook.html#ensuring-a-task-is-only-executed-one-at-a-time
    """
    for code, node in locking_functions(facts):
        calls = [
            call
            for call in code.within(node)
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.args
            and _is_cache(facts, code, call.func.value)
        ]
        for taken in calls:
            if _method_of(taken) != "add" or not is_lock(code, node, taken):
                continue
            key = ast.unparse(taken.args[0])
            given_back = [
                call
                for call in calls
                if _method_of(call) == "delete" and ast.unparse(call.args[0]) == key
            ]
            # one that is given back wherever the task fails is enough
            if not given_back or any(_is_certain(code, call) for call in given_back):
                continue
            last = max(given_back, key=lambda call: call.lineno)
            if _may_raise_between(code, node, taken, last):
                yield Occurrence(
                    f"an exception above this line leaves the lock of {node.name} behind",
                    code.where(last),
                    "Put the work into `try:` and this line into `finally:`.",
                )


def _method_of(call: ast.Call) -> str:
    return dotted(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")


def _is_certain(code: Code, call: ast.Call) -> bool:
    """Whether a call is made whatever happens, or where an exception was caught."""
    inner: ast.AST = call
    for outer in code.around(call):
        if isinstance(outer, ast.ExceptHandler):
            return True
        if isinstance(outer, ast.Try) and inner in outer.finalbody:
            return True
        inner = outer
    return False


def _may_raise_between(code: Code, node: Function, first: ast.Call, last: ast.Call) -> bool:
    """Whether anything between two calls, in the order of the lines, may raise."""
    for call in code.within(node):
        if not isinstance(call, ast.Call | ast.Yield):
            continue
        if not first.lineno < call.lineno < last.lineno:
            continue
        # what raises inside of a `with` comes out of the yield
        if isinstance(call, ast.Yield):
            return not any(isinstance(outer, ast.Try) for outer in code.around(call))
        if dotted(call.func).partition(".")[0] in LOGS:
            continue
        # what is caught right there does not get out
        tries = [outer for outer in code.around(call) if isinstance(outer, ast.Try)]
        if not any(one.handlers and one.lineno > first.lineno for one in tries):
            return True
    return False


@check("celery.W331")
def retry_rolls_back(facts: Facts) -> Iterator[Occurrence]:
    """A retry inside atomic() rolls back what the task has just saved.

    What happens: The state that the task saves before it retries is not in the database.
    How it looks: (nothing)
    Why: retry() raises, and an exception that leaves atomic() rolls its transaction back.
    Fix: Catch the exception around `with transaction.atomic():`, and save and retry there.
    Source: https://docs.djangoproject.com/en/stable/topics/db/transactions/#django.db.transaction.atomic
    """
    for task in facts.tasks:
        code = task.code
        if not task.bound:
            continue
        decorated = any(is_atomic(decorator) for decorator in task.below)
        for call in task.nodes:
            if not isinstance(call, ast.Call) or dotted(call.func) != "self.retry":
                continue
            # retry(throw=False) sends the message, and raises nothing
            if any(k.arg in {"throw", None} and not is_true(k.value) for k in call.keywords):
                continue
            handler = _handler_around(code, call)
            if handler is None or not (decorated or _is_inside_atomic(code, handler)):
                continue
            saved = next(_saves_before(handler, call), None)
            if saved is not None:
                yield Occurrence(
                    "this is rolled back: the retry below it raises, and leaves atomic()",
                    code.where(saved),
                    "Catch the exception outside of atomic(), and save it there.",
                )


def _handler_around(code: Code, node: ast.AST) -> ast.ExceptHandler | None:
    """The handler in which a node is, unless a transaction or a `try` is in between."""
    for outer in code.around(node):
        if isinstance(outer, ast.ExceptHandler):
            return outer
        if isinstance(outer, ast.With | ast.Try | Function):
            return None
    return None


def _is_inside_atomic(code: Code, handler: ast.ExceptHandler) -> bool:
    """Whether the exception that a handler raises leaves an atomic() of its function."""
    own = code.parents[handler]
    for outer in code.around(own):
        if isinstance(outer, Function):
            return False
        # a further handler may catch it first
        if isinstance(outer, ast.Try) and outer.handlers:
            return False
        if isinstance(outer, ast.With) and any(is_atomic(i.context_expr) for i in outer.items):
            return True
    return False


def _saves_before(handler: ast.ExceptHandler, call: ast.Call) -> Iterator[ast.Call]:
    for statement in handler.body:
        # a transaction inside of one is part of it
        for inner in ast.walk(statement):
            if not isinstance(inner, ast.Call) or inner.lineno >= call.lineno:
                continue
            if not isinstance(inner.func, ast.Attribute) or inner.func.attr not in SAVES:
                continue
            spelled = ast.unparse(inner.func)
            if inner.func.attr == "save" or ".objects." in spelled:
                yield inner
