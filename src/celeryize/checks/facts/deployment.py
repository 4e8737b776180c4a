"""How the project is started: the `celery` command lines of its deployment files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import is_foreign
from celeryize.model import Where
from celeryize.reading import read_text

FILES = (
    "Procfile*",
    "*compose*.y*ml",
    "*.service",
    "supervisord*.conf",
    "*/Procfile*",
    "*/*compose*.y*ml",
    "*/*.service",
    "*/supervisord*.conf",
)
SUBCOMMANDS = frozenset(
    {
        "worker",
        "beat",
        "flower",
        "events",
        "inspect",
        "control",
        "multi",
        "status",
        "purge",
        "call",
    }
)
# `celery -A config worker`, also with the path of an environment in front of it.
SHELL_FORM = re.compile(r"(?<![\w./-])(?:\S*/)?celery\s+(?=-|worker\b|beat\b)(.*)")
# `["celery", "-A", "config", "worker"]`, the exec form of a compose file.
EXEC_FORM = re.compile(r"""["']celery["']\s*,(.*)""")


@dataclass(frozen=True, slots=True)
class CeleryCommand:
    """A `celery` command line of a Procfile, a compose file or a service unit."""

    words: tuple[str, ...]
    where: Where
    text: str

    @property
    def subcommand(self) -> str | None:
        """worker, beat, ..."""
        return next((word for word in self.words if word in SUBCOMMANDS), None)

    def option(self, *names: str) -> str | None:
        """The value of an option, in any of its spellings."""
        for index, word in enumerate(self.words):
            # `-A config`, `--app=config` and `-Aconfig` are the same
            following = self.words[index + 1 : index + 2]
            for name in names:
                if word == name and following:
                    return following[0]
                value = _attached_value(word, name)
                if value is not None:
                    return value
        return None


def _attached_value(word: str, name: str) -> str | None:
    """The value in `--queues=slow` or `-Qslow`."""
    if name.startswith("--"):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        return None
    if word.startswith(name) and len(word) > len(name):
        return word[len(name) :].removeprefix("=")
    return None


@dataclass(frozen=True, eq=False)
class DeploymentFacts:
    """The deployment files below `root`, and the command lines in them."""

    root: Path

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Procfiles, compose files and service units of the project."""
        found = {path for pattern in FILES for path in self.root.glob(pattern) if path.is_file()}
        own = {path for path in found if not self._is_in_foreign_folder(path)}
        return tuple(sorted(PurePosixPath(p.relative_to(self.root).as_posix()) for p in own))

    def _is_in_foreign_folder(self, path: Path) -> bool:
        """Whether a file is below node_modules, a virtual environment or the like."""
        inner = [folder for folder in path.parents if folder.is_relative_to(self.root)]
        # the root itself may have any name: `build` is a fine name for a checkout
        return any(is_foreign(folder) for folder in inner if folder != self.root)

    @cached_property
    def commands(self) -> tuple[CeleryCommand, ...]:
        """Every `celery` command line in them."""
        return tuple(command for path in self.files for command in self._commands_in(path))

    @property
    def workers(self) -> tuple[CeleryCommand, ...]:
        """The command lines that start a worker."""
        return tuple(command for command in self.commands if command.subcommand == "worker")

    def _commands_in(self, path: PurePosixPath) -> Iterator[CeleryCommand]:
        try:
            text = read_text(self.root / path)
        except OSError:
            return
        for number, line in enumerate(text.split("\n"), 1):
            words = _command_words(line)
            if words is not None:
                yield CeleryCommand(words, Where(path, number), line.strip())


def _command_words(line: str) -> tuple[str, ...] | None:
    """The words after `celery` in a line of a deployment file; None where it runs something
    else."""
    if line.lstrip().startswith("#"):
        return None
    match = SHELL_FORM.search(line) or EXEC_FORM.search(line)
    if match is None:
        return None
    words = match[1].replace('", "', " ").replace('","', " ").strip(" []\"',")
    # what follows in the same line is another command
    words = re.split(r"&&|\|\||;", words)[0]
    try:
        return tuple(shlex.split(words))
    except ValueError:
        return None
