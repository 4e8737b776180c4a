"""Services of a compose file that run Celery already: what they lack is added, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.compose_broker import in_env_files
from celeryize.commands.worker.compose_edit import add_variable, load_compose
from celeryize.commands.worker.compose_restart import policy_of_worker
from celeryize.commands.worker.compose_service import (
    Base,
    ComposeFile,
    environment_lines,
    health_lines,
    read_habit,
)
from celeryize.commands.worker.start_script import exec_in_script
from celeryize.commands.worker.target import Target
from celeryize.commands.worker.wanted import REMAP, Job
from celeryize.detect.processes.process import Process
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.yaml_edit import add_entries
from celeryize.patch.yaml_tree import MERGE, Node


@dataclass(frozen=True, slots=True)
class _Adopted:
    """A service that runs Celery already."""

    process: Process
    job: Job


def adopt_services(target: Target, text: str) -> str:
    """The text with what the existing workers and Beat lack, each a line that can be inserted."""
    if is_development(target.path):
        target.keep("its worker is for development: left as it is")
        return text
    for process in target.adopted_workers():
        job = Job(process.subcommand or "worker", process.name)
        text = _adopt_service(target, text, _Adopted(process, job))
        exec_in_script(target, process)
    return text


def _adopt_service(target: Target, text: str, adopted: _Adopted) -> str:
    wanted, name = target.wanted, adopted.process.name
    document = load_compose(target, text)
    node = document.get("services", name)
    if node is None or node.kind != "mapping" or node.flow or not node.pairs:
        raise CannotPatch(
            f"the service {name} is not a block of lines",
            hint="Add what is missing manually: REMAP_SIGTERM, stop_grace_period.",
            where=adopted.process.where,
        )
    file = read_habit(text, document)
    # what is added to it, the services that merge it get as well
    shared = _is_merged(document, node)
    probed = node.resolved.own("healthcheck") is not None or _has_probe(node)
    block = _adopted_lines(target, file, adopted, shared=shared)
    if wanted.health and not probed and not shared:
        block += health_lines(file, adopted.job)
    variables = _missing_variables(target, document, adopted, health=not probed and not shared)
    own = node.resolved.own("environment")
    if own is None and variables:
        inherited = frozenset(key for key, _ in node.items())
        block += environment_lines(file, Base(name, node, ""), variables, inherited)
    if block:
        text = add_entries(target.path, text, ("services", name), block)
        target.what.append(f"what {name} lacks for a safe stop")
    if own is not None:
        for key, value in variables:
            text = add_variable(target, text, name, key, value)
    return text


def _missing_variables(
    target: Target, document: Node, adopted: _Adopted, *, health: bool
) -> list[tuple[str, str]]:
    """The variables that a service lacks; those of a health check only with it."""
    return [
        (key, value)
        for key, value in target.wanted.variables(adopted.job)
        if (health or key == REMAP)
        and adopted.process.variable(key) is None
        and not target.exported((key,))
        and not in_env_files(target, document, adopted.process.name, key)
    ]


def _adopted_lines(target: Target, file: ComposeFile, adopted: _Adopted, *, shared: bool) -> str:
    """The lines for the start and the stop of an existing service."""
    node = file.service(adopted.process.name)
    assert node is not None
    block = ""
    if node.get("init") is None:
        block += "init: true\n"
    restarts = node.get("restart") or node.get("deploy", "restart_policy")
    if restarts is None and not shared:
        policy = policy_of_worker(target, file.services)
        block += f"restart: {policy}\n" if policy else ""
    return block + _adopted_grace(target, node, adopted)


def _is_merged(document: Node, service: Node) -> bool:
    """Whether another service merges this one."""
    services = document.own("services")
    for _, other in services.resolved.own_items() if services else ():
        merged = other.resolved.own(MERGE)
        parts = (merged.resolved.elements or (merged,)) if merged else ()
        if any(part.resolved is service for part in parts):
            return True
    return False


def _has_probe(node: Node) -> bool:
    """Whether a health check that is merged in is one of Celery."""
    found = node.get("healthcheck", "test")
    if found is None:
        return False
    return "celery" in " ".join(found.words()) + found.resolved.text


def _adopted_grace(target: Target, node: Node, adopted: _Adopted) -> str:
    """The line for the grace of an existing worker; a manual step where another one is there."""
    wanted, process = target.wanted, adopted.process
    if adopted.job.is_beat:
        return ""
    own = node.resolved.own("stop_grace_period")
    if own is None and (process.stop is None or process.stop < wanted.grace):
        return f"stop_grace_period: {wanted.grace}s\n"
    if own is not None and process.stop is not None and process.stop <= (wanted.soft or 0):
        target.todo(
            Todo(
                f"stop_grace_period of {process.name} is {process.stop:g} s ({process.stop_where})",
                f"The soft shutdown needs {wanted.soft} s before the worker is killed.",
                f"stop_grace_period: {wanted.grace}s\n",
                target.path,
            )
        )
    return ""
