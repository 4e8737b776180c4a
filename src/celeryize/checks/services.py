"""The Services of Kubernetes, and the pods that they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.pods import containers_beside, leads_to
from celeryize.checks.facts.processes.start_up import PATCHES
from celeryize.checks.facts.processes.where_it_runs import starts_web
from celeryize.detect.processes import Process

# What adds a label to the selectors of a folder; where there are several, each has its own.
COMMON = re.compile(r"(?m)^commonLabels\s*:|\bincludeSelectors\s*:\s*true")


@check("celery.E948")
def requests_reach_workers(facts: Facts) -> Iterator[Occurrence]:
    """A Service leads to the pods of a worker as well as to those of the web server.

    What happens: Every second request, or so, fails: nothing listens in the pod of a worker.
    How it looks: Connection refused; or 502 Bad Gateway, once in a while
    Why: A Service sends requests to every pod that has the labels of its selector, and these are
        labels of the worker's pods, too.
    Fix: A label that the web server's pods alone have, in the selector: {app: shop, component: web}
    Source: https://kubernetes.io/docs/concepts/services-networking/service/#services-in-kubernetes
    """
    # what kustomize changes is not what is written here
    kustomizations = facts.deployment.kustomizations
    if PATCHES.search(kustomizations) or len(COMMON.findall(kustomizations)) > 1:
        return
    for service in facts.deployment.manifests:
        reached = [one for one in facts.deployment.processes if leads_to(service, one)]
        webs = [one for one in reached if starts_web(facts, one)]
        ports = [port for port in service.ports if any(_serves(web, port) for web in webs)]
        workers = [one for one in reached if _is_reached(facts, ports, one)]
        # a pod that has both is meant
        workers = [one for one in workers if not any(_is_one_pod(one, web) for web in webs)]
        if webs and workers:
            names = " and ".join(f"{one.name} ({one.where})" for one in workers)
            yield Occurrence(
                f"the Service {service.name} leads to the pods of {names}, too: no web server"
                " listens there",
                service.selector_where,
                _label_to_add(webs[0], workers),
            )


def _serves(web: Process, port: str) -> bool:
    """Whether a port may be that of a web server: it need not say which it has."""
    own = _ports_of(web)
    return port in own or (port.isdigit() and not any(one.isdigit() for one in own))


def _ports_of(process: Process) -> set[str]:
    ports = process.options.get("ports")
    return set(ports.text.split()) if ports else set()


def _is_reached(facts: Facts, ports: list[str], process: Process) -> bool:
    """Whether requests to some ports go to the pod of a worker or Beat, in which nothing might
    answer."""
    if process.subcommand not in {"worker", "beat"}:
        return False
    beside = containers_beside(facts, process)
    if any(one.subcommand not in {"worker", "beat"} for one in beside):
        return False
    # a pod without a port of that name is passed over; one that has the number listens there
    own = _ports_of(process)
    return any(port not in own if port.isdigit() else port in own for port in ports)


def _is_one_pod(one: Process, other: Process) -> bool:
    return one.options.get("pod") == other.options.get("pod")


def _label_to_add(web: Process, workers: list[Process]) -> str:
    """What sets the pods of a web server apart from those of the workers."""
    theirs = {label for one in workers for label in one.options["labels"].text.split()}
    for label in web.options["labels"].text.split():
        if label not in theirs:
            name, _, value = label.partition("=")
            return f"Write {name}: {value} there, too."
    return (
        f"Give the pods of {web.name} a label of their own, such as component: web, and write it"
        " there, too."
    )
