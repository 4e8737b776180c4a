"""What a file says about one process that it starts, whatever kind of file it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from celeryize.detect.command import CeleryCommand, celery_words, shell_words
from celeryize.detect.processes.branches import Guard
from celeryize.model import Where

UNITS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|sec|s|min|m|h)?")
# The files of platforms: they are read, and none of our commands writes them.
PLATFORMS = frozenset({"fly", "render"})
# Folders of one component, and of one kind of manifests: no environment is called so.
OF_COMPONENT = re.compile(
    r"(?:[\w-]+-)?(?:web|www|gunicorn|workers?|celery|beat|scheduler)"
    r"|deployments?|workloads|services?|svc|config|configmaps?|secrets?"
)
SHELLS = frozenset({"sh", "dash", "bash", "ash", "/bin/sh", "/bin/dash", "/bin/bash", "/bin/ash"})


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a file, and its place."""

    text: str
    where: Where


@dataclass(frozen=True, slots=True)
class Script:
    """A line of a shell script that starts Celery.

    `execs`: the shell gives its place to it. `ends_there`: the script waits for it in the
    foreground, and traps no signal. `guards` are the branches that it is in.
    """

    path: PurePosixPath
    command: CeleryCommand
    execs: bool
    ends_there: bool
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """One process: `words` is its command, with the program first.

    `sealed`: `environment` is all that it gets. `stop` is the time in seconds until it is killed,
    and `stop_where` the line that says so, None where it is the default of the kind. `signal` is
    what a stop sends, and `group`: to all of its processes at once. `folder` is its working
    directory as the file says it. `options` are the other keys of the file. `listed`: the file
    has its command as a list.
    """

    kind: str
    name: str
    words: tuple[str, ...]
    where: Where
    environment: Mapping[str, Item] = field(default_factory=dict)
    sealed: bool = True
    stop: float | None = None
    stop_where: Where | None = None
    group: bool = False
    signal: str = "SIGTERM"
    folder: str | None = None
    user: str | None = None
    replicas: Item | None = None
    probe: Item | None = None
    options: Mapping[str, Item] = field(default_factory=dict)
    script: Script | None = None
    listed: bool = False

    @property
    def scope(self) -> tuple[PurePosixPath, str]:
        """What is deployed together: a file, the folder of manifests and units, one environment of
        a Blueprint."""
        path = self.where.path
        if self.kind == "systemd":
            path = path.parent
        if self.kind == "kubernetes":
            path = folder_of_manifests(path)
        stage = self.options.get("environment") if self.kind == "render" else None
        return path, stage.text if stage else ""

    @property
    def is_built(self) -> bool:
        """Whether its image is made from a Dockerfile, as far as its file says it."""
        if self.kind in PLATFORMS:
            return "dockerfile" in self.options
        return self.kind == "compose" and not self.options.keys().isdisjoint(("build", "context"))

    @property
    def celery(self) -> CeleryCommand | None:
        """The `celery` command line that it runs, itself or by its script."""
        words = celery_words(self.words)
        if self.shell:
            words = shell_words(self.shell_text)
        if words is None:
            return self.script.command if self.script else None
        listed = self.listed and not self.shell
        return CeleryCommand(words, self.written, " ".join(self.words), listed)

    @property
    def written(self) -> Where:
        """Where its command is written: in a Dockerfile, for one that leaves it to its image."""
        return self.options["started"].where if "started" in self.options else self.where

    @property
    def subcommand(self) -> str | None:
        """worker, beat, ..., where it runs Celery."""
        command = self.celery
        return command.subcommand if command else None

    @property
    def shell(self) -> str:
        """The shell of `sh -c "..."`, or an empty text."""
        if len(self.words) > 2 and self.words[0] in SHELLS and re.match("-.*c$", self.words[1]):
            return self.words[0].rpartition("/")[2]
        return ""

    @property
    def shell_text(self) -> str:
        """What that shell is given."""
        return self.words[2] if self.shell else ""

    def with_script(self, script: Script | None) -> Process:
        """The same process, whose command is a script of the project."""
        return replace(self, script=script)

    def variable(self, name: str) -> str | None:
        """The value of an environment variable that the file, or the command line, gives it."""
        if name in self.environment:
            return self.environment[name].text
        text = self.shell_text or " ".join(self.words)
        if self.script:
            text = f"{text} {self.script.command.text}"
        found = re.search(rf"(?<!\w){name}=[\"']?([^\s\"';]*)", text)
        return found[1] if found else None


def folder_of_manifests(path: PurePosixPath) -> PurePosixPath:
    """The folder whose manifests are applied together with one of them: above that of one
    component, as in k8s/worker/deployment.yaml, and of one kind, as in k8s/configmaps/shop.yaml."""
    folder = path.parent
    above = folder.parent
    if OF_COMPONENT.fullmatch(folder.name) and above != PurePosixPath():
        return above
    return folder


def signal_name(text: str | None) -> str:
    """A signal as files spell it (`TERM`, `SIGTERM`, `15`), with its SIG; SIGTERM for none."""
    name = (text or "SIGTERM").upper()
    if name.isdigit():
        return {"2": "SIGINT", "3": "SIGQUIT", "9": "SIGKILL"}.get(name, "SIGTERM")
    return "SIG" + name.removeprefix("SIG")


def seconds_of(text: str) -> float | None:
    """`1m30s`, `90`, `5min` in seconds; None for what is no duration."""
    parts = DURATION.findall(text)
    if not parts or DURATION.sub("", text).strip():
        return None
    return sum(float(number) * UNITS[unit or "s"] for number, unit in parts)


def split_command(text: str) -> tuple[str, ...]:
    """A command line as words; as they are split by blanks where a quote is not closed."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def unwrapped(words: Sequence[str]) -> tuple[str, ...]:
    """A command without `env A=b`, `exec` and assignments in front of it."""
    rest = list(words)
    while rest and (rest[0] in {"env", "exec", "-"} or re.match(r"\w+=", rest[0])):
        rest.pop(0)
    return tuple(rest)
