"""What sends a generated task by itself: a receiver of a model's signal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.commands.task.generate import Generated
from celeryize.commands.task.parameters import Parameter
from celeryize.commands.task.place import model_import, named_model
from celeryize.commands.task.sending import key_argument, lines_after_commit
from celeryize.commands.task.words import sentence_case, snake_case
from celeryize.detect.apps import App
from celeryize.detect.models import Model
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Where
from celeryize.patch.definitions import add_definitions
from celeryize.patch.ready import import_signals, new_configuration
from celeryize.render import snippet
from celeryize.spelling import did_you_mean

SIGNALS = ("post_save", "post_delete")
_NAMES_OF_RECEIVER = {"sender", "instance", "created", "raw", "kwargs", "receiver", *SIGNALS}


@dataclass(frozen=True, slots=True)
class Trigger:
    """The signal of a model that sends the task."""

    signal: str
    model: Model


def parse_trigger(project: Project, app: App, text: str) -> Trigger:
    """The trigger of `post_save:shop.Order`. Raises UsageError for anything else."""
    signal, colon, model = text.partition(":")
    if not (colon and model):
        raise UsageError(
            f"invalid trigger {text!r}",
            hint="Write SIGNAL:APP.MODEL, for example post_save:shop.Order.",
        )
    if signal not in SIGNALS:
        raise UsageError(
            f"unknown signal {signal!r}",
            hint=f"{did_you_mean(signal, SIGNALS)}Use {' or '.join(SIGNALS)}.",
        )
    return Trigger(signal, named_model(project, app, model))


def connect_trigger(
    project: Project, app: App, draft: Draft, task: Generated, trigger: Trigger
) -> None:
    """Write the receiver into the app's signals, and import those in its configuration.

    Raises UsageError where a signal cannot fill the parameters, CannotPatch where the app keeps its
    signals in a package, or has no configuration that can be edited.
    """
    code, imports = _receiver_code(project, app, task, trigger)
    path = app.folder / "signals.py"
    package = path.with_suffix("")
    if (project.root / package).is_dir():
        raise CannotPatch(
            f"{package} is a package; celeryize cannot choose the module for this receiver",
            hint="Paste these lines into one that ready() imports, and leave --trigger out.",
            snippet="\n".join([*imports, "", "", code]),
            where=Where(package),
        )
    signals = add_definitions(draft.source(path), code, imports)
    _write_signals(app, draft, path, signals.encode(), trigger)


def _write_signals(
    app: App, draft: Draft, path: PurePosixPath, signals: bytes, trigger: Trigger
) -> None:
    """The signals, and the apps module that imports them: the second may refuse, and then neither
    is written.
    """
    apps = app.folder / "apps.py"
    if draft.read(apps) is None:
        configured = new_configuration(app.name).encode()
    else:
        configured = import_signals(draft.source(apps)).encode()
    draft.write(path, signals, f"{trigger.signal} of {trigger.model.name} sends it")
    draft.write(apps, configured, "imports the signals in ready()")


def _takes_key(parameter: Parameter, trigger: Trigger) -> bool:
    """Whether a parameter is meant for the primary key of the trigger's model."""
    row = snake_case(trigger.model.name)
    return parameter.name in {"pk", "id", f"{row}_id", f"{row}_pk"}


def assumed_argument(task: Generated, trigger: Trigger) -> str:
    """What the receiver passes where the names do not say it, as a note; else an empty text."""
    required = [p for p in task.parameters if p.default is None]
    if any(_takes_key(p, trigger) for p in task.parameters):
        return ""
    if required:
        name = required[0].name
        return f"{trigger.signal} passes the primary key of the {trigger.model.name} as {name}."
    return f"{trigger.signal} sends {task.function} without an argument: it takes no key."


def _receiver_code(
    project: Project, app: App, task: Generated, trigger: Trigger
) -> tuple[str, list[str]]:
    """The receiver as code, and the imports of its module."""
    required = [p for p in task.parameters if p.default is None]
    if len(required) > 1:
        raise UsageError(
            f"{trigger.signal} only passes the instance, so {required[1].name} cannot be filled in",
            hint="Give all but the key a default, or leave --trigger out.",
        )
    keys = required or [p for p in task.parameters if _takes_key(p, trigger)][:1]
    arguments = "".join(key_argument("instance.pk", p) for p in keys)
    *imports, sending = lines_after_commit(project, task.function, arguments)
    code = snippet(
        "trigger/receiver.py.jinja",
        signal=trigger.signal,
        model=trigger.model.name,
        receiver=f"{task.function}_on_{trigger.signal}",
        title=sentence_case(task.function),
        call=sending,
        typed=project.style.typed,
    )
    module = project.modules.name_of(task.path) or ""
    if project.style.typed:
        imports.append("from typing import Any")
    if task.function in _NAMES_OF_RECEIVER:
        raise UsageError(
            f"the receiver of a signal has a parameter {task.function}, which would hide the task",
            hint="Choose another name for the task, or leave --trigger out.",
        )
    return code, [
        f"from django.db.models.signals import {trigger.signal}",
        "from django.dispatch import receiver",
        *imports,
        model_import(project, app, trigger.model),
        f"from {module.removeprefix(app.name)} import {task.function}",
    ]
