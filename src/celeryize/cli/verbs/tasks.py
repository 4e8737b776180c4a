"""The options of `celeryize tasks`."""

from __future__ import annotations

from typing import Any

from celeryize.cli.talk import Call, Ended, Ending, verb


def _talks(values: dict[str, Any]) -> dict[str, bool]:
    """What only shows something asks nothing."""
    del values
    return {"no_input": True}


EXAMPLES = (
    "celeryize tasks",
    "celeryize tasks | cut -f1,3",
)


@verb(without=("no_input",), talks=_talks, examples=EXAMPLES)
def tasks(call: Call) -> Ending:
    """List the tasks, and explain why some are not registered."""
    from celeryize.commands import tasks as command

    command.run(call.options, call.view)
    return Ended()
