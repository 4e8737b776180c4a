"""Lines for a person: talk on stderr, the answer on stdout, each as its terminal can show it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from celeryize.ui.progress import Progress
from celeryize.ui.streams import write_stream
from celeryize.ui.tables import Table, table_lines
from celeryize.ui.terminal import terminal_of
from celeryize.ui.text import Piece, render


class Voice:
    """`quiet` leaves out all but problems and the answer; `verbose` adds details."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.talk = terminal_of(sys.stderr)
        self.out = terminal_of(sys.stdout)
        self.progress = Progress(sys.stderr, self.talk)
        # those that were said already
        self.notes: set[str] = set()
        # how many lines were written, on either stream
        self.lines = 0

    def say(self, text: str = "", style: str = "", *, always: bool = False, hang: str = "") -> None:
        """A paragraph of talk, wrapped at words; `hang` begins all of its lines but the first."""
        self.say_pieces([Piece(text, style)], always=always, hang=hang)

    def say_pieces(
        self, pieces: Iterable[Piece], *, always: bool = False, hang: str | None = ""
    ) -> None:
        """A paragraph of talk in several styles; without a `hang` it is not wrapped."""
        if always or not self.quiet:
            self._write(sys.stderr, render(pieces, self.talk, hang))

    def say_line(self, text: str, style: str = "", *, always: bool = False) -> None:
        """A line that is pasted or compared, and therefore never wrapped."""
        self.say_pieces([Piece(text, style)], always=always, hang=None)

    def answer(self, text: str = "", style: str = "", *, hang: str | None = None) -> None:
        """A line of the answer; wrapped at words only with a `hang`."""
        self.answer_pieces([Piece(text, style)], hang=hang)

    def answer_pieces(self, pieces: Iterable[Piece], *, hang: str | None = None) -> None:
        """A line of the answer in several styles."""
        self._write(sys.stdout, render(pieces, self.out, hang))

    def answer_table(self, table: Table) -> None:
        """A table, on a terminal as wide as that is."""
        for line in table_lines(table, self.out):
            self._write(sys.stdout, line)

    def _write(self, stream: TextIO, text: str) -> None:
        self.lines += text.count("\n") + 1
        with self.progress.writing():
            write_stream(stream, text + "\n")
