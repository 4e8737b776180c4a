"""The options of `celeryize remove-task`."""

from __future__ import annotations

from typing import Annotated

import typer

from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize remove-task doctors.send_welcome_email",
    "celeryize remove-task doctors.send_welcome_email --dry-run",
)


@verb(writes=True, examples=EXAMPLES)
def remove_task(
    call: Call,
    target: Annotated[
        str,
        typer.Argument(
            help="APP.TASK, for example doctors.send_welcome_email; TASK alone, where no other "
            "has this name. Without it you are asked.",
            metavar="APP.TASK",
        ),
    ] = "",
) -> Ending:
    """Remove a task that is as it was generated."""
    from celeryize.commands.task import questions, run

    questions.require_removed(target, call.view)
    return run.remove_task(call.options, call.write, call.view, target)
