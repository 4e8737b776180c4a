"""How the project is started: the `celery` command lines of its deployment files."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import is_foreign
from celeryize.model import Where
from celeryize.reading import readable_text

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
DOCKERFILES = ("*ockerfile*", "*/*ockerfile*", "*/*/*ockerfile*")
EXPORTS = (
    ".env*",
    ".envs/**/.*",
    "*ockerfile*",
    "*/*ockerfile*",
    "*.toml",
    "*.json",
    "*.sh",
    "*.yml",
    "*.yaml",
)
SCRIPTS = ("*.toml", "*.json", "*.sh", "*/*.sh", "Makefile", "*ockerfile*", "*.y*ml", "*/*.y*ml")
GIVEN_SCHEDULER = re.compile(r"celery\b[^\n]*\bbeat\b[^\n]*\s(-S|--scheduler)[\s=]")
# `- ./src:/code/shop`, `working_dir: /code`, `WorkingDirectory=`, `WORKDIR`, `COPY`, `ADD`.
PLACING = re.compile(
    r"^\s*-\s*[\"']?[\w./${}-]+:/|working_?dir|workdir|target:|^\s*(COPY|ADD)\s|\bcd\s", re.I
)
# How deep a repository is searched for the module that a command line names.
LEVELS = 5
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

    def exports(self, variable: str) -> bool:
        """Whether a file of the deployment, or one with an environment, names a variable."""
        places = [self.root / path for path in self.files]
        places += [p for pattern in EXPORTS for p in self.root.glob(pattern) if p.is_file()]
        return any(variable in readable_text(place) for place in places)

    @cached_property
    def names_scheduler(self) -> bool:
        """Whether a command line gives Beat another scheduler: `beat -S django`, in any file."""
        if any(c.subcommand == "beat" and c.option("-S", "--scheduler") for c in self.commands):
            return True
        places = [p for pattern in SCRIPTS for p in self.root.glob(pattern) if p.is_file()]
        return any(GIVEN_SCHEDULER.search(readable_text(p)) for p in places)

    def has_module(self, name: str) -> bool:
        """Whether any folder of the repository holds a package or a module of this name."""
        return name in self._module_names

    @cached_property
    def _module_names(self) -> frozenset[str]:
        found: set[str] = set()
        for folder, names, files in os.walk(self.root):
            place = Path(folder)
            depth = len(place.relative_to(self.root).parts)
            # os.walk only descends into what is left in this list
            names[:] = [n for n in names if depth < LEVELS and not is_foreign(place / n)]
            found.update(names)
            found.update(file.removesuffix(".py") for file in files if file.endswith(".py"))
        return frozenset(found)

    def places(self, name: str) -> bool:
        """Whether a container gets a folder of this name: `./src:/code/shop`, `WORKDIR /shop`."""
        part = re.compile(rf"[/:]{re.escape(name)}(?![\w-])")
        return any(part.search(line) for line in self._placing_lines)

    @cached_property
    def _placing_lines(self) -> tuple[str, ...]:
        """The lines of compose files and Dockerfiles that say where something is or runs."""
        dockerfiles = {p for pattern in DOCKERFILES for p in self.root.glob(pattern)}
        paths = [*(self.root / path for path in self.files), *sorted(dockerfiles)]
        lines: list[str] = []
        for path in paths:
            if path.is_file():
                text = readable_text(path)
                lines += [line for line in text.split("\n") if PLACING.search(line)]
        return tuple(lines)

    @cached_property
    def commands(self) -> tuple[CeleryCommand, ...]:
        """Every `celery` command line in them."""
        return tuple(command for path in self.files for command in self._commands_in(path))

    @property
    def workers(self) -> tuple[CeleryCommand, ...]:
        """The command lines that start a worker."""
        return tuple(command for command in self.commands if command.subcommand == "worker")

    def _commands_in(self, path: PurePosixPath) -> Iterator[CeleryCommand]:
        text = readable_text(self.root / path)
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
