"""The options of `celeryize demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from celeryize.cli.options import RUN_OPTIONS, TALK_OPTIONS, option
from celeryize.cli.talk import Call, Ended, Ending, verb

EXAMPLES = (
    "celeryize demo",
    "celeryize demo --keep demo",
)


@verb(without=(*RUN_OPTIONS, *TALK_OPTIONS), examples=EXAMPLES)
def demo(
    call: Call,
    keep: Annotated[
        Path | None,
        option(
            "--keep",
            help="Where to build the project; default: a temporary folder.",
            metavar="DIR",
        ),
    ] = None,
) -> Ending:
    """Show all of it on a scratch project, with a real worker, without any server."""
    from celeryize.commands import demo as command

    command.run(keep, call.view)
    return Ended()
