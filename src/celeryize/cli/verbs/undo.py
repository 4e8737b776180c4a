"""The options of `celeryize undo`."""

from __future__ import annotations

from celeryize.cli.talk import Call, Ending, verb


@verb(writes=True, without=("settings", "python", "package", "timeout", "no_verify"))
def undo(call: Call) -> Ending:
    """Undo the last change, byte for byte."""
    from celeryize.commands import undo as command

    return command.run(call.options, call.write, call.view)
