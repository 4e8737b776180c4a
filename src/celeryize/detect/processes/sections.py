"""Files of sections: systemd's units and supervisor's programs.

Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
Source: https://supervisord.org/configuration.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.detect.processes.process import (
    Item,
    Process,
    seconds_of,
    signal_name,
    split_command,
    unwrapped,
)
from celeryize.model import Where

HEADER = re.compile(r"\[([^\]]+)\]")
PAIR = re.compile(r"\s*([\w-]+)\s*=\s*(.*)")
# TimeoutStopSec and stopwaitsecs where the file does not say them.
SYSTEMD_GRACE, SUPERVISOR_GRACE = 90.0, 10.0
SYSTEMD_PREFIXES = "-@:+!|"

Section = tuple[str, Where, list[tuple[str, Item]]]


def sections_of(path: PurePosixPath, text: str) -> Iterator[Section]:
    """The sections of a file: the name, the place, and the pairs; a backslash joins lines."""
    current: Section | None = None
    joined: tuple[int, str] | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip()
        if joined is None and line.lstrip().startswith(("#", ";")):
            continue
        start, before = joined or (number, "")
        if line.endswith("\\"):
            joined = start, before + line[:-1] + " "
            continue
        joined = None
        line = before + line
        header = HEADER.match(line)
        pair = PAIR.match(line)
        if header:
            if current:
                yield current
            current = header[1], Where(path, number), []
        elif pair and current:
            current[2].append((pair[1], Item(pair[2].strip(), Where(path, start))))
        elif current and current[2] and line[:1] in {" ", "\t"} and line.strip():
            # supervisor: an indented line goes on with the value above it
            key, item = current[2][-1]
            current[2][-1] = key, Item(f"{item.text} {line.strip()}", item.where)
    if current:
        yield current


def read_unit(path: PurePosixPath, text: str) -> Iterator[Process]:
    """The process of a systemd service."""
    for name, _, pairs in sections_of(path, text):
        options = dict(pairs)
        start = options.get("ExecStart")
        if name != "Service" or start is None:
            continue
        stop = options.get("TimeoutStopSec") or options.get("TimeoutSec")
        seconds: float | None = SYSTEMD_GRACE
        if stop:
            seconds = seconds_of(stop.text)
        environment: dict[str, Item] = {}
        for key, item in pairs:
            if key == "Environment":
                for word in split_command(item.text):
                    variable, _, value = word.partition("=")
                    environment[variable] = Item(value, item.where)
        mode = options.get("KillMode")
        yield Process(
            "systemd",
            path.name,
            unwrapped(split_command(start.text.lstrip(SYSTEMD_PREFIXES))),
            start.where,
            environment,
            sealed="EnvironmentFile" not in options,
            stop=seconds,
            stop_where=stop.where if stop else None,
            group=mode is None or mode.text == "control-group",
            signal=signal_name(_text_of(options, "KillSignal")),
            folder=_text_of(options, "WorkingDirectory"),
            user=_text_of(options, "User"),
            options=options,
        )


def read_supervisor(path: PurePosixPath, text: str) -> Iterator[Process]:
    """The programs of a supervisor configuration."""
    for name, _, pairs in sections_of(path, text):
        options = dict(pairs)
        command = options.get("command")
        if not name.startswith("program:") or command is None:
            continue
        wait = options.get("stopwaitsecs")
        seconds: float | None = SUPERVISOR_GRACE
        if wait:
            seconds = seconds_of(wait.text)
        together = options.get("stopasgroup")
        environment = {}
        if "environment" in options:
            item = options["environment"]
            for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,]*))', item.text):
                environment[key] = Item(quoted or plain, item.where)
        yield Process(
            "supervisor",
            name.partition(":")[2],
            split_command(command.text.split(" ;")[0]),
            command.where,
            environment,
            # it inherits that of supervisord
            sealed=False,
            stop=seconds,
            stop_where=wait.where if wait else None,
            group=together is not None and is_true(together.text),
            signal=signal_name(_text_of(options, "stopsignal")),
            folder=_text_of(options, "directory"),
            user=_text_of(options, "user"),
            replicas=options.get("numprocs"),
            options=options,
        )


def _text_of(options: dict[str, Item], key: str) -> str | None:
    item = options.get(key)
    return item.text if item else None


def is_true(text: str) -> bool:
    """Whether supervisor reads a value as true."""
    return text.split(";")[0].strip().lower() in {"true", "yes", "on", "1", "t", "y"}
