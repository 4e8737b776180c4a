"""The options of `celeryize update`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize update",
    "celeryize update --check",
    "celeryize update --diff",
)


@verb(writes=True, examples=EXAMPLES)
def update(
    call: Call,
    diff: Annotated[
        bool, option("--diff", help="Show what would change as a patch; write nothing.")
    ] = False,
    partial: Annotated[
        bool, option("--partial", help="Do what is possible; the rest becomes manual steps.")
    ] = False,
) -> Ending:
    """Bring what an older celeryize wrote up to date; what you changed stays."""
    from celeryize.commands.init import run

    write = call.write
    if diff and not write.check:
        write = replace(write, dry_run=True)
    chosen = run.InitOptions(partial=partial, updates=True)
    return run.run(call.options, write, call.view, chosen)
