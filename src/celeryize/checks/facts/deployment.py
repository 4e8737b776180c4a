"""How the project is started: the `celery` command lines of its deployment files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from celeryize.detect.answers import ANSWERS_FILE
from celeryize.detect.command import CeleryCommand, command_words
from celeryize.detect.deployment import (
    HERE,
    PROCESS_FILES,
    Folder,
    find_scripts,
    folders_of_others,
    manages_of_others,
    matching_files,
    own_folders,
    without_others,
)
from celeryize.detect.modules import is_foreign
from celeryize.detect.owners import is_of_others
from celeryize.detect.processes import (
    Process,
    Script,
    is_of_platform,
    is_template,
    read_processes,
)
from celeryize.detect.processes.manifests import Manifest, read_manifests
from celeryize.model import Where
from celeryize.reading import readable_text

FILES = (
    "Procfile*",
    "*compose*.y*ml",
    "*.service",
    "supervisord*.conf",
    "fly*.toml",
    "render*.y*ml",
    "*/Procfile*",
    "*/*compose*.y*ml",
    "*/*.service",
    "*/supervisord*.conf",
    "*/fly*.toml",
    "*/render*.y*ml",
)
DOCKERFILES = ("*ockerfile*", "*/*ockerfile*", "*/*/*ockerfile*")
# A `#` at the beginning of a line, or behind a space; in a URL or a colour it is none.
COMMENT = re.compile(r"(^|\s)#.*")
EXAMPLE = re.compile(r"example|sample|template|(^|[._-])dist($|[._-])")
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
YAML_FILE = re.compile(r".*\.ya?ml")
KUSTOMIZATION = re.compile(r"[Kk]ustomization(?:\.ya?ml)?")
DOCKERFILE = re.compile(r".*[Dd]ockerfile.*|Containerfile")


@dataclass(frozen=True, eq=False)
class DeploymentFacts:
    """The deployment files below `root`, and the command lines in them.

    `base` is the folder of the project: what other projects of the repository have is theirs.
    """

    root: Path
    base: PurePosixPath = HERE

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Procfiles, compose files, service units and files of platforms of the project."""
        found = {path for pattern in FILES for path in self.root.glob(pattern) if path.is_file()}
        own = {path for path in found if not self._is_in_foreign_folder(path)}
        return tuple(sorted(PurePosixPath(p.relative_to(self.root).as_posix()) for p in own))

    def _is_in_foreign_folder(self, path: Path) -> bool:
        """Whether a file is below node_modules, another Django project, or the like."""
        inner = [folder for folder in path.parents if folder.is_relative_to(self.root)]
        # the root itself may have any name: `build` is a fine name for a checkout
        if any(is_foreign(folder) for folder in inner if folder != self.root):
            return True
        return not self._of_others.keys().isdisjoint(inner)

    def exports(self, variable: str, *, examples: bool = True) -> bool:
        """Whether a file of the deployment, or one with an environment, names a variable."""
        places = [self.root / path for path in self.files] + self._exporting()
        if not examples:
            places = [place for place in places if not EXAMPLE.search(place.name)]
        return any(_is_named(variable, readable_text(place)) for place in places)

    def _exporting(self) -> list[Path]:
        found = (p for pattern in EXPORTS for p in self.root.glob(pattern) if p.is_file())
        # the answers of init name every setting, and give none of them to a process
        return [path for path in found if path.name != ANSWERS_FILE]

    @property
    def exporting_files(self) -> tuple[PurePosixPath, ...]:
        """The files that give processes an environment, or start them, less the examples."""
        found = [path.relative_to(self.root) for path in self._exporting()]
        files = dict.fromkeys([*map(PurePosixPath, found), *self.files])
        return tuple(path for path in files if not EXAMPLE.search(path.name))

    def exports_elsewhere(self, variable: str, file: PurePosixPath) -> bool:
        """Whether a file with an environment names a variable: not one that starts processes."""
        readers = {self.root / process.where.path for process in self.processes}
        places = self._exporting()
        other = [p for p in places if p not in readers and p != self.root / file]
        other += self._matching(DOCKERFILE)
        return any(_is_named(variable, place.read_text("utf-8", "replace")) for place in other)

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
        for _, names, files in self.folders:
            found.update(names)
            found.update(file.removesuffix(".py") for file in files if file.endswith(".py"))
        return frozenset(found)

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """The folders of the repository that hold its own files, and what is in each."""
        return without_others(self.root, self.base, self._all_folders)

    @cached_property
    def _all_folders(self) -> tuple[Folder, ...]:
        return own_folders(self.root)

    @cached_property
    def _of_others(self) -> dict[Path, Path]:
        """The folders of other Django projects, each with their manage.py."""
        return folders_of_others(self.root, self.base, self._all_folders)

    def _matching(self, pattern: re.Pattern[str]) -> Iterator[Path]:
        return matching_files(self.folders, pattern)

    @cached_property
    def uses_busybox(self) -> bool:
        """Whether an image of the project is Alpine, whose `sh` is another shell than Debian's."""
        return any(
            "alpine" in path.read_text("utf-8", "replace") for path in self._matching(DOCKERFILE)
        )

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """The lines of shell scripts that start a worker or Beat."""
        return find_scripts(self.root, self.folders)

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """What the deployment files start; of files that no reader understands, nothing, and
        nothing of another Django project."""
        others = manages_of_others(self.root, self.base, self._all_folders)
        return tuple(
            process
            for process in self._all_processes
            if not is_of_others(self.root, self.base, others, process)
        )

    @cached_property
    def _all_processes(self) -> tuple[Process, ...]:
        return tuple(read_processes(self.root, self._matching(PROCESS_FILES), self.scripts))

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """The ConfigMaps, Secrets and Services beside the workloads of Kubernetes."""
        if not any(process.kind == "kubernetes" for process in self.processes):
            return ()
        found: list[Manifest] = []
        for path in self._matching(YAML_FILE):
            text = readable_text(path)
            if not is_template(text):
                relative = PurePosixPath(path.relative_to(self.root).as_posix())
                found += read_manifests(relative, text)
        return tuple(found)

    @cached_property
    def kustomizations(self) -> str:
        """The text of all files of kustomize, which change manifests."""
        paths = self._matching(KUSTOMIZATION)
        return "\n".join(without_comments(readable_text(path)) for path in paths)

    @cached_property
    def dockerfiles(self) -> tuple[PurePosixPath, ...]:
        """The Dockerfiles of the project, in the order of their names."""
        found = [path.relative_to(self.root) for path in self._matching(DOCKERFILE)]
        return tuple(sorted(PurePosixPath(path.as_posix()) for path in found))

    def places(self, name: str) -> bool:
        """Whether a container gets a folder of this name: `./src:/code/shop`, `WORKDIR /shop`."""
        part = re.compile(rf"[/:]{re.escape(name)}(?![\w-])")
        return any(part.search(line) for line in self._placing_lines)

    def renames_to(self, name: str) -> bool:
        """Whether a container gets another folder under this name: `COPY src /code/shop`."""
        target = re.compile(rf"([\w./-]*)(?:\s+|:)[\w./-]*/{re.escape(name)}/?(?::\w+)?[\"']?\s*$")
        sources = [match[1] for line in self._placing_lines if (match := target.search(line))]
        return any(PurePosixPath(source).name != name for source in sources)

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
        """Every `celery` command line in them, and in start scripts."""
        known = {process.where.path for process in self._all_processes}
        unread = [path for path in self.files if path not in known and not is_of_platform(path)]
        found = [command for path in unread for command in self._commands_in(path)]
        # a service that takes over the script or the anchor of another one is no second line
        found += [process.celery for process in self.processes if process.celery]
        found += [script.command for script in self.scripts]
        unique = {(command.where, command.words): command for command in found}
        return tuple(sorted(unique.values(), key=lambda c: (str(c.where.path), c.where.line or 0)))

    @property
    def workers(self) -> tuple[CeleryCommand, ...]:
        """The command lines that start a worker."""
        return tuple(command for command in self.commands if command.subcommand == "worker")

    def _commands_in(self, path: PurePosixPath) -> Iterator[CeleryCommand]:
        text = readable_text(self.root / path)
        for number, line in enumerate(text.split("\n"), 1):
            words = command_words(line)
            if words is not None:
                yield CeleryCommand(words, Where(path, number), line.strip())


def _is_named(variable: str, text: str) -> bool:
    """Whether a file names a variable, in whatever syntax, outside of its comments."""
    return variable in text and variable in without_comments(text)


def without_comments(text: str) -> str:
    """The text of a file whose comments begin with #: what is put out of use is not there."""
    if "#" not in text:
        return text
    lines = text.split("\n")
    return "\n".join(COMMENT.sub("", line) for line in lines)
