"""A settings component where split_settings' `include()` finds it.

include("components/base.py")    ->    include("components/base.py", "components/celery.py")
"""

from __future__ import annotations

import ast
import fnmatch
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.source import Source, expression, insertion, python_literal

NAME = "celery.py"


def component(source: Source) -> tuple[PurePosixPath, Source]:
    """The path of the new component, relative to the folder of `source`, and the source that includes it.

    A pattern such as `components/*.py` includes it already. Raises CannotPatch where the call has neither a
    pattern nor a plain path.
    """
    calls = [n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "include"]
    plain = [a for call in calls for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    for argument in plain:
        folder = PurePosixPath(str(argument.value)).parent
        if "*" in str(argument.value) and fnmatch.fnmatch(str(folder / NAME), str(argument.value)):
            return folder / NAME, source
    if not plain:
        raise CannotPatch(
            f"{source.path} includes its components by code",
            hint="Include a component with the lines below.",
            where=source.where(calls[0]) if calls else source.where(),
        )
    last = plain[-1]
    path = PurePosixPath(str(last.value)).parent / NAME
    text = python_literal(str(path)) if source.quote == '"' else f"'{path}'"
    end = source.end(last)
    begins = source.line_starts[last.lineno - 1]
    margin = source.text[begins : source.start(last)]
    lead = f",{source.newline_at(end)}{margin}" if not margin.strip() else ", "
    return path, source.splice(insertion(end, lead + text, (expression(text),)))
