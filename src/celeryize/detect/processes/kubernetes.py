"""The containers of Kubernetes manifests.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from celeryize.detect.processes.manifests import texts_of
from celeryize.detect.processes.process import Item, Process, seconds_of
from celeryize.detect.processes.yaml_nodes import Yaml, documents_of
from celeryize.model import Where

# terminationGracePeriodSeconds where the manifest does not say it.
GRACE = 30.0
KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job"})
SOURCES = {"configMap": "ConfigMap", "secret": "Secret"}
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def read_kubernetes(path: PurePosixPath, text: str) -> Iterator[Process]:
    """A process for each container of each workload."""
    for document in documents_of(path, text):
        objects = [document]
        if document.get("kind").text == "List":
            objects = document.get("items").elements()
        for one in objects:
            kind = one.get("kind").text
            if kind in KINDS:
                pod = one.get("spec") if kind == "Pod" else one.get("spec", "template", "spec")
                for container in pod.get("containers").elements():
                    yield _read_container(str(kind), one, pod, container)


def _read_container(kind: str, workload: Yaml, pod: Yaml, container: Yaml) -> Process:
    command, arguments = container.get("command"), container.get("args")
    # the line of the first word of `celery`, which may be in either
    place = command or arguments or container
    words = (*command.texts(), *arguments.texts())
    grace = pod.get("terminationGracePeriodSeconds")
    seconds: float | None = GRACE
    if grace:
        seconds = seconds_of(grace.text or "")
    user = container.get("securityContext", "runAsUser") or pod.get("securityContext", "runAsUser")
    name = workload.get("metadata", "name").text or container.get("name").text or ""
    return Process(
        "kubernetes",
        name,
        words,
        place.where,
        dict(_environment_of(container.get("env"))),
        sealed=not container.get("envFrom"),
        stop=seconds,
        stop_where=grace.where if grace else None,
        folder=container.get("workingDir").text,
        user=user.text,
        replicas=workload.get("spec", "replicas").item,
        probe=next(_probes_of(container), None),
        options=dict(_options_of(kind, workload, container))
        | {name: item for name, item in _pod_options(workload, pod, container) if item.text},
        listed=True,
    )


def _options_of(kind: str, workload: Yaml, container: Yaml) -> Iterator[tuple[str, Item]]:
    yield "kind", Item(kind, workload.get("kind").where)
    # the entry point of the image takes the arguments
    if not container.get("command") and container.get("args"):
        yield "args_only", Item("", container.get("args").where)
    image = container.get("image").item
    if image:
        yield "image", image
    strategy = workload.get("spec", "strategy", "type").item
    if strategy:
        yield "strategy", strategy
    surge = workload.get("spec", "strategy", "rollingUpdate", "maxSurge").item
    if surge:
        yield "surge", surge
    for name in PROBES:
        timeout = container.get(name, "timeoutSeconds").item
        if timeout:
            yield "probe_timeout", timeout
            return


def _pod_options(workload: Yaml, pod: Yaml, container: Yaml) -> Iterator[tuple[str, Item]]:
    """What a container has in common with others of its pod, and where its variables come from."""
    # the pods of a workload have the labels of its template
    labels = workload.get("spec", "template", "metadata", "labels")
    if workload.get("kind").text == "Pod":
        labels = workload.get("metadata", "labels")
    yield "pod", Item(str(pod.where.line), pod.where)
    yield "spec", Item("spec", workload.where_of("spec"))
    yield "labels", Item(_joined(texts_of(labels)), labels.where)
    yield "namespace", Item(workload.get("metadata", "namespace").text or "", workload.where)
    yield "host_network", Item(pod.get("hostNetwork").text or "", pod.where)
    ports = container.get("ports").elements()
    named = [port.get(key).text or "" for port in ports for key in ("name", "containerPort")]
    yield "ports", Item(" ".join(named), pod.where)
    mounts = container.get("volumeMounts").elements()
    yield "mounts", Item(" ".join(one.get("mountPath").text or "/" for one in mounts), pod.where)
    # a container that starts before the others and goes on beside them
    beside = [
        one.get("name").text or "?"
        for one in pod.get("initContainers").elements()
        if one.get("restartPolicy").text == "Always"
    ]
    yield "sidecars", Item(" ".join(beside), pod.where)
    sources = container.get("envFrom")
    yield "env_from", Item(" ".join(map(_source_of, sources.elements())), sources.where)
    yield "env_keys", Item(_joined(dict(_keys_of(container.get("env")))), container.where)


def _joined(texts: Mapping[str, str]) -> str:
    return " ".join(f"{name}={text}" for name, text in texts.items())


def _source_of(source: Yaml) -> str:
    """`ConfigMap/shop`, or `Secret/shop/PREFIX_`: what all variables are taken from."""
    for key, kind in SOURCES.items():
        name = source.get(f"{key}Ref", "name").text
        if name:
            return "/".join(filter(None, (kind, name, source.get("prefix").text)))
    return "?"


def _keys_of(environment: Yaml) -> Iterator[tuple[str, str]]:
    """The variables whose value is a key of another object: `ConfigMap/shop/BROKER`."""
    for element in environment.elements():
        for key, kind in SOURCES.items():
            source = element.get("valueFrom", f"{key}KeyRef")
            if source:
                parts = (kind, source.get("name").text or "", source.get("key").text or "")
                yield element.get("name").text or "", "/".join(parts)


def _probes_of(container: Yaml) -> Iterator[Item]:
    for name in PROBES:
        command = container.get(name, "exec", "command")
        if command:
            yield Item(" ".join(command.texts()), command.where)


def _environment_of(node: Yaml) -> Iterator[tuple[str, Item]]:
    for element in node.elements():
        name, value = element.get("name").text, element.get("value").item
        if name:
            # valueFrom: somebody else knows it
            yield name, value or Item("", Where(element.path, element.where.line))
