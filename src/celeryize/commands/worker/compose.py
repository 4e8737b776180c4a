"""Worker, Beat and their broker in the compose files of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.broker import LOCAL, Server, kind_of
from celeryize.commands.worker.compose_service import (
    Base,
    ComposeFile,
    environment_lines,
    health_lines,
    read_habit,
    render_rabbitmq,
    render_redis,
    render_service,
    scalar,
)
from celeryize.commands.worker.target import Target, choose_web, free_names
from celeryize.commands.worker.wanted import Job
from celeryize.commands.worker.web import (
    WEB,
    Web,
    bin_of,
    find_web,
    folder_of,
    passes_arguments_on,
    runner_of,
)
from celeryize.detect.processes.process import Process
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.patch.yaml_edit import Keys, add_elements, add_entries
from celeryize.patch.yaml_tree import MERGE, Node, parse_yaml
from celeryize.reading import readable_text

IMAGES = {
    "redis": re.compile(r"(?:^|/)(?:redis|valkey|redis-stack|keydb|dragonfly)(?:[-:@]|$)"),
    "rabbitmq": re.compile(r"(?:^|/)rabbitmq(?:[-:@]|$)"),
}
VOLUMES = {"redis": "redis_data", "rabbitmq": "rabbitmq_data"}


def plan_compose(target: Target) -> None:
    """Plan the services of one compose file. Raises CannotPatch with the lines to paste."""
    text = target.text
    document = _load(target, text)
    if target.workers:
        text = _adopt(target, text)
    missing = target.missing_jobs()
    if missing:
        web = choose_web(target)
        text = _add_services(target, text, document, web, missing)
    elif target.workers and not is_development(target.path):
        text = _with_shared_url(target, text)
    if text != target.text:
        target.write(text)


def _load(target: Target, text: str) -> Node:
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


def _add_services(
    target: Target, text: str, document: Node, web: Web, jobs: tuple[Job, ...]
) -> str:
    """The text with a service for each job, and the broker where none is there."""
    name = web.process.name
    if target.text:
        target.note(f"{target.path}: the web service is {name} ({web.why}).")
    wanted = target.wanted
    broker, text, extra = _with_broker(target, text, document, name)
    document = _load(target, text)
    file = read_habit(text, document)
    base = _base_of(target, file, web, broker, extra)
    jobs = free_names(jobs, {key.text for key, _ in file.services.pairs})
    added = [render_service(file, base, wanted, job) for job in jobs]
    block = _joined(file, added)
    shown = ", ".join(job.name for job in jobs)
    target.what.append(f"the services {shown}" if len(jobs) > 1 else f"the service {shown}")
    return add_entries(target.path, text, ("services",), block, after=name)


def _joined(file: ComposeFile, blocks: list[str]) -> str:
    """Blocks of services in a row, with a blank line above each where the file has them."""
    if file.gaps:
        return "\n" + "\n".join(blocks)
    return "".join(blocks)


def _base_of(
    target: Target, file: ComposeFile, web: Web, broker: str, extra: tuple[tuple[str, str], ...]
) -> Base:
    node = file.service(web.process.name)
    assert node is not None
    entry = node.get("entrypoint")
    entry_text = " ".join(entry.words()) or entry.resolved.text if entry else ""
    # a command of its own replaces what the image starts, unless its entry point ignores it
    passes_on = passes_arguments_on(target.root, web.process)
    return Base(
        web.process.name,
        node,
        broker,
        bin=bin_of(web.process),
        folder=folder_of(web.process),
        runner=runner_of(web.process),
        merges_web=_habit_of_merging(file, web.process.name, node),
        passes_on=passes_on,
        entry_is_web=bool(WEB.search(entry_text)),
        extra=extra,
    )


def _habit_of_merging(file: ComposeFile, name: str, web: Node) -> str:
    """How services of the file take over the web service: its anchor, `extends`, or not at all."""
    if web.anchor:
        for _, service in file.services.own_items():
            merged = service.resolved.own(MERGE)
            parts = (merged.resolved.elements or (merged,)) if merged else ()
            if any(part.resolved is web for part in parts):
                return "anchor"
    for _, service in file.services.own_items():
        extends = service.resolved.own("extends")
        named = extends.scalar("service") or extends.resolved.text if extends else ""
        # what `extends` brings along cannot be taken away again: two services on one port
        if named == name and not any(web.get(key) for key in ("ports", "container_name")):
            return "extends"
    return ""


def _with_broker(
    target: Target, text: str, document: Node, web: str
) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """The service of the broker, the text with it and its URL in the web service's environment, and
    the services that were added."""
    wanted = target.wanted
    kind = wanted.broker.kind
    if not kind:
        return "", text, ()
    services = document.own("services")
    assert services is not None
    given = _given_url(target, document, web, wanted.broker)
    if given and kind_of(given):
        kind = kind_of(given)
    service = _service_of(services, kind, wanted.broker, given)
    extra: tuple[tuple[str, str], ...] = ()
    if not service and _is_elsewhere(given):
        return "", text, ()
    if not service:
        service, text = _add_broker(target, text, document, web, kind)
        extra = ((service, kind),)
    for server in (wanted.broker, wanted.backend):
        if server is not None and server.kind == kind:
            text = _with_url(target, text, web, server, service)
    return service, text, extra


def _with_shared_url(target: Target, text: str) -> str:
    """The text whose web service sends where its workers read, as far as both are known."""
    server = target.wanted.broker
    document = _load(target, text)
    found = find_web(target.root, list(target.processes))
    services = document.own("services")
    if len(found) != 1 or not server.kind or services is None:
        return text
    web = found[0].process.name
    given = _given_url(target, document, target.workers[0].name, server)
    service = _service_of(services, server.kind, server, given)
    # what an image, or a file that is not here, gives is not known
    if not service or not kind_of(given) or not found[0].process.sealed:
        return text
    return _with_url(target, text, web, server, service)


def _is_elsewhere(url: str) -> bool:
    """Whether a URL names a server that is not of this file: a managed one."""
    match = re.match(r"[a-z+]+://(?:[^@/]*@)?([^:/?]*)", url)
    return bool(match) and "." in match[1] and match[1] not in LOCAL  # type: ignore[index]


def _service_of(services: Node, kind: str, server: Server, given: str) -> str:
    """The service that is the broker: the one that the URL names, else the one of its image."""
    found = [
        name
        for name, service in services.own_items()
        if IMAGES[kind].search(service.scalar("image")) or name == kind
    ]
    for name in found:
        if f"//{name}" in given or f"@{name}" in given or server.host == name:
            return name
    # of several, the one that is called so
    ranked = sorted(found, key=lambda name: (name != "broker", "broker" not in name, name != kind))
    return ranked[0] if ranked else ""


def _add_broker(target: Target, text: str, document: Node, web: str, kind: str) -> tuple[str, str]:
    file = read_habit(text, document)
    node = file.service(web)
    assert node is not None
    taken = {key.text for key, _ in file.services.pairs}
    name = kind if kind not in taken else f"celery-{kind}"
    volumes = document.own("volumes")
    names = [key.text for key, _ in volumes.resolved.pairs] if volumes else []
    volume = VOLUMES[kind]
    if any("-" in one for one in names):
        volume = volume.replace("_", "-")
    render = render_redis if kind == "redis" else render_rabbitmq
    block = render(file, Base(web, node, ""), name, volume)
    text = add_entries(target.path, text, ("services",), _joined(file, [block]), after=web)
    if volume not in names:
        text = _add_volume(target, text, document, volume)
    text = _wait_for(target, text, web, name)
    target.what.append(f"the service {name}")
    return name, text


def _wait_for(target: Target, text: str, web: str, name: str) -> str:
    """The text whose web service waits for the new service, where it lists what it waits for."""
    found = _load(target, text).own("services", web, "depends_on")
    if found is None or found.kind == "alias" or found.flow:
        return text
    keys = ("services", web, "depends_on")
    if found.kind == "sequence":
        return add_elements(target.path, text, keys, f"- {name}\n")
    step = read_habit(text, _load(target, text)).step
    block = f"{name}:\n{' ' * step}condition: service_healthy\n"
    return add_entries(target.path, text, keys, block)


def _add_volume(target: Target, text: str, document: Node, volume: str) -> str:
    volumes = document.own("volumes")
    if volumes is None:
        block = f"volumes:\n  {volume}:\n"
        gap = "\n" if not text.endswith("\n\n") else ""
        return add_entries(target.path, text, (), gap + block)
    values = [value for _, value in volumes.resolved.pairs]
    empty = "{}" if values and all(v.flow and not v.pairs for v in values) else ""
    return add_entries(target.path, text, ("volumes",), f"{volume}: {empty}".strip() + "\n")


def _given_url(target: Target, document: Node, service: str, server: Server) -> str:
    """The URL that a service's environment gives the broker; empty where it gives none."""
    for name in dict.fromkeys((server.own, *server.variables)):
        value = _variable_of(document, service, name)
        if value:
            return value
        value = _in_env_files(target, document, service, name)
        if value:
            return value
        if _is_in_extended(target, document, service, name):
            return "$"
    return ""


def _variable_of(document: Node, service: str, name: str) -> str:
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


def _is_in_extended(target: Target, document: Node, service: str, name: str) -> bool:
    """Whether the file that a service extends names a variable."""
    node = document.get("services", service)
    file = node.scalar("extends", "file") if node else ""
    return bool(file) and name in readable_text((target.root / target.path).parent / file)


def _in_env_files(target: Target, document: Node, service: str, name: str) -> str:
    """The value of a variable in the files that a service reads, or in their examples."""
    for path in _env_files(target, document, service):
        text = readable_text(path)
        match = re.search(rf"^\s*(?:export\s+)?{name}\s*[=:][ \t]*(.*)$", text, re.M)
        if match:
            return match[1].strip().strip("\"'") or "$"
    return ""


def _env_files(target: Target, document: Node, service: str) -> Iterator[Path]:
    node = document.get("services", service)
    found = node.get("env_file") if node else None
    if found is None:
        return
    names = [found.resolved.text] if found.resolved.kind == "scalar" else []
    for element in found.resolved.elements:
        names.append(element.scalar("path") or element.resolved.text)
    for name in names:
        path = (target.root / target.path).parent / name
        yield path
        if path.parent.is_dir() and not path.is_file():
            stem = path.name.strip(".")
            yield from sorted(
                other
                for other in path.parent.iterdir()
                if stem in other.name and re.search("example|sample|template|dist", other.name)
            )


def _with_url(target: Target, text: str, web: str, server: Server, service: str) -> str:
    """The text with the server's URL in the environment of the web service, unless it is there."""
    document = _load(target, text)
    given = _given_url(target, document, web, server)
    if given and not _names_local(given):
        return text
    if not given and server.host == service:
        return text
    if not given and target.exported(server.variables or (server.own,)):
        return text
    if not given and (server.computed or _needs_password(document, service)):
        return _told_by_hand(target, document, web, server, service, text)
    if given and _variable_of(document, web, server.variable):
        target.todo(
            Todo(
                f"{server.variable} of the service {web} is {given}",
                "In a container localhost is the container itself; the broker is another one.",
                f"{server.variable}={server.url_at(service)}\n",
                target.path,
            )
        )
        return text
    url = server.url_at(service, _userinfo(document, service, server.kind))
    if not url:
        return text
    return add_variable(target, text, web, server.variable, url)


def _needs_password(document: Node, service: str) -> bool:
    """Whether a Redis of the file asks for a password, which is not known here."""
    node = document.get("services", service)
    command = node.get("command") if node else None
    if command is None:
        return False
    return "--requirepass" in " ".join(command.words()) + command.resolved.text


def _told_by_hand(
    target: Target, document: Node, web: str, server: Server, service: str, text: str
) -> str:
    """The text as it is, with a manual step unless the web service gets its variables already."""
    node = document.get("services", web)
    has_files = node is not None and node.get("env_file") is not None
    if has_files or any(_variable_of(document, web, name) for name in server.variables):
        return text
    target.todo(
        Todo(
            f"the URL of {service} for {web} and the worker",
            "The settings put it together, or it needs a password: celeryize does not know it.",
            f"{server.variable}: {server.url_at(service)}\n",
            target.path,
        )
    )
    return text


def _names_local(url: str) -> bool:
    match = re.match(r"[a-z+]+://(?:[^@/]*@)?(\[[^\]]*\]|[^:/?]*)", url)
    return bool(match) and match[1] in LOCAL  # type: ignore[index]


def _userinfo(document: Node, service: str, kind: str) -> str:
    """The user that a RabbitMQ of the file is given; empty where it has its own."""
    if kind != "rabbitmq":
        return ""
    user = _variable_of(document, service, "RABBITMQ_DEFAULT_USER")
    password = _variable_of(document, service, "RABBITMQ_DEFAULT_PASS")
    if user and password:
        return f"{user}:{password}@"
    return ""


def add_variable(target: Target, text: str, service: str, name: str, value: str) -> str:
    """The text with one more variable in the environment of a service, wherever that is written."""
    document = _load(target, text)
    node = document.get("services", service)
    assert node is not None
    found = node.get("environment")
    file = read_habit(text, document)
    target.what.append(f"{name} for {service}")
    if found is None or not (found.resolved.pairs or found.resolved.elements):
        if found is not None and node.resolved.own("environment") is not None:
            raise CannotPatch(
                f"the environment of {service} is empty",
                hint=f"Add {name}: {value} to it.",
                where=Where(target.path, found.line),
            )
        block = f"environment:\n{' ' * file.step}{name}: {scalar(value)}\n"
        return add_entries(target.path, text, ("services", service), block)
    keys = keys_of(document, found.resolved)
    if found.resolved.kind == "sequence":
        return add_elements(target.path, text, keys, f"- {name}={value}\n")
    return add_entries(target.path, text, keys, f"{name}: {scalar(value)}\n")


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


@dataclass(frozen=True, slots=True)
class _Adopted:
    """A service that runs Celery already."""

    process: Process
    job: Job


def _adopt(target: Target, text: str) -> str:
    """The text with what the existing workers and Beat lack, each a line that can be inserted."""
    if is_development(target.path):
        target.keep("its worker is for development: left as it is")
        return text
    before = text
    for process in target.workers:
        job = Job(process.subcommand or "worker", process.name)
        text = _adopt_service(target, text, _Adopted(process, job))
    if text == before and not target.todos:
        target.keep("its worker is complete")
    return text


def _adopt_service(target: Target, text: str, adopted: _Adopted) -> str:
    wanted, name = target.wanted, adopted.process.name
    document = _load(target, text)
    node = document.get("services", name)
    if node is None or node.kind != "mapping" or node.flow or not node.pairs:
        raise CannotPatch(
            f"the service {name} is not a block of lines",
            hint="Add what is missing manually: REMAP_SIGTERM, stop_grace_period.",
            where=adopted.process.where,
        )
    file = read_habit(text, document)
    block = ""
    # what is added to it, the services that merge it get as well
    shared = _is_merged(document, node)
    if node.get("init") is None:
        block += "init: true\n"
    restarts = node.get("restart") or node.get("deploy", "restart_policy")
    if restarts is None and not shared:
        block += "restart: unless-stopped\n"
    block += _adopted_grace(target, node, adopted)
    probed = node.resolved.own("healthcheck") is not None or _has_probe(node)
    if wanted.health and not probed and not shared:
        block += health_lines(file, adopted.job)
    variables = [
        (key, value)
        for key, value in wanted.variables(adopted.job)
        if adopted.process.variable(key) is None and not target.exported((key,))
    ]
    if probed or shared:
        variables = [(key, value) for key, value in variables if key.startswith("REMAP")]
    own = node.resolved.own("environment")
    if own is None and variables:
        base = Base(name, node, "")
        inherited = frozenset(key for key, _ in node.items())
        block += environment_lines(file, base, variables, inherited)
    if block:
        text = add_entries(target.path, text, ("services", name), block)
        target.what.append(f"what {name} lacks for a safe stop")
    if own is not None:
        for key, value in variables:
            text = add_variable(target, text, name, key, value)
    return text


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
                f"stop_grace_period of {process.name} is {process.stop:g} s",
                f"The soft shutdown needs {wanted.soft} s before the worker is killed.",
                f"stop_grace_period: {wanted.grace}s\n",
                target.path,
            )
        )
    return ""


def new_compose(target: Target) -> None:
    """A compose file for a project that has none."""
    lines = ["services:", "  web:", "    build: .", f"    command: {target.web_command}"]
    lines += ["    ports:", '      - "8000:8000"']
    text = "\n".join(lines) + "\n"
    process = Process("compose", "web", ("gunicorn",), Where(target.path, 2))
    started = replace(target, processes=(process,))
    web = Web(process, "new")
    target.what.append("the service web")
    if not (target.root / "Dockerfile").is_file():
        target.note("There is no Dockerfile: the compose file builds its image from one.")
    target.write(_add_services(started, text, _load(started, text), web, target.wanted.jobs))
