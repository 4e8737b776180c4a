"""Functions that are sent as tasks and are none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.plain import (
    OF_TASKS,
    PlainFunction,
    plain_function,
    plain_method,
)
from celeryize.model import Where
from celeryize.patch.nodes import dotted

# What asks for the kind, or an attribute, of a value.
ASKS = ("hasattr", "getattr", "isinstance")


@check("celery.E415")
def plain_function_sent(facts: Facts) -> Iterator[Occurrence]:
    """A function without the decorator of a task is sent as one.

    What happens: The request, or the task, that sends it fails.
    How it looks: AttributeError: 'function' object has no attribute 'delay'
    Why: delay(), apply_async() and s() are methods of a task, and the decorator makes a function
        one.
    Fix: @shared_task above the function
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#basics
    """
    if not facts.project.celery:
        return
    found: dict[Where, list[tuple[Code, ast.Attribute]]] = {}
    functions: dict[Where, PlainFunction] = {}
    for code in facts.code.relevant:
        for node in _uses_of_tasks(code):
            plain = plain_function(facts, code, node.value)
            plain = plain or plain_method(facts, code, node.value)
            if plain is not None and not is_asked_first(code, node):
                functions[plain.where] = plain
                found.setdefault(plain.where, []).append((code, node))
    for where, uses in found.items():
        plain = functions[where]
        code, node = uses[0]
        more = _others(uses)
        spelled = f"{ast.unparse(node.value)}.{node.attr}"
        yield Occurrence(
            f"{spelled} fails{more}: {plain.node.name} is {plain.kind} "
            f"({where}), as no decorator makes it a task",
            code.where(node),
            plain.remedy,
        )


def _uses_of_tasks(code: Code) -> list[ast.Attribute]:
    """What is read of tasks, in the order of the lines, of which the first is shown."""
    found = [
        node
        for node in code.of(ast.Attribute)
        if node.attr in OF_TASKS and isinstance(node.ctx, ast.Load)
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _others(uses: list[tuple[Code, ast.Attribute]]) -> str:
    """Where else a function is sent."""
    if len(uses) < 2:
        return ""
    if len(uses) == 2:
        code, node = uses[1]
        return f", here and at {code.where(node)}"
    return f", here and in {len(uses) - 1} more places"


def is_asked_first(code: Code, node: ast.Attribute) -> bool:
    """Whether the code around knows that it may be no task: hasattr(), or AttributeError."""
    for outer in code.around(node):
        if isinstance(outer, ast.If | ast.IfExp) and "hasattr" in ast.unparse(outer.test):
            return True
        if isinstance(outer, ast.Try):
            if any("AttributeError" in ast.unparse(h.type) for h in outer.handlers if h.type):
                return True
        if isinstance(outer, ast.With):
            if any("AttributeError" in ast.unparse(item.context_expr) for item in outer.items):
                return True
    # `if not isinstance(send, Task): return send()`
    function = code.function_of(node)
    asked = (call for call in code.calls_of(*ASKS) if code.function_of(call) is function)
    name = dotted(node.value)
    return any(dotted(given) == name for call in asked for given in call.args[:1])
