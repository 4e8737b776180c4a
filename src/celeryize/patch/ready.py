"""The configuration of an app imports its signals once all apps are loaded.

class ShopConfig(AppConfig):        class ShopConfig(AppConfig):
    name = "shop"              ->       name = "shop"

                                        def ready(self):
                                            from . import signals  # noqa: F401
"""

from __future__ import annotations

import ast
import re

from celeryize.errors import CannotPatch
from celeryize.patch.source import Source, Splice, fitted, insertion, statements

IMPORT = "from . import signals  # noqa: F401\n"
METHOD = f"def ready(self):\n    {IMPORT}"


def import_signals(source: Source) -> Source:
    """The apps module whose one AppConfig imports `.signals` in ready().

    Comes back as it is where ready() imports a module of that name. Raises CannotPatch where there
    is no AppConfig, or more than one.
    """
    found = [n for n in source.tree.body if isinstance(n, ast.ClassDef) and _is_configuration(n)]
    if len(found) != 1:
        raise CannotPatch(
            f"{source.path} has {'no' if not found else 'more than one'} AppConfig",
            hint="Import the signals in the ready() of the one that INSTALLED_APPS names.",
            snippet=METHOD,
            where=source.where(found[1] if found else None),
        )
    (configuration,) = found
    for node in configuration.body:
        if isinstance(node, ast.FunctionDef) and node.name == "ready":
            if _imports_signals(node):
                return source
            return source.splice(_first_in(source, node))
    return source.splice(_last_in(source, configuration))


def new_configuration(app: str) -> str:
    """The text of an apps module for the app of a dotted name that has none."""
    name = "".join(part.capitalize() for part in app.rsplit(".", 1)[-1].split("_"))
    method = METHOD.replace("\n", "\n    ").rstrip(" ")
    return (
        f"from django.apps import AppConfig\n\n\nclass {name}Config(AppConfig):\n"
        f'    name = "{app}"\n\n    {method}'
    )


def _is_configuration(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("AppConfig") for base in node.bases)


def _imports_signals(node: ast.FunctionDef) -> bool:
    names = {
        name
        for part in ast.walk(node)
        if isinstance(part, ast.Import | ast.ImportFrom)
        for name in [getattr(part, "module", None) or "", *(alias.name for alias in part.names)]
    }
    return any(name.rsplit(".", 1)[-1] == "signals" for name in names)


def _first_in(source: Source, ready: ast.FunctionDef) -> Splice:
    """The import as the first statement of ready(), below its docstring."""
    # first, because what ready() does may return early
    first = ready.body[0]
    margin = _line_margin(source, first)
    if ast.get_docstring(ready) is not None:
        offset = source.after_line(first)
    else:
        offset = source.line_starts[source.line_of(source.start(first)) - 1]
    if source.text[:offset].endswith("\n"):
        lead = ""
    else:
        lead = source.newline_at(offset)
    text = lead + margin + IMPORT.replace("\n", source.newline_at(offset))
    return insertion(offset, text, statements(IMPORT))


def _last_in(source: Source, configuration: ast.ClassDef) -> Splice:
    """The method ready() at the end of the class."""
    last = configuration.body[-1]
    margin = _line_margin(source, last)
    offset = source.after_line(last)
    newline = source.newline_at(offset)
    if source.text[:offset].endswith("\n"):
        lead = newline
    else:
        lead = newline * 2
    method = METHOD
    if source.style.typed:
        method = METHOD.replace("(self):", "(self) -> None:")
    body = fitted(source, offset, method)
    return insertion(offset, lead + re.sub(r"(?m)^(?=[^\r\n])", margin, body), statements(method))


def _line_margin(source: Source, node: ast.stmt) -> str:
    start = source.start(node)
    return source.text[source.line_starts[source.line_of(start) - 1] : start]
