"""The options of `celeryize add-worker`."""

from __future__ import annotations

from typing import Annotated

from celeryize.cli.options import option, split_list
from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize add-worker",
    "celeryize add-worker --to compose --queues mails --no-beat",
    "celeryize add-worker --to systemd --check",
)


@verb(writes=True, examples=EXAMPLES)
def add_worker(
    call: Call,
    to: Annotated[
        str | None,
        option(
            "--to",
            help="Only this kind of file, made anew where there is none: "
            "compose, procfile, systemd, kubernetes, supervisor.",
            metavar="KIND",
        ),
    ] = None,
    queues: Annotated[
        str | None,
        option("--queues", help="A worker for these queues, separated by commas.", metavar="NAMES"),
    ] = None,
    concurrency: Annotated[
        int | None,
        option("--concurrency", help="Tasks that run at once.", metavar="N", min=1),
    ] = None,
    beat: Annotated[
        bool | None,
        option("--beat/--no-beat", help="Celery Beat, too; by default if there is a schedule."),
    ] = None,
    health: Annotated[
        bool | None,
        option(
            "--health/--no-health",
            help="Health checks; by default for compose and Kubernetes.",
        ),
    ] = None,
    service: Annotated[
        str | None,
        option("--service", help="The web service, where there are several.", metavar="NAME"),
    ] = None,
) -> Ending:
    """Add a worker and Beat to the deployment files, so that a stop loses no task."""
    from celeryize.commands.worker.request import Request
    from celeryize.commands.worker.run import add_worker as run

    request = Request(
        to=to.lower() if to else None,
        queues=split_list(queues),
        concurrency=concurrency,
        beat=beat,
        health=health,
        service=service,
    )
    return run(call.options, call.write, call.view, request)
