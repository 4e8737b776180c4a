"""A model of the project as its source has it: its module, the type of its primary key, its e-mail field."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from celeryize.detect.apps import App
from celeryize.detect.modules import Modules

KEY_TYPES = {"UUIDField": "str", "CharField": "str", "SlugField": "str", "EmailField": "str", "TextField": "str"}


@dataclass(frozen=True, slots=True)
class Model:
    """A model class; `key_type` is the annotation for its primary key as a task argument (JSON: int or str)."""

    app: App
    name: str
    module: str
    key_type: str
    email_field: str | None


def find_model(modules: Modules, app: App, name: str) -> Model | None:
    """The model `name` of an app, from `models.py` or the `models/` package; None where there is none."""
    folder = app.folder / "models"
    paths = [app.folder / "models.py", *modules.python_files(folder, 1)]
    for path in paths:
        for node in modules.tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                fields = dict(_fields(node))
                key = next((kind for kind, primary in fields.values() if primary), "AutoField")
                email = next((n for n, (kind, _) in fields.items() if kind == "EmailField"), None)
                return Model(app, name, f"{app.name}.models", KEY_TYPES.get(key, "int"), email)
    return None


def model_names(modules: Modules, app: App) -> list[str]:
    """The classes of an app's models, for a suggestion."""
    paths = [app.folder / "models.py", *modules.python_files(app.folder / "models", 1)]
    return [n.name for p in paths for n in modules.tree(p).body if isinstance(n, ast.ClassDef)]


def _fields(node: ast.ClassDef) -> list[tuple[str, tuple[str, bool]]]:
    found = []
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func, keywords=keywords)):
                primary = any(
                    k.arg == "primary_key" and isinstance(k.value, ast.Constant) and k.value.value is True
                    for k in keywords
                )
                found.append((name, (ast.unparse(func).rsplit(".", 1)[-1], primary)))
    return found
