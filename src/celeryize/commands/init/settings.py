"""The settings of a set-up: the whole block, or what is missing, and what the user has to do."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from celeryize.brokers import find_result_backend
from celeryize.commands.init.django_tasks import block_of_set_up
from celeryize.commands.init.recorded import recorded_of
from celeryize.commands.init.settings_block import assigned_names, render_block
from celeryize.commands.init.settings_in_use import keeps_unknown_broker
from celeryize.commands.init.settings_place import install_in_settings, write_settings
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.commands.init.task_limits import forbidden_limits
from celeryize.commands.init.written_values import written_values
from celeryize.detect.install_line import program_in
from celeryize.detect.project import Project
from celeryize.detect.settings import chooses_by_code
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.patch.settings import without

BROKER_NAMES = frozenset({"CELERY_BROKER_URL", "CELERY_BROKER_TRANSPORT_OPTIONS"})


def add_settings(setup: Setup, wiring: Wiring, only: frozenset[str] | None = None) -> Wiring:
    """Write the CELERY_* block less what the settings have.

    `only` keeps nothing but these names of it.
    """
    rendered = render_block(setup.project, setup.answers)
    block = without(rendered.text, set(setup.project.settings.taken))
    if keeps_unknown_broker(setup.project):
        block = without(block, {"CELERY_BROKER_TRANSPORT_OPTIONS"})
    block = without(block, set(_refused_limits(setup, block)))
    if only is not None:
        block = without(block, set(assigned_names(block)) - only)
    # imports without the lines that use them would be flagged by every linter
    imports = rendered.imports
    if not block:
        imports = ()
    if block:
        _refuse_half(setup, block, imports)
    what = f"the CELERY_* settings, profile {setup.answers.profile}"
    names = assigned_names(block)
    more = ""
    if only is None and setup.django_tasks:
        more = block_of_set_up(setup, wiring, names)
        what += ", and TASKS"
    by_path = write_settings(setup, "\n".join(filter(None, (block, more))), imports, what)
    secrets = [(rendered.prefix + name, url) for name, url in rendered.secrets if name in names]
    require_variables(setup, secrets)
    prepare_result_backend(setup)
    return replace(
        wiring,
        wrote=tuple(dict.fromkeys((*wiring.wrote, *names, *assigned_names(more)))),
        environment=(*wiring.environment, *secrets),
        read_by_path=wiring.read_by_path or by_path,
        values=(*wiring.values, *written_values(setup.project, f"{block}\n{more}")),
        recorded=tuple(recorded_of(block).items()),
    )


def _refused_limits(setup: Setup, block: str) -> Iterator[str]:
    """The limits of the block with which a task of the project could not be sent; a note each."""
    for name, own in forbidden_limits(setup.project, block).items():
        setup.draft.add_note(f"{name} is left out: {own.conflict}.")
        yield name


def _refuse_half(setup: Setup, block: str, imports: tuple[str, ...]) -> None:
    """Raise CannotPatch where no file is in the settings of all environments: a block in one of
    them would leave the others without Celery.
    """
    settings, layout = setup.project.settings, setup.project.layout
    # --settings says which one
    if layout.settings_where is None:
        return
    if settings.environments and settings.module not in settings.environments:
        # one of its modules is its settings after all, and what they share is in each
        if chooses_by_code(setup.project.modules, settings.module):
            return
        raise CannotPatch(
            f"{settings.module} holds no settings; its modules do: "
            f"{', '.join(settings.environments)}",
            hint=f"Choose the one to work with: --settings {settings.environments[0]}. "
            "What they share gets the block.",
            where=settings.where,
        )
    if not settings.others:
        return
    named = ", ".join((*settings.environments, *settings.others))
    raise CannotPatch(
        f"these settings modules share no file: {named}",
        hint="Move what they share into one file, or choose one: "
        f"--settings {settings.environments[0]}.",
        snippet="\n".join([*imports, "", block] if imports else [block]),
        where=Where(settings.file),
    )


def require_variables(setup: Setup, secrets: Iterable[tuple[str, str]]) -> None:
    """A manual step for each variable that holds a password: the settings read it and have no
    default.
    """
    for name, url in secrets:
        setup.draft.add_todo(
            Todo(
                f"set {name} in the environment",
                "The settings do not hold the password. "
                "Without the variable, manage.py does not start.",
                f"{name}={shlex.quote(url)}\n",
                needed=True,
            )
        )


def prepare_result_backend(setup: Setup) -> None:
    """The Django app of a result backend that keeps results in the database, and its tables."""
    backend = find_result_backend(setup.answers.result_backend)
    if backend is None or not backend.app:
        return
    with setup.attempt():
        install_in_settings(
            setup.project, setup.draft, backend.app, f"{backend.app} in INSTALLED_APPS"
        )
    setup.draft.add_todo(
        Todo(
            "create the tables of the results",
            f"{backend.name} keeps them in the database; it has to be installed first.",
            _manage_line(setup.project, "migrate"),
            needed=True,
        )
    )


def _manage_line(project: Project, command: str) -> str:
    """A command of manage.py, run where the user is or, outside of the project, in its folder."""
    folder = project.root / project.base
    manage = "manage.py"
    if Path.cwd().is_relative_to(project.root):
        manage = os.path.relpath(folder / manage)
    return f"{program_in(project, 'python', Path())} {shlex.quote(manage)} {command}\n"
