"""The document of a compose file, and one more variable for a service of it."""

from __future__ import annotations

from celeryize.commands.worker.compose_service import (
    read_habit,
    scalar,
)
from celeryize.commands.worker.target import Target
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.yaml_edit import Keys, add_elements, add_entries
from celeryize.patch.yaml_tree import Node, parse_yaml


def load_compose(target: Target, text: str) -> Node:
    """The document of a compose file. Raises CannotPatch."""
    documents = parse_yaml(target.path, text)
    services = documents[0].own("services") if documents else None
    if services is None or services.kind != "mapping" or services.flow or not services.pairs:
        raise CannotPatch(
            f"{target.path} has no block of services that lines can be added to",
            hint="Add the service manually, made from that of the web process.",
            where=Where(target.path),
        )
    return documents[0]


def add_variable(target: Target, text: str, service: str, name: str, value: str) -> str:
    """The text with one more variable in the environment of a service, wherever that is written."""
    document = load_compose(target, text)
    node = document.get("services", service)
    assert node is not None
    found = node.get("environment")
    file = read_habit(text, document)
    target.what.append(f"{name} for {service}")
    if found is None:
        block = f"environment:\n{' ' * file.step}{name}: {scalar(value)}\n"
        return add_entries(target.path, text, ("services", service), block)
    keys = keys_of(document, found.resolved)
    if found.resolved.kind == "sequence":
        return add_elements(target.path, text, keys, f"- {name}={value}\n")
    return add_entries(target.path, text, keys, f"{name}: {scalar(value)}\n")


def variable_of(document: Node, service: str, name: str) -> str:
    """The value of a variable in a service's environment; `$` for one without a value here."""
    node = document.get("services", service)
    found = node.get("environment") if node else None
    if found is None:
        return ""
    for key, node in found.items():
        if key == name:
            return node.resolved.text or "$"
    for element in found.resolved.elements:
        key, _, value = element.resolved.text.partition("=")
        if key == name:
            return value or "$"
    return ""


def keys_of(root: Node, node: Node, keys: Keys = ()) -> Keys:
    """The keys that lead to a node, from where it is written."""
    if root is node:
        return keys
    found: Keys = ()
    for key, value in root.pairs:
        found = found or _keys_below(value, node, (*keys, key.text))
    for index, value in enumerate(root.elements):
        found = found or _keys_below(value, node, (*keys, index))
    return found


def _keys_below(value: Node, node: Node, keys: Keys) -> Keys:
    if value.kind == "alias":
        return ()
    return keys_of(value, node, keys)
