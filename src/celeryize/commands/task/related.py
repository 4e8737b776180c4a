"""What a model's foreign keys lead to: the address of a mail, and the rows that a test needs."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.commands.task.place import AUTH_USER, django_user
from celeryize.commands.task.words import snake_case
from celeryize.detect.apps import App
from celeryize.detect.models import (
    DJANGO_USER,
    Model,
    Relation,
    find_class,
    find_model,
    imported_name,
)
from celeryize.detect.project import Project
from celeryize.detect.settings import constant
from celeryize.errors import UsageError

# How a model names the model of the users, whichever that is.
_USERS = frozenset({"settings.AUTH_USER_MODEL", "get_user_model()"})
# What the values of an instance use.
_IMPORTS = {"timezone.": "from django.utils import timezone"}


@dataclass(frozen=True, slots=True)
class Address:
    """The e-mail field of a model, or of the one model that `relation` leads to."""

    field: str
    relation: Relation | None = None

    @property
    def path(self) -> str:
        """Its attributes: `email`, `customer.email`."""
        return f"{self.relation.field}.{self.field}" if self.relation else self.field


@dataclass(frozen=True, slots=True)
class Instance:
    """The expression that makes a row, the lines for the rows that it needs, and the models of
    all."""

    lines: tuple[str, ...]
    expression: str
    models: tuple[Model, ...]

    @property
    def imports(self) -> list[str]:
        """The imports beside those of the models."""
        text = "\n".join([*self.lines, self.expression])
        return [line for use, line in _IMPORTS.items() if use in text]


def find_address(project: Project, model: Model) -> Address:
    """The address of a model, or that of a row which it leads to. Raises UsageError where there is
    none, or more than one."""
    hint = "Leave --model out and pass the address: recipient:str."
    if model.addresses:
        return Address(model.addresses[0])
    found = [
        Address(field, relation)
        for relation in model.relations
        if (other := related_model(project, model, relation))
        for field in other.addresses
    ]
    if len(found) == 1:
        return found[0]
    # a base that we cannot read may have it
    if model.email_field is not None:
        return Address(model.email_field)
    if found:
        row = snake_case(model.name)
        several = ", ".join(f"{row}.{one.path}" for one in found)
        raise UsageError(f"{model.name} leads to several addresses: {several}", hint=hint)
    raise UsageError(f"{model.name} has no EmailField to send to", hint=hint)


def related_model(project: Project, model: Model, relation: Relation) -> Model | None:
    """The model on the other side; None where the source does not say it plainly."""
    try:
        node = ast.parse(relation.to, mode="eval").body
    except SyntaxError:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value == "self":
            return model
        return _labelled_model(project, model.app, node.value)
    named = relation.to
    if isinstance(node, ast.Name):
        named = _assigned(project, relation.path, relation.to) or relation.to
    if named in _USERS:
        text = AUTH_USER
        if "AUTH_USER_MODEL" in project.settings.assigned:
            text = str(constant(project.modules, project.settings, "AUTH_USER_MODEL"))
        return _labelled_model(project, model.app, text)
    if imported_name(project.modules, relation.path, named) == f"{DJANGO_USER.module}.User":
        return django_user(project)
    return _named_model(project, relation.path, named)


def _assigned(project: Project, path: PurePosixPath, name: str) -> str:
    """What a module gives a name: `User = get_user_model()`."""
    for node in project.modules.tree(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return ast.unparse(value)
    return ""


def _labelled_model(project: Project, app: App, text: str) -> Model | None:
    """The model of `app_label.Model`, or of `Model` in `app`."""
    label, _, name = text.rpartition(".")
    if text == AUTH_USER and (user := django_user(project)):
        return user
    owners = [one for one in project.apps if one.label == label] if label else [app]
    return find_model(project.modules, owners[0], name) if len(owners) == 1 else None


def _named_model(project: Project, path: PurePosixPath, name: str) -> Model | None:
    """The model of a class that a module defines or imports."""
    found = find_class(project.modules, path, name)
    if found is None:
        return None
    owners = [app for app in project.apps if found[0].is_relative_to(app.folder)]
    if not owners:
        return None
    owner = max(owners, key=lambda app: len(app.folder.parts))
    return find_model(project.modules, owner, found[1].name)


def make_instance(
    project: Project, model: Model, taken: frozenset[str], wanted: str = ""
) -> Instance | None:
    """What makes a row of a model; None where not all that it needs is known.

    `taken` are names that its lines must not give another meaning. `wanted` is a relation that gets
    a row even if it may do without.
    """
    return _make_row(project, model, taken, wanted, ())


def _make_row(
    project: Project, model: Model, taken: frozenset[str], wanted: str, around: tuple[str, ...]
) -> Instance | None:
    """A row; `around` are the models whose rows are being made."""
    if model.instance is None or model.name in around:
        return None
    arguments = list(model.instance)
    models = [model]
    lines: list[str] = []
    for relation in model.relations:
        if relation.is_optional and relation.field != wanted:
            continue
        other = related_model(project, model, relation)
        if other is None or (relation.is_unique and _made_by_signal(project, model)):
            return None
        inner = _make_row(project, other, taken, "", (*around, model.name))
        # two rows of one model may break a constraint of it
        if inner is None or set(inner.models) & set(models):
            return None
        name = snake_case(other.name)
        if name in taken:
            name = f"{name}_row"
        lines += [*inner.lines, f"{name} = {inner.expression}"]
        arguments.append((relation.field, name))
        models += inner.models
    spelled = ", ".join(f"{name}={value}" for name, value in arguments)
    return Instance(tuple(lines), f"{model.name}.objects.create({spelled})", tuple(models))


def _made_by_signal(project: Project, model: Model) -> bool:
    """Whether a signal may make the row already, as that of a profile when its user is saved."""
    modules = project.modules
    return any(
        modules.mentions(path, model.name.encode())
        for app in project.apps
        for path in modules.files_with(app.folder, 3, b"post_save")
    )
