"""A Redis or a RabbitMQ of our own, on a free port of this machine, that ends with us."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from celeryize.errors import CeleryizeError
from celeryize.supervised import SCRIPT as SUPERVISOR

# Seconds until a server has to answer: Erlang takes some.
STARTING = {"redis": 10.0, "amqp": 40.0}
# The server's own script: Debian's in sbin becomes the user rabbitmq, and writes to its home.
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# What a server sends first, or to what.
HELLO = {"redis": (b"PING\r\n", b"+PONG"), "amqp": (b"AMQP\x00\x00\x09\x01", b"\x01")}


@contextmanager
def private_server(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a server of that kind, "redis" or "amqp", that keeps its files in `folder`.

    Raises CeleryizeError where it is not installed, or does not start.
    """
    port = _free_port()
    place = folder / kind
    place.mkdir()
    if kind == "amqp":
        with _rabbitmq(place, port):
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        return
    binary = shutil.which("redis-server")
    if binary is None:
        raise _missing("redis-server")
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(place))
    command = (binary, "--port", str(port), *options)
    with _running(command, place, {}, (port, "redis")):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _rabbitmq(place: Path, port: int) -> Iterator[None]:
    found = shutil.which("rabbitmq-server")
    server = RABBITMQ if RABBITMQ.is_file() else found and Path(found)
    epmd = shutil.which("epmd")
    if not server or epmd is None:
        raise _missing("rabbitmq-server")
    names = _free_port()
    for name, text in (("plugins", "[].\n"), ("rabbitmq.conf", ""), ("env.conf", "")):
        (place / name).write_text(text)
    environment = {
        "HOME": str(place),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"celeryize-{os.getpid()}-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
        "RABBITMQ_LOG_BASE": str(place / "log"),
        "RABBITMQ_PID_FILE": str(place / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(place / "env.conf"),
    }
    # left to itself, the server starts one that outlives it
    catalogue = (epmd, "-port", str(names), "-address", "127.0.0.1")
    with (
        _running(catalogue, place, environment, None),
        _running((str(server),), place, environment, (port, "amqp")),
    ):
        yield


@contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    awaited: tuple[int, str] | None,
) -> Iterator[None]:
    """A server below a supervisor of ours; it answers, where it is awaited."""
    log = folder / "server.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), *command],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        if awaited and not _answers(process, *awaited):
            lines = log.read_text("utf-8", "replace").strip().splitlines()[-3:]
            raise CeleryizeError(
                f"{Path(command[0]).name} does not start here: {' / '.join(lines)}",
                hint="Use another broker: --broker configured.",
            )
        yield
    finally:
        process.stdin.close()
        process.wait()


def _answers(process: subprocess.Popen[bytes], port: int, kind: str) -> bool:
    """Whether the server answers in time."""
    question, answer = HELLO[kind]
    deadline = time.monotonic() + STARTING[kind]
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(question)
                if connection.recv(64).startswith(answer):
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _missing(name: str) -> CeleryizeError:
    return CeleryizeError(
        f"the stop proof needs {name} on PATH, for a broker of its own",
        hint=f"Install {name}; or use the project's broker, with a queue of our own: "
        "--broker configured.",
    )
