"""What is going on while nothing else is said: one line on stderr, gone afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from celeryize.ui.streams import write_stream
from celeryize.ui.terminal import Terminal
from celeryize.ui.text import display_width, paint, safe

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_FRAMES = "|/-\\"
# Seconds: after so long a silence people ask themselves whether it hangs, and how often it turns.
SILENCE = 0.4
PACE = 0.1
ERASE = "\r\x1b[K"


class Progress:
    """The line of a terminal. Everything else that is written to it goes through `writing`."""

    def __init__(self, stream: TextIO, terminal: Terminal) -> None:
        self._stream = stream
        self._terminal = terminal
        self._lock = threading.RLock()
        # what is going on, innermost last, each with its beginning
        self._labels: list[tuple[str, float]] = []
        self._detail = ""
        self._last_word = 0.0
        self._shown = False
        self._announced = ""
        self._paused = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._frames = FRAMES
        if not (stream.encoding or "").lower().startswith("utf"):
            self._frames = ASCII_FRAMES

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Say what is going on, once that takes longer than a moment."""
        with self._lock:
            self._labels.append((what, time.monotonic()))
            self._detail = ""
        self._start()
        try:
            yield
        finally:
            with self._lock:
                self._labels.pop()
                self._detail = ""
                self._erase()
            if not self._labels:
                self._end()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The line is gone while something else is written."""
        with self._lock:
            self._erase()
            yield
            self._last_word = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing moves while a person is asked."""
        with self._lock:
            self._erase()
            self._paused = True
        try:
            yield
        finally:
            with self._lock:
                self._paused = False
                self._last_word = time.monotonic()

    def tell(self, detail: str) -> None:
        """The last line of what another program says."""
        with self._lock:
            self._detail = safe(detail.strip())

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._stop.clear()
        self._last_word = time.monotonic()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None:
            thread.join()

    def _turn(self) -> None:
        turn = 0
        while not self._stop.wait(PACE):
            try:
                with self._lock:
                    if self._labels and not self._paused:
                        self._draw(turn)
            except (OSError, ValueError):
                # nobody reads on, or the stream is closed: that is for the command to notice
                return
            turn += 1

    def _draw(self, turn: int) -> None:
        what, since = self._labels[-1]
        now = time.monotonic()
        if now - self._last_word < SILENCE:
            return
        if not self._terminal.erases:
            # told once, and it stays
            if self._announced != what:
                self._announced = what
                write_stream(self._stream, f"{what} ...\n")
            return
        if not self._terminal.motion:
            if not self._shown:
                self._write(f"{what} ...")
            return
        frame = self._frames[turn % len(self._frames)]
        line = f"{frame} {what}, {now - since:.0f} s"
        if self._detail:
            line = f"{line}: {self._detail}"
        self._write(line)

    def _write(self, line: str) -> None:
        # a line that wraps could not be taken back
        while display_width(line) >= (self._terminal.width or 80):
            line = line[:-1]
        write_stream(self._stream, ERASE + paint(line, "dim", self._terminal))
        self._shown = True

    def _erase(self) -> None:
        if self._shown:
            write_stream(self._stream, ERASE)
            self._shown = False
