"""The process groups of a fly.toml.

Source: https://fly.io/docs/reference/configuration/, https://fly.io/docs/launch/processes/
Source: https://github.com/superfly/flyctl (internal/appconfig): a command is split into words, and
takes the place of the image's CMD; no shell reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from celeryize.detect.processes.process import (
    Item,
    Process,
    seconds_of,
    signal_name,
    split_command,
)
from celeryize.model import Where

# One file for each environment is usual: fly.staging.toml.
NAMES = re.compile(r"fly(?:[._-].*)?\.toml")
# The group of an app without [processes]: it runs what the image starts.
DEFAULT = "app"
# What Fly sends to the main process, and the seconds until it kills, where the file does not say.
SIGNAL, GRACE = "SIGINT", 5.0
# Images that come from elsewhere: what Dockerfile is beside the file makes none of them.
MADE_ELSEWHERE = frozenset({"image", "builder", "buildpacks", "builtin"})
# What Fly reads above the first table alone; what an option of this name has found elsewhere.
AT_THE_TOP = ("kill_signal", "kill_timeout")
LOST = " in a table"
# What Fly gives each machine: the name of its group.
GROUP = "FLY_PROCESS_GROUP"
# How the parser says where it stopped.
PLACE = re.compile(r"\(at line (\d+)")
HEADER = re.compile(r"\s*\[{1,2}\s*([\w.'\" -]+?)\s*\]{1,2}\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text is no TOML, and the line of it."""

    message: str
    line: int


def parse_fly(text: str) -> tuple[Mapping[str, Any], Problem | None]:
    """The file as a mapping; an empty one, and the problem, where it is no TOML."""
    # loaded only where a file of this kind is there
    import tomllib

    try:
        return tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        found = PLACE.search(str(error))
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        return {}, Problem(str(error).partition(" (at ")[0], line)


def read_fly(path: PurePosixPath, text: str) -> Iterator[Process]:
    """A process for each group; none of a file that is no TOML."""
    document, problem = parse_fly(text)
    if problem is not None:
        return
    lines = FlyLines(path, text)
    stop, stop_where = _grace_of(document, lines)
    environment = dict(_environment_of(document, lines))
    options = dict(_options_of(document, lines))
    experimental = _table(document, "experimental")
    entry = _words_of(experimental.get("entrypoint"))
    groups = _table(document, "processes") or {DEFAULT: ""}
    for name, command in groups.items():
        # `kill_timeout = 30` below [processes] is no group
        if not isinstance(command, str | list):
            continue
        words, where = _words_of(command), lines.find("processes", name)
        if not words and "cmd" in experimental:
            words, where = _words_of(experimental.get("cmd")), lines.find("experimental", "cmd")
        yield Process(
            "fly",
            name,
            (*entry, *words),
            where,
            {**environment, GROUP: Item(name, where)},
            # the secrets of the app are not in it
            sealed=False,
            stop=stop,
            stop_where=stop_where,
            signal=signal_name(str(document.get("kill_signal", SIGNAL))),
            options=options,
        )


def _grace_of(document: Mapping[str, Any], lines: FlyLines) -> tuple[float | None, Where | None]:
    """The seconds until Fly kills, and the line that says so: `5`, `"5m"`."""
    if "kill_timeout" not in document:
        return GRACE, None
    return seconds_of(str(document["kill_timeout"])), lines.find("", "kill_timeout")


def _options_of(document: Mapping[str, Any], lines: FlyLines) -> Iterator[tuple[str, Item]]:
    """What the file says about the image, and the signal of a stop."""
    build, experimental = _table(document, "build"), _table(document, "experimental")
    if "image" in build:
        yield "image", Item(str(build["image"]), lines.find("build", "image"))
    if not MADE_ELSEWHERE & build.keys():
        place = lines.find("build", "dockerfile")
        yield "dockerfile", Item(str(build.get("dockerfile", "Dockerfile")), place)
    for key, option in (("build-target", "target"), ("ignorefile", "ignorefile")):
        if key in build:
            yield option, Item(str(build[key]), lines.find("build", key))
    if "entrypoint" in experimental:
        words = " ".join(_words_of(experimental["entrypoint"]))
        yield "entrypoint", Item(words, lines.find("experimental", "entrypoint"))
    if "kill_signal" in document:
        yield "kill_signal", Item(str(document["kill_signal"]), lines.find("", "kill_signal"))
    for key in AT_THE_TOP:
        if key not in document:
            yield from ((f"{key}{LOST}", item) for item in _lost_in_table(document, key, lines))


def _lost_in_table(document: Mapping[str, Any], key: str, lines: FlyLines) -> Iterator[Item]:
    """The head of a table that has a key of the top of the file: Fly does not look there."""
    for name, table in document.items():
        listed = isinstance(table, list)
        inner = table if listed else [table]
        if any(isinstance(one, dict) and key in one for one in inner):
            head = f"[{name}]"
            if listed:
                head = f"[{head}]"
            yield Item(head, lines.find(name, key))


def _environment_of(document: Mapping[str, Any], lines: FlyLines) -> Iterator[tuple[str, Item]]:
    """The variables that all groups share."""
    for name, value in _table(document, "env").items():
        text = str(value)
        if isinstance(value, bool):
            text = text.lower()
        yield name, Item(text, lines.find("env", name))


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of the file; an empty one where it has none, or something else of that name."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _words_of(command: object) -> tuple[str, ...]:
    """A command as words: it is written as one text, or as a list."""
    if isinstance(command, str):
        return split_command(command)
    if isinstance(command, list):
        return tuple(str(word) for word in command)
    return ()


class FlyLines:
    """The lines of a TOML file, of which the parser says nothing."""

    def __init__(self, path: PurePosixPath, text: str) -> None:
        self._path = path
        self._lines = text.split("\n")

    def find(self, table: str, key: str) -> Where:
        """The line of a key of a table; the first line where it is not found.

        `[processes]` above `worker =`; also `processes.worker =`, and `processes = {worker = ...}`.
        """
        current, inline = "", None
        bare = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        dotted = re.compile(rf"\s*{re.escape(table)}\s*\.\s*[\"']?{re.escape(key)}[\"']?\s*=")
        whole = re.compile(rf"\s*{re.escape(table)}\s*=")
        for number, line in enumerate(self._lines, 1):
            header = HEADER.match(line)
            if header:
                current = header[1].strip("\"'")
            elif current == table:
                if bare.match(line):
                    return Where(self._path, number)
            elif not current and dotted.match(line):
                return Where(self._path, number)
            elif not current and inline is None and whole.match(line):
                inline = number
        return Where(self._path, inline or 1)

    def find_table(self, table: str) -> int:
        """The line in which a table begins, in any of its spellings."""
        begins = re.compile(rf"\s*(?:\[{{1,2}}\s*)?[\"']?{re.escape(table)}[\"']?\s*[].=]")
        found = (number for number, line in enumerate(self._lines, 1) if begins.match(line))
        return next(found, 1)
