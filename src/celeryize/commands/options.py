"""The options that commands share, built once from the command line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from celeryize.model import NextStep


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Which project it is, and how its interpreter is run. None: what the project itself says."""

    start: Path = Path()
    settings: str | None = None
    python: str | None = None
    package: str | None = None
    # seconds that an import of the project may take
    timeout: float = 60


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a writer writes. Another option of all writers is a field here, with its default."""

    dry_run: bool = False
    yes: bool = False
    check: bool = False
    no_verify: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything may be written, were it the recovery of an interrupted change."""
        return not (self.dry_run or self.check)

    @property
    def imports_project(self) -> bool:
        """Whether the plan is proved by an import; --check writes nothing, so it needs no proof."""
        return not (self.no_verify or self.check)

    @property
    def asks(self) -> bool:
        """Whether there is a question left for a person."""
        return not (self.yes or self.dry_run or self.check)


def with_project(step: str | NextStep, options: RunOptions) -> str | NextStep:
    """A step whose lines of celeryize find the project and the interpreter of this run again.

    Paths are absolute: a step before it may go to another folder.
    """
    words: list[str] = []
    if options.start != Path():
        words += ["-C", str(Path.cwd() / options.start)]
    if options.settings is not None:
        words += ["--settings", options.settings]
    if options.python is not None:
        python = options.python
        # a bare name is looked for on PATH
        if os.sep in python:
            python = str(Path.cwd() / python)
        words += ["--python", python]
    if not words:
        return step
    if isinstance(step, str):
        return _with_words(step, words)
    return NextStep(step.what, tuple(_with_words(line, words) for line in step.lines))


def _with_words(line: str, words: list[str]) -> str:
    if not line.startswith("celeryize "):
        return line
    return f"{line} {shlex.join(words)}"


def undo_line(options: RunOptions) -> str:
    """What undoes the change of a run, from any folder: a next step may go to another one."""
    words = ["celeryize", "undo"]
    if options.start != Path():
        words += ["-C", str(Path.cwd() / options.start)]
    return shlex.join(words)


def typed_request(request: Any, positional: Collection[str]) -> list[str]:
    """The fields of a request that are not their defaults, as the options of their names."""
    words: list[str] = []
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name in positional or value == field.default:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is False:
            words.append(flag.replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            words += [word for item in value for word in (flag, str(item))]
        else:
            words += [flag, str(value)]
    return words


def repeated_options(options: RunOptions) -> list[str]:
    """The options of a run as they are typed; none for what is the default."""
    words: list[str] = []
    if options.start != Path():
        words += ["-C", str(options.start)]
    for flag, value in (
        ("--settings", options.settings),
        ("--python", options.python),
        ("--package", options.package),
    ):
        if value is not None:
            words += [flag, value]
    if options.timeout != RunOptions().timeout:
        words += ["--verify-timeout", f"{options.timeout:g}"]
    return words


def repeated_command(words: Sequence[str], options: RunOptions, write: WriteOptions) -> str:
    """The command line that does the same without a question; `words` are what it is about."""
    typed = ["celeryize", *words]
    if write.no_verify:
        typed.append("--no-verify")
    return shlex.join([*typed, *repeated_options(options), "--yes"])
