"""The step that starts a broker on this machine, where none answers."""

from __future__ import annotations

import os
import shutil
import socket
from urllib.parse import urlsplit

from celeryize.brokers import find_broker
from celeryize.model import NextStep

LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}
# Seconds: on this machine somebody listens at once, or nobody does.
PATIENCE = 0.3
# Of each broker with a server: its words, its port, its own program, the image and its port.
SERVERS = {
    "redis": ("Redis", 6379, "redis-server", "redis:7"),
    "rabbitmq": ("RabbitMQ", 5672, "rabbitmq-server", "rabbitmq:4"),
}


def broker_steps(url: str, variables: tuple[str, ...] = ()) -> tuple[NextStep, ...]:
    """What starts the broker of a URL; nothing where it answers, is elsewhere, or has no server.

    One of `variables` in the environment is the URL instead.
    """
    url = next((os.environ[name] for name in variables if os.environ.get(name)), url)
    broker = find_broker(url)
    if broker is None or broker.name not in SERVERS:
        return ()
    words, usual, program, image = SERVERS[broker.name]
    try:
        parts = urlsplit(broker.url if url == broker.name else url)
        host, port = parts.hostname or "localhost", parts.port or usual
    except ValueError:
        return ()
    if host not in LOCAL or answers(host, port):
        return ()
    title = f"Start {words} in a terminal of its own (nothing answers on {host}:{port})"
    return (NextStep(title, (_server_line(program, image, port, usual),)),)


def _server_line(program: str, image: str, port: int, usual: int) -> str:
    """The server that is installed, else a container of it."""
    if shutil.which(program) and port == usual:
        return program
    if shutil.which(program) and program == "redis-server":
        return f"{program} --port {port}"
    return f"docker run --rm -p {port}:{usual} {image}"


def answers(host: str, port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except OSError:
        return False
