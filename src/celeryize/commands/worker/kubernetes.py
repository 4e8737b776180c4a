"""Worker and Beat as Deployments beside that of the web process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from celeryize.commands.worker.compose_service import BEAT_FILE, probe_command, scalar
from celeryize.commands.worker.eviction import note_policy
from celeryize.commands.worker.kubernetes_broker import (
    existing_server,
    missing_servers,
    missing_variables,
    render_server,
    report_config,
)
from celeryize.commands.worker.target import (
    Target,
    app_of,
    choose_model,
    note_of_web,
    plain_name,
    report_front,
    report_home,
)
from celeryize.commands.worker.wanted import REMAP, Job
from celeryize.commands.worker.web import find_web, folder_of, program_words
from celeryize.detect.processes.kubernetes import GRACE
from celeryize.detect.processes.process import Process
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.yaml_edit import (
    Keys,
    add_document,
    add_elements,
    add_entries,
    source_lines,
)
from celeryize.patch.yaml_tree import Node, parse_yaml
from celeryize.reading import read_text

# What the pod and the container of a worker have in common with those of the web process.
POD = (
    "serviceAccountName",
    "serviceAccount",
    "imagePullSecrets",
    "securityContext",
    "nodeSelector",
    "tolerations",
    "hostAliases",
    "dnsPolicy",
)
CONTAINER = ("image", "imagePullPolicy", "workingDir", "envFrom", "securityContext")
READY = "/tmp/celery-worker-ready"
# `shop-web` of these gives `shop-worker`.
OTHER_NAMES = (
    "web",
    "django",
    "gunicorn",
    "server",
    "celery-worker",
    "celeryworker",
    "worker",
    "celery",
)


@dataclass(frozen=True, slots=True)
class _Workload:
    """A workload of a file: the number of its document, itself, its pod, its container."""

    document: int
    node: Node
    pod: Node
    container: Node
    position: int

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.node.scalar("metadata", "name")


def plan_kubernetes(target: Target) -> None:
    """Plan the Deployments of one manifest; those that are there are completed."""
    text = target.text
    for process in target.adopted_workers():
        text = _adopt(target, text, process)
    jobs = target.missing_jobs()
    if jobs:
        chosen = choose_model(target)
        target.note(note_of_web(chosen))
        model = chosen.process
        report_front(target, model)
        for process in _sending_like(target, model):
            text = _with_broker(target, text, process, model)
        # a worker may have a file of its own
        here = model.where.path == target.path
        source = text if here else read_text(target.root / model.where.path)
        found = _workload_of(target, source, model)
        for job in jobs:
            document = _deployment(target, source, found, model, job)
            text = add_document(target.path, text, document)
            target.what.append(f"the Deployment {_name_of(found.name, job)}")
        _note_size(target, found, model, jobs)
    if text != target.text:
        target.write(text)
    elif not target.todos:
        target.keep("its worker is complete")


def new_kubernetes(target: Target) -> None:
    """A manifest for a project that has none."""
    name = plain_name(target.project)
    image = f"{name}:latest"
    documents = []
    web = Process("kubernetes", "web", (), target.web_place())
    broker = missing_variables(target, web, web)
    for job in target.wanted.jobs:
        container = [
            f"image: {image}\n",
            f"command: {json.dumps(list(target.wanted.celery_words(job, BEAT_FILE)))}\n",
            f"envFrom:\n  - configMapRef:\n      name: {name}\n      optional: true\n",
            _environment("", [*broker, *target.wanted.variables(job)]),
            "securityContext:\n  readOnlyRootFilesystem: true\n  allowPrivilegeEscalation: false\n",
            "volumeMounts:\n  - name: tmp\n    mountPath: /tmp\n",
            *_probes(target, job),
        ]
        pod = ["volumes:\n  - name: tmp\n    emptyDir: {}\n"]
        documents.append(_render(plain_name(job.name), "", job, pod, container, target))
        target.what.append(f"the Deployment {job.name}")
    for kind in missing_servers(target, web, web):
        documents.append(render_server(kind, ""))
        target.what.append(f"the StatefulSet {kind}")
    report_home(target)
    given = "".join(f", and {name} for the web process, too" for name, _ in broker[:1])
    target.note(
        f"{target.path} names the image {image} and the ConfigMap {name} for its "
        f"environment: adapt both{given}."
    )
    _note_slots(target, target.wanted.jobs)
    target.write("---\n".join(documents))


def _note_size(target: Target, found: _Workload, model: Process, jobs: tuple[Job, ...]) -> None:
    """Notes on what the new pods may use, and on how many tasks one of them runs at once."""
    names = " and ".join(_name_of(found.name, job) for job in jobs)
    if model.celery is None and found.container.get("resources") is not None:
        target.note(
            f"{target.path}: {names} got the resources of {found.name}: adapt them to the tasks."
        )
    _note_slots(target, jobs)


def _note_slots(target: Target, jobs: tuple[Job, ...]) -> None:
    """A note on how many tasks a new worker runs at once, where nothing says it.

    Source: billiard.cpu_count() is os.cpu_count(), which counts the processors of the node.
    """
    if target.wanted.slots_are_open and any(not job.is_beat for job in jobs):
        target.note(
            f"{target.path}: a worker runs as many tasks at once as the node has CPUs, each in a"
            " process of its own, whatever the pod may use: --concurrency 2 makes it two."
        )


def _sending_like(target: Target, model: Process) -> tuple[Process, ...]:
    """The processes of the file that have to know the broker: the model, and the web process."""
    webs = find_web(target.root, list(target.processes))
    others = [web.process for web in webs[:1] if web.process != model and not target.web_name]
    return tuple(process for process in (model, *others) if process in target.processes)


def _workloads(target: Target, text: str) -> Iterator[_Workload]:
    for number, document in enumerate(parse_yaml(target.path, text)):
        for pod in (document.get("spec", "template", "spec"), document.get("spec")):
            containers = pod.get("containers") if pod else None
            if pod is not None and containers is not None:
                for position, container in enumerate(containers.resolved.elements):
                    yield _Workload(number, document, pod, container, position)
                break


def _workload_of(target: Target, text: str, process: Process) -> _Workload:
    """The workload of a process. Raises CannotPatch where lines cannot be added to it."""
    for found in _workloads(target, text):
        container = found.container
        editable = container.kind == "mapping" and not container.flow
        if editable and found.name == process.name and _runs(found, process):
            return found
    raise CannotPatch(
        f"the workload {process.name} cannot be edited: it is in a List, or written in braces",
        hint="Add the Deployment manually.",
        where=process.where,
    )


def _runs(found: _Workload, process: Process) -> bool:
    words = [
        *(found.container.get("command") or found.container).words(),
        *(found.container.get("args") or found.container).words(),
    ]
    return tuple(words) == process.words or not process.words


def _deployment(target: Target, text: str, web: _Workload, process: Process, job: Job) -> str:
    """A Deployment with the image, the environment and the volumes of the web process."""
    words = target.wanted.celery_words(
        job, BEAT_FILE, folder=folder_of(process), app=app_of(process)
    )
    command = json.dumps([*program_words(target.root, process), *words[1:]])
    # an entry point of the image that waits for the database does so for the worker, too
    key = "command"
    if web.container.get("args") and not web.container.get("command"):
        key = "args"
    env = web.container.get("env")
    given = [
        element
        for element in (env.resolved.elements if env else ())
        # Beat has no tasks that a stop has to wait for
        if not (job.is_beat and element.scalar("name") == REMAP)
    ]
    kept = "".join(_element(text, element) for element in given)
    names = {element.scalar("name") for element in given}
    more = [pair for pair in target.wanted.variables(job) if pair[0] not in names]
    mounts, volumes = _temporary_folder(text, web)
    # what a worker that is there needs says nothing of Beat
    size = _copied(text, web.container, "resources") if process.celery is None else ""
    container = [
        *(_copied(text, web.container, name) for name in CONTAINER),
        f"{key}: {command}\n",
        _environment(kept, more),
        size,
        mounts,
        *_probes(target, job),
    ]
    pod = [*(_copied(text, web.pod, name) for name in POD), volumes]
    namespace = web.node.scalar("metadata", "namespace")
    return _render(_name_of(web.name, job), namespace, job, pod, container, target)


def _render(
    name: str, namespace: str, job: Job, pod: list[str], container: list[str], target: Target
) -> str:
    lines = ["apiVersion: apps/v1\nkind: Deployment\nmetadata:\n", f"  name: {name}\n"]
    if namespace:
        lines.append(f"  namespace: {scalar(namespace)}\n")
    lines.append(f"  labels:\n    app: {name}\nspec:\n  replicas: 1\n")
    if job.is_beat:
        # never two of them, not even during a deploy
        lines.append("  strategy:\n    type: Recreate\n")
    lines.append(f"  selector:\n    matchLabels:\n      app: {name}\n")
    lines.append(f"  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n")
    if not job.is_beat:
        lines.append(f"      terminationGracePeriodSeconds: {target.wanted.grace}\n")
    lines += [_margin(part, 6) for part in pod]
    lines.append(f"      containers:\n        - name: {plain_name(job.name)}\n")
    lines += [_margin(part, 10) for part in container]
    return "".join(lines)


def _environment(kept: str, more: Iterable[tuple[str, str]]) -> str:
    added = "".join(f"- name: {name}\n  value: {scalar(value)}\n" for name, value in more)
    if not kept and not added:
        return ""
    return "env:\n" + _margin(kept + added, 2)


def _probes(target: Target, job: Job) -> Iterator[str]:
    """Readiness by the ready file; liveness by the heartbeat, patient enough for a slow start."""
    if not target.wanted.health:
        return
    if not job.is_beat:
        ready = json.dumps(["test", "-f", READY])
        yield f"readinessProbe:\n  exec:\n    command: {ready}\n  periodSeconds: 10\n"
    alive = json.dumps(["sh", "-c", probe_command(job)])
    yield (
        f"livenessProbe:\n  exec:\n    command: {alive}\n"
        "  initialDelaySeconds: 60\n  periodSeconds: 30\n  timeoutSeconds: 5\n"
        "  failureThreshold: 3\n"
    )


def _temporary_folder(text: str, web: _Workload) -> tuple[str, str]:
    """The mounts and volumes of the web process and, with a read-only root, a folder /tmp."""
    mounts = _copied(text, web.container, "volumeMounts")
    volumes = _copied(text, web.pod, "volumes")
    read_only = web.container.scalar("securityContext", "readOnlyRootFilesystem") == "true"
    if read_only and "mountPath: /tmp\n" not in mounts:
        mounts = (mounts or "volumeMounts:\n") + "  - name: celery-tmp\n    mountPath: /tmp\n"
        volumes = (volumes or "volumes:\n") + "  - name: celery-tmp\n    emptyDir: {}\n"
    return mounts, volumes


def _copied(text: str, node: Node, name: str) -> str:
    """A key as it is written, its lists indented by two; empty where it is not there."""
    for key, value in node.resolved.pairs:
        if key.text != name:
            continue
        if value.kind == "sequence" and not value.flow:
            elements = "".join(_element(text, element) for element in value.elements)
            return f"{name}:\n{_margin(elements, 2)}"
        return source_lines(text, key, value)
    return ""


def _element(text: str, element: Node) -> str:
    """An element of a list with its dash, without the margin of the list."""
    start = text.rfind("\n", 0, element.start) + 1
    head = text[start : element.start]
    margin = len(head) - len(head.lstrip())
    end = text.find("\n", element.end)
    lines = text[start : end if end >= 0 else len(text)].replace("\r", "").split("\n")
    if not head.strip():
        return f"- {text[element.start : element.end]}\n"
    return "\n".join(line[margin:] for line in lines).rstrip() + "\n"


def _margin(block: str, width: int) -> str:
    pad = " " * width
    return "".join(pad + line if line.strip() else line for line in block.splitlines(True))


def _name_of(web: str, job: Job) -> str:
    """`shop-worker` of `shop-web`, `shop-worker` of `shop`, `shop-beat` of `shop-worker`."""
    own = plain_name(job.name)
    for word in OTHER_NAMES:
        if web == word:
            return own
        if web.endswith(f"-{word}"):
            return f"{web.removesuffix(word)}{own}"
    return f"{web}-{own}"


def _with_broker(target: Target, text: str, web: Process, model: Process) -> str:
    """The text with the broker's URL for a process, and with the broker where none is: the URL of
    the model, where that has one."""
    for name, value in missing_variables(target, web, model):
        found = _workload_of(target, text, web)
        _, keys = _keys_of(found)
        block = f"- name: {name}\n  value: {scalar(value)}\n"
        if found.container.resolved.own("env") is None:
            text = add_entries(target.path, text, keys, "env:\n" + _margin(block, 2))
        else:
            text = add_elements(target.path, text, (*keys, "env"), block)
        target.what.append(f"{name} for {web.name}")
    for process in (*target.processes, *target.siblings):
        if process.name == existing_server(target, target.wanted.broker):
            note_policy(target, process.name, " ".join(process.words), process.where)
    namespace = _workload_of(target, text, web).node.scalar("metadata", "namespace")
    for kind in missing_servers(target, web, model):
        for document in render_server(kind, namespace).split("---\n"):
            text = add_document(target.path, text, document)
        target.what.append(f"the StatefulSet {kind}")
    report_config(target, web)
    return text


def _adopt(target: Target, text: str, process: Process) -> str:
    """The text with what an existing worker or Beat lacks."""
    wanted = target.wanted
    found = _workload_of(target, text, process)
    job = Job(process.subcommand or "worker", process.name)
    before = text
    pod_keys, container_keys = _keys_of(found)
    text = _adopt_container(target, text, found, process, job, container_keys)
    if not job.is_beat and process.stop_where is None and wanted.grace > GRACE:
        line = f"terminationGracePeriodSeconds: {wanted.grace}\n"
        text = add_entries(target.path, text, pod_keys, line)
    rolls = found.node.get("spec", "strategy") is None
    if job.is_beat and rolls and found.node.scalar("kind") == "Deployment":
        block = "strategy:\n  type: Recreate\n"
        text = add_entries(target.path, text, (found.document, "spec"), block)
    if process.stop_where and process.stop is not None and process.stop <= (wanted.soft or 0):
        target.todo(
            Todo(
                f"terminationGracePeriodSeconds of {process.name} is {process.stop:g}"
                f" ({process.stop_where})",
                f"The soft shutdown needs {wanted.soft} s before the worker is killed.",
                f"terminationGracePeriodSeconds: {wanted.grace}\n",
                target.path,
            )
        )
    if text != before:
        target.what.append(f"what {process.name} lacks for a safe stop")
    return text


def _adopt_container(
    target: Target, text: str, found: _Workload, process: Process, job: Job, keys: Keys
) -> str:
    """The text with the probes and variables that a container lacks."""
    container = found.container
    block = ""
    if container.get("livenessProbe") is None and container.get("readinessProbe") is None:
        block = "".join(_probes(target, job))
    variables = [
        (name, value)
        for name, value in target.wanted.variables(job)
        if process.variable(name) is None and (block or name == REMAP)
    ]
    env = container.resolved.own("env")
    if env is None:
        block += _environment("", variables)
    if block:
        text = add_entries(target.path, text, keys, block)
    if env is not None and variables:
        elements = _environment("", variables).partition("\n")[2]
        block = "".join(line[2:] for line in elements.splitlines(True))
        text = add_elements(target.path, text, (*keys, "env"), block)
    return text


def _keys_of(found: _Workload) -> tuple[Keys, Keys]:
    """The keys of the pod and of the container."""
    pod: Keys = (found.document, "spec", "template", "spec")
    if found.node.get("spec", "template") is None:
        pod = (found.document, "spec")
    return pod, (*pod, "containers", found.position)
