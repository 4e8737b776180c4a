"""Names that a task hides from its own code: `send_mail` as a task that calls send_mail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from celeryize.commands.task.parameters import Parameter
from celeryize.errors import UsageError

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
