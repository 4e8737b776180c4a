"""Typer: options to one command, errors to exit codes. No logic."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from celeryize import __version__, ui
from celeryize.errors import CeleryizeError, Exit, UsageError

if TYPE_CHECKING:
    from celeryize.commands.carry_out import Ended

P = ParamSpec("P")

app = typer.Typer(
    name="celeryize",
    help="Puts Celery into a Django project that already exists, and proves that it works.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002
    """A Typer option that CELERYIZE_<NAME> sets too."""
    name = next(n for n in names if n.startswith("--")).split("/")[0]
    return typer.Option(*names, help=help, envvar=f"CELERYIZE_{name[2:].replace('-', '_').upper()}", **more)


ProjectDir = Annotated[
    Path, _option("-C", "--project-dir", help="The project, or a folder in it.", metavar="DIR", show_default=False)
]
SettingsModule = Annotated[
    str | None,
    _option("--settings", help="The settings module, instead of the one manage.py names.", metavar="MODULE"),
]
Python = Annotated[
    str | None, _option("--python", help="The project's interpreter, instead of the one found.", metavar="PATH")
]
PackageName = Annotated[
    str | None,
    _option("--package", help="The package of the Celery app, instead of the one found.", metavar="NAME"),
]
DryRun = Annotated[bool, _option("-n", "--dry-run", help="Write nothing; print the patch to stdout.")]
Yes = Annotated[bool, _option("-y", "--yes", help="Do not ask before writing.")]
Check = Annotated[bool, _option("--check", help="Write nothing; exit 1 if something would change.")]
Partial = Annotated[bool, _option("--partial", help="Do what is possible; the rest becomes manual steps.")]
NoVerify = Annotated[bool, _option("--no-verify", help="Skip the proof: do not import the project.")]
VerifyTimeout = Annotated[
    float,
    _option("--verify-timeout", help="Seconds that importing the project may take.", metavar="SECONDS", min=1),
]
Json = Annotated[bool, _option("--json", help="One JSON document on stdout; never asks.")]
Quiet = Annotated[bool, _option("-q", "--quiet", help="Problems and the answer only.")]
Verbose = Annotated[bool, _option("-v", "--verbose", help="Say more.")]
NoInput = Annotated[bool, _option("--no-input", help="Never ask.")]


class Talk:
    """Where a command talks to: a screen, or a JSON document."""

    def __init__(self, command: str, *, as_json: bool, quiet: bool, verbose: bool, no_input: bool) -> None:
        self.command = command
        self.machine = ui.Machine() if as_json else None
        self.screen = ui.Screen(
            quiet=quiet or as_json, verbose=verbose, interactive=False if no_input or as_json else None
        )

    @property
    def view(self) -> ui.Screen | ui.Machine:
        """What the commands show and ask through."""
        return self.machine or self.screen

    def finish_writer(self, ended: Ended) -> None:
        """What a writer says at its end: the manual steps, the next commands."""
        result = ended.result
        if not self.machine:
            self.screen.show_todos(ended.todos)
            self.screen.show_end(result.outcome, ended.next_steps, ended.command_line)
        self.finish(result.outcome, result.exit_code, next=list(ended.next_steps), command_line=ended.command_line)

    def finish(self, status: str, exit_code: Exit, **more: object) -> None:
        """Close the document and leave with the code."""
        if self.machine:
            self.machine.finish(self.command, status, exit_code, **more)
        raise typer.Exit(int(exit_code))


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Errors of the family become a message and their exit code; anything else is a bug of ours."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json, quiet = bool(kwargs.get("json_", False)), bool(kwargs.get("quiet", False))
        talk = Talk(command.__name__, as_json=as_json, quiet=quiet, verbose=False, no_input=True)
        try:
            command(*args, **kwargs)
        except CeleryizeError as error:
            talk.screen.quiet = as_json
            if not talk.machine:
                talk.screen.show_error(error)
            talk.finish("error", error.exit_code, error=ui.error_json(error))
        except KeyboardInterrupt:
            talk.screen.say("\nInterrupted. The project is as it was.", always=not as_json)
            talk.finish("interrupted", Exit.INTERRUPTED)
        except (typer.Exit, typer.Abort):
            raise
        except Exception:
            log = traceback.format_exc()
            talk.screen.say(
                "\nThis is a bug in celeryize; the project is as it was. Please report these lines:",
                "red",
                always=True,
            )
            talk.screen.say(f"celeryize {__version__} {command.__name__}\n{log}", always=True)
            talk.finish("bug", Exit.BUG, log=log)

    return guarded


def _usage(condition: bool, message: str, hint: str) -> None:
    if condition:
        raise UsageError(message, hint=hint)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
) -> None:
    """Puts Celery into a Django project that already exists, and proves that it works."""
    if version:
        ui.Screen().answer(f"celeryize {__version__}")
        raise typer.Exit


@app.command()
@_guarded
def init(
    project_dir: ProjectDir = Path(),
    broker: Annotated[
        str | None,
        _option(
            "--broker", help="redis, rabbitmq, filesystem (no server, development only) or a URL.", metavar="NAME"
        ),
    ] = None,
    result_backend: Annotated[
        str | None,
        _option("--result-backend", help="redis, rpc, django-db, file, none or a URL.", metavar="NAME"),
    ] = None,
    profile: Annotated[
        str | None, _option("--profile", help="minimal (eight lines), standard, or production.", metavar="NAME")
    ] = None,
    beat: Annotated[
        bool | None, _option("--beat/--no-beat", help="Prepare periodic tasks (Celery Beat).", show_default=False)
    ] = None,
    module_name: Annotated[
        str, _option("--module-name", help="The name of the app file's module.", metavar="NAME")
    ] = "celery",
    package: PackageName = None,
    settings: SettingsModule = None,
    python: Python = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    check: Check = False,
    partial: Partial = False,
    install: Annotated[
        bool, _option("--install/--no-install", help="Install the dependency with the project's own manager.")
    ] = False,
    no_verify: NoVerify = False,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_input: NoInput = False,
) -> None:
    """Set Celery up: the app file, the package import, the settings, the dependency."""
    from celeryize.commands import run_init

    talk = Talk("init", as_json=json_, quiet=quiet, verbose=verbose, no_input=no_input)
    flags = {"broker": broker, "result_backend": result_backend, "profile": profile, "beat": beat}
    ended = run_init.run(
        project_dir,
        talk.view,
        flags={name: value for name, value in flags.items() if value is not None},
        module_name=module_name,
        package=package,
        settings=settings,
        python=python,
        dry_run=dry_run,
        yes=yes,
        check=check,
        partial=partial,
        install=install,
        no_verify=no_verify,
        timeout=verify_timeout,
    )
    talk.finish_writer(ended)


@app.command()
@_guarded
def verify(
    project_dir: ProjectDir = Path(),
    static: Annotated[bool, _option("--static", help="Read the code only; import nothing.")] = False,
    only: Annotated[str | None, _option("--only", help="Run these checks only.", metavar="ID,...")] = None,
    skip: Annotated[str | None, _option("--skip", help="Leave these checks out.", metavar="ID,...")] = None,
    strict: Annotated[bool, _option("--strict", help="Exit 1 on warnings too.")] = False,
    list_: Annotated[bool, _option("--list", help="Name every check, and exit.")] = False,
    explain: Annotated[
        str | None, _option("--explain", help="Say what a check finds, why, and the fix.", metavar="ID")
    ] = None,
    format_: Annotated[
        str, _option("--format", help="text, github, sarif or junit (on stdout).", metavar="NAME")
    ] = "text",
    package: PackageName = None,
    settings: SettingsModule = None,
    python: Python = None,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find what is wrong with this project's Celery: in the code, and by importing it."""
    from celeryize.checks import examine
    from celeryize.commands import verify as command
    from celeryize.formats import FORMATS

    talk = Talk("verify", as_json=json_, quiet=quiet or format_ != "text", verbose=verbose, no_input=True)
    _usage(format_ not in {"text", *FORMATS}, f"--format {format_} is not known", "text, github, sarif or junit.")
    if list_ or explain:
        checks = (examine.check_named(explain),) if explain else examine.all_checks()
        talk.view.show_checks(checks, in_full=bool(explain))
        talk.finish("done", Exit.DONE)
    verified = command.run(
        project_dir,
        talk.view,
        static=static,
        only=_listed(only),
        skip=_listed(skip),
        strict=strict,
        settings=settings,
        python=python,
        package=package,
        timeout=verify_timeout,
    )
    if format_ in FORMATS and not json_:
        talk.screen.answer(FORMATS[format_](verified.findings, verified.examination.ran))
    else:
        talk.view.show_verified(verified)
    talk.finish("findings" if verified.exit_code else "done", verified.exit_code)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


@app.command()
@_guarded
def undo(
    project_dir: ProjectDir = Path(),
    dry_run: DryRun = False,
    yes: Yes = False,
    json_: Json = False,
    quiet: Quiet = False,
    no_input: NoInput = False,
) -> None:
    """Take back the last change, byte for byte."""
    from celeryize.commands import undo as command

    talk = Talk("undo", as_json=json_, quiet=quiet, verbose=False, no_input=no_input)
    outcome, what = command.run(project_dir, talk.view, dry_run=dry_run, yes=yes)
    talk.screen.say(f"\n{outcome}: {what}", "green", always=True) if not talk.machine else None
    talk.finish(str(outcome), Exit.DONE, what=what)


def run() -> int:
    """Parse the command line, run the command, give the exit code."""
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0
