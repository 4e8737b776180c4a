"""Canvas: chains, groups, chords and callbacks, and what their members are given."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from inspect import Parameter

from celeryize.checks.arguments import misfit
from celeryize.checks.calls import has_no_backend, how_to_keep, ignores_results
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import (
    MAKERS,
    SENDERS,
    chains_in,
    composer_of,
    followed,
    full_name,
    is_canvas,
    members_of,
    signature_of,
    steps_of,
)
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, default_of, text_of
from celeryize.checks.facts.returned import needs_value, returns_nothing
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

# Result backends that hand each part's result to the chord itself: nothing has to be stored.
COUNTING = ("redis", "rediss", "sentinel", "celery.backends.redis")
# Result backends without chords; Source: celery/backends/rpc.py, supports_native_join.
CHORDLESS = ("rpc", "amqp")
# The parameters that the result of the step before goes into.
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
CANVAS_WORDS = ("chain", "group", "chord", "link", "on_error", "|")


def _canvas_codes(facts: Facts) -> Iterator[Code]:
    """The files that may hold canvas; the text of most rules it out."""
    for code in facts.code.relevant:
        if any(word in code.source.text for word in CANVAS_WORDS):
            yield code


def _chords(facts: Facts, code: Code) -> Iterator[tuple[ast.expr, list[ast.expr], ast.expr | None]]:
    """Each chord of a file: where it is, its header's members, and its body.

    A group with a step behind it is one, too.
    """
    for call in code.calls:
        if composer_of(facts, code, call) != "chord" or not call.args:
            continue
        header = followed(code, call.args[0])
        members: list[ast.expr] = []
        match header:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                members = elements
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                members = [element]
            case ast.Call() if composer_of(facts, code, header) == "group":
                members = members_of(code, header) or []
        yield call, members, _body_of(code, call)
    for steps in chains_in(facts, code):
        for step, following in itertools.pairwise(steps):
            group = followed(code, step)
            if composer_of(facts, code, group) != "group":
                continue
            assert isinstance(group, ast.Call)
            repeated = any(isinstance(a, ast.ListComp | ast.GeneratorExp) for a in group.args)
            members = members_of(code, group) or []
            # a group of one is its member, and no chord
            if repeated or len(members) != 1:
                yield step, members, following


def _body_of(code: Code, call: ast.Call) -> ast.expr | None:
    """The body of `chord(header, body)` or `chord(header)(body)`."""
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "body")]
    outer = code.parents.get(call)
    if not given and isinstance(outer, ast.Call) and outer.func is call:
        given = outer.args[:1]
    return next(iter(given), None)


def _backend_name(facts: Facts) -> str:
    """The scheme or the module of the result backend, where the settings show it."""
    setting = facts.settings.first("CELERY_RESULT_BACKEND")
    value = None
    if setting:
        value = text_of(default_of(setting.value))
    if facts.worker and facts.worker.conf.get("result_backend"):
        value = str(facts.worker.conf["result_backend"])
    return (value or "").partition(":")[0].lower()


# The methods of a task that make one message of many calls.
SPREADS = frozenset({"map", "starmap", "chunks"})


@check("celery.E500")
def chord_without_backend(facts: Facts) -> Iterator[Occurrence]:
    """A chord, or a group with a task behind it, has no result backend that can do chords.

    What happens: The call raises; inside of a chain, the step before it fails. The callback never
        runs.
    How it looks: NotImplementedError: Starting chords requires a result backend to be configured.
    Why: Only the result backend knows when all parts of the group are done.
    Fix: Set CELERY_RESULT_BACKEND, for example to redis:// or django-db; rpc:// has no chords.
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chord-important-notes
    """
    missing = has_no_backend(facts)
    chordless = _backend_name(facts) in CHORDLESS
    if not (missing or chordless):
        return
    for code in _canvas_codes(facts):
        for node, _, _ in _chords(facts, code):
            what = "no result backend is configured"
            if chordless:
                what = f"the result backend {_backend_name(facts)}:// has no chords"
            yield Occurrence(
                f"this is a chord, and {what}: its callback never runs",
                code.where(node),
                _backend_with_chords(facts),
            )


def _backend_with_chords(facts: Facts) -> str:
    """The result backend to set: one that the project has what it needs for, and that counts."""
    broker = facts.settings.first("CELERY_BROKER_URL")
    url = text_of(default_of(broker.value)) if broker else None
    value = "django-db (with django-celery-results), or redis://localhost:6379/1"
    if facts.settings.has_text("django_celery_results"):
        value = "django-db"
    elif url and url.startswith("redis"):
        value = "redis://localhost:6379/1, or django-db (with django-celery-results)"
    setting = facts.settings.first("CELERY_RESULT_BACKEND")
    place = f" ({setting.where})" if setting else ""
    return f"Set CELERY_RESULT_BACKEND{place} to {value}."


@check("celery.E510")
def result_does_not_fit(facts: Facts) -> Iterator[Occurrence]:
    """A step of a chain, a chord's body or a callback does not take the result that it is given.

    What happens: The task does not run, and the step before it fails with a TypeError.
    How it looks: TypeError: tidy() takes 0 positional arguments but 1 was given
    Why: .s() puts the result of the step before in front of its own arguments.
    Fix: .si() where the result is not wanted; else a parameter for it.
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#immutability
    """
    for code, node in _receiving(facts):
        signature = signature_of(facts, code, node)
        if signature is None or signature.immutable or not signature.certain:
            continue
        problem = misfit(signature.task, signature.positional + 1, signature.named)
        if problem:
            name = signature.task.node.name
            hint = f"Give {name} a parameter for the result of the step before."
            if misfit(signature.task, signature.positional, signature.named) is None:
                hint = f"Write {name}.si(...) if the result is not wanted."
            yield Occurrence(
                f"{name} is given the result of the step before: {problem}",
                code.where(signature.node),
                hint,
            )


@check("celery.E511")
def result_is_missing(facts: Facts) -> Iterator[Occurrence]:
    """A step that needs the result of the step before it is made with .si().

    What happens: The task does not run, and the step before it fails with a TypeError.
    How it looks: TypeError: ship() missing 1 required positional argument: 'parcel'
    Why: .si() is an immutable signature: it takes no result.
    Fix: .s()
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#immutability
    """
    for code, node in _receiving(facts):
        signature = signature_of(facts, code, node)
        if signature is None or not signature.immutable or not signature.certain:
            continue
        task = signature.task
        problem = misfit(task, signature.positional, signature.named)
        fits_with_result = misfit(task, signature.positional + 1, signature.named) is None
        if problem and fits_with_result and task.signature is not None:
            yield Occurrence(
                f"{task.node.name} is not given the result of the step before: {problem}",
                code.where(signature.node),
                f"Write {task.node.name}.s(...).",
            )


@check("celery.W514")
def nothing_is_handed_on(facts: Facts) -> Iterator[Occurrence]:
    """A step of a chain is given the result of a step that returns nothing.

    What happens: Its first argument is None.
    How it looks: TypeError: 'NoneType' object is not iterable
    Why: .s() puts the result of the step before in front of its own arguments, and a function
        without a `return` gives None.
    Fix: Return what the next step needs; or .si() where it needs nothing.
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chains
    """
    for code, before, node in _handed_on(facts):
        giver = _giver(facts, code, before)
        signature = signature_of(facts, code, node)
        if giver is None or signature is None or signature.immutable or not signature.certain:
            continue
        task = signature.task
        takes = task.signature
        # what does not fit is E510
        if takes is None or misfit(task, signature.positional + 1, signature.named):
            continue
        first = next(iter(takes.parameters.values()), None)
        if first is None or first.kind not in POSITIONAL or first.default is not first.empty:
            continue
        if returns_nothing(giver) and needs_value(task, first.name):
            name = task.node.name
            yield Occurrence(
                f"{first.name} of {name} is None: {giver.node.name} ({giver.where}), the step "
                "before it, returns nothing",
                code.where(signature.node),
                f"Return from {giver.node.name} what {name} needs, or give it {first.name} here: "
                f"{name}.si(...).",
            )


def _handed_on(facts: Facts) -> Iterator[tuple[Code, ast.expr, ast.expr]]:
    """Each step, and what is called with its result: the next step, a member of a group."""
    for code in _canvas_codes(facts):
        for steps in chains_in(facts, code):
            for before, step in itertools.pairwise(steps):
                yield from ((code, before, node) for node in _first_of(facts, code, step))
        for call in code.calls:
            for keyword in call.keywords:
                if keyword.arg == "link" and isinstance(call.func, ast.Attribute):
                    for node in _first_of(facts, code, keyword.value):
                        yield code, call.func.value, node


def _giver(facts: Facts, code: Code, node: ast.expr) -> Task | None:
    """The one task whose result an expression gives on: a signature, or a task that is sent."""
    task = facts.tasks.named_by(code, node)
    signature = None
    if task is None:
        signature = signature_of(facts, code, node)
    if signature is not None:
        task = signature.task
    if task is None or facts.tasks.have_own_class:
        return None
    return task


def _receiving(facts: Facts) -> Iterator[tuple[Code, ast.expr]]:
    """Every expression that is called with the result of something else."""
    for code in _canvas_codes(facts):
        for steps in chains_in(facts, code):
            for step in steps[1:]:
                yield from ((code, node) for node in _first_of(facts, code, step))
        for _, _, body in _chords(facts, code):
            if body is not None:
                yield from ((code, node) for node in _first_of(facts, code, body))
        for node in _callbacks(facts, code, "link"):
            yield from ((code, first) for first in _first_of(facts, code, node))


def _first_of(facts: Facts, code: Code, node: ast.expr) -> Iterator[ast.expr]:
    """What a result goes to: the members of a group, the first step of a chain, or the step
    itself."""
    value = followed(code, node)
    kind = composer_of(facts, code, value)
    steps = steps_of(facts, code, value)
    if steps:
        yield from _first_of(facts, code, steps[0])
    elif kind is None:
        yield value
    elif isinstance(value, ast.Call) and kind == "group":
        for member in members_of(code, value) or ():
            yield from _first_of(facts, code, member)
    elif isinstance(value, ast.Call) and value.args:
        match followed(code, value.args[0]):
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for member in elements:
                    yield from _first_of(facts, code, member)
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                yield element


def _callbacks(facts: Facts, code: Code, kind: str) -> Iterator[ast.expr]:
    """What `link=` or `link_error=` of a send is given, and `.link()`, `.on_error()` of canvas."""
    methods = {"link": {"link"}, "link_error": {"link_error", "on_error"}}[kind]
    for call in code.calls:
        if not isinstance(call.func, ast.Attribute):
            continue
        owner, method = call.func.value, call.func.attr
        given: list[ast.expr] = []
        if method in {*SENDERS, "set"} and _is_ours(facts, code, owner):
            given = [k.value for k in call.keywords if k.arg == kind]
        elif method in methods and is_canvas(facts, code, owner):
            given = call.args[:1]
        for value in given:
            match followed(code, value):
                case ast.List(elts=elements) | ast.Tuple(elts=elements):
                    yield from elements
                case _:
                    yield value


def _is_ours(facts: Facts, code: Code, node: ast.expr) -> bool:
    return facts.tasks.named_by(code, node) is not None or is_canvas(facts, code, node)


@check("celery.E512")
def error_callback_does_not_fit(facts: Facts) -> Iterator[Occurrence]:
    """An error callback does not take what it is called with.

    What happens: It never runs.
    How it looks: TypeError: alarm() takes 2 positional arguments but 3 were given
    Why: An error callback gets the request, the exception and the traceback, or, where it has one
        parameter, the id of the task that failed.
    Fix: Give it three parameters (request, exc, traceback), or make it with .si().
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#linking-callbacks-errbacks
    """
    for code in _canvas_codes(facts):
        for node in _callbacks(facts, code, "link_error"):
            signature = signature_of(facts, code, node)
            if signature is None or signature.immutable or not signature.certain:
                continue
            # one that has arguments of its own is called in the old way
            if signature.positional or signature.named:
                continue
            task = signature.task
            fitting = any(misfit(task, count, ()) is None for count in (1, 3))
            if task.signature is not None and not fitting:
                yield Occurrence(
                    f"{task.node.name} is called with the request, the exception and the "
                    f"traceback: {misfit(task, 3, ())}",
                    code.where(signature.node),
                    f"Give it these three parameters, or write {task.node.name}.si().",
                )


@check("celery.W520")
def header_ignores_results(facts: Facts) -> Iterator[Occurrence]:
    """A task in a chord's header ignores its results.

    What happens: The callback never runs, except with Redis.
    How it looks: (nothing: celery.chord_unlock is tried again and again)
    Why: The other result backends look for the stored results of all parts.
    Fix: ignore_result=False for the task.
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chord-important-notes
    """
    backend = _backend_name(facts)
    if not backend or backend.startswith(COUNTING) or has_no_backend(facts):
        return
    for code in _canvas_codes(facts):
        for _, members, _ in _chords(facts, code):
            for node in members:
                steps = steps_of(facts, code, node) or [node]
                # of a chain in the header, its last step is the part
                signature = signature_of(facts, code, steps[-1])
                if signature and ignores_results(facts, signature.task):
                    name = signature.task.node.name
                    yield Occurrence(
                        f"{name} ignores its results, and the chord waits for them",
                        code.where(signature.node),
                        how_to_keep(facts, signature.task),
                    )


@check("celery.E530")
def call_instead_of_signature(facts: Facts) -> Iterator[Occurrence]:
    """A chain, a group or a chord is given calls of tasks instead of signatures.

    What happens: The tasks run at once, in this process (or are sent, with .delay()), and then the
        call raises.
    How it looks: AttributeError: 'int' object has no attribute 'app'
    Why: To call a task runs it; its s() makes a signature, which a worker calls later.
    Fix: group(weigh.s(pk) for pk in pks)
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures
    """
    for code in _canvas_codes(facts):
        for node in _parts(facts, code):
            task, how = _called_task(facts, code, node)
            if task is not None:
                yield Occurrence(
                    f"{task.node.name}{how}() is called here: no signature is made",
                    code.where(node),
                    f"Write {task.node.name}.s(...).",
                )


@check("celery.E531")
def task_instead_of_signature(facts: Facts) -> Iterator[Occurrence]:
    """A task itself is given where Canvas needs a signature.

    What happens: The call raises; nothing is sent.
    How it looks: TypeError: unsupported operand type(s) for |: 'Signature' and 'PromiseProxy'
        kombu.exceptions.EncodeError: Object of type notify is not JSON serializable
    Why: A task is a function to call; task.s() is the message that can be sent.
    Fix: notify.s()
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures
    """
    for code in _canvas_codes(facts):
        linked = [*_callbacks(facts, code, "link"), *_callbacks(facts, code, "link_error")]
        for node in [*_parts(facts, code), *linked]:
            task = facts.tasks.named_by(code, node)
            if task is not None and not _is_rebound(code, node):
                yield Occurrence(
                    f"{task.node.name} is a task, and a signature is needed here",
                    code.where(node),
                    f"Write {task.node.name}.s().",
                )


def _is_rebound(code: Code, node: ast.expr) -> bool:
    """Whether a name means something else in the function around it."""
    function = code.function_of(node)
    head = dotted(node).partition(".")[0]
    return function is not None and any(
        (isinstance(inner, ast.arg) and inner.arg == head)
        or (isinstance(inner, ast.Name) and inner.id == head and isinstance(inner.ctx, ast.Store))
        for inner in code.within(function)
    )


def _parts(facts: Facts, code: Code) -> Iterator[ast.expr]:
    """Every member of a chain, group or chord in a file, each once."""
    found: dict[ast.expr, None] = {}
    for call in code.calls:
        kind = composer_of(facts, code, call)
        if kind in {"chain", "group"}:
            found.update(dict.fromkeys(members_of(code, call) or ()))
    for steps in chains_in(facts, code):
        found.update(dict.fromkeys(steps))
    for _, members, body in _chords(facts, code):
        found.update(dict.fromkeys(members))
        if body is not None:
            found[body] = None
    yield from found


def _called_task(facts: Facts, code: Code, node: ast.expr) -> tuple[Task | None, str]:
    """The task that an expression calls at once, and by which method (empty: the task itself)."""
    node = followed(code, node)
    if not isinstance(node, ast.Call) or _is_rebound(code, node.func):
        return None, ""
    task = facts.tasks.named_by(code, node.func)
    if task is not None:
        return task, ""
    if isinstance(node.func, ast.Attribute) and node.func.attr in SENDERS:
        return facts.tasks.named_by(code, node.func.value), f".{node.func.attr}"
    return None, ""


@check("celery.E540")
def callback_is_called(facts: Facts) -> Iterator[Occurrence]:
    """A callback is called, or sent, instead of linked.

    What happens: It runs at once, whatever becomes of the task; then the send raises, or nothing is
        linked.
    How it looks: kombu.exceptions.EncodeError: Object of type AsyncResult is not JSON serializable
    Why: delay() sends the callback now, and gives its result; link wants a signature.
    Fix: link=notify.si(1), or notify.s() to be given the result.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#linking-callbacks-errbacks
    """
    for code in _canvas_codes(facts):
        for kind in ("link", "link_error"):
            for node in _callbacks(facts, code, kind):
                task, how = _called_task(facts, code, node)
                if task is not None:
                    yield Occurrence(
                        f"{kind} is given {task.node.name}{how}(), which is called at once",
                        code.where(node),
                        f"Write {kind}={task.node.name}.si(...).",
                    )


@check("celery.W550")
def canvas_never_sent(facts: Facts) -> Iterator[Occurrence]:
    """A signature, chain, group or chord is built and never sent.

    What happens: Nothing: no task runs.
    How it looks: (nothing)
    Why: Canvas only describes the work; .delay() or .apply_async() sends it.
    Fix: chain(a.s(), b.s()).delay()
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html
    """
    for code in facts.code.relevant:
        for node in _unused_canvas(facts, code):
            if not _is_declared(node):
                yield Occurrence(
                    "this is built and never sent: no task runs",
                    code.where(node),
                    _sent_now(node),
                )


def _sent_now(node: ast.expr) -> str:
    """How to send what is built: a row of steps needs parentheses around it."""
    if isinstance(node, ast.BinOp):
        return f"Write ({ast.unparse(node)}).delay()."
    return "Add .delay()."


def _is_declared(node: ast.expr) -> bool:
    """Whether a call is made for its effect on a signature: `sig.set(...)`, `sig.on_error(...)`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr not in MAKERS | SPREADS | {"chain", "group", "chord"}
    )


def _is_spread(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is `task.map(...)`, which is a signature like the others."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in SPREADS:
            return facts.tasks.named_by(code, owner) is not None
    return False


def _unused_canvas(facts: Facts, code: Code) -> Iterator[ast.expr]:
    """The canvas that nothing uses: statements, and what an unused variable is given."""
    for statement in dict.fromkeys(_statement_of(code, call) for call in code.calls):
        if statement is None:
            continue
        if is_canvas(facts, code, statement.value) or _is_spread(facts, code, statement.value):
            yield statement.value
    for call in code.calls:
        # what on_commit calls is the lambda, and nothing sends what that returns
        for handed in call.args:
            if isinstance(handed, ast.Lambda) and dotted(call.func).split(".")[-1] == "on_commit":
                if is_canvas(facts, code, handed.body):
                    yield handed.body
    for assign in code.assigns:
        if not isinstance(assign, ast.Assign) or len(assign.targets) != 1:
            continue
        target = assign.targets[0]
        # few values are canvas; whether a name is used anywhere takes a walk
        if not isinstance(target, ast.Name) or not is_canvas(facts, code, assign.value):
            continue
        function = code.function_of(assign)
        if function is not None and not _is_loaded(code, function, target.id):
            yield assign.value


def _statement_of(code: Code, call: ast.Call) -> ast.Expr | None:
    """The statement that is a call and nothing more, or a row of them: `a.s() | b.s()`."""
    outer = code.parents.get(call)
    while isinstance(outer, ast.BinOp):
        outer = code.parents.get(outer)
    if isinstance(outer, ast.Expr):
        return outer
    return None


def _is_loaded(code: Code, function: Function, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Global | ast.Nonlocal) and name in node.names)
        or (isinstance(node, ast.Name) and node.id in {"locals", "vars"})
        for node in code.within(function)
    )


@check("celery.W532")
def signature_called(facts: Facts) -> Iterator[Occurrence]:
    """A signature is called like a function.

    What happens: The task runs at once, in this process; nothing is sent.
    How it looks: (nothing: the request is slow, and no worker logs the task)
    Why: A chain, a group and a chord are sent by calling them; the signature of one task is not.
    Fix: weigh.s(1).delay()
    Source: https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures
    """
    for code in facts.code.relevant:
        for call in code.calls:
            signature = None
            if isinstance(call.func, ast.Call):
                signature = signature_of(facts, code, call.func)
            if signature is not None:
                name = signature.task.node.name
                yield Occurrence(
                    f"{name} runs here: calling its signature sends nothing",
                    code.where(call),
                    f"Write {name}.delay(...), or call {name}(...) if that is meant.",
                )


@check("celery.E533")
def canvas_awaited_in_task(facts: Facts) -> Iterator[Occurrence]:
    """A task waits for the results of a chain, a group or a chord.

    What happens: The task fails; the others still run.
    How it looks: RuntimeError: Never call result.get() within a task!
    Why: Workers that wait for each other can deadlock.
    Fix: self.replace(...), or a chord, whose body is given the results.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for task in facts.tasks:
        code = task.code
        if code.has("allow_join_result"):
            continue
        for node in task.nodes:
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"get", "join", "join_native"}
                and not any(k.arg == "disable_sync_subtasks" for k in node.keywords)
                and code.function_of(node) is task.node
                and _is_sent_canvas(facts, code, followed(code, node.func.value))
            ):
                yield Occurrence(
                    f"the task {task.name} waits for other tasks",
                    code.where(node),
                    "Use self.replace() or a chord.",
                )


def _is_sent_canvas(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression sends canvas, and gives its result."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"delay", "apply_async"}:
        return is_canvas(facts, code, node.func.value)
    if full_name(facts, code, node.func) == "celery.result.ResultSet":
        return True
    return composer_of(facts, code, followed(code, node.func)) is not None


@check("celery.W552")
def canvas_returned(facts: Facts) -> Iterator[Occurrence]:
    """A task returns a signature, chain, group or chord.

    What happens: Nothing of it runs: its description, a dict, is stored as the result.
    How it looks: (nothing: SUCCESS)
    Why: Celery stores what a task returns; it does not send it.
    Fix: return self.replace(chain(...)), or send it with .delay().
    Source: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.replace
    """
    for task in facts.tasks:
        # a task that is also called as a function may be a builder of canvas
        if task.below or task.hidden or "base" in task.options:
            continue
        for node in task.nodes:
            if (
                isinstance(node, ast.Return)
                and node.value is not None
                and task.code.function_of(node) is task.node
                and is_canvas(facts, task.code, node.value)
                and not _is_declared(followed(task.code, node.value))
            ):
                yield Occurrence(
                    f"{task.node.name} returns canvas, and nothing sends it",
                    task.code.where(node),
                    _how_to_replace(task),
                )


def _how_to_replace(task: Task) -> str:
    """Both ways to send what a task returns; the second one needs the task itself."""
    arguments = [*task.node.args.posonlyargs, *task.node.args.args]
    if task.bound and arguments:
        return f"Send it with .delay(), or return {arguments[0].arg}.replace(...)."
    return (
        f"Send it with .delay(); or give {task.node.name} bind=True and a first parameter self, "
        "and return self.replace(...)."
    )
