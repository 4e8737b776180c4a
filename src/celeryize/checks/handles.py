"""What is done with the handle that delay() gives: it is not what the task returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.celery_facts import words
from celeryize.checks.calls import SENDS, all_are, is_result, is_sent
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import followed, full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.collected import is_changed, values_of
from celeryize.checks.undecorated import is_asked_first
from celeryize.patch.nodes import dotted

# What an AsyncResult, an EagerResult or a GroupResult has.
# Source: celery/result.py
KNOWN = words(
    """
    TimeoutError add app args as_list as_tuple backend build_graph children clear collect
    completed_count copy date_done delete discard exists failed forget get get_leaf graph id ignored
    info iter_native iterate iterdeps join join_native kwargs maybe_reraise maybe_throw name
    on_ready parent queue ready remove restore result results retries revoke
    revoke_by_stamped_headers save
    state status subtasks successful supports_native_join task_id task_name then throw traceback
    update wait waiting worker
    """
)
# Of these, what is a value, and cannot be called.
VALUES = frozenset(
    {"id", "task_id", "state", "status", "traceback", "children", "date_done", "result"}
)
# The methods that do nothing unless they are called.
DEEDS = frozenset({"revoke", "forget", "get", "wait"})
# What a loop asks a handle for.
POLLS = frozenset({"ready", "successful", "failed"})
SOFT_LIMITS = frozenset(
    {"celery.exceptions.SoftTimeLimitExceeded", "billiard.exceptions.SoftTimeLimitExceeded"}
)
# What makes JSON of its first argument.
ENCODERS = frozenset(
    {
        "django.http.JsonResponse",
        "json.dumps",
        "rest_framework.response.Response",
    }
)


@check("celery.E405")
def handle_taken_for_value(facts: Facts) -> Iterator[Occurrence]:
    """The handle of a task that was sent is used like what the task returns.

    What happens: The line raises; the task itself runs.
    How it looks: AttributeError: 'AsyncResult' object has no attribute 'upper'
        TypeError: 'str' object is not callable
    Why: delay() returns at once, with a handle: its id, its state, and, once a worker has run the
        task, its result.
    Fix: Pass result.id on, and read AsyncResult(id).result where it is needed.
    Source: https://docs.celeryq.dev/en/stable/reference/celery.result.html
    """
    for code in facts.code.relevant:
        for node in code.of(ast.Attribute):
            if node.attr.startswith("_") or not isinstance(node.ctx, ast.Load):
                continue
            called = isinstance(outer := code.parents[node], ast.Call) and outer.func is node
            wrong_call = called and node.attr in VALUES
            if (node.attr in KNOWN and not wrong_call) or not _is_handle(facts, code, node.value):
                continue
            if is_asked_first(code, node) or _is_given_to_it(code, node):
                continue
            if wrong_call:
                yield Occurrence(
                    f"{node.attr} of a task that was sent is not a method",
                    code.where(node),
                    f"Write .{node.attr} without the parentheses.",
                )
            else:
                yield Occurrence(
                    f"the handle of a task that was sent has no {node.attr}: it is not what the "
                    "task returns",
                    code.where(node),
                    "Keep its id; what the task returns is .result, once a worker has run it.",
                )


def _is_given_to_it(code: Code, node: ast.Attribute) -> bool:
    """Whether the file itself sets the attribute: `result.owner = request.user`."""
    return any(
        one.attr == node.attr and isinstance(one.ctx, ast.Store) for one in code.of(ast.Attribute)
    )


def _is_handle(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is certainly what sends one task: canvas may give something else."""
    if facts.tasks.have_own_class:
        return False
    values = values_of(code, node)
    return bool(values) and all(_is_send(facts, code, value) for value in values)


def _is_send(facts: Facts, code: Code, value: ast.expr) -> bool:
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    task = facts.tasks.named_by(code, value.func.value)
    # a class of its own may give something else
    return (
        task is not None
        and value.func.attr in SENDS
        and not task.hidden
        and "base" not in task.options
    )


@check("celery.E406")
def handle_made_json(facts: Facts) -> Iterator[Occurrence]:
    """The handle of a task that was sent is put into JSON, or into a session.

    What happens: The request fails, though the task was sent.
    How it looks: TypeError: Object of type AsyncResult is not JSON serializable
    Why: delay() gives an object; its id is the text that can be kept.
    Fix: JsonResponse({"task": result.id})
    Source: https://docs.celeryq.dev/en/stable/reference/celery.result.html
    """
    for code in facts.code.relevant:
        for value in (*_encoded(facts, code), *_in_session(facts, code)):
            for held in _held_in(value):
                if _is_handle(facts, code, held):
                    yield _not_json(code, held)


def _encoded(facts: Facts, code: Code) -> Iterator[ast.expr]:
    """What a file makes JSON of, unless an encoder of its own may know more."""
    for call in code.calls_of("JsonResponse", "dumps", "Response"):
        if call.args and full_name(facts, code, call.func) in ENCODERS:
            if any(k.arg in {"default", "cls", "encoder", None} for k in call.keywords):
                continue
            given = call.args[0]
            if _is_rendered(facts, code, call) or is_changed(code, given):
                continue
            yield followed(code, given)


def _is_rendered(facts: Facts, code: Code, call: ast.Call) -> bool:
    """Whether a Response of Django REST framework may go to a template, or another renderer of the
    project's choice."""
    if not dotted(call.func).endswith("Response") or dotted(call.func).endswith("JsonResponse"):
        return False
    if code.has("renderer_classes", "template_name"):
        return True
    # the settings may name an encoder of their own, too
    return facts.settings.has_text("DEFAULT_RENDERER_CLASSES") and not facts.settings.has_text(
        "rest_framework.renderers.JSONRenderer"
    )


def _in_session(facts: Facts, code: Code) -> Iterator[ast.expr]:
    """What a file puts into the session, which is JSON unless the settings say otherwise."""
    if any(setting.name == "SESSION_SERIALIZER" for setting in facts.settings):
        return
    for assign in code.assigns:
        match assign:
            case ast.Assign(targets=[ast.Subscript(value=owner)], value=value):
                if dotted(owner) in {"request.session", "self.request.session"}:
                    yield value


def _not_json(code: Code, value: ast.expr) -> Occurrence:
    return Occurrence(
        "this is the handle of a task that was sent, which JSON cannot hold",
        code.where(value),
        f"Write {ast.unparse(value)}.id.",
    )


def _held_in(node: ast.expr) -> Iterator[ast.expr]:
    """A value, and those in the dicts and lists that it is written with."""
    match node:
        case ast.Dict(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            for value in values:
                yield from _held_in(value)
        case ast.ListComp(elt=element):
            yield from _held_in(element)
        case _:
            yield node


@check("celery.W407")
def deed_not_called(facts: Facts) -> Iterator[Occurrence]:
    """A method of a result is named, and not called.

    What happens: Nothing: the task is neither revoked nor waited for.
    How it looks: (nothing)
    Why: Without its parentheses a method is only looked up.
    Fix: result.revoke()
    Source: https://docs.celeryq.dev/en/stable/reference/celery.result.html
    """
    for code in facts.code.relevant:
        for statement in code.of(ast.Expr):
            node = statement.value
            if isinstance(node, ast.Attribute) and node.attr in DEEDS:
                if all_are(is_result, facts, code, node.value):
                    yield Occurrence(
                        f"{node.attr} is not called: nothing happens",
                        code.where(node),
                        f"Write .{node.attr}().",
                    )


@check("celery.W408")
def limit_never_reaches(facts: Facts) -> Iterator[Occurrence]:
    """An `except SoftTimeLimitExceeded` stands below an `except Exception`.

    What happens: It never runs: what should be cleaned up at the soft time limit is not.
    How it looks: (nothing)
    Why: The first handler that fits is taken, and SoftTimeLimitExceeded is an Exception.
    Fix: Put it above.
    Source: https://docs.python.org/3/tutorial/errors.html#handling-exceptions;
        billiard/exceptions.py
    """
    for code in facts.code.relevant:
        if "SoftTimeLimitExceeded" not in code.source.text or _names_exception(code):
            continue
        for node in code.of(ast.Try):
            broad = False
            for handler in node.handlers:
                names = _caught(facts, code, handler)
                if broad and names & SOFT_LIMITS:
                    yield Occurrence(
                        "this never runs: the `except` above it takes SoftTimeLimitExceeded",
                        code.where(handler),
                        "Put it above that one.",
                    )
                broad = broad or bool(names & {"Exception", "BaseException"})


def _names_exception(code: Code) -> bool:
    """Whether a file gives Exception another meaning than Python."""
    return any(
        one.id in {"Exception", "BaseException"} and isinstance(one.ctx, ast.Store)
        for one in code.of(ast.Name)
    )


def _caught(facts: Facts, code: Code, handler: ast.ExceptHandler) -> set[str]:
    kinds = [handler.type] if handler.type else []
    if isinstance(handler.type, ast.Tuple):
        kinds = handler.type.elts
    return {full_name(facts, code, kind) or dotted(kind) for kind in kinds}


@check("celery.W409")
def task_polls(facts: Facts) -> Iterator[Occurrence]:
    """A task asks in a loop whether another task is done.

    What happens: Its process of the worker does nothing else meanwhile; where all processes wait
        so, the others never run.
    How it looks: (nothing: the worker hangs, and its queue grows)
    Why: A task that waits for others keeps a process that they need.
    Fix: A chord, or a chain, which go on when the others are done.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for task in facts.tasks:
        code = task.code
        for node in task.nodes:
            if not isinstance(node, ast.While):
                continue
            asked = (one for one in code.within(node.test) if isinstance(one, ast.Call))
            for call in asked:
                if not isinstance(call.func, ast.Attribute) or call.func.attr not in POLLS:
                    continue
                if all_are(is_sent, facts, code, call.func.value):
                    yield Occurrence(
                        f"the task {task.name} waits in a loop for another task",
                        code.where(node),
                        "Use a chord or a chain, which go on when the other is done.",
                    )
                    break
