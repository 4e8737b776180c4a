"""Names of tasks that mean something else where they are used, and a model that was swapped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import MAKERS, SENDERS, full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

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
# Whose decorators and base classes give nothing a task's methods.
PLAIN = frozenset({"django", "rest_framework", "functools", "contextlib", "abc", "dataclasses"})
# Who catches these knows that a name may be something else.
EXPECTED = frozenset({"AttributeError", "NameError", "UnboundLocalError"})
USER_MODEL = "auth.User"
AUTH_USER = "django.contrib.auth.models.User"
Use = tuple[Code, ast.Call, Task]


@check("celery.E414")
def task_calls_itself(facts: Facts) -> Iterator[Occurrence]:
    """A task calls itself, where the imported function of its name was meant.

    What happens: Each call of the task ends in a RecursionError; what was imported is never called.
    How it looks: RecursionError: maximum recursion depth exceeded; or: TypeError: send_mail() takes
        1 positional argument but 4 were given
    Why: The `def` below the import binds the name anew, also for the body of the function.
    Fix: Another name for the task; or from django.core import mail, and mail.send_mail(...)
    Source: https://docs.python.org/3/reference/executionmodel.html#binding-of-names
    """
    for task in facts.tasks:
        code, node = task.code, task.node
        name = node.name
        if not isinstance(code.parents.get(node), ast.Module):
            continue
        above = [
            statement
            for statement in code.source.tree.body
            if isinstance(statement, ast.Import | ast.ImportFrom)
            and statement.lineno < node.lineno
            and any((alias.asname or alias.name) == name for alias in statement.names)
        ]
        for call in code.calls_of(name) if above else ():
            if not isinstance(call.func, ast.Name) or code.function_of(call) is not node:
                continue
            # a name of the function's own, or one that the module gets back
            if code.binder_of(call.func, name) or _names_bound_last(code, name) is not node:
                continue
            yield Occurrence(
                f"{name} is the task itself here, and not what line {above[-1].lineno} imports",
                code.where(call),
                "Give the task another name.",
            )


def _names_bound_last(code: Code, name: str) -> ast.AST | None:
    """The last statement of a module that binds a name."""
    found = [one for one in code.source.tree.body if name in _names_bound(one)]
    return found[-1] if found else None


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
    Why: The nearest definition of a name counts, and hides the import. For example, `def send`
        below `from shop.tasks import send` is the view itself; a name that a function assigns is
        its own in the whole function, also in the line that assigns it.
    Fix: `from shop import tasks` and tasks.send.delay(...); result = send.delay(...).
    Source: https://docs.python.org/3/reference/executionmodel.html#resolution-of-names
    """
    for code, call, task in _uses(facts):
        named = call.func.value if isinstance(call.func, ast.Attribute) else None
        if task.code is code or not isinstance(named, ast.Name):
            continue
        other = _definition_below(facts, code, named.id)
        if (
            other is not None
            and _is_meant(code, call, named.id, other)
            and not _is_caught(code, call)
        ):
            yield Occurrence(
                f"{named.id} is the {_kind_of(other)} of line {other.lineno} here, not the task "
                f"{task.name or task.node.name}",
                code.where(call),
                f"Import the task under another name: `import {task.node.name} as "
                f"{task.node.name}_task`.",
            )
    for code in facts.code.relevant:
        for call in code.calls:
            for found in _hidden_locally(facts, code, call):
                if not _is_caught(code, call):
                    yield found


def _is_caught(code: Code, node: ast.AST) -> bool:
    """Whether what a name that is something else raises is caught by its own name."""
    return any(
        isinstance(outer, ast.Try)
        and any(
            isinstance(inner, ast.Name) and inner.id in EXPECTED
            for handler in outer.handlers
            if handler.type is not None
            for inner in code.within(handler.type)
        )
        for outer in code.around(node)
    )


def _kind_of(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "function"


def _definition_below(facts: Facts, code: Code, name: str) -> Function | ast.ClassDef | None:
    """The function or class of a module that took the name of an import over, if it is the last."""
    found: Function | ast.ClassDef | None = None
    for statement in code.source.tree.body:
        if isinstance(statement, Function | ast.ClassDef):
            if statement.name == name:
                found = statement
        elif _may_bind(code, statement, name):
            found = None
    given_back = any(name in node.names for node in code.of(ast.Global))
    given_more = any(
        node.value.id == name
        for node in code.of(ast.Attribute)
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    # setattr(greet, "delay", ...)
    given_more = given_more or any(
        isinstance(one, ast.Name) and one.id == name
        for call in code.calls_of("setattr")
        for one in call.args[:1]
    )
    if found is None or given_back or given_more or not _is_known(facts, code, found):
        return None
    return found


def _may_bind(code: Code, statement: ast.stmt, name: str) -> bool:
    """Whether a statement of a module binds a name, be it in a branch."""
    return any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.stmt) and not {name, "*"}.isdisjoint(_names_bound(node)))
        for node in code.within(statement)
    )


def _is_known(facts: Facts, code: Code, node: Function | ast.ClassDef) -> bool:
    """Whether it is certain that a function or class has none of a task's methods.

    A decorator or a base class of the project may give it delay().
    """
    made_of: list[ast.expr] = list(node.decorator_list)
    if isinstance(node, ast.ClassDef):
        made_of += [*node.bases, *(keyword.value for keyword in node.keywords)]
        if any(not SENDERS.isdisjoint(_names_bound(inner)) for inner in node.body):
            return False
    for one in made_of:
        called = one.func if isinstance(one, ast.Call) else one
        if full_name(facts, code, called).split(".")[0] not in PLAIN:
            return False
    return True


def _is_meant(code: Code, call: ast.Call, name: str, other: ast.stmt) -> bool:
    """Whether the name of a call means what the module binds last."""
    # an import in the function gives the task back
    if code.binder_of(call, name) is not None:
        return False
    inner: ast.AST = call
    for outer in code.around(call):
        if isinstance(outer, ast.ClassDef):
            if any(_may_bind(code, statement, name) for statement in outer.body):
                return False
        elif isinstance(outer, Function | ast.Lambda):
            if inner is outer.body or inner in _body_of(outer):
                return True
        inner = outer
    # it runs while the module is read: above the end of the other it is still the task
    return call.lineno > (other.end_lineno or other.lineno)


def _body_of(node: Function | ast.Lambda) -> list[ast.stmt]:
    return [] if isinstance(node, ast.Lambda) else node.body


def _hidden_locally(facts: Facts, code: Code, call: ast.Call) -> Iterator[Occurrence]:
    """A task's name that its own function binds to something else."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name) as node, attr=attr) if attr in SENDERS:
            pass
        case _:
            return
    binder = code.binder_of(node, name)
    if binder is None:
        return
    function, local = binder
    if not isinstance(function, Function) or name not in local.values:
        return
    # a name without a place is one of the module
    if facts.tasks.named_by(code, ast.Name(id=name, ctx=ast.Load())) is None:
        return
    # an import in the function, too, may give it the task
    if name in local.imports or name in local.definitions:
        return
    if any(argument.arg == name for argument in _arguments_of(function)):
        default = _default_of(function, name)
        if default is not None and not _is_asked(code, function, name, default):
            yield Occurrence(
                f"{name} is an argument here, {default.value!r} unless it is given: not the task",
                code.where(call),
                "Give the argument another name.",
            )
    elif _is_first_value(code, function, call, name):
        yield Occurrence(
            f"{name} is a variable of {function.name}(), which has no value yet: UnboundLocalError",
            code.where(call),
            f"Give the result another name: result = {name}.{attr}(...).",
        )


def _is_asked(code: Code, function: Function, name: str, default: ast.Constant) -> bool:
    """Whether a function looks at an argument, or gives it a value, before it may use it."""
    for node in code.within(function):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            return True
        tests: list[ast.expr] = []
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            tests = [node.test]
        elif isinstance(node, ast.BoolOp):
            tests = node.values
        for test in tests:
            # `if greet:` lets the default in where that is true
            plain = isinstance(test, ast.Name) and bool(default.value)
            if not plain and any(
                isinstance(inner, ast.Name) and inner.id == name for inner in code.within(test)
            ):
                return True
    return default.value is None


def _is_first_value(code: Code, function: Function, call: ast.Call, name: str) -> bool:
    """Whether a call is in the line that gives the variable which it uses its first value."""
    stores: list[ast.AST] = []
    for node in code.within(function):
        match node:
            case ast.Name(id=found, ctx=ast.Store()) if found == name:
                stores.append(node)
            case ast.ExceptHandler(name=found) | ast.MatchAs(name=found) if found == name:
                return False
            case ast.MatchStar(name=found) | ast.MatchMapping(rest=found) if found == name:
                return False
    if not stores:
        return False
    first = min(stores, key=lambda node: code.where(node).line or 0)
    statement = code.parents.get(first)
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or call not in code.within(statement):
        return False
    around = list(code.around(call))
    around = around[: around.index(function)]
    # a lambda runs later; in a loop a line below may have run before
    if any(isinstance(outer, Function | ast.Lambda) for outer in around):
        return False
    loops = any(isinstance(outer, ast.For | ast.AsyncFor | ast.While) for outer in around)
    return len(stores) == 1 or not loops


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
            if full_name(facts, code, node.value) == AUTH_USER and _is_only(
                facts, code, node.value
            ):
                yield Occurrence(
                    f"{dotted(node.value)} has no objects: the user model is {model} "
                    f"({setting.where})",
                    code.where(node),
                    "Use get_user_model() of django.contrib.auth.",
                )


def _is_only(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether the first name of an expression is bound by exactly one import."""
    head = dotted(node).partition(".")[0]
    # `if settings.AUTH_USER_MODEL == ...`, `if User._meta.swapped`
    if any(one.attr in {"AUTH_USER_MODEL", "swapped"} for one in code.of(ast.Attribute)):
        return False
    if facts.code.imported_as(code, node, head) is None:
        return False
    imports = [one for one in code.imports if not {head, "*"}.isdisjoint(_names_bound(one))]
    if len({ast.unparse(one) for one in imports}) != 1:
        return False
    # `if TYPE_CHECKING:` and `try:` are followed by another meaning
    if not all(isinstance(code.parents.get(one), ast.Module | Function) for one in imports):
        return False
    if any(one.name == head for one in (*code.functions, *code.classes)):
        return False
    return not any(
        one.id == head and not isinstance(one.ctx, ast.Load) for one in code.of(ast.Name)
    )
