"""The application: one line per verb, the verb that is called, the exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from celeryize import __version__
from celeryize.cli.help import VerbCommand, group_help
from celeryize.errors import Exit, UsageError

# Each verb with what it does, as completion shows it, so that this needs none of their modules.
# A test compares them with the docstrings.
VERBS = {
    "init": "Set up Celery: the app file, the package import, the settings, the dependency.",
    "verify": "Find what is wrong with this project's Celery, in its code and by importing it.",
    "update": "Bring what an older celeryize wrote up to date; what you changed stays.",
    "undo": "Undo the last change, byte for byte.",
    "add-task": "Add a task where the worker finds it, with limits and retries that work.",
    "remove-task": "Remove a task that is as it was generated.",
    "add-schedule": "Add an entry for Celery Beat, and show when it runs.",
    "remove-schedule": "Remove an entry from the Beat schedule.",
    "add-worker": "Add a worker and Beat to the deployment files, so that a stop loses no task.",
    "schedule": "Show what runs when: entries, next runs, a timeline.",
    "dev": "Run web, worker and Beat in one terminal, and reload them when the code changes.",
    "tasks": "List the tasks, and explain why some are not registered.",
    "templates": "List the task templates, or copy one into the project to change it.",
    "demo": "Show all of it on a scratch project, with a real worker, without any server.",
}
# The same in a few words: a line of 80 columns each, so that all of them fit on a screen.
IN_SHORT = {
    "init": "set Celery up: a plan, a proof, one question",
    "verify": "find what is wrong with this project's Celery",
    "update": "bring what an older celeryize wrote up to date",
    "undo": "undo the last change, byte for byte",
    "add-task": "add a task, with limits and retries that work",
    "remove-task": "remove a task that is as it was generated",
    "add-schedule": "run a task by the clock, with Celery Beat",
    "remove-schedule": "remove an entry from the Beat schedule",
    "add-worker": "add a worker and Beat to the deployment files",
    "schedule": "show what runs when",
    "dev": "run web, worker and Beat in one terminal",
    "tasks": "list the tasks, and why some are not registered",
    "templates": "list the task templates, or copy one to change it",
    "demo": "show all of it on a scratch project, without any server",
}
EXAMPLES = (
    "celeryize init              set Celery up: a plan, a proof, one question",
    "celeryize add-task shop.pay a task; and its test, where the app has tests",
    "celeryize verify            what is wrong, and what to do about it",
)
# `color`: what is painted already must not be stripped, and nothing else is painted.
HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "color": True}
# Click's UsageError, the parent of everything that is wrong with a command line; recent versions
# of Typer have their own copy of Click.
CommandLineError: Any = typer.BadParameter.__base__


class LazyGroup(typer.core.TyperGroup):
    """The verbs; the module of a verb is imported when the verb is called.

    Typer takes milliseconds to build the options of each verb.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # the names alone: what is suggested for a misspelt one
        self.commands = dict.fromkeys((*VERBS, "help"), None)  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order of their table."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a verb, or None."""
        del ctx
        if cmd_name not in VERBS:
            return None
        return load_verb(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word; an unknown one is answered by what was meant."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            from celeryize.cli.meant import meant_command

            meant = meant_command(args[0], all_options())
            raise CommandLineError(f"No such command: {args[0]}. {meant}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of the verbs, without loading one."""
        formatter.write(group_help(ctx, self.help or "", IN_SHORT.items(), EXAMPLES))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; without any word, show what it is and how to begin."""
        if not args and not ctx.resilient_parsing:
            from celeryize.cli.first_screen import first_screen

            typer.echo(first_screen(self.help or "", IN_SHORT.items()), err=True, color=True)
            ctx.exit(int(Exit.USAGE))
        return list(super().parse_args(ctx, args))


def all_options() -> dict[str, list[str]]:
    """The long options of each verb; slow, for a command line that is wrong already."""
    return {
        name: [o for p in load_verb(name).params for o in p.opts if o.startswith("--")]
        for name in VERBS
    }


def load_verb(name: str) -> Any:
    """The Click command of a verb, made of the function of that name in its module."""
    function = name.replace("-", "_")
    module = import_module(f"celeryize.cli.verbs.{function}")
    # an application of one command is that command
    alone = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=HELP_OPTIONS,
    )
    verb = getattr(module, function)
    alone.command(name, cls=VerbCommand)(verb)
    command = typer.main.get_command(alone)
    assert isinstance(command, VerbCommand)
    command.examples = verb.examples
    command.options_of_all = all_options
    return command


app = typer.Typer(
    name="celeryize",
    cls=LazyGroup,
    help="Puts Celery into a Django project that already exists, and proves that it works.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.")
    ] = False,
    install_completion: Annotated[
        str | None, typer.Option("--install-completion", metavar="SHELL")
    ] = None,
    show_completion: Annotated[
        str | None, typer.Option("--show-completion", metavar="SHELL")
    ] = None,
) -> None:
    """Puts Celery into a Django project that already exists, and proves that it works."""
    if install_completion or show_completion:
        from celeryize.cli.complete import install_script, show_script

        if install_completion:
            install_script(install_completion)
        else:
            show_script(show_completion or "")
        raise typer.Exit
    if version:
        from celeryize.ui.screen import Screen

        Screen().answer(f"celeryize {__version__}")
        raise typer.Exit


def run() -> int:
    """Parse the command line, run the command, give the exit code."""
    sys.argv[1:] = _without_help_verb(sys.argv[1:])
    try:
        # Before it is parsed: what cannot be parsed has to be answered in JSON as well.
        if "--json" in sys.argv:
            return _run_for_a_program()
        app(prog_name="celeryize")
    except SystemExit as ended:
        if isinstance(ended.code, int):
            return ended.code
        return 1
    return 0


def _without_help_verb(arguments: list[str]) -> list[str]:
    """`help` is `--help`, and `help VERB` that of the verb."""
    if arguments[:1] != ["help"]:
        return arguments
    verbs = [word for word in arguments[1:2] if word != "help"]
    return [*verbs, "--help"]


def _run_for_a_program() -> int:
    """Run the command; a wrong option or argument is reported in a document too, not as a text."""
    try:
        ended = app(standalone_mode=False, prog_name="celeryize")
    except CommandLineError as error:
        return _report_wrong_usage(error)
    if isinstance(ended, int):
        return ended
    return 0


def _report_wrong_usage(error: Any) -> int:
    from celeryize.ui.machine import Machine

    name = next((word for word in sys.argv[1:2] if word in VERBS), "celeryize")
    command = "celeryize"
    if name in VERBS:
        command = f"celeryize {name}"
    wrong = UsageError(error.format_message(), hint=f"See `{command} --help`.")
    machine = Machine()
    machine.show_error(wrong)
    machine.finish(name, "error", wrong.exit_code)
    return int(wrong.exit_code)
