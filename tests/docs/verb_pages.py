"""A page per verb: its options in their groups, each with a line that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from celeryize.cli import help as verb_help
from celeryize.cli.main import VERBS, load_verb
from tests.docs.examples import (
    EXIT_CODES,
    NO_EXAMPLE_RUN,
    OTHER_PROJECT,
    example_of,
    why_not_run,
)
from tests.unit.test_readme import exits_table

# No line of these pages changes the project.
PROJECT = "<!-- project: celery, dry run -->"
# Of the verbs that begin with less.
PROJECTS = {
    "init": "<!-- project: clinic, dry run -->",
    "verify": "<!-- project: celery, read only -->",
    "undo": "<!-- project: celery made here, dry run -->",
    "add-task": "<!-- project: celery with a template, dry run -->",
    "add-schedule": "<!-- project: celery without nightly, dry run -->",
    "add-worker": "<!-- project: celery with deployment files, dry run -->",
}


def _would_change(verb: str, line: str) -> bool:
    """Whether an example with --check finds something to change in the project of its page."""
    return "--check" in line and (verb, "check") in EXIT_CODES


def paths() -> list[str]:
    """The pages in the order of `celeryize --help`."""
    return [f"commands/{verb}.md" for verb in VERBS]


def pages() -> Iterator[tuple[str, str]]:
    """The list of the verbs, and a page for each."""
    yield "commands/index.md", _index()
    for verb in VERBS:
        yield f"commands/{verb}.md", page(verb)


def options_of(verb: str) -> list[Any]:
    """What a person may write behind a verb, `--help` aside."""
    return [
        parameter
        for parameter in load_verb(verb).params
        if parameter.param_type_name == "option"
        and not parameter.hidden
        and parameter.name != "help"
    ]


def page(verb: str) -> str:
    """The text of the page of a verb."""
    command = load_verb(verb)
    context = typer.Context(command, info_name=f"celeryize {verb}")
    summary, _, more = (command.help or "").partition("\n\n")
    lines = [
        f"# celeryize {verb}",
        "",
        PROJECTS.get(verb, PROJECT),
        "",
        " ".join(summary.split()),
        "",
        more.strip(),
        "",
    ]
    usage = context.get_usage().removeprefix("Usage: ")
    lines += ["```text", usage, "```", ""]
    # a block per ending: what is run, what would change something, what is not run
    run = [line for line in command.examples if line not in NO_EXAMPLE_RUN]
    for code, checks in ((0, False), (1, True)):
        block = [line for line in run if _would_change(verb, line) is checks]
        if block:
            lines += _console("\n$ ".join(block), "", code)
    for line in command.examples:
        if line not in run:
            lines += _console(line, NO_EXAMPLE_RUN[line], 0)
    for title, parameters in verb_help._groups(command, context):
        rows = [row for each in parameters for row in _entry(verb, each, context)]
        if rows:
            lines += [f"## {title}", "", *rows]
    lines += ["## Exit codes", "", exits_table(), ""]
    lines += [
        "Each option can be set in the environment, as `CELERYIZE_` and its name in capitals:",
        "`CELERYIZE_YES=1`. [All commands](index.md)",
    ]
    return "\n".join(lines) + "\n"


def _entry(verb: str, parameter: Any, context: Any) -> list[str]:
    """An option: how it is spelled, what it means, a line with it."""
    if parameter.name == "help":
        return []
    spelled = verb_help._spelled(parameter, context)
    text = verb_help._help_of(parameter)
    if parameter.param_type_name == "argument":
        return [f"### `{spelled}`", "", _escaped(text), ""]
    line = example_of(verb, parameter)
    name = max(parameter.opts, key=len).lstrip("-")
    key = (verb, parameter.name)
    if key in OTHER_PROJECT:
        block = [f"<!-- console: in {OTHER_PROJECT[key]} -->", *_console(line, "", 0)]
    else:
        block = _console(line, why_not_run(*key), EXIT_CODES.get(key, 0))
    return [f"### `{spelled}` {{ #{name} }}", "", _escaped(text), "", *block]


def _console(line: str, not_run: str, code: int) -> list[str]:
    """A line to type, with the marker of console.py where it is needed."""
    marker = []
    if not_run.startswith(("until ", "needs redis-server")):
        marker = [f"<!-- console: {not_run} -->"]
    elif not_run:
        marker = [f"<!-- console: not run: {not_run} -->"]
    elif code:
        marker = [f"<!-- console: exit {code} -->"]
    return [*marker, "```console", f"$ {line}", "```", ""]


def _escaped(text: str) -> str:
    pieces = text.split("`")
    pieces[::2] = [
        piece.replace("*", r"\*").replace("_", r"\_").replace("[", r"\[") for piece in pieces[::2]
    ]
    return "`".join(pieces)


def _index() -> str:
    rows = [f"| [{verb}]({verb}.md) | {line} |" for verb, line in VERBS.items()]
    lines = [
        "# Commands",
        "",
        "Every command works without a terminal. stdout is the answer, stderr is the talk. Each writer has",
        "`--dry-run`, which prints the patch, and `--check`, which exits 1 if something would change.",
        "",
        "| command | what it does |",
        "| --- | --- |",
        *rows,
        "",
        "`celeryize COMMAND --help` and `celeryize help COMMAND` show the same in the terminal.",
        "[All options in one table](../reference.md)",
    ]
    return "\n".join(lines) + "\n"
