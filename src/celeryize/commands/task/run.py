"""The runs of `celeryize add-task` and `remove-task`: what is proved, and how to call it."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from celeryize.commands.options import RunOptions, WriteOptions, repeated_command, typed_request
from celeryize.commands.start_command import start_steps, worker_variables
from celeryize.commands.task import plan as add
from celeryize.commands.task.place import with_app_label
from celeryize.commands.task.questions import ask_missing, ask_removed
from celeryize.commands.templates import own_templates
from celeryize.commands.writing.carry_out import Around
from celeryize.commands.writing.runner import Planned, Written, keeping_answers, run_writer
from celeryize.detect.project import Project
from celeryize.errors import NoCelery, Unproved, UsageError
from celeryize.model import NextStep, Where
from celeryize.patch.nodes import dotted, walk
from celeryize.probe.proof import Expected, Proof
from celeryize.ui.view import View

# The last lines of a failed test that are shown.
TEST_LINES = 30
# Given to the decorator, but not attributes that the task keeps as they are written.
NOT_ATTRIBUTES = {"bind", "name", "autoretry_for", "dont_autoretry_for"}


def add_task(
    options: RunOptions,
    write: WriteOptions,
    view: View,
    request: add.Request,
    *,
    run_test: bool = False,
) -> Written:
    """Add a task; with `run_test` its test is run, and the write rolled back where it fails."""
    given = request
    if run_test and request.test is None:
        # who wants to run it wants to have it
        given = replace(request, test=True)

    def planned(project: Project) -> Planned:
        if not project.celery:
            raise NoCelery
        request = ask_missing(project, given, view)
        command_line = _repeating(request, given, options, write, run_test=run_test)
        with keeping_answers(command_line):
            added = add.plan(project, request, own_templates(project))
        around: Around | None = None
        if run_test:
            if added.run_test is None:
                raise UsageError("--run-test with --no-test: there is no test to run")
            arguments = added.run_test
            test = str(added.test)
            around = Around(lambda _: _passing_test(project, arguments, test, view))

        def next_steps(proof: Proof) -> tuple[NextStep, ...]:
            del proof
            call = NextStep("Send it, from a view for example", added.task.call)
            return (call, *_restart_steps(project))

        return Planned(
            added.plan,
            f"celeryize add-task {request.target}",
            _expected_task(project, added.task),
            around=around,
            next_steps=next_steps,
            command_line=command_line,
        )

    return run_writer(options, write, view, planned)


def _repeating(
    request: add.Request,
    given: add.Request,
    options: RunOptions,
    write: WriteOptions,
    *,
    run_test: bool,
) -> str:
    """The command that does the same without a question; none where nothing was asked."""
    if request == given:
        return ""
    words = ["add-task", request.target, *request.parameters]
    words += typed_request(request, {"target", "parameters"})
    if run_test:
        words.append("--run-test")
    return repeated_command(words, options, write)


def remove_task(options: RunOptions, write: WriteOptions, view: View, target: str) -> Written:
    """Remove a task that is as it was generated."""
    from celeryize.commands.task import remove

    def planned(project: Project) -> Planned:
        if not project.celery:
            raise NoCelery
        meant = with_app_label(project, target or ask_removed(project, view))
        plan, gone = remove.plan(project, meant)
        app = project.celery[0]
        expected = Expected(app.module, app.variable, gone=gone)
        command = f"celeryize remove-task {meant}"
        typed = "" if target else repeated_command(["remove-task", meant], options, write)

        def next_steps(proof: Proof) -> tuple[NextStep, ...]:
            del proof
            return _restart_steps(project, "Restart the worker, which has the task until then")

        return Planned(plan, command, expected, next_steps=next_steps, command_line=typed)

    return run_writer(options, write, view, planned)


def _restart_steps(
    project: Project,
    title: str = "Start the worker, or restart it: it loads its tasks when it starts",
) -> tuple[NextStep, ...]:
    """How the project's worker is started: again, because it loads its tasks at start-up."""
    spec, variables = project.start_spec(project.celery[0]), worker_variables(project)
    return start_steps(project, spec, ("worker",), variables, (title,))


@contextmanager
def _passing_test(
    project: Project, arguments: tuple[str, ...], test: str, view: View
) -> Iterator[None]:
    """Run the test in the project's interpreter. Raises Unproved with its last lines."""
    with view.working("running the test"):
        ended = subprocess.run(
            [str(project.interpreter.path), *arguments],
            cwd=project.root / project.base,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        tail = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-TEST_LINES:])
        raise Unproved(f"the test of the task fails:\n{tail}", hint="The change was rolled back.")
    view.show_test(test)
    yield


def _expected_task(project: Project, task: add.Generated) -> Expected:
    """The task is registered, with exactly the options of its decorator."""
    app = project.celery[0]
    # the plan has them as source; compared are their values
    options = tuple(
        (name, ast.literal_eval(value))
        for name, value in task.options
        if name not in NOT_ATTRIBUTES
    )
    return Expected(
        app.module,
        app.variable,
        tasks=(task.registered,),
        options=options,
        undiscovered=_why_undiscovered(project, task.registered),
    )


def _why_undiscovered(project: Project, name: str) -> str:
    """Why a worker of this app may not find a task of this name, as its file shows; empty where it
    does not."""
    app = project.celery[0]
    source = project.modules.source(app.where.path)
    calls = [
        node
        for node in walk(source.tree if source else ast.Module([], []))
        if isinstance(node, ast.Call) and dotted(node.func).endswith("autodiscover_tasks")
    ]
    if not calls:
        return (
            f"Nothing in {app.where.path} looks for tasks: add "
            f"{app.variable}.autodiscover_tasks() below the configuration."
        )
    for call in calls:
        if not call.args or not isinstance(call.args[0], ast.List | ast.Tuple):
            return ""
        listed = [str(node.value) for node in call.args[0].elts if isinstance(node, ast.Constant)]
        if any(name.startswith(f"{package}.") for package in listed):
            return ""
    where = Where(app.where.path, calls[0].lineno)
    package = name.rpartition(".")[0].rpartition(".")[0]
    return f"autodiscover_tasks() at {where} names other packages: add {package!r} to its list."
