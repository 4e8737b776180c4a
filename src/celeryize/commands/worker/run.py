"""The run of `celeryize add-worker`: what is proved, and what comes next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from celeryize.commands.options import RunOptions, WriteOptions, repeated_command, typed_request
from celeryize.commands.worker.plan import plan
from celeryize.commands.worker.procfile import is_heroku
from celeryize.commands.worker.questions import ask_missing
from celeryize.commands.worker.request import Request, check_request
from celeryize.commands.worker.web import dockerfile_of
from celeryize.commands.writing.runner import Planned, Written, keeping_answers, run_writer
from celeryize.detect.processes.compose import read_compose
from celeryize.detect.processes.procfile import read_procfile
from celeryize.detect.project import Project
from celeryize.model import NextStep, Plan
from celeryize.probe.proof import Expected, Proof
from celeryize.reading import read_text
from celeryize.ui.view import View


def add_worker(options: RunOptions, write: WriteOptions, view: View, given: Request) -> Written:
    """Write the worker and Beat into the deployment files of the project."""

    # before a question that would be asked for nothing
    check_request(given)

    def planned(project: Project) -> Planned:
        request = ask_missing(project, given, view) if write.asks else given
        command_line = ""
        if request != given:
            command_line = repeated_command(["add-worker", *_all_options(request)], options, write)
        with keeping_answers(command_line):
            made = plan(project, request)
        app = project.celery[0]
        names = " ".join(("celeryize add-worker", *_options_of(request)))
        return Planned(
            made,
            names,
            Expected(app.module, app.variable),
            next_steps=_next_steps(made, project),
            command_line=command_line,
        )

    return run_writer(options, write, view, planned)


def _options_of(request: Request) -> tuple[str, ...]:
    found: list[str] = []
    if request.to:
        found += ["--to", request.to]
    if request.queues:
        found += ["--queues", ",".join(request.queues)]
    return tuple(found)


def _all_options(request: Request) -> list[str]:
    """All options that were said; the queues are one word."""
    return [*_options_of(request), *typed_request(request, {"to", "queues"})]


def _next_steps(made: Plan, project: Project) -> Callable[[Proof], tuple[NextStep, ...]]:
    """What shows that it works: the processes, and a stop of them."""
    root = project.root
    files = [step.path for step in made.steps if step.path.suffix in {".yml", ".yaml"}]
    # with other names, or several files for one environment, only the user knows which of them
    started = [path for path in files if path.name in {"compose.yaml", "docker-compose.yml"}]

    def steps(proof: Proof) -> tuple[NextStep, ...]:
        del proof
        found = []
        if len(files) == len(started) == 1 and len(started[0].parts) == 1:
            found += _start_steps(made, root, started[0])
        found += _heroku_steps(made, project)
        # without it the processes start, and look for the broker in their own pod
        config = [todo for todo in made.todos if "ConfigMap" in todo.what]
        found += [NextStep(f"Write {one.what} ({one.path}), as above", ()) for one in config]
        found.append(NextStep("See that nothing is wrong", ("celeryize verify",)))
        stops = "celeryize verify --live --stop"
        found.append(NextStep("See that a deploy loses no task, on a private server", (stops,)))
        return tuple(found)

    return steps


def _heroku_steps(made: Plan, project: Project) -> list[NextStep]:
    """What starts the new process types on Heroku, which starts none but `web` by itself."""
    path = PurePosixPath("Procfile")
    edit = next((edit for edit in made.edits if edit.path == path), None)
    if edit is None or not is_heroku(project.root, project.dependencies.declared):
        return []
    old, new = (
        [process.name for process in read_procfile(path, (text or b"").decode("utf-8-sig"))]
        for text in (edit.before, edit.after)
    )
    names = [name for name in new if name not in {*old, "web"}]
    if not names:
        return []
    line = " ".join(("heroku ps:scale", *(f"{name}=1" for name in names)))
    what = "Start the new processes on Heroku, after the deploy, which alone does not"
    if "beat" in names:
        what += " (exactly one beat)"
    return [NextStep(what, (line,))]


def _start_steps(made: Plan, root: Path, path: PurePosixPath) -> list[NextStep]:
    """What starts the services of a compose file; nothing where an image cannot be built yet."""
    after = next((edit.after for edit in made.edits if edit.path == path), None)
    text = after.decode("utf-8-sig") if after else read_text(root / path)
    processes = [*read_compose(path, text)]
    built = [p for p in processes if {"build", "context"} & set(p.options)]
    if any(not dockerfile_of(root, process) for process in built):
        return []
    build = " --build" if built else ""
    return [NextStep("Start all of it", (_compose_line(root, path, build),))]


def _compose_line(root: Path, path: PurePosixPath, build: str) -> str:
    """What starts the services, from the folder where the user is."""
    if root.resolve() == Path.cwd():
        return f"docker compose up{build}"
    return f"docker compose -f {shlex.quote(os.path.relpath(root / path))} up{build}"
