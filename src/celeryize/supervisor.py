"""Runs a command and ends it, with all that it has started, once nobody waits for it any more.

    python supervisor.py COMMAND ARGUMENT...

Whoever started this script holds the other end of its stdin. When that closes, because its owner
is done or was killed, the command and all its descendants are killed, those in sessions of their
own included (on Linux, by PR_SET_CHILD_SUBREAPER of prctl(2)). A byte that is written into it is
the number of a signal for the command alone; with GROUP added, for all of its process group. The
exit code is the command's.
Standard library only: it is started as a script, and starts quickly.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
TICK = 0.05
GROUP = 128
ORPHAN_ROUNDS = 100
NOT_FOUND = 127


def main() -> int:
    """Run the command line that follows; its exit code, or 128 and the signal that ended it."""
    control_process(PR_SET_CHILD_SUBREAPER, 1)
    # Ctrl-C is for the one who holds our stdin
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=begin_child)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror}\n")
        return NOT_FOUND
    while child.poll() is None:
        if select.select([0], [], [], TICK)[0]:
            order = os.read(0, 1)
            if order:
                pass_on(child, order[0])
                continue
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.kill()
            child.wait()
    # where there are no subreapers, its group is what can be found of it
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGKILL)
    end_orphans()
    if child.returncode < 0:
        return 128 - child.returncode
    return child.returncode


def pass_on(child: "subprocess.Popen[bytes]", order: int) -> None:
    """Send the signal of an order."""
    with contextlib.suppress(OSError):
        if order >= GROUP:
            os.killpg(child.pid, order - GROUP)
        else:
            child.send_signal(order)


def begin_child() -> None:
    """What the command begins with: a group of its own, and an end when we are killed."""
    os.setpgid(0, 0)
    control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def control_process(option: int, value: int) -> None:
    """Call prctl(2), where the system has it."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, value)


def end_orphans() -> None:
    """Kill what the command has left behind; the children of that become ours in turn."""
    for _ in range(ORPHAN_ROUNDS):
        left = children()
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)


def children() -> list[int]:
    """Our children, where the system tells (Linux): see proc(5)."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as stream:
            return [int(pid) for pid in stream.read().split()]
    except (OSError, ValueError):
        return []


if __name__ == "__main__":
    sys.exit(main())
