"""A model of the project as its source has it: its module, its key, its e-mail field, its
relations, an instance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.apps import App
from celeryize.detect.modules import Modules
from celeryize.patch.source import python_literal

KEY_TYPES = {
    "UUIDField": "str",
    "CharField": "str",
    "SlugField": "str",
    "EmailField": "str",
    "TextField": "str",
}
# A value, as Python, for a field that has no default; fields that need none map to nothing.
SAMPLES = {
    "BooleanField": "False",
    "CharField": '"x"',
    "DateField": '"2030-01-01"',
    "DateTimeField": "timezone.now()",
    "DecimalField": '"1"',
    "EmailField": '"someone@example.org"',
    "FloatField": "1.0",
    "GenericIPAddressField": '"127.0.0.1"',
    "JSONField": "{}",
    "SlugField": '"x"',
    "TextField": '"x"',
    "TimeField": '"12:00"',
    "URLField": '"https://example.org/"',
    "UUIDField": python_literal("00000000-0000-0000-0000-000000000000"),
} | dict.fromkeys(
    (
        "IntegerField",
        "BigIntegerField",
        "SmallIntegerField",
        "PositiveIntegerField",
        "PositiveBigIntegerField",
        "PositiveSmallIntegerField",
    ),
    "1",
)
FILLED = frozenset(
    {
        "AutoField",
        "BigAutoField",
        "SmallAutoField",
        "FileField",
        "ImageField",
        "ManyToManyField",
        "GeneratedField",
    }
)
# Those with one row on the other side.
RELATIONS = frozenset({"ForeignKey", "OneToOneField"})
USER_BASE = "AbstractUser"
NOWHERE = PurePosixPath()
DJANGOS = frozenset({"models.Model", "Model"})


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key, or a one-to-one: `to` is the other side as the source names it, in `path`."""

    field: str
    to: str
    path: PurePosixPath
    is_unique: bool
    is_null: bool
    # no value is needed for a row
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A model class; `key_type` is the annotation for its primary key as a task argument (JSON: int
    or str).

    `email_field` is None where it has none. `instance` are the keyword arguments, as Python, with
    which `objects.create()` makes one, beside those of its `relations`; None where that is not
    known (a field of a library, a foreign base). `addresses` are the e-mail fields that are
    certain: a foreign base may have one.
    """

    app: App
    name: str
    module: str
    path: PurePosixPath
    key_type: str
    email_field: str | None
    instance: tuple[tuple[str, str], ...] | None
    addresses: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()


# Django's own user. Source: https://docs.djangoproject.com/en/stable/ref/contrib/auth/#user-model
DJANGO_AUTH = "django.contrib.auth"
DJANGO_USER = Model(
    App(DJANGO_AUTH, PurePosixPath("django/contrib/auth"), installed=True),
    "User",
    f"{DJANGO_AUTH}.models",
    PurePosixPath("django/contrib/auth/models.py"),
    "int",
    "email",
    (("username", SAMPLES["CharField"]), ("email", SAMPLES["EmailField"])),
    addresses=("email",),
)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: str
    options: frozenset[str]
    # of a relation: the other side, and the module that names it
    to: str = ""
    path: PurePosixPath = NOWHERE

    @property
    def fills_itself(self) -> bool:
        return (
            bool(self.options & {"default", "null", "auto_now", "auto_now_add"})
            or self.kind in FILLED
        )


# The fields of other people's bases that a row needs, beside those with a default. Sources:
# django/contrib/auth/models.py and base_user.py, model_utils/models.py,
# django_extensions/db/models.py.
_USER_FIELDS = (
    _Field("username", "CharField", frozenset()),
    _Field("email", "EmailField", frozenset({"blank"})),
)
_FIELDS_OF_BASES: dict[str, tuple[_Field, ...]] = {
    f"{DJANGO_AUTH}.models.AbstractUser": _USER_FIELDS,
    f"{DJANGO_AUTH}.models.User": _USER_FIELDS,
    f"{DJANGO_AUTH}.models.AbstractBaseUser": (),
    f"{DJANGO_AUTH}.base_user.AbstractBaseUser": (),
    f"{DJANGO_AUTH}.models.PermissionsMixin": (),
    "model_utils.models.TimeStampedModel": (),
    "django_extensions.db.models.TimeStampedModel": (),
}


def find_model(modules: Modules, app: App, name: str) -> Model | None:
    """The model `name` of an app, from `models.py` or the `models/` package; None where there is
    none."""
    for path in _model_files(modules, app):
        node = _class_in(modules, path, name)
        if node is None:
            continue
        fields: dict[str, _Field] = {}
        foreign: list[str] = []
        _collect_fields(modules, path, node, fields, foreign, set())
        return Model(
            app,
            name,
            _import_module(modules, app, path, name),
            path,
            _key_type(fields, foreign),
            _email_field(fields, foreign),
            None if foreign else _instance_arguments(fields),
            _addresses(fields, foreign),
            tuple(_relation(field) for field in fields.values() if field.kind in RELATIONS),
        )
    return None


def model_names(modules: Modules, app: App) -> list[str]:
    """The classes of an app's models, for a suggestion."""
    return [
        n.name
        for p in _model_files(modules, app)
        for n in modules.tree(p).body
        if isinstance(n, ast.ClassDef)
    ]


def _model_files(modules: Modules, app: App) -> Iterator[PurePosixPath]:
    yield app.folder / "models.py"
    yield from modules.python_files(app.folder / "models", 1)


def _import_module(modules: Modules, app: App, path: PurePosixPath, name: str) -> str:
    """Where a model is imported from: `<app>.models` if that has it, else the module that defines
    it."""
    own = modules.name_of(path) or f"{app.name}.models"
    front = app.folder / "models" / "__init__.py"
    for node in modules.tree(front).body:
        if isinstance(node, ast.ImportFrom) and any(
            a.asname or a.name in {name, "*"} for a in node.names
        ):
            return f"{app.name}.models"
    return own


def _class_in(modules: Modules, path: PurePosixPath, name: str) -> ast.ClassDef | None:
    return next(
        (n for n in modules.tree(path).body if isinstance(n, ast.ClassDef) and n.name == name), None
    )


def _collect_fields(
    modules: Modules,
    path: PurePosixPath,
    node: ast.ClassDef,
    fields: dict[str, _Field],
    foreign: list[str],
    seen: set[tuple[PurePosixPath, str]],
) -> None:
    """The fields of a class and of its bases, the nearest first; `foreign` are bases outside of the
    project."""
    # bases may be circular while somebody edits the file
    if (path, node.name) in seen:
        return
    seen.add((path, node.name))
    # the nearest definition of a field wins, as in Python
    for field in _fields_of(node, path):
        fields.setdefault(field.name, field)
    for base in node.bases:
        spelled = ast.unparse(base)
        # Django's own base adds no field that matters
        if spelled in DJANGOS:
            continue
        found = find_class(modules, path, spelled)
        known = _FIELDS_OF_BASES.get(imported_name(modules, path, spelled))
        if found is not None:
            _collect_fields(modules, *found, fields, foreign, seen)
        elif known is not None:
            for field in known:
                fields.setdefault(field.name, field)
        else:
            foreign.append(spelled.rsplit(".", 1)[-1])


def imported_name(modules: Modules, path: PurePosixPath, spelled: str) -> str:
    """The whole name of what a module calls `spelled`, by its imports; empty without one."""
    first, dot, rest = spelled.partition(".")
    for node in modules.tree(path).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            if first != (alias.asname or alias.name.partition(".")[0]):
                continue
            if isinstance(node, ast.ImportFrom):
                return f"{modules.absolute(node, path)}.{alias.name}{dot}{rest}"
            return f"{alias.name}{dot}{rest}" if alias.asname else spelled
    return ""


def find_class(
    modules: Modules, path: PurePosixPath, name: str
) -> tuple[PurePosixPath, ast.ClassDef] | None:
    """Where a class is defined: in the same file, or in one that it is imported from."""
    here = _class_in(modules, path, name)
    if here is not None:
        return path, here
    for node in modules.tree(path).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    file = modules.find(modules.absolute(node, path))
                    there = None
                    if file:
                        there = _class_in(modules, file, alias.name)
                    if file and there:
                        return (file, there)
                    return None
    return None


def _fields_of(node: ast.ClassDef, path: PurePosixPath) -> Iterator[_Field]:
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call)
            ):
                kind = ast.unparse(call.func).rsplit(".", 1)[-1]
                # anything else at the level of the class is a manager or a constant
                if kind.endswith(("Field", "Key")):
                    said = {k.arg for k in call.keywords if k.arg and not _is_false(k.value)}
                    yield _Field(name, kind, frozenset(said), _other_side(call), path)
            # takes the field of a base away: `username = None`
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=None)):
                yield _Field(name, "", frozenset({"null"}))


def _other_side(call: ast.Call) -> str:
    """What a relation leads to, as it is written; empty where it does not say."""
    given = [k.value for k in call.keywords if k.arg == "to"] or call.args[:1]
    return ast.unparse(given[0]) if given else ""


def _relation(field: _Field) -> Relation:
    unique = field.kind == "OneToOneField"
    is_null = "null" in field.options
    return Relation(field.name, field.to, field.path, unique, is_null, field.fills_itself)


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _key_type(fields: dict[str, _Field], foreign: list[str]) -> str:
    for field in fields.values():
        if "primary_key" in field.options:
            return KEY_TYPES.get(field.kind, "int")
    if any("UUID" in name for name in foreign):
        return "str"
    return "int"


def _addresses(fields: dict[str, _Field], foreign: list[str]) -> tuple[str, ...]:
    """The e-mail fields that are certain. A user's address is a field of Django's AbstractUser, and
    so of those that are made of it."""
    found = tuple(f.name for f in fields.values() if f.kind == "EmailField")
    if not found and USER_BASE in foreign:
        return ("email",)
    return found


def _email_field(fields: dict[str, _Field], foreign: list[str]) -> str | None:
    found = _addresses(fields, foreign)
    if found:
        return found[0]
    own = fields.get("email")
    if own is not None:
        return own.name if own.kind else None
    # another base may have it
    return "email" if foreign else None


def _instance_arguments(fields: dict[str, _Field]) -> tuple[tuple[str, str], ...] | None:
    plain = [f for f in fields.values() if f.kind not in RELATIONS]
    wanted = [f for f in plain if not f.fills_itself or f.kind == "EmailField"]
    if any(f.kind not in SAMPLES for f in wanted):
        return None
    return tuple((f.name, SAMPLES[f.kind]) for f in wanted)
