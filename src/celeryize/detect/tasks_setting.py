"""Where the settings give TASKS of Django a value: each spelling that sets, changes or removes it.

TASKS = {...}    TASKS["default"] = {...}    from conf import TASKS    globals()["TASKS"] = ...
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.detect.django_tasks import DEFAULT_ALIAS, TaskBackend, read_backends
from celeryize.detect.modules import Modules
from celeryize.model import Where
from celeryize.patch.nodes import walk

TASKS = "TASKS"
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_CHANGES = frozenset({"update", "setdefault", "pop", "popitem", "clear", "__setitem__"})
# An import of an import of an import: what is further away is taken for unknown.
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class TasksValue:
    """A statement that decides the default backend: `backend` is empty where code computes it.

    `value` is the whole of TASKS, where the statement has it. `certain`: nothing keeps the
    statement from running. `alone`: it is one line that does nothing else.
    """

    where: Where
    backend: TaskBackend
    value: ast.expr | None = None
    certain: bool = True
    alone: bool = False


def tasks_values(modules: Modules, path: PurePosixPath, depth: int = _DEPTH) -> list[TasksValue]:
    """The statements of one file, in their order."""
    found: list[TasksValue] = []
    for statement, certain in _statements(modules.tree(path).body, True):
        line = statement.lineno == statement.end_lineno
        for value, alone in _values_in(statement, modules, path, depth):
            own = certain and value.certain
            found.append(replace(value, certain=own, alone=alone and own and line))
    return found


def not_to_celery(values: Sequence[TasksValue]) -> TasksValue | None:
    """The statement because of which the default backend is, or may be, another than Celery's."""
    other: TasksValue | None = None
    for found in values:
        if not found.backend.sends_to_celery:
            other = found
        elif found.certain:
            other = None
    return other


def _statements(body: Sequence[ast.stmt], certain: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Each statement that runs when the module is imported, and whether it always does."""
    for statement in body:
        yield statement, certain
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = list(walk(statement))
            if any(isinstance(node, ast.Global) and TASKS in node.names for node in nodes):
                yield from _statements(statement.body, False)
            continue
        own = certain and isinstance(statement, ast.ClassDef)
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                yield from _statements([child], own)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _statements(child.body, False)


def _values_in(
    statement: ast.stmt, modules: Modules, path: PurePosixPath, depth: int
) -> Iterator[tuple[TasksValue, bool]]:
    """What a statement gives TASKS, less those inside of it; and whether it does nothing else."""
    where = Where(path, statement.lineno)
    read: set[ast.AST] = set()
    match statement:
        case ast.FunctionDef(name="TASKS") | ast.ClassDef(name="TASKS"):
            yield TasksValue(where, TaskBackend("")), False
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return
        case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
            if any((alias.asname or alias.name) == TASKS for alias in aliases):
                backend = _imported(statement, modules, path, depth)
                yield TasksValue(where, backend), len(aliases) == 1
            return
        case ast.Assign(targets=targets, value=value):
            yield from _assigned(where, targets, value, read)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _assigned(where, [target], value, read)
        case ast.AnnAssign():
            return
    for node in _own_nodes(statement):
        if isinstance(node, ast.NamedExpr) and node.target.id == TASKS:
            read.add(node.target)
            alone = isinstance(statement, ast.Expr) and statement.value is node
            found = TasksValue(where, _default_of(node.value), node.value, certain=alone)
            yield found, alone
    for node in _own_nodes(statement):
        if node not in read and _is_change(node):
            yield TasksValue(where, TaskBackend("")), False
            return


def _assigned(
    where: Where, targets: list[ast.expr], value: ast.expr, read: set[ast.AST]
) -> Iterator[tuple[TasksValue, bool]]:
    """The targets of an assignment that are TASKS, or an entry of it; they are added to `read`."""
    for target in targets:
        keys = _keys_of(target)
        if keys is None:
            continue
        read |= set(walk(target))
        if not keys:
            yield TasksValue(where, _default_of(value), value), len(targets) == 1
        elif keys[0] in {DEFAULT_ALIAS, ""}:
            backend = _backend_of_item(keys, value)
            if backend is not None:
                yield TasksValue(where, backend), False


def _backend_of_item(keys: list[str], value: ast.expr) -> TaskBackend | None:
    """The backend that TASKS["default"] = ... gives; None where it leaves the backend as it is."""
    if keys == [DEFAULT_ALIAS]:
        entry = ast.Dict(keys=[ast.Constant(DEFAULT_ALIAS)], values=[value])
        return _default_of(entry)
    if keys == [DEFAULT_ALIAS, "BACKEND"] and isinstance(value, ast.Constant):
        return TaskBackend(str(value.value))
    if keys[0] == DEFAULT_ALIAS and keys[1] not in {"BACKEND", ""}:
        return None
    return TaskBackend("")


def _default_of(value: ast.expr) -> TaskBackend:
    return (read_backends(value) or {}).get(DEFAULT_ALIAS, TaskBackend(""))


def _imported(
    statement: ast.stmt, modules: Modules, path: PurePosixPath, depth: int
) -> TaskBackend:
    """The backend of a TASKS that another module of the project has."""
    if not isinstance(statement, ast.ImportFrom) or not depth:
        return TaskBackend("")
    if not any(alias.name == TASKS for alias in statement.names):
        return TaskBackend("")
    file = modules.find(modules.absolute(statement, path))
    if file is None or modules.source(file) is None:
        return TaskBackend("")
    values = tasks_values(modules, file, depth - 1)
    other = not_to_celery(values)
    if other is not None:
        return other.backend
    return values[-1].backend if values else TaskBackend("")


def _keys_of(node: ast.expr) -> list[str] | None:
    """The keys of an entry of TASKS, none for TASKS itself; None for anything else.

    A key that code computes is empty.
    """
    keys: list[str] = []
    while isinstance(node, ast.Subscript):
        key = node.slice
        text = key.value if isinstance(key, ast.Constant) else ""
        keys.insert(0, text if isinstance(text, str) else "")
        node = node.value
    if isinstance(node, ast.Name) and node.id == TASKS:
        return keys
    if _is_namespace(node) and keys[:1] == [TASKS]:
        return keys[1:]
    return None


def _is_namespace(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _NAMESPACES
    )


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement less those of the statements, and the functions, inside of it."""
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        yield node
        left += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case | ast.Lambda)
        ]


def _is_change(node: ast.AST) -> bool:
    """Whether TASKS, or an entry, is set or changed in a way whose value is not read."""
    match node:
        case ast.Name(id="TASKS", ctx=ast.Store() | ast.Del()):
            return True
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            return (_keys_of(node) or [DEFAULT_ALIAS])[0] in {DEFAULT_ALIAS, ""} and (
                _keys_of(node) is not None
            )
        case ast.Call(func=ast.Attribute(value=changed, attr=attr)) if attr in _CHANGES:
            return _keys_of(changed) is not None or (_is_namespace(changed) and _names_it(node))
        case ast.Call(func=ast.Name(id="setattr")):
            return _names_it(node)
    return False


def _names_it(call: ast.Call) -> bool:
    """Whether a call has TASKS as a text or as a keyword."""
    return any(
        (isinstance(node, ast.Constant) and node.value == TASKS)
        or (isinstance(node, ast.keyword) and node.arg == TASKS)
        for node in walk(call)
    )
