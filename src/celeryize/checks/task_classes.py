"""Task classes of the project, and what is called on its tasks."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Iterator
from functools import lru_cache

from celeryize.celery_facts import words
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, parameters_of
from celeryize.patch.nodes import dotted

CLASSES = frozenset(
    {"celery.Task", "celery.app.task.Task", "celery.contrib.django.task.DjangoTask"}
)
# What a worker hands to the hooks of a task. Source: celery/app/trace.py and request.py of 5.7.
HOOKS = {
    "before_start": ("task_id", "args", "kwargs"),
    "on_success": ("retval", "task_id", "args", "kwargs"),
    "on_failure": ("exc", "task_id", "args", "kwargs", "einfo"),
    "on_retry": ("exc", "task_id", "args", "kwargs", "einfo"),
    "after_return": ("status", "retval", "task_id", "args", "kwargs", "einfo"),
}
# What runs the function of a task from its __call__.
RUNS = ("super()", ".run", "__call__")
# The methods of a task. Source: celery.contrib.django.task.DjangoTask of 5.7.
METHODS = words(
    """
    AsyncResult add_around add_to_chord add_trail after_return annotate apply apply_async
    apply_async_on_commit before_start bind chunks delay delay_on_commit map on_bound on_failure
    on_replace on_retry on_success pop_request push_request replace retry run s send_event
    send_events shadow_name si signature signature_from_request start_strategy starmap subtask
    subtask_from_request update_state
    """
)
# What other libraries call it, and what it is here.
ELSEWHERE = {
    "enqueue": "delay",
    "aenqueue": "delay",
    "adelay": "delay",
    "aapply_async": "apply_async",
    "send": "delay",
    "send_with_options": "apply_async",
    "defer": "delay",
    "schedule": "apply_async",
    "submit": "delay",
    "async_": "delay",
}


def is_task_class(facts: Facts, code: Code, node: ast.ClassDef) -> bool:
    """Whether a class derives from one of Celery's, or is the base= of a task."""
    if any(full_name(facts, code, base) in CLASSES for base in node.bases):
        return True
    return node.name in _given_bases(facts)


def _given_bases(facts: Facts) -> frozenset[str]:
    """The names of the classes that tasks are given by base=."""

    def compute() -> frozenset[str]:
        bases = (dotted(task.options.get("base")) for task in facts.tasks)
        return frozenset(base.rpartition(".")[2] for base in bases if base)

    return facts.code.once("bases of tasks", compute)


def _hooks_of(node: ast.ClassDef, names: frozenset[str] | set[str]) -> Iterator[Function]:
    for inner in node.body:
        if isinstance(inner, Function) and inner.name in names and not inner.decorator_list:
            yield inner


@check("celery.E433")
def hook_arguments_wrong(facts: Facts) -> Iterator[Occurrence]:
    """A hook of a task class does not take what the worker hands to it.

    What happens: The hook raises instead of doing its work. What on_failure, on_retry and
        before_start raise takes the place of the task's own end; what on_success raises is logged.
    How it looks: TypeError: on_failure() takes 5 positional arguments but 6 were given
    Why: The worker always hands over the same arguments.
    Fix: def on_failure(self, exc, task_id, args, kwargs, einfo):
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#handlers; reproduced with
        Celery 5.7
    """
    for code in facts.code.relevant:
        for node in code.classes:
            if not is_task_class(facts, code, node):
                continue
            for hook in _hooks_of(node, set(HOOKS)):
                given = HOOKS[hook.name]
                if not _takes(hook, len(given)):
                    yield Occurrence(
                        f"{hook.name} of {node.name} is called with {len(given)} arguments, and "
                        "does not take them",
                        code.where(hook),
                        f"Write def {hook.name}(self, {', '.join(given)}).",
                    )


def _takes(hook: Function, count: int) -> bool:
    """Whether a method takes so many arguments beside self."""
    try:
        inspect.Signature(parameters_of(hook)).bind(*[None] * (count + 1))
    except (TypeError, ValueError):
        return False
    return True


@check("celery.E434")
def call_without_run(facts: Facts) -> Iterator[Occurrence]:
    """A task class has a __call__ that never runs the task.

    What happens: The tasks end as a success, with None, and their functions never run.
    How it looks: SUCCESS
    Why: A worker calls the task. What a __call__ of its own does is all that is done.
    Fix: return super().__call__(*args, **kwargs) at the end of it.
    Source: reproduced with Celery 5.7; celery/app/trace.py, build_tracer
    """
    for code in facts.code.relevant:
        for node in code.classes:
            own_run = any(_hooks_of(node, {"run"}))
            # a class that is registered itself may do all of its work there
            if not own_run and node.name not in _given_bases(facts):
                continue
            if not is_task_class(facts, code, node):
                continue
            for method in _hooks_of(node, {"__call__"}):
                raises = any(isinstance(inner, ast.Raise) for inner in method.body)
                if not raises and not _may_run(node, method):
                    yield Occurrence(
                        f"__call__ of {node.name} never runs the task itself",
                        code.where(method),
                        "End it with `return super().__call__(*args, **kwargs)`.",
                    )


def _may_run(node: ast.ClassDef, method: Function) -> bool:
    """Whether a method may run the task: itself, or by a method or a function that it calls."""
    methods = {inner.name: inner for inner in node.body if isinstance(inner, Function)}
    todo, seen = [method.name], set()
    while todo:
        name = todo.pop()
        if name in seen or name in METHODS - methods.keys():
            continue
        seen.add(name)
        # one that a base class has may do anything
        if name not in methods:
            return True
        body = methods[name].body
        if any(word in ast.unparse(statement) for statement in body for word in RUNS):
            return True
        for inner in (inner for statement in body for inner in ast.walk(statement)):
            if not isinstance(inner, ast.Call):
                continue
            # whoever gets the task may run it
            if any(dotted(given) == "self" for given in inner.args):
                return True
            owner, _, called = dotted(inner.func).rpartition(".")
            if owner == "self":
                todo.append(called)
    return False


@check("celery.E605", unless_there=("celery.E753",))
def method_of_no_task(facts: Facts) -> Iterator[Occurrence]:
    """A method is called that tasks do not have.

    What happens: The call raises.
    How it looks: AttributeError: 'send_mail' object has no attribute 'send'
    Why: The name is misspelt, or that of another library: actors of Dramatiq have send().
    Fix: delay(...), or apply_async(args=(...)). They cannot be awaited.
    Source: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html
    """
    if facts.tasks.have_own_class:
        return
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr in METHODS:
                continue
            meant = _meant_method(call.func.attr)
            if not meant:
                continue
            task = facts.tasks.named_by(code, call.func.value)
            if task is None or task.hidden or task.above or "base" in task.options:
                continue
            yield Occurrence(
                f"{task.node.name} has no method {call.func.attr}()",
                code.where(call),
                f"Write {task.node.name}.{meant}().",
            )


@lru_cache(maxsize=4096)
def _meant_method(name: str) -> str:
    """The method that was meant by one that tasks do not have; empty where that is not known."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    return next(iter(difflib.get_close_matches(name, METHODS, 1, 0.75)), "")


# What `self.request` has. Source: celery/app/task.py, Context
REQUEST = words(
    """
    args argsrepr as_execution_options callbacks called_directly chain children chord clear
    correlation_id delivery_info errbacks eta expires get group group_index headers hostname id
    ignore_result is_eager kwargs kwargsrepr lang logfile loglevel origin parent_id properties
    replaced_task_nesting reply_to retries root_id shadow soft_time_limit stamped_headers stamps
    task taskset time_limit timelimit update utc
    """
)
# The attributes of a task that people read, beside its methods.
ATTRIBUTES = METHODS | words(
    """
    name request max_retries default_retry_delay rate_limit time_limit soft_time_limit app backend
    ignore_result acks_late queue serializer track_started MaxRetriesExceededError OperationalError
    request_stack autoretry_for throws priority expires typing abstract store_errors_even_if_ignored
    trail resultrepr_maxsize reject_on_worker_lost acks_on_failure_or_timeout send_events Request
    Strategy from_config acks_on_failure acks_on_timeout retry_on_worker_lost store_eager_result
    """
)
# How alike a name has to be to count as a misspelling, and one that is less alike.
ALIKE = 0.8
MISSPELT = {"retry": "retries"}


@check("celery.E457")
def attribute_of_no_task(facts: Facts) -> Iterator[Occurrence]:
    """A task asks itself, or its request, for something that they do not have.

    What happens: The task fails.
    How it looks: AttributeError: 'Context' object has no attribute 'retry'
    Why: The name is misspelt.
    Fix: self.request.retries, self.max_retries, self.request.id, self.name
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#task-request; reproduced with
        Celery 5.7
    """
    for task in facts.tasks:
        if not task.bound or task.hidden or "base" in task.options or facts.tasks.have_own_class:
            continue
        # what the task sets, it may read; and its decorator makes an attribute of each option
        own = set(task.options) | {
            node.attr
            for node in task.code.within(task.node)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        }
        for node in task.code.within(task.node):
            if not isinstance(node, ast.Attribute) or node.attr in own or node.attr[0] == "_":
                continue
            owner = dotted(node.value)
            meant = _meant_attribute(owner, node.attr)
            if meant and not (owner == "self.request" and _may_be_header(facts, node.attr)):
                yield Occurrence(
                    f"{owner}.{node.attr} does not exist",
                    task.code.where(node),
                    f"Did you mean {owner}.{meant}?",
                )


def _meant_attribute(owner: str, name: str) -> str:
    """The attribute of a task, or of its request, that was meant by one that they do not have."""
    known = {"self": ATTRIBUTES, "self.request": REQUEST}.get(owner)
    if known is None or name in known:
        return ""
    if MISSPELT.get(name) in known:
        return MISSPELT[name]
    return next(iter(difflib.get_close_matches(name, known, 1, ALIKE)), "")


def _may_be_header(facts: Facts, name: str) -> bool:
    """Whether messages may have a header of this name: a request has each as an attribute.

    Source: celery/app/task.py, Context; reproduced with a worker of Celery 5.7
    """
    quoted = re.compile(rf"""["']{re.escape(name)}["']|\b{re.escape(name)}\s*=[^=]""")
    return _has_open_headers(facts) or any(code.finds(quoted) for code in facts.code.relevant)


def _has_open_headers(facts: Facts) -> bool:
    """Whether a call gives headers that are computed, and so may have any name."""

    def compute() -> bool:
        given = (
            keyword.value
            for code in facts.code.relevant
            for call in code.calls
            for keyword in call.keywords
            if keyword.arg == "headers"
        )
        return any(not isinstance(one, ast.Dict) or None in one.keys for one in given)

    return facts.code.once("headers that are computed", compute)
