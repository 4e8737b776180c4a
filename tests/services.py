"""Real servers for tests: a Redis or a RabbitMQ of its own on free ports, a worker that is ready."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import pytest

# kombu#1551, open: a worker on the filesystem broker can take a message that is only half written, and dies of it.
# A real worker's test is tried again then.
over_files = pytest.mark.flaky(reruns=2)
# A signal that comes while Python itself starts can be lost, or end it in another way: before our first line runs.
while_python_starts = pytest.mark.flaky(reruns=1)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """A redis-server without a disk; the test is skipped, with the reason, where there is none."""

    def __enter__(self) -> Self:
        server = shutil.which("redis-server")
        if server is None:
            pytest.skip("there is no redis-server on this machine")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("redis-server did not start")

    def listed(self) -> list[str]:
        """Every key of every database."""
        import redis

        found = []
        for number in range(16):
            with redis.Redis(port=self.port, db=number) as client:
                found += [f"{number} {key!r}" for key in sorted(client.keys())]
        return found

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()


class RabbitMQ:
    """A rabbitmq-server with a node, ports and folders of its own; skips, with the reason, where there is none.

    The server's own script is run, not Debian's in sbin, which becomes the user rabbitmq and writes to its home.
    """

    def __enter__(self) -> Self:
        scripts, epmd = Path("/usr/lib/rabbitmq/bin"), shutil.which("epmd")
        server = scripts / "rabbitmq-server"
        if not server.is_file() or epmd is None:
            found = shutil.which("rabbitmq-server")
            if found is None or epmd is None:
                pytest.skip("there is no rabbitmq-server on this machine")
            server, scripts = Path(found), Path(found).parent
        self.control = scripts / "rabbitmqctl"
        self.folder = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").touch()
        (self.folder / "env.conf").touch()
        self.port, names = free_port(), free_port()
        # without a name and a password, which are guest then: init keeps a password out of the settings
        self.url = f"amqp://127.0.0.1:{self.port}//"
        self.node = f"celeryize-{os.getpid()}-{self.port}@localhost"
        self.env = {
            **os.environ,
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "env.conf"),
        }
        # left to itself, the server starts one that outlives it
        self.names = subprocess.Popen(
            [epmd, "-port", str(names), "-address", "127.0.0.1"], env=self.env
        )
        self.process = subprocess.Popen(
            [str(server)],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _await(self) -> None:
        import kombu

        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with kombu.Connection(self.url, connect_timeout=1) as connection:
                    connection.connect()
                return
            except OSError:
                time.sleep(0.2)
        logs = "".join(
            log.read_text("utf-8", "replace") for log in (self.folder / "log").glob("*.log")
        )
        pytest.skip(f"rabbitmq-server does not start here: {logs[-400:] or self.process.poll()}")

    def listed(self) -> list[str]:
        """Every queue with the number of its messages, every exchange and every binding."""
        return [
            row
            for what in ("queues", "exchanges", "bindings")
            for row in self._control(f"list_{what}")
        ]

    def _control(self, command: str) -> list[str]:
        arguments = [str(self.control), "-q", "-n", self.node, command]
        ended = subprocess.run(arguments, env=self.env, capture_output=True, text=True, check=True)
        return sorted(ended.stdout.splitlines()[1:])

    def __exit__(self, *exception: object) -> None:
        for process in (self.process, self.names):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(
                    process.pid, signal.SIGKILL
                ) if process is self.process else process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """`celery -A spec worker`, ready; `banner` is what it has said until then, `log()` all so far."""

    def __init__(self, folder: Path, spec: str, env: dict[str, str], *options: str) -> None:
        self.command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            spec,
            "worker",
            "-l",
            "INFO",
            *(options or ("-P", "solo")),
        ]
        self.folder, self.env = folder, {**os.environ, **env}

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.lines: list[str] = []
        ready: queue.Queue[bool] = queue.Queue()

        def read() -> None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self.lines.append(line)
                if " ready." in line:
                    ready.put(True)
            ready.put(False)

        threading.Thread(target=read, daemon=True).start()
        if not ready.get(timeout=60):
            raise RuntimeError("the worker did not start:\n" + "".join(self.lines))
        self.banner = "".join(self.lines)
        return self

    def log(self) -> str:
        """Everything the worker has said."""
        return "".join(self.lines)

    def __exit__(self, *exception: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
