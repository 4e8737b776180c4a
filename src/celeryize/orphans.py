"""Processes that a project leaves behind: they become our children, and end with us.

Standard library only, Python 3.8 and later: the scripts that run in the project's interpreter load
this file by its path.
"""

import contextlib
import os
import signal
import sys

# See prctl(2).
PR_SET_CHILD_SUBREAPER = 36
# Children of orphans are orphans in turn: how often they are looked for.
ROUNDS = 100


def adopt_orphans():
    """Have processes whose parents have ended become our children, where the system can (Linux).

    A project may start one in a session of its own, where the end of its group does not reach it.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_orphans():
    """End every process that is left behind; their children then become ours."""
    for _ in range(ROUNDS):
        left = children()
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


def children():
    """The processes whose parent this one is, where the system tells (Linux): see proc(5)."""
    found = []  # type: list[int]
    pattern = "/proc/%d/task/%%s/children" % os.getpid()
    try:
        threads = os.listdir("/proc/%d/task" % os.getpid())
    except OSError:
        return found
    for thread in threads:
        with contextlib.suppress(OSError, ValueError):
            with open(pattern % thread, encoding="ascii") as stream:
                found += [int(pid) for pid in stream.read().split()]
    return found
