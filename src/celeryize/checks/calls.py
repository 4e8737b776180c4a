"""How tasks are called from Django: inside transactions, for their results, or not at all."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import composer_of, followed, is_canvas
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.collected import values_of
from celeryize.checks.facts.literals import is_true, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.settings import url_text
from celeryize.patch.nodes import dotted

# The methods that publish at once, whatever becomes of the transaction.
SENDS = {"delay", "apply_async"}
# These, and those that wait for the commit.
ALL_SENDS = SENDS | {"delay_on_commit", "apply_async_on_commit"}
# What a call may be wrapped in so that it waits for the commit.
COMMITS = {"on_commit", "delay_on_commit", "apply_async_on_commit", "_on_commit"}
# What reads the result of a task that was sent.
ASKED = {"get", "result", "state", "status", "ready", "successful", "failed", "wait"}
# Of these, the ones that are methods.
METHODS = {"ready", "successful", "failed"}
# What tells whether a result is there.
STATES = METHODS | {"state", "status"}
# The methods of a ModelAdmin that its views call in a transaction.
# Source: django/contrib/admin/options.py, changeform_view
ADMIN = {"save_model", "save_related", "save_formset", "save_form", "response_add", "log_addition"}
# Options that let the transaction end before the worker runs the task.
LATER = {"countdown", "eta"}
# The words for the place that is certain.
ATOMIC = "is called inside atomic()"


def task_calls(facts: Facts) -> tuple[tuple[Code, ast.Call, str, Task], ...]:
    """Every `.delay(...)` and `.apply_async(...)` on a task of the project."""
    return facts.code.once("calls of tasks", lambda: tuple(_task_calls(facts)))


def _task_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call, str, Task]]:
    for code in facts.code.relevant:
        for call in code.calls_of(*ALL_SENDS):
            if isinstance(call.func, ast.Attribute):
                task = facts.tasks.named_by(code, call.func.value)
                if task is not None:
                    yield code, call, call.func.attr, task


@check("celery.W330", grouped=True)
def sent_inside_a_transaction(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent before its transaction is committed.

    What happens: The worker may run before the instance is saved, or for one that was rolled back.
    How it looks: Doctor.DoesNotExist: Doctor matching query does not exist. (now and then)
    Why: .delay() publishes at once; the transaction ends later, or not at all.
    Fix: task.delay_on_commit(obj.pk), or transaction.on_commit(lambda: task.delay(obj.pk)).
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html#trigger-tasks-at-the-end-of-the-database-transaction
    """
    atomic_requests = _atomic_requests(facts)
    for code, call, how, task in task_calls(facts):
        if how not in SENDS or any(keyword.arg in LATER for keyword in call.keywords):
            continue
        # delay_on_commit is the fix, so only the two immediate methods are examined
        place = _surrounding_transaction(code, call, atomic_requests=atomic_requests)
        if place:
            yield Occurrence(
                f"{task.node.name}.{how}() {place}: the worker may run before the commit",
                code.where(call),
                f"Use {how}_on_commit().",
            )
    for code, call, task in _helper_calls(facts):
        place = _surrounding_transaction(code, call, atomic_requests=False)
        if place == ATOMIC:
            yield Occurrence(
                f"{dotted(call.func)}() {place}, and sends {task.node.name} at once: the worker "
                "may run before the commit",
                code.where(call),
                f"Send it with {task.node.name}.delay_on_commit() there.",
            )
    for code, call, what in _other_sends(facts):
        place = _surrounding_transaction(code, call, atomic_requests=atomic_requests)
        if place:
            yield Occurrence(
                f"this {what} {place}: the worker may run before the commit",
                code.where(call),
                "Send it in a function for transaction.on_commit().",
            )


def _helper_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call, Task]]:
    """The calls of functions of the project that certainly send a task at once."""
    helpers = dict(_sending_helpers(facts))
    names = {name for _, name in helpers}
    # of `Doctor.tell`, what a call shows
    last = {name.rpartition(".")[2] for name in names}
    for code in facts.code.relevant:
        aliases = {alias for alias, (_, name) in code.imported.items() if name in names}
        for call in code.calls_of(*last, *aliases):
            place = None
            if isinstance(call.func, ast.Name):
                place = place_of(facts, code, call.func)
            elif dotted(call.func).startswith(("self.", "cls.")):
                place = _method_of(code, call)
            if place in helpers:
                yield code, call, helpers[place]


def _sending_helpers(facts: Facts) -> Iterator[tuple[tuple[PurePosixPath, str], Task]]:
    """The functions and methods of a module that send a task as soon as they are called."""
    for code, call, how, task in task_calls(facts):
        if how not in SENDS or any(keyword.arg in LATER for keyword in call.keywords):
            continue
        function = code.function_of(call)
        name = _helper_name(code, function)
        if function is None or not name:
            continue
        # what is decorated, or is a task itself, may run later
        if any(dotted(d) not in {"staticmethod", "classmethod"} for d in function.decorator_list):
            continue
        if _surrounding_transaction(code, call, atomic_requests=False) is not None:
            continue
        # what asks for a transaction knows what to do in one
        if any(getattr(n, "attr", "") == "in_atomic_block" for n in code.within(function)):
            continue
        if not any(isinstance(outer, ast.Lambda) or _waits(outer) for outer in code.around(call)):
            yield (code.path, name), task


def _method_of(code: Code, call: ast.Call) -> tuple[PurePosixPath, str]:
    """The file, and the class with the method, that `self.tell()` means inside its class."""
    method = dotted(call.func).partition(".")[2]
    for outer in code.around(call):
        if isinstance(outer, ast.ClassDef):
            return code.path, f"{outer.name}.{method}"
    return code.path, ""


def _helper_name(code: Code, function: ast.AST | None) -> str:
    """What a function is called by: its name, or that of its class and its own; empty for one
    inside of another."""
    if not isinstance(function, ast.FunctionDef):
        return ""
    holder = code.parents.get(function)
    if isinstance(holder, ast.ClassDef):
        return f"{holder.name}.{function.name}"
    if isinstance(holder, ast.Module):
        return function.name
    return ""


def _waits(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in COMMITS


def place_of(facts: Facts, code: Code, name: ast.Name) -> tuple[PurePosixPath, str]:
    """The file and the name of the function that a name means, as far as imports tell."""
    found = facts.code.imported_as(code, name, name.id)
    if found is not None and found[1] is not None:
        path = facts.modules.find(found[0])
        if path is not None:
            return path, found[1]
    if code.binder_of(name, name.id) is not None:
        return code.path, ""
    return code.path, name.id


def _other_sends(facts: Facts) -> Iterator[tuple[Code, ast.Call, str]]:
    """What is sent at once without calling a task itself: canvas, and `send_task()`."""
    for code in facts.code.relevant:
        for call in code.calls:
            if any(keyword.arg in LATER for keyword in call.keywords):
                continue
            if not isinstance(call.func, ast.Attribute):
                # a chain, a group or a chord is sent by calling it
                if composer_of(facts, code, call.func):
                    yield code, call, "canvas"
            elif call.func.attr in SENDS and is_canvas(facts, code, call.func.value):
                yield code, call, "canvas"
            elif call.func.attr == "send_task":
                yield code, call, "send_task()"


def _atomic_requests(facts: Facts) -> bool:
    return any(
        text_of(key) == "ATOMIC_REQUESTS"
        and isinstance(value, ast.Constant)
        and value.value is True
        for setting in facts.settings.named("DATABASES")
        for node in ast.walk(setting.value)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
    ) or any(
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Subscript)
        and text_of(node.targets[0].slice) == "ATOMIC_REQUESTS"
        and isinstance(node.value, ast.Constant)
        and node.value.value is True
        for path in facts.settings.files
        if (code := facts.code.parsed(path))
        for node in code.assigns
    )


def _surrounding_transaction(code: Code, call: ast.Call, *, atomic_requests: bool) -> str | None:
    """Which transaction surrounds a call, in words; None where none is known."""
    nested = False
    handed = _handed_to_commit(code)
    # from the inside out: the nearest scope decides
    for outer in code.around(call):
        match outer:
            case ast.Lambda():
                # a function to be called later, usually by on_commit
                return None
            case ast.Call(func=func) if dotted(func).rpartition(".")[2] in COMMITS:
                return None
            case ast.With(items=items) if any(is_atomic(item.context_expr) for item in items):
                return ATOMIC
            case ast.FunctionDef(name=name, decorator_list=decorators):
                if name in handed:
                    return None
                if any(is_atomic(d) for d in decorators):
                    return ATOMIC
                if any(is_receiver(d) for d in decorators):
                    return "is called in a handler of a model's save"
                saving = _saving_method(code.parents.get(outer), name)
                if saving:
                    return saving
                if atomic_requests and not nested and _is_in_view(code, outer):
                    return "is called in a view, and ATOMIC_REQUESTS is on"
                if code.function_of(outer) is not None:
                    # an inner function: who calls it, and when, is not known
                    return None
                nested = True
    return None


def _is_in_view(code: Code, function: ast.FunctionDef) -> bool:
    """Whether a function runs inside a view: by its file, its arguments, or its class."""
    if code.path.name == "views.py":
        return True
    # a middleware runs outside of the transaction of the view
    if "middleware" in code.path.as_posix() or function.name.startswith("__"):
        return False
    holder = code.parents.get(function)
    if isinstance(holder, ast.ClassDef):
        bases = [dotted(base).rpartition(".")[2] for base in holder.bases]
        return any(base.endswith(("View", "ViewSet")) for base in bases)
    return "views" in code.path.parts and is_view(code, function)


def _saving_method(holder: ast.AST | None, name: str) -> str:
    """What a method that saves an instance is, in words; empty for any other."""
    if isinstance(holder, ast.ClassDef):
        if name == "save" and is_model(holder):
            return "is called in a model's save()"
        if name in ADMIN and _is_admin(holder):
            return "is called where the admin saves, in its transaction"
    return ""


def _is_admin(node: ast.ClassDef) -> bool:
    """Whether a class is a ModelAdmin, by the names of its bases."""
    return any(dotted(base).rpartition(".")[2].endswith("Admin") for base in node.bases)


def _handed_to_commit(code: Code) -> set[str]:
    """The functions that a file hands to on_commit, also with their arguments in a partial."""
    if "on_commit" not in code.source.text:
        return set()
    found: set[str] = set()
    for call in code.calls:
        if dotted(call.func).rpartition(".")[2] not in COMMITS:
            continue
        for node in [*call.args, *(keyword.value for keyword in call.keywords)]:
            if isinstance(node, ast.Call):
                node = next(iter(node.args), node)
            found.add(dotted(node).rpartition(".")[2])
    return found - {""}


def is_atomic(node: ast.expr) -> bool:
    """Whether a decorator or a context manager is `transaction.atomic`."""
    spelled = dotted(node.func if isinstance(node, ast.Call) else node)
    return spelled in {"atomic", "transaction.atomic", "django.db.transaction.atomic"}


def is_receiver(node: ast.expr) -> bool:
    """Whether a decorator connects a function to what a model's save sends."""
    if not isinstance(node, ast.Call) or dotted(node.func).rpartition(".")[2] not in {
        "receiver",
        "connect",
    }:
        return False
    return any(
        # what is deleted is not looked up again: those signals are not among them
        w in ast.unparse(node)
        for w in ("post_save", "pre_save", "m2m_changed")
    )


def is_model(node: ast.ClassDef) -> bool:
    """Whether a class is a model, by the names of its bases."""
    return any(dotted(base).rpartition(".")[2].endswith("Model") for base in node.bases)


@check("celery.E380")
def result_without_backend(facts: Facts) -> Iterator[Occurrence]:
    """A result is requested, but no result backend is configured.

    What happens: The call raises.
    How it looks: NotImplementedError: No result backend is configured.
        AttributeError: 'DisabledBackend' object has no attribute '_get_task_meta_for'
    Why: Without CELERY_RESULT_BACKEND, results are discarded.
    Fix: Set CELERY_RESULT_BACKEND, or do not ask for results.
    Source: https://github.com/celery/celery/issues/7340
    """
    if not has_no_backend(facts):
        return
    for code in facts.code.relevant:
        bound = facts.code.bindings(code.path)
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute):
                name = dotted(call.func)
                if name and bound.get(name) == ("celery.result", "AsyncResult"):
                    yield Occurrence(
                        "AsyncResult needs a result backend, and there is none",
                        code.where(call),
                        _how_to_keep_results(facts),
                    )
        for node in code.of(ast.Attribute):
            if node.attr not in ASKED:
                continue
            # a task that waits is E401, with or without a backend
            if any(task.node is code.function_of(node) for task in facts.tasks):
                continue
            if all_are(is_sent, facts, code, node.value):
                yield Occurrence(
                    f"this asks for a result (.{node.attr}), but no result backend is configured",
                    code.where(node),
                    _how_to_keep_results(facts),
                )


def _how_to_keep_results(facts: Facts) -> str:
    """A result backend that fits the broker."""
    url = url_text(facts, "broker_url") or ""
    if url.startswith("redis") and "@" not in url:
        return f'Set CELERY_RESULT_BACKEND = "{url}".'
    return (
        'Set CELERY_RESULT_BACKEND, to "redis://..." say, or "django-db" of django-celery-results.'
    )


@check("celery.W402", unless_there=("celery.W600",))
def view_waits(facts: Facts) -> Iterator[Occurrence]:
    """A view waits for the result of a task.

    What happens: The web process does nothing else until a worker has run the task, or until the
        request times out: with no worker, for ever.
    How it looks: Requests that hang; 502 and 504 of the server in front.
    Why: get() waits; a task is sent so that the view need not.
    Fix: Answer at once with the id of the result, and let the page ask for it.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr not in {"get", "wait"} and not _is_polled(code, call):
                continue
            function = code.function_of(call)
            if function is None or not is_view(code, function):
                continue
            if call.func.attr in {"get", "wait"} and _is_there(code, function, call.func):
                continue
            if _asks_about_all(facts, code, function, call.func):
                continue
            if all_are(is_result, facts, code, call.func.value):
                yield Occurrence(
                    f"{function.name} waits for a task, and blocks its web process meanwhile",
                    code.where(call),
                    "Answer with the id of the result, and ask for it later.",
                )


def _is_there(code: Code, function: ast.AST, get: ast.Attribute) -> bool:
    """Whether a function has asked if the result is there before it gets it: `if r.ready():`, or
    `if not r.ready(): return`."""
    owner, line = ast.unparse(get.value), code.where(get).line or 0
    for node in code.within(function):
        if not isinstance(node, ast.If | ast.IfExp) or (code.where(node).line or 0) > line:
            continue
        asked = any(
            isinstance(inner, ast.Attribute)
            and inner.attr in STATES
            and ast.unparse(inner.value) == owner
            for inner in code.within(node.test)
        )
        # `if not r.ready(): r.get()` is what waits
        body = node.body if isinstance(node, ast.If) else [node.body]
        denied = isinstance(node.test, ast.UnaryOp)
        if asked and not (denied and any(get in code.within(one) for one in body)):
            return True
    return False


def _asks_about_all(facts: Facts, code: Code, function: ast.AST, get: ast.Attribute) -> bool:
    """Whether a function asks anywhere if results are there, before it gets one out of many:
    `all(r.ready() for r in results)`, `[r.get() for r in results if r.ready()]`."""
    if is_result(facts, code, followed(code, get.value)):
        return False
    return get.attr not in METHODS and any(
        isinstance(node, ast.Attribute) and node.attr in STATES for node in code.within(function)
    )


def _is_polled(code: Code, call: ast.Call) -> bool:
    """Whether a call of ready() is asked again and again, in the head of a loop."""
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr not in {"ready", "successful"}:
        return False
    inner: ast.AST = call
    for outer in code.around(call):
        if isinstance(outer, ast.While):
            return outer.test is inner
        if not isinstance(outer, ast.expr):
            return False
        inner = outer
    return False


def all_are(
    kind: Callable[[Facts, Code, ast.expr], bool], facts: Facts, code: Code, node: ast.expr
) -> bool:
    """Whether all that a value may come from is of a kind: also one of `[send.delay(pk), ...]`."""
    values = values_of(code, node)
    return bool(values) and all(kind(facts, code, value) for value in values)


def is_result(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is the result of a task that was sent."""
    if is_sent(facts, code, node):
        return True
    if not isinstance(node, ast.Call):
        return False
    # also `app.AsyncResult(id)`, and that of a task
    if isinstance(node.func, ast.Attribute) and node.func.attr == "AsyncResult":
        return True
    name = dotted(node.func)
    return facts.code.bindings(code.path).get(name) == ("celery.result", "AsyncResult")


def is_view(code: Code, function: ast.AST) -> bool:
    """Whether a function answers a request: it takes one, or is a method with `self.request`."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    names = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    holder = code.parents.get(function)
    bases = holder.bases if isinstance(holder, ast.ClassDef) else []
    # a task has a request of its own, and a command is run by a person
    if any(dotted(base).endswith(("Task", "Command")) for base in bases):
        return False
    if "request" in names[:2]:
        return True
    if not isinstance(holder, ast.ClassDef) or names[:1] != ["self"]:
        return False
    return any(
        isinstance(node, ast.Attribute) and dotted(node) == "self.request"
        for node in code.within(function)
    )


def has_no_backend(facts: Facts) -> bool:
    """Whether the project has no result backend for certain."""
    if not facts.project.celery or not facts.project.celery[0].reads_django_settings:
        return False
    if facts.worker and facts.worker.backend:
        return facts.worker.backend == "disabled"
    return not (facts.settings.is_set("result_backend") or facts.project.settings.split)


def is_sent(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression sends a task, or canvas, and gives its result."""
    if _is_send(facts, code, node):
        return True
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in SENDS:
        return is_canvas(facts, code, node.func.value)
    return composer_of(facts, code, node.func) in {"chain", "group"}


def _is_send(facts: Facts, code: Code, node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SENDS
        and facts.tasks.named_by(code, node.func.value) is not None
    )


def ignores_results(facts: Facts, task: Task) -> bool:
    """Whether the results of a task are certainly not stored: by its option, or by the setting."""
    for report in (facts.worker, facts.web):
        for found in report.tasks if report else ():
            if task.name and found.name == task.name:
                return bool(found.attributes.get("ignore_result"))
    own = task.options.get("ignore_result")
    if own is not None or task.hidden or "base" in task.options:
        return is_true(own)
    everywhere = [*facts.settings.named("CELERY_TASK_IGNORE_RESULT")]
    return bool(everywhere) and all(is_true(setting.value) for setting in everywhere)


def how_to_keep(facts: Facts, task: Task) -> str:
    """What to write so that the results of a task are stored, by what keeps them from it."""
    name = task.node.name
    if is_true(task.options.get("ignore_result")):
        return f"Remove ignore_result=True from {name}."
    decorator = task.decorator.func if isinstance(task.decorator, ast.Call) else task.decorator
    others = ""
    if task.options or task.hidden:
        others = "..., "
    written = f"@{dotted(decorator)}({others}ignore_result=False)"
    setting = facts.settings.first("CELERY_TASK_IGNORE_RESULT")
    if setting is not None and is_true(setting.value):
        return f"{setting.name} is on ({setting.where}): write {written} for {name}."
    return f"Write {written} for {name}."


@check("celery.W600")
def ignored_result_awaited(facts: Facts) -> Iterator[Occurrence]:
    """The result of a task that ignores its results is asked for.

    What happens: get() returns None at once, before the task has run; a state stays PENDING.
    How it looks: (nothing)
    Why: With ignore_result=True, of the task or by CELERY_TASK_IGNORE_RESULT, nothing is stored.
    Fix: ignore_result=False for the task, or do not ask.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.ignore_result
    """
    if has_no_backend(facts):
        return
    for code in facts.code.relevant:
        for node in code.of(ast.Attribute):
            if node.attr not in ASKED:
                continue
            sent = values_of(code, node.value)
            if not sent or not all(_is_send(facts, code, one) for one in sent):
                continue
            send = sent[0]
            assert isinstance(send, ast.Call) and isinstance(send.func, ast.Attribute)
            task = facts.tasks.named_by(code, send.func.value)
            kept = any(k.arg == "ignore_result" for k in send.keywords)
            # a task that waits is E401, whatever it waits for
            inside = any(one.node is code.function_of(node) for one in facts.tasks)
            if task and not kept and not inside and ignores_results(facts, task):
                yield Occurrence(
                    f"{task.node.name} ignores its results, so .{node.attr} never has one",
                    code.where(node),
                    how_to_keep(facts, task),
                )


@check("celery.W570")
def commit_in_loop(facts: Facts) -> Iterator[Occurrence]:
    """A lambda for on_commit in a loop uses the loop's variable.

    What happens: The task is sent for the last row, once per row.
    How it looks: (nothing)
    Why: The lambda runs after the loop, and looks the variable up then.
    Fix: transaction.on_commit(partial(task.delay, order.pk)), or task.delay_on_commit(order.pk).
    Source: https://docs.python.org/3/faq/programming.html#why-do-lambdas-defined-in-a-loop-with-different-values-all-return-the-same-result
    """
    for code in facts.code.relevant:
        for call, given in handed_callables(code):
            if not isinstance(given, ast.Lambda) or not _sends_task(facts, code, given):
                continue
            bound = {node.arg for node in ast.walk(given.args) if isinstance(node, ast.arg)}
            used = {n.id for n in ast.walk(given.body) if isinstance(n, ast.Name)} - bound
            changing = used & _changed_by_loop(code, call)
            if changing:
                yield Occurrence(
                    f"this runs after the loop, when {min(changing)} is the last one",
                    code.where(given),
                    _bound_at_once(facts, code, given),
                )


def _bound_at_once(facts: Facts, code: Code, given: ast.Lambda) -> str:
    """How to give the task its arguments now, in the words of the lambda."""
    if not isinstance(given.body, ast.Call) or not _is_send(facts, code, given.body):
        return "Use functools.partial(task.delay, ...) or delay_on_commit()."
    call = given.body
    named = [ast.unparse(keyword) for keyword in call.keywords]
    parts = [ast.unparse(call.func), *map(ast.unparse, call.args), *named]
    return f"Write functools.partial({', '.join(parts)}) in place of the lambda."


def handed_callables(code: Code) -> Iterator[tuple[ast.Call, ast.expr]]:
    """What is given to `on_commit()`, in a file."""
    for call in code.calls_of("on_commit"):
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "func")]
        for value in given[:1]:
            yield call, value


def _sends_task(facts: Facts, code: Code, node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.expr) and _is_send(facts, code, inner) for inner in ast.walk(node)
    )


def _changed_by_loop(code: Code, node: ast.AST) -> set[str]:
    """The names that the loops around a node, in the same function and transaction, bind anew.

    A transaction inside of the loop ends, and its callbacks run, before the next round.
    """
    found: set[str] = set()
    for outer in code.around(node):
        match outer:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return found
            case ast.With(items=items) if any(is_atomic(item.context_expr) for item in items):
                return found
            case ast.For() | ast.AsyncFor():
                found |= _stored(outer.target)
                for statement in outer.body:
                    found |= _stored(statement)
    return found


def _stored(node: ast.AST) -> set[str]:
    return {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


@check("celery.E571")
def commit_given_a_call(facts: Facts) -> Iterator[Occurrence]:
    """on_commit is given the result of sending a task.

    What happens: The task is sent at once, before the commit; then on_commit raises.
    How it looks: TypeError: on_commit()'s callback must be a callable.
    Why: A call stands for what it gives: on_commit() wants a function that it can call later.
    Fix: transaction.on_commit(lambda: notify.delay(1)), or notify.delay_on_commit(1).
    Source: https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit
    """
    for code in facts.code.relevant:
        for _, given in handed_callables(code):
            if not isinstance(given, ast.Call):
                continue
            task = facts.tasks.named_by(code, given.func)
            if task is not None or _is_send(facts, code, given):
                yield Occurrence(
                    f"{ast.unparse(given.func)}() is called at once, not after the commit",
                    code.where(given),
                    f"Write lambda: {ast.unparse(given)}.",
                )


@check("celery.E602")
def result_of_commit_used(facts: Facts) -> Iterator[Occurrence]:
    """The result of delay_on_commit() is used.

    What happens: The call raises, after the task was handed to the transaction.
    How it looks: AttributeError: 'NoneType' object has no attribute 'id'
    Why: The task is sent after the commit, so delay_on_commit() has no result: it returns None.
    Fix: transaction.on_commit() with a function that sends and keeps the id; or delay().
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html#trigger-tasks-at-the-end-of-the-database-transaction
    """
    for code in facts.code.relevant:
        if "_on_commit" not in code.source.text:
            continue
        for node in code.of(ast.Attribute):
            call = followed(code, node.value)
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            how, owner = call.func.attr, call.func.value
            if how in ALL_SENDS - SENDS and facts.tasks.named_by(code, owner):
                yield Occurrence(
                    f"{how}() returns None, which has no {node.attr}",
                    code.where(node),
                    "Use delay() where the id is needed.",
                )


@check("celery.W604")
def result_is_always_true(facts: Facts) -> Iterator[Occurrence]:
    """A condition asks for a result in a way that is always true.

    What happens: The branch is taken before the task has run.
    How it looks: (nothing)
    Why: The result of delay() is an object, and `ready` without parentheses is a method: both are
        true.
    Fix: if result.ready():
    Source: https://docs.celeryq.dev/en/stable/reference/celery.result.html
    """
    for code in facts.code.relevant:
        branches: list[ast.If | ast.While | ast.IfExp]
        branches = [*code.of(ast.If), *code.of(ast.While), *code.of(ast.IfExp)]
        for node in branches:
            asked = node.test
            if isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not):
                asked = asked.operand
            method = ""
            if isinstance(asked, ast.Attribute) and asked.attr in METHODS:
                method, asked = asked.attr, asked.value
            if is_result(facts, code, followed(code, asked)):
                yield Occurrence(
                    "this is always true: it says nothing about the task",
                    code.where(node.test),
                    f"Call {method or 'ready'}().",
                )


def _method_sent(node: ast.expr) -> str:
    return dotted(node.func) if isinstance(node, ast.Call) else ""


@check("celery.E606")
def result_awaited(facts: Facts) -> Iterator[Occurrence]:
    """The result of sending a task is awaited.

    What happens: The task is sent, and the view fails.
    How it looks: TypeError: object AsyncResult can't be used in 'await' expression
    Why: delay() is a plain function, and its result no coroutine.
    Fix: await sync_to_async(task.delay)(...), or no await.
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        for node in code.of(ast.Await):
            if _is_send(facts, code, node.value):
                yield Occurrence(
                    "the result of a send cannot be awaited",
                    code.where(node),
                    "Write it without await, or wrap the method: await "
                    f"sync_to_async({_method_sent(node.value)})(...).",
                )


@check("celery.E553")
def result_of_call_sent(facts: Facts) -> Iterator[Occurrence]:
    """A task is called, and its result is sent.

    What happens: The task runs at once, in this process; then the call raises.
    How it looks: AttributeError: 'NoneType' object has no attribute 'delay'
    Why: task(1) is a plain call; what sends is a method of the task itself.
    Fix: task.delay(1)
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        for call in code.calls:
            sender = call.func
            if not isinstance(sender, ast.Attribute) or sender.attr not in ALL_SENDS:
                continue
            called = sender.value
            task = facts.tasks.named_by(code, called.func) if isinstance(called, ast.Call) else None
            if task is None or not isinstance(called, ast.Call):
                continue
            arguments = [ast.unparse(node) for node in called.args]
            arguments += [ast.unparse(keyword) for keyword in called.keywords]
            name = ast.unparse(called.func)
            yield Occurrence(
                f"{name}() runs the task here, and what it returns has no .{sender.attr}()",
                code.where(call),
                f"Write {name}.delay({', '.join(arguments)}).",
            )


@check("celery.W551")
def send_never_called(facts: Facts) -> Iterator[Occurrence]:
    """The method that sends a task is named and never called.

    What happens: Nothing: the task is not sent.
    How it looks: (nothing)
    Why: task.delay without parentheses is only the method; and a generator, or map(), does nothing
        until something goes through it.
    Fix: task.delay()
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        values = [statement.value for statement in code.of(ast.Expr)]
        for value in values:
            if _is_lazy(facts, code, value):
                yield Occurrence(
                    "nothing ever asks this for a value, so nothing is sent",
                    code.where(value),
                    "Write a `for` loop.",
                )
        # what on_commit calls is the lambda, and nothing calls what that returns
        handed = [given for _, given in handed_callables(code)]
        values += [given.body for given in handed if isinstance(given, ast.Lambda)]
        for value in values:
            if not isinstance(value, ast.Attribute) or value.attr not in ALL_SENDS:
                continue
            task = facts.tasks.named_by(code, value.value)
            name = "this canvas"
            if task is not None:
                name = task.node.name
            if task is not None or is_canvas(facts, code, value.value):
                yield Occurrence(
                    f"{name}.{value.attr} is not called: nothing is sent",
                    code.where(value),
                    "Add the parentheses.",
                )


def _is_lazy(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether a statement is a generator, or a map(), that would send tasks."""
    if isinstance(node, ast.GeneratorExp):
        return _is_send(facts, code, node.elt)
    if not isinstance(node, ast.Call) or dotted(node.func) != "map" or not node.args:
        return False
    given = node.args[0]
    if isinstance(given, ast.Lambda):
        return _is_send(facts, code, given.body)
    if not isinstance(given, ast.Attribute) or given.attr not in ALL_SENDS:
        return False
    return facts.tasks.named_by(code, given.value) is not None
