"""Compose files that nobody starts: what others take their services from by `extends`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.commands.worker.files import DeploymentFile
from celeryize.commands.worker.web import find_web
from celeryize.errors import CannotPatch
from celeryize.patch.yaml_tree import parse_yaml

# What Compose starts when it is given no file.
STARTED = frozenset({"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"})


def find_bases(root: Path, files: list[DeploymentFile]) -> dict[PurePosixPath, PurePosixPath]:
    """The files whose every web service is the base of another file's, each with that file."""
    extended: dict[PurePosixPath, dict[str, PurePosixPath]] = {}
    for file in files:
        if file.kind != "compose" or "extends" not in file.text:
            continue
        for path, service in _extended_by(file):
            if path != file.path:
                extended.setdefault(path, {})[service] = file.path
    found = {}
    for file in files:
        named = extended.get(file.path, {})
        webs = [web.process.name for web in find_web(root, list(file.processes))]
        if webs and file.path.name not in STARTED and set(webs) <= set(named):
            found[file.path] = named[webs[0]]
    return found


def _extended_by(file: DeploymentFile) -> Iterator[tuple[PurePosixPath, str]]:
    """The files, each with a service, that the services of a file extend."""
    try:
        documents = parse_yaml(file.path, file.text)
    except CannotPatch:
        return
    services = documents[0].own("services") if documents else None
    for name, service in services.resolved.own_items() if services else ():
        node = service.get("extends")
        path = node.scalar("file") if node else ""
        if node is not None and path:
            joined = posixpath.normpath(posixpath.join(file.path.parent, path))
            yield PurePosixPath(joined), node.scalar("service") or name
