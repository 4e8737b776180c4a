"""Options of sending that are given in the wrong place, or in the wrong form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.arguments import PACKED, SEND_ONLY, misfit
from celeryize.checks.calls import task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import composer_of, followed, signature_of
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import number_of, text_of
from celeryize.checks.facts.tasks import Task

# The options that are certainly no data of the project.
TIMES = frozenset({"countdown", "eta", "expires"})


def _signatures(facts: Facts) -> Iterator[tuple[Code, ast.Call, str, Task]]:
    """Every `task.s(...)`, `task.si(...)` and `task.signature(...)`."""
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr in {"s", "si", "signature", "subtask"}:
                task = facts.tasks.named_by(code, call.func.value)
                if task is not None:
                    yield code, call, call.func.attr, task


def _unknown_options(task: Task, call: ast.Call, options: set[str] | frozenset[str]) -> list[str]:
    """The options in a call that are no parameters of its task."""
    names = {argument.arg for argument in [*task.node.args.args, *task.node.args.kwonlyargs]}
    return [k.arg for k in call.keywords if k.arg in options and k.arg not in names and k.arg]


@check("celery.E638")
def option_in_signature(facts: Facts) -> Iterator[Occurrence]:
    """A signature is given an option of sending as an argument.

    What happens: The task fails in the worker.
    How it looks: TypeError: charge() got an unexpected keyword argument 'countdown'
    Why: .s() passes everything to the task.
    Fix: charge.s(5).set(countdown=10)
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures; reproduced with
        Celery 5.7
    """
    for code, call, how, task in _signatures(facts):
        if how not in {"s", "si"} or task.signature is None or task.node.args.kwarg is not None:
            continue
        for option in _unknown_options(task, call, SEND_ONLY):
            yield Occurrence(
                f"{task.node.name} takes no {option}: {how}() passes everything to the task",
                code.where(call),
                f"Write {ast.unparse(call.func)}(...).set({option}=...).",
            )


@check("celery.W654")
def option_swallowed(facts: Facts) -> Iterator[Occurrence]:
    """delay() is given an option of sending, and the task takes any name.

    What happens: The task is sent at once, and gets the option as one of its arguments.
    How it looks: (nothing)
    Why: delay() passes everything to the task, whose **kwargs take it.
    Fix: task.apply_async(args=(1,), countdown=60)
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics
    """
    for code, call, how, task in task_calls(facts):
        if how not in {"delay", "delay_on_commit"} or task.node.args.kwarg is None:
            continue
        # `Order(**fields)` may have a field of this name
        if _hands_on(task, task.node.args.kwarg.arg):
            continue
        # what the task reads of its kwargs is meant for it
        for option in _unknown_options(task, call, TIMES):
            if f"'{option}'" not in ast.unparse(task.node):
                yield Occurrence(
                    f"{option} goes to {task.node.name} as an argument, and delays nothing",
                    code.where(call),
                    f"Write apply_async(..., {option}=...).",
                )


def _hands_on(task: Task, name: str) -> bool:
    """Whether a task uses its `**kwargs` as a whole, and not only some names of it."""
    for node in task.nodes:
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        match task.code.parents.get(node):
            case ast.Subscript(slice=ast.Constant()) | ast.Attribute(attr="get" | "pop"):
                continue
        return True
    return False


@check("celery.E639")
def positions_wrong(facts: Facts) -> Iterator[Occurrence]:
    """apply_async is given an option by its position, or its arguments in a wrong form.

    What happens: A third argument becomes the id of the task: every call has the same one, and the
        results replace each other. A dict as args, or a number as kwargs, raises.
    How it looks: Task doctors.tasks.greet[60] received; or TypeError: task args must be a list or
        tuple
    Why: The first three arguments of apply_async are args, kwargs and task_id.
    Fix: apply_async((pk,), countdown=60); apply_async(kwargs={"pk": pk})
    Source: reproduced with Celery 5.7; celery/app/task.py, apply_async
    """
    for code, call, how, task in task_calls(facts):
        if how not in PACKED:
            continue
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        args = named.get("args", next(iter(call.args), None))
        where = code.where(call)
        if isinstance(args, ast.Dict | ast.Set | ast.DictComp | ast.SetComp):
            hint = "Write kwargs={...} for arguments by name."
            yield Occurrence("args is not a list or a tuple, so the call raises", where, hint)
        for position, value in enumerate(call.args[1:3], 1):
            if number_of(value) is None:
                continue
            meant = ("kwargs", "task_id")[position - 1]
            yield Occurrence(
                f"{ast.unparse(value)} is the {meant} of {task.node.name} here",
                where,
                f"Write countdown={ast.unparse(value)} if it is to wait so long.",
            )


@check("celery.E666")
def signature_of_a_value(facts: Facts) -> Iterator[Occurrence]:
    """signature() is given an argument of the task instead of a tuple of them.

    What happens: The call raises.
    How it looks: TypeError: 'int' object is not iterable
    Why: signature() takes args and kwargs, as apply_async() does; .s() takes the arguments.
    Fix: task.s(order.pk), or task.signature((order.pk,))
    Source: reproduced with Celery 5.7
    """
    for code, call, how, task in _signatures(facts):
        if how in {"s", "si"} or not call.args:
            continue
        given = call.args[0]
        is_key = isinstance(given, ast.Attribute) and given.attr in {"pk", "id"}
        if is_key or number_of(given) is not None:
            yield Occurrence(
                f"signature() takes a tuple of arguments, and {ast.unparse(given)} is one of them",
                code.where(call),
                f"Write {task.node.name}.s({ast.unparse(given)}).",
            )


@check("celery.E637")
def items_are_no_tuples(facts: Facts) -> Iterator[Occurrence]:
    """chunks() or starmap() is given values instead of tuples of arguments.

    What happens: The call succeeds, and each chunk fails in the worker.
    How it looks: TypeError: send() argument after * must be an iterable, not int
    Why: Each item is the whole of the arguments of one run.
    Fix: task.chunks(zip(ids), 50), or task.map(ids) for a task with one argument.
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chunks; reproduced with
        Celery 5.7
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            if call.func.attr not in {"chunks", "starmap"}:
                continue
            task = facts.tasks.named_by(code, call.func.value)
            if task is not None and _gives_values(facts, code, followed(code, call.args[0])):
                yield Occurrence(
                    f"{call.func.attr}() needs a tuple for each run of {task.node.name}, and gets "
                    "single values",
                    code.where(call),
                    f"Write zip({ast.unparse(call.args[0])}).",
                )


def _gives_values(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an iterable certainly gives single values: numbers, texts, primary keys."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return bool(items) and all(_is_value(item) for item in items)
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item):
            return _is_value(item)
        case ast.Call(func=ast.Name(id="range")):
            return True
        case ast.Call(func=ast.Name(id="list"), args=[inner]):
            return _gives_values(facts, code, followed(code, inner))
        case ast.Call(func=ast.Attribute(attr="values_list"), keywords=keywords):
            return any(keyword.arg == "flat" for keyword in keywords)
    return False


def _is_value(item: ast.expr) -> bool:
    if isinstance(item, ast.Constant):
        return True
    return isinstance(item, ast.Attribute) and item.attr in {"pk", "id"}


@check("celery.E513")
def chain_of_one_task(facts: Facts) -> Iterator[Occurrence]:
    """A chain is made of one task in a loop, and the task does not take the result before it.

    What happens: The first step runs, and the chain ends there with a TypeError.
    How it looks: TypeError: send() takes 1 positional argument but 2 were given
    Why: .s() puts the result of the step before in front of its own arguments.
    Fix: chain(*[send.si(pk) for pk in pks])
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#immutability
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if composer_of(facts, code, call) != "chain" or len(call.args) != 1:
                continue
            given = call.args[0]
            if isinstance(given, ast.Starred):
                given = given.value
            given = followed(code, given)
            if not isinstance(given, ast.ListComp | ast.GeneratorExp):
                continue
            made = signature_of(facts, code, given.elt)
            if made is None or made.immutable or not made.certain:
                continue
            problem = misfit(made.task, made.positional + 1, made.named)
            if problem and misfit(made.task, made.positional, made.named) is None:
                yield Occurrence(
                    f"{made.task.node.name} is given the result of the step before: {problem}",
                    code.where(call),
                    f"Write {made.task.node.name}.si(...).",
                )


@check("celery.W468")
def task_id_always_the_same(facts: Facts) -> Iterator[Occurrence]:
    """A task is always sent with the same id.

    What happens: It runs at every call: an id keeps no second one away. Each run overwrites the
        result of the one before, and who waits for one may get the other.
    How it looks: AsyncResult("nightly").get() is there before the task has run
    Why: Celery compares no ids; revoke() and the result backend know only the last one.
    Fix: No task_id, or one that names what is done: task_id=f"invoice-{invoice_id}". To keep a
        second one away: a lock, cache.add().
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#instantiation; reproduced with
        Celery 5.7: two calls with one id are two runs
    """
    for code, call, _, task in task_calls(facts):
        for keyword in call.keywords:
            if keyword.arg != "task_id" or not text_of(keyword.value):
                continue
            yield Occurrence(
                f"each run of {task.node.name} has the id {text_of(keyword.value)}: the results "
                "overwrite each other",
                code.where(keyword.value),
                "Leave task_id out, or make it of what the task is given.",
            )
