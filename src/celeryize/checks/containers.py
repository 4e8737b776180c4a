"""Containers: the broker beside them, what their image starts and asks, and their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.deployment import without_comments
from celeryize.checks.facts.processes.brokers import BrokerUrl, broker_of
from celeryize.checks.facts.processes.given import given_to, substituted
from celeryize.checks.facts.processes.hosts import host_in, is_database, names_of
from celeryize.checks.facts.processes.reads import default_database_reads
from celeryize.checks.facts.processes.where_it_runs import dockerfile_of, starts_web
from celeryize.detect.processes import Process
from celeryize.detect.processes.fly import GROUP
from celeryize.model import Where
from celeryize.reading import readable_text
from celeryize.urls import redacted

# The port on which the image of a broker listens.
PORTS = {"redis": 6379, "valkey": 6379, "rabbitmq": 5672}
PUBLISHED = re.compile(r"(?:[\d.]+:)?(\d+):(\d+)(?:/tcp)?$")
ASKS_PASSWORD = re.compile(r"--requirepass[\s=]+(\S+)")
NAME_OF_SERVICE = re.compile(r"[a-z][a-z0-9_-]*")
# What brings hosts into a compose file that it does not name itself.
ELSEWHERE = ("external", "extra_hosts", "network_mode", "include:", "extends:")
DATABASE_URL = re.compile(
    r"(?:postgres|postgresql|postgis|psql|pgsql|mysql|mariadb)[\w+-]*://(?:[^@/]*@)?([\w.-]+)"
)
DATABASE_HOST = re.compile(r"(\w*_)?(DB|DATABASE|POSTGRES|POSTGRESQL|PG|SQL|MYSQL|MARIADB)_?HOST")
FROM = re.compile(r"^\s*FROM\s", re.M | re.I)
WEB_PROBE = re.compile(
    r"^\s*HEALTHCHECK\b(?:[^\n]*\\\n)*[^\n]*\b(curl|wget|https?://)", re.M | re.I
)
ENTRYPOINT = re.compile(r"^\s*ENTRYPOINT\s+(?:\[\s*)?[\"']?([^\s\"',\]]+\.sh)\b", re.M | re.I)
# What a script does with the command that it is given.
PASSES_ON = re.compile(r"\$\{?[@*1#]|\bshift\b")
# A name of a node that is the same wherever it is started.
FIXED_NODE = re.compile(r"[\w.-]+@[\w.-]+")
SHELLS = ("sh", "bash", "ash", "dash", "/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash")
SHELL_VARIABLE = re.compile(r"(?<!\$\()\${1,2}\{?[A-Z_]+\}?")


def _broker_beside(facts: Facts, process: Process) -> tuple[BrokerUrl, Process] | None:
    """The broker's URL of a compose service, and the service of the same file that it names."""
    if not _uses_broker(facts, process):
        return None
    url = broker_of(facts, process)
    if url is None:
        return None
    for other in facts.deployment.processes:
        same = other.kind == "compose" and other.where.path == process.where.path
        if same and other.name == url.host and _kind_of(other):
            return url, other
    return None


def _kind_of(process: Process) -> str:
    """Which broker a service runs, by its image; empty for any other."""
    image = process.options.get("image")
    name = ""
    if image:
        name = image.text.partition(":")[0].rpartition("/")[2]
    return next((kind for kind in PORTS if name.startswith(kind)), "")


@check("celery.E921")
def published_port_used(facts: Facts) -> Iterator[Occurrence]:
    """A container looks for the broker at the port that only the host has.

    What happens: The worker never gets a task.
    How it looks: Cannot connect to redis://redis:6380/0: Connection refused
    Why: `ports: ["6380:6379"]` gives the port 6380 to the host. In the network of the containers
        the broker listens on its own port.
    Fix: redis://redis:6379/0
    Source: https://docs.docker.com/compose/how-tos/networking/
    """
    reported: set[Where] = set()
    for process in facts.deployment.processes:
        found = _broker_beside(facts, process)
        if found is None or found[0].where in reported:
            continue
        url, broker = found
        port, own = _port_of(url), PORTS[_kind_of(broker)]
        published = _published_ports(broker)
        if port and port != own and published.get(port) == own:
            reported.add(url.where)
            yield Occurrence(
                f"{broker.name} has the port {port} on the host only: containers reach it at {own}",
                url.where,
                f"Write {url.url.replace(f':{port}', f':{own}', 1)}.",
            )


def _published_ports(process: Process) -> dict[int, int]:
    """The ports of a service by what they are on the host."""
    found: dict[int, int] = {}
    item = process.options.get("ports")
    for text in item.text.split() if item else ():
        match = PUBLISHED.match(text)
        if match:
            found[int(match[1])] = int(match[2])
    return found


def _port_of(url: BrokerUrl) -> int | None:
    try:
        return urlsplit(url.url).port
    except ValueError:
        return None


@check("celery.E922", grouped=True)
def broker_wants_another_login(facts: Facts) -> Iterator[Occurrence]:
    """The broker's URL has another login than the broker that is started beside it.

    What happens: The worker never gets a task, and nothing can be sent.
    How it looks: NOAUTH Authentication required. Or: ACCESS_REFUSED - Login was refused; or
        NOT_ALLOWED - vhost shop not found
    Why: The compose file gives the broker a password, a user or a virtual host, and the URL has
        others. RabbitMQ only makes guest where no other user is named.
    Fix: redis://:password@redis:6379/0, amqp://user:password@rabbitmq:5672/vhost
    Source: https://redis.io/docs/latest/commands/auth/; https://hub.docker.com/_/rabbitmq
    """
    reported: set[Where] = set()
    for process in facts.deployment.processes:
        found = _broker_beside(facts, process)
        if found is None or found[0].where in reported:
            continue
        url, broker = found
        problem = _login_problem(url, broker)
        if problem:
            reported.add(url.where)
            yield Occurrence(
                f"{problem} ({broker.where})", url.where, "Write the same in both places."
            )


def _login_problem(url: BrokerUrl, broker: Process) -> str:
    """What of a URL the broker does not accept; empty where it does, or where it is not known."""
    parts = urlsplit(url.url)
    if _kind_of(broker) != "rabbitmq":
        wanted = ASKS_PASSWORD.search(" ".join(broker.words))
        if wanted and not parts.password:
            return f"{broker.name} asks for a password, and this URL has none"
        return ""
    # what is mounted may define users and virtual hosts
    if "volumes" in broker.options and re.search(r"defin|\.conf", broker.options["volumes"].text):
        return ""
    user = broker.environment.get("RABBITMQ_DEFAULT_USER")
    given = unquote(parts.username or "guest")
    if user and "$" not in user.text and user.text != given:
        return f"{broker.name} knows the user {user.text}, and this URL says {given}"
    vhost = broker.environment.get("RABBITMQ_DEFAULT_VHOST")
    wanted_host = "/"
    if vhost:
        wanted_host = vhost.text
    given_host = unquote(parts.path[1:]) or "/"
    if "$" not in wanted_host and wanted_host.strip("/") != given_host.strip("/"):
        return f"{broker.name} has the virtual host {wanted_host}, and this URL says {given_host}"
    return ""


@check("celery.W923")
def web_probe_inherited(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container has the health check of the web server.

    What happens: It is unhealthy for ever: what waits for it does not start, and what watches it
        restarts it in the middle of a task.
    How it looks: Up 2 hours (unhealthy)
    Why: HEALTHCHECK is part of the image, and a worker answers no HTTP.
    Fix: healthcheck: {disable: true} for the worker's service, or a check of its own
    Source: https://docs.docker.com/reference/dockerfile/#healthcheck
    """
    for process in facts.deployment.processes:
        if process.kind != "compose" or process.subcommand not in {"worker", "beat"}:
            continue
        if process.probe or "healthcheck" in process.options:
            continue
        # of an image that is built elsewhere nothing is known
        if not {"build", "context"} & set(process.options):
            continue
        text = _last_stage(_dockerfile(facts, process))
        if WEB_PROBE.search(text):
            yield Occurrence(
                f"{process.name} has its image's health check, which asks a web server",
                process.where,
                "Give it `healthcheck: {disable: true}`, or a check of its own.",
            )


def _dockerfile(facts: Facts, process: Process) -> str:
    return dockerfile_of(process, (facts.deployment.root / process.where.path).parent)


def _last_stage(dockerfile: str) -> str:
    """The part of a Dockerfile that makes the image."""
    starts = [match.start() for match in FROM.finditer(dockerfile)]
    if starts:
        return dockerfile[starts[-1] :]
    return dockerfile


@check("celery.E924")
def command_never_runs(facts: Facts) -> Iterator[Occurrence]:
    """The entry point of an image ignores the command of its container.

    What happens: No worker runs: the container starts what the script starts, a second web server.
    How it looks: The log of the worker's container is that of the web server.
    Why: Docker, and Fly, hand the command to the entry point as arguments, and the script does not
        use them.
    Fix: exec "$@" at the end of the script; or entrypoint: [] for the worker's service
    Source: https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact
    """
    for process in facts.deployment.processes:
        # of a service without `build` the Dockerfile beside the file is taken
        if process.kind != "compose" and not process.is_built:
            continue
        if process.subcommand not in {"worker", "beat"}:
            continue
        if "entrypoint" in process.options or process.script:
            continue
        found = ENTRYPOINT.findall(_last_stage(_dockerfile(facts, process)))
        script = _script_named(facts, found)
        if script is None:
            continue
        text = readable_text(script)
        # a script may choose by the group, and needs no argument
        if text and not PASSES_ON.search(text) and GROUP not in text:
            shown = script.relative_to(facts.deployment.root).as_posix()
            yield Occurrence(
                f"{shown} ignores its arguments, so {process.name} never runs this command",
                process.where,
                f'End {shown} with exec "$@", and start the web server by a command, too.',
            )


def _script_named(facts: Facts, paths: list[str]) -> Path | None:
    """The one script of the project that has the name of an image's last entry point."""
    if not paths:
        return None
    name = paths[-1].rpartition("/")[2]
    found = [
        facts.deployment.root / folder / name
        for folder, _, files in facts.deployment.folders
        if name in files
    ]
    if len(found) == 1:
        return found[0]
    return None


@check("celery.W925")
def node_name_twice(facts: Facts) -> Iterator[Occurrence]:
    """Several workers have one node name.

    What happens: `inspect`, `control` and Flower take them for one: an answer of one hides the
        others, and a health check of one is answered by another.
    How it looks: DuplicateNodenameWarning: Received multiple replies from node name: main@shop.
    Why: The name after -n is fixed, and more than one worker is started with it.
    Fix: -n main@%h, where %h is the host; or a name for each
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#starting-the-worker
    """
    seen: dict[tuple[PurePosixPath, str, str], Process] = {}
    for process in facts.deployment.processes:
        command = process.celery
        if command is None or command.subcommand != "worker":
            continue
        name = command.option("-n", "--hostname") or ""
        # what supervisor starts is on one host, so that %h makes no difference
        one_host = process.kind == "supervisor"
        if one_host and _is_off(process):
            continue
        if one_host and "%(" not in name:
            name = name or "celery@%%h"
        elif not FIXED_NODE.fullmatch(name):
            continue
        replicas = process.replicas
        if replicas and replicas.text.strip().isdigit() and int(replicas.text) > 1:
            right = f"{name.partition('@')[0]}@%h"
            if one_host:
                right = f"-n {name.partition('@')[0]}%(process_num)d@%%h"
            yield Occurrence(
                f"{replicas.text} workers are started, all with the node name {name}",
                process.where,
                f"Write {right}.",
            )
        key = (*process.scope, name)
        first = seen.setdefault(key, process)
        if first.where != process.where:
            yield Occurrence(
                f"{process.name} and {first.name} have the node name {name}",
                process.where,
                "Give each its own.",
            )


def _is_off(process: Process) -> bool:
    """Whether a program of supervisor is started manually, in place of another one."""
    starts = process.options.get("autostart")
    return starts is not None and starts.text.lower() in {"false", "no", "off", "0"}


@check("celery.E926")
def probe_without_shell(facts: Facts) -> Iterator[Occurrence]:
    """A probe names a variable of the shell, and is run without a shell.

    What happens: It asks for a worker called celery@$HOSTNAME, which never answers: the container
        is killed again and again.
    How it looks: Error: No nodes replied within time constraint
    Why: Only a shell puts values in the place of $HOSTNAME. Kubernetes itself knows $(NAME), for
        the variables of the container's env.
    Fix: ["sh", "-c", "celery -A config inspect ping -d celery@$HOSTNAME"]
    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
    """
    for process in facts.deployment.processes:
        probe = process.probe
        if probe is None or not re.search(r"\bcelery\b", probe.text):
            continue
        words = probe.text.split()
        if words[0] in SHELLS or not SHELL_VARIABLE.search(probe.text):
            continue
        if process.kind == "kubernetes" or _is_exec_form(facts, probe.where):
            variable = SHELL_VARIABLE.search(probe.text)
            assert variable is not None
            yield Occurrence(
                f"no shell runs this probe, so {variable[0]} stays as it is",
                probe.where,
                'Run it by ["sh", "-c", "..."].',
            )


def _is_exec_form(facts: Facts, where: Where) -> bool:
    """Whether the health check of a compose file at a line is a list that begins with CMD."""
    lines = readable_text(facts.deployment.root / where.path).split("\n")
    start = (where.line or 1) - 1
    return re.search(r"[\[\s\"'-]CMD[\"',\s]", "\n".join(lines[start : start + 2])) is not None


@check("celery.E933", grouped=True)
def server_has_another_name(facts: Facts) -> Iterator[Occurrence]:
    """A container has a broker or a database whose host is none of the services beside it.

    What happens: The worker never gets a task, or cannot reach the database.
    How it looks: Cannot connect to redis://cache:6379/0: Error -2: Name or service not known
    Why: In the network of the containers, the name of a service is its host name. The broker, or
        the database, of the same file has another one.
    Fix: The name of that service
    Source: https://docs.docker.com/compose/how-tos/networking/
    """
    for process, url in _lost_brokers(facts):
        beside = _brokers_beside(facts, process, url)
        if len(beside) == 1:
            yield Occurrence(
                f"no service is called {url.host}: {process.name} does not find the broker"
                f" {beside[0].name}",
                url.where,
                f"Write {redacted(url.url.replace(url.host, beside[0].name, 1))}.",
            )
    yield from _lost_databases(facts)


def _lost_databases(facts: Facts) -> Iterator[Occurrence]:
    names = _NamesOfHosts(facts)
    read = {
        read.name
        for setting in facts.settings.named("DATABASES")
        for read in default_database_reads(facts, setting)
    }
    reported: set[Where] = set()
    for process in facts.deployment.processes:
        if not _uses_broker(facts, process) or names.may_be_elsewhere:
            continue
        beside = [
            other
            for other in facts.deployment.processes
            if other.where.path == process.where.path and is_database(other)
        ]
        # of several, the host may mean none of them
        for name, item in given_to(facts, process).variables.items() if len(beside) == 1 else ():
            match = DATABASE_URL.match(item.text)
            host = match[1] if match else ""
            if DATABASE_HOST.fullmatch(name):
                host = item.text
            if item.where in reported or name not in read or not NAME_OF_SERVICE.fullmatch(host):
                continue
            if host != "localhost" and not names.may_explain(process, host, beside):
                reported.add(item.where)
                yield Occurrence(
                    f"no service is called {host}: {process.name} does not find the database"
                    f" {beside[0].name}",
                    item.where,
                    f"Write {beside[0].name}.",
                )


class _NamesOfHosts:
    """The names that the compose files of a project give to hosts."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        services = [p for p in facts.deployment.processes if p.kind == "compose"]
        files = {service.where.path for service in services}
        places = [facts.deployment.root / path for path in sorted(files)]
        self.texts = [without_comments(readable_text(place)) for place in places]
        self.names = {name for service in services for name in names_of(service)}
        self.links = {
            part
            for service in services
            for key in ("links", "external_links")
            if key in service.options
            for part in re.split(r"[\s:]", service.options[key].text)
        }

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether other networks, or other files, may bring any name."""
        # `container_name: ${PROJECT}_redis` is a name that is not known here
        return any(word in text for text in self.texts for word in ELSEWHERE) or any(
            "$" in name for name in self.names
        )

    def may_explain(self, process: Process, host: str, servers: list[Process]) -> bool:
        """Whether a host is a service, a container, a link or an alias, or whether it means
        another server than those of the file on purpose."""
        if host in self.names | self.links or self._is_written(host):
            return True
        # shop_redis, shop-redis-1, tasks.redis: the names that Compose and Swarm make of one
        parts = re.split(r"[-_.]", host)
        if any(server.name in parts[1:] for server in servers):
            return True
        if any("profiles" in server.options for server in servers):
            return True
        # the one beside is there for something else, and under its own name
        given = given_to(self.facts, process).variables.items()
        used = {
            host_in(substituted(self.facts, process, item.text))
            for name, item in given
            # results are kept beside the broker, mostly
            if "RESULT" not in name
        }
        return any(server.name in used for server in servers)

    def _is_written(self, host: str) -> bool:
        quoted = rf"[\"']?{re.escape(host)}[\"']?"
        named = re.compile(
            rf"(?m)^\s+{quoted}\s*:|^\s*-\s*{quoted}\s*$"
            rf"|(?:container_name|hostname)\s*:\s*[\"']?{host}\b|[\[,]\s*{quoted}\s*[\],]"
        )
        return any(named.search(text) for text in self.texts)


@check("celery.W928", grouped=True)
def broker_is_no_service(facts: Facts) -> Iterator[Occurrence]:
    """The broker's URL of a container names a host that no compose file has.

    What happens: The worker never gets a task, unless the host is known by other means.
    How it looks: Cannot connect to redis://redis:6379/0: Error -2: Name or service not known
    Why: In the network of the containers, the name of a service is its host name.
    Fix: The service, or its name in the URL. `celeryize add-worker` writes both.
    Source: https://docs.docker.com/compose/how-tos/networking/
    """
    for process, url in _lost_brokers(facts):
        if len(_brokers_beside(facts, process, url)) != 1:
            yield Occurrence(
                f"the compose file has no service {url.host}: the broker is not found",
                url.where,
                "Write the name of a service that is there, or add one: celeryize add-worker.",
            )


def _lost_brokers(facts: Facts) -> Iterator[tuple[Process, BrokerUrl]]:
    """The services whose broker has the name of no service, each line once."""
    names = _NamesOfHosts(facts)
    # without any broker here, it may be anywhere
    beside = any(p.kind == "compose" and _kind_of(p) for p in facts.deployment.processes)
    if not beside or names.may_be_elsewhere:
        return
    reported: set[Where] = set()
    for process in facts.deployment.processes:
        if not _uses_broker(facts, process):
            continue
        url = broker_of(facts, process)
        if url is None or url.where in reported or not NAME_OF_SERVICE.fullmatch(url.host or ""):
            continue
        servers = _brokers_beside(facts, process, url)
        if url.host != "localhost" and not names.may_explain(process, url.host, servers):
            reported.add(url.where)
            yield process, url


def _brokers_beside(facts: Facts, process: Process, url: BrokerUrl) -> list[Process]:
    """The brokers of a URL's kind beside a service that is given the URL by its file."""
    if url.where.path.suffix == ".py":
        return []
    kinds = {"redis", "valkey"}
    if url.url.startswith(("amqp", "pyamqp")):
        kinds = {"rabbitmq"}
    return [
        other
        for other in facts.deployment.processes
        if other.where.path == process.where.path and _kind_of(other) in kinds
    ]


def _uses_broker(facts: Facts, process: Process) -> bool:
    """Whether a service of a compose file is a worker, Beat, or the web server."""
    if process.kind != "compose":
        return False
    if process.celery is None:
        return starts_web(facts, process)
    return process.subcommand in {"worker", "beat"}
