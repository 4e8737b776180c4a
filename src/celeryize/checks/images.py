"""What an image and its containers are made of: CMD, ENTRYPOINT, names and ports on the host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.where_it_runs import (
    WEB,
    dockerfile_of,
    dockerfile_path,
    starts_web,
)
from celeryize.detect.processes import Process
from celeryize.detect.processes.images import CMD, ENTRYPOINT, instructions_of, start_of
from celeryize.detect.processes.process import Item
from celeryize.model import Where
from celeryize.reading import readable_text

# The address and the port of the host, the port of the container, the protocol.
HOST_PORT = re.compile(r"(?:([\w.\[\]:]*):)?(\d+|\$\w+|\$\{[^}\s]+\}):\d+(?:/(\w+))?")
ALL_ADDRESSES = frozenset({"", "0.0.0.0", "[::]"})
FROM = re.compile(r"(?im)^[ \t]*FROM\s")
STARTS_CELERY = re.compile(r"\bcelery\b.*\b(worker|beat)\b", re.S)
# The names that only a process of Celery has.
FOR_CELERY = re.compile(
    r"(?:\w+[-_])?(?:celery|worker|celery[-_]?(?:worker|beat)|beat)(?:[-_]?\d+)?"
)
# Programs that take the command of a container for their own arguments.
TAKES = re.compile(r"(?:\S*/)?(?:python[\d.]*|gunicorn|uvicorn|daphne|hypercorn|granian|uwsgi)")


@check("celery.E943", grouped=True)
def taken_on_host(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container has the name, or the port on the host, of another container.

    What happens: The second of the two does not start.
    How it looks: Conflict. The container name "/shop" is already in use; or: Bind for 0.0.0.0:8000
        failed: port is already allocated
    Why: A `container_name` and a port of the host are there once. An anchor, or `extends`, that is
        made for the web server brings them to the worker.
    Fix: container_name and ports in the web server's service alone: a worker listens nowhere
    Source: https://docs.docker.com/reference/compose-file/services/#container_name
    """
    processes = [p for p in facts.deployment.processes if p.kind == "compose"]
    for process in processes:
        if process.subcommand not in {"worker", "beat"}:
            continue
        for other in processes:
            if other.where.path != process.where.path or other.name == process.name:
                continue
            # one of them may never be started beside the other
            if any("profiles" in one.options or _is_at_rest(one) for one in (process, other)):
                continue
            found = _taken(facts, process, other)
            if found:
                what, place = found
                yield Occurrence(
                    f"{process.name} and {other.name} both have {what}: the second does not start",
                    place or process.where,
                    f"Take it out of {process.name}.",
                )
                break


def _is_at_rest(process: Process) -> bool:
    """Whether no container of a service is started: it is there to be extended."""
    return process.replicas is not None and process.replicas.text == "0"


def _claim(facts: Facts, process: Process, key: str) -> Item | None:
    """What a service says of the host, with what the service says that it extends."""
    own, base = process.options.get(key), process.options.get("extends")
    file = readable_text(facts.deployment.root / process.where.path)
    if base is None or "extends_file" in process.options or re.search(r"!reset|!override", file):
        return own
    for other in facts.deployment.processes:
        theirs = other.options.get(key)
        if (other.where.path, other.name) != (process.where.path, base.text) or theirs is None:
            continue
        if own is None:
            return theirs
        # a list grows, a text is replaced
        return Item(f"{own.text} {theirs.text}", own.where) if key == "ports" else own
    return own


def _taken(facts: Facts, process: Process, other: Process) -> tuple[str, Where | None] | None:
    """What of the host two services claim, and the line; None for the one line of an anchor."""
    for key in ("container_name", "ports"):
        own, theirs = _claim(facts, process, key), _claim(facts, other, key)
        if own is None or theirs is None:
            continue
        what = ""
        if key == "container_name" and own.text == theirs.text:
            what = f"the container name {own.text}"
        port = _port_in_common(own.text, theirs.text) if key == "ports" else None
        if port:
            what = f"the port {port} of the host"
        if what:
            shared = own.where == theirs.where
            return what, None if shared else own.where
    return None


def _port_in_common(one: str, other: str) -> str | None:
    """A port of the host that two services publish, at one address and for one protocol."""
    for address, port, protocol in sorted(_ports_of(one)):
        for other_address, *rest in _ports_of(other):
            both = {address, other_address}
            if rest == [port, protocol] and (len(both) == 1 or both & ALL_ADDRESSES):
                return port
    return None


def _ports_of(text: str) -> set[tuple[str, str, str]]:
    """The addresses, ports and protocols that are published on the host."""
    found = (HOST_PORT.fullmatch(word) for word in text.split())
    return {(match[1] or "", match[2], match[3] or "tcp") for match in found if match}


@check("celery.E944")
def command_replaced(facts: Facts) -> Iterator[Occurrence]:
    """A Dockerfile has a CMD that starts Celery, and another one above or below it.

    What happens: Only the last CMD counts: no worker runs, or no web server.
    How it looks: (nothing: tasks wait, or nothing answers on the port)
    Why: An image has one CMD. A second one replaces the first.
    Fix: A service with a command of its own for the worker
    Source: https://docs.docker.com/reference/dockerfile/#cmd
    """
    for path in facts.deployment.dockerfiles:
        text = instructions_of(readable_text(facts.deployment.root / path))
        for kind in (CMD, ENTRYPOINT):
            commands = list(kind.finditer(text))
            for one, after in pairwise(commands):
                if FROM.search(text, one.end(), after.start()):
                    continue
                if not _is_missed(facts, one[1], after[1], path):
                    continue
                word = one[0].split()[0]
                yield Occurrence(
                    f"this never runs: the {word} of line {_line_of(text, after.start(1))}"
                    " replaces it",
                    Where(path, _line_of(text, one.start(1))),
                    "Start Celery in a service of its own: `celeryize add-worker` writes one.",
                )


def _is_missed(facts: Facts, one: str, after: str, dockerfile: PurePosixPath) -> bool:
    """Whether nothing else starts the process of a CMD that another one replaces: Celery, or the
    web server where the other one starts Celery."""
    celery = STARTS_CELERY.search(one)
    if celery is not None:
        return not _is_started_elsewhere(facts, celery[1], dockerfile)
    if not WEB.search(one) or not STARTS_CELERY.search(after):
        return False
    return not any(WEB.search(" ".join(process.words)) for process in facts.deployment.processes)


def _is_started_elsewhere(facts: Facts, subcommand: str, dockerfile: PurePosixPath) -> bool:
    """Whether a service has a command of its own, so that nobody needs that of the image."""
    return any(
        process.celery
        and process.subcommand == subcommand
        and process.celery.where.path != dockerfile
        for process in facts.deployment.processes
    )


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


@check("celery.E945")
def worker_starts_web(facts: Facts) -> Iterator[Occurrence]:
    """A service that is called worker starts the web server.

    What happens: No worker runs: a second web server does.
    How it looks: The log of the worker's container is that of the web server.
    Why: Without `command:` a container starts what the CMD of its image says.
    Fix: command: celery -A config worker
    Source: https://docs.docker.com/reference/compose-file/services/#command
    """
    for process in facts.deployment.processes:
        if process.kind != "compose" or process.words or "entrypoint" in process.options:
            continue
        if not FOR_CELERY.fullmatch(process.name) or "extends" in process.options:
            continue
        same = [p for p in facts.deployment.processes if p.name == process.name]
        dockerfile = _dockerfile_of(facts, process)
        # an entry point may look at a variable, and another file may give the command
        if any(one.words for one in same) or ENTRYPOINT.search(dockerfile):
            continue
        kind = "beat" if process.name.endswith("beat") else "worker"
        if _is_of_project(facts, process) and not _has_another(facts, process, kind):
            yield Occurrence(
                f"{process.name} has no command, and its image starts the web server",
                process.where,
                f"Add command: celery -A {_app_of(facts)} {kind}.",
            )


def _is_of_project(facts: Facts, process: Process) -> bool:
    """Whether a service starts a web server, from an image that is made of the project."""
    if not starts_web(facts, process):
        return False
    found = dockerfile_path(process, (facts.deployment.root / process.where.path).parent)
    home = facts.project.root / facts.project.base
    # of an image without a Dockerfile here nothing is known that speaks against it
    return found is None or home.is_relative_to(os.path.normpath(found[1]))


def _has_another(facts: Facts, process: Process, subcommand: str) -> bool:
    """Whether the file of a service starts a worker, or Beat, under another name."""
    return any(
        other.subcommand == subcommand and other.where.path == process.where.path
        for other in facts.deployment.processes
    )


def _app_of(facts: Facts) -> str:
    for app in facts.project.celery[:1]:
        return app.module.removesuffix(".celery")
    return "config"


@check("celery.E946", unless=("celery.E924",))
def command_is_argument(facts: Facts) -> Iterator[Occurrence]:
    """The entry point of an image takes the command of a worker for its own arguments.

    What happens: No worker runs: the container ends at once.
    How it looks: Unknown command: 'celery'; or gunicorn: error: unrecognized arguments
    Why: ENTRYPOINT ["python", "manage.py"] and the command `celery -A config worker` together are
        `python manage.py celery -A config worker`.
    Fix: entrypoint: [] for the worker's service; or CMD in place of ENTRYPOINT
    Source: https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact
    """
    for process in facts.deployment.processes:
        first = process.words[0] if process.words else ""
        if process.kind != "compose" or not first:
            continue
        if "entrypoint" in process.options:
            yield from _taken_by_entrypoint(facts, process)
            continue
        if process.subcommand not in {"worker", "beat"} or not re.fullmatch(
            r"(?:\S*/)?celery", first
        ):
            continue
        start = start_of(_dockerfile_of(facts, process), process.words)
        # `python -m`, and a program that is no Python: they may start what follows
        if start is None or start.words[:1] == (first,) or not TAKES.fullmatch(start.words[0]):
            continue
        entry = start.words[: len(start.words) - len(process.words)]
        if entry and "-m" not in entry and "-c" not in entry and _ends_the_line(entry):
            yield Occurrence(
                f"the image of {process.name} makes this `{' '.join(entry)} {first} ...`",
                process.where,
                "Add `entrypoint: []` to the service.",
            )


def _taken_by_entrypoint(facts: Facts, process: Process) -> Iterator[Occurrence]:
    """The same where the service itself has the entry point."""
    programs = [re.fullmatch(r"(?:\S*/)?celery", word) is not None for word in process.words]
    if process.subcommand not in {"worker", "beat"} or True not in programs[1:]:
        return
    entry = process.words[: programs.index(True)]
    # a project may have a management command of that name
    if not entry or not TAKES.fullmatch(entry[0]) or facts.code.has_management_command("celery"):
        return
    if "-m" not in entry and "-c" not in entry and _ends_the_line(entry):
        yield Occurrence(
            f"the entrypoint of {process.name} makes this `{' '.join(entry)} celery ...`",
            process.where,
            "Delete the entrypoint of this service.",
        )


def _ends_the_line(entry: tuple[str, ...]) -> bool:
    """Whether what stands in front of the command is known not to start it."""
    if not re.fullmatch(r"(?:\S*/)?python[\d.]*", entry[0]):
        return True
    return len(entry) == 2 and entry[1].rpartition("/")[2] == "manage.py"


def _dockerfile_of(facts: Facts, process: Process) -> str:
    if not {"build", "context"} & set(process.options) or "target" in process.options:
        return ""
    text = dockerfile_of(process, (facts.deployment.root / process.where.path).parent)
    # the last stage; what an earlier one says is not looked at
    starts = [match.start() for match in FROM.finditer(text)]
    return text[starts[-1] :] if starts else text
