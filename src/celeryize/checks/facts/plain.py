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
from celeryize.checks.facts.decorators import OF_FUNCTIONS, gives_function
from celeryize.checks.facts.literals import Function
from celeryize.checks.facts.methods import find_method
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts

# How many modules a function may be handed through: `from .mail import send` in an `__init__.py`.
REEXPORTS = 4
# What may give a module names, or its functions attributes, that its text does not show.
HIDDEN_BINDINGS = ("globals", "locals", "exec", "setattr", "__dict__", "vars", "update_wrapper")
# The same, where what setattr() is called with is looked at.
HIDDEN = tuple(name for name in HIDDEN_BINDINGS if name != "setattr")
# What makes a function a task without standing above it.
MAKERS = frozenset({"task", "shared_task", "periodic_task", "register_task", "task_from_fun"})
# What a task has, and a function has not.
OF_TASKS = frozenset(
    {"delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "signature"}
    | {"s", "si", "subtask", "apply"}
)
# Stands for every name of a module, and for every function of the project.
ANY = "*"


@dataclass(frozen=True, slots=True)
class PlainFunction:
    """A function of the project that no decorator makes a task: at the top of a module, in another
    function, or the method of a class, the `holder`."""

    code: Code
    node: Function
    holder: ast.ClassDef | None = None

    @property
    def kind(self) -> str:
        """What it is, as a sentence says it."""
        if self.holder is not None:
            return f"a method of {self.holder.name}"
        return "a plain function"

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
        if self.holder is not None:
            return (
                f"Write a function with @shared_task in tasks.py that takes what it needs, such as "
                f"an id, and calls {name}(); send that one."
            )
        if not isinstance(self.code.parents.get(self.node), ast.Module):
            return f"Move {name} to the top of tasks.py, with @shared_task above it."
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


def plain_function(
    facts: Facts, code: Code, node: ast.expr, *, bare: bool = False
) -> PlainFunction | None:
    """The function that an expression certainly names and no decorator makes a task; None in any
    doubt. `bare`: it has no decorator at all."""
    head, _, rest = dotted(node).partition(".")
    if not head:
        return None
    bound = facts.code.imported_as(code, node, head)
    if bound is None:
        if rest or head in code.imported:
            return None
        binder = code.binder_of(node, head)
        if binder is not None:
            return _plain_inside(code, binder[0], head)
        return plain_at(facts, code.path, head, bare=bare)
    if not _imports_agree(facts, code, head) or _is_rebound(code, head):
        return None
    full = ".".join(part for part in (*bound, rest) if part)
    return plain_named(facts, full, bare=bare)


def plain_method(facts: Facts, code: Code, node: ast.expr) -> PlainFunction | None:
    """The method that an expression certainly is, which nothing makes a task."""
    found = find_method(facts, code, node)
    if found is None:
        return None
    home, holder, method = found
    if home.names(*HIDDEN_BINDINGS) or _is_made_elsewhere(facts, home.path, method.name):
        return None
    return PlainFunction(home, method, holder)


def _plain_inside(code: Code, binder: ast.AST, name: str) -> PlainFunction | None:
    """The function of this name that a function defines, once, and does nothing else with."""
    if not isinstance(binder, Function):
        return None
    inside = code.within(binder)
    found = [one for one in inside if isinstance(one, Function) and one.name == name]
    # another value, an attribute that is given to it, what it is handed to
    used = [node for node in inside if isinstance(node, ast.Name) and node.id == name]
    if len(found) != 1 or found[0].decorator_list or found[0] not in binder.body:
        return None
    if any(
        not isinstance(node.ctx, ast.Load) or not _is_used_in_place(code, node) for node in used
    ):
        return None
    return PlainFunction(code, found[0])


def _is_used_in_place(code: Code, node: ast.Name) -> bool:
    """Whether a name is called, or asked for an attribute."""
    outer = code.parents.get(node)
    if isinstance(outer, ast.Attribute):
        return isinstance(outer.ctx, ast.Load)
    return isinstance(outer, ast.Call) and outer.func is node


def plain_named(
    facts: Facts, full: str, levels: int = REEXPORTS, *, bare: bool = False
) -> PlainFunction | None:
    """The plain function at a dotted path, followed through re-exports."""
    module, _, name = full.rpartition(".")
    path = facts.modules.find(module) if module else None
    if path is None or not levels or module.split(".")[0] not in facts.code.own_packages:
        return None
    found = plain_at(facts, path, name, bare=bare)
    if found is not None:
        return found
    code = facts.code.parsed(path)
    if code is None or not _imports_agree(facts, code, name) or _is_rebound(code, name):
        return None
    base, inner = code.imported.get(name, ("", None))
    if inner is None:
        base, inner = _by_star(facts, code, name), name
    if not base:
        return None
    return plain_named(facts, f"{base}.{inner}", levels - 1, bare=bare)


def _by_star(facts: Facts, code: Code, name: str) -> str:
    """The module from which `from .mail import *` certainly brings a name; empty otherwise."""
    if name in code.imported or name.startswith("_"):
        return ""
    found = []
    for node in code.of(ast.ImportFrom):
        if node.names[0].name != "*":
            continue
        module = facts.modules.absolute(node, code.path)
        path = facts.modules.find(module)
        other = facts.code.parsed(path) if path is not None else None
        # a library, or what chooses its names itself, may bring anything
        if other is None or code.function_of(node) or other.names("__all__", "*"):
            return ""
        if any(alias.name == "*" for alias in other.of(ast.alias)):
            return ""
        if other.names(name) or any(one.name == name for one in other.functions):
            found.append(module)
    return found[0] if len(found) == 1 else ""


def plain_at(
    facts: Facts, path: PurePosixPath, name: str, *, bare: bool = False
) -> PlainFunction | None:
    """The plain function of this name in a file, if it is nothing else there."""
    code = facts.code.parsed(path)
    if code is None or code.names(*HIDDEN) or name in code.imported:
        return None
    found = [one for one in code.functions if one.name == name and _is_of_module(code, one)]
    if len(found) != 1 or found[0] not in code.source.tree.body:
        return None
    if found[0].decorator_list and bare:
        return None
    if not all(_is_of_functions(facts, code, one) for one in found[0].decorator_list):
        return None
    # `from .more import *` below it may bring another one
    if any(a.name == "*" and a.lineno > found[0].lineno for a in code.of(ast.alias)):
        return None
    if _is_rebound(code, name) or _is_made_elsewhere(facts, path, name):
        return None
    # `setattr(one, ...)` may be given this one, or the module
    if code.names("setattr") and not _sets_others(facts, code, name):
        return None
    return PlainFunction(code, found[0])


def _sets_others(facts: Facts, code: Code, name: str) -> bool:
    """Whether each setattr() of a file is about a variable of a function, which cannot be the
    function of this name, as nothing is given that one."""
    for call in code.calls_of("setattr"):
        target = call.args[0] if call.args else None
        if not isinstance(target, ast.Name) or code.binder_of(target, target.id) is None:
            return False
    # setattr itself may be handed on
    calls = sum(1 for _ in code.calls_of("setattr"))
    read = sum(node.id == "setattr" for node in code.of(ast.Name))
    return calls == read and not is_handed_on(facts, code, name)


def _is_of_functions(facts: Facts, code: Code, decorator: ast.expr) -> bool:
    """Whether a decorator certainly gives back what has no methods of a task."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if full_name(facts, code, called) in OF_FUNCTIONS:
        return True
    own = plain_function(facts, code, called, bare=True)
    return own is not None and gives_function(own.node, called=called is not decorator)


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
