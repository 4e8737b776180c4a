"""A settings component where split_settings' `include()` finds it.

include("components/base.py")    ->    include("components/base.py", "components/celery.py")

The tuple behind `include(*_base_settings)` is edited in the same way.
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


def include_calls(tree: ast.Module) -> list[ast.Call]:
    """The calls of split_settings' `include`, under whatever name it is imported."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "split_settings.tools":
            names |= {a.asname or a.name for a in node.names if a.name == "include"}
        elif isinstance(node, ast.ImportFrom) and node.module == "split_settings":
            names |= {f"{a.asname or a.name}.include" for a in node.names if a.name == "tools"}
        elif isinstance(node, ast.Import):
            names |= {
                f"{a.asname or a.name}.include"
                for a in node.names
                if a.name == "split_settings.tools"
            }
    # most settings do not import it, and need no walk
    if not names:
        return []
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]


def component(source: Source) -> tuple[PurePosixPath, Source]:
    """The path of the new component, relative to the folder of `source`, and the source that
    includes it.

    A pattern such as `components/*.py`, or an earlier run, includes it already. Where neither the
    call nor the list that it is given has a pattern or a plain path, a call of our own goes above
    it, so that what comes last, such as a local file, still does.
    """
    calls = include_calls(source.tree)
    plain = [
        argument
        for call in calls
        for argument in _arguments_of(source, call)
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    for argument in plain:
        path = _file_beside(str(argument.value))
        included = str(argument.value) == str(path)
        if included or fnmatch.fnmatch(str(path), str(argument.value)):
            return path, source
    # include(*names()), or one call per environment: the call of ours comes before all of them
    if not plain:
        first = min(calls, key=lambda call: call.lineno)
        line = next(
            n.lineno
            for n in source.tree.body
            if n.lineno <= first.lineno <= (n.end_lineno or first.lineno)
        )
        name = ast.unparse(first.func)
        call = f"{name}({python_literal(NAME_BESIDE)})\n"
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


def _arguments_of(source: Source, call: ast.Call) -> list[ast.expr]:
    """The arguments of include(), with the elements of the list or tuple behind `*names`."""
    found: list[ast.expr] = []
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            found += _elements_of(source, argument.value)
        else:
            found.append(argument)
    return found


def _elements_of(source: Source, node: ast.expr) -> list[ast.expr]:
    """The elements of a list or tuple: written here, or assigned once at the top level."""
    match node:
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            return list(elts)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _elements_of(source, left) + _elements_of(source, right)
        case ast.Name(id=name):
            values = [
                n.value
                for n in source.tree.body
                if isinstance(n, ast.Assign | ast.AnnAssign)
                and n.value is not None
                and name in _names_assigned(n)
            ]
            # assigned twice, the text does not show which list is included
            if len(values) == 1:
                return _elements_of(source, values[0])
    return []


def _names_assigned(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _file_beside(component: str) -> PurePosixPath:
    folder = PurePosixPath(component).parent
    return folder / (NAME if folder.name else NAME_BESIDE)
