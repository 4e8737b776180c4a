"""How results, states and the answers of workers are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.calls import has_no_backend, is_result, is_sent
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import followed, full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, default_of, is_false, is_true, text_of
from celeryize.patch.nodes import dotted

# Source: celery/states.py
STATES = frozenset(
    {
        "PENDING",
        "RECEIVED",
        "STARTED",
        "SUCCESS",
        "FAILURE",
        "REVOKED",
        "REJECTED",
        "RETRY",
        "IGNORED",
    }
)
# What people write for the states that they mean.
MEANT = {
    "SUCCESSFUL": "SUCCESS",
    "SUCCEEDED": "SUCCESS",
    "COMPLETED": "SUCCESS",
    "COMPLETE": "SUCCESS",
    "DONE": "SUCCESS",
    "FINISHED": "SUCCESS",
    "FAILED": "FAILURE",
    "ERROR": "FAILURE",
    "RUNNING": "STARTED",
    "CANCELLED": "REVOKED",
    "CANCELED": "REVOKED",
}
# The questions to all workers whose answer is None where none answers.
QUESTIONS = frozenset(
    {
        "active",
        "active_queues",
        "conf",
        "ping",
        "query_task",
        "registered",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
        "clock",
        "report",
    }
)
# What fails on None.
NEEDS_DICT = frozenset({"items", "keys", "values", "get", "copy"})
NEEDS_VALUE = frozenset({"len", "list", "dict", "sorted", "iter", "sum", "next", "any", "all"})
# The columns of TaskResult that stay empty without CELERY_RESULT_EXTENDED.
# Source: django_celery_results/backends/database.py, _get_extended_properties
# Attributes of a result that come with CELERY_RESULT_EXTENDED alone.
OF_THE_TASK = frozenset({"name", "args", "kwargs", "worker", "queue", "retries"})
EXTENDED = ("task_name", "task_args", "task_kwargs", "worker", "periodic_task_name")
LOOKUPS = frozenset({"filter", "exclude", "get", "values", "values_list", "order_by", "first"})


@check("celery.W631")
def state_never_there(facts: Facts) -> Iterator[Occurrence]:
    """A result is compared with a state that it never has.

    What happens: The comparison is never true: a page that waits for it waits for ever.
    How it looks: (nothing)
    Why: The states are PENDING, STARTED, RETRY, SUCCESS, FAILURE and REVOKED, and what
        update_state() of the project sets. STARTED is only reported with CELERY_TASK_TRACK_STARTED.
    Fix: result.successful(), result.failed(), or one of these states.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#built-in-states
    """
    custom = _custom_states(facts)
    if custom is None or has_no_backend(facts):
        return
    for code, compared, text, node in _compared_states(facts):
        if text in custom:
            continue
        if text not in STATES:
            meant = MEANT.get(text.upper(), text.upper())
            hint = "The states are SUCCESS, FAILURE, PENDING, STARTED, RETRY and REVOKED."
            if meant in STATES:
                hint = f"Write {meant}."
            yield Occurrence(f"{compared} is never {text!r}", code.where(node), hint)
        elif text == "STARTED" and not _tracks_start(facts):
            yield Occurrence(
                f"{compared} is never 'STARTED': CELERY_TASK_TRACK_STARTED is not set",
                code.where(node),
                "Set CELERY_TASK_TRACK_STARTED = True.",
            )


def _compared_states(facts: Facts) -> Iterator[tuple[Code, str, str, ast.expr]]:
    """What is compared with the state of a result: the text, and where it is."""
    for code in facts.code.relevant:
        for node in code.of(ast.Compare):
            if len(node.comparators) != 1:
                continue
            left, right = node.left, node.comparators[0]
            if not isinstance(left, ast.Attribute) or left.attr not in {"state", "status"}:
                continue
            if not is_result(facts, code, followed(code, left.value)):
                continue
            values = [right]
            if isinstance(right, ast.Tuple | ast.List | ast.Set):
                values = right.elts
            for value in values:
                text = text_of(value)
                if text is not None:
                    yield code, ast.unparse(left), text, value


def _custom_states(facts: Facts) -> set[str] | None:
    """The states that the project sets itself; None where one of them is not known."""
    found: set[str] = set()
    for code in facts.code.relevant:
        for call in code.calls:
            name = dotted(call.func).rpartition(".")[2]
            if name not in {"update_state", "store_result", "send_event"}:
                continue
            given = [k.value for k in call.keywords if k.arg == "state"]
            # update_state(task_id, state), store_result(task_id, result, state)
            position = 2
            if name == "update_state":
                position = 1
            for value in [*given, *call.args[position : position + 1]]:
                text = text_of(value)
                if text is None:
                    return None
                found.add(text)
    return found


def _tracks_start(facts: Facts) -> bool:
    values = [setting.value for setting in facts.settings.named("CELERY_TASK_TRACK_STARTED")]
    if facts.settings.is_set("task_track_started") and not (values and all(map(is_false, values))):
        return True
    if facts.worker and facts.worker.conf.get("task_track_started"):
        return True
    return any("track_started" in task.options or task.hidden for task in facts.tasks)


@check("celery.W603", grouped=True)
def result_keeps_less(facts: Facts) -> Iterator[Occurrence]:
    """A result is asked for the name or the arguments of its task, which it does not keep.

    What happens: The name and the arguments are None.
    How it looks: None
    Why: The backend keeps the state, the value and the traceback. What the task was called, and
        with which arguments, it keeps with CELERY_RESULT_EXTENDED alone.
    Fix: CELERY_RESULT_EXTENDED = True
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#result-extended
    """
    if facts.settings.is_set("result_extended") or has_no_backend(facts):
        return
    if facts.worker and facts.worker.conf.get("result_extended"):
        return
    # its table has columns of its own
    if facts.settings.has_text("django-db"):
        return
    for code in facts.code.relevant:
        # few files look a result up by its id
        if "AsyncResult" not in code.source.text:
            continue
        for node in code.of(ast.Attribute):
            if node.attr not in OF_THE_TASK or not isinstance(node.ctx, ast.Load):
                continue
            # `result.name or "unknown"` knows that it may be None
            if _is_condition(code.parents[node], node):
                continue
            if is_result(facts, code, followed(code, node.value)):
                yield Occurrence(
                    f"the result does not keep {node.attr}: it is None",
                    code.where(node),
                    "Set CELERY_RESULT_EXTENDED = True.",
                )


def _is_condition(around: ast.AST, node: ast.expr) -> bool:
    """Whether code asks whether a value is there."""
    match around:
        case ast.BoolOp(values=[*_, last]):
            return last is not node
        case ast.If(test=test) | ast.IfExp(test=test):
            return test is node
        case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
            return True
    return False


@check("celery.E649")
def state_not_given(facts: Facts) -> Iterator[Occurrence]:
    """update_state() is not given a state.

    What happens: The state of the task becomes None, and what it was is gone.
    How it looks: None
    Why: The state is an argument with the default None, which is stored as it is.
    Fix: self.update_state(state="PROGRESS", meta={...})
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#custom-states; reproduced with
        Celery 5.7
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if dotted(call.func) not in {"self.update_state", "current_task.update_state"}:
                continue
            if any(isinstance(given, ast.Starred) for given in call.args):
                continue
            # the first argument is the id of the task
            names = {keyword.arg for keyword in call.keywords}
            if len(call.args) < 2 and not {"state", None} & names:
                yield Occurrence(
                    "update_state() sets the state to None here",
                    code.where(call),
                    'Give it state="PROGRESS", or another name.',
                )


@check("celery.W632")
def no_answer_expected(facts: Facts) -> Iterator[Occurrence]:
    """The answer of the workers is used as if it were never None.

    What happens: The call raises, just when no worker runs.
    How it looks: AttributeError: 'NoneType' object has no attribute 'items'
    Why: inspect().active(), ping(), stats() and their like give None where no worker has answered
        in time (one second).
    Fix: active = app.control.inspect().active() or {}
    Source: reproduced with Celery 5.7; celery/app/control.py, Inspect
    """
    for code in facts.code.relevant:
        if "inspect" not in code.source.text:
            continue
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or not _is_question(facts, code, call):
                continue
            used = _use_of(code, call) or _use_of_variable(code, call)
            if used is not None and not _is_guarded(code, used):
                yield Occurrence(
                    f"the answer of {call.func.attr}() is None if no worker answers",
                    code.where(used),
                    "Write `or {}` behind the call, and report that no worker runs.",
                )


def _is_question(facts: Facts, code: Code, call: ast.Call) -> bool:
    """Whether a call asks the workers: `app.control.inspect().active()`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in QUESTIONS:
        return False
    asked = followed(code, call.func.value)
    if not isinstance(asked, ast.Call):
        return False
    spelled = dotted(asked.func)
    name = full_name(facts, code, asked.func)
    return spelled.endswith("control.inspect") or name in {
        "celery.app.control.Inspect",
        "celery.task.control.inspect",
    }


def _use_of(code: Code, node: ast.AST) -> ast.expr | None:
    """The expression around a value that fails where the value is None."""
    outer = code.parents.get(node)
    match outer:
        case ast.Attribute(attr=name) if name in NEEDS_DICT:
            return outer
        case ast.Subscript(value=value) if value is node:
            return outer
        case ast.Call(func=ast.Name(id=name)) if name in NEEDS_VALUE:
            return outer
        case ast.For(iter=value) if value is node:
            return value
        case ast.comprehension(iter=value) if value is node:
            return value
    return None


def _use_of_variable(code: Code, call: ast.Call) -> ast.expr | None:
    """The first such use of the variable that holds an answer, unless it is tested anywhere."""
    assign = code.parents.get(call)
    function = code.function_of(call)
    if function is None or not isinstance(assign, ast.Assign):
        return None
    name = dotted(assign.targets[0])
    loads = [
        node
        for node in code.within(function)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    if any(_is_tested(code, node) for node in loads):
        return None
    found = [used for node in loads if (used := _use_of(code, node)) is not None]
    return min(found, key=lambda node: node.lineno, default=None)


def _is_tested(code: Code, node: ast.AST) -> bool:
    """Whether a name is tested for None, or for being empty."""
    outer = code.parents.get(node)
    match outer:
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Compare() | ast.Assert():
            return True
        case ast.Match(subject=test):
            return test is node
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return test is node
    return False


def _is_guarded(code: Code, node: ast.AST) -> bool:
    """Whether an except is around a node, or a condition that may have to do with it."""
    guards = ast.Try | ast.If | ast.IfExp | ast.With | ast.While | ast.BoolOp
    for outer in code.around(node):
        if isinstance(outer, guards):
            return True
        if isinstance(outer, Function):
            return any(_leaves_before(inner, node) for inner in code.within(outer))
    return False


def _leaves_before(node: ast.AST, used: ast.AST) -> bool:
    """Whether a node is `if not inspect.ping(): return`, above what uses the answer."""
    if not isinstance(node, ast.If) or node.lineno >= getattr(used, "lineno", 0):
        return False
    return any(isinstance(last, ast.Return | ast.Raise | ast.Continue) for last in node.body)


@check("celery.E633")
def result_revoked(facts: Facts) -> Iterator[Occurrence]:
    """revoke() is given a result instead of its id.

    What happens: The call raises, and the task runs on.
    How it looks: kombu.exceptions.EncodeError: Object of type AsyncResult is not JSON serializable
    Why: The id travels to the workers in a message.
    Fix: app.control.revoke(result.id), or result.revoke().
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if not dotted(call.func).endswith("control.revoke") or not call.args:
                continue
            if is_result(facts, code, followed(code, call.args[0])):
                yield Occurrence(
                    "revoke() takes the id of a task, and this is its result",
                    code.where(call),
                    f"Write {ast.unparse(call.args[0])}.id.",
                )


@check("celery.W634")
def group_never_saved(facts: Facts) -> Iterator[Occurrence]:
    """The result of a group is restored, and never saved.

    What happens: restore() gives None.
    How it looks: AttributeError: 'NoneType' object has no attribute 'completed_count'
    Why: The list of its tasks is only in the result that sent them, until save() stores it.
    Fix: result = group(...).apply_async(); result.save()
    Source: https://docs.celeryq.dev/en/stable/reference/celery.result.html#celery.result.GroupResult.save
    """
    restores = [
        (code, call)
        for code in facts.code.relevant
        for call in code.calls_of("restore")
        if full_name(facts, code, call.func) == "celery.result.GroupResult.restore"
    ]
    if not restores or any(_saves_group(code) for code in facts.code.relevant):
        return
    for code, call in restores:
        yield Occurrence(
            "this gives None: no result of a group is ever saved",
            code.where(call),
            "Call save() on the result where the group is sent.",
        )


def _saves_group(code: Code) -> bool:
    """Whether a file with a group calls save() on anything; a chord saves its own header."""
    if code.has("chord"):
        return True
    if not code.has("group", "Group", "GROUP"):
        return False
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "save"
        and not _saves_row(code, call.func.value)
        for call in code.calls
    )


def _saves_row(code: Code, owner: ast.expr) -> bool:
    """Whether what is saved is certainly a row: a model, what a form gives, the instance itself."""
    spelled = ast.unparse(owner)
    if spelled in {"self", "super()", "form", "serializer", "instance", "obj", "self.object"}:
        return True
    function = code.function_of(owner)
    if not isinstance(owner, ast.Name) or function is None:
        return False
    values = code.assigned_in(function).get(owner.id) or []
    return bool(values) and all(_gives_row(value) for value in values)


def _gives_row(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    spelled = ast.unparse(value.func)
    name = spelled.rpartition(".")[2]
    # Order(...), Order.objects.get(...), form.save(commit=False)
    if ".objects." in spelled or name in {"get_object_or_404", "save", "get_object"}:
        return True
    return name[:1].isupper() and name not in {"GroupResult", "ResultSet"}


@check("celery.W635")
def rpc_result_elsewhere(facts: Facts) -> Iterator[Occurrence]:
    """The result of a task is looked up by its id, and the result backend is rpc://.

    What happens: It stays PENDING for ever.
    How it looks: PENDING
    Why: rpc:// sends each result to the process that sent the task, and to no other.
    Fix: redis://, or django-db.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#rpc-result-backend-rabbitmq-qpid
    """
    setting = facts.settings.first("CELERY_RESULT_BACKEND")
    given = None
    if setting is not None:
        given = text_of(default_of(setting.value))
    if not (given or "").startswith(("rpc", "amqp")):
        return
    for code in facts.code.relevant:
        for call in code.calls:
            function = code.function_of(call)
            if function is None or not _is_lookup(facts, code, call):
                continue
            # a process that has sent the task may look at what came back to it
            inner = (node for node in code.within(function) if isinstance(node, ast.Call))
            if not any(is_sent(facts, code, node) for node in inner):
                yield Occurrence(
                    f"this is PENDING for ever: {given} gives results to their sender alone",
                    code.where(call),
                    "Set CELERY_RESULT_BACKEND to redis:// or django-db.",
                )


def _is_lookup(facts: Facts, code: Code, call: ast.Call) -> bool:
    """Whether a call makes a result of an id."""
    if not call.args and not any(keyword.arg == "id" for keyword in call.keywords):
        return False
    if full_name(facts, code, call.func) == "celery.result.AsyncResult":
        return True
    return isinstance(call.func, ast.Attribute) and call.func.attr == "AsyncResult"


@check("celery.W637")
def no_result_is_kept(facts: Facts) -> Iterator[Occurrence]:
    """The state of a task is looked up by its id, and no task keeps its result.

    What happens: It stays PENDING for ever.
    How it looks: PENDING
    Why: CELERY_TASK_IGNORE_RESULT is True, and no task sets ignore_result=False.
    Fix: @shared_task(ignore_result=False) for the task that is asked for
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-ignore-result
    """
    everywhere = list(facts.settings.named("CELERY_TASK_IGNORE_RESULT"))
    if not everywhere or not all(is_true(setting.value) for setting in everywhere):
        return
    # one that is kept, by its decorator or by its call, may be the one that is asked for
    if any(code.has("ignore_result=False") for code in facts.code.relevant):
        return
    if any(task.hidden or "base" in task.options for task in facts.tasks):
        return
    for code in facts.code.relevant:
        for call in code.calls:
            if code.function_of(call) is not None and _is_lookup(facts, code, call):
                yield Occurrence(
                    f"no task keeps its result ({everywhere[0].where}): this is PENDING for ever",
                    code.where(call),
                    "Write ignore_result=False in the decorator of the task.",
                )


@check("celery.W636")
def columns_stay_empty(facts: Facts) -> Iterator[Occurrence]:
    """Results are looked up by a column that stays empty.

    What happens: Nothing is found.
    How it looks: (nothing: task_name, task_args, task_kwargs and worker are NULL in the table)
    Why: django-celery-results only fills them with CELERY_RESULT_EXTENDED.
    Fix: CELERY_RESULT_EXTENDED = True
    Source: django_celery_results/backends/database.py, _get_extended_properties
    """
    if facts.settings.is_set("result_extended"):
        return
    if facts.worker and facts.worker.conf.get("result_extended"):
        return
    for code in facts.code.relevant:
        if "TaskResult" not in code.source.text:
            continue
        for call in code.calls:
            column = _column_of(call)
            if column and _is_of_task_results(facts, code, call):
                yield Occurrence(
                    f"{column} is empty in every TaskResult: CELERY_RESULT_EXTENDED is not set",
                    code.where(call),
                    "Set CELERY_RESULT_EXTENDED = True.",
                )


def _column_of(call: ast.Call) -> str | None:
    """The first of the EXTENDED columns that a query names."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LOOKUPS:
        return None
    named = [keyword.arg or "" for keyword in call.keywords]
    named += [(text_of(value) or "").lstrip("-") for value in call.args]
    return next((c for c in EXTENDED for n in named if n.split("__")[0] == c), None)


def _is_of_task_results(facts: Facts, code: Code, call: ast.Call) -> bool:
    """Whether a query starts at TaskResult.objects."""
    node: ast.expr = call
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call):
            node = node.func
        else:
            node = node.value
    return full_name(facts, code, node) == "django_celery_results.models.TaskResult"
