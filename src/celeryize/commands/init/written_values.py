"""The values that the lines of a settings block have: what a proof compares the settings with."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from celeryize.detect.project import Project
from celeryize.detect.settings import untold
from celeryize.probe.proof import WrittenValue
from celeryize.reading import file_mentions

EXAMPLES = re.compile(r"example|sample|template|dist\b|default")


def written_values(project: Project, block: str) -> tuple[WrittenValue, ...]:
    """Each setting of a block whose value is known: a literal, or the default of a variable that
    nothing sets.

    A value that is computed (`TIME_ZONE`) is left out.
    """
    found = []
    for node in ast.parse(block).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name = node.targets[0].id
        value: ast.expr | None = node.value
        variables: tuple[str, ...] = ()
        if isinstance(value, ast.Call):
            variables = _texts_in(value)
            value = _default_of(value)
        try:
            literal = ast.literal_eval(value) if value is not None else None
        except ValueError:
            continue
        if value is not None and not _is_in_env_file(project, variables):
            found.append(WrittenValue(name, literal, variables[:1]))
    return tuple(found)


def name_suspect(project: Project) -> str:
    """The statement that may change settings in a way that the text does not show."""
    where = untold(project.modules, project.settings)
    if where is None:
        return ""
    source = project.modules.source(where.path)
    line = ""
    if source is not None and where.line:
        line = source.text.split("\n")[where.line - 1].strip()
    return f"{where} may have done it: {line}"


def _default_of(call: ast.Call) -> ast.expr | None:
    """The default of a call that reads a variable: its second argument, or `default=`."""
    for keyword in call.keywords:
        if keyword.arg == "default":
            return keyword.value
    if len(call.args) > 1:
        return call.args[1]
    return None


def _texts_in(call: ast.Call) -> tuple[str, ...]:
    constants = (arg.value for arg in call.args if isinstance(arg, ast.Constant))
    return tuple(value for value in constants if isinstance(value, str))


def _is_in_env_file(project: Project, variables: tuple[str, ...]) -> bool:
    """Whether a file that settings read variables from sets one of them."""
    if not variables:
        return False
    folders = {project.root, project.root / project.base}
    folders.add(project.root / project.settings.file.parent)
    variable = variables[0].encode()
    return any(file_mentions(file, variable) for f in folders for file in _env_files(f))


def _env_files(folder: Path) -> list[Path]:
    found = [*folder.glob(".env*"), *folder.glob("*.env"), *folder.glob("settings.ini")]
    # what only shows which variables there are is read by nobody
    return [path for path in found if not EXAMPLES.search(path.name)]
