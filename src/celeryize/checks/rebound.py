"""Names of tasks that mean something else where they are used, and a model that was swapped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import MAKERS, SENDERS, full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, dotted, text_of
from celeryize.checks.facts.tasks import Task

# What makes something of a function that has none of a task's methods.
WRAPPERS = frozenset(
    {
        "functools.lru_cache",
        "functools.cache",
        "functools.partial",
        "functools.singledispatch",
        "django.db.transaction.atomic",
        "django.db.transaction.on_commit",
        "django.views.decorators.cache.cache_page",
    }
)
USER_MODEL = "auth.User"
Use = tuple[Code, ast.Call, Task]


@check("celery.E412")
def task_name_bound_again(facts: Facts) -> Iterator[Occurrence]:
    """The name of a task means something else further down in its module.

    What happens: The worker has the task, and whoever imports it gets the other thing.
    How it looks: AttributeError: 'function' object has no attribute 'delay'
    Why: The last line that binds a name decides what it means.
    Fix: Another name for one of the two.
    Source: reproduced with Celery 5.7: of `send = send.delay`, `lru_cache(send)` and a second
        `def send`, none has delay()
    """
    uses: dict[ast.AST, list[Use]] = {}
    for use in _uses(facts):
        uses.setdefault(use[2].node, []).append(use)
    for node, found in uses.items():
        task = found[0][2]
        module = task.code.parents.get(node)
        if not isinstance(module, ast.Module):
            continue
        name = task.node.name
        # the last one counts: a third line may give the name back
        last = [one for one in module.body if name in _names_bound(one)][-1:]
        for statement in last:
            what = _what_it_becomes(facts, task, statement)
            late = [use for use in found if not _runs_before(use, statement)]
            if not what or not late:
                continue
            code, call, _ = late[0]
            if call in task.code.within(statement):
                continue
            assert isinstance(call.func, ast.Attribute)
            yield Occurrence(
                f"{name} is no longer the task: this makes it {what}, "
                f"and {code.where(call)} calls {call.func.attr}() on it",
                task.code.where(statement),
                "Give one of the two another name.",
            )


def _runs_before(use: Use, statement: ast.stmt) -> bool:
    """Whether a use is made while the module is imported, above a statement of it."""
    code, call, task = use
    if code is not task.code or code.function_of(call) is not None:
        return False
    return call.lineno < statement.lineno


def _uses(facts: Facts) -> tuple[Use, ...]:
    """Every `task.delay(...)`, `task.s(...)` and their like."""
    return facts.code.once("uses of tasks", lambda: tuple(_find_uses(facts)))


def _find_uses(facts: Facts) -> Iterator[Use]:
    for code in facts.code.relevant:
        for call in code.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in SENDERS | MAKERS:
                task = facts.tasks.named_by(code, call.func.value)
                if task is not None:
                    yield code, call, task


def _names_bound(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module binds, where that is what it is for."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    return set()


def _what_it_becomes(facts: Facts, task: Task, statement: ast.stmt) -> str:
    """What a statement makes of a task's name, in words; empty where it may still be a task."""
    match statement:
        case ast.FunctionDef(decorator_list=[]) | ast.AsyncFunctionDef(decorator_list=[]):
            return "a plain function"
        case ast.ClassDef(decorator_list=[], bases=[]):
            return "a class"
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _what_value_is(facts, task, value)
    return ""


def _what_value_is(facts: Facts, task: Task, value: ast.expr) -> str:
    name = task.node.name
    match value:
        case ast.Attribute(value=ast.Name(id=owner), attr=attr) if owner == name:
            if attr in SENDERS | MAKERS:
                return f"its method {attr}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=attr)) if owner == name:
            if attr in SENDERS:
                return "the result of sending it"
        case ast.Call(func=ast.Call(func=inner)) if full_name(facts, task.code, inner) in WRAPPERS:
            return f"what {dotted(inner)}() returns"
        case ast.Call(func=func) if full_name(facts, task.code, func) in WRAPPERS:
            return f"what {dotted(func)}() returns"
        case ast.Lambda():
            return "a lambda"
        case ast.Constant():
            return ast.unparse(value)
    return ""


@check("celery.E413")
def task_name_taken_here(facts: Facts) -> Iterator[Occurrence]:
    """A function of the name of a task hides the task where it is to be sent.

    What happens: The call raises.
    How it looks: AttributeError: 'function' object has no attribute 'delay'; or UnboundLocalError:
        cannot access local variable 'send' where it is not associated with a value
    Why: The nearest definition of a name counts, and hides the import. `def send` below `from
        shop.tasks import send` is the view itself; a name that a function assigns is its own in the
        whole function, also in the line that assigns it.
    Fix: `from shop import tasks` and tasks.send.delay(...); result = send.delay(...).
    Source: https://docs.python.org/3/reference/executionmodel.html#resolution-of-names
    """
    for code, call, task in _uses(facts):
        named = call.func.value if isinstance(call.func, ast.Attribute) else None
        if task.code is code or not isinstance(named, ast.Name):
            continue
        other = _definition_below(code, named.id)
        if other is not None:
            yield Occurrence(
                f"{named.id} is the {_kind_of(other)} of line {other.lineno} here, not the task "
                f"{task.name or task.node.name}",
                code.where(call),
                f"Import the task under another name: `import {task.node.name} as "
                f"{task.node.name}_task`.",
            )
    for code in facts.code.relevant:
        for call in code.calls:
            yield from _hidden_locally(facts, code, call)


def _kind_of(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "function"


def _definition_below(code: Code, name: str) -> ast.stmt | None:
    """The function or class of a module that took the name of an import over, if it is the last."""
    found: ast.stmt | None = None
    for statement in code.source.tree.body:
        if name not in _names_bound(statement):
            continue
        found = None
        if isinstance(statement, Function | ast.ClassDef):
            # a decorator of the project may make a task of it
            spelled = [ast.unparse(decorator) for decorator in statement.decorator_list]
            if not any("task" in one for one in spelled):
                found = statement
    return found


def _hidden_locally(facts: Facts, code: Code, call: ast.Call) -> Iterator[Occurrence]:
    """A task's name that its own function binds to something else."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name) as node, attr=attr) if attr in SENDERS:
            pass
        case _:
            return
    binder = code.binder_of(node, name)
    if binder is None or name not in binder[1].values or not isinstance(binder[0], Function):
        return
    # a name without a place is one of the module
    if facts.tasks.named_by(code, ast.Name(id=name, ctx=ast.Load())) is None:
        return
    function = binder[0]
    if any(argument.arg == name for argument in _arguments_of(function)):
        default = _default_of(function, name)
        if default is not None and default.value is not None:
            yield Occurrence(
                f"{name} is an argument here, {default.value!r} unless it is given: not the task",
                code.where(call),
                "Give the argument another name.",
            )
        return
    stores = [
        inner
        for inner in code.within(function)
        if isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Store)
    ]
    first = min(stores, key=lambda inner: (inner.lineno, inner.col_offset), default=None)
    if first is None:
        return
    statement = code.parents.get(first)
    if isinstance(statement, ast.Assign | ast.AnnAssign) and call in code.within(statement):
        yield Occurrence(
            f"{name} is a variable of {function.name}(), which has no value yet: UnboundLocalError",
            code.where(call),
            f"Give the result another name: result = {name}.{attr}(...).",
        )


def _arguments_of(function: Function) -> list[ast.arg]:
    given = function.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return found + [one for one in (given.vararg, given.kwarg) if one is not None]


def _default_of(function: Function, name: str) -> ast.Constant | None:
    """The literal default of an argument."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    pairs = list(zip(reversed(positional), reversed(given.defaults), strict=False))
    pairs += [
        (argument, value)
        for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if value is not None
    ]
    for argument, value in pairs:
        if argument.arg == name and isinstance(value, ast.Constant):
            return value
    return None


@check("celery.E143")
def swapped_user_model(facts: Facts) -> Iterator[Occurrence]:
    """A task asks for django.contrib.auth's User, and the project has another user model.

    What happens: The task raises, each time.
    How it looks: AttributeError: Manager isn't available; 'auth.User' has been swapped for
        'accounts.Account'
    Why: AUTH_USER_MODEL names the model that is used in place of auth.User.
    Fix: from django.contrib.auth import get_user_model, and get_user_model() inside the task.
    Source: https://docs.djangoproject.com/en/stable/topics/auth/customizing/#referencing-the-user-model
    """
    setting = facts.settings.first("AUTH_USER_MODEL")
    model = text_of(setting.value) if setting else None
    if setting is None or model in {None, USER_MODEL}:
        return
    for code, function in task_functions(facts):
        for node in code.within(function):
            if not isinstance(node, ast.Attribute) or node.attr != "objects":
                continue
            if full_name(facts, code, node.value) == "django.contrib.auth.models.User":
                yield Occurrence(
                    f"{dotted(node.value)} has no objects: the user model is {model} "
                    f"({setting.where})",
                    code.where(node),
                    "Use get_user_model() of django.contrib.auth.",
                )
