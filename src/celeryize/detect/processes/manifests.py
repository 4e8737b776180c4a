"""The ConfigMaps, Secrets and Services of Kubernetes manifests: what is beside the workloads.

Source: https://kubernetes.io/docs/concepts/configuration/configmap/;
https://kubernetes.io/docs/concepts/configuration/secret/;
https://kubernetes.io/docs/concepts/services-networking/service/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from celeryize.detect.processes.process import Item
from celeryize.detect.processes.yaml_nodes import Yaml, documents_of
from celeryize.model import Where

HOLDERS = ("ConfigMap", "Secret", "SealedSecret", "Service")
# What a file of these has to have, before it is parsed for them.
NAMED = re.compile(rf"\bkind\b[\"']?\s*:\s*[\"']?(?:{'|'.join(HOLDERS)})\b")
# Where each kind keeps its values: as texts, and as what only the cluster can read.
TEXTS: dict[str, tuple[str, ...]] = {"ConfigMap": ("data",), "Secret": ("stringData",)}
SEALED: dict[str, tuple[str, ...]] = {
    "Secret": ("data",),
    "SealedSecret": ("spec", "encryptedData"),
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object of a manifest. `values` are those of a ConfigMap or a Secret, empty where only the
    cluster can read them; `selector` the labels that a Service looks for; `ports` the names, or
    the numbers, of the ports that it leads to."""

    kind: str
    name: str
    namespace: str
    where: Where
    values: Mapping[str, Item] = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)
    selector_where: Where | None = None
    ports: tuple[str, ...] = ()


def read_manifests(path: PurePosixPath, text: str) -> Iterator[Manifest]:
    """The ConfigMaps, Secrets and Services of a file."""
    if NAMED.search(text) is None:
        return
    for document in documents_of(path, text):
        objects = [document]
        if document.get("kind").text == "List":
            objects = document.get("items").elements()
        for one in objects:
            kind = one.get("kind").text or ""
            if kind in HOLDERS:
                yield _read_object(kind, one)


def _read_object(kind: str, one: Yaml) -> Manifest:
    values: dict[str, Item] = {}
    if kind in TEXTS:
        values |= {name: _value_of(value) for name, value in one.get(*TEXTS[kind]).items()}
    if kind in SEALED:
        for name, value in one.get(*SEALED[kind]).items():
            values.setdefault(name, Item("", value.where))
    selector = one.get("spec", "selector")
    ports = one.get("spec", "ports").elements()
    return Manifest(
        # what a controller makes of it is a Secret
        kind.removeprefix("Sealed"),
        one.get("metadata", "name").text or "",
        one.get("metadata", "namespace").text or "",
        one.get("metadata", "name").where,
        values,
        _selected(one) if kind == "Service" else {},
        selector.where if selector else None,
        tuple(port.get("targetPort").text or port.get("port").text or "" for port in ports),
    )


def _selected(service: Yaml) -> dict[str, str]:
    """The labels of the pods that a Service sends requests to: one without an address of its own,
    `clusterIP: None`, lists pods, and what asks for the list knows them."""
    if service.get("spec", "clusterIP").text == "None":
        return {}
    return texts_of(service.get("spec", "selector"))


def _value_of(value: Yaml) -> Item:
    return value.item or Item("", value.where)


def texts_of(node: Yaml) -> dict[str, str]:
    """A mapping of texts, as labels and selectors are."""
    return {name: value.text or "" for name, value in node.items()}
