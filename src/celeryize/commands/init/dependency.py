"""Declare what the broker and the result backend need, where the project declares its own."""

from __future__ import annotations

from celeryize.commands.init.celery_fit import CeleryFit, Habit, fit_celery, habit_of
from celeryize.commands.init.setup import Setup
from celeryize.detect.dependencies import UNDECLARED
from celeryize.detect.install_line import install_line
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.dependencies import Requirement, declare, needed


def declare_dependency(setup: Setup, broker: str = "", result_backend: str = "") -> None:
    """Declare Celery with its extras.

    A file that cannot be edited is a manual step and stops nothing. Empty arguments mean that
    nothing is known of them: then Celery alone is declared.
    """
    draft = setup.draft
    dependencies = setup.project.dependencies
    wanted = needed(dependencies.declared, broker=broker, result_backend=result_backend)
    if not wanted:
        if dependencies.file:
            draft.keep(dependencies.file, "declares Celery")
        return
    # a set-up that has been running is installed from somewhere: base.in beside a frozen file
    elsewhere = dependencies.left.get("celery")
    if setup.project.celery and elsewhere and "celery" not in dependencies.declared:
        draft.keep(elsewhere, "declares Celery")
        return
    wanted = tuple(_fitted(setup, need, broker, result_backend) for need in wanted)
    names = ", ".join(str(need) for need in wanted)
    if dependencies.file is None:
        lines = "".join(f"{need}\n" for need in wanted)
        reason = "No file declares the project's dependencies."
        if dependencies.why != UNDECLARED:
            reason = f"{dependencies.why}."
        draft.add_todo(Todo(f"declare {names}", reason, lines))
        return
    data = draft.read(dependencies.file) or b""
    try:
        for need in wanted:
            data = declare(data, dependencies.file, dependencies.form, need, dependencies.group)
    except CannotPatch as refusal:
        draft.add_manual(refusal)
        return
    draft.write(dependencies.file, data, f"declares {names}")
    refresh_locks(setup.project, draft)


def refresh_locks(project: Project, draft: Draft) -> None:
    """A manual step for the lock files, which the project's own manager writes; and one for what
    else is compiled of the file."""
    locks, dependents = project.dependencies.locks, project.dependencies.dependents
    if locks:
        why = "Until then other packages are installed than those that are declared."
        line = install_line(project)
        draft.add_todo(Todo(f"refresh {' and '.join(map(str, locks))}", why, f"{line}\n"))
    if dependents:
        file = project.dependencies.file
        why = f"What is made of {file} lacks Celery until then, and removes it where it is synced."
        if len(dependents) == 1:
            why = f"It is made of {file}, too: until then it lacks Celery, and a sync removes it."
        line = install_line(project, tuple(dependents.values()))
        draft.add_todo(Todo(f"refresh {' and '.join(map(str, dependents))}", why, f"{line}\n"))


def _fitted(setup: Setup, need: Requirement, *broker_and_backend: str) -> Requirement:
    """Celery in the versions that fit the project, pinned where the project pins.

    Raises CannotPatch where none fits: the result could not be installed.
    """
    if need.name != "celery":
        return need
    # none where the refusal has become a manual step
    fits: list[CeleryFit] = []
    with setup.attempt():
        try:
            fits.append(fit_celery(setup.project, *broker_and_backend))
        except CannotPatch as refusal:
            # what is missing beside an app that exists has nothing to do with its dependency
            if not setup.project.celery:
                raise
            setup.draft.add_manual(refusal)
    for fit in fits:
        if fit.note:
            setup.draft.add_note(fit.note)
        habit = habit_of(setup.project)
        if "celery" in setup.project.dependencies.constraints:
            # its version is said there
            habit = Habit.OPEN
        need = fit.on(need, habit)
    return need
