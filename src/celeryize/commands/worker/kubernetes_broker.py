"""The broker of a project on Kubernetes: its URL for the processes, and the server where there is
none."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from celeryize.commands.worker.broker import IMAGES, Server
from celeryize.commands.worker.compose_service import scalar
from celeryize.commands.worker.target import Target
from celeryize.detect.processes.manifests import Manifest, read_manifests
from celeryize.detect.processes.process import Process
from celeryize.model import Todo
from celeryize.reading import readable_text

SERVERS = {
    "redis": (
        "redis:8-alpine",
        6379,
        "/data",
        ["redis-server", "--appendonly", "yes", "--maxmemory-policy", "noeviction"],
        ["redis-cli", "ping"],
    ),
    "rabbitmq": (
        "rabbitmq:4",
        5672,
        "/var/lib/rabbitmq",
        [],
        ["rabbitmq-diagnostics", "-q", "ping"],
    ),
}


def names_of(server: Server) -> tuple[str, ...]:
    """The variables that may have its URL, or its host."""
    return (server.own, *server.variables, server.host_variable)


def missing_variables(target: Target, web: Process, model: Process) -> list[tuple[str, str]]:
    """The variables that a process needs for the broker and the result backend, as the model, which
    may run Celery already, has them; none where it may have them from a ConfigMap, or where no
    server is needed."""
    found = []
    for server in (target.wanted.broker, target.wanted.backend):
        if server is None or not server.kind or not server.is_local or not web.sealed:
            continue
        names = names_of(server)
        if any(name in web.environment for name in names):
            continue
        of_model = {
            name: model.environment[name].text for name in names if name in model.environment
        }
        if of_model or not model.sealed:
            # a value from a Secret is no text here
            found += [(name, value) for name, value in of_model.items() if value]
            continue
        host = server_name(target, server)
        if server.host_variable:
            found.append((server.host_variable, host))
        elif not server.computed:
            found.append((server.variable, server.url_at(host)))
    return found


def missing_servers(target: Target, web: Process, model: Process) -> tuple[str, ...]:
    """The kinds of servers that the variables above name and that no manifest starts."""
    servers = [s for s in (target.wanted.broker, target.wanted.backend) if s and s.kind]
    known = any(name in model.environment for s in servers for name in names_of(s))
    if known or not missing_variables(target, web, model):
        return ()
    local = [s for s in servers if s.is_local and not existing_server(target, s)]
    return tuple(dict.fromkeys(server.kind for server in local))


def report_config(target: Target, web: Process) -> None:
    """A manual step with what the ConfigMap of a web process lacks for the broker and the results;
    a note where it has no ConfigMap in the manifests."""
    if web.sealed:
        return
    manifests = _manifests_beside(target, web)
    sources = {tuple(source.split("/")[:2]) for source in _sources_of(web)}
    held = [one for one in manifests if (one.kind, one.name) in sources]
    lacking = _servers_lacking(target, {*web.environment, *_names_in(held)})
    config = next((one for one in held if one.kind == "ConfigMap"), None)
    lines = list(dict.fromkeys(_line_for(target, server, manifests) for server in lacking))
    if config is not None and lines and all(lines):
        names = " and ".join(line.partition(":")[0] for line in lines)
        secrets = [name for kind, name in sorted(sources) if kind == "Secret"]
        elsewhere = f", unless the Secret {secrets[0]} has it" if secrets else ""
        target.todo(
            Todo(
                f"{names} in the ConfigMap {config.name}",
                f"Below its data:{elsewhere}. Without it {web.name} and the worker look for the"
                " broker on localhost, which is the pod itself.",
                "".join(f"  {line}\n" for line in lines),
                config.where.path,
            )
        )
    elif target.wanted.broker in lacking:
        target.note(
            f"{target.wanted.broker.variable} is expected in the ConfigMap or Secret of {web.name}:"
            " localhost is the pod itself."
        )


def _servers_lacking(target: Target, known: set[str]) -> list[Server]:
    """The servers that the settings look for on localhost, and that no known variable names."""
    return [
        server
        for server in (target.wanted.broker, target.wanted.backend)
        if server and server.kind and server.is_local and known.isdisjoint(names_of(server))
    ]


def _names_in(manifests: list[Manifest]) -> set[str]:
    return {name for one in manifests for name in one.values}


def _sources_of(process: Process) -> tuple[str, ...]:
    sources = process.options.get("env_from")
    return tuple(sources.text.split()) if sources else ()


def _manifests_beside(target: Target, web: Process) -> list[Manifest]:
    """The ConfigMaps, Secrets and Services of the folder of a web process."""
    folder = target.root / web.where.path.parent
    found: list[Manifest] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        relative = PurePosixPath(path.relative_to(target.root).as_posix())
        found += read_manifests(relative, readable_text(path))
    return found


def _line_for(target: Target, server: Server, manifests: list[Manifest]) -> str:
    """The variable with the URL, or the host, of a server; empty where code makes it."""
    host = server_name(target, server)
    for process in target.siblings:
        labels = process.options.get("labels")
        own = set(labels.text.split()) if labels else set()
        for one in manifests:
            wanted = {f"{name}={value}" for name, value in one.selector.items()}
            if process.name == host and wanted and wanted <= own:
                host = one.name
    if server.host_variable:
        return f"{server.host_variable}: {scalar(host)}"
    if server.computed:
        return ""
    return f"{server.variable}: {scalar(server.url_at(host))}"


def server_name(target: Target, server: Server) -> str:
    """The name of the server: that of a workload which runs one, else the one it will have."""
    return existing_server(target, server) or server.kind


def existing_server(target: Target, server: Server) -> str:
    """The workload of the project's manifests that runs such a server; empty without one."""
    if not server.kind:
        return ""
    for process in target.siblings:
        image = process.options.get("image")
        if image and IMAGES[server.kind].search(image.text):
            return process.name
    return ""


def render_server(kind: str, namespace: str) -> str:
    """A server that keeps its messages: a Service and a StatefulSet with a volume."""
    image, port, folder, arguments, probe = SERVERS[kind]
    place = f"  namespace: {scalar(namespace)}\n" if namespace else ""
    asked = json.dumps(probe)
    started = f"          args: {json.dumps(arguments)}\n" if arguments else ""
    return (
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {kind}\n{place}spec:\n"
        f"  selector:\n    app: {kind}\n  ports:\n    - port: {port}\n"
        f"---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: {kind}\n{place}spec:\n"
        f"  serviceName: {kind}\n  replicas: 1\n  selector:\n    matchLabels:\n      app: {kind}\n"
        f"  template:\n    metadata:\n      labels:\n        app: {kind}\n    spec:\n"
        f"      containers:\n        - name: {kind}\n          image: {image}\n{started}"
        f"          ports:\n            - containerPort: {port}\n"
        f"          readinessProbe:\n            exec:\n              command: {asked}\n"
        "            periodSeconds: 10\n            timeoutSeconds: 10\n"
        f"          volumeMounts:\n            - name: data\n              mountPath: {folder}\n"
        "  volumeClaimTemplates:\n    - metadata:\n        name: data\n      spec:\n"
        "        accessModes: [ReadWriteOnce]\n        resources:\n          requests:\n"
        "            storage: 1Gi\n"
    )
