"""The servers on this machine that the project needs: whether they listen, and a Redis that does.

The `redis-server` of a session keeps nothing on the disk and ends with the session.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

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


def servers_of(urls: Iterable[object]) -> tuple[Server, ...]:
    """The servers of some settings, each once; of several alternatives none, and of schemes
    without a port of their own (files, memory, a socket, the cloud) none."""
    found: dict[tuple[str, int], Server] = {}
    for url in urls:
        if not isinstance(url, str) or ";" in url:
            continue
        server = _server_of(url)
        if server:
            found.setdefault((server.address, server.port), server)
    return tuple(found.values())


def _server_of(url: str) -> Server | None:
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


def refuse_unreachable(server: Server) -> CeleryizeError:
    """The one sentence about a server that is not there, and cannot be started here."""
    if not server.is_local:
        return CeleryizeError(
            f"{server.name} is expected at {server.address}, a host that is not known here",
            hint="That is the name of a service in a container. Here, set the variable that the "
            f"settings read, or CELERY_BROKER_URL={server.scheme}://localhost:{server.port}",
        )
    command = IMAGES[server.scheme].format(port=server.port)
    also = ""
    if server.scheme == "redis":
        also = " With redis-server on PATH, it is started for the session."
    return CeleryizeError(
        f"nothing listens on {server.address}, where the settings expect {server.name}",
        hint=f"Start it ({command}), or set CELERY_BROKER_URL.{also}",
    )


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
