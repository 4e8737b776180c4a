"""Names that a task hides from its own code: `send_mail` as a task that calls send_mail."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from celeryize.commands.task.parameters import Parameter
from celeryize.errors import UsageError
from celeryize.patch.nodes import walk

# What the built-in bodies import, and its name where another thing has the usual one.
OTHER_NAMES = {
    "send_mail": "django_send_mail",
    "urlopen": "urllib_urlopen",
    "cache": "django_cache",
}


@dataclass(frozen=True, slots=True)
class TakenNames:
    """The names that the module of a task gives a meaning, and those of the task's parameters."""

    module: AbstractSet[str]
    parameters: AbstractSet[str]

    @property
    def spelled(self) -> dict[str, str]:
        """What a template calls the things that it imports."""
        taken = self.module | self.parameters
        return {name: other if name in taken else name for name, other in OTHER_NAMES.items()}

    def imports_for(self, code: str, imports: Sequence[str], of_body: Sequence[str]) -> list[str]:
        """The imports that `code` needs, under the names that it uses.

        `of_body` are those that the body of the task needs. Raises UsageError where a name would
        hide one of them.
        """
        found = [_with_other_name(line, self.spelled, code) for line in imports if line]
        _refuse_hidden(found, self.module)
        _refuse_hidden([line for line in of_body if line in found], self.parameters)
        return found


def taken_names(tree: ast.Module, function: str, parameters: Iterable[Parameter]) -> TakenNames:
    """The names that are taken in the module `tree` once the task `function` is in it.

    What the module imports is not among them: the same import is not written twice.
    """
    found = {function, f"{function}_chunk"}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return TakenNames(found, {parameter.name for parameter in parameters})


def refuse_shadows(tree: ast.Module, function: str, code: str) -> None:
    """Raise UsageError where the task `function` would take the place of something that its module
    `tree` or its own `code` calls, or where its code would lose one of its parameters."""
    task = ast.parse(code)
    if hasattr(builtins, function):
        for place, whose in ((tree, "the module"), (task, "the task itself")):
            if any(isinstance(node, ast.Name) and node.id == function for node in walk(place)):
                raise UsageError(
                    f"{function} is a function of Python's own, which {whose} uses: a task of that "
                    "name would be called in its place",
                    hint="Choose another name; --name sets the one in the registry.",
                )
    _refuse_other_builtins(tree, task)
    for node in task.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            lost = _rebound_parameters(node)
            if lost:
                raise UsageError(
                    f"the task would overwrite its parameter {lost[0]}: its code has a variable of "
                    "that name",
                    hint="Call the parameter something else.",
                )


def _refuse_other_builtins(tree: ast.Module, task: ast.Module) -> None:
    """Raise UsageError where a name that is Python's own in the code of a task is something else
    in its module: `from redis.exceptions import ConnectionError`."""
    used = {node.id for node in walk(task) if isinstance(node, ast.Name)}
    for name in sorted(used & vars(builtins).keys() & _other_names(tree)):
        raise UsageError(
            f"the module has another meaning for {name}, which the task takes for Python's own",
            hint="Put the task into another module, or give what is there another name.",
        )


def _other_names(tree: ast.Module) -> set[str]:
    """The names that the top level of a module imports or defines, not those of Python 3 itself."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            # `from builtins import str`, for Python 2 in former times
            if getattr(node, "module", "") != "builtins":
                found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _rebound_parameters(function: ast.FunctionDef) -> list[str]:
    given = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
    bound: set[str] = set()
    for node in walk(ast.Module(body=function.body, type_ignores=[])):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return [name for name in given if name in bound]


def _with_other_name(line: str, spelled: dict[str, str], code: str) -> str:
    """An import under the name that the code uses for what it brings."""
    name = line.rpartition(" import ")[2]
    other = spelled.get(name, name)
    # a template of the project's own may have the usual name in its text
    if other == name or not re.search(rf"\b{other}\b", code):
        return line
    return f"{line} as {other}"


def _refuse_hidden(imports: Iterable[str], names: AbstractSet[str]) -> None:
    """Raise UsageError where one of `names` would hide what the code of the task imports."""
    for line in imports:
        for node in ast.parse(line).body:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for alias in node.names:
                bound = (alias.asname or alias.name).partition(".")[0]
                if bound in names:
                    raise UsageError(
                        f"the name {bound} would hide what the task needs: {line}",
                        hint="Choose another name; --name sets the one in the registry.",
                    )
