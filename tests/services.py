"""Real servers for tests: a Redis of its own on a free port, a worker that is ready."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest

# kombu#1551, open: a worker on the filesystem broker can take a message that is only half written, and dies of it.
# A real worker's test is tried again then; no other test is.
over_files = pytest.mark.flaky(reruns=2)


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
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("redis-server did not start")

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()


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
