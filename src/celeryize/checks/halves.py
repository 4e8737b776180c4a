"""Some of the checks in a second process, where there is much code and nothing is imported.

A check only reads: a fork has all that was read before it, at no cost. What the second process
cannot answer (it ended, or a check raised) the first one does itself.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Found = TypeVar("Found")
Piece = tuple[str, Callable[[], Found]]
# Files that are parsed. Below, a process takes as long to start as it saves.
MANY = 30
# Files that are only read: so many of them take as long.
MANY_READ = 300


def is_worth_it(files: int, many: int = MANY) -> bool:
    """Whether a second process would be done sooner: there are many files, and a second processor.

    On Linux alone: elsewhere a fork without exec is not safe for what the system's libraries do.
    """
    return files >= many and sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@dataclass
class Second(Generic[Found]):
    """A second process; `found` is there once it is no longer waited for, and empty where it was
    ended."""

    found: dict[str, Found]


@contextmanager
def second_process(work: Callable[[], dict[str, Found]]) -> Iterator[Second[Found]]:
    """Do some work in a second process while the block is run, and wait for it at the end of that.

    Where no process can be had nothing is found.
    """
    second: Second[Found] = Second({})
    reader, writer = os.pipe()
    child = _fork()
    if child == 0:
        _answer(writer, work)
    os.close(writer)
    try:
        yield second
        with os.fdopen(reader, "rb", closefd=False) as stream:
            data = stream.read()
    finally:
        os.close(reader)
        status = os.waitpid(child, 0)[1] if child else 1
    if status == 0:
        second.found = pickle.loads(data)


def run_in_halves(work: Mapping[str, Callable[[], Found]]) -> dict[str, Found]:
    """What each piece of work gives, by its name; without those that raised, which may be run again
    for their exception.

    The first process begins at the first piece and the second one at the last, until they meet:
    neither waits long for the other, and neighbours, which ask for the same facts, mostly have them
    found once.
    """
    pieces = tuple(work.items())
    # whoever takes a byte may do one more piece, and no two processes can take the same byte
    turns, filler = os.pipe()
    os.write(filler, bytes(len(pieces)))
    os.close(filler)

    def has_turn() -> bool:
        return bool(os.read(turns, 1))

    try:
        with second_process(lambda: run_pieces(pieces[::-1], has_turn)) as second:
            found = run_pieces(pieces, has_turn)
    finally:
        os.close(turns)
    return found | second.found


def run_pieces(
    pieces: Sequence[Piece[Found]], may_go_on: Callable[[], bool] = lambda: True
) -> dict[str, Found]:
    """Do one piece after the other as long as it may go on; what raises is left out."""
    found: dict[str, Found] = {}
    for name, work in pieces:
        if not may_go_on():
            break
        try:
            found[name] = work()
        # whatever it is, it comes again where the result is asked for
        except Exception:
            continue
    return found


def _fork() -> int | None:
    """As os.fork(); None where there are no more processes, or no memory for one."""
    with warnings.catch_warnings():
        # Python 3.12 warns where a thread runs: ours turns the spinner, and the fork never shows it
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return os.fork()
        except OSError:
            return None


def _answer(writer: int, work: Callable[[], dict[str, Found]]) -> None:
    """Do the work, write what it gives, and end without what an interpreter does at its exit."""
    code = 1
    try:
        # Ctrl-C is for the first process, which says so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        data = pickle.dumps(work())
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)
        code = 0
    finally:
        os._exit(code)
