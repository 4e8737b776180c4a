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
Piece = tuple[str, Callable[[], Found]]
# Files that are parsed. Below, a process takes as long to start as it saves.
MANY = 30


def is_worth_it(files: int) -> bool:
    """Whether a second process would be done sooner: there are many files, and a second processor.

    On Linux alone: elsewhere a fork without exec is not safe for what the system's libraries do.
    """
    return files >= MANY and sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


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
            found = _run_in_turn(turns, pieces)
            os.close(turns)
            return found
    if child == 0:
        _answer(writer, turns, pieces[::-1])
    os.close(writer)
    try:
        found = _run_in_turn(turns, pieces)
        with os.fdopen(reader, "rb") as stream:
            data = stream.read()
    finally:
        os.close(turns)
        _, status = os.waitpid(child, 0)
    if status == 0:
        found |= pickle.loads(data)
    return found


def _answer(writer: int, turns: int, pieces: Sequence[Piece[Found]]) -> None:
    """Run pieces, write what they give, and end without what an interpreter does at its exit."""
    code = 1
    try:
        # Ctrl-C is for the first process, which says so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        data = pickle.dumps(_run_in_turn(turns, pieces))
        with os.fdopen(writer, "wb") as stream:
            stream.write(data)
        code = 0
    finally:
        os._exit(code)


def _run_in_turn(turns: int, pieces: Sequence[Piece[Found]]) -> dict[str, Found]:
    """Do one piece after the other as long as there is a turn for it."""
    found: dict[str, Found] = {}
    for name, work in pieces:
        if not os.read(turns, 1):
            break
        try:
            found[name] = work()
        # whatever it is, it comes again where the result is asked for
        except Exception:
            continue
    return found
