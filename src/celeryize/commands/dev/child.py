"""One process of the session: it ends with us, and its output comes line by line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from celeryize.supervised import SCRIPT as SUPERVISOR

# A line that is longer is shown in parts: nothing is kept for ever.
LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: the name in front of its lines, the command, its folder, its variables."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A running program below a supervisor that kills all of it when we end, however we end.

    `on_line` gets each line that it prints, `on_end` its exit code, each on a thread of its own.
    """

    def __init__(
        self,
        program: Program,
        on_line: Callable[[Child, str], None],
        on_end: Callable[[Child, int], None],
    ) -> None:
        self.program = program
        self._on_line, self._on_end = on_line, on_end
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), *program.command],
            cwd=program.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Ctrl-C of the terminal is for us alone
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, not to what it has started."""
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(bytes([number]))
            self._process.stdin.flush()

    def kill(self) -> None:
        """End the program and all that it has started, at once."""
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()

    def wait(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while line := stream.readline(LONGEST):
                self._on_line(self, line.decode("utf-8", "replace").rstrip("\r\n"))
        code = self._process.wait()
        self.kill()
        self._on_end(self, code)
