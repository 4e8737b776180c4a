"""A settings component where split_settings' `include()` finds it.

include("components/base.py")    ->    include("components/base.py", "components/celery.py")
"""

from __future__ import annotations

import ast
import fnmatch
from pathlib import PurePosixPath

from celeryize.patch.settings import above
from celeryize.patch.source import Source, expression, insertion, python_literal

NAME = "celery.py"
# Beside the settings themselves celery.py is the app.
NAME_BESIDE = "celery_settings.py"


def component(source: Source) -> tuple[PurePosixPath, Source]:
    """The path of the new component, relative to the folder of `source`, and the source that
    includes it.

    A pattern such as `components/*.py` includes it already. Where the call has neither a pattern
    nor a plain path, a call of our own goes above it, so that what comes last, such as a local
    file, still does.
    """
    names = _names_of_include(source.tree)
    calls = [
        n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) in names
    ]
    plain = [
        a
        for call in calls
        for a in call.args
        if isinstance(a, ast.Constant) and isinstance(a.value, str)
    ]
    for argument in plain:
        path = _file_beside(str(argument.value))
        if "*" in str(argument.value) and fnmatch.fnmatch(str(path), str(argument.value)):
            return path, source
    # include(*names), or one call per environment: the call of ours comes before all of them
    if not plain:
        first = min(call.lineno for call in calls)
        line = next(
            n.lineno for n in source.tree.body if n.lineno <= first <= (n.end_lineno or first)
        )
        spelled = ast.unparse(min(calls, key=lambda call: call.lineno).func)
        call = f"{spelled}({python_literal(NAME_BESIDE)})\n"
        return PurePosixPath(NAME_BESIDE), source.splice(above(source, call, line))
    # behind the last plain path: an argument that is computed may select the environment
    last = plain[-1]
    path = _file_beside(str(last.value))
    if source.quote == '"':
        text = python_literal(str(path))
    else:
        text = f"'{path}'"
    end = source.end(last)
    begins = source.line_starts[last.lineno - 1]
    margin = source.text[begins : source.start(last)]
    lead = ", "
    if not margin.strip():
        lead = f",{source.newline_at(end)}{margin}"
    return path, source.splice(insertion(end, lead + text, (expression(text),)))


def _names_of_include(tree: ast.Module) -> set[str]:
    """The spellings of split_settings' `include` in a file."""
    names = {"include"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "split_settings.tools":
            names |= {a.asname for a in node.names if a.asname and a.name == "include"}
        elif isinstance(node, ast.Import):
            names |= {
                f"{alias.asname or alias.name}.include"
                for alias in node.names
                if alias.name == "split_settings.tools"
            }
    return names


def _file_beside(component: str) -> PurePosixPath:
    folder = PurePosixPath(component).parent
    return folder / (NAME if folder.name else NAME_BESIDE)
