"""Methods of the project's classes that are no tasks for certain."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts

# Decorators that leave a method a function.
OF_METHODS = frozenset({"staticmethod", "classmethod"})
# What has classes whose own classes make nothing of methods.
KNOWN = ("django.", "rest_framework.", "abc.", "typing.", "enum.")
# How many classes a class may have above it.
LEVELS = 4


def find_method(
    facts: Facts, code: Code, node: ast.expr
) -> tuple[Code, ast.ClassDef, Function] | None:
    """The method that `self.send`, `Mailer.send` or `Mailer().send` certainly is, with its class;
    None in any doubt."""
    if not isinstance(node, ast.Attribute):
        return None
    found = _class_of(facts, code, node.value)
    if found is None:
        return None
    home, holder = found
    method = _only_method(holder, node.attr)
    if method is None or not _is_ordinary(facts, home, holder, LEVELS):
        return None
    # a class below it may have a task of that name
    if any(_overrides(other, holder.name, node.attr) for other in facts.code.relevant):
        return None
    return home, holder, method


def _class_of(facts: Facts, code: Code, owner: ast.expr) -> tuple[Code, ast.ClassDef] | None:
    """The class that an expression is, or is an instance of."""
    if isinstance(owner, ast.Name) and owner.id in {"self", "cls"}:
        function = code.function_of(owner)
        holder = code.parents.get(function) if function is not None else None
        if function is None or not isinstance(holder, ast.ClassDef):
            return None
        given = function.args.posonlyargs + function.args.args
        return (code, holder) if given and given[0].arg == owner.id else None
    named = owner.func if isinstance(owner, ast.Call) else owner
    if not isinstance(named, ast.Name) or code.binder_of(named, named.id) is not None:
        return None
    return _class_named(facts, code, named)


def _class_named(facts: Facts, code: Code, named: ast.Name) -> tuple[Code, ast.ClassDef] | None:
    """The class of the project that a name means, at the top of a module."""
    name, home = named.id, code
    bound = facts.code.imported_as(code, named, name)
    if bound is not None:
        module, inner = bound
        path = facts.modules.find(module)
        other = facts.code.parsed(path) if path is not None and inner is not None else None
        if other is None or inner is None or name in code.imported_twice:
            return None
        name, home = inner, other
    elif name in code.imported:
        return None
    found = [one for one in home.classes if one.name == name]
    if len(found) != 1 or found[0] not in home.source.tree.body:
        return None
    if any(node.id == name and not isinstance(node.ctx, ast.Load) for node in home.of(ast.Name)):
        return None
    return home, found[0]


def _only_method(holder: ast.ClassDef, name: str) -> Function | None:
    """The method of that name, where the class binds it once and no decorator changes it."""
    found = [one for one in holder.body if isinstance(one, Function) and one.name == name]
    stored = any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for statement in holder.body
        if not isinstance(statement, Function)
        for node in ast.walk(statement)
    )
    if len(found) != 1 or stored:
        return None
    if not all(dotted(one) in OF_METHODS for one in found[0].decorator_list):
        return None
    return found[0]


def _is_ordinary(facts: Facts, code: Code, holder: ast.ClassDef, levels: int) -> bool:
    """Whether nothing makes something else of a class: no decorator, no metaclass, no base that is
    not known."""
    if holder.decorator_list or holder.keywords or not levels:
        return False
    for base in holder.bases:
        if full_name(facts, code, base).startswith(KNOWN) or dotted(base) in {
            "object",
            "Exception",
        }:
            continue
        found = _class_named(facts, code, base) if isinstance(base, ast.Name) else None
        if found is None or not _is_ordinary(facts, *found, levels - 1):
            return False
    return True


def _overrides(code: Code, base: str, name: str) -> bool:
    """Whether a class of a file has a class of that name above it, and binds the method anew."""
    for one in code.classes:
        if not any(dotted(above).rpartition(".")[2] == base for above in one.bases):
            continue
        names = {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}
        if name in names or any(isinstance(s, Function) and s.name == name for s in one.body):
            return True
    return False
