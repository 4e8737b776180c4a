"""`--help`: options in groups, examples, exit codes; two columns that never cut a line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import typer

DOCUMENTATION = "https://celeryize.github.io/celeryize"
EXIT_CODES = (
    "0 done, or nothing to do; 1 findings, or --check would change something; 2 wrong command "
    "line; 3 refused, nothing was written; 4 the proof failed, nothing was changed; 70 a bug; "
    "130 Ctrl-C"
)
ENVIRONMENT = (
    "Each option can be set as CELERYIZE_ and its name in capitals: CELERYIZE_YES=1. NO_COLOR and "
    "FORCE_COLOR are respected."
)
# What is on the left, with its indent and its gap; what is longer has its line to itself.
LEFT = 26
# The order of groups that several verbs have.
SHARED_GROUPS = ("Writing", "Project", "Output")


class VerbCommand(typer.core.TyperCommand):
    """A verb whose help is written here."""

    examples: tuple[str, ...] = ()
    options_of_all: Callable[[], dict[str, list[str]]]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """All of it; Click prints what the formatter holds."""
        formatter.write("\n".join(_help_lines(self, ctx)) + "\n")

    def get_usage(self, ctx: Any) -> str:
        """One line: the verb and its arguments."""
        return _without_braces(super().get_usage(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; a mistake of quoting is explained."""
        typed = list(args)
        try:
            return list(super().parse_args(ctx, args))
        except typer.BadParameter.__base__ as error:  # type: ignore[misc]
            explanation = _explain_quoting(typed, error.message)
            unknown = getattr(error, "option_name", "")
            if hasattr(error, "possibilities") and unknown.startswith("--"):
                from celeryize.cli.meant import meant_option

                meant = meant_option(unknown, str(self.name), self.options_of_all())
                error.message = f"No such option: {unknown}. {meant}"
                error.possibilities = None
            elif explanation:
                error.message = f"{error.message}.\n{explanation}"
            raise


def group_help(
    ctx: Any, summary: str, verbs: Iterable[tuple[str, str]], examples: Sequence[str]
) -> str:
    """The help of `celeryize` itself: what most look for, the commands and the examples, is at the
    end, which stays on a screen of 24 lines."""
    lines = [*paragraph_lines(summary), "", _usage(ctx), "", bold_text("Options:")]
    lines += _row("-V, --version", "Print the version and exit.")
    lines += _row("--install-completion SHELL", "Complete words in bash, zsh, fish or powershell.")
    lines += _row("--show-completion SHELL", "Print the script that does it, and exit.")
    lines += _row("-h, --help", "Show this message and exit; or celeryize help [COMMAND].")
    lines += ["", *_of_all_verbs(), bold_text("Commands:"), *short_rows(verbs)]
    lines += _closing(examples)
    return "\n".join(lines) + "\n"


def short_rows(verbs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A line for each command: its name and a few words."""
    pairs = list(verbs)
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        yield f"{named_text(f'  {name}')}{' ' * (width - len(name))}  {text}"


def _help_lines(command: VerbCommand, ctx: Any) -> Iterator[str]:
    """The verb's own options and the examples are at the end, which stays on the screen; what all
    verbs have is above them."""
    for paragraph in (command.help or "").split("\n\n"):
        yield from paragraph_lines(" ".join(paragraph.split()))
        yield ""
    yield _usage(ctx)
    yield ""
    groups = _groups(command, ctx)
    for title, parameters in groups:
        if title in SHARED_GROUPS:
            yield from _group_lines(title, parameters, ctx)
    yield from _of_all_verbs()
    for title, parameters in groups:
        if title not in SHARED_GROUPS:
            yield from _group_lines(title, parameters, ctx)
    yield from _closing(command.examples, blank=False)


def _group_lines(title: str, parameters: Sequence[Any], ctx: Any) -> Iterator[str]:
    yield bold_text(f"{title}:")
    for parameter in parameters:
        yield from _row(_spelled(parameter, ctx), _help_of(parameter))
    yield ""


def _of_all_verbs() -> Iterator[str]:
    """What is the same for all commands."""
    for title, text in (("Environment", ENVIRONMENT), ("Exit codes", EXIT_CODES)):
        yield from paragraph_lines(f"{title}: {text}")
        yield ""


def _closing(examples: Sequence[str], *, blank: bool = True) -> Iterator[str]:
    if blank:
        yield ""
    yield bold_text("Examples:")
    for example in examples:
        yield f"  {example}"
    yield ""
    yield f"Documentation: {DOCUMENTATION}"


def _groups(command: VerbCommand, ctx: Any) -> list[tuple[str, list[Any]]]:
    """The parameters by group: the arguments, those of the verb, the shared ones."""
    found: dict[str, list[Any]] = {}
    for parameter in command.get_params(ctx):
        if getattr(parameter, "hidden", False):
            continue
        title = getattr(parameter, "rich_help_panel", None) or "Options"
        if parameter.param_type_name == "argument":
            title = "Arguments"
        elif parameter.name == "help":
            title = "Output"
        found.setdefault(title, []).append(parameter)
    order = ["Arguments", *(name for name in found if name not in SHARED_GROUPS), *SHARED_GROUPS]
    return [(title, found[title]) for title in dict.fromkeys(order) if title in found]


def _spelled(parameter: Any, ctx: Any) -> str:
    """`-C, --project-dir DIR`, `--beat/--no-beat`."""
    metavar = parameter.make_metavar(ctx=ctx)
    if parameter.param_type_name == "argument":
        return str(metavar)
    names = ", ".join(sorted(parameter.opts, key=len))
    if parameter.secondary_opts:
        names = "/".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    return f"{names} {metavar}"


def _help_of(parameter: Any) -> str:
    text = str(parameter.help or "")
    default = parameter.default
    if parameter.param_type_name == "argument" or not getattr(parameter, "show_default", True):
        return text
    if callable(default) or default in (None, False, "", (), []):
        return text
    return f"{text} [default: {_plain(default)}]"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _usage(ctx: Any) -> str:
    return f"{bold_text('Usage:')} {ctx.get_usage().removeprefix('Usage: ')}"


def _without_braces(usage: str) -> str:
    """Typer has an argument that is required in braces, which look like a choice."""
    return usage.replace("{", "").replace("}", "")


def _row(left: str, text: str) -> Iterator[str]:
    """Two columns, the right one wrapped at words."""
    head = f"  {left}"
    margin = " " * LEFT
    if len(head) + 2 > LEFT:
        yield named_text(head)
        yield from _wrapped(f"{margin}{text}", margin)
        return
    first, *others = _wrapped(f"{head:<{LEFT}}{text}", margin)
    yield named_text(head) + first[len(head) :]
    yield from others


def paragraph_lines(text: str) -> list[str]:
    """Lines of a text, as wide as the terminal."""
    return _wrapped(text, "")


def _wrapped(text: str, hang: str) -> list[str]:
    from celeryize.ui.terminal import Terminal
    from celeryize.ui.text import Piece, render

    return render([Piece(text)], Terminal(width=_width()), hang).split("\n")


def _width() -> int:
    """A text wider than 100 columns is hard to read, and a pipe has 80."""
    from celeryize.ui.terminal import columns

    return min(100, columns(sys.stdout))


def bold_text(text: str) -> str:
    """A heading."""
    return _painted(text, "bold")


def named_text(text: str) -> str:
    """What is typed."""
    return _painted(text, "cyan")


def _painted(text: str, style: str) -> str:
    from celeryize.ui.terminal import terminal_of
    from celeryize.ui.text import paint

    indent = text[: len(text) - len(text.lstrip())]
    return indent + paint(text.lstrip(), style, terminal_of(sys.stdout))


def _explain_quoting(args: Sequence[str], message: str) -> str:
    """What the shell has done to a command line; empty where it is not that."""
    surplus = "unexpected extra argument" in message
    if surplus and any(word == "--cron" or word.startswith("--cron=") for word in args):
        return (
            "Quote the five fields, or the shell takes them apart and replaces each * by the names "
            'of files: --cron "0 8 * * *"'
        )
    return ""
