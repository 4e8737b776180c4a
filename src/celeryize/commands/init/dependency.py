"""Declare what the broker and the result backend need, where the project declares its own."""

from __future__ import annotations

from celeryize.commands.init.setup import Setup
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.dependencies import declare, needed


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
    names = ", ".join(str(need) for need in wanted)
    if dependencies.file is None:
        lines = "".join(f"{need}\n" for need in wanted)
        draft.add_todo(
            Todo(f"declare {names}", "No file declares the project's dependencies.", lines)
        )
        return
    data = draft.read(dependencies.file) or b""
    try:
        for need in wanted:
            data = declare(data, dependencies.file, dependencies.form, need)
    except CannotPatch as refusal:
        draft.add_manual(refusal)
        return
    draft.write(dependencies.file, data, f"declares {names}")
    for lock in dependencies.locks:
        draft.add_todo(
            Todo(
                f"refresh {lock}",
                "It does not know the new dependency yet.",
                f"{dependencies.sync}\n",
            )
        )
