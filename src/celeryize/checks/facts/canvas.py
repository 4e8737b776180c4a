"""Canvas in the project's code: signatures of tasks, and the chains, groups and chords of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import is_true, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts

# What puts signatures together, by the name that it has in Celery.
COMPOSERS = frozenset({"chain", "group", "chord"})
HOMES = ("celery.", "celery.canvas.", "celery.app.canvas.")
# The methods of a task that make a signature of it.
MAKERS = frozenset({"s", "si", "signature", "subtask"})
# The methods of a signature that return it, or a copy with the same arguments.
KEEPERS = frozenset({"set", "on_error"})
# The methods that publish at once.
SENDERS = frozenset({"delay", "apply_async", "delay_on_commit", "apply_async_on_commit"})
# How many variables a signature is followed through.
VARIABLES = 3


@dataclass(frozen=True, slots=True)
class Signature:
    """A task with some of its arguments: how many, which names, and whether it takes a result.

    `certain`: nothing hidden, such as `*args`, adds to its arguments.
    """

    task: Task
    node: ast.Call
    positional: int
    named: tuple[str, ...]
    immutable: bool
    certain: bool


def full_name(facts: Facts, code: Code, node: ast.AST) -> str:
    """What a name or an attribute means by the imports of its file: `celery.group`."""
    head, _, rest = dotted(node).partition(".")
    module, name = facts.code.bindings(code.path).get(head, ("", None))
    return ".".join(part for part in (module, name, rest) if part)


def is_of_celery(facts: Facts, call: ast.Call) -> bool:
    """Whether a call of send_task() is one of a Celery app, by its name: other clients have such a
    method, too; apply_async() is Celery's."""
    *_, owner, method = ("", *dotted(call.func).split("."))
    apps = {"app", "celery", "celery_app", "current_app"}
    return method != "send_task" or owner in apps | {one.variable for one in facts.project.celery}


def composer_of(facts: Facts, code: Code, node: ast.AST) -> str | None:
    """Which of COMPOSERS a call calls: `celery.chain(...)`, also under another name."""
    if not isinstance(node, ast.Call) or not _may_compose(code, node.func):
        return None
    full = full_name(facts, code, node.func)
    tail = full.rpartition(".")[2]
    if tail in COMPOSERS and full.removesuffix(tail) in HOMES:
        return tail
    return None


def _may_compose(code: Code, node: ast.expr) -> bool:
    """Whether the first name of an expression is imported from Celery: asked of every call."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    module, _ = code.imported.get(node.id, ("", None))
    return module.startswith("celery")


def followed(code: Code, node: ast.expr, levels: int = VARIABLES) -> ast.expr:
    """The value of a local variable that is assigned once; anything else is itself."""
    if not isinstance(node, ast.Name) or not levels:
        return node
    function = code.function_of(node)
    if function is None:
        return node
    values = code.assigned_in(function).get(node.id)
    if values is None or len(values) != 1 or values[0].lineno >= node.lineno:
        return node
    return followed(code, values[0], levels - 1)


def constant_of(code: Code, node: ast.expr) -> ast.expr:
    """The value of a name that is assigned once, in a function or at the top of its module."""
    node = followed(code, node)
    if not isinstance(node, ast.Name) or code.binder_of(node, node.id) is not None:
        return node
    # a local variable of this name is another one
    stored = [
        one
        for one in code.of(ast.Name)
        if one.id == node.id and isinstance(one.ctx, ast.Store) and not _is_local(code, one)
    ]
    assign = code.parents[stored[0]] if len(stored) == 1 else None
    if not isinstance(assign, ast.Assign | ast.AnnAssign) or assign.value is None:
        return node
    if node.id in code.imported or not isinstance(code.parents[assign], ast.Module):
        return node
    if code.at_top(node) and assign.lineno >= node.lineno:
        return node
    return assign.value


def _is_local(code: Code, name: ast.Name) -> bool:
    return code.binder_of(name, name.id) is not None


def signature_of(facts: Facts, code: Code, node: ast.expr) -> Signature | None:
    """The signature that an expression makes of a task of the project, where that is certain."""
    node = followed(code, node)
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        maker, owner = node.func.attr, node.func.value
        if maker in KEEPERS:
            return _changed(signature_of(facts, code, owner), node)
        task = facts.tasks.named_by(code, owner)
        if task is not None and maker in {"s", "si"}:
            return _short_signature(task, node, immutable=maker == "si")
        if task is not None and maker in MAKERS:
            return _long_signature(task, node, node.args)
    if not _may_compose(code, node.func):
        return None
    tail = full_name(facts, code, node.func)
    if tail in {"celery.signature", "celery.canvas.signature", "celery.subtask"} and node.args:
        task = _task_meant(facts, code, node.args[0])
        if task is not None:
            return _long_signature(task, node, node.args[1:])
    return None


def _changed(signature: Signature | None, call: ast.Call) -> Signature | None:
    """A signature after `set(queue=...)`, which may make it immutable, too."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if signature is None or not {"immutable", None} & given.keys():
        return signature
    known = None not in given and isinstance(given["immutable"], ast.Constant)
    return replace(
        signature,
        immutable=is_true(given.get("immutable")),
        certain=signature.certain and known,
    )


def _task_meant(facts: Facts, code: Code, node: ast.expr) -> Task | None:
    """The task that is given to `signature()`: itself, or its name."""
    name = text_of(node)
    if name is None:
        return facts.tasks.named_by(code, node)
    named = [task for task in facts.tasks if task.name == name]
    if len(named) == 1:
        return named[0]
    return None


def _short_signature(task: Task, call: ast.Call, *, immutable: bool) -> Signature:
    """`task.s(1, b=2)`."""
    named = tuple(keyword.arg for keyword in call.keywords if keyword.arg)
    certain = len(named) == len(call.keywords)
    certain = certain and not any(isinstance(value, ast.Starred) for value in call.args)
    return Signature(task, call, len(call.args), named, immutable, certain)


def _long_signature(task: Task, call: ast.Call, given: list[ast.expr]) -> Signature:
    """`task.signature(args=(1,), kwargs={"b": 2}, immutable=True)`."""
    options = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    args = options.get("args", given[0] if given else None)
    kwargs = options.get("kwargs", given[1] if len(given) > 1 else None)
    certain = len(options) == len(call.keywords)
    positional, named = 0, []
    match args:
        case None:
            pass
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            positional = len(elements)
            certain = certain and not any(isinstance(e, ast.Starred) for e in elements)
        case _:
            certain = False
    match kwargs:
        case None:
            pass
        case ast.Dict(keys=keys) if all(text_of(key) for key in keys):
            named = [str(text_of(key)) for key in keys]
        case _:
            certain = False
    immutable = options.get("immutable")
    certain = certain and (immutable is None or isinstance(immutable, ast.Constant))
    return Signature(task, call, positional, tuple(named), is_true(immutable), certain)


def members_of(code: Code, call: ast.Call) -> list[ast.expr] | None:
    """The members of a chain or a group: its arguments, or the elements of its one list.

    Of a comprehension, the one expression that is repeated; None where they cannot be seen.
    """
    given: list[ast.expr] = list(call.args)
    if len(given) == 1:
        match followed(code, given[0]):
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                given = elements
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                given = [element]
    if not given or any(isinstance(value, ast.Starred) for value in given):
        return None
    return given


def steps_of(facts: Facts, code: Code, node: ast.expr) -> list[ast.expr] | None:
    """The steps of `chain(a, b)`, of `a | b`, or of both in each other; None where it is neither.

    Of `a | b`, one has to be known as a signature: `|` has other uses.
    """
    node = followed(code, node)
    given: list[ast.expr] | None = None
    if composer_of(facts, code, node) == "chain":
        assert isinstance(node, ast.Call)
        if not any(isinstance(a, ast.ListComp | ast.GeneratorExp) for a in node.args):
            given = members_of(code, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        given = [node.left, node.right]
        if not any(is_canvas(facts, code, part) for part in given):
            return None
    if given is None:
        return None
    steps: list[ast.expr] = []
    for part in given:
        inner = steps_of(facts, code, part)
        if inner is None:
            steps.append(part)
        else:
            steps += inner
    return steps


def is_canvas(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether an expression is known to be a signature, or something made of signatures."""
    node = followed(code, node)
    if signature_of(facts, code, node) or composer_of(facts, code, node):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return is_canvas(facts, code, node.left) or is_canvas(facts, code, node.right)
    return False


def chains_in(facts: Facts, code: Code) -> list[list[ast.expr]]:
    """The steps of each outermost chain of a file, with at least two of them; found once."""
    return facts.code.once(f"chains of {code.path}", lambda: list(_find_chains(facts, code)))


def _find_chains(facts: Facts, code: Code) -> Iterator[list[ast.expr]]:
    inner: set[ast.AST] = set()
    for node in _possible_chains(code):
        if node in inner:
            continue
        steps = steps_of(facts, code, node)
        if steps is None or len(steps) < 2:
            continue
        inner.update(code.within(node))
        yield steps


def _possible_chains(code: Code) -> list[ast.expr]:
    """The expressions of a file that may be chains, the outer ones first."""
    found: list[ast.expr] = [n for n in code.calls if _may_compose(code, n.func)]
    found += [node for node in code.of(ast.BinOp) if isinstance(node.op, ast.BitOr)]
    # of two that begin at one place, the longer one is the outer one
    return sorted(found, key=_place_of)


def _place_of(node: ast.expr) -> tuple[int, int, int, int]:
    return (node.lineno, node.col_offset, -(node.end_lineno or 0), -(node.end_col_offset or 0))
