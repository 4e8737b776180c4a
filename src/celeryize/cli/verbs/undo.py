"""The options of `celeryize undo`."""

from __future__ import annotations

from typing import Annotated

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize undo",
    "celeryize undo --list",
    "celeryize undo --all",
)


@verb(
    writes=True,
    without=("settings", "python", "package", "timeout", "no_verify"),
    examples=EXAMPLES,
)
def undo(
    call: Call,
    listed: Annotated[
        bool, option("--list", help="Show what can be undone, newest first; undo nothing.")
    ] = False,
    forget: Annotated[
        bool,
        option("--forget", help="Drop the last change from the history; its files stay."),
    ] = False,
    of_all: Annotated[
        bool,
        option("--all", help="Undo every change, newest first; there is one question, about all."),
    ] = False,
) -> Ending:
    """Undo the last change, byte for byte."""
    from celeryize.commands import undo as command

    chosen = command.UndoOptions(listed, forget, of_all)
    return command.run(call.options, call.write, call.view, chosen)
