"""`celeryize templates`: the task templates, built in and the project's own; a copy of one."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path, PurePosixPath

from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.start_up import start_up
from celeryize.commands.writing.runner import Planned, Written, run_writer
from celeryize.detect.answers import configured
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError, UsageError
from celeryize.model import Plan
from celeryize.probe.proof import Expected
from celeryize.render import TEMPLATE, task_templates, templates
from celeryize.ui.view import View

OWN_TEMPLATES = "celeryize/templates"


def list_templates(options: RunOptions, view: View) -> tuple[tuple[str, str], ...]:
    """Each template by name, with the project's file that overrides the built-in one, if any."""
    with start_up(options, view, imports=False, brief=True) as (project, _):
        own = task_templates(own_templates(project))
    # the built-in ones in their order, then those that only the project has
    rows = dict.fromkeys(task_templates(templates()), "")
    rows |= {name: str(file.relative_to(project.root)) for name, file in own.items()}
    listed = tuple(rows.items())
    view.show_templates(listed)
    return listed


def copy_template(options: RunOptions, write: WriteOptions, view: View, name: str) -> Written:
    """Copy a built-in template where it overrides the built-in one. An existing file is kept.

    Raises UsageError for an unknown name.
    """
    # a template is not code of the project: there is nothing to prove
    write = replace(write, no_verify=True)

    def planned(project: Project) -> Planned:
        plan = _plan_copy(project, name.removesuffix(TEMPLATE))
        return Planned(plan, f"celeryize templates --copy {name}", Expected("", ""))

    return run_writer(options, write, view, planned)


def own_templates(project: Project) -> Path | None:
    """The folder of the project's own templates: `[tool.celeryize] templates`, or the default.

    Raises CeleryizeError for one outside of the project.
    """
    named = configured(project.root, project.root / project.base).get("templates")
    folder = project.root / project.base / OWN_TEMPLATES
    what = OWN_TEMPLATES
    if named:
        folder = project.root / project.base / str(named)
        what = f"[tool.celeryize] templates = {named!r}"
    try:
        is_folder = folder.is_dir()
        inside = folder.resolve().is_relative_to(project.root.resolve())
    except (OSError, ValueError, RuntimeError):
        # not a valid file name at all, or a link to itself
        is_folder, inside = False, True
    if not inside:
        raise CeleryizeError(f"{what} leads out of the project", hint="Use a folder in it.")
    if named and not is_folder:
        raise CeleryizeError(f"{what} is not a folder", hint="Create it, or remove the line.")
    if not is_folder:
        return None
    return folder


def _plan_copy(project: Project, name: str) -> Plan:
    built_in = task_templates(templates())
    if name not in built_in:
        near = difflib.get_close_matches(name, built_in, 3, 0.5) or list(built_in)
        raise UsageError(f"unknown template {name}", hint=f"Did you mean {', '.join(near)}?")
    folder: PurePosixPath = project.base / OWN_TEMPLATES
    own = own_templates(project)
    if own:
        folder = PurePosixPath(own.relative_to(project.root))
    path = folder / f"{name}{TEMPLATE}"
    draft = project.draft()
    # it may have been changed: that is what it is for
    if draft.read(path) is not None:
        draft.keep(path, "the project's own already")
    else:
        draft.write(path, built_in[name].read_bytes(), "overrides the built-in one from now on")
    return draft.plan()
