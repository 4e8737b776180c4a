"""What the task of an entry takes, and whether what the entry gives it fits.

The signature decides, and the annotations, as far as both are certain: Beat sends what JSON can
carry, and a task of Pydantic's converts it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from celeryize.commands.schedule.entry import Request, parse_json
from celeryize.commands.task.place import registered_name
from celeryize.detect.apps import App
from celeryize.detect.modules import bound_names
from celeryize.detect.project import Project
from celeryize.detect.tasks import DefinedTask, TaskRecogniser, find_tasks
from celeryize.errors import UsageError
from celeryize.patch.nodes import dotted, walk

# What of JSON is a value of a type, and an example of it as it is typed.
JSON_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "1"),
    "float": ((int, float), "1.5"),
    # 0 and 1 do what is meant
    "bool": ((bool, int), "true"),
    "str": ((str,), '"daily"'),
    "list": ((list,), "[1, 2]"),
    "dict": ((dict,), '{"full": false}'),
}
UNIONS = frozenset({"Optional", "Union"})
ANY_EXAMPLE = "1"
IMPORTS = (ast.Import, ast.ImportFrom)


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
        if kinds[:1] == ["list"] and _kinds_inside(self.annotation) == ["str"]:
            return '["one", "two"]'
        return JSON_TYPES[kinds[0]][1] if kinds else ANY_EXAMPLE

    @property
    def shown(self) -> str:
        """How a value for it is typed."""
        kinds = _kinds_of(self.annotation)
        if self.is_text:
            return "a text, without quotes"
        if not kinds:
            return 'in JSON, for example 1, "a text", [1, 2] or true'
        if set(kinds) <= {"int", "float", "bool"}:
            return f"for example {self.example}"
        return f"in JSON, for example {self.example}"

    @property
    def is_text(self) -> bool:
        """Whether it takes a text and nothing else, which is then typed without quotes."""
        return _kinds_of(self.annotation) == ["str"]

    @property
    def takes_list(self) -> bool:
        """Whether several values, in brackets, may be what it takes."""
        return "list" in _kinds_of(self.annotation)

    def problem_of(self, value: object) -> str:
        """Why a value is not one of its annotation; empty where it is, or where that is not
        certain."""
        if self.annotation is None or self.converted or _is_of(self.annotation, value):
            return ""
        return (
            f"{self.name} is annotated as {ast.unparse(self.annotation)}, and "
            f"{json.dumps(value, ensure_ascii=False)} is not one"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """The task of an entry, and what a caller can give it one by one."""

    function: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a task; `index` is None where it is given by its name alone."""

    needed: Needed
    required: bool
    index: int | None


def find_task(project: Project, request: Request) -> Target | None:
    """The task of an entry; None where no code, or more than one place, defines it, or where what
    a caller has to pass is not certain."""
    name = registered_name(project, request.task)
    module, _, word = name.rpartition(".")
    apps = _apps_that_may_hold(project, module)
    tasks = find_tasks(project.modules, apps, project.celery, word)
    found = [task for task in tasks if task.name == name]
    if len(found) != 1 or any("task_cls" in app.constructor for app in project.celery):
        return None
    source = project.modules.source(found[0].where.path)
    for node in source.tree.body if source else ():
        if isinstance(node, ast.FunctionDef) and node.lineno == found[0].where.line:
            return _target_of(project, found[0], node)
    return None


def _apps_that_may_hold(project: Project, module: str) -> tuple[App, ...]:
    """The apps in which a task of this module is: none for one of a library, and all for a name
    that the project has chosen itself."""
    path = project.modules.find(module) if module else None
    if path is not None:
        return tuple(app for app in project.apps if path.is_relative_to(app.folder))
    if module and project.modules.find(module.partition(".")[0]) is None:
        labels = {app.label for app in project.apps}
        return project.apps if module.partition(".")[0] in labels else ()
    return project.apps


def _target_of(project: Project, task: DefinedTask, node: ast.FunctionDef) -> Target | None:
    """What a function takes as a task; None where another decorator, or the class of the task, may
    change it."""
    modules, path = project.modules, task.where.path
    imports = [one for one in walk(modules.tree(path)) if isinstance(one, IMPORTS)]
    bindings = bound_names(modules, path, imports)
    recogniser = TaskRecogniser(modules, modules.name_of(path) or "", bindings, project.celery)
    found = recogniser.decorator_of(node)
    # what is below it changes the function
    if found is None or found.hidden or found.index + 1 < len(node.decorator_list):
        return None
    if "base" in found.options or _is_literal(found.options.get("typing"), value=False):
        return None
    positional = [*node.args.posonlyargs, *node.args.args]
    required = len(positional) - len(node.args.defaults)
    if _is_literal(found.options.get("bind"), value=True):
        # without a first argument, that is a mistake of its own (E420)
        if not positional:
            return None
        positional, required = positional[1:], required - 1
    converted = "pydantic" in found.options
    parameters = [
        Parameter(_needed(arg, converted=converted), index < required, index)
        for index, arg in enumerate(positional)
    ]
    for arg, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        needed = _needed(arg, converted=converted, by_name=True)
        parameters.append(Parameter(needed, default is None, None))
    return Target(node.name, tuple(parameters))


def _needed(arg: ast.arg, *, converted: bool, by_name: bool = False) -> Needed:
    return Needed(arg.arg, arg.annotation, by_name, converted)


def _is_literal(node: ast.expr | None, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def missing_arguments(task: Target, request: Request) -> list[Needed]:
    """The parameters without a default that an entry gives nothing for. Raises UsageError."""
    args, kwargs = _given(request)
    named = set(kwargs)
    needed = [one for one in task.parameters if one.required and one.needed.name not in named]
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
    values = _values_in(text)
    if needed.is_text and not values:
        # a text that begins and ends with a quoted word
        return text
    if len(values) != 1:
        raise UsageError(
            f"{text} is not a value in JSON",
            hint=f"For example {needed.example}; a text in quotes.",
        )
    if problem := needed.problem_of(values[0]):
        raise UsageError(problem, hint=f"For example {needed.example}.")
    return values[0]


def check_arguments(task: Target, request: Request) -> None:
    """Raise UsageError where an entry lacks an argument of its task, or has one of another type.

    What the task does not take at all, the proof finds.
    """
    missing = missing_arguments(task, request)
    function = task.function
    if missing:
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
    for parameter in task.parameters:
        name, values = parameter.needed.name, list[object]()
        if parameter.index is not None and parameter.index < len(args):
            values = [args[parameter.index]]
        elif name in kwargs:
            values = [kwargs[name]]
        for problem in filter(None, map(parameter.needed.problem_of, values)):
            raise UsageError(problem, hint=f"Write {parameter.needed.example}, for example.")


def problem_of_typed(needed: Needed, later: Sequence[Needed] = ()) -> Callable[[str], str]:
    """What is wrong with a text that is typed for a parameter, for its question.

    `later` are those that are asked after it: who types all values at once means these, too.
    """

    def problem_of(text: str) -> str:
        if problem := _problem_of_several(needed, later, text):
            return problem
        try:
            read_value(needed, text)
        except UsageError as error:
            return f"{error.message}. {error.hint}"
        return ""

    return problem_of


def _problem_of_several(needed: Needed, later: Sequence[Needed], text: str) -> str:
    """What is wrong with values of more than this parameter, or with its name before the value."""
    name, sign, _ = text.partition("=")
    if sign and name.strip() == needed.name:
        return f"Type the value alone, without {needed.name}=."
    if not _is_several(needed, later, text):
        return ""
    alone = f"This question is for one value, {needed.name}"
    if not later:
        return f"{alone}, and there is no other argument. A list is typed in brackets: [{text}]."
    following = f"The next question is for {later[0].name}"
    if len(later) > 1:
        names = " and ".join(one.name for one in later)
        if len(later) > 2:
            names = f"the other {len(later)}"
        following = f"The next questions are for {names}"
    return f"{alone}: type it alone. {following}."


def _is_several(needed: Needed, later: Sequence[Needed], text: str) -> bool:
    """Whether a text is the values of this parameter and of later ones, for certain."""
    parts = [part.strip() for part in text.split(",")]
    if later and len(parts) == len(later) + 1:
        # a comma may be a part of a text: not where what follows is a value of the next ones
        asked = [needed, *later]
        if needed.is_text:
            return all(map(_fits, later, parts[1:]))
        if all(map(_reads_as, asked, parts)):
            return True
    values = _values_in(text)
    if needed.is_text or len(values) < 2:
        return False
    return not needed.takes_list or isinstance(values[0], list)


def _reads_as(needed: Needed, text: str) -> bool:
    try:
        read_value(needed, text)
    except UsageError:
        return False
    return True


def _fits(needed: Needed, text: str) -> bool:
    """Whether a text looks like a value of a parameter, and not like the rest of a sentence."""
    if needed.is_text:
        return len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return _reads_as(needed, text)


def _values_in(text: str) -> list[object]:
    """The values of JSON with commas between them; none where it is not JSON."""
    try:
        values = parse_json(f"[{text}]", "--args", at_prompt=True)
    except UsageError:
        return []
    assert isinstance(values, list)
    return values


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


def _kinds_inside(annotation: ast.expr | None) -> list[str]:
    """The types that a list may hold, where it says so."""
    for part in _parts_of(annotation):
        if (
            isinstance(part, ast.Subscript)
            and dotted(part.value).rpartition(".")[2].lower() == "list"
        ):
            return _kinds_of(part.slice)
    return []


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
