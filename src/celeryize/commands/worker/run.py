"""The run of `celeryize add-worker`: what is proved, and what comes next."""

from __future__ import annotations

from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.worker.plan import plan
from celeryize.commands.worker.request import Request
from celeryize.commands.writing.runner import Planned, Written, run_writer
from celeryize.detect.project import Project
from celeryize.probe.proof import Expected, Proof
from celeryize.ui.view import View


def add_worker(options: RunOptions, write: WriteOptions, view: View, request: Request) -> Written:
    """Write the worker and Beat into the deployment files of the project."""

    def planned(project: Project) -> Planned:
        made = plan(project, request)
        app = project.celery[0]
        names = " ".join(("celeryize add-worker", *_options_of(request)))
        return Planned(
            made, names, Expected(app.module, app.variable), next_steps=_next_steps(request)
        )

    return run_writer(options, write, view, planned)


def _options_of(request: Request) -> tuple[str, ...]:
    found: list[str] = []
    if request.to:
        found += ["--to", request.to]
    if request.queues:
        found += ["--queues", ",".join(request.queues)]
    return tuple(found)


def _next_steps(request: Request):  # type: ignore[no-untyped-def]
    del request

    def steps(proof: Proof) -> tuple[str, ...]:
        del proof
        return ("celeryize verify",)

    return steps
