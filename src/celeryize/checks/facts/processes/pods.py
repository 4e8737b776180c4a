"""What is in a container, a pod or a machine beside a process, and which Services lead to it.

Source: https://kubernetes.io/docs/concepts/workloads/pods/#pod-networking
"""

from __future__ import annotations

import re

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.where_it_runs import starts_web
from celeryize.detect.processes.manifests import Manifest
from celeryize.detect.processes.process import Process, folder_of_manifests
from celeryize.reading import readable_text

# The images of brokers by the first letters of a URL; tools for one are none.
SERVERS = {
    "redis": re.compile(r"(?:redis|valkey|keydb|dragonfly)(?!.*(?:exporter|commander|insight))"),
    "amqp": re.compile(r"rabbit(?!.*exporter)"),
}
# Containers that bring no broker into the pod of a worker.
HARMLESS = re.compile(r"nginx|flower|cloud-?sql|pgbouncer|fluent|statsd|opentelemetry|datadog")
# What starts a server in the container of a worker.
STARTS_SERVER = re.compile(
    r"\b(?:redis-server|valkey-server|rabbitmq-server|stunnel|haproxy|socat)\b"
)


def shares_nothing(facts: Facts, process: Process) -> bool:
    """Whether localhost is for a process nothing but its own container, pod or machine, in which
    no broker is."""
    if process.kind == "compose":
        return "network_mode" not in process.options
    if process.kind not in {"kubernetes", "fly", "render"} or _starts_server(facts):
        return False
    host = process.options.get("host_network")
    if "sidecars" in process.options or (host and host.text.lower() == "true"):
        return False
    return all(_is_harmless(facts, other) for other in containers_beside(facts, process))


def containers_beside(facts: Facts, process: Process) -> list[Process]:
    """The other containers of the pod of a process."""
    pod = process.options.get("pod")
    return [
        other
        for other in facts.deployment.processes
        if other is not process and pod and other.options.get("pod") == pod
    ]


def _is_harmless(facts: Facts, container: Process) -> bool:
    if container.celery or starts_web(facts, container):
        return True
    image = container.options.get("image")
    return image is not None and HARMLESS.search(image.text) is not None


def _starts_server(facts: Facts) -> bool:
    root = facts.deployment.root
    paths = [root / path for path in facts.deployment.dockerfiles]
    paths += [
        place / file
        for place, _, files in facts.deployment.folders
        for file in files
        if file.endswith((".sh", ".bash")) or "entrypoint" in file
    ]
    return any(STARTS_SERVER.search(readable_text(path)) for path in paths)


def servers_beside(facts: Facts, process: Process, url: str) -> list[str]:
    """The hosts of the servers for a URL that are deployed together with a process; of one that no
    Service leads to, an empty text."""
    found = []
    wanted = SERVERS["redis"]
    if "amqp" in url.partition(":")[0]:
        wanted = SERVERS["amqp"]
    for other in facts.deployment.processes:
        image = other.options.get("image")
        if other.kind != process.kind or other.scope != process.scope or image is None:
            continue
        if wanted.search(image.text):
            services = services_of(facts, other)
            name = services[0].name if services else ""
            found.append(name if process.kind == "kubernetes" else other.name)
    return found


def services_of(facts: Facts, process: Process) -> list[Manifest]:
    """The Services of its folder that lead to the pod of a process."""
    return [
        one
        for one in facts.deployment.manifests
        if one.kind == "Service" and leads_to(one, process)
    ]


def leads_to(service: Manifest, process: Process) -> bool:
    """Whether a Service leads to the pod of a process, by its labels."""
    item, place = process.options.get("labels"), process.options.get("namespace")
    if item is None or folder_of_manifests(service.where.path) != process.scope[0]:
        return False
    if service.namespace != (place.text if place else ""):
        return False
    labels = item.text.split()
    wanted = [f"{name}={value}" for name, value in service.selector.items()]
    return bool(wanted) and set(wanted) <= set(labels)
