"""One more app in INSTALLED_APPS.

INSTALLED_APPS = ["a"]    ->    INSTALLED_APPS = ["a", "b"]
"""

from __future__ import annotations

import ast
import json

from celeryize.errors import CannotPatch
from celeryize.patch.collection import append_element
from celeryize.patch.source import Source

NAMES = ("LOCAL_APPS", "PROJECT_APPS", "THIRD_PARTY_APPS", "INSTALLED_APPS")


def install_app(source: Source, app: str) -> Source:
    """The settings with `app` as the last entry of the list literal that makes up INSTALLED_APPS.

    Comes back as it is where the entry is there. Raises CannotPatch where there is no such literal.
    """
    for name in NAMES:
        for node in source.tree.body:
            value = _value_of(node, name)
            if value is None:
                continue
            if any(isinstance(e, ast.Constant) and e.value == app for e in value.elts):
                return source
            return source.splice(*append_element(source, value, json.dumps(app)))
    raise CannotPatch(
        f"{source.path} does not set INSTALLED_APPS as a plain list",
        hint=f"Add {app} to INSTALLED_APPS where it is made, or paste these lines.",
        snippet=f'INSTALLED_APPS = [*INSTALLED_APPS, "{app}"]\n',
        where=source.where(),
    )


def _value_of(node: ast.stmt, name: str) -> ast.List | ast.Tuple | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target: ast.expr = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return None
    if not (isinstance(target, ast.Name) and target.id == name):
        return None
    value = node.value
    if isinstance(value, ast.BinOp):
        if isinstance(value.left, ast.List | ast.Tuple):
            value = value.left
        else:
            value = value.right
    if isinstance(value, ast.List | ast.Tuple):
        return value
    return None
