"""How tasks are defined: defaults, nested functions, imports that are gone, hidden options."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from celeryize.checks.check import Occurrence, check
from celeryize.checks.configuration import COMPRESSIONS
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.fixes import did_you_mean
from celeryize.checks.imported import removed_hint
from celeryize.checks.registration import CAUSES, worker_registry
from celeryize.checks.settings import SERIALIZERS
from celeryize.checks.task_options import tasks_as_meant
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.probe.report import ImportedTask

# What gives another value each time that it is called: by its whole name, by its last part.
MOMENTS = frozenset({"time.time", "random.random", "token_hex", "secrets.token_hex"})
MOMENT_METHODS = frozenset({"now", "utcnow", "today", "localdate", "localtime", "uuid1", "uuid4"})
# What makes a new list, dict or set.
MAKERS = frozenset(
    {
        "list",
        "dict",
        "set",
        "bytearray",
        "defaultdict",
        "collections.defaultdict",
        "OrderedDict",
        "collections.OrderedDict",
        "Counter",
        "collections.Counter",
        "deque",
        "collections.deque",
    }
)
# What changes a list, a dict or a set in place.
MUTATORS = frozenset(
    {
        "append",
        "appendleft",
        "extend",
        "insert",
        "remove",
        "pop",
        "popleft",
        "popitem",
        "clear",
        "sort",
        "reverse",
        "add",
        "discard",
        "update",
        "setdefault",
        "difference_update",
        "intersection_update",
    }
)
# How many functions away from a module's level a call may be.
LEVELS = 3
# The methods of Django that run while a process starts.
STARTING = frozenset({"ready"})


@check("celery.W651")
def default_is_shared(facts: Facts) -> Iterator[Occurrence]:
    """A task changes its own default argument.

    What happens: What one run puts into it, all later runs of the same worker process find in it.
    How it looks: (nothing: lists that grow, mails that are sent to earlier recipients)
    Why: Python makes a default once, when the function is defined, and a worker process runs the
        same function again and again.
    Fix: `def send(to=None): to = list(to or ())`
    Source: https://docs.python.org/3/reference/compound_stmts.html#function-definitions
    """
    for code, node in task_functions(facts):
        for argument, default in _defaults(node):
            if _is_mutable(default) and _is_changed(node, argument.arg):
                yield Occurrence(
                    f"the default of {argument.arg!r} is shared by all runs of {node.name} in a "
                    "worker process, and it is changed here",
                    code.where(default),
                    f"Write {argument.arg}=None, and make a new one inside the task.",
                )


@check("celery.W659")
def default_is_computed_once(facts: Facts) -> Iterator[Occurrence]:
    """The default argument of a task is the time, or a random value, of the worker's start.

    What happens: Every run that is not given the argument gets the same value, until the worker is
        restarted.
    How it looks: (nothing: reports of the day on which the worker was started)
    Why: Python computes a default once, when the function is defined.
    Fix: `def report(day=None): day = day or timezone.localdate()`
    Source: https://docs.python.org/3/reference/compound_stmts.html#function-definitions
    """
    for code, node in task_functions(facts):
        for argument, default in _defaults(node):
            if isinstance(default, ast.Call) and _is_of_the_moment(dotted(default.func)):
                yield Occurrence(
                    f"the default of {argument.arg!r} is computed once, when the worker starts",
                    code.where(default),
                    f"Write {argument.arg}=None, and compute it inside the task.",
                )


def _is_of_the_moment(function: str) -> bool:
    """Whether a call of this function gives another value each time."""
    return function in MOMENTS or function.rpartition(".")[2] in MOMENT_METHODS


def _defaults(function: Function) -> list[tuple[ast.arg, ast.expr]]:
    """The arguments of a function that have defaults, each with its default."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    pairs = [*zip(reversed(positional), reversed(args.defaults), strict=False)]
    keywords = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    return pairs + [(argument, default) for argument, default in keywords if default]


def task_functions(facts: Facts) -> Iterator[tuple[Code, Function]]:
    """The functions of all tasks, and `run` of the task classes."""
    for task in facts.tasks:
        yield task.code, task.node
    for code in facts.code.relevant:
        for node in code.classes:
            if not any(dotted(base).endswith("Task") for base in node.bases):
                continue
            for inner in node.body:
                if isinstance(inner, Function) and inner.name == "run":
                    yield code, inner


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return dotted(node.func) in MAKERS
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp)


def _is_changed(function: Function, name: str) -> bool:
    """Whether a function changes the object that a parameter names, and never names another."""
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    stored = any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for node in nodes
        # `names += [...]` changes a list in place
        if not isinstance(node, ast.AugAssign)
    )
    grown = {
        node.target.id
        for node in nodes
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    # what is assigned anew may be a copy
    if stored and name not in grown:
        return False
    return name in grown or any(_changes(node, name) for node in nodes)


def _changes(node: ast.AST, name: str) -> bool:
    """Whether a node is `name.append(...)`, `name[...] = ...` or `del name[...]`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return dotted(node.func.value) == name and node.func.attr in MUTATORS
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return dotted(node.value) == name
    return False


@check("celery.E652", unless=tuple(CAUSES))
def task_inside_function(facts: Facts) -> Iterator[Occurrence]:
    """A task is defined inside a function.

    What happens: The process that calls the function sends the task; each worker discards it.
    How it looks: Received unregistered task of type '...'. The message has been ignored and
        discarded.
    Why: The decorator runs when the function around it is called, and no worker calls that when it
        starts.
    Fix: Move the task to the top of its module.
    Source: reproduced with Celery 5.7
    """
    registry = worker_registry(facts)
    for task in facts.tasks:
        outer = task.code.function_of(task.node)
        if outer is None:
            continue
        if registry is not None and registry.find(task) is not None:
            continue
        if _runs_at_start(facts, task.code, outer, LEVELS):
            continue
        yield Occurrence(
            f"{task.node.name} is registered only when {outer.name}() is called, and so never in a "
            "worker",
            task.where,
            "Move it to the top of the module.",
        )


def _runs_at_start(facts: Facts, code: Code, function: Function, levels: int) -> bool:
    """Whether a process that starts runs a function, as far as the code shows; True in doubt."""
    holder = code.parents.get(function)
    # of a signal's receiver, a fixture or a command nobody knows when it runs
    if function.name in STARTING or not levels or function.decorator_list:
        return function.name in STARTING or not _is_view_decorated(function)
    if isinstance(holder, ast.ClassDef) and function.name.startswith("__"):
        return True
    outer = code.function_of(function)
    if outer is not None:
        return _runs_at_start(facts, code, outer, levels - 1)
    word = re.compile(rf"\b{re.escape(function.name)}\b")
    for path in facts.code.files:
        if not word.search(facts.code.text(path)):
            continue
        other = facts.code.parsed(path)
        if other is None:
            return True
        for caller, node in _mentions(other, function):
            outside = other.parents.get(node)
            called = isinstance(outside, ast.Call) and outside.func is node
            if caller is None and (called or not _is_handed_to_urls(other, node)):
                return True
            if caller is not None and caller is not function:
                if _runs_at_start(facts, other, caller, levels - 1):
                    return True
    return False


def _is_view_decorated(function: Function) -> bool:
    """Whether all decorators are those of views, such as @require_POST and @login_required."""
    names = [
        dotted(d.func if isinstance(d, ast.Call) else d).rpartition(".")[2]
        for d in function.decorator_list
    ]
    return bool(names) and all(VIEW_DECORATORS.fullmatch(name) for name in names)


VIEW_DECORATORS = re.compile(
    r"require_\w+|\w*login_required|csrf_exempt|api_view|permission_\w+|never_cache|action"
)


def _mentions(code: Code, function: Function) -> Iterator[tuple[Function | None, ast.AST]]:
    """Where a file names a function, with the function around each place."""
    named = [node for node in code.of(ast.Name) if node.id == function.name]
    reached = [node for node in code.of(ast.Attribute) if node.attr == function.name]
    for node in (*named, *reached):
        yield code.function_of(node), node


def _is_handed_to_urls(code: Code, node: ast.AST) -> bool:
    """Whether a name is an argument of path(), re_path() or url()."""
    call = next((outer for outer in code.around(node) if isinstance(outer, ast.Call)), None)
    return call is not None and dotted(call.func) in {"path", "re_path", "url"}


@check("celery.E653", unless=("celery.E001", "celery.E003", "celery.E030", "celery.E120"))
def module_is_gone(facts: Facts) -> Iterator[Occurrence]:
    """A module of Celery is imported that Celery 5 no longer has.

    What happens: The module that imports it cannot be imported.
    How it looks: ModuleNotFoundError: No module named 'celery.task'
    Why: celery.task, celery.decorators and others were removed in Celery 5.
    Fix: The name that took its place; a periodic task becomes an entry of CELERY_BEAT_SCHEDULE.
    Source: https://docs.celeryq.dev/en/stable/history/whatsnew-5.0.html
    """
    declared = "celery" in facts.project.dependencies.declared or facts.worker is not None
    if not declared or facts.is_before_celery(5):
        return
    for code in facts.code.relevant:
        for node in code.imports:
            if any(isinstance(outer, ast.Try | ast.If) for outer in code.around(node)):
                continue
            for module, name in _imported_names(facts, code, node):
                hint = removed_hint(module, name)
                if hint:
                    yield Occurrence(
                        f"Celery 5 has no module {module}", code.where(node), f"{hint}."
                    )
                    break


def _imported_names(
    facts: Facts, code: Code, node: ast.Import | ast.ImportFrom
) -> Iterator[tuple[str, str]]:
    """The modules of an import, with the name that it takes from each."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
        return
    module = facts.modules.absolute(node, code.path)
    # a package of the project may be called celery, too
    if node.level:
        return
    for alias in node.names:
        if module == "celery":
            yield f"celery.{alias.name}", ""
        else:
            yield module, alias.name


@check("celery.E655", imports=True, unless=("celery.E420",))
def bound_by_hidden_option(facts: Facts) -> Iterator[Occurrence]:
    """A task gets bind=True from options that are kept elsewhere, and takes no argument for it.

    What happens: Every call fails, or its first argument is the task itself.
    How it looks: TypeError: f() takes 0 positional arguments but 1 was given
    Why: `**OPTIONS` of the decorator holds bind=True; the task is then its own first argument.
    Fix: Add `self` as the first argument, or take bind out of the options.
    Source: the worker's registry
    """
    for task, found in _hidden_options(facts):
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        if found.bound and not args and task.node.args.vararg is None:
            yield Occurrence(
                f"{task.node.name} is bound by the options of its decorator, but takes no argument "
                "for the task",
                task.where,
                "Add `self` as its first argument.",
            )


@check("celery.E656", imports=True)
def self_without_bind_in_options(facts: Facts) -> Iterator[Occurrence]:
    """A task takes `self`, and neither its decorator nor the options it is given hold bind=True.

    What happens: Every call lacks an argument.
    How it looks: TypeError: f() missing 1 required positional argument
    Why: Only with bind=True does Celery pass the task itself.
    Fix: Add "bind": True to the options of the decorator.
    Source: the worker's registry
    """
    for task, found in _hidden_options(facts):
        args = [*task.node.args.posonlyargs, *task.node.args.args]
        if args and args[0].arg == "self" and not found.bound:
            yield Occurrence(
                f"{task.node.name} takes self, but none of its options is bind=True",
                task.where,
                "Add bind=True.",
            )


@check("celery.W657", imports=True)
def hidden_option_does_nothing(facts: Facts) -> Iterator[Occurrence]:
    """Retry options that are kept elsewhere do nothing: the task never retries.

    What happens: The first exception is the last: the task fails.
    How it looks: (nothing: FAILURE after one try)
    Why: max_retries and retry_backoff only limit retries; autoretry_for or self.retry() cause them.
    Fix: Add autoretry_for to the options, or raise self.retry(exc=...) where it fails.
    Source: the worker's registry
    """
    for task, found in _hidden_options(facts):
        given = {"retry_backoff", "retry_kwargs"} & set(found.options)
        if not given or found.attributes.get("autoretry_for") or "base" in task.options:
            continue
        uses = any(isinstance(n, ast.Attribute) and n.attr == "retry" for n in task.nodes)
        if not uses:
            yield Occurrence(
                f"{min(given)} does nothing here: {task.node.name} has no autoretry_for and never "
                "calls retry()",
                task.where,
                "Add the exceptions that may pass by themselves: autoretry_for=(OSError,).",
            )


def _hidden_options(facts: Facts) -> Iterator[tuple[Task, ImportedTask]]:
    """The tasks whose decorator has `**OPTIONS`, as the worker has registered them."""
    registry = worker_registry(facts)
    for task in facts.tasks if registry is not None else ():
        if not task.hidden or task.below or task.holder:
            continue
        found = registry.find(task) if registry is not None else None
        if found is not None:
            yield task, found


@check(
    "celery.E658",
    imports=True,
    unless=("celery.E001", "celery.E003", "celery.E010", "celery.E040", "celery.E100"),
)
def web_has_another_app(facts: Facts) -> Iterator[Occurrence]:
    """In a web process, shared tasks belong to Celery's default app.

    What happens: `.delay()` of a web process connects to amqp on localhost; the worker gets
        nothing.
    How it looks: kombu.exceptions.OperationalError: [Errno 111] Connection refused
    Why: @shared_task takes the current app, and nothing in a web process has built the project's
        own: an import under `if TYPE_CHECKING`, or one that is never reached, does not count.
    Fix: Import the app in the `__init__.py` of the project package.
    Source: both imports, compared
    """
    worker, web = facts.worker, facts.web
    if worker is None or web is None or worker.app is None or web.failures:
        return
    if web.current_app_main != "default" or worker.app.main == "default":
        return
    if not any(task.shared for task in facts.tasks):
        return
    for app in facts.project.celery:
        # urls, views and commands import later than this
        counted = [app.imported.path] if app.imported else []
        others = [p for p in facts.code.files if p not in counted and "management" not in p.parts]
        if app.imported is None or facts.code.is_imported_by(app.module, others):
            continue
        yield Occurrence(
            "this does not import the app in a web process, so shared tasks belong to Celery's "
            "default app there (amqp on localhost)",
            app.imported,
            "Import the app in the package's __init__.py, outside of any condition.",
        )


@check("celery.E661")
def throws_not_a_tuple(facts: Facts) -> Iterator[Occurrence]:
    """throws is a list instead of a tuple.

    What happens: Whatever the task raises, the worker fails with a TypeError of its own.
    How it looks: TypeError: isinstance() arg 2 must be a type, a tuple of types, or a union
    Why: Celery passes it to isinstance().
    Fix: throws=(SomeError,), with the comma.
    Source: celery/app/trace.py; reproduced with Celery 5.7
    """
    for task in facts.tasks:
        value = task.options.get("throws")
        if isinstance(value, ast.List | ast.Set):
            inner = ", ".join(ast.unparse(element) for element in value.elts)
            yield Occurrence(
                f"throws of {task.node.name} is a list, not a tuple",
                task.code.where(value),
                f"Write ({inner},).",
            )


@check("celery.E662")
def option_is_text(facts: Facts) -> Iterator[Occurrence]:
    """An option of a task that is a number is given as text.

    What happens: The call, or the retry, raises.
    How it looks: TypeError: '>' not supported between instances of 'int' and 'str'
    Why: Celery computes with the value as it is.
    Fix: Write the number without quotes.
    Source: celery/app/task.py; reproduced with Celery 5.7
    """
    for task in tasks_as_meant(facts):
        for name in sorted(NUMBERS & set(task.options)):
            text = text_of(task.options[name])
            # `expires` may be a date, too
            if text is not None and (name != "expires" or text.strip().isdigit()):
                yield Occurrence(
                    f"{name} of {task.node.name} is the text {text!r}, not a number",
                    task.code.where(task.options[name]),
                    "Write the number without quotes.",
                )


# max_retries is one of celery.E623
NUMBERS = frozenset(
    {
        "default_retry_delay",
        "time_limit",
        "soft_time_limit",
        "expires",
        "retry_backoff",
        "retry_backoff_max",
    }
)


@check("celery.W663")
def switch_is_text(facts: Facts) -> Iterator[Occurrence]:
    """An option of a task that is meant to be off is a text, and so is on.

    What happens: acks_late="False" acknowledges late.
    How it looks: (nothing)
    Why: Any text but the empty one is true.
    Fix: Write False without quotes.
    Source: reproduced with Celery 5.7
    """
    for task in tasks_as_meant(facts):
        for name in sorted(SWITCHES & set(task.options)):
            text = text_of(task.options[name])
            if text is not None and text.strip().lower() in {"false", "0", "no", "off"}:
                yield Occurrence(
                    f"{name}={text!r} of {task.node.name} is true",
                    task.code.where(task.options[name]),
                    "Write False without quotes.",
                )


SWITCHES = frozenset(
    {
        "bind",
        "acks_late",
        "acks_on_failure_or_timeout",
        "ignore_result",
        "reject_on_worker_lost",
        "retry_jitter",
        "send_events",
        "store_errors_even_if_ignored",
        "track_started",
        "trail",
        "typing",
    }
)


@check("celery.E664")
def format_of_task_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A task has a serializer or a compression that kombu does not know.

    What happens: Every `.delay()` of the task raises.
    How it looks: kombu.exceptions.SerializerNotInstalled: No encoder installed for jsn, or
        KeyError: 'gzp'
    Why: kombu looks the name up only when it sends.
    Fix: "json", "pickle", "yaml" or "msgpack"; "gzip" or "bzip2".
    Source: kombu/serialization.py, kombu/compression.py; reproduced with Celery 5.7
    """
    for option, names in (("serializer", SERIALIZERS), ("compression", COMPRESSIONS)):
        for task in tasks_as_meant(facts):
            name = text_of(task.options.get(option))
            if not name or name in names or "/" in name:
                continue
            # what the project registers is known to itself
            if not any(facts.code.imports_module(f"kombu.{m}") for m in REGISTRIES):
                close = difflib.get_close_matches(name, names, 1, 0.6)
                yield Occurrence(
                    f"{option} of {task.node.name} is {name!r}, which kombu does not know",
                    task.code.where(task.options[option]),
                    did_you_mean(close),
                )


REGISTRIES = ("serialization", "compression")
