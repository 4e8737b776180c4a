"""The servers on this machine that the project needs: whether they listen, and a Redis that does.

The `redis-server` of a session keeps nothing on the disk and ends with the session.
"""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from celeryize.commands.dev.child import Program
from celeryize.errors import CeleryizeError

LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", ""})
PORTS = {"redis": 6379, "amqp": 5672, "pyamqp": 5672, "mongodb": 27017}
NAMES = {"redis": "Redis", "amqp": "RabbitMQ", "pyamqp": "RabbitMQ", "mongodb": "MongoDB"}
IMAGES = {
    "redis": "docker run --rm -p {port}:6379 redis:7",
    "amqp": "docker run --rm -p {port}:5672 rabbitmq:4",
    "pyamqp": "docker run --rm -p {port}:5672 rabbitmq:4",
    "mongodb": "docker run --rm -p {port}:27017 mongo",
}
CONNECT = 1.0
# Seconds until a new server has to listen.
STARTING = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the settings name: the scheme, the host and the port of its URL."""

    scheme: str
    host: str
    port: int
    password: str = ""
    user: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return NAMES[self.scheme]

    @property
    def address(self) -> str:
        """host:port."""
        return f"{self.host or 'localhost'}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return self.host in LOCAL

    @property
    def is_service(self) -> bool:
        """Whether its host may be the name of a service in a container: `redis`, without a dot."""
        return not self.is_local and "." not in self.host


def server_of(url: object) -> Server | None:
    """The server of a URL; None for several alternatives, and for schemes without a port of their
    own (files, memory, a socket, the cloud).
    """
    if not isinstance(url, str) or ";" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.partition("+")[0]
    if scheme not in PORTS or "+socket" in parts.scheme or "," in parts.netloc:
        return None
    password, user = unquote(parts.password or ""), unquote(parts.username or "")
    return Server(scheme, parts.hostname or "", port or PORTS[scheme], password, user)


def addresses_without_password(urls: Iterable[object]) -> frozenset[str]:
    """The addresses of the servers that have neither a user nor a password in any of the URLs."""
    servers = [server for url in urls if (server := server_of(url)) is not None]
    closed = {server.address for server in servers if server.user or server.password}
    return frozenset(server.address for server in servers) - closed


def without_false_mask(line: str, addresses: Iterable[str]) -> str:
    """A line of Celery's log without the mask of a password that there is none of.

    kombu writes `redis://:**@host` whether or not there is a password.
    """
    for address in addresses:
        line = re.sub(rf"://:\*\*@(?={re.escape(address)}(?!\d))", "://", line)
    return line


def listens(server: Server) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((server.host or "localhost", server.port), CONNECT).close()
    except OSError:
        return False
    return True


def is_unknown(server: Server) -> bool:
    """Whether its host has no address here: a service's name of a compose file."""
    try:
        socket.getaddrinfo(server.host, server.port)
    except OSError:
        return True
    return False


def stand_in() -> Server:
    """A Redis of the session in the place of one in a container: on a port that is free here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Server("redis", "localhost", free.getsockname()[1])


def url_on(url: str, server: Server) -> str:
    """A URL with another server and without the credentials; its database and options stay."""
    parts = urlsplit(url)
    return urlunsplit((server.scheme, server.address, parts.path, parts.query, ""))


def refuse_unreachable(server: Server) -> CeleryizeError:
    """The one sentence about a server that is not there, and cannot be started here."""
    if not server.is_local:
        return CeleryizeError(
            f"{server.name} is expected at {server.address}, a host that is not known here",
            hint=_hint_elsewhere(server),
        )
    command = IMAGES[server.scheme].format(port=server.port)
    also = ""
    if server.name == "RabbitMQ" and server.port == PORTS["amqp"]:
        command = f"rabbitmq-server, or {command}"
    if server.scheme == "redis":
        also = " With redis-server on PATH, it is started for the session."
    return CeleryizeError(
        f"nothing listens on {server.address}, where the settings expect {server.name}",
        hint=f"Start it ({command}), or set CELERY_BROKER_URL.{also}",
    )


def _hint_elsewhere(server: Server) -> str:
    """What to do about a host of another machine, or of a container."""
    here = (
        f"Here, set the variable that the settings read, or CELERY_BROKER_URL={server.scheme}://"
        f"localhost:{server.port}"
    )
    if not server.is_service:
        return here
    also = ""
    if server.scheme == "redis":
        also = ". With redis-server on PATH, one is started for the session"
    return f"That is the name of a service in a container. {here}{also}."


def plan_server(server: Server, scratch: Path) -> Program | None:
    """The Redis that can stand in for the session; None where none can be started."""
    binary = shutil.which("redis-server")
    if binary is None or server.scheme != "redis" or not server.is_local or server.user:
        return None
    folder = scratch / f"redis-{server.port}"
    folder.mkdir()
    lines = [
        f"port {server.port}",
        "bind 127.0.0.1 -::1",
        'save ""',
        "appendonly no",
        f'dir "{folder}"',
        "loglevel warning",
    ]
    if server.password:
        quoted = server.password.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'requirepass "{quoted}"')
    # a password on the command line is seen by everybody on the machine
    configuration = folder / "redis.conf"
    configuration.touch(0o600)
    configuration.write_text("\n".join(lines) + "\n")
    return Program("redis", (binary, str(configuration)), folder)


def await_server(server: Server) -> bool:
    """Whether it listens, in the time that a start takes."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        if listens(server):
            return True
        time.sleep(0.02)
    return False
