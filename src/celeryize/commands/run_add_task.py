"""The run of `celeryize add-task` and `remove-task`: detect, plan, prove, carry out, say how to call it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from celeryize.commands import add_task
from celeryize.commands.carry_out import Ended, View, carry_out
from celeryize.commands.opening import Opening, opened, target_of
from celeryize.detect.answers import configured
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError, Unproved, UsageError
from celeryize.probe.proof import Expected, Proof, judge

TEST_LINES = 12
OWN_TEMPLATES = "celeryize/templates"
# Given to the decorator, but not attributes that the task keeps as they are written.
NOT_ATTRIBUTES = {"bind", "name", "autoretry_for"}


class TaskView(View, Opening, Protocol):
    """What the command shows and asks."""


def run(
    start: Path,
    view: TaskView,
    request: add_task.Request,
    *,
    remove: bool = False,
    run_test: bool = False,
    settings: str | None = None,
    python: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    check: bool = False,
    no_verify: bool = False,
    timeout: float = 60,
) -> Ended:
    """Add (or remove) the task in the project around `start`.

    With `run_test`, its test is run once it is written, and all is taken back where it fails.
    """
    look = not (no_verify or check)
    with opened(start, view, settings=settings, python=python, look_inside=look, timeout=timeout, brief=True) as (
        project,
        prober,
    ):
        templates = own_templates(project)
        call: tuple[str, ...] = ()
        testing: AbstractContextManager[None] | None = None
        if remove:
            from celeryize.commands import remove_task

            if not project.celery:
                raise CeleryizeError("this project has no Celery app, so no tasks", hint="See celeryize init.")
            plan, gone = remove_task.plan(project, request.target)
            app = project.celery[0]
            expected = Expected(app.module, app.variable, gone=gone)
        else:
            added = add_task.plan(project, request, templates)
            plan, expected = added.plan, _expected(project, added.task)
            call = (*added.task.call, _restart(project))
            if run_test and added.run_test is None:
                raise UsageError("there is no test to run", hint="Add --test.")
            testing = _tested(project, added.run_test) if run_test and added.run_test else None

        def prove(*, written: bool) -> Proof:
            assert prober is not None
            before = prober.baseline()
            edits = () if written else plan.edits
            after = prober.prove(edits, project.root, target_of(project))
            return judge(before, after, expected, project.root, fix=project.dependencies.sync)

        result = carry_out(
            plan,
            root=project.root,
            command=f"celeryize {'remove-task' if remove else 'add-task'} {request.target}",
            view=view,
            prove=prove if prober else None,
            dry_run=dry_run,
            check=check,
            yes=yes,
            installing=testing,
        )
    return Ended(result, plan.todos, call)


def _restart(project: Project) -> str:
    spec = project.celery[0].spec(project.package.name)
    return f"celery -A {spec} worker -l INFO  # again: a worker loads its tasks when it starts"


@contextmanager
def _tested(project: Project, arguments: tuple[str, ...]) -> Iterator[None]:
    """Run the test in the project's interpreter. Raises Unproved, with its last lines, where it fails."""
    ended = subprocess.run(
        [str(project.interpreter.path), *arguments],
        cwd=project.root / project.base,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        tail = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-TEST_LINES:])
        raise Unproved(f"the test of the task fails:\n{tail}", hint="Everything was taken back.")
    yield


def own_templates(project: Project) -> Path | None:
    """The folder of the project's own templates: `[tool.celeryize] templates`, or celeryize/templates/.

    Raises CeleryizeError for one outside of the project.
    """
    named = configured(project.root, project.root / project.base).get("templates")
    folder = project.root / project.base / (str(named) if named else OWN_TEMPLATES)
    try:
        is_folder, inside = folder.is_dir(), folder.resolve().is_relative_to(project.root.resolve())
    except (OSError, ValueError, RuntimeError):  # no name of a file at all, or a link to itself
        is_folder, inside = False, True
    what = f"[tool.celeryize] templates = {named!r}" if named else OWN_TEMPLATES
    if not inside:
        raise CeleryizeError(f"{what} leads out of the project", hint="Use a folder in it.")
    if named and not is_folder:
        raise CeleryizeError(f"{what} is no folder", hint="Create it, or drop the line.")
    return folder if is_folder else None


def _expected(project: Project, task: add_task.Generated) -> Expected:
    app = project.celery[0]
    options = tuple((k, ast.literal_eval(v)) for k, v in task.options if k not in NOT_ATTRIBUTES)
    return Expected(app.module, app.variable, (), (task.registered,), options)
