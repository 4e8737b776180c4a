"""A service of Celery as lines of a compose file, in the habit of the file: what the web service
has, taken over by its anchor, by `extends`, or repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from celeryize.commands.worker.compose_networks import inner_networks, leads_inside, networks_of
from celeryize.commands.worker.login import Login
from celeryize.commands.worker.wanted import REMAP, Job, Wanted
from celeryize.patch.yaml_edit import source_lines
from celeryize.patch.yaml_tree import MERGE, Node

# What a worker has in common with the web process; ports, labels, names and limits are its own.
SHARED = frozenset(
    {
        "extends",
        "image",
        "build",
        "platform",
        "pull_policy",
        "env_file",
        "environment",
        "volumes",
        "volumes_from",
        "networks",
        "network_mode",
        "user",
        "group_add",
        "userns_mode",
        "working_dir",
        "entrypoint",
        "restart",
        "profiles",
        "secrets",
        "configs",
        "links",
        "external_links",
        "extra_hosts",
        "dns",
        "dns_search",
        "logging",
        "read_only",
        "tmpfs",
        "shm_size",
        "ulimits",
        "cap_add",
        "cap_drop",
        "security_opt",
        "isolation",
        "runtime",
    }
)
# Written anew where they would be inherited: the value that undoes them.
UNDONE = {"ports": "ports: []\n", "labels": "labels: []\n"}
BEAT_FILE = "/tmp/celerybeat-schedule"
NEVER_PLAIN = re.compile(r"""^[\s\-?:,\[\]{}#&*!|>'"%@`]|: | #|[\n\t]|:$|^$""")
NOT_A_TEXT = re.compile(r"^(?:true|false|yes|no|on|off|null|~|[-+.\d][\d._:e+-]*)$", re.I)


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """A compose file as it is: its text, its document, and the habit of its lists and gaps."""

    text: str
    document: Node
    services: Node
    step: int
    list_margin: int
    gaps: bool

    def service(self, name: str) -> Node | None:
        """A service as it is written."""
        return self.services.own(name)


@dataclass(frozen=True, slots=True)
class Base:
    """What new services are made from: a worker, or the web service, and what they wait for.

    `broker` is the service of the broker, empty where there is none. `program` is Celery with
    what is in front of it, `folder` what it changes to, `app` how it spells the app where it runs
    Celery. `merges_web`: by the habit of the file a service takes over this one
    by its anchor or by `extends`.
    `passes_on`: the entry point runs its arguments. `extra` are services that were just added.
    `restart` is the restart policy where the model has none.
    """

    name: str
    node: Node
    broker: str
    program: tuple[str, ...] = ("celery",)
    folder: str = ""
    app: str = ""
    merges_web: str = ""
    passes_on: bool = True
    entry_is_web: bool = False
    restart: str = ""
    extra: tuple[tuple[str, str], ...] = field(default=())


def read_habit(text: str, document: Node) -> ComposeFile:
    """The habits of a compose file."""
    services = document.own("services")
    assert services is not None
    own = services.resolved
    first_key, first = own.pairs[0]
    step = 2
    if first.resolved.pairs and not first.flow and first.kind == "mapping":
        step = max(1, first.pairs[0][0].column - first_key.column)
    margins = [
        value.elements[0].column - 2 - key.column
        for _, service in own.pairs
        for key, value in service.resolved.pairs
        if value.kind == "sequence" and not value.flow and value.elements
        if value.elements[0].line > key.line
    ]
    margin = max(0, margins[0]) if margins else step
    gaps = True
    if len(own.pairs) > 1:
        before, after = own.pairs[-2][1].end, own.pairs[-1][0].start
        between = text[before:after]
        gaps = bool(re.search(r"\n[ \t]*\r?\n", between))
    return ComposeFile(text, document, services, step, margin, gaps)


def render_service(file: ComposeFile, base: Base, wanted: Wanted, job: Job) -> str:
    """The lines of a new service, without a margin."""
    inherited = _inherited(base)
    lines = [_taken_over(file, base)]
    own = _own_keys(base)
    for key, value in base.node.resolved.own_items():
        if key in own:
            lines.append(_copied(file, base, job, key, value))
    lines.append(_entrypoint(base))
    words = wanted.celery_words(job, BEAT_FILE, folder=base.folder, app=base.app)
    command = [*base.program, *words[1:]]
    lines.append(f"command: {json.dumps(command)}\n")
    lines += _undone(base, inherited, job)
    if base.node.scalar("init") != "true" or "init" not in inherited:
        lines.append("init: true\n")
    if not base.node.get("restart"):
        lines.append(_restart(base))
    if not job.is_beat:
        lines.append(f"stop_grace_period: {wanted.grace}s\n")
    # Beat has no tasks that a stop has to wait for
    dropped = frozenset({REMAP}) if job.is_beat else frozenset()
    more = wanted.variables(job)
    lines.append(environment_lines(file, base, more, inherited, dropped=dropped))
    lines.append(_depends_on(file, base, inherited))
    if base.node.scalar("read_only") == "true" and not base.node.get("tmpfs"):
        lines.append(list_lines(file, "tmpfs", ["/tmp"]))
    if wanted.health:
        lines.append(health_lines(file, job))
    elif "healthcheck" in inherited:
        lines.append(mapping_lines(file, "healthcheck", ["disable: true"]))
    return f"{job.name}:\n" + _indented("".join(lines), file.step)


def render_addition(file: ComposeFile, base: Base, job: Job) -> str:
    """The lines of an override for a new service: what it adds to the web service, of what both
    have in common. Empty where that is nothing."""
    lines = [_taken_over(file, base)]
    for key, value in base.node.resolved.own_items():
        if key == "networks" and not leads_inside(file.document, networks_of(base.node)):
            # what web process and proxy have in common; the worker has those of the first file
            continue
        if key in SHARED - {"entrypoint"}:
            lines.append(_copied(file, base, job, key, value))
    if base.node.resolved.own("environment") is not None:
        dropped = frozenset({REMAP}) if job.is_beat else frozenset()
        lines.append(environment_lines(file, base, (), frozenset(), dropped=dropped))
    block = "".join(lines)
    return f"{job.name}:\n" + _indented(block, file.step) if block else ""


def render_redis(file: ComposeFile, base: Base, name: str, volume: str, login: Login) -> str:
    """A Redis that keeps its messages: on a volume, and never evicted."""
    command = ["redis-server", "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    environment = ""
    if login.password and not login.is_of_acl:
        command += ["--requirepass", login.password]
        # for redis-cli, which the health check asks
        environment = _variables(file, [("REDISCLI_AUTH", login.password)])
    lines = [
        "image: redis:8-alpine\n",
        f"command: {json.dumps(command, ensure_ascii=False)}\n",
        environment,
        _restart(base),
        list_lines(file, "volumes", [f"{volume}:/data"]),
        _server_networks(file, base),
        mapping_lines(
            file,
            "healthcheck",
            ['test: ["CMD", "redis-cli", "ping"]', "interval: 10s", "timeout: 5s", "retries: 5"],
        ),
    ]
    return f"{name}:\n" + _indented("".join(lines), file.step)


def render_rabbitmq(file: ComposeFile, base: Base, name: str, volume: str, login: Login) -> str:
    """A RabbitMQ that keeps its messages; its data belongs to its host name."""
    lines = [
        "image: rabbitmq:4\n",
        f"hostname: {name}\n",
        _variables(file, [*login.rabbitmq_variables()]),
        _restart(base),
        list_lines(file, "volumes", [f"{volume}:/var/lib/rabbitmq"]),
        _server_networks(file, base),
        mapping_lines(
            file,
            "healthcheck",
            [
                'test: ["CMD", "rabbitmq-diagnostics", "-q", "ping"]',
                "interval: 10s",
                "timeout: 10s",
                "start_period: 30s",
                "retries: 5",
            ],
        ),
    ]
    return f"{name}:\n" + _indented("".join(lines), file.step)


def _restart(base: Base) -> str:
    """The line for the restart policy; empty without one."""
    return f"restart: {base.restart}\n" if base.restart else ""


def _variables(file: ComposeFile, pairs: list[tuple[str, str]]) -> str:
    """The environment of a service that is made here; empty without any variable."""
    if not pairs:
        return ""
    return mapping_lines(file, "environment", [f"{name}: {scalar(value)}" for name, value in pairs])


def health_lines(file: ComposeFile, job: Job) -> str:
    """The health check of a worker or Beat: the file that its heartbeat touches is fresh."""
    test = json.dumps(["CMD-SHELL", probe_command(job).replace("$", "$$")])
    return mapping_lines(
        file,
        "healthcheck",
        [f"test: {test}", "interval: 30s", "timeout: 5s", "start_period: 60s", "retries: 3"],
    )


def probe_command(job: Job) -> str:
    """A command that ends with 0 while a heartbeat is fresh. Minutes: busybox knows no other."""
    minutes = 5 if job.is_beat else 2
    return f'test -n "$(find /tmp/celery-{job.subcommand}-alive -mmin -{minutes})"'


def environment_lines(
    file: ComposeFile,
    base: Base,
    more: Iterable[tuple[str, str]],
    inherited: frozenset[str],
    *,
    dropped: frozenset[str] = frozenset(),
) -> str:
    """The environment of a service: what the web service has, without the dropped variables, and
    some more.

    Empty where it inherits everything that it needs.
    """
    found = base.node.get("environment")
    given = _variable_names(found) if found else set()
    added = [(name, value) for name, value in more if name not in given]
    own = "environment" in _own_keys(base)
    if not added and (not own or found is None):
        return ""
    kept = ""
    listed = found is not None and found.resolved.kind == "sequence"
    # a key beside a merge replaces what is merged; `extends` merges the two
    if found is not None and (own or "environment" in inherited) and base.merges_web != "extends":
        kept = _kept_environment(file, found, dropped)
    if listed:
        block = kept + "".join(f"- {name}={value}\n" for name, value in added)
        return "environment:\n" + _indented(block, _margin_of(file, base.node, found))
    block = kept + "".join(f"{name}: {scalar(value)}\n" for name, value in added)
    return "environment:\n" + _indented(block, file.step)


def _margin_of(file: ComposeFile, service: Node, value: Node | None) -> int:
    """The margin of a list as the service writes it; else as the file writes lists."""
    for key, own in service.resolved.pairs:
        if own is value and not own.flow and own.elements and own.elements[0].line > key.line:
            return max(0, own.elements[0].column - 2 - key.column)
    return file.list_margin


def _variable_names(found: Node) -> set[str]:
    """The names of the variables of an environment."""
    listed = {element.resolved.text.partition("=")[0] for element in found.resolved.elements}
    return listed | {name for name, _ in found.items()}


def _kept_environment(file: ComposeFile, found: Node, dropped: frozenset[str]) -> str:
    node = found.resolved
    if node.kind == "mapping" and node.anchor:
        return f"<<: *{node.anchor}\n"
    if node.kind == "mapping":
        pairs = [(key, value) for key, value in node.pairs if key.text not in dropped]
        return "".join(_copy_pair(file, key, value) for key, value in pairs)
    kept = [e for e in node.elements if e.resolved.text.partition("=")[0] not in dropped]
    return "".join(f"- {_as_written(file, element)}\n" for element in kept if element.kind)


def _as_written(file: ComposeFile, node: Node) -> str:
    return file.text[node.start : node.end].replace("\r\n", "\n")


def scalar(text: str) -> str:
    """A text as YAML: plain where that is the same text, else in double quotes."""
    if NEVER_PLAIN.search(text) or NOT_A_TEXT.match(text):
        return json.dumps(text, ensure_ascii=False)
    return text


def list_lines(file: ComposeFile, key: str, elements: list[str]) -> str:
    """A key with a list, as the file writes lists."""
    return f"{key}:\n" + _indented("".join(f"- {e}\n" for e in elements), file.list_margin)


def mapping_lines(file: ComposeFile, key: str, entries: list[str]) -> str:
    """A key with a mapping."""
    return f"{key}:\n" + _indented("".join(f"{e}\n" for e in entries), file.step)


def _indented(block: str, margin: int) -> str:
    pad = " " * margin
    return "".join(pad + line if line.strip() else line for line in block.splitlines(True))


def _names(node: Node) -> set[str]:
    """The keys of a service, merged ones too."""
    return {name for name, _ in node.items()}


def _inherited(base: Base) -> frozenset[str]:
    """The keys that a new service gets by a merge or by `extends`."""
    if base.merges_web:
        return frozenset(_names(base.node))
    merged = base.node.own(MERGE)
    if merged is None:
        return frozenset()
    parts = merged.resolved.elements or (merged,)
    return frozenset(name for part in parts for name, _ in part.items())


def _own_keys(base: Base) -> frozenset[str]:
    """The keys of the web service that are repeated."""
    if base.merges_web:
        return frozenset()
    return SHARED - ({"entrypoint"} if base.entry_is_web or not base.passes_on else set())


def _taken_over(file: ComposeFile, base: Base) -> str:
    """The line that takes over what others have: `<<: *django`, `extends`; empty without one."""
    if base.merges_web == "extends":
        return mapping_lines(file, "extends", [f"service: {base.name}"])
    if base.merges_web:
        return f"<<: *{base.node.anchor}\n"
    merged = base.node.own(MERGE)
    if merged is None:
        return ""
    if merged.anchor:
        # `<<: &web {...}`: the mapping is written right there
        return f"<<: *{merged.anchor}\n"
    if merged.kind == "sequence":
        names = [element.resolved.anchor for element in merged.elements]
        return f"<<: [{', '.join(f'*{name}' for name in names)}]\n"
    return f"<<: {_as_written(file, merged)}\n"


def _copied(file: ComposeFile, base: Base, job: Job, key: str, value: Node) -> str:
    """A key of the web service for another service; empty where it is written otherwise."""
    if key == "environment":
        return ""
    if key == "profiles" and value.words() == (base.name,):
        return f"profiles: [{json.dumps(job.name)}]\n"
    if key == "networks" and value.resolved.kind == "mapping" and not value.resolved.anchor:
        # an address, or an alias, belongs to one service
        return _network_names(file, base)
    own_key = next(k for k, v in base.node.resolved.pairs if v is value)
    return _copy_pair(file, own_key, value)


def _copy_pair(file: ComposeFile, key: Node, value: Node) -> str:
    if value.anchor:
        # written a second time it would be another anchor of that name
        return f"{key.text}: *{value.anchor}\n"
    return source_lines(file.text, key, value)


def _entrypoint(base: Base) -> str:
    """An empty entry point where the one of the web service, or of the image, starts the server."""
    if base.entry_is_web or not base.passes_on:
        return "entrypoint: []\n"
    return ""


def _undone(base: Base, inherited: frozenset[str], job: Job) -> Iterator[str]:
    """What a merge would bring along and two services cannot share."""
    for key, line in UNDONE.items():
        value = _inherited_value(base, key)
        if (
            key in inherited
            and value is not None
            and (value.resolved.elements or value.resolved.pairs)
        ):
            yield line
    for key in ("container_name", "hostname"):
        text = base.node.scalar(key)
        if key in inherited and text:
            yield f"{key}: {scalar(_renamed(text, base.name, job.name))}\n"
    if "deploy" in inherited and job.is_beat and base.node.get("deploy", "replicas"):
        yield "deploy: {replicas: 1}\n"


def _inherited_value(base: Base, key: str) -> Node | None:
    """A key as the new service gets it: what the base itself puts over a merge is not merged."""
    if base.merges_web:
        return base.node.get(key)
    merged = base.node.own(MERGE)
    parts = (merged.resolved.elements or (merged,)) if merged else ()
    return next((value for part in parts if (value := part.get(key)) is not None), None)


def _renamed(text: str, old: str, new: str) -> str:
    if old in text:
        return text.replace(old, new)
    return f"{text}-{new}"


def _server_networks(file: ComposeFile, base: Base) -> str:
    """The networks of a new broker: those of the web service, without what is for others."""
    names = networks_of(base.node)
    if base.node.scalar("network_mode") == "host" or not names:
        return _network_names(file, base)
    return list_lines(file, "networks", inner_networks(file.document, names))


def _network_names(file: ComposeFile, base: Base) -> str:
    if base.node.scalar("network_mode") == "host":
        return "network_mode: host\n"
    names = networks_of(base.node)
    return list_lines(file, "networks", names) if names else ""


def _depends_on(file: ComposeFile, base: Base, inherited: frozenset[str]) -> str:
    """What the service waits for: what the web service does, and the broker.

    Empty where it inherits exactly that.
    """
    entries = _waited_for(file, base)
    servers = dict.fromkeys((base.broker, *dict(base.extra)))
    missing = [name for name in servers if name and name not in entries]
    entries |= dict.fromkeys(missing, "")
    if not missing and "depends_on" in inherited:
        return ""
    if not entries:
        return ""
    if _lists_services(file, base):
        return list_lines(file, "depends_on", list(entries))
    healthy = {name for name in entries if _has_healthcheck(file, name, base)}
    lines = []
    for name, text in entries.items():
        if text.strip():
            lines.append(f"{name}:{text}\n")
            continue
        condition = "service_healthy" if name in healthy else "service_started"
        lines.append(f"{name}:\n{' ' * file.step}condition: {condition}\n")
    return "depends_on:\n" + _indented("".join(lines), file.step)


def _lists_services(file: ComposeFile, base: Base) -> bool:
    """Whether `depends_on` is a list here: of this service or, without one, of all others."""
    own = base.node.get("depends_on")
    if own is not None:
        return own.resolved.kind == "sequence"
    others = [value.get("depends_on") for _, value in file.services.own_items()]
    kinds = {other.resolved.kind for other in others if other is not None}
    return kinds == {"sequence"}


def _waited_for(file: ComposeFile, base: Base) -> dict[str, str]:
    """The services that the web service waits for, each with the text of its condition."""
    found = base.node.get("depends_on")
    if found is None:
        return {}
    entries = dict.fromkeys(found.words(), "")
    for key, value in found.resolved.pairs:
        _, _, text = source_lines(file.text, key, value).partition(":")
        entries[key.text] = text.rstrip("\n")
    return entries


def _has_healthcheck(file: ComposeFile, name: str, base: Base) -> bool:
    if name in dict(base.extra):
        return True
    service = file.service(name)
    return service is not None and service.get("healthcheck") is not None
