"""The broker in a compose file: its service, its volume, and its URL for the web service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from celeryize.commands.worker.broker import HOST, IMAGES, LOCAL, Server, kind_of
from celeryize.commands.worker.compose_edit import add_variable, load_compose, variable_of
from celeryize.commands.worker.compose_restart import policy_of_server
from celeryize.commands.worker.compose_service import (
    Base,
    ComposeFile,
    read_habit,
    render_rabbitmq,
    render_redis,
)
from celeryize.commands.worker.compose_values import interpolated, variable_in
from celeryize.commands.worker.eviction import report_eviction
from celeryize.commands.worker.login import GUEST, Login, login_in
from celeryize.commands.worker.target import Target, origin_of
from celeryize.commands.worker.web import (
    find_web,
)
from celeryize.model import Todo
from celeryize.patch.yaml_edit import add_elements, add_entries
from celeryize.patch.yaml_tree import Node
from celeryize.reading import readable_text

REQUIREPASS = re.compile(r"--requirepass\s+[\"']?((?:\$\{[^\s\"']*\}|[^\s\"'])+)")
VOLUMES = {"redis": "redis_data", "rabbitmq": "rabbitmq_data"}


Added = tuple[tuple[str, str], ...]


def with_broker(target: Target, text: str, web: str) -> tuple[str, str, Added]:
    """The service of the broker, the text with it and its URL in the web service's environment, and
    the services that were added, each with its kind: those of the result backend, too."""
    broker, text, added = _with_server(target, text, web, target.wanted.broker)
    backend = target.wanted.backend
    if backend is not None:
        _, text, more = _with_server(target, text, web, backend)
        added += more
    if broker:
        text = _with_url_of_others(target, text, web, broker)
    _note_what_is_given(target)
    return broker, text, added


def _with_url_of_others(target: Target, text: str, web: str, broker: str) -> str:
    """The text whose other web services, which send tasks as well, know the broker, too."""
    server = target.wanted.broker
    if kind_of(_given_url(target, load_compose(target, text), web, server)) != server.kind:
        return text
    origins = {origin_of(process) for process in target.processes if process.name == web}
    for other in find_web(target.root, list(target.processes)):
        # another image may be another project
        if origin_of(other.process) not in origins:
            continue
        document = load_compose(target, text)
        node = document.get("services", other.process.name)
        known = _given_url(target, document, other.process.name, server)
        if other.by_name or other.process.name == web or known or node is None:
            continue
        if _is_known(target, node) and node.kind == "mapping" and not node.flow:
            text = _with_url(target, text, other.process.name, server, broker)
    return text


def _with_server(target: Target, text: str, web: str, server: Server) -> tuple[str, str, Added]:
    """The same for one server."""
    if not server.kind:
        return "", text, ()
    document = load_compose(target, text)
    services = document.own("services")
    assert services is not None
    given = _given_url(target, document, web, server)
    kind = kind_of(given) or server.kind
    service = _service_of(services, kind, server, given)
    added: Added = ()
    if not service and _is_elsewhere(given):
        return "", text, ()
    if not service:
        host = _host_of(given)
        if not _may_be_service(document, host):
            host = ""
        login = _login_of(target, document, web, server, given)
        service, text = _add_broker(target, text, document, web, kind, host, login or Login())
        added = ((service, kind),)
        if _has_user(given) and (login is None or (kind == "redis" and login.is_of_acl)):
            target.note(_note_of_user(target, web, service, kind, login))
        if "${" in given and _host_of(given) != service:
            target.note(
                f"{target.path}: the URL of {web} is {given}: where that is set, it has to name "
                f"the service {service}."
            )
    elif server is target.wanted.broker and kind == "redis":
        node = services.own(service)
        assert node is not None
        report_eviction(target, service, node)
    if kind == server.kind:
        text = _with_url(target, text, web, server, service)
    return service, text, added


def with_shared_url(target: Target, text: str) -> str:
    """The text whose web service sends where its workers read, as far as both are known."""
    server = target.wanted.broker
    document = load_compose(target, text)
    found = find_web(target.root, list(target.processes))
    services = document.own("services")
    if not server.kind or services is None:
        return text
    given = _given_url(target, document, target.workers[0].name, server)
    service = _service_of(services, server.kind, server, given)
    origin = origin_of(target.workers[0])
    for web in found:
        if len(found) > 1 and origin_of(web.process) != origin:
            continue
        node = document.get("services", web.process.name)
        if service and not given and not web.by_name and node is not None:
            _report_untold(target, document, web.process.name, service)
        # what an image, or a file that is not here, gives is not known
        if not service or not kind_of(given) or web.by_name or node is None:
            continue
        _report_parting(target, document, web.process.name, given)
        if _is_known(target, node):
            text = _with_url(target, text, web.process.name, server, service)
    _note_what_is_given(target)
    return text


def _report_untold(target: Target, document: Node, web: str, service: str) -> None:
    """A note where a file that is not here may tell the workers their broker, and a web service is
    certainly told none."""
    server, worker = target.wanted.broker, target.workers[0].name
    node = document.get("services", web)
    if node is None or not _is_known(target, node) or node.scalar("network_mode") == "host":
        return
    if not _absent_env_file(target, document.get("services", worker)):
        return
    names = (server.host_variable or server.own, *server.variables)
    told = any(variable_of(document, web, one) for one in names) or target.exported(names)
    if not told and not in_env_files(target, document, web, names[0]) and server.host != service:
        target.note(
            f"{target.path}: {web} is not told of the broker: give it the "
            f"{server.host_variable or server.variable} of {worker}."
        )


def _report_parting(target: Target, document: Node, web: str, given: str) -> None:
    """A note where a web service sends to another kind of broker than its workers read."""
    sent = kind_of(_given_url(target, document, web, target.wanted.broker))
    if sent and sent != kind_of(given):
        target.note(
            f"{target.path}: {web} sends to {sent} and {target.workers[0].name} reads "
            f"{kind_of(given)}, by their environment: give both the same URL."
        )


def with_missing_server(target: Target, text: str) -> str:
    """The text with the server that its workers take for their broker, where no service is it:
    after a change of the broker, say."""
    server = target.wanted.broker
    document = load_compose(target, text)
    services = document.own("services")
    if not server.kind or services is None:
        return text
    worker = next((p for p in target.workers if p.subcommand == "worker"), target.workers[0])
    given = _given_url(target, document, worker.name, server)
    kind, host = kind_of(given), _host_of(given)
    if kind and kind != server.kind:
        target.note(
            f"{worker.where.path}: the broker of {worker.name} is {kind}, by its environment; that "
            f"of the settings is {server.kind}."
        )
    node = services.own(worker.name)
    if not kind or not _may_be_service(document, host) or node is None or node.flow:
        return text
    beside = {key.text for key, _ in services.resolved.pairs} | {p.name for p in target.siblings}
    if host in beside or _service_of(services, kind, server, given) == host:
        return text
    login = _login_of(target, document, worker.name, server, given)
    if _has_user(given) and (login is None or (kind == "redis" and login.is_of_acl)):
        # a server that is made here has no such user
        target.note(
            f"{worker.where.path}: {worker.name} is told of a broker on {host}, and no service is "
            "called so."
        )
        return text
    _, text = _add_broker(target, text, document, worker.name, kind, host, login or Login())
    return text


def _has_user(url: str) -> bool:
    """Whether a URL has a user or a password that a new server would not know by itself."""
    login = login_in(url, lambda _: None)
    if login is None or (login.user, login.password) == GUEST:
        return False
    return bool(login.user or login.password)


def _login_of(
    target: Target, document: Node, service: str, server: Server, given: str
) -> Login | None:
    """The user that the URL of a service has, as the compose file or, without one, the settings
    write it; None where it is written elsewhere."""
    if not given:
        return login_in(server.url, lambda _: None)
    beside = readable_text((target.root / target.path).parent / ".env")
    for name in dict.fromkeys((server.own, *server.variables)):
        value = variable_of(document, service, name)
        if value:
            return login_in(value, lambda name: variable_in(beside, name))
    return None


def _note_of_user(target: Target, web: str, service: str, kind: str, login: Login | None) -> str:
    """What a new server has to be given, where its user is not in the file."""
    what = "RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS"
    if kind == "redis":
        what = "--requirepass in its command"
    if kind == "redis" and login is not None:
        what = f"an ACL for {login.user}"
    return f"{target.path}: the URL of {web} has a user: give {service} {what}, as in that URL."


def _host_of(url: str) -> str:
    match = HOST.match(url)
    return match[3] if match else ""


def _may_be_service(document: Node, host: str) -> bool:
    """Whether a host can only be a service of the file: the name of one, and no network is shared
    with other files."""
    networks = document.own("networks")
    shared = [n for _, n in networks.resolved.own_items() if n.get("external")] if networks else []
    return bool(re.fullmatch(r"[a-z][\w-]*", host)) and host not in LOCAL and not shared


def _is_elsewhere(url: str) -> bool:
    """Whether a URL names a server that is not of this file: a managed one."""
    host = _host_of(url)
    return "." in host and host not in LOCAL


def _service_of(services: Node, kind: str, server: Server, given: str) -> str:
    """The service that is the broker: the one that the URL names, else the one of its image."""
    found = [
        name
        for name, service in services.own_items()
        if IMAGES[kind].search(service.scalar("image")) or name == kind
    ]
    for name in found:
        # a URL of several servers has one name after another
        named = re.search(rf"(?://|@){re.escape(name)}(?![\w.-]*[\w@])", given)
        if named or server.host == name:
            return name
    # of several, the one that is called so
    ranked = sorted(found, key=lambda name: (name != "broker", "broker" not in name, name != kind))
    return ranked[0] if ranked else ""


def _add_broker(
    target: Target, text: str, document: Node, web: str, kind: str, host: str, login: Login
) -> tuple[str, str]:
    """The name of the new service, which is the host that a URL has already, and the text."""
    file = read_habit(text, document)
    node = file.service(web)
    assert node is not None
    taken = {key.text for key, _ in file.services.pairs}
    name = host or kind
    if name in taken:
        name = f"celery-{kind}"
    volumes = document.own("volumes")
    names = [key.text for key, _ in volumes.resolved.pairs] if volumes else []
    volume = VOLUMES[kind]
    if any("-" in one for one in names):
        volume = volume.replace("_", "-")
    render = render_redis if kind == "redis" else render_rabbitmq
    base = Base(web, node, "", restart=policy_of_server(target, file.services))
    block = render(file, base, name, volume, login)
    text = add_entries(target.path, text, ("services",), joined_services(file, [block]), after=web)
    if volume not in names:
        text = _add_volume(target, text, document, volume)
    text = _wait_for(target, text, web, name)
    target.what.append(f"the service {name}")
    return name, text


def _wait_for(target: Target, text: str, web: str, name: str) -> str:
    """The text whose web service waits for the new service, where it lists what it waits for."""
    found = load_compose(target, text).own("services", web, "depends_on")
    if found is None or found.kind == "alias" or (found.flow and found.kind == "mapping"):
        return text
    keys = ("services", web, "depends_on")
    if found.kind == "sequence":
        return add_elements(target.path, text, keys, f"- {name}\n")
    step = read_habit(text, load_compose(target, text)).step
    block = f"{name}:\n{' ' * step}condition: service_healthy\n"
    return add_entries(target.path, text, keys, block)


def _add_volume(target: Target, text: str, document: Node, volume: str) -> str:
    volumes = document.own("volumes")
    if volumes is None:
        block = f"volumes:\n  {volume}:\n"
        gap = "\n" if not text.endswith("\n\n") else ""
        return add_entries(target.path, text, (), gap + block)
    values = [value for _, value in volumes.resolved.pairs]
    in_braces = values and all(v.flow and not v.pairs for v in values)
    empty = "{}" if volumes.flow or in_braces else ""
    return add_entries(target.path, text, ("volumes",), f"{volume}: {empty}".strip() + "\n")


def _given_url(target: Target, document: Node, service: str, server: Server) -> str:
    """The URL that a service's environment gives the broker; empty where it gives none."""
    for name in dict.fromkeys((server.own, *server.variables)):
        value = variable_of(document, service, name)
        if value:
            return _resolved(target, value)
        value = in_env_files(target, document, service, name)
        if value:
            return _resolved(target, value)
        if _is_in_extended(target, document, service, name):
            return "$"
    return ""


def _resolved(target: Target, value: str) -> str:
    """A value as Compose makes it: `${NAME:-default}` is what the .env beside the file gives, else
    its default; one without either, or an empty one, stays as it is."""
    if "$" not in value:
        return value
    beside = readable_text((target.root / target.path).parent / ".env")
    return interpolated(value, lambda name: variable_in(beside, name)) or value


def _is_in_extended(target: Target, document: Node, service: str, name: str) -> bool:
    """Whether the file that a service extends names a variable."""
    node = document.get("services", service)
    file = node.scalar("extends", "file") if node else ""
    return bool(file) and name in readable_text((target.root / target.path).parent / file)


def in_env_files(target: Target, document: Node, service: str, name: str) -> str:
    """The value of a variable in the files that a service reads, or in their examples."""
    for path in _with_examples(_env_files(target, document.get("services", service))):
        text = readable_text(path)
        match = re.search(rf"^\s*(?:export\s+)?{name}\s*[=:][ \t]*(.*)$", text, re.M)
        if match:
            return match[1].strip().strip("\"'") or "$"
    return ""


def _env_files(target: Target, node: Node | None) -> Iterator[Path]:
    """The files that a service reads its environment from."""
    found = node.get("env_file") if node else None
    if found is None:
        return
    names = [found.resolved.text] if found.resolved.kind == "scalar" else []
    for element in found.resolved.elements:
        names.append(element.scalar("path") or element.resolved.text)
    for name in names:
        yield (target.root / target.path).parent / name


def _with_examples(paths: Iterator[Path]) -> Iterator[Path]:
    """Some files and, of those that are not here, the examples."""
    for path in paths:
        yield path
        if path.parent.is_dir() and not path.is_file():
            stem = path.name.strip(".")
            yield from sorted(
                other
                for other in path.parent.iterdir()
                if stem in other.name and re.search("example|sample|template|dist", other.name)
            )


def _absent_env_file(target: Target, node: Node | None) -> str:
    """The first file of a service's environment that is not here: what it gives is not known.

    None is absent for a compose file that is made anew, whose every line is ours.
    """
    if not target.text:
        return ""
    folder = (target.root / target.path).parent
    absent = [path for path in _env_files(target, node) if not path.is_file()]
    return os.path.relpath(absent[0], folder) if absent else ""


def _is_known(target: Target, node: Node) -> bool:
    """Whether all of a service's environment can be read here."""
    return node.get("extends") is None and not _absent_env_file(target, node)


def _with_url(target: Target, text: str, web: str, server: Server, service: str) -> str:
    """The text with the server's URL in the environment of the web service, unless it is there."""
    document = load_compose(target, text)
    node = document.get("services", web)
    if node is not None and node.scalar("network_mode") == "host":
        # localhost is the machine, where the broker is as well
        return text
    names = (server.host_variable,) if server.host_variable else (server.own, *server.variables)
    absent = _absent_env_file(target, node)
    if absent and not any(variable_of(document, web, name) for name in names):
        # a line here would beat the file, for this service alone
        _note_of_absent(target, document, web, absent, server, service)
        return text
    if server.host_variable and not _needs_password(document, service):
        return _with_host(target, text, web, server, service)
    return _with_whole_url(target, text, web, server, service)


def _with_whole_url(target: Target, text: str, web: str, server: Server, service: str) -> str:
    """The same where a URL, and no host alone, is what the settings read."""
    document = load_compose(target, text)
    given = _given_url(target, document, web, server)
    if given and not _names_local(given):
        return text
    if not given and server.host == service:
        return text
    if not given and target.exported(server.variables or (server.own,)):
        return text
    if not given and (server.computed or _needs_password(document, service)):
        return _told_by_hand(target, document, web, server, service, text)
    if given and variable_of(document, web, server.variable):
        target.todo(
            Todo(
                f"{server.variable} of the service {web} is {given}",
                "In a container localhost is the container itself; the broker is another one.",
                f"{server.variable}={server.url_at(service)}\n",
                target.path,
            )
        )
        return text
    if "://" in given and "@" not in given:
        # the number of its database, say, which is that of the settings otherwise
        server = replace(server, url=given)
    url = server.url_at(service, _userinfo(document, service, server.kind))
    if not url:
        return text
    return add_variable(target, text, web, server.variable, url)


def _note_of_absent(
    target: Target, document: Node, web: str, absent: str, server: Server, service: str
) -> None:
    """Keep in mind what a file with variables has to give that is not here, unless its example
    does."""
    name, value = server.variable, ""
    if server.host_variable:
        name, value = server.host_variable, service
    given = in_env_files(target, document, web, name)
    local = given in LOCAL or _names_local(given)
    if (given and not local) or (not given and service in {server.host, server.host_default}):
        return
    if not given and target.exported((server.own, *server.variables, name)):
        return
    if not value and (server.computed or _needs_password(document, service)):
        has_to = f"the URL of the service {service}, in {name} or what the settings read"
    else:
        url = server.url_at(service, _userinfo(document, service, server.kind))
        has_to = f"{name}={value or url}"
    target.given_elsewhere.setdefault((absent, web), []).append(has_to)


def _note_what_is_given(target: Target) -> None:
    """One note for each file that is not here, whatever it has to give."""
    for (absent, web), given in target.given_elsewhere.items():
        target.note(
            f"{target.path}: {absent}, where {web} gets its environment from, is not here. "
            f"It has to give {' and '.join(dict.fromkeys(given))}."
        )
    target.given_elsewhere.clear()


def _with_host(target: Target, text: str, web: str, server: Server, service: str) -> str:
    """The text with the host alone, where the settings put the URL together."""
    name = server.host_variable
    document = load_compose(target, text)
    if variable_of(document, web, name):
        return text
    given = in_env_files(target, document, web, name) or server.host_default
    if given == service or target.exported((name,)):
        return text
    if given and given not in LOCAL:
        return text
    return add_variable(target, text, web, name, service)


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
    if has_files or any(variable_of(document, web, name) for name in server.variables):
        return text
    userinfo = _userinfo(document, service, server.kind)
    why = "The settings put it together, or it needs a password: celeryize does not know it."
    if userinfo and not server.computed:
        why = f"{service} asks for a password: it is behind --requirepass in its command."
    target.todo(
        Todo(
            f"the URL of {service} for {web} and the worker",
            why,
            f"{server.variable}: {server.url_at(service, userinfo)}\n",
            target.path,
        )
    )
    return text


def _names_local(url: str) -> bool:
    match = HOST.match(url)
    return match is not None and match[3] in LOCAL


def _userinfo(document: Node, service: str, kind: str) -> str:
    """The user that a server of the file is given; empty where it has its own."""
    if kind != "rabbitmq":
        password = _password_of(document, service)
        return f":{password}@" if password else ""
    user = variable_of(document, service, "RABBITMQ_DEFAULT_USER")
    password = variable_of(document, service, "RABBITMQ_DEFAULT_PASS")
    if user and password:
        return f"{user}:{password}@"
    return ""


def _password_of(document: Node, service: str) -> str:
    """The password that a Redis of the file asks for, as a URL of the file has it; empty where a
    shell or a file of its own knows it."""
    node = document.get("services", service)
    command = node.get("command") if node else None
    if command is None:
        return ""
    match = REQUIREPASS.search(" ".join(command.words()) or command.resolved.text)
    if match is None or "$$" in match[1]:
        return ""
    return match[1] if "$" in match[1] else quote(match[1], safe="")


def joined_services(file: ComposeFile, blocks: list[str]) -> str:
    """Blocks of services in a row, with a blank line above each where the file has them."""
    if file.gaps:
        return "\n" + "\n".join(blocks)
    return "".join(blocks)
