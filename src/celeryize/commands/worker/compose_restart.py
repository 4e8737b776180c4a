"""Which restart policy new services of a compose file have: that of the file."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.target import Target
from celeryize.commands.worker.web import Web, find_web
from celeryize.patch.yaml_tree import Node

DEFAULT = "unless-stopped"
TRUE = frozenset({"1", "true", "yes", "on"})
# `"no"`, and what YAML 1.1 makes of a plain `no`
NONE = frozenset({"", "no", "false"})


def policy_of_worker(target: Target, services: Node) -> str:
    """The policy of a new worker whose model has none; empty where the file is for development,
    and a worker that ends there is to be seen."""
    if _is_for_development(target):
        return ""
    return _most_common(services) or DEFAULT


def policy_of_server(target: Target, services: Node) -> str:
    """The policy of a new broker; empty in a file for development whose services have none."""
    return _most_common(services) or policy_of_worker(target, services)


def _most_common(services: Node) -> str:
    """The policy that most services of the file have which have one; empty without any."""
    found = [service.scalar("restart") for _, service in services.resolved.own_items()]
    counted = Counter(policy for policy in found if policy not in NONE)
    return counted.most_common(1)[0][0] if counted else ""


def _is_for_development(target: Target) -> bool:
    """Whether a file is for a developer's machine: by its name, or by its web processes."""
    if is_development(target.path):
        return True
    webs = find_web(target.root, list(target.processes))
    return bool(webs) and all(map(_is_started_to_develop, webs))


def _is_started_to_develop(web: Web) -> bool:
    """Whether a web process is `runserver`, or another server that reloads, or has the settings or
    the DEBUG of a developer."""
    if web.why.startswith("run") or "--reload" in " ".join(web.process.words).split():
        return True
    settings = web.process.variable("DJANGO_SETTINGS_MODULE") or ""
    if is_development(PurePosixPath(settings.rpartition(".")[2])):
        return True
    return (web.process.variable("DEBUG") or "").lower() in TRUE
