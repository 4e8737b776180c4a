"""The options of `celeryize verify`."""

from __future__ import annotations

from typing import Annotated, Any

from celeryize.cli.options import option, split_list
from celeryize.cli.talk import Call, Ended, Ending, verb


def _talks(values: dict[str, Any]) -> dict[str, bool]:
    """Only --fix asks a question, and beside another format there is no talk."""
    return {
        "quiet": values["quiet"] or values["form"] != "text",
        "no_input": values["no_input"] or not values["fix"],
    }


EXAMPLES = (
    "celeryize verify",
    "celeryize verify --live",
    "celeryize verify --live --stop",
    "celeryize verify --static --format github",
)


@verb(writes=True, without=("no_verify",), talks=_talks, examples=EXAMPLES)
def verify(
    call: Call,
    static: Annotated[
        bool, option("--static", group="Depth", help="Read the code only; import nothing.")
    ] = False,
    live: Annotated[
        bool,
        option(
            "--live", group="Depth", help="Also start a real worker and Beat, on a private queue."
        ),
    ] = False,
    stop: Annotated[
        bool,
        option(
            "--stop",
            group="Depth",
            help="With --live: also stop each worker and Beat as it is deployed.",
        ),
    ] = False,
    broker: Annotated[
        str,
        option(
            "--broker",
            group="Depth",
            help="With --live: filesystem (no server), or configured.",
            metavar="NAME",
        ),
    ] = "filesystem",
    only: Annotated[
        str | None,
        option("--only", group="Checks", help="Run only these checks.", metavar="ID,..."),
    ] = None,
    skip: Annotated[
        str | None, option("--skip", group="Checks", help="Skip these checks.", metavar="ID,...")
    ] = None,
    strict: Annotated[
        bool, option("--strict", group="Checks", help="Exit 1 on warnings, too.")
    ] = False,
    fix: Annotated[
        bool,
        option(
            "--fix",
            group="Checks",
            help="Apply the fixes that are safe, after the usual diff and question.",
        ),
    ] = False,
    list_checks: Annotated[
        bool, option("--list", group="Checks", help="List all checks, and exit.")
    ] = False,
    explain: Annotated[
        str | None,
        option(
            "--explain",
            group="Checks",
            help="Explain a check: what it finds, why, the fix.",
            metavar="ID",
        ),
    ] = None,
    form: Annotated[
        str,
        option(
            "--format",
            group="Output",
            help="text, github, sarif, junit or lines (path:line:column: ...).",
            metavar="NAME",
        ),
    ] = "text",
) -> Ending:
    """Find what is wrong with this project's Celery, in its code and by importing it."""
    from celeryize.commands.verify import run
    from celeryize.commands.verify.options import VerifyOptions, refuse_contradictions

    chosen = VerifyOptions(
        static=static,
        live=live,
        stop=stop,
        broker=broker,
        only=split_list(only),
        skip=split_list(skip),
        strict=strict,
        fix=fix,
        form=form,
    )
    refuse_contradictions(chosen, call.write)
    if list_checks or explain:
        run.show_checks(call.view, explain)
        return Ended()
    if fix:
        from celeryize.commands.verify import run_fix

        return run_fix.run(call.options, call.write, call.view, chosen)
    return run.run(call.options, call.view, chosen)
