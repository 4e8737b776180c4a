"""Threads beside the worker: tasks that they run in place of it, and those that a task leaves."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_true
from celeryize.patch.nodes import dotted

THREADS = frozenset({"threading.Thread", "threading.Timer"})
POOLS = frozenset(
    {"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"}
)
# What waits for what was started.
WAITS = frozenset({"join", "result", "shutdown", "wait", "as_completed", "map", "gather"})


@check("celery.W572")
def thread_runs_task(facts: Facts) -> Iterator[Occurrence]:
    """A thread is given a task, and runs it in its own process.

    What happens: The task runs in the web process, without retries and time limits; no worker has
        a part in it, and a restart of the web server ends it in the middle.
    How it looks: (nothing: the worker's log is empty)
    Why: Calling a task calls its function. Only delay() and apply_async() send it.
    Fix: task.delay(...), without a thread: sending takes no time.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics
    """
    for code in facts.code.relevant:
        for call in code.calls:
            for given in _given_to_thread(facts, code, call):
                task = facts.tasks.named_by(code, given)
                if task is not None:
                    yield Occurrence(
                        f"this thread runs {task.node.name} here: it is not sent to a worker",
                        code.where(given),
                        f"Write {dotted(given)}.delay(...), without a thread.",
                    )


def _given_to_thread(facts: Facts, code: Code, call: ast.Call) -> Iterator[ast.expr]:
    """The function that a call starts in a thread."""
    full = full_name(facts, code, call.func)
    if full in THREADS:
        yield from (k.value for k in call.keywords if k.arg in {"target", "function"})
        # Thread(None, target), Timer(60, function)
        yield from call.args[1:2]
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor":
        yield from call.args[1:2]
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "submit":
        # a class of the project's own may send it
        if _is_pool(facts, code, code.function_of(call), call.func.value):
            yield from call.args[:1]


@check("celery.W575")
def task_leaves_threads(facts: Facts) -> Iterator[Occurrence]:
    """A task starts threads, and does not wait for them.

    What happens: The task ends as a success while they run. What they raise is lost, no time limit
        stops them, and a worker that stops or replaces its process ends them in the middle.
    How it looks: SUCCESS, and work that is not done
    Why: The worker knows when the function returns, and of no thread.
    Fix: join() each thread; `with ThreadPoolExecutor() as pool:`, which waits; or a task each.
    Source: https://docs.python.org/3/library/threading.html#threading.Thread.join
    """
    for code, node in task_functions(facts):
        calls = [inner for inner in code.within(node) if isinstance(inner, ast.Call)]
        if any(_last_name(call) in WAITS for call in calls):
            continue
        for call in calls:
            leaves = _starts_thread(facts, code, call) and not _is_handed_on(code, node, call)
            if leaves or _hands_to_pool(facts, code, node, call):
                yield Occurrence(
                    f"{node.name} ends before this thread does: it is a success, whatever happens",
                    code.where(call),
                    "Wait for it with join() or result(), or send a task in its place.",
                )
                break


def _last_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return dotted(call.func)


def _starts_thread(facts: Facts, code: Code, call: ast.Call) -> bool:
    if full_name(facts, code, call.func) not in THREADS:
        return False
    # a thread that only lives as long as its process may be a helper: a heartbeat
    return not any(k.arg == "daemon" and is_true(k.value) for k in call.keywords)


def _hands_to_pool(facts: Facts, code: Code, node: Function, call: ast.Call) -> bool:
    """Whether a call is `pool.submit(...)` of a pool that nothing closes."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "submit":
        return False
    # what is kept or returned may be waited for elsewhere
    if not isinstance(code.parents.get(call), ast.Expr):
        return False
    return _is_assigned_pool(facts, code, node, call.func.value)


def _is_pool(facts: Facts, code: Code, node: Function | None, owner: ast.expr) -> bool:
    """Whether an expression is a pool of threads that its file has made."""
    name = dotted(owner)
    made = [owner]
    for outer in code.around(owner):
        if isinstance(outer, ast.With | ast.AsyncWith):
            made += [
                item.context_expr
                for item in outer.items
                if item.optional_vars is not None and dotted(item.optional_vars) == name
            ]
    return _is_assigned_pool(facts, code, node, owner) or _makes_pool(facts, code, made)


def _is_assigned_pool(facts: Facts, code: Code, node: Function | None, owner: ast.expr) -> bool:
    """Whether a name is a pool of threads that no `with` closes."""
    name = dotted(owner)
    made: list[ast.expr] = []
    if node is not None:
        made += code.assigned_in(node).get(name) or []
    made += [
        assign.value
        for assign in code.assigns
        if isinstance(assign, ast.Assign) and dotted(assign.targets[0]) == name
    ]
    return bool(name) and _makes_pool(facts, code, made)


def _makes_pool(facts: Facts, code: Code, made: list[ast.expr]) -> bool:
    return any(isinstance(m, ast.Call) and full_name(facts, code, m.func) in POOLS for m in made)


def _is_handed_on(code: Code, node: Function, call: ast.Call) -> bool:
    """Whether a thread, or the list that it is in, is given to something that may wait for it."""
    names: set[str] = set()
    inner: ast.AST = call
    for outer in code.around(call):
        if isinstance(outer, ast.Call) and inner in [*outer.args, *outer.keywords]:
            if _last_name(outer) != "append":
                return True
            names.add(ast.unparse(outer.func).rpartition(".")[0])
        if isinstance(outer, ast.Return):
            return True
        if isinstance(outer, ast.Assign):
            names |= {ast.unparse(target) for target in outer.targets}
        if isinstance(outer, ast.stmt):
            break
        inner = outer
    # what is kept in an object or another module outlives the function
    if any("." in name or "[" in name for name in names):
        return True
    others = [one for one in code.within(node) if isinstance(one, ast.Call | ast.Return)]
    for one in others:
        if isinstance(one, ast.Call) and _last_name(one) == "append":
            if any(dotted(argument) in names for argument in one.args):
                names.add(ast.unparse(one.func).rpartition(".")[0])
    return any(names & _names_given(one) for one in others)


def _names_given(node: ast.Call | ast.Return) -> set[str]:
    """The names that a call is given, or that a function returns."""
    if isinstance(node, ast.Return):
        return {dotted(node.value)} if node.value is not None else set()
    if _last_name(node) == "append":
        return set()
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return {dotted(getattr(one, "value", one)) for one in given} - {""}
