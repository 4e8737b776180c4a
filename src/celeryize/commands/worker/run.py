"""The run of `celeryize add-worker`: what is proved, and what comes next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.worker.plan import plan
from celeryize.commands.worker.request import Request
from celeryize.commands.writing.runner import Planned, Written, run_writer
from celeryize.detect.project import Project
from celeryize.model import NextStep, Plan
from celeryize.probe.proof import Expected, Proof
from celeryize.ui.view import View


def add_worker(options: RunOptions, write: WriteOptions, view: View, request: Request) -> Written:
    """Write the worker and Beat into the deployment files of the project."""

    def planned(project: Project) -> Planned:
        made = plan(project, request)
        app = project.celery[0]
        names = " ".join(("celeryize add-worker", *_options_of(request)))
        return Planned(
            made,
            names,
            Expected(app.module, app.variable),
            next_steps=_next_steps(made, project.root),
        )

    return run_writer(options, write, view, planned)


def _options_of(request: Request) -> tuple[str, ...]:
    found: list[str] = []
    if request.to:
        found += ["--to", request.to]
    if request.queues:
        found += ["--queues", ",".join(request.queues)]
    return tuple(found)


def _next_steps(made: Plan, root: Path) -> Callable[[Proof], tuple[NextStep, ...]]:
    """What shows that it works: the processes, and a stop of them."""
    files = [step.path for step in made.steps if step.path.suffix in {".yml", ".yaml"}]
    # with other names, or several files for one environment, only the user knows which of them
    started = [path for path in files if path.name in {"compose.yaml", "docker-compose.yml"}]

    def steps(proof: Proof) -> tuple[NextStep, ...]:
        del proof
        found = []
        if len(files) == len(started) == 1 and len(started[0].parts) == 1:
            found.append(NextStep("Start all of it", (_compose_line(root, started[0]),)))
        found.append(NextStep("See that nothing is wrong", ("celeryize verify",)))
        stops = "celeryize verify --live --stop"
        found.append(NextStep("See that a deploy loses no task, on a private server", (stops,)))
        return tuple(found)

    return steps


def _compose_line(root: Path, path: PurePosixPath) -> str:
    """What starts the services, from the folder where the user is."""
    if root.resolve() == Path.cwd():
        return "docker compose up --build"
    return f"docker compose -f {shlex.quote(os.path.relpath(root / path))} up --build"
