"""Under which hosts the services of compose files find each other, and in which networks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.given import given_to
from celeryize.detect.processes.process import Process

# The scheme is no host: `redis://cache:6379/0` names the host cache.
URL = re.compile(r"([a-z][a-z0-9+]*)://(?:[^@/\s]*@)?([A-Za-z][\w.-]*)")
PLAIN = re.compile(r"([A-Za-z][\w.-]*)(?::\d+)?")
DATABASE_IMAGE = re.compile(
    r"(^|/)(postgres|postgresql|postgis|pgvector|timescaledb\b.*|mysql|mariadb)\b"
)
# What may lead to hosts and networks that the service itself does not say.
ELSEWHERE = frozenset({"network_mode", "extends", "links", "external_links"})


def host_in(text: str) -> str:
    """The host of a URL, or of `host:port`; empty where there is none."""
    found = URL.match(text)
    if found:
        return found[2]
    plain = PLAIN.fullmatch(text)
    return plain[1] if plain else ""


def services_beside(facts: Facts, process: Process) -> Iterator[Process]:
    """The services of the compose files of its folder: a base, its override, one for production."""
    for other in facts.deployment.processes:
        if other.kind == "compose" and other.where.path.parent == process.where.path.parent:
            yield other


def definitions_of(facts: Facts, process: Process) -> list[Process]:
    """What the compose files of a folder say about one service: they are merged."""
    if process.kind != "compose":
        return [process]
    return [other for other in services_beside(facts, process) if other.name == process.name]


def is_given_beside(facts: Facts, process: Process, name: str) -> bool:
    """Whether another file of the stack may give a variable to the same service."""
    others = [one for one in definitions_of(facts, process) if one.where != process.where]
    given = [given_to(facts, one) for one in others]
    return any(name in one.variables or not one.complete for one in given)


def names_of(process: Process) -> set[str]:
    """The hosts under which one definition of a service is found."""
    names = {process.name}
    for key in ("container_name", "hostname", "aliases"):
        item = process.options.get(key)
        names.update(item.text.split() if item else ())
    return names


def service_at(facts: Facts, process: Process, host: str) -> str:
    """The service that a container finds at a host; the host itself where it is no service's."""
    named = {other.name for other in services_beside(facts, process) if host in names_of(other)}
    if host in named or len(named) != 1:
        return host
    return named.pop()


def networks_of(facts: Facts, process: Process) -> set[str] | None:
    """The networks that a service is on; None where that is not known."""
    found: set[str] = set()
    definitions = definitions_of(facts, process)
    for one in definitions:
        if ELSEWHERE & set(one.options):
            return None
        item = one.options.get("on_networks")
        found.update(item.text.split() if item else ())
        # one that stands for itself is on the default network, as the only file of a stack
        if item is None and (
            len(definitions) == 1 or {"image", "build", "context"} & set(one.options)
        ):
            named = one.options.get("default_network")
            found.add(named.text if named else "default")
    if any("$" in name for name in found):
        return None
    return found


def is_one_server(facts: Facts, process: Process, host: str, other: str) -> bool:
    """Whether two hosts may be one database: names of one service, or a pooler in front of it."""
    one, two = service_at(facts, process, host), service_at(facts, process, other)
    if one == two:
        return True
    beside = list(services_beside(facts, process))
    databases = {service.name for service in beside if is_database(service)}
    named = {service.name for service in beside}
    return len(databases) == 1 and {one, two} <= named and not {one, two} <= databases


def is_database(process: Process) -> bool:
    """Whether a service is the image of a database."""
    image = process.options.get("image")
    return image is not None and DATABASE_IMAGE.search(image.text) is not None
