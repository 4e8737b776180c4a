"""`celeryize templates`: the templates of tasks, ours and the project's own; a copy of one to make it its own."""

from __future__ import annotations

import difflib
from pathlib import Path, PurePosixPath
from typing import Protocol

from celeryize.commands.carry_out import Ended, View, carry_out
from celeryize.commands.opening import Opening, opened
from celeryize.commands.run_add_task import OWN_TEMPLATES, own_templates
from celeryize.detect.project import Project
from celeryize.errors import UsageError
from celeryize.model import Plan
from celeryize.render import TEMPLATE, task_templates, templates


class TemplatesView(View, Opening, Protocol):
    """What the command shows and asks."""


def listing(start: Path, view: Opening) -> tuple[tuple[str, str], ...]:
    """Each template by name, with the file of the project that goes before ours, or nothing."""
    with opened(start, view, look_inside=False, brief=True) as (project, _):
        own = own_templates(project)
        replaced = {name: str(file.relative_to(project.root)) for name, file in task_templates(own).items()}
        return tuple((dict.fromkeys(task_templates(templates()), "") | replaced).items())


def copy(start: Path, view: TemplatesView, name: str, *, dry_run: bool = False, yes: bool = False) -> Ended:
    """Put a copy of our template `name` where it goes before ours. A file that is there stays as it is.

    Raises UsageError for a name that we have not.
    """
    with opened(start, view, look_inside=False, brief=True) as (project, _):
        plan = _plan(project, name.removesuffix(TEMPLATE))
        result = carry_out(
            plan,
            root=project.root,
            command=f"celeryize templates --copy {name}",
            view=view,
            prove=None,
            dry_run=dry_run,
            yes=yes,
        )
    return Ended(result, (), ())


def _plan(project: Project, name: str) -> Plan:
    ours = task_templates(templates())
    if name not in ours:
        near = difflib.get_close_matches(name, ours, 3, 0.5) or list(ours)
        raise UsageError(f"there is no template {name}", hint=f"Did you mean {', '.join(near)}?")
    own = own_templates(project)
    folder = own.relative_to(project.root) if own else project.base / OWN_TEMPLATES
    path = PurePosixPath(folder) / f"{name}{TEMPLATE}"
    draft = project.draft()
    if draft.read(path) is not None:
        draft.keep(path, "the project's own already")
    else:
        draft.write(path, ours[name].read_bytes(), "overrides the built-in one from now on")
    return draft.plan()
