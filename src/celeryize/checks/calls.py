"""How tasks are called from Django: inside transactions, with model instances, with the wrong
arguments."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Sequence

from celeryize.celery_facts import words
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, dotted, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.fixes import make_tuple, only_near, rename_argument
from celeryize.patch.replace import with_parentheses

# The methods that publish at once, whatever becomes of the transaction.
SENDS = {"delay", "apply_async"}
# What a call may be wrapped in so that it waits for the commit.
COMMITS = {"on_commit", "delay_on_commit", "apply_async_on_commit", "_on_commit"}
# Options that let the transaction end before the worker runs the task.
LATER = {"countdown", "eta"}
# Options of apply_async that people pass to delay.
SEND_ONLY = {
    "countdown",
    "eta",
    "expires",
    "queue",
    "priority",
    "routing_key",
    "link",
    "link_error",
    "task_id",
}
# Methods of managers and querysets that give model instances.
FETCHES = {
    "get",
    "create",
    "first",
    "last",
    "latest",
    "earliest",
    "get_or_404",
    "get_object_or_404",
    "all",
    "filter",
}
# What apply_async reads. Source: celery/app/task.py of 5.7.
KNOWN = words(
    """
    args kwargs task_id producer link link_error shadow countdown eta expires retry retry_policy
    queue exchange routing_key priority serializer compression add_to_parent publisher headers
    connection ignore_result time_limit soft_time_limit root_id parent_id group_id group_index chord
    reply_to delivery_mode
    """
)


def misfit(task: Task, positional: int, named: Sequence[str]) -> str | None:
    """Why arguments do not fit a task, in Python's words; None if they do, or if that is not
    known."""
    signature = task.signature
    if signature is None:
        return None
    try:
        # Python itself decides, with its own words: the values do not matter, only their number
        signature.bind(*[None] * positional, **dict.fromkeys(named))
    except TypeError as error:
        return str(error)
    return None


def _task_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call, str, Task]]:
    """Every `.delay(...)` and `.apply_async(...)` on a task of the project."""
    for code in facts.code.relevant:
        for call in code.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in SENDS | {
                "delay_on_commit"
            }:
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
    for code, call, how, task in _task_calls(facts):
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
            case ast.With(items=items) if any(_is_atomic(item.context_expr) for item in items):
                return "is called inside atomic()"
            case ast.FunctionDef(name=name, decorator_list=decorators):
                if name in handed:
                    return None
                if any(_is_atomic(d) for d in decorators):
                    return "is called inside atomic()"
                if any(_is_receiver(d) for d in decorators):
                    return "is called in a handler of a model's save"
                holder = code.parents.get(outer)
                if isinstance(holder, ast.ClassDef) and name == "save" and _is_model(holder):
                    return "is called in a model's save()"
                if atomic_requests and not nested and code.path.name == "views.py":
                    return "is called in a view, and ATOMIC_REQUESTS is on"
                if code.function_of(outer) is not None:
                    # an inner function: who calls it, and when, is not known
                    return None
                nested = True
    return None


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


def _is_atomic(node: ast.expr) -> bool:
    spelled = dotted(node.func if isinstance(node, ast.Call) else node)
    return spelled in {"atomic", "transaction.atomic", "django.db.transaction.atomic"}


def _is_receiver(node: ast.expr) -> bool:
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


def _is_model(node: ast.ClassDef) -> bool:
    return any(dotted(base).rpartition(".")[2].endswith("Model") for base in node.bases)


@check("celery.W360")
def model_instance_passed(facts: Facts) -> Iterator[Occurrence]:
    """A task is given a model instance or a request.

    What happens: The call raises.
    How it looks: kombu.exceptions.EncodeError: Object of type Doctor is not JSON serializable
    Why: Arguments travel as JSON.
    Fix: Pass the primary key and load the object in the task.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    for code, call, how, task in _task_calls(facts):
        if _is_pickled(facts, call, task):
            continue
        given = list(call.args) + [k.value for k in call.keywords if k.arg]
        if how == "apply_async":
            packed = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "args")]
            # only a literal tuple or list shows what is in it
            given = [e for p in packed if isinstance(p, ast.Tuple | ast.List) for e in p.elts]
        for value in given:
            what = _instance_words(code, call, value)
            if what:
                yield Occurrence(
                    f"{task.node.name} is given {what}, which JSON cannot hold",
                    code.where(value),
                    "Pass its primary key.",
                )


def _is_pickled(facts: Facts, call: ast.Call, task: Task) -> bool:
    """Whether the arguments of a call may travel as a pickle, which holds any object."""
    chosen = [task.options.get("serializer")]
    chosen += [keyword.value for keyword in call.keywords if keyword.arg == "serializer"]
    chosen += [s.value for s in facts.settings.named("CELERY_TASK_SERIALIZER")]
    if any("pickle" in ast.unparse(node) for node in chosen if node is not None):
        return True
    # the default of Celery 3
    if facts.is_before_celery(4):
        return True
    return facts.worker is not None and facts.worker.conf.get("task_serializer") == "pickle"


def _instance_words(code: Code, call: ast.Call, value: ast.expr) -> str | None:
    """What object an argument is, in words, where the code shows it."""
    function = code.function_of(call)
    if not isinstance(value, ast.Name) or function is None:
        return None
    holder = code.parents.get(function)
    if value.id == "self" and isinstance(holder, ast.ClassDef) and _is_model(holder):
        return f"the {holder.name} itself"
    parameters = {argument.arg for argument in [*function.args.posonlyargs, *function.args.args]}
    if value.id == "request" and "request" in parameters:
        return "the request"
    if value.id == "instance" and any(_is_receiver(d) for d in function.decorator_list):
        return "the model instance"
    last = _last_assignment(function, value.id, call.lineno)
    if last is None or not isinstance(last.value, ast.Call):
        return None
    spelled = dotted(last.value.func)
    from_manager = ".objects." in spelled and spelled.rpartition(".")[2] in FETCHES
    if from_manager or spelled == "get_object_or_404":
        return f"the result of {spelled}()"
    return None


def _last_assignment(function: Function, name: str, line: int) -> ast.Assign | None:
    """The last assignment of a name in a function above a line."""
    found: ast.Assign | None = None
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign) or node.lineno >= line:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            if found is None or node.lineno > found.lineno:
                found = node
    return found


@check("celery.E370")
def call_does_not_fit(facts: Facts) -> Iterator[Occurrence]:
    """The arguments of a call do not fit the task.

    What happens: The call raises.
    How it looks: TypeError: add() got an unexpected keyword argument 'expires'
    Why: .delay() passes everything to the task; options such as expires or countdown belong to
        apply_async().
    Fix: task.apply_async(args=(1, 2), expires=3)
    Source: reproduced with Celery 5.7
    """
    for code, call, how, task in _task_calls(facts):
        if how not in {"delay", "delay_on_commit"} or facts.tasks.have_own_class:
            continue
        # `*args` and `**kwargs` may hold anything
        if any(isinstance(a, ast.Starred) for a in call.args) or any(
            k.arg is None for k in call.keywords
        ):
            continue
        named = [k.arg for k in call.keywords if k.arg]
        problem = misfit(task, len(call.args), named)
        if problem:
            option = next((n for n in named if n in SEND_ONLY), None)
            hint = (
                f"{option} is an option of apply_async()."
                if option
                else f"{task.node.name} is defined in {task.where}."
            )
            yield Occurrence(f"{task.node.name}.{how}(): {problem}", code.where(call), hint)


@check("celery.W371", fixable=True)
def send_option_misspelt(facts: Facts) -> Iterator[Occurrence]:
    """apply_async is given an unknown option.

    What happens: Nothing: the option has no effect.
    How it looks: (nothing)
    Why: apply_async takes any keyword.
    Fix: Rename it.
    Source: celery/app/task.py
    """
    for code, call, how, _ in _task_calls(facts):
        for keyword in call.keywords if how == "apply_async" else ():
            if keyword.arg and keyword.arg not in KNOWN:
                # an option that resembles none may be read by a task class of the project
                close = difflib.get_close_matches(keyword.arg, KNOWN, 1, 0.7)
                if close:
                    yield Occurrence(
                        f"the option {keyword.arg} has no effect",
                        code.where(keyword.value),
                        f"Did you mean {close[0]}?",
                        fix=rename_argument(
                            code, call, keyword, only_near(keyword.arg, KNOWN, 0.7)
                        ),
                    )


@check("celery.E372", fixable=True)
def send_values_wrong(facts: Facts) -> Iterator[Occurrence]:
    """apply_async is given args that are not a tuple, or a countdown that is not a number.

    What happens: The call raises.
    How it looks: TypeError: ... argument after * must be an iterable, not int
        TypeError: '<' not supported between instances of 'datetime.timedelta' and 'int'
    Why: args is a tuple or a list, countdown a number of seconds.
    Fix: args=(5,) with the comma; countdown=60.
    Source: reproduced with Celery 5.7
    """
    for code, call, how, task in _task_calls(facts):
        if how != "apply_async":
            continue
        given = {k.arg: k.value for k in call.keywords if k.arg}
        args = given.get("args", call.args[0] if call.args else None)
        if isinstance(args, ast.Constant) and args.value is not None:
            yield Occurrence(
                f"args is {ast.unparse(args)}, not a tuple",
                code.where(args),
                f"Write ({ast.unparse(args)},).",
                fix=one_in_a_tuple(task, code, args),
            )
        countdown = given.get("countdown")
        if isinstance(countdown, ast.Call) and dotted(countdown.func) in {
            "timedelta",
            "datetime.timedelta",
        }:
            yield Occurrence(
                "countdown is a timedelta, not a number of seconds",
                code.where(countdown),
                "Write the seconds.",
            )


def one_in_a_tuple(task: Task | None, code: Code, args: ast.expr, entry: str = "") -> Fix | Unsure:
    """The comma that `args=(5)` lacks, where the task takes one argument.

    A text without parentheses may be meant as it is: each of its letters is an argument.
    """
    start, _ = with_parentheses(code.source, args)
    if text_of(args) is not None and start == code.source.start(args):
        return Unsure("a text may be meant as a sequence of letters")
    if task is None or task.signature is None or misfit(task, 1, ()):
        return Unsure("the task does not take exactly one argument")
    return make_tuple(code, args, entry)


@check("celery.E380")
def result_without_backend(facts: Facts) -> Iterator[Occurrence]:
    """A result is requested, and there is no result backend.

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
                        "Set CELERY_RESULT_BACKEND.",
                    )
            # a task that waits is E401, with or without a backend
            elif call.func.attr == "get" and _is_send(facts, code, call.func.value):
                if any(task.node is code.function_of(call) for task in facts.tasks):
                    continue
                yield Occurrence(
                    "this waits for a result, and there is no result backend",
                    code.where(call),
                    "Set CELERY_RESULT_BACKEND.",
                )


def has_no_backend(facts: Facts) -> bool:
    """Whether the project has no result backend for certain."""
    if not facts.project.celery or not facts.project.celery[0].reads_django_settings:
        return False
    if facts.worker and facts.worker.backend:
        return facts.worker.backend == "disabled"
    return not (facts.settings.is_set("result_backend") or facts.project.settings.split)


def _is_send(facts: Facts, code: Code, node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SENDS
        and facts.tasks.named_by(code, node.func.value) is not None
    )
