"""Which environment variables a process gets, as far as the files of the project say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.deployment import EXAMPLE
from celeryize.detect.processes.images import instructions_of, stage_of, variables_of
from celeryize.detect.processes.process import Item, Process, folder_of_manifests
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
    if process.kind == "kubernetes":
        return _given_to_pod(facts, process)
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


def _given_to_pod(facts: Facts, process: Process) -> Given:
    """What a container of Kubernetes gets from the ConfigMaps and Secrets of the manifests, and
    from its `env:`, which beats them."""
    found: dict[str, Item] = {}
    for source in sources_of(process):
        kind, name, prefix = [*source.split("/"), "", ""][:3]
        held = held_by(facts, process, kind, name)
        for key, item in held.items() if held else ():
            found[f"{prefix}{key}"] = item
    found.update(process.environment)
    keys = process.options.get("env_keys")
    for pair in keys.text.split() if keys else ():
        variable, _, source = pair.partition("=")
        kind, name, key = source.split("/")
        held = held_by(facts, process, kind, name) or {}
        if key in held:
            found[variable] = held[key]
    return Given(found, not unknown_sources(facts, process))


def sources_of(process: Process) -> tuple[str, ...]:
    """What a container of Kubernetes takes all variables of: `ConfigMap/shop`."""
    sources = process.options.get("env_from")
    return tuple(sources.text.split()) if sources else ()


def unknown_sources(facts: Facts, process: Process) -> tuple[str, ...]:
    """Those of them that no manifest has."""
    return tuple(
        source
        for source in sources_of(process)
        if held_by(facts, process, *[*source.split("/"), ""][:2]) is None
    )


def held_by(facts: Facts, process: Process, kind: str, name: str) -> Mapping[str, Item] | None:
    """The values of a ConfigMap or a Secret; None where it is in no manifest, or where it may have
    others than there."""
    namespace = process.options.get("namespace")
    own = namespace.text if namespace else ""
    found = [
        one
        for one in facts.deployment.manifests
        if (one.kind, one.name) == (kind, name)
        and not (own and one.namespace and one.namespace != own)
    ]
    beside = [one for one in found if folder_of_manifests(one.where.path) == process.scope[0]]
    # of several folders each may be an environment of its own
    if len(beside) == 1 and not facts.deployment.kustomizations:
        found = beside
    if len(found) != 1 or EXAMPLE.search(found[0].where.path.name):
        return None
    # a generator, or a patch, of kustomize
    if re.search(rf"\b{re.escape(name)}\b", facts.deployment.kustomizations):
        return None
    return found[0].values


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


def image_gives(facts: Facts, name: str) -> Item | None:
    """The value that the image gives a variable, where all Dockerfiles that name it agree, and no
    script does."""
    root = facts.deployment.root
    if _is_named_in(name, scripts_of(facts)):
        return None
    found: dict[str, Item] = {}
    for path in facts.deployment.dockerfiles:
        if not _is_named_in(name, [root / path]):
            continue
        text = instructions_of(readable_text(root / path))
        value = variables_of(stage_of(text, None)).get(name)
        if not value or "$" in value:
            return None
        line = next((n for n, one in enumerate(text.split("\n"), 1) if value in one), None)
        found.setdefault(value, Item(value, Where(path, line)))
    if len(found) == 1:
        return next(iter(found.values()))
    return None


def is_named_elsewhere(facts: Facts, name: str) -> bool:
    """Whether an image, or a script, may give a variable."""
    root = facts.deployment.root
    dockerfiles = [root / path for path in facts.deployment.dockerfiles]
    return _is_named_in(name, [*dockerfiles, *scripts_of(facts)])


def scripts_of(facts: Facts) -> list[Path]:
    """The shell scripts of the project, an entry point among them."""
    return [
        place / file
        for place, _, files in facts.deployment.folders
        for file in files
        if file.endswith((".sh", ".bash")) or "entrypoint" in file or file.startswith("start")
    ]


def _is_named_in(name: str, paths: list[Path]) -> bool:
    named = re.compile(rf"\b{re.escape(name)}\b")
    # `RUN SECRET_KEY=x python manage.py collectstatic` is over when the image is made
    passing = re.compile(
        rf"(?m)((?:^\s*RUN|&&|;)\s+(?:\w+=\S*\s+)*){re.escape(name)}=\S*\s+(?=[\w./])"
    )
    return any(named.search(passing.sub(r"\1", readable_text(path))) for path in paths)
