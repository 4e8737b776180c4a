"""What sends a generated task by itself: a receiver of a model's signal, connected in the app's ready()."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.apps import App
from celeryize.detect.models import Model
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Where
from celeryize.patch.ready import import_signals, new_configuration
from celeryize.patch.source import Source
from celeryize.patch.tasks import add_task
from celeryize.render import snippet

SIGNALS = ("post_save", "post_delete")


@dataclass(frozen=True, slots=True)
class Trigger:
    """The signal of a model that sends the task."""

    signal: str
    model: Model


def signal_of(text: str) -> tuple[str, str]:
    """The signal and the model of `post_save:shop.Order`. Raises UsageError for anything else."""
    signal, colon, model = text.partition(":")
    if not (colon and model):
        raise UsageError(f"{text} is no trigger", hint="Write SIGNAL:APP.MODEL, for example post_save:shop.Order.")
    if signal not in SIGNALS:
        raise UsageError(f"there is no trigger {signal}", hint=f"Use {' or '.join(SIGNALS)}.")
    return signal, model


def receiver(
    project: Project,
    app: App,
    draft: Draft,
    trigger: Trigger,
    *,
    function: str,
    task_import: str,
    model_import: str,
    call: tuple[str, ...],
) -> tuple[tuple[PurePosixPath, Source, str], ...]:
    """The files that connect the trigger, as they will be: the app's signals and its configuration.

    `call` sends the task with `instance` as the row. Raises CannotPatch where the app keeps either otherwise.
    """
    *imports, sending = call
    code = snippet(
        "trigger/receiver.py.jinja",
        signal=trigger.signal,
        model=trigger.model.name,
        receiver=f"{function}_on_{trigger.signal}",
        title=function.replace("_", " ").capitalize(),
        call=sending,
    )
    lines = [
        f"from django.db.models.signals import {trigger.signal}",
        "from django.dispatch import receiver",
        *imports,
        model_import,
        task_import,
    ]
    path = app.folder / "signals.py"
    if (project.root / path.with_suffix("")).is_dir():
        raise CannotPatch(
            f"{path.with_suffix('')} is a package; which of its modules is for this is yours to say",
            hint="Paste these lines into one that ready() imports, and leave --trigger out.",
            snippet="\n".join([*lines, "", "", code]),
            where=Where(path.with_suffix("")),
        )
    signals = add_task(Source.decode(path, draft.read(path) or b""), code, lines)
    apps = app.folder / "apps.py"
    data = draft.read(apps)
    if data is None:
        configured = Source(apps, new_configuration(app.name))
    else:
        configured = import_signals(Source.decode(apps, data))
    return (path, signals, f"{trigger.signal} of {trigger.model.name} sends it"), (
        apps,
        configured,
        "imports the signals in ready()",
    )
