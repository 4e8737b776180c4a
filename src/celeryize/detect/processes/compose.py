"""The services of a compose file.

Source: https://docs.docker.com/reference/compose-file/services/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.detect.processes.process import (
    Item,
    Process,
    seconds_of,
    signal_name,
    split_command,
)
from celeryize.detect.processes.yaml_nodes import Yaml, documents_of

# Compose kills ten seconds after SIGTERM.
GRACE = 10.0


def is_compose(document: Yaml) -> bool:
    """Whether a YAML document has services, as a compose file has."""
    return document.get("services").kind == "mapping"


def read_compose(path: PurePosixPath, text: str) -> Iterator[Process]:
    """A process for each service."""
    for document in documents_of(path, text):
        for name, service in document.get("services").items():
            if service.kind == "mapping":
                yield _read_service(name, service, document)


def _read_service(name: str, service: Yaml, document: Yaml) -> Process:
    command = service.get("command")
    words = _words_of(command)
    entry = _words_of(service.get("entrypoint"))
    place = command if words else service.get("entrypoint")
    where = service.where
    if place:
        where = place.where
    stop = service.get("stop_grace_period")
    seconds: float | None = GRACE
    if stop:
        seconds = seconds_of(stop.text or "")
    if service.get("extends") and not stop:
        seconds = None
    replicas = service.get("deploy", "replicas").item or service.get("scale").item
    options = _options_of(service)
    for key in ("dockerfile", "context", "target"):
        item = service.get("build", key).item
        if item:
            options[key] = item
    # `disable: true` is a decision, as a test of its own is
    disabled = service.get("healthcheck", "disable").item
    if disabled:
        options["healthcheck"] = disabled
    options |= _more_options(service, document)
    return Process(
        "compose",
        name,
        (*entry, *words),
        where,
        dict(environment_of(service.get("environment"))),
        sealed=not service.get("env_file") and not service.get("extends"),
        stop=seconds,
        stop_where=stop.where if stop else None,
        signal=signal_name(service.get("stop_signal").text),
        folder=service.get("working_dir").text,
        user=service.get("user").text,
        replicas=replicas,
        probe=_probe_of(service),
        options={k: v for k, v in options.items() if v},
        listed=(command or service.get("entrypoint")).kind == "sequence",
    )


def _options_of(service: Yaml) -> dict[str, Item]:
    """What a service says beside its name: texts, and lists as one text."""
    options = {k: v.item for k, v in service.items() if v.item}
    options |= {
        key: Item(" ".join(value.texts()), value.where)
        for key, value in service.items()
        if value.kind == "sequence"
    }
    volumes = service.get("volumes")
    if volumes.kind == "sequence":
        options["volumes"] = Item(" ".join(map(_volume_text, volumes.elements())), volumes.where)
    ports = service.get("ports")
    if ports.kind == "sequence":
        options["ports"] = Item(" ".join(map(_port_text, ports.elements())), ports.where)
    return options


def _more_options(service: Yaml, document: Yaml) -> dict[str, Item]:
    """What a service says in mappings: what it extends, its env_files, the networks it is on, and
    the variables that it passes on from the shell."""
    files = service.get("env_file")
    paths = [one.get("path").text or one.text or "" for one in files.elements()]
    passed = [one.text or "" for one in service.get("environment").elements()]
    found = {
        "extends": service.get("extends", "service").item,
        "extends_file": service.get("extends", "file").item,
    }
    if paths:
        found["env_file"] = Item(" ".join(paths), files.where)
    if any("=" not in one for one in passed):
        listed = " ".join(one for one in passed if "=" not in one)
        found["passed"] = Item(listed, service.get("environment").where)
    found |= _network_options(service, document)
    return {key: item for key, item in found.items() if item and item.text}


def _network_options(service: Yaml, document: Yaml) -> dict[str, Item]:
    """The networks that a service is on, its other names there, and the name of the default one."""
    networks = service.get("networks")
    keys = list(networks.texts()) or [key for key, _ in networks.items()]
    # two keys may be one network of the host
    names = " ".join(_network_name(document, key) for key in keys)
    aliases = [one for _, network in networks.items() for one in network.get("aliases").texts()]
    return {
        "on_networks": Item(names, networks.where),
        "aliases": Item(" ".join(aliases), networks.where),
        "default_network": Item(_network_name(document, "default"), service.where),
    }


def _network_name(document: Yaml, key: str) -> str:
    """The name that a network of a file has on the host; its key where it has no other."""
    network = document.get("networks", key)
    return network.get("name").text or network.get("external", "name").text or key


def _port_text(port: Yaml) -> str:
    """A port as the short syntax writes it."""
    target, published = port.get("target").text, port.get("published").text
    if not target:
        return port.text or ""
    before = [text for text in (port.get("host_ip").text, published) if text]
    return ":".join([*before, target]) + f"/{port.get('protocol').text or 'tcp'}"


def _volume_text(volume: Yaml) -> str:
    """A volume as the short syntax writes it; empty where it has no source."""
    source, target = volume.get("source").text, volume.get("target").text
    if source and target:
        return f"{source}:{target}"
    return volume.text or ""


def _words_of(command: Yaml) -> tuple[str, ...]:
    if command.kind == "sequence":
        return command.texts()
    if command.text:
        return split_command(command.text)
    return ()


def _probe_of(service: Yaml) -> Item | None:
    test = service.get("healthcheck", "test")
    if test.kind == "sequence":
        words = [word for word in test.texts() if word not in {"CMD", "CMD-SHELL"}]
        return Item(" ".join(words), test.where)
    return test.item


def environment_of(node: Yaml) -> Iterator[tuple[str, Item]]:
    """The variables of a mapping, or of a list of `NAME=value`."""
    for key, value in node.items():
        if value.text is not None:
            yield key, Item(value.text, value.where)
    for element in node.elements():
        name, sign, text = (element.text or "").partition("=")
        if sign:
            yield name, Item(text, element.where)
