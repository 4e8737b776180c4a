"""How the checks of the settings read them: every assignment of a setting, with its value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.celery_facts import OLD_NAMES
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Pair, pairs_of, text_of
from celeryize.checks.facts.settings import Setting
from celeryize.checks.settings import PREFIX, is_read
from celeryize.patch.nodes import dotted


def settings_of(facts: Facts, key: str) -> Iterator[tuple[Setting, ast.expr]]:
    """Every assignment of a setting of Celery, under its new or its old name, with its value.

    `app.conf.task_routes = ...` and `app.conf.update(task_routes=...)` count as well. A value that
    is a name is followed to the one assignment of that name in the file.
    """
    for setting in facts.settings:
        name = setting.name
        old = OLD_NAMES.get(name) == key
        # an old name that the project reads itself is its own setting
        if name == f"{PREFIX}{key.upper()}" or (old and not is_read(facts, setting)):
            yield setting, resolved(setting.code, setting.value)
    for code in facts.code.relevant:
        if ".conf." in code.source.text and key in code.source.text:
            for value in _given_to_conf(code, key):
                name = f"app.conf.{key}"
                yield (
                    Setting(name, value, code.where(value), code, conditional=True),
                    resolved(code, value),
                )


def _given_to_conf(code: Code, key: str) -> Iterator[ast.expr]:
    """What code of the project's own sets on the configuration of an app."""
    for node in code.assigns:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if dotted(target).endswith(f".conf.{key}") and node.value is not None:
                yield node.value
    for call in code.calls:
        if dotted(call.func).endswith(".conf.update"):
            pairs = [Pair(ast.Constant(k.arg), k.value) for k in call.keywords]
            for argument in call.args:
                pairs += pairs_of(argument) or ()
            yield from (pair.value for pair in pairs if text_of(pair.key) == key)


def resolved(code: Code, node: ast.expr) -> ast.expr:
    """The value itself, or what the variable that it names is assigned, once, in this file."""
    if not isinstance(node, ast.Name):
        return node
    values = [
        assign.value
        for assign in code.assigns
        for target in (assign.targets if isinstance(assign, ast.Assign) else [assign.target])
        if isinstance(target, ast.Name) and target.id == node.id
    ]
    if len(values) == 1 and values[0] is not None:
        return values[0]
    return node


def elements_of(node: ast.expr) -> list[ast.expr]:
    """The elements of a list, tuple or set."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return node.elts
    return []
