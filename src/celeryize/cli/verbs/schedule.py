"""The options of `celeryize schedule`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ended, Ending, verb


def _talks(values: dict[str, Any]) -> dict[str, bool]:
    """What only shows something asks nothing."""
    del values
    return {"no_input": True}


EXAMPLES = (
    "celeryize schedule",
    "celeryize schedule --next 7d",
    "celeryize schedule --html schedule.html",
)


@verb(without=("no_input",), talks=_talks, examples=EXAMPLES)
def schedule(
    call: Call,
    next_runs: Annotated[
        str | None,
        option(
            "--next",
            group="What is shown",
            help="All runs of the next 24h, 7d, ... in order of time.",
            metavar="DURATION",
        ),
    ] = None,
    timeline: Annotated[
        bool,
        option("--timeline", group="What is shown", help="Draw a timeline of the next 24 hours."),
    ] = False,
    svg: Annotated[
        Path | None,
        option("--svg", group="Files", help="Write the timeline as SVG.", metavar="FILE"),
    ] = None,
    html: Annotated[
        Path | None,
        option("--html", group="Files", help="Write the timeline as HTML.", metavar="FILE"),
    ] = None,
    ics: Annotated[
        Path | None,
        option(
            "--ics",
            group="Files",
            help="Write the runs (of --next, or 7 days) as a calendar.",
            metavar="FILE",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        option(
            "--overwrite",
            group="Files",
            help="Overwrite a file that celeryize schedule did not write.",
        ),
    ] = False,
) -> Ending:
    """Show what runs when: entries, next runs, a timeline."""
    from celeryize.commands.schedule import show

    chosen = show.ScheduleOptions(next_runs, timeline, svg, html, ics, overwrite)
    show.run(call.options, call.view, chosen)
    return Ended()
