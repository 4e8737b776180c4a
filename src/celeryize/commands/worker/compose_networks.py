"""The networks of a compose file that a broker belongs to: not the proxy's, not another file's."""

from __future__ import annotations

import re

from celeryize.patch.yaml_tree import Node

PROXY = re.compile(r"proxy|nginx|caddy|traefik|haproxy|envoy|ingress")
DATABASE = re.compile(r"(?:^|[-_])(?:db|database|postgres\w*|pg|mysql|mariadb|mongo\w*)(?:[-_]|$)")
# The ports of a server that the world talks to.
PUBLIC = re.compile(r"(?:^|:)(?:80|443)(?::|$|/)")


def networks_of(service: Node) -> list[str]:
    """The names of the networks of a service; empty for the default one."""
    found = service.get("networks")
    if found is None:
        return []
    return [key.text for key, _ in found.resolved.pairs] or [*found.words()]


def inner_networks(document: Node, names: list[str]) -> list[str]:
    """Of several networks those for a server of the project; all where none is left."""
    for is_for_others in (_is_of_proxy, _is_external, _is_of_database):
        names = [name for name in names if not is_for_others(document, name)] or names
    return names


def leads_inside(document: Node, names: list[str]) -> bool:
    """Whether some networks are for more than a proxy."""
    return any(not _is_of_proxy(document, name) for name in names)


def _is_of_proxy(document: Node, name: str) -> bool:
    """Whether a network is called after a proxy, or has one."""
    if PROXY.search(name):
        return True
    services = document.own("services")
    return any(
        name in networks_of(service) and _is_proxy(called, service)
        for called, service in (services.resolved.own_items() if services else ())
    )


def _is_proxy(name: str, service: Node) -> bool:
    """Whether a service is called so, is made from such an image, or has a public port."""
    if PROXY.search(name) or PROXY.search(service.scalar("image")):
        return True
    ports = service.get("ports")
    return any(PUBLIC.search(port) for port in (ports.words() if ports else ()))


def _is_external(document: Node, name: str) -> bool:
    """Whether other files use a network, which may have a Redis of their own."""
    network = document.get("networks", name)
    external = network.get("external") if network else None
    return external is not None and external.resolved.text != "false"


def _is_of_database(_: Node, name: str) -> bool:
    return bool(DATABASE.search(name))
