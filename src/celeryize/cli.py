"""Typer: options to one command, errors to exit codes. No logic."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from celeryize import __version__, ui
from celeryize.errors import CeleryizeError, Exit, UsageError

if TYPE_CHECKING:
    from celeryize.commands.carry_out import Ended
    from celeryize.commands.schedule import Schedule

P = ParamSpec("P")
# Click's UsageError, the parent of all that is wrong with a command line; typer has its own copy of click.
CommandLineError: Any = typer.BadParameter.__base__

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
        try:
            if not self.machine:
                self.screen.show_todos(ended.todos)
                self.screen.show_end(result.outcome, ended.next_steps, ended.command_line)
        except KeyboardInterrupt as error:
            if result.outcome == "done":
                error.add_note("It came too late: the change is done.")
            raise
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
        name = command.__name__.replace("_", "-")
        as_json, quiet = bool(kwargs.get("json_", False)), bool(kwargs.get("quiet", False))
        talk = Talk(name, as_json=as_json, quiet=quiet, verbose=False, no_input=True)
        try:
            command(*args, **kwargs)
        except CeleryizeError as error:
            talk.screen.quiet = as_json
            if not talk.machine:
                talk.screen.show_error(error)
            talk.finish("error", error.exit_code, error=ui.error_json(error))
        except KeyboardInterrupt as error:
            notes = getattr(error, "__notes__", ["The project is as it was."])
            talk.screen.say("\n" + "\n".join(["Interrupted.", *notes]), always=not as_json)
            talk.finish("interrupted", Exit.INTERRUPTED, notes=notes)
        except (typer.Exit, typer.Abort):
            raise
        except Exception:
            import traceback

            log = traceback.format_exc()
            talk.screen.say(
                "\nThis is a bug in celeryize; the project is as it was. Please report these lines:",
                "red",
                always=True,
            )
            talk.screen.say(f"celeryize {__version__} {name}\n{log}", always=True)
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
    overwrite: Annotated[
        bool, _option("--overwrite", help="Replace a file that stands where a whole file of ours goes.")
    ] = False,
    skip_existing: Annotated[bool, _option("--skip-existing", help="Leave such a file as it is.")] = False,
    modernize: Annotated[
        bool, _option("--modernize", help="Rename settings of before Celery 4 to today's names.")
    ] = False,
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
        overwrite=overwrite,
        skip_existing=skip_existing,
        modernize=modernize,
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
    live: Annotated[
        bool, _option("--live", help="Go on to a real worker and Beat, on a queue of their own.")
    ] = False,
    broker: Annotated[
        str, _option("--broker", help="With --live: filesystem (no server), or configured.", metavar="NAME")
    ] = "filesystem",
    only: Annotated[str | None, _option("--only", help="Run these checks only.", metavar="ID,...")] = None,
    skip: Annotated[str | None, _option("--skip", help="Leave these checks out.", metavar="ID,...")] = None,
    strict: Annotated[bool, _option("--strict", help="Exit 1 on warnings too.")] = False,
    fix: Annotated[bool, _option("--fix", help="Put right what is certain, like every other writer.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
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
    no_input: NoInput = False,
) -> None:
    """Find what is wrong with this project's Celery: in the code, and by importing it."""
    from celeryize.commands import verify as command

    talk = Talk(
        "verify",
        as_json=json_,
        quiet=quiet or format_ != "text",
        verbose=verbose,
        no_input=no_input or not fix,
    )
    _usage(static and live, "--static and --live exclude each other", "Choose one.")
    _usage(
        broker not in {"filesystem", "configured"},
        f"--broker {broker} is not for --live",
        "Use filesystem or configured.",
    )
    formatted = None
    if format_ != "text":
        from celeryize.formats import FORMATS

        formatted = FORMATS.get(format_)
        _usage(formatted is None, f"--format {format_} is not known", "text, github, sarif or junit.")
    _usage(fix and live, "--fix and --live exclude each other", "Fix first, then run --live.")
    _usage(fix and format_ != "text", "--fix has no --format", "Use --json, or run verify again.")
    _usage((dry_run or yes) and not fix, "--dry-run and --yes are for --fix", "Add --fix.")
    if list_ or explain:
        from celeryize.checks import run_checks

        checks = (run_checks.check_named(explain),) if explain else run_checks.all_checks()
        talk.view.show_checks(checks, in_full=bool(explain))
        talk.finish("done", Exit.DONE)
    if fix:
        _fix(
            talk,
            project_dir,
            static=static,
            only=_listed(only),
            skip=_listed(skip),
            strict=strict,
            settings=settings,
            python=python,
            package=package,
            dry_run=dry_run,
            yes=yes,
            timeout=verify_timeout,
        )
    verified = command.run(
        project_dir,
        talk.view,
        static=static,
        live=live,
        broker="configured" if broker == "configured" else "filesystem",
        only=_listed(only),
        skip=_listed(skip),
        strict=strict,
        settings=settings,
        python=python,
        package=package,
        timeout=verify_timeout,
    )
    if formatted and not json_:
        talk.screen.answer(formatted(verified.findings, verified.examination.ran))
    else:
        talk.view.show_verified(verified)
    talk.finish("findings" if verified.exit_code else "done", verified.exit_code)


def _fix(talk: Talk, project_dir: Path, *, dry_run: bool, **options: Any) -> None:
    """What `verify --fix` shows and ends with: what is still there; of a dry run, the patch and nothing else."""
    from celeryize.commands import run_fix

    fixed = run_fix.run(project_dir, talk.view, dry_run=dry_run, **options)
    if not talk.machine:
        talk.screen.show_end(fixed.result.outcome, ())
    if talk.machine or not dry_run:
        talk.view.show_verified(fixed.now)
    talk.finish(
        "findings" if fixed.now.exit_code else "done",
        fixed.now.exit_code,
        outcome=str(fixed.result.outcome),
        fixed=[ui.finding_json(finding) for finding in fixed.fixed],
        left=[{**ui.finding_json(finding), "reason": why} for finding, why in fixed.left],
    )


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


TaskTarget = Annotated[
    str, typer.Argument(help="APP.TASK, for example doctors.send_welcome_email.", metavar="APP.TASK")
]
TaskParameters = Annotated[
    list[str] | None,
    typer.Argument(help="NAME:TYPE[=DEFAULT], for example doctor_id:str.", metavar="[PARAMETER]..."),
]


@app.command("add-task")
@_guarded
def add_task(
    target: TaskTarget,
    parameters: TaskParameters = None,
    project_dir: ProjectDir = Path(),
    kind: Annotated[str, _option("--kind", help="plain, model, email, http or batch.", metavar="KIND")] = "plain",
    model: Annotated[str | None, _option("--model", help="The model it works on.", metavar="APP.MODEL")] = None,
    bind: Annotated[bool, _option("--bind", help="The task gets itself as `self`, to retry.")] = False,
    max_retries: Annotated[
        int | None, _option("--max-retries", help="Tries after the first.", metavar="N")
    ] = None,
    default_retry_delay: Annotated[
        int | None,
        _option("--default-retry-delay", help="Seconds until self.retry() tries again.", metavar="SECONDS"),
    ] = None,
    retry_on: Annotated[
        list[str] | None, _option("--retry-on", help="Retry on this exception; repeatable.", metavar="EXCEPTION")
    ] = None,
    backoff: Annotated[bool, _option("--backoff", help="Wait longer before each automatic retry.")] = False,
    backoff_max: Annotated[
        int | None, _option("--backoff-max", help="Seconds that such a wait is at most.", metavar="SECONDS")
    ] = None,
    jitter: Annotated[
        bool | None,
        _option("--jitter/--no-jitter", help="Spread automatic retries at random.", show_default=False),
    ] = None,
    time_limit: Annotated[
        int | None, _option("--time-limit", help="Seconds until the task is killed.", metavar="SECONDS")
    ] = None,
    soft_time_limit: Annotated[
        int | None,
        _option(
            "--soft-time-limit", help="Seconds until SoftTimeLimitExceeded is raised in it.", metavar="SECONDS"
        ),
    ] = None,
    rate_limit: Annotated[
        str | None, _option("--rate-limit", help="Per worker: 10/s, 10/m or 10/h.", metavar="RATE")
    ] = None,
    queue: Annotated[str | None, _option("--queue", help="The queue it is sent to.", metavar="NAME")] = None,
    name: Annotated[str | None, _option("--name", help="Its name in the registry.", metavar="NAME")] = None,
    priority: Annotated[int | None, _option("--priority", help="0 to 9.", metavar="N")] = None,
    ignore_result: Annotated[bool, _option("--ignore-result", help="Store no result.")] = False,
    acks_late: Annotated[
        bool | None,
        _option("--acks-late/--no-acks-late", help="Acknowledge after the run, or before.", show_default=False),
    ] = None,
    expires: Annotated[
        int | None, _option("--expires", help="Seconds after which it is not run any more.", metavar="SECONDS")
    ] = None,
    idempotent: Annotated[
        bool, _option("--idempotent", help="One run at a time for the same arguments, by a lock in the cache.")
    ] = False,
    decorator: Annotated[
        str | None,
        _option("--decorator", help="shared_task or app.task, instead of the project's habit.", metavar="NAME"),
    ] = None,
    body_from: Annotated[
        Path | None, _option("--body-from", help="A Jinja template of your own for the function.", metavar="FILE")
    ] = None,
    test: Annotated[
        bool | None,
        _option("--test/--no-test", help="Write its test; default: if the app has tests.", show_default=False),
    ] = None,
    run_test: Annotated[bool, _option("--run-test", help="Run that test; take all back if it fails.")] = False,
    trigger: Annotated[
        str | None,
        _option("--trigger", help="Send it on post_save or post_delete of a model.", metavar="SIGNAL:APP.MODEL"),
    ] = None,
    settings: SettingsModule = None,
    python: Python = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    check: Check = False,
    no_verify: NoVerify = False,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_input: NoInput = False,
) -> None:
    """Add a task, where the worker finds it, with limits and retries that work."""
    from celeryize.commands import add_task as planning
    from celeryize.commands import run_add_task

    talk = Talk("add-task", as_json=json_, quiet=quiet, verbose=verbose, no_input=no_input)
    request = planning.Request(
        target=target,
        parameters=tuple(parameters or ()),
        kind=kind,
        model=model,
        bind=bind,
        max_retries=max_retries,
        default_retry_delay=default_retry_delay,
        retry_on=tuple(retry_on or ()),
        backoff=backoff,
        backoff_max=backoff_max,
        jitter=jitter,
        time_limit=time_limit,
        soft_time_limit=soft_time_limit,
        rate_limit=rate_limit,
        queue=queue,
        name=name,
        priority=priority,
        ignore_result=ignore_result,
        acks_late=acks_late,
        expires=expires,
        idempotent=idempotent,
        decorator=decorator,
        body_from=body_from,
        test=test,
        trigger=trigger,
    )
    ended = run_add_task.run(
        project_dir,
        talk.view,
        request,
        run_test=run_test,
        settings=settings,
        python=python,
        dry_run=dry_run,
        yes=yes,
        check=check,
        no_verify=no_verify,
        timeout=verify_timeout,
    )
    talk.finish_writer(ended)


@app.command("remove-task")
@_guarded
def remove_task(
    target: TaskTarget,
    project_dir: ProjectDir = Path(),
    settings: SettingsModule = None,
    python: Python = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    no_verify: NoVerify = False,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    no_input: NoInput = False,
) -> None:
    """Take out a task that is as it was generated; refuses where it was changed since."""
    from celeryize.commands import add_task as planning
    from celeryize.commands import run_add_task

    talk = Talk("remove-task", as_json=json_, quiet=quiet, verbose=False, no_input=no_input)
    ended = run_add_task.run(
        project_dir,
        talk.view,
        planning.Request(target=target),
        remove=True,
        settings=settings,
        python=python,
        dry_run=dry_run,
        yes=yes,
        no_verify=no_verify,
        timeout=verify_timeout,
    )
    talk.finish_writer(ended)


@app.command("add-schedule")
@_guarded
def add_schedule(
    name: Annotated[str, typer.Argument(help="The name of the entry, for example daily-reminders.")],
    task: Annotated[
        str, typer.Argument(help="The registered name of the task, for example doctors.tasks.remind.")
    ],
    project_dir: ProjectDir = Path(),
    cron: Annotated[
        str | None, _option("--cron", help='Five fields: "0 8 * * *", or @daily and friends.', metavar="FIELDS")
    ] = None,
    every: Annotated[str | None, _option("--every", help="30s, 15m, 2h, 1d.", metavar="DURATION")] = None,
    at: Annotated[str | None, _option("--at", help="A time of day: 07:30.", metavar="HH:MM")] = None,
    on: Annotated[
        str | None, _option("--on", help="With --at: mon-fri, sat,sun, weekdays.", metavar="DAYS")
    ] = None,
    solar: Annotated[str | None, _option("--solar", help="sunrise, sunset, ...", metavar="EVENT")] = None,
    lat: Annotated[float | None, _option("--lat", help="With --solar: the latitude.", metavar="DEGREES")] = None,
    lon: Annotated[float | None, _option("--lon", help="With --solar: the longitude.", metavar="DEGREES")] = None,
    args: Annotated[
        str | None, _option("--args", help="The task's arguments, a JSON list.", metavar="JSON")
    ] = None,
    kwargs: Annotated[
        str | None, _option("--kwargs", help="The task's keyword arguments, a JSON object.", metavar="JSON")
    ] = None,
    queue: Annotated[str | None, _option("--queue", help="The queue it is sent to.", metavar="NAME")] = None,
    expires: Annotated[
        str | None, _option("--expires", help="After 30s, 15m, ... it is not run any more.", metavar="DURATION")
    ] = None,
    priority: Annotated[int | None, _option("--priority", help="0 to 9.", metavar="N")] = None,
    replace: Annotated[bool, _option("--replace", help="Put it in the place of an entry of that name.")] = False,
    create: Annotated[bool, _option("--create", help="Write the task, too, if no code defines it.")] = False,
    app_name: Annotated[
        str | None,
        _option("--app", help="With django-celery-beat: the app that gets the data migration.", metavar="NAME"),
    ] = None,
    settings: SettingsModule = None,
    python: Python = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    check: Check = False,
    no_verify: NoVerify = False,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_input: NoInput = False,
) -> None:
    """Add an entry for Celery Beat, and show when it fires."""
    from celeryize import when
    from celeryize.commands import add_schedule as planning
    from celeryize.commands import run_add_schedule

    talk = Talk("add-schedule", as_json=json_, quiet=quiet, verbose=verbose, no_input=no_input)
    request = planning.Request(
        name=name,
        task=task,
        when=when.parse(cron=cron, every=every, at=at, on=on, solar=solar, latitude=lat, longitude=lon),
        args=args,
        kwargs=kwargs,
        queue=queue,
        expires=expires,
        priority=priority,
        replace=replace,
        app=app_name,
        create=create,
    )
    ended = run_add_schedule.run(
        project_dir,
        talk.view,
        request,
        settings=settings,
        python=python,
        dry_run=dry_run,
        yes=yes,
        check=check,
        no_verify=no_verify,
        timeout=verify_timeout,
    )
    talk.finish_writer(ended)


@app.command("remove-schedule")
@_guarded
def remove_schedule(
    name: Annotated[str, typer.Argument(help="The name of the entry.")],
    project_dir: ProjectDir = Path(),
    settings: SettingsModule = None,
    python: Python = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    no_verify: NoVerify = False,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
    no_input: NoInput = False,
) -> None:
    """Take an entry out of the Beat schedule."""
    from celeryize.commands import run_add_schedule

    talk = Talk("remove-schedule", as_json=json_, quiet=quiet, verbose=False, no_input=no_input)
    ended = run_add_schedule.run(
        project_dir,
        talk.view,
        None,
        remove=name,
        settings=settings,
        python=python,
        dry_run=dry_run,
        yes=yes,
        no_verify=no_verify,
        timeout=verify_timeout,
    )
    talk.finish_writer(ended)


@app.command()
@_guarded
def schedule(
    project_dir: ProjectDir = Path(),
    next_: Annotated[
        str | None,
        _option("--next", help="All runs of the next 24h, 7d, ... in order of time.", metavar="DURATION"),
    ] = None,
    timeline: Annotated[bool, _option("--timeline", help="A picture of the next 24 hours.")] = False,
    svg: Annotated[Path | None, _option("--svg", help="That picture as a file.", metavar="FILE")] = None,
    html: Annotated[Path | None, _option("--html", help="That picture as a page.", metavar="FILE")] = None,
    ics: Annotated[
        Path | None, _option("--ics", help="The runs (of --next, or 7 days) as a calendar.", metavar="FILE")
    ] = None,
    settings: SettingsModule = None,
    python: Python = None,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what runs when: entries, next runs, a timeline."""
    from celeryize import when
    from celeryize.commands import schedule as command
    from celeryize.commands.run_add_schedule import told

    talk = Talk("schedule", as_json=json_, quiet=quiet, verbose=False, no_input=True)
    hours = when.duration(next_, "--next") / 3600 if next_ else 168.0 if ics else None
    hours = 24.0 if timeline or svg or html else hours
    found = command.run(
        project_dir, talk.view, hours=hours, settings=settings, python=python, timeout=verify_timeout
    )
    for file, text in command.files(found, svg=svg, html=html, ics=ics):
        ui.write_file(file, text)
        talk.screen.say(f"written: {file}", always=True)
    if talk.machine:
        talk.finish("done", Exit.DONE, zone=found.zone, entries=[ui.entry_json(entry) for entry in found.entries])
    if timeline:
        _show_timeline(talk.screen, found)
    elif next_:
        runs = sorted((run, entry.name) for entry in found.entries for run in entry.runs)
        if not runs:
            talk.screen.answer(f"nothing runs in the next {next_}")
        talk.screen.table(("when", "entry"), [(told(run), name) for run, name in runs])
    else:
        talk.screen.table(
            ("entry", "task", "schedule", "next run", "options", "problem"),
            [
                (
                    e.name,
                    e.task or "",
                    e.schedule,
                    told(e.runs[0]) if e.runs else "",
                    ", ".join(f"{k}={v}" for k, v in dict(e.options or {}).items()),
                    e.problem or ("" if e.registered else "no such task"),
                )
                for e in found.entries
            ],
        )
    if not found.entries:
        talk.screen.say("The schedule is empty. celeryize add-schedule adds an entry.")
    talk.finish("done", Exit.DONE)


def _show_timeline(screen: ui.Screen, found: Schedule) -> None:
    from datetime import datetime

    from celeryize.commands import schedule as command

    runs = {e.name: [datetime.fromisoformat(run) for run in e.runs] for e in found.entries}
    width = max((len(name) for name in runs), default=0)
    hours = "".join(f"{hour:<6}" for hour in range(0, 24, 3))
    screen.answer(f"{'':<{width}}  {hours}  ({found.zone})")
    for name, times in runs.items():
        screen.answer(f"{name:<{width}}  {command.timeline(times)}")
    peak = command.busiest([run for times in runs.values() for run in times])
    if peak:
        screen.answer(f"Busiest minute: {peak[0]}, {peak[1]} run{'' if peak[1] == 1 else 's'}.")


@app.command()
@_guarded
def tasks(
    project_dir: ProjectDir = Path(),
    settings: SettingsModule = None,
    python: Python = None,
    verify_timeout: VerifyTimeout = 60,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the registered tasks, and those that are defined but not registered, each with the reason."""
    from celeryize.commands import tasks as command

    talk = Talk("tasks", as_json=json_, quiet=quiet, verbose=False, no_input=True)
    rows = command.run(project_dir, talk.view, settings=settings, python=python, timeout=verify_timeout)
    if not talk.machine:
        talk.screen.show_tasks(rows)
    talk.finish("done", Exit.DONE, tasks=[ui.task_json(row) for row in rows])


@app.command()
@_guarded
def templates(
    project_dir: ProjectDir = Path(),
    copy: Annotated[
        str | None, _option("--copy", help="Copy ours into the project, to change it there.", metavar="NAME")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json_: Json = False,
    quiet: Quiet = False,
    no_input: NoInput = False,
) -> None:
    """List the templates of tasks, or copy one into the project, where it goes before ours."""
    from celeryize.commands import templates as command

    talk = Talk("templates", as_json=json_, quiet=quiet, verbose=False, no_input=no_input)
    if copy is not None:
        talk.finish_writer(command.copy(project_dir, talk.view, copy, dry_run=dry_run, yes=yes))
    rows = command.listing(project_dir, talk.view)
    for name, own in rows if not talk.machine else ():
        talk.screen.answer(f"{name}  {own}".rstrip())
    talk.finish("done", Exit.DONE, templates=[{"name": name, "path": own or None} for name, own in rows])


@app.command()
@_guarded
def demo(
    keep: Annotated[
        Path | None,
        _option("--keep", help="Where to build the project; default: a temporary folder.", metavar="DIR"),
    ] = None,
) -> None:
    """Show all of it on a scratch project, with a real worker, without any server."""
    from celeryize.commands import demo as command

    screen = ui.Screen()
    command.run(keep, lambda line: screen.say(line, always=True), screen)


def _with_the_command(asked: list[str]) -> typer.Typer:
    """The application with only the command asked for: Typer takes milliseconds to build each one's options."""
    one = [command for command in app.registered_commands if [_name_of(command)] == asked]
    if not one:
        return app
    alone = copy(app)
    alone.registered_commands = one
    return alone


def _name_of(command: typer.models.CommandInfo) -> str:
    return command.name or typer.main.get_command_name(command.callback.__name__ if command.callback else "")


def run() -> int:
    """Parse the command line, run the command, give the exit code."""
    application = _with_the_command(sys.argv[1:2])
    try:
        if "--json" in sys.argv:
            return _for_a_program(application)
        application()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def _for_a_program(application: typer.Typer) -> int:
    """Run the command; an option or argument that is wrong is told in the document too, not as a text."""
    try:
        ended = application(standalone_mode=False)
    except CommandLineError as error:
        named = [_name_of(command) for command in application.registered_commands]
        name = named[0] if len(named) == 1 else ""
        wrong = UsageError(error.format_message(), hint=f"See `{f'celeryize {name}'.strip()} --help`.")
        ui.Machine().finish(name or "celeryize", "error", wrong.exit_code, error=ui.error_json(wrong))
        return int(wrong.exit_code)
    return ended if isinstance(ended, int) else 0
