"""What the task of an entry takes, and whether what the entry gives it fits.

The signature decides, and the annotations, as far as both are certain: Beat sends what JSON can
carry, and a task of Pydantic's converts it.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from celeryize.checks.facts import read_facts
from celeryize.checks.facts.tasks import Task
from celeryize.commands.schedule.entry import Request, parse_json
from celeryize.commands.task.place import registered_name
from celeryize.detect.project import Project
from celeryize.errors import UsageError
from celeryize.patch.nodes import dotted

# What of JSON is a value of a type, and an example of it as it is typed.
JSON_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "1"),
    "float": ((int, float), "1.5"),
    "bool": ((bool,), "true"),
    "str": ((str,), '"daily"'),
    "list": ((list,), "[1, 2]"),
    "dict": ((dict,), '{"full": false}'),
}
UNIONS = frozenset({"Optional", "Union"})
ANY_EXAMPLE = "1"


@dataclass(frozen=True, slots=True)
class Needed:
    """A parameter that a caller has to give; `annotation` is None where it has none."""

    name: str
    annotation: ast.expr | None
    by_name: bool
    converted: bool = False

    def __str__(self) -> str:
        if self.annotation is None:
            return self.name
        return f"{self.name}: {ast.unparse(self.annotation)}"

    @property
    def example(self) -> str:
        """A value for it, as JSON."""
        kinds = _kinds_of(self.annotation)
        return JSON_TYPES[kinds[0]][1] if kinds else ANY_EXAMPLE

    @property
    def is_text(self) -> bool:
        """Whether it takes a text and nothing else, which is then typed without quotes."""
        return _kinds_of(self.annotation) == ["str"]

    def problem_of(self, value: object) -> str:
        """Why a value is not one of its annotation; empty where it is, or where that is not
        certain."""
        if self.annotation is None or self.converted or _is_of(self.annotation, value):
            return ""
        return (
            f"{self.name} is annotated as {ast.unparse(self.annotation)}, and "
            f"{json.dumps(value, ensure_ascii=False)} is not one"
        )


def find_task(project: Project, request: Request) -> Task | None:
    """The task of an entry; None where no code, or more than one place, defines it."""
    name = registered_name(project, request.task)
    tasks = read_facts(project).tasks
    found = [task for task in tasks if task.name == name]
    if len(found) != 1 or found[0].is_conditional or tasks.have_own_class:
        return None
    return found[0]


def missing_arguments(task: Task, request: Request) -> list[Needed]:
    """The parameters without a default that an entry gives nothing for. Raises UsageError."""
    args, kwargs = _given(request)
    named = set(kwargs)
    needed = [one for one in _parameters(task) if one.required and one.needed.name not in named]
    return [one.needed for one in needed if one.index is None or one.index >= len(args)]


def with_argument(request: Request, needed: Needed, value: object) -> Request:
    """The request with the value of one more parameter; those before it have theirs already."""
    args, kwargs = _given(request)
    if needed.by_name or kwargs:
        text = json.dumps({**kwargs, needed.name: value}, ensure_ascii=False)
        return replace(request, kwargs=text)
    return replace(request, args=json.dumps([*args, value], ensure_ascii=False))


def read_value(needed: Needed, text: str) -> object:
    """What was typed for one parameter: JSON, or a text without quotes where only one is meant.

    Raises UsageError.
    """
    is_quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    if needed.is_text and not is_quoted:
        return text
    try:
        values = parse_json(f"[{text}]", "--args", at_prompt=True)
    except UsageError:
        values = None
    if not isinstance(values, list) or len(values) != 1:
        raise UsageError(
            f"{text} is not a value in JSON",
            hint=f"For example {needed.example}; a text in quotes.",
        )
    if problem := needed.problem_of(values[0]):
        raise UsageError(problem, hint=f"For example {needed.example}.")
    return values[0]


def check_arguments(task: Task, request: Request) -> None:
    """Raise UsageError where an entry lacks an argument of its task, or has one of another type.

    What the task does not take at all, the proof finds.
    """
    missing = missing_arguments(task, request)
    function = task.node.name
    if missing and task.signature is not None:
        names = ", ".join(str(one) for one in missing)
        filled = request
        for one in missing:
            filled = with_argument(filled, one, json.loads(one.example))
        flag, text = "--args", filled.args
        if filled.kwargs != request.kwargs:
            flag, text = "--kwargs", filled.kwargs
        raise UsageError(
            f"{function} has to be given {names}, and the entry does not",
            hint=f"Add for example {flag} '{text}'.",
        )
    args, kwargs = _given(request)
    for parameter in _parameters(task):
        name, values = parameter.needed.name, list[object]()
        if parameter.index is not None and parameter.index < len(args):
            values = [args[parameter.index]]
        elif name in kwargs:
            values = [kwargs[name]]
        for problem in filter(None, map(parameter.needed.problem_of, values)):
            raise UsageError(problem, hint=f"Write {parameter.needed.example}, for example.")


def problem_of_typed(needed: Needed) -> Callable[[str], str]:
    """What is wrong with a text that is typed for a parameter, for its question."""

    def problem_of(text: str) -> str:
        try:
            read_value(needed, text)
        except UsageError as error:
            return f"{error.message}. {error.hint}"
        return ""

    return problem_of


@dataclass(frozen=True, slots=True)
class _Parameter:
    needed: Needed
    required: bool
    index: int | None


def _parameters(task: Task) -> Iterator[_Parameter]:
    """The parameters that a caller can give one by one; none where that is not certain."""
    signature = task.signature
    if signature is None:
        return
    nodes = task.node.args
    annotations = {
        one.arg: one.annotation for one in (*nodes.posonlyargs, *nodes.args, *nodes.kwonlyargs)
    }
    converted = "pydantic" in task.options
    for index, parameter in enumerate(signature.parameters.values()):
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        needed = Needed(parameter.name, annotations[parameter.name], by_name, converted)
        place = None if by_name else index
        yield _Parameter(needed, parameter.default is inspect.Parameter.empty, place)


def _given(request: Request) -> tuple[list[object], dict[str, object]]:
    """The arguments of a request. Raises UsageError."""
    args = parse_json(request.args, "--args")
    kwargs = parse_json(request.kwargs, "--kwargs")
    assert isinstance(args, list | None) and isinstance(kwargs, dict | None)
    return args or [], kwargs or {}


def _kinds_of(annotation: ast.expr | None) -> list[str]:
    """The types of JSON that an annotation allows, None left out; empty where one is not known."""
    found: list[str] = []
    for part in _parts_of(annotation):
        head = part.value if isinstance(part, ast.Subscript) else part
        name = dotted(head).rpartition(".")[2].lower()
        if name not in JSON_TYPES:
            return []
        found.append(name)
    return found


def _parts_of(annotation: ast.expr | None) -> Iterator[ast.expr]:
    """The alternatives of an annotation, None left out."""
    match annotation:
        case None | ast.Constant(value=None):
            return
        case ast.Constant(value=str(text)):
            try:
                yield from _parts_of(ast.parse(text, mode="eval").body)
            except SyntaxError:
                yield annotation
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _parts_of(left)
            yield from _parts_of(right)
        case ast.Subscript(value=head, slice=inner) if _tail(head) in UNIONS:
            for one in inner.elts if isinstance(inner, ast.Tuple) else [inner]:
                yield from _parts_of(one)
        case _:
            yield annotation


def _tail(node: ast.expr) -> str:
    return dotted(node).rpartition(".")[2]


def _is_of(annotation: ast.expr, value: object) -> bool:
    """Whether a value of JSON is one of an annotation, or may be."""
    kinds = _kinds_of(annotation)
    if not kinds:
        return True
    if value is None:
        return "None" in ast.unparse(annotation) or "Optional" in ast.unparse(annotation)
    if not any(isinstance(value, JSON_TYPES[kind][0]) for kind in kinds):
        return False
    # list[int], where nothing else is allowed
    parts = list(_parts_of(annotation))
    match parts, value:
        case [ast.Subscript(slice=inner)], list() if kinds == ["list"]:
            return all(_is_of(inner, one) for one in value)
    return True
