"""The options of `celeryize dev`."""

from __future__ import annotations

from typing import Annotated, Any

from celeryize.cli.options import option, split_list
from celeryize.cli.talk import Call, Ended, Ending, verb
from celeryize.errors import Exit, UsageError


def _talks(values: dict[str, Any]) -> dict[str, bool]:
    """What runs until Ctrl-C asks nothing."""
    del values
    return {"no_input": True}


EXAMPLES = (
    "celeryize dev",
    "celeryize dev --no-web --queues mails,celery",
)


@verb(without=("no_input",), talks=_talks, examples=EXAMPLES)
def dev(
    call: Call,
    web: Annotated[
        bool, option("--web/--no-web", help="Start the web server (manage.py runserver).")
    ] = True,
    beat: Annotated[
        bool | None,
        option("--beat/--no-beat", help="Start Beat; default: if there is a schedule."),
    ] = None,
    queues: Annotated[
        str | None,
        option(
            "--queues", "-Q", help="Consume these queues; default: all of them.", metavar="NAME,..."
        ),
    ] = None,
    pool: Annotated[
        str | None,
        option("--pool", "-P", help="Pool of the worker: prefork, solo, ...", metavar="NAME"),
    ] = None,
    port: Annotated[
        int | None,
        option("--port", help="Port of the web server; default: 8000.", min=1, max=65535),
    ] = None,
) -> Ending:
    """Run web, worker and Beat in one terminal, and reload them when the code changes."""
    from celeryize.commands.dev import run
    from celeryize.commands.dev.plan import DevOptions

    if call.talk.as_json:
        raise UsageError(
            "dev runs until Ctrl-C, so it has no JSON document",
            hint="Without --json, each line begins with the name of its process.",
        )
    names: tuple[str, ...] = ()
    if queues is not None:
        names = split_list(queues) or ("",)
    run.run(call.options, call.view, DevOptions(web, beat, names, pool or "", port))
    return Ended("interrupted", Exit.INTERRUPTED)
