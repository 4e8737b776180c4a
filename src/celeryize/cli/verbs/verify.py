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


@verb(writes=True, without=("no_verify",), talks=_talks)
def verify(
    call: Call,
    static: Annotated[bool, option("--static", help="Read the code only; import nothing.")] = False,
    live: Annotated[
        bool,
        option("--live", help="Also start a real worker and Beat, on a private queue."),
    ] = False,
    stop: Annotated[
        bool,
        option("--stop", help="With --live: also stop each worker and Beat as it is deployed."),
    ] = False,
    broker: Annotated[
        str,
        option(
            "--broker",
            help="With --live: filesystem (no server), or configured.",
            metavar="NAME",
        ),
    ] = "filesystem",
    only: Annotated[
        str | None, option("--only", help="Run only these checks.", metavar="ID,...")
    ] = None,
    skip: Annotated[
        str | None, option("--skip", help="Skip these checks.", metavar="ID,...")
    ] = None,
    strict: Annotated[bool, option("--strict", help="Exit 1 on warnings, too.")] = False,
    fix: Annotated[
        bool,
        option("--fix", help="Apply the fixes that are safe, after the usual diff and question."),
    ] = False,
    list_checks: Annotated[bool, option("--list", help="List all checks, and exit.")] = False,
    explain: Annotated[
        str | None,
        option("--explain", help="Explain a check: what it finds, why, the fix.", metavar="ID"),
    ] = None,
    form: Annotated[
        str,
        option("--format", help="text, github, sarif or junit (on stdout).", metavar="NAME"),
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
