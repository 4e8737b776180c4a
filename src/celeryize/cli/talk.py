"""A call of a verb: its view, its shared options, and the exit code of what it raises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import typer

from celeryize import __version__
from celeryize.cli.options import run_options, shared_parameters, write_options
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.errors import CeleryizeError, Exit
from celeryize.ui.view import View


class Ending(Protocol):
    """How a command ended."""

    @property
    def status(self) -> str:
        """A word for it: done, findings, ..."""

    @property
    def exit_code(self) -> Exit:
        """The exit code of the process."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The ending of a command that has no value of its own for it."""

    status: str = "done"
    exit_code: Exit = Exit.DONE


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """How a command talks."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False

    def make_view(self) -> View:
        """A screen for people, or a JSON document for programs."""
        if self.as_json:
            from celeryize.ui.machine import Machine

            return Machine()
        from celeryize.ui.screen import Screen

        interactive = None
        if self.no_input:
            interactive = False
        return Screen(quiet=self.quiet, verbose=self.verbose, interactive=interactive)


@dataclass(frozen=True, slots=True)
class Call:
    """The shared options of a call of a verb, and the view it talks through."""

    options: RunOptions
    write: WriteOptions
    talk: TalkOptions
    view: View


def verb(
    *,
    writes: bool = False,
    without: Iterable[str] = (),
    talks: Callable[[dict[str, Any]], dict[str, bool]] | None = None,
    examples: Sequence[str] = (),
) -> Callable[[Callable[..., Ending]], Callable[..., None]]:
    """Make a command of a verb's function: the shared options are added to its own.

    `writes`: it is a writer. `without`: shared options, by their fields, that it does not have.
    `talks` gives fields of TalkOptions that follow from its own options. `examples` are the lines
    below its options in the help.
    """

    def decorate(function: Callable[..., Ending]) -> Callable[..., None]:
        # the first parameter is the call itself, not an option
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = shared_parameters(writes=writes, without=without)

        def command(**values: Any) -> None:
            # --fix alone asks, for example: what a verb's own options say about the talk
            implied: dict[str, bool] = {}
            if talks:
                implied = talks(values)
            talk = _talk_options({**values, **implied})
            call = Call(run_options(values), write_options(values), talk, talk.make_view())
            mine = {parameter.name: values[parameter.name] for parameter in own}
            name = function.__name__.replace("_", "-")
            run_guarded(name, talk, call.view, lambda: function(call, **mine))

        command.__name__ = function.__name__
        command.__doc__ = function.__doc__
        command.examples = tuple(examples)  # type: ignore[attr-defined]
        # Typer reads the signature for the options and the annotations for their types.
        parameters = [
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
            *shared,
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _talk_options(values: dict[str, Any]) -> TalkOptions:
    known = {
        field.name: values[field.name] for field in fields(TalkOptions) if field.name in values
    }
    return TalkOptions(**known)


def run_guarded(name: str, talk: TalkOptions, view: View, command: Callable[[], Ending]) -> None:
    """Run a command. Our errors become a message and an exit code; anything else is a bug of ours.

    Raises typer.Exit with the exit code.
    """
    try:
        ended = command()
        view.finish(name, ended.status, ended.exit_code)
        raise typer.Exit(int(ended.exit_code))
    except (typer.Exit, typer.Abort, BrokenPipeError):
        # Typer's own, --help for example; and a reader that has seen enough: the entry point's
        raise
    except CeleryizeError as error:
        status, exit_code = "error", error.exit_code
        # What was shown before is half of an answer: a program gets the error alone.
        failed = _view_of_failure(talk)
        failed.show_error(error)
    except KeyboardInterrupt as error:
        status, exit_code = "interrupted", Exit.INTERRUPTED
        notes = getattr(error, "__notes__", ["The project is as it was."])
        failed = _view_of_failure(talk)
        failed.show_interruption(notes, getattr(error, "same_answers", ""))
    except Exception as error:
        failed = _view_of_failure(talk)
        # Python before 3.12 wraps what is raised while a class is made: Ctrl-C during an import
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, KeyboardInterrupt):
            status, exit_code = "interrupted", Exit.INTERRUPTED
            # it says nothing of what was done before
            failed.show_interruption(
                ["`celeryize undo --list` shows whether anything was written."]
            )
        else:
            # loaded only for a bug: it costs milliseconds
            import traceback

            status, exit_code = "bug", Exit.BUG
            failed.show_bug(__version__, name, traceback.format_exc())
    failed.finish(name, status, exit_code)
    raise typer.Exit(int(exit_code))


def _view_of_failure(talk: TalkOptions) -> View:
    """A view that is not quiet: an error is always shown."""
    return TalkOptions(as_json=talk.as_json, no_input=True).make_view()
