"""The options that verbs share: each is declared here once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from celeryize.commands.options import RunOptions, WriteOptions


def option(*names: str, help: str, group: str = "Options", **more: Any) -> Any:  # noqa: A002
    """A Typer option that CELERYIZE_<NAME> sets too; `group` is its heading in the help."""
    # "--beat/--no-beat" is one option with two names
    name = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = f"CELERYIZE_{name[2:].replace('-', '_').upper()}"
    return typer.Option(
        *names, help=help, envvar=variable, show_envvar=False, rich_help_panel=group, **more
    )


def split_list(text: str | None) -> tuple[str, ...]:
    """The parts of a comma-separated option."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


class SharedOption(NamedTuple):
    """An option of several verbs: its type for Typer, and its default."""

    annotation: Any
    default: object


# Of every verb that reads a project: the fields of RunOptions.
RUN_OPTIONS = {
    "start": SharedOption(
        Annotated[
            Path,
            option(
                "-C",
                "--project-dir",
                help="The project, or a folder in it.",
                group="Project",
                metavar="DIR",
                show_default=False,
            ),
        ],
        Path(),
    ),
    "settings": SharedOption(
        Annotated[
            str | None,
            option(
                "--settings",
                help="Settings module, instead of the one in manage.py.",
                group="Project",
                metavar="MODULE",
            ),
        ],
        None,
    ),
    "python": SharedOption(
        Annotated[
            str | None,
            option(
                "--python",
                help="The project's interpreter, instead of the one found.",
                group="Project",
                metavar="PATH",
            ),
        ],
        None,
    ),
    "package": SharedOption(
        Annotated[
            str | None,
            option(
                "--package",
                help="Package of the Celery app, instead of the one found.",
                group="Project",
                metavar="NAME",
            ),
        ],
        None,
    ),
    "timeout": SharedOption(
        Annotated[
            float,
            option(
                "--verify-timeout",
                help="Time limit for importing the project, in seconds.",
                group="Project",
                metavar="SECONDS",
                min=1,
            ),
        ],
        60,
    ),
}

# Of every writer: the fields of WriteOptions.
WRITE_OPTIONS = {
    "dry_run": SharedOption(
        Annotated[
            bool, option("-n", "--dry-run", help="Write nothing; print the patch.", group="Writing")
        ],
        False,
    ),
    "yes": SharedOption(
        Annotated[bool, option("-y", "--yes", help="Write without asking.", group="Writing")],
        False,
    ),
    "check": SharedOption(
        Annotated[
            bool,
            option(
                "--check", help="Write nothing; exit 1 if something would change.", group="Writing"
            ),
        ],
        False,
    ),
    "no_verify": SharedOption(
        Annotated[
            bool,
            option(
                "--no-verify", help="Skip the proof: do not import the project.", group="Writing"
            ),
        ],
        False,
    ),
}

# Of every verb: the fields of TalkOptions in talk.py.
TALK_OPTIONS = {
    "as_json": SharedOption(
        Annotated[
            bool, option("--json", help="Print one JSON document; never ask.", group="Output")
        ],
        False,
    ),
    "quiet": SharedOption(
        Annotated[
            bool, option("-q", "--quiet", help="Show problems and the answer only.", group="Output")
        ],
        False,
    ),
    "verbose": SharedOption(
        Annotated[bool, option("-v", "--verbose", help="Show more details.", group="Output")],
        False,
    ),
    "no_input": SharedOption(
        Annotated[bool, option("--no-input", help="Never ask.", group="Output")],
        False,
    ),
}


def shared_parameters(*, writes: bool, without: Iterable[str]) -> list[Parameter]:
    """The shared options of a verb, as parameters of a function that Typer can read."""
    shared = {**RUN_OPTIONS}
    if writes:
        shared |= WRITE_OPTIONS
    shared |= TALK_OPTIONS
    # keyword-only, because a default may come before a positional one
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
        if name not in set(without)
    ]


def run_options(values: dict[str, Any]) -> RunOptions:
    """The options of a project, from the values of the command line."""
    return RunOptions(**_fields_of(RunOptions, values))


def write_options(values: dict[str, Any]) -> WriteOptions:
    """The options of a writer, from the values of the command line."""
    return WriteOptions(**_fields_of(WriteOptions, values))


def _fields_of(record: type[RunOptions] | type[WriteOptions], values: dict[str, Any]) -> Any:
    """The values that are fields of a record; the others keep their defaults."""
    return {field.name: values[field.name] for field in fields(record) if field.name in values}
