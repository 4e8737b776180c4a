"""The tasks: their decorators, options, first argument and body."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from celeryize.celery_facts import words
from celeryize.checks.calls import is_result, is_sent, place_of
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.collected import values_of
from celeryize.checks.facts.literals import Function, number_of, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.fixes import make_tuple, only_near, rename_argument
from celeryize.checks.registration import name_clashes, name_taken
from celeryize.checks.task_options import OPTIONS, option_meant, tasks_as_meant
from celeryize.detect.modules import Bindings
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import with_argument

EXCEPTIONS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
# Decorators that return a plain function, which has no `delay`.
PLAIN = words(
    """
    transaction.atomic atomic django.db.transaction.atomic functools.wraps wraps functools.lru_cache
    lru_cache functools.cache contextlib.contextmanager contextmanager staticmethod sync_to_async
    async_to_sync
    """
) - {"staticmethod"}


@check("celery.E190")
def name_twice(facts: Facts) -> Iterator[Occurrence]:
    """Two tasks have the same name.

    What happens: One of them never runs: the name always leads to the same function.
    How it looks: DuplicateTaskNameWarning: Task name '...' is already registered to a different
        callable
    Why: A task's name is its key in the registry.
    Fix: Give one of them another `name=`.
    Source: celery/app/base.py
    """
    places = {task.where: task for task in facts.tasks}
    for task, kept in name_clashes(facts):
        other = places.get(kept)
        # the one that has its name from its place is innocent, whichever a worker keeps
        if other is not None and _is_named_by_hand(other) and not _is_named_by_hand(task):
            message = f"the task name {task.name} is that of {task.where}, too: one never runs"
            yield Occurrence(message, kept, "Give this one another name=.")
        else:
            yield Occurrence(name_taken(task.name, kept), task.where, "Give it another name=.")


def _is_named_by_hand(task: Task) -> bool:
    """Whether a task has a name that its module and function would not give it."""
    return "name" in task.options and task.name != f"{task.code.module}.{task.node.name}"


@check("celery.E401")
def result_awaited_in_task(facts: Facts) -> Iterator[Occurrence]:
    """A task waits for the result of another.

    What happens: The task fails; the other one still runs.
    How it looks: RuntimeError: Never call result.get() within a task!
    Why: Workers that wait for each other can deadlock.
    Fix: A chain, a chord or a callback.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for task in facts.tasks:
        if task.code.has("allow_join_result"):
            continue
        for node in task.nodes:
            if not _is_get(task.code, node):
                continue
            assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            owner = node.func.value
            if _is_send(facts, task.code, owner) or _holds_send(facts, task.code, owner):
                yield Occurrence(
                    f"the task {task.name} waits for another task",
                    task.code.where(node),
                    "Use a chain, a chord or a callback.",
                )
                continue
            # `results = [send.delay(pk) for pk in pks]` first, `for r in results: r.get()` later
            values = values_of(task.code, owner)
            if values and all(_is_one_result(facts, task.code, value) for value in values):
                yield Occurrence(
                    f"the task {task.name} waits for other tasks",
                    task.code.where(node),
                    "Use a chord: its callback is given all results.",
                )


def _is_get(code: Code, node: ast.AST) -> bool:
    """Whether a node is `x.get()`, or `x.wait()`, whatever x is, and is not meant to be there."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    # said on purpose
    if any(k.arg == "disable_sync_subtasks" for k in node.keywords):
        return False
    return node.func.attr in {"get", "wait"} and not _depends_on_mode(code, node)


def _holds_send(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether a variable holds a task that was sent, and nothing else: `r = send.delay()`."""
    function = code.function_of(node)
    if not isinstance(node, ast.Name) or function is None:
        return False
    values = code.assigned_in(function).get(node.id) or []
    # `r = None` first, for a loop or a try
    sent = [value for value in values if not _is_none(value)]
    return bool(sent) and all(_is_send(facts, code, value) for value in sent)


def _is_one_result(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression sends a task, or is `AsyncResult(id)`; what canvas gives is E533."""
    if _is_send(facts, code, node):
        return True
    return is_result(facts, code, node) and not is_sent(facts, code, node)


@check("celery.E416")
def helper_waits_in_task(facts: Facts) -> Iterator[Occurrence]:
    """A function that a task calls waits for the result of another task.

    What happens: The task fails; the other one still runs.
    How it looks: RuntimeError: Never call result.get() within a task!
    Why: get() asks whether it runs inside of a task, however deep.
    Fix: A chain, a chord or a callback.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for code in facts.code.relevant:
        # said on purpose
        if code.has("allow_join_result", "disable_sync_subtasks"):
            continue
        top = {one.name: one for one in code.source.tree.body if isinstance(one, Function)}
        callers = {
            node.func.id: task
            for task in facts.tasks
            if task.code is code
            for node in task.nodes
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and code.binder_of(node, node.func.id) is None
            and not _depends_on_mode(code, node)
        }
        for name, task in callers.items():
            helper = top.get(name)
            # what a decorator has made of it is something else, and so is a local name
            if helper is None or helper.decorator_list or task.node is helper:
                continue
            if _has_modes(code, helper):
                continue
            for call in code.within(helper):
                if _gets_sent(facts, code, call) and code.function_of(call) is helper:
                    yield Occurrence(
                        f"{name}() waits for another task, and the task {task.name} calls it",
                        code.where(call),
                        "Use a chain, a chord or a callback.",
                    )


# What tells a function that no worker runs it, or that tasks run at once.
MODES = re.compile(r"settings\.|called_directly|eager|current_task|current_worker_task|\bDEBUG\b")


def _depends_on_mode(code: Code, node: ast.AST) -> bool:
    """Whether a condition around a node asks how the task is run: `settings.CELERY_TASK_...`,
    `self.request.called_directly`."""
    return any(
        isinstance(outer, ast.If | ast.IfExp) and MODES.search(ast.unparse(outer.test))
        for outer in code.around(node)
    )


def _has_modes(code: Code, function: Function) -> bool:
    """Whether a function need not wait: it asks how it is run, or what a parameter tells it."""
    given = function.args
    # `wait=True`; what has no default is what it works with
    optional = [*given.posonlyargs, *given.args][-len(given.defaults) :] if given.defaults else []
    names = {one.arg for one in (*optional, *given.kwonlyargs)}
    for node in code.within(function):
        if not isinstance(node, ast.If | ast.IfExp):
            continue
        if MODES.search(ast.unparse(node.test)):
            return True
        asked = node.test
        if isinstance(asked, ast.UnaryOp):
            asked = asked.operand
        if isinstance(asked, ast.Name) and asked.id in names and _holds_get(code, node):
            return True
    return False


def _holds_get(code: Code, node: ast.AST) -> bool:
    """Whether a get(), or the return before one, is in a branch."""
    return any(
        isinstance(inner, ast.Return) or getattr(inner, "attr", "") in {"get", "wait"}
        for inner in code.within(node)
    )


def _gets_sent(facts: Facts, code: Code, node: ast.AST) -> bool:
    """Whether a node is `get()` of what a task, or each of many, was sent with."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr not in {"get", "wait"}:
        return False
    values = values_of(code, node.func.value)
    return bool(values) and all(_is_send(facts, code, value) for value in values)


def _is_send(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is `some_task.delay(...)` or `.apply_async(...)` of a task of the
    project."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"delay", "apply_async"}
        and facts.tasks.named_by(code, node.func.value) is not None
    )


@check("celery.W410")
def async_task(facts: Facts) -> Iterator[Occurrence]:
    """A task is a coroutine function or a generator.

    What happens: The task fails after it was called, and its body never runs.
    How it looks: EncodeError(TypeError('Object of type coroutine is not JSON serializable'))
    Why: Celery calls the function and stores what it returns; it does not await it.
    Fix: A plain function that calls asgiref.sync.async_to_sync(...)(...).
    Source: https://github.com/celery/celery/issues/7743
    """
    for task in facts.tasks:
        if isinstance(task.node, ast.AsyncFunctionDef) and not task.below:
            yield Occurrence(
                f"{task.node.name} is a coroutine function: Celery never awaits it",
                task.where,
                "Use asgiref's async_to_sync inside a plain function.",
            )
        elif not task.below and any(
            isinstance(n, ast.Yield | ast.YieldFrom) and task.code.function_of(n) is task.node
            for n in task.nodes
        ):
            yield Occurrence(
                f"{task.node.name} is a generator: its body never runs",
                task.where,
                "Return a list.",
            )


@check("celery.E420")
def bound_without_self(facts: Facts) -> Iterator[Occurrence]:
    """A task with bind=True takes no argument for the task.

    What happens: Every call fails.
    How it looks: TypeError: f() takes 1 positional argument but 2 were given
    Why: With bind=True the task itself is the first argument.
    Fix: Add `self`, or leave bind=True out.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        args = task.node.args
        if task.bound and not task.below and not (args.posonlyargs or args.args or args.vararg):
            yield Occurrence(
                f"{task.node.name} has bind=True, but takes no argument for the task",
                task.where,
                "Add `self` as its first argument.",
            )


@check("celery.E421", fixable=True)
def self_without_bind(facts: Facts) -> Iterator[Occurrence]:
    """A task takes `self` without bind=True.

    What happens: Every call lacks an argument.
    How it looks: TypeError: f() missing 1 required positional argument
    Why: Only with bind=True does Celery pass the task itself.
    Fix: Add bind=True to the decorator.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        if (
            args
            and args[0].arg == "self"
            and not task.options.get("bind")
            and not task.below
            and not task.holder
            and not task.hidden
        ):
            yield Occurrence(
                f"{task.node.name} takes self, but its decorator has no bind=True",
                task.where,
                "Add bind=True.",
                fix=_add_bind(task),
            )


def _add_bind(task: Task) -> Fix | Unsure:
    """bind=True, where the body uses `self` as the task that it then is."""
    used = {
        n.attr for n in task.nodes if isinstance(n, ast.Attribute) and dotted(n.value) == "self"
    }
    if not used & OF_A_TASK:
        return Unsure("its body does not use self as the task")
    if "bind" in task.options or (isinstance(task.decorator, ast.Call) and task.decorator.args):
        return Unsure("its decorator has other arguments")
    splice = with_argument(task.code.source, task.decorator, "bind=True")
    return Fix(task.code.path, f"the decorator of {task.node.name} gets bind=True", (splice,))


# What a function asks of `self` only if that is the task.
OF_A_TASK = {
    "retry",
    "request",
    "update_state",
    "max_retries",
    "apply_async",
    "replace",
    "add_to_chord",
}


@check("celery.E424")
def task_used_as_value(facts: Facts) -> Iterator[Occurrence]:
    """A task with bind=True uses its first argument as a value, and it is the task itself.

    What happens: The task fails, or every call of it does.
    How it looks: TypeError: Field 'id' expected a number but got <@task: ...>; or: takes 1
        positional argument but 2 were given
    Why: With bind=True the task itself is the first argument: what the caller gives comes behind.
    Fix: Add `self` in front, or leave bind=True out.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        # a class of the project may have what a value has
        if not task.bound or not args or task.below or "base" in task.options:
            continue
        if _means_task(args[0].arg):
            continue
        used = _value_uses(task, args[0].arg)
        if used is not None:
            yield Occurrence(
                f"{task.node.name} has bind=True, so {args[0].arg!r} is the task itself, and line"
                f" {used.lineno} takes it for a value",
                task.where,
                "Add `self` in front.",
            )


def _value_uses(task: Task, name: str) -> ast.expr | None:
    """The first place where a task uses an argument as something that no task is; None where there
    is none, or where the argument is given another value."""
    found: ast.expr | None = None
    for node in task.nodes:
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        if not isinstance(node.ctx, ast.Load):
            return None
        if found is None and _is_value(node, task.code.parents.get(node)):
            found = node
    return found


def _is_value(node: ast.Name, parent: ast.AST | None) -> bool:
    """Whether a name is used as a number, a key, a list or a row."""
    match parent:
        case ast.keyword(arg=str(key)):
            return key in {"pk", "id"} or key.endswith(("_id", "_pk", "__in"))
        case ast.Subscript(value=value) | ast.For(iter=value) | ast.comprehension(iter=value):
            return value is node
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            return True
        case ast.Attribute(attr=attr):
            return attr in {"pk", "id", "save", "delete", "email"}
        case ast.Call(func=ast.Name(id=function)):
            return function in {"int", "float", "len", "range", "open", "sum", "sorted", "Path"}
    return False


@check("celery.W422", unless_there=("celery.E424",))
def bound_into_argument(facts: Facts) -> Iterator[Occurrence]:
    """The first argument of a task with bind=True is not called self.

    What happens: The task itself arrives where a value was expected.
    How it looks: Every argument is shifted by one.
    Why: With bind=True the task itself is the first argument.
    Fix: Add `self` in front, or leave bind=True out.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    for task in facts.tasks:
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        if task.bound and args and not task.below and not _means_task(args[0].arg):
            # ctx.retry(), or what a base class of the project's own has
            if _is_used_as_task(task, args[0].arg):
                continue
            yield Occurrence(
                f"{task.node.name} has bind=True, so {args[0].arg!r} is the task itself",
                task.where,
                "Add `self` in front.",
            )


# What tasks have, and models, texts or dicts seldom.
OF_TASKS = words(
    "request retry update_state apply_async delay signature si subtask replace add_to_chord"
    " max_retries send_event backend AsyncResult default_retry_delay"
)


def _is_used_as_task(task: Task, name: str) -> bool:
    """Whether the body of a task takes its first argument for the task itself."""
    for node in task.code.within(task.node):
        if not isinstance(node, ast.Attribute | ast.Subscript) or dotted(node.value) != name:
            continue
        if "base" in task.options:
            return True
        if isinstance(node, ast.Attribute) and node.attr in OF_TASKS:
            return True
    return False


def _means_task(name: str) -> bool:
    return (
        name.strip("_") in {"self", "cls", "task", "t", "celery", "job", "this", "me", ""}
        or name in {"ctx", "context", "bound"}
        or "task" in name
        or "self" in name
    )


@check("celery.E423")
def task_is_a_method(facts: Facts) -> Iterator[Occurrence]:
    """A task is a method of a class.

    What happens: Every call lacks an argument.
    How it looks: TypeError: f() missing 1 required positional argument: 'self'
    Why: The decorator sees a plain function; there is no instance to call it on.
    Fix: A function of the module, which makes the instance itself.
    Source: reproduced with Celery 5.7
    """
    for task in facts.tasks:
        if (
            task.holder is None
            or "filter" in task.options
            or any(dotted(d) == "staticmethod" for d in (*task.above, *task.below))
        ):
            continue
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        if args and args[0].arg in {"self", "cls"} and not task.bound:
            yield Occurrence(
                f"{task.node.name} is a method of {task.holder.name}: Celery does not pass "
                f"{args[0].arg}",
                task.where,
                "Make it a function of the module.",
            )


@check("celery.E430")
def decorator_above_task(facts: Facts) -> Iterator[Occurrence]:
    """A decorator above the task decorator returns a plain function.

    What happens: The name is bound to a function that has no `delay`.
    How it looks: AttributeError: 'function' object has no attribute 'delay'
    Why: Decorators apply from the bottom up; the upper one wraps the task.
    Fix: Put the task decorator at the top.
    Source: reproduced with Celery 5.7
    """
    hidden = _hidden_tasks(facts)
    for task in facts.tasks:
        for above in task.above:
            spelled = dotted(above.func if isinstance(above, ast.Call) else above)
            wraps = spelled in PLAIN or _returns_inner_function(facts, task.code, spelled)
            # what was imported knows better what a decorator of the project's own has made
            if hidden is not None and spelled not in PLAIN:
                wraps = task.name in hidden and above is task.above[-1]
            if wraps:
                yield Occurrence(
                    f"@{spelled} above the task decorator makes {task.node.name} a plain function",
                    task.code.where(above),
                    "Put the task decorator at the top.",
                )


def _hidden_tasks(facts: Facts) -> set[str] | None:
    """The tasks whose names in their modules are no tasks; None where nothing was imported."""
    if facts.worker is None or facts.worker.failures:
        return None
    return {task.name for task in facts.worker.tasks if task.hidden_by}


def _returns_inner_function(facts: Facts, code: Code, name: str) -> bool:
    """Whether a decorator of the project returns a function that it defines, and nothing else."""
    module, original = facts.code.bindings(code.path).get(name, ("", None))
    if module:
        path = facts.project.modules.find(module)
        found = None
        if path is not None:
            found = facts.code.parsed(path)
        if found is None:
            return False
        code, name = found, original or name
    for function in code.functions:
        if function.name == name and code.function_of(function) is None:
            inner = {node.name for node in function.body if isinstance(node, Function)}
            values = [
                dotted(node.value)
                for node in ast.walk(function)
                if isinstance(node, ast.Return)
                and node.value is not None
                and code.function_of(node) is function
            ]
            return bool(values) and set(values) <= inner
    return False


@check("celery.E432")
def class_not_registered(facts: Facts) -> Iterator[Occurrence]:
    """A class-based task is not registered.

    What happens: `.delay()` sends a task without a name, which no worker runs.
    How it looks: Received unregistered task of type None.
    Why: Since Celery 4, classes no longer register themselves.
    Fix: app.register_task(MyTask()) below the class.
    Source: https://docs.celeryq.dev/en/stable/history/whatsnew-4.0.html#the-task-base-class-no-longer-automatically-register-tasks
    """
    if facts.is_before_celery(4):
        # classes registered themselves
        return
    text = ""
    for code in facts.code.relevant:
        bound = facts.code.bindings(code.path)
        for node in code.classes:
            if not any(_is_task_class(dotted(b), bound) for b in node.bases):
                continue
            body = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
            abstract = any(
                isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "abstract"
                for n in node.body
            )
            # joined once, and only if there is a task class at all
            text = text or "\n".join(c.bare for c in facts.code.relevant)
            if (
                "run" not in body
                or "__call__" in body
                or abstract
                # `@register` above the class, and what goes through all of them
                or node.decorator_list
                or "__subclasses__" in text
                or "getmembers" in text
                or text.count(node.name) > text.count(f"{node.name}().delay") + 1
            ):
                continue
            yield Occurrence(
                f"{node.name} is a task class that is never registered",
                code.where(node),
                f"Add app.register_task({node.name}()).",
            )


def _is_task_class(base: str, bound: Bindings) -> bool:
    head, _, rest = base.partition(".")
    module, name = bound.get(head, ("", None))
    full = ".".join(part for part in (module, name, rest) if part)
    return full in {"celery.Task", "celery.app.task.Task", "celery.contrib.django.task.DjangoTask"}


@check("celery.W440", fixable=True)
def option_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A task decorator has an option that Celery does not know.

    What happens: Nothing: it becomes an unused attribute of the task's class.
    How it looks: (nothing)
    Why: The decorator takes any keyword.
    Fix: Rename it to the option that was meant.
    Source: celery/app/base.py
    """
    for task in facts.tasks:
        if "base" in task.options or facts.tasks.have_own_class:
            continue
        # a task class of the project may read any option: those tasks are skipped
        for name, value in task.options.items():
            meant = option_meant(name)
            if meant and not _is_read_of_task(facts, task, name):
                yield Occurrence(
                    f"the option {name} has no effect",
                    task.code.where(value),
                    f"Did you mean {meant}?",
                    fix=_rename_option(task, name),
                )


def _is_read_of_task(facts: Facts, task: Task, name: str) -> bool:
    """Whether the project reads an attribute of this name of a task: `self.retry_after`."""
    owners = {"self", "task", "sender", "cls", "current_task", task.node.name}
    if task.bound:
        owners |= {one.arg for one in task.node.args.args[:1]}
    for code in facts.code.relevant:
        if name not in code.source.text:
            continue
        if any(
            one.attr == name and dotted(one.value) in owners and isinstance(one.ctx, ast.Load)
            for one in code.of(ast.Attribute)
        ):
            return True
        asked = (call.args for call in code.calls_of("getattr"))
        if any(text_of(args[1]) == name for args in asked if len(args) > 1):
            return True
    return False


def _rename_option(task: Task, name: str) -> Fix | Unsure:
    assert isinstance(task.decorator, ast.Call)
    keyword = next(k for k in task.decorator.keywords if k.arg == name)
    return rename_argument(task.code, task.decorator, keyword, only_near(name, OPTIONS, 0.7))


@check("celery.E441")
def rate_limit_wrong(facts: Facts) -> Iterator[Occurrence]:
    """A rate limit is invalid.

    What happens: The worker fails at start-up.
    How it looks: KeyError: 'x', or ValueError: could not convert string to float
    Why: A rate is a number, or a number per s, m or h: "10/m".
    Fix: "10/s", "10/m" or "10/h".
    Source: celery/utils/time.py, rate
    """
    for task in tasks_as_meant(facts):
        value = task.options.get("rate_limit")
        text = text_of(value)
        if value is not None and text is not None and rate_problem(text):
            yield Occurrence(
                f"invalid rate limit {text!r}",
                task.code.where(value),
                'Write a number per s, m or h: "10/m".',
            )


def rate_problem(text: str) -> bool:
    """Whether a text is no rate limit."""
    number, slash, unit = text.partition("/")
    try:
        float(number)
    except ValueError:
        return True
    return bool(slash) and unit.strip() not in {"s", "m", "h"}


@check("celery.W450")
def retries_never(facts: Facts) -> Iterator[Occurrence]:
    """A task sets max_retries but never retries.

    What happens: The first exception is the last: the task fails.
    How it looks: (nothing: FAILURE after one try)
    Why: max_retries and retry_backoff only limit retries; autoretry_for or self.retry() cause them.
    Fix: autoretry_for=(SomeError,), or raise self.retry(exc=...) where it fails.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying
    """
    # what a misspelt option will say once it is spelt right is said with it
    for task in tasks_as_meant(facts):
        # max_retries=0 or None is a decision, not a mistake
        named = [o for o in ("max_retries", "retry_backoff", "retry_kwargs") if o in task.options]
        if not named or task.hidden or {"autoretry_for", "base"} & set(task.options):
            continue
        # the app's class, the settings or a decorator may retry
        if _class_may_retry(facts) or _are_annotated(facts):
            continue
        if any(_may_retry(facts, task.code, decorator) for decorator in task.below):
            continue
        if number_of(task.options.get("max_retries")) == 0 or _is_none(
            task.options.get("max_retries")
        ):
            continue
        retries = any(
            isinstance(n, ast.Attribute) and n.attr in {"retry", "max_retries"} for n in task.nodes
        )
        if not retries and not _hands_itself_on(task):
            yield Occurrence(
                f"{named[0]} does nothing here: {task.node.name} has no autoretry_for and never "
                "calls retry()",
                task.code.where(task.options[named[0]]),
                "Add the exceptions that may pass by themselves: autoretry_for=(OSError,).",
            )


def _class_may_retry(facts: Facts) -> bool:
    """Whether the app's class of tasks may retry all of them: one of a library may."""
    if not facts.tasks.have_own_class:
        return False
    classes = [
        ast.unparse(node)
        for code in facts.code.relevant
        for node in code.classes
        if any(dotted(base).endswith("Task") for base in node.bases)
    ]
    return not classes or any("retry" in text for text in classes)


def _may_retry(facts: Facts, code: Code, decorator: ast.expr) -> bool:
    """Whether what a decorator makes of a function may retry the task: one of a library may."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    if dotted(node) in PLAIN:
        return False
    if not isinstance(node, ast.Name):
        return True
    path, name = place_of(facts, code, node)
    home = facts.code.parsed(path)
    found = [one for one in home.functions if one.name == name] if home else []
    return not found or any("retry" in ast.unparse(one) for one in found)


def _hands_itself_on(task: Task) -> bool:
    """Whether a bound task gives itself to something else, which may retry."""
    own = "self"
    if task.bound:
        given = (*task.node.args.posonlyargs, *task.node.args.args)
        own = next((one.arg for one in given), own)
    return any(
        isinstance(node, ast.Name)
        and node.id == own
        and not isinstance(task.code.parents.get(node), ast.Attribute)
        for node in task.nodes
    )


def _are_annotated(facts: Facts) -> bool:
    """Whether the settings may give tasks the exceptions to retry on."""
    return facts.settings.is_set("task_annotations") and facts.settings.has_text("autoretry_for")


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


@check("celery.W452")
def retry_swallowed(facts: Facts) -> Iterator[Occurrence]:
    """A retry is swallowed by an `except Exception` around it.

    What happens: The task ends as a success and is not tried again.
    How it looks: (nothing: SUCCESS)
    Why: self.retry() works by raising celery.exceptions.Retry, which is an Exception.
    Fix: Call it outside of that `try`, or let Retry pass first.
    Source: reproduced with Celery 5.7
    """
    for task in facts.tasks:
        for node in task.nodes:
            if not (
                isinstance(node, ast.Call)
                and dotted(node.func) in {"self.retry", f"{task.node.name}.retry"}
            ):
                continue
            inner: ast.AST = node
            for outer in task.code.around(node):
                if outer is task.node:
                    break
                if isinstance(outer, ast.Try) and inner in outer.body and _catches_retry(outer):
                    yield Occurrence(
                        "this retry is caught by the `except` around it",
                        task.code.where(node),
                        "Call it outside of that try.",
                    )
                    break
                inner = outer


def _catches_retry(node: ast.Try) -> bool:
    """Whether the first handler that fits a Retry does not raise again."""
    # Python takes the first handler that matches
    for handler in node.handlers:
        caught = {dotted(t) for t in ast.walk(handler.type)} if handler.type else {"Exception"}
        if caught & {"Retry", "celery.exceptions.Retry", "exceptions.Retry", "Ignore"}:
            return False
        if caught & {"Exception", "BaseException"}:
            return not any(
                isinstance(n, ast.Raise) or (isinstance(n, ast.Attribute) and n.attr == "retry")
                for n in ast.walk(handler)
            )
    return False


@check("celery.E453", fixable=True)
def autoretry_not_a_tuple(facts: Facts) -> Iterator[Occurrence]:
    """autoretry_for is one class instead of a tuple.

    What happens: The task cannot be registered.
    How it looks: TypeError: 'type' object is not iterable
    Why: Celery iterates over the exceptions.
    Fix: autoretry_for=(SomeError,), with the comma.
    Source: celery/app/autoretry.py
    """
    for task in tasks_as_meant(facts):
        value = task.options.get("autoretry_for")
        if isinstance(value, ast.Name) and value.id in EXCEPTIONS:
            yield Occurrence(
                f"autoretry_for is the class {value.id}, not a tuple",
                task.code.where(value),
                f"Write ({value.id},).",
                fix=make_tuple(task.code, value),
            )


@check("celery.I340")
def base_without_commit(facts: Facts) -> Iterator[Occurrence]:
    """Tasks have a base class without delay_on_commit.

    What happens: `delay_on_commit` and `apply_async_on_commit` do not exist on these tasks.
    How it looks: AttributeError: 'MyTask' object has no attribute 'delay_on_commit'
    Why: DjangoTask, Celery's class for Django projects, defines them; celery.Task does not.
    Fix: Derive the class from celery.contrib.django.task.DjangoTask.
    Source: celery/contrib/django/task.py
    """
    for code in facts.code.relevant:
        bound = facts.code.bindings(code.path)
        for node in code.classes:
            plain = any(
                _is_task_class(dotted(b), bound) and "Django" not in dotted(b) for b in node.bases
            )
            if not plain:
                continue
            used = any(
                dotted(task.options.get("base")).rpartition(".")[2] == node.name
                for task in facts.tasks
            )
            if used and any(c.has("_on_commit") for c in facts.code.relevant):
                yield Occurrence(
                    f"tasks with the base {node.name} have no delay_on_commit",
                    code.where(node),
                    "Derive it from DjangoTask.",
                )
