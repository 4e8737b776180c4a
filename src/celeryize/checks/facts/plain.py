"""Functions of the project that are no tasks for certain: no decorator makes them tasks,
and nothing else does so later."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts

# How many modules a function may be handed through: `from .mail import send` in an `__init__.py`.
REEXPORTS = 4
# What may give a module names, or its functions attributes, that its text does not show.
HIDDEN_BINDINGS = ("globals", "locals", "exec", "setattr", "__dict__", "vars", "update_wrapper")
# What makes a function a task without standing above it.
MAKERS = frozenset({"task", "shared_task", "periodic_task", "register_task", "task_from_fun"})
# What a task has, and a function has not.
OF_TASKS = frozenset(
    {"delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "signature"}
    | {"s", "si", "subtask", "apply"}
)
# Decorators that give back a function without the methods of a task.
OF_FUNCTIONS = frozenset(
    {"django.db.transaction.atomic", "tenacity.retry", "backoff.on_exception"}
    | {"django.views.decorators.debug.sensitive_variables"}
)
# Stands for every name of a module, and for every function of the project.
ANY = "*"


@dataclass(frozen=True, slots=True)
class PlainFunction:
    """A function that no decorator makes a task, at the top of a module of the project."""

    code: Code
    node: Function

    @property
    def where(self) -> Where:
        """The line of its `def`."""
        return self.code.where(self.node)

    @property
    def commented_decorator(self) -> int | None:
        """The line above it with a decorator that is commented out, if there is one."""
        lines = self.code.source.text.split("\n")
        first = min(one.lineno for one in (self.node, *self.node.decorator_list))
        number = first - 1
        while number and lines[number - 1].lstrip().startswith("#"):
            if lines[number - 1].lstrip("# \t").startswith("@"):
                return number
            number -= 1
        return None

    @property
    def remedy(self) -> str:
        """What makes it a task."""
        name = self.node.name
        line = self.commented_decorator
        if line is not None:
            remedy = f"Take the # from the decorator above {name} ({self.code.path}:{line})"
            text = self.code.source.text.split("\n")[line - 1]
            decorator = re.split(r"[^\w]", text.partition("@")[2])[0]
        else:
            remedy, decorator = f"Put @shared_task above {name} ({self.where})", "shared_task"
            others = self.node.decorator_list
            if others:
                # below them it would be another mistake
                remedy = (
                    f"Put @shared_task above @{ast.unparse(others[0])} of {name}"
                    f" ({self.code.where(others[0])})"
                )
        if self.code.names(decorator):
            return f"{remedy}."
        if decorator != "shared_task":
            return f"{remedy}, and import {decorator} at the top of the file."
        return f"{remedy}, and `from celery import shared_task` at the top of the file."


def plain_function(facts: Facts, code: Code, node: ast.expr) -> PlainFunction | None:
    """The function without a decorator that an expression certainly names; None in any doubt."""
    head, _, rest = dotted(node).partition(".")
    if not head:
        return None
    bound = facts.code.imported_as(code, node, head)
    if bound is None:
        if rest or head in code.imported or code.binder_of(node, head) is not None:
            return None
        return plain_at(facts, code.path, head)
    if not _imports_agree(facts, code, head) or _is_rebound(code, head):
        return None
    full = ".".join(part for part in (*bound, rest) if part)
    return plain_named(facts, full)


def plain_named(facts: Facts, full: str, levels: int = REEXPORTS) -> PlainFunction | None:
    """The function without a decorator at a dotted path, followed through re-exports."""
    module, _, name = full.rpartition(".")
    path = facts.modules.find(module) if module else None
    if path is None or not levels or module.split(".")[0] not in facts.code.own_packages:
        return None
    found = plain_at(facts, path, name)
    if found is not None:
        return found
    code = facts.code.parsed(path)
    if code is None or not _imports_agree(facts, code, name) or _is_rebound(code, name):
        return None
    base, inner = code.imported.get(name, ("", None))
    if inner is None:
        return None
    return plain_named(facts, f"{base}.{inner}", levels - 1)


def plain_at(facts: Facts, path: PurePosixPath, name: str) -> PlainFunction | None:
    """The function without a decorator of this name in a file, if it is nothing else there."""
    code = facts.code.parsed(path)
    if code is None or code.names(*HIDDEN_BINDINGS) or name in code.imported:
        return None
    found = [one for one in code.functions if one.name == name and _is_of_module(code, one)]
    if len(found) != 1 or found[0] not in code.source.tree.body:
        return None
    if not all(_is_of_functions(facts, code, one) for one in found[0].decorator_list):
        return None
    # `from .more import *` below it may bring another one
    if any(a.name == "*" and a.lineno > found[0].lineno for a in code.of(ast.alias)):
        return None
    if _is_rebound(code, name) or _is_made_elsewhere(facts, path, name):
        return None
    return PlainFunction(code, found[0])


def _is_of_functions(facts: Facts, code: Code, decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return full_name(facts, code, called) in OF_FUNCTIONS


def is_handed_on(facts: Facts, code: Code, name: str) -> bool:
    """Whether the module of a function uses it as a value (in a list, as the argument of a call),
    or any other one gives it to a call."""
    return _is_value(code, name) or any(
        name in (_last_name(given) for given in call.args)
        for other in facts.code.relevant
        for call in other.calls
    )


def _is_value(code: Code, name: str) -> bool:
    for node in code.of(ast.Name):
        if node.id == name:
            outer = code.parents.get(node)
            called = isinstance(outer, ast.Call) and outer.func is node
            if not called and not isinstance(outer, ast.Attribute):
                return True
    return False


def _imports_agree(facts: Facts, code: Code, name: str) -> bool:
    """Whether all imports of a file that bind a name bind it to the same, and no `def` does."""
    if any(one.name == name and _is_of_module(code, one) for one in code.functions):
        return False
    if name not in code.imported_twice:
        return True
    meant = set()
    for node in code.imports:
        for alias in node.names:
            if name != (alias.asname or alias.name.partition(".")[0]):
                continue
            module = ""
            if isinstance(node, ast.ImportFrom):
                module = facts.modules.absolute(node, code.path)
            meant.add((module, alias.name))
    return len(meant) == 1


def _is_of_module(code: Code, node: ast.AST) -> bool:
    """Whether a function is one of the module, perhaps below an `if`, and no method."""
    around = code.around(node)
    return not any(isinstance(outer, Function | ast.Lambda | ast.ClassDef) for outer in around)


def _is_rebound(code: Code, name: str) -> bool:
    """Whether anything in a file but a `def` or an import gives a name a value."""
    for node in code.of(ast.Name):
        if node.id == name and not isinstance(node.ctx, ast.Load):
            if code.binder_of(node, name) is None:
                return True
    return any(name in node.names for node in code.of(ast.Global)) or any(
        one.name == name for one in code.classes
    )


def _is_made_elsewhere(facts: Facts, path: PurePosixPath, name: str) -> bool:
    """Whether code of the project makes tasks of functions of this name, or gives them, or their
    modules, attributes."""
    made = facts.code.once("made tasks", lambda: frozenset(_made_names(facts)))
    module = path.parent.name if path.name == "__init__.py" else path.stem
    return not made.isdisjoint({name, f"{module}.{ANY}", ANY})


def _made_names(facts: Facts) -> Iterator[str]:
    for code in facts.code.relevant:
        # `tasks.send = app.task(tasks.send)`, `send.delay = ...`
        for node in code.of(ast.Attribute):
            if not isinstance(node.ctx, ast.Load):
                yield node.attr
                yield _last_name(node.value)
                if node.attr in OF_TASKS and _is_any_function(code, node):
                    yield ANY
            elif node.attr == "__dict__":
                yield f"{_last_name(node.value)}.{ANY}"
        for call in code.calls:
            # `shared_task(name="x")(send)`
            if _is_maker(call) or isinstance(call.func, ast.Call):
                yield from map(_last_name, call.args)
                # `for f in functions: app.task(f)`, `app.task(getattr(tasks, name))`
                if any(_is_computed(code, given) for given in call.args[:1]) and _makes(call):
                    yield ANY
        for call in code.calls_of("setattr", "vars"):
            # the first is the function, or a module, all of whose names it may be
            for given in call.args[:1]:
                yield _last_name(given)
                yield f"{_last_name(given)}.{ANY}"
        if any(_makes_computed(code, call) for call in code.calls_of("setattr")):
            yield ANY


def _last_name(node: ast.expr) -> str:
    return dotted(node).rpartition(".")[2]


def _is_maker(call: ast.Call) -> bool:
    return _last_name(call.func) in MAKERS and bool(call.args)


def _makes(call: ast.Call) -> bool:
    """`app.task(f)`, `shared_task(name="x")(f)`."""
    made = call.func
    return _last_name(made.func if isinstance(made, ast.Call) else made) in MAKERS


def _is_computed(code: Code, given: ast.expr) -> bool:
    """Whether an argument is a variable of a loop, or what getattr() gives."""
    if isinstance(given, ast.Call):
        return _last_name(given.func) == "getattr"
    return isinstance(given, ast.Name) and _is_of_loop(code, given.id)


def _is_of_loop(code: Code, name: str) -> bool:
    return any(name == dotted(target) for loop in code.of(ast.For) for target in walk(loop.target))


def _is_any_function(code: Code, node: ast.Attribute) -> bool:
    """Whether an attribute is given to a parameter, or a variable of a loop: `fn.delay = ...`."""
    name = dotted(node.value)
    if name in {"", "self", "cls"} or "." in name:
        return False
    outer = code.parents.get(node)
    if isinstance(outer, ast.Assign) and isinstance(outer.value, ast.Constant):
        return False
    return code.binder_of(node, name) is not None or _is_of_loop(code, name)


def _makes_computed(code: Code, call: ast.Call) -> bool:
    """Whether setattr() is called where tasks are made, with a name that is computed."""
    if len(call.args) < 2 or isinstance(call.args[1], ast.Constant):
        return False
    function = code.function_of(call)
    return any(_is_maker(one) and code.function_of(one) is function for one in code.calls)
