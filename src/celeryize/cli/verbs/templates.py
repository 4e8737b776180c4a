"""The options of `celeryize templates`."""

from __future__ import annotations

from typing import Annotated

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ended, Ending, verb

EXAMPLES = (
    "celeryize templates",
    "celeryize templates --copy task/plain",
)


@verb(
    writes=True,
    without=("settings", "python", "package", "timeout", "no_verify"),
    examples=EXAMPLES,
)
def templates(
    call: Call,
    copy: Annotated[
        str | None,
        option(
            "--copy", help="Copy a built-in template into the project to change it.", metavar="NAME"
        ),
    ] = None,
) -> Ending:
    """List the task templates, or copy one into the project to change it."""
    from celeryize.commands import templates as command

    if copy is not None:
        return command.copy_template(call.options, call.write, call.view, copy)
    command.list_templates(call.options, call.view)
    return Ended()
