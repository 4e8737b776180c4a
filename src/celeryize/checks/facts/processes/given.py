"""Which environment variables a process gets, as far as the files of the project say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.detect.processes.process import Item, Process
from celeryize.model import Where
from celeryize.reading import is_file, readable_text

# `export NAME='value'  # why`, as Compose and the dotenv libraries read it.
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")
SUBSTITUTED = re.compile(r"\$\{(\w+)(?::?[-?][^}]*)?\}|\$(\w+)")
# A chain of `extends:` longer than this is not followed.
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Given:
    """The variables of a process. `complete`: it gets no others from a file of the deployment."""

    variables: Mapping[str, Item]
    complete: bool


def given_to(facts: Facts, process: Process, depth: int = DEEPEST) -> Given:
    """What a process gets from its `environment:`, its env_files, and what it extends."""
    found: dict[str, Item] = {}
    if process.kind != "compose":
        return Given(process.environment, process.sealed)
    complete = True
    if "extends" in process.options:
        base = _extended(facts, process)
        if base is None or not depth:
            complete = False
        else:
            inherited = given_to(facts, base, depth - 1)
            found.update(inherited.variables)
            complete = inherited.complete
    folder = facts.deployment.root / process.where.path.parent
    files = process.options.get("env_file")
    for name in files.text.split() if files else ():
        path = folder / name
        if "$" in name or not is_file(path):
            complete = False
            continue
        found.update(read_variables(facts, path))
    passed = process.options.get("passed")
    # `environment: [NAME]`: the value comes from the shell of the user
    for name in passed.text.split() if passed else ():
        found[name] = Item(f"${{{name}}}", process.where)
    found.update(process.environment)
    return Given(found, complete)


def _extended(facts: Facts, process: Process) -> Process | None:
    """The service that a service extends; None where it is in no file that can be read."""
    file = process.options.get("extends_file")
    path = process.where.path
    if file:
        path = process.where.path.parent / file.text.removeprefix("./")
    for other in facts.deployment.processes:
        if other.where.path == path and other.name == process.options["extends"].text:
            return other
    return None


def read_variables(facts: Facts, path: Path) -> dict[str, Item]:
    """The variables of a file of `NAME=value` lines."""
    try:
        shown = PurePosixPath(path.relative_to(facts.deployment.root).as_posix())
    except ValueError:
        shown = PurePosixPath(path.as_posix())
    found: dict[str, Item] = {}
    for number, line in enumerate(readable_text(path).split("\n"), 1):
        match = LINE.match(line)
        if match:
            found[match[1]] = Item(_unquoted(match[2]), Where(shown, number))
    return found


def _unquoted(text: str) -> str:
    text = text.strip()
    if text[:1] in {'"', "'"}:
        return text[1:].partition(text[0])[0]
    return text.partition(" #")[0].strip()


def substituted(facts: Facts, process: Process, text: str) -> str:
    """A value of a compose file with what the .env beside it says; as it is where that says
    nothing."""
    if "$" not in text:
        return text
    known = read_variables(facts, facts.deployment.root / process.where.path.parent / ".env")

    def value_of(match: re.Match[str]) -> str:
        item = known.get(match[1] or match[2])
        return item.text if item else match[0]

    return SUBSTITUTED.sub(value_of, text)


def is_named_elsewhere(facts: Facts, name: str) -> bool:
    """Whether an image, or a script, may give a variable."""
    root = facts.deployment.root
    paths = [root / path for path in facts.deployment.dockerfiles]
    paths += [
        place / file
        for place, _, files in facts.deployment.folders
        for file in files
        if file.endswith((".sh", ".bash")) or "entrypoint" in file or file.startswith("start")
    ]
    named = re.compile(rf"\b{re.escape(name)}\b")
    return any(named.search(readable_text(path)) for path in paths)
