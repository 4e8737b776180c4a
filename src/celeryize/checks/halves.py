"""Half of the checks in a second process, where there is much code and nothing is imported.

A check only reads, and the code is parsed before the first one runs: a fork has all of it, at no
cost. What the second process cannot answer (it ended, or a check raised) the first one does itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Found = TypeVar("Found")
Piece = Mapping[str, Callable[[], Found]]
# Files that are parsed. Below, a process takes as long to start as it saves.
MANY = 30
# The number of a piece is one byte in the queue, which no two processes can both read.
MOST_PIECES = 256


def is_worth_it(files: int) -> bool:
    """Whether a second process would be done sooner: there are many files, and a second processor.

    On Linux alone: elsewhere a fork without exec is not safe for what the system's libraries do.
    """
    return files >= MANY and sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def run_in_halves(pieces: Sequence[Piece[Found]]) -> dict[str, Found]:
    """What the work of all pieces gives, by its name; without what raised, which may be run again
    for its exception.

    Both processes take the next piece from one pipe, so that neither waits long for the other. What
    asks for the same facts belongs in one piece: the other process would find them once more. Of
    more than 256 pieces the last ones are left out, too.
    """
    pieces = pieces[:MOST_PIECES]
    queue, filler = os.pipe()
    os.write(filler, bytes(range(len(pieces))))
    os.close(filler)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where a thread runs: ours turns the spinner, and the fork never shows it
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            child = os.fork()
        except OSError:
            # no more processes, or no memory for one: this one does all of it
            for descriptor in (reader, writer):
                os.close(descriptor)
            found = _run_next(queue, pieces)
            os.close(queue)
            return found
    if child == 0:
        _answer(writer, queue, pieces)
    os.close(writer)
    try:
        found = _run_next(queue, pieces)
        with os.fdopen(reader, "rb") as stream:
            data = stream.read()
    finally:
        os.close(queue)
        _, status = os.waitpid(child, 0)
    if status == 0:
        found |= pickle.loads(data)
    return found


def _answer(writer: int, queue: int, pieces: Sequence[Piece[Found]]) -> None:
    """Run pieces, write what they give, and end without what an interpreter does at its exit."""
    code = 1
    try:
        # Ctrl-C is for the first process, which says so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        data = pickle.dumps(_run_next(queue, pieces))
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)
        code = 0
    finally:
        os._exit(code)


def _run_next(queue: int, pieces: Sequence[Piece[Found]]) -> dict[str, Found]:
    """Take pieces from the queue until it is empty."""
    found: dict[str, Found] = {}
    while taken := os.read(queue, 1):
        for name, work in pieces[taken[0]].items():
            try:
                found[name] = work()
            # whatever it is, it comes again where the result is asked for
            except Exception:
                continue
    return found
