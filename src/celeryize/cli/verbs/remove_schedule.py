"""The options of `celeryize remove-schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize remove-schedule nightly",
    "celeryize remove-schedule nightly --dry-run",
)


@verb(writes=True, examples=EXAMPLES)
def remove_schedule(
    call: Call,
    name: Annotated[
        str,
        typer.Argument(
            help="The name of the entry, or the task that it alone sends. Without it you are asked."
        ),
    ] = "",
) -> Ending:
    """Remove an entry from the Beat schedule."""
    from celeryize.commands.schedule import questions, run

    questions.require_removed(name, call.view)
    return run.remove_schedule(call.options, call.write, call.view, name)
