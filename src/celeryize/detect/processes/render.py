"""The services of a Blueprint of Render: render.yaml.

Source: https://render.com/docs/blueprint-spec
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.processes.process import (
    Item,
    Process,
    seconds_of,
    split_command,
)
from celeryize.detect.processes.yaml_nodes import Yaml, documents_of

NAMES = re.compile(r"render(?:[._-].*)?\.ya?ml")
# maxShutdownDelaySeconds where the file does not say it.
GRACE = 30.0
# `redis` is the old name of `keyvalue`.
SERVERS = frozenset({"keyvalue", "redis"})
STARTED = frozenset({"web", "pserv", "worker", "cron"})
# The runtimes whose command is a dockerCommand.
IMAGES = frozenset({"docker", "image"})
# maxmemoryPolicy where the file does not say it.
POLICY = "allkeys-lru"
# What only a shell reads: Render gives it the command of a native runtime.
FOR_A_SHELL = re.compile(r"&&|\|\||[;|&]|^\s*(?:cd|source|export|\.)\s")


@dataclass(frozen=True, slots=True)
class _Place:
    """Services that are deployed together, and the name of their environment, where it has one."""

    services: tuple[Yaml, ...]
    environment: Item | None = None


def read_render(path: PurePosixPath, text: str) -> Iterator[Process]:
    """A process for each service, and for each Key Value instance; none of the static sites, nor of
    what is built from another repository."""
    for document in documents_of(path, text):
        places = list(_places_of(document))
        groups = dict(_groups_of(document))
        services = [service for place in places for service in place.services]
        repositories = {service.get("repo").text for service in services if _is_built(service)}
        for place in places:
            for service in place.services:
                # one repository for all of them is this one, whatever its address
                if len(repositories) > 1 and service.get("repo"):
                    continue
                process = _read_service(service, groups, place.environment)
                if process is not None:
                    yield process


def _places_of(document: Yaml) -> Iterator[_Place]:
    """The services of the file: at its root, without a project, and those of each environment."""
    yield _Place(_services_of(document))
    yield _Place(_services_of(document.get("ungrouped")))
    for project in document.get("projects").elements():
        for environment in project.get("environments").elements():
            name = environment.get("name").text or ""
            whole = Item(f"{project.get('name').text or ''}/{name}", environment.where)
            yield _Place(_services_of(environment), whole)


def _services_of(node: Yaml) -> tuple[Yaml, ...]:
    found = node.get("services").elements()
    return tuple(service for service in found if service.kind == "mapping")


def _groups_of(document: Yaml) -> Iterator[tuple[str, Yaml]]:
    """The variables of each environment group, by its name."""
    holders = [document, document.get("ungrouped")]
    for project in document.get("projects").elements():
        holders += project.get("environments").elements()
    for holder in holders:
        for group in holder.get("envVarGroups").elements():
            yield group.get("name").text or "", group.get("envVars")


def _is_built(service: Yaml) -> bool:
    return service.get("type").text in STARTED and _runtime_of(service) != "image"


def _runtime_of(service: Yaml) -> str:
    """python, docker, image, static, ...; `env` is its old name."""
    return service.get("runtime").text or service.get("env").text or ""


def _read_service(
    service: Yaml, groups: Mapping[str, Yaml], environment: Item | None
) -> Process | None:
    name, kind = service.get("name").text or "", service.get("type").text
    options = {"environment": environment} if environment else {}
    if kind in SERVERS:
        policy = service.get("maxmemoryPolicy").item or Item("", service.where)
        options["maxmemory_policy"] = policy
        return Process("render", name, (), service.where, options=options)
    runtime = _runtime_of(service)
    if kind not in STARTED or runtime == "static":
        return None
    command = service.get("startCommand")
    if runtime in IMAGES:
        command = service.get("dockerCommand")
    options |= _options_of(service, runtime)
    stop, delay = None, service.get("maxShutdownDelaySeconds")
    # a cron job is no process that is kept
    if kind != "cron":
        stop = seconds_of(delay.text or "") if delay else GRACE
    return Process(
        "render",
        name,
        _words_of(command.text or "", runtime),
        command.where if command else service.where,
        dict(_environment_of(service.get("envVars"), groups)),
        # the Dashboard may have more of them
        sealed=False,
        stop=stop,
        stop_where=delay.where if delay else None,
        folder=service.get("rootDir").text,
        replicas=service.get("numInstances").item or service.get("scaling", "minInstances").item,
        options=options,
    )


def _options_of(service: Yaml, runtime: str) -> dict[str, Item]:
    """What the file says about the image, or the folder, of a service."""
    found = {"type": service.get("type").item, "rootDir": service.get("rootDir").item}
    if runtime == "image":
        found["image"] = service.get("image", "url").item
    if runtime == "docker":
        found["dockerfile"] = service.get("dockerfilePath").item or Item(
            "Dockerfile", service.where
        )
        found["context"] = service.get("dockerContext").item or service.get("rootDir").item
    return {key: item for key, item in found.items() if item}


def _words_of(text: str, runtime: str) -> tuple[str, ...]:
    if runtime not in IMAGES and FOR_A_SHELL.search(text):
        return ("bash", "-c", text)
    return split_command(text)


def _environment_of(
    variables: Yaml, groups: Mapping[str, Yaml], depth: int = 1
) -> Iterator[tuple[str, Item]]:
    """The variables of a service, with those of its groups; an empty text where only Render knows
    the value."""
    for element in variables.elements():
        group = element.get("fromGroup").text or ""
        if group in groups and depth:
            yield from _environment_of(groups[group], groups, depth - 1)
    for element in variables.elements():
        name, value = element.get("key").text, element.get("value").item
        if name:
            yield name, value or Item(_url_of(element.get("fromService")), element.where)


def _url_of(reference: Yaml) -> str:
    """The URL of a Key Value instance that a variable refers to, with its name as the host; empty
    for any other reference."""
    if reference.get("type").text not in SERVERS:
        return ""
    if reference.get("property").text != "connectionString":
        return ""
    return f"redis://{reference.get('name').text}:6379"
