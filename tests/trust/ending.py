"""`celeryize dev`, ended at random moments by Ctrl-C and by kill -9: what is left of it?"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.services import free_port
from tests.trust.ground import SEED, Tally, celeryize, make_tree, small_project

# Seconds: the import, the start of all three, some reloads.
LATEST = 5.0
# The worker has ten seconds for what it runs, and a moment to be cut off.
ENDING, LEAVING = 20.0, 5.0
TASKS = """import time

from celery import shared_task


@shared_task
def slow():
    time.sleep(0.5)
"""
ENTRY = '\nCELERY_BEAT_SCHEDULE = {"slow": {"task": "doctors.tasks.slow", "schedule": 0.3}}\n'


def run(*, times: int) -> Tally:
    """`times` sessions for each way to end one; every second is in the middle of a reload."""
    tally = Tally("dev", "ends of a session of `celeryize dev`, at random moments")
    if sys.platform != "linux":
        return tally
    chance = random.Random(SEED)
    with TemporaryDirectory() as folder:
        root = make_tree(Path(folder) / "project", small_project())
        ended = celeryize(root, "init", "--broker", "filesystem", "--yes", "--no-verify", "-q")
        assert ended.code == 0, ended.said
        (root / "doctors/tasks.py").write_text(TASKS)
        with (root / "config/settings.py").open("a") as settings:
            settings.write(ENTRY)
        for number in range(times):
            for way in (_interrupt, _kill):
                _attack(tally, root, way, chance.uniform(0, LATEST), saves=bool(number % 2))
    return tally


def _attack(tally: Tally, root: Path, way: object, moment: float, *, saves: bool) -> None:
    import pexpect

    case = f"{getattr(way, '__name__', '')} after {moment:.2f} s"
    mark = f"mark{os.getpid()}-{time.monotonic_ns()}"
    with TemporaryDirectory() as temporary:
        terminal = pexpect.spawn(
            sys.executable,
            ["-m", "celeryize", "dev", "--port", str(free_port())],
            cwd=root,
            env={**os.environ, "CELERYIZE_TEST_MARK": mark, "TMPDIR": temporary},
            timeout=ENDING,
        )
        _pass_time(terminal, moment, root / "doctors/tasks.py" if saves else None)
        way(terminal)  # type: ignore[operator]
        try:
            terminal.expect(pexpect.EOF)
        except pexpect.ExceptionPexpect as error:
            tally.lose(f"{case}: does not end: {error!r:.200}", unless=False)
        terminal.close(force=True)
        left = _left(mark, time.monotonic() + (0.0 if way is _interrupt else LEAVING))
        tally.lose(f"{case}: {left}", unless=not left)
        if way is _interrupt:
            files = [path.name for path in Path(temporary).iterdir()]
            tally.lose(f"{case}: left {files}", unless=not files)
        tally.tried += 1
        _kill_all(mark)


def _interrupt(terminal: object) -> None:
    terminal.sendintr()  # type: ignore[attr-defined]


def _kill(terminal: object) -> None:
    terminal.kill(signal.SIGKILL)  # type: ignore[attr-defined]


def _pass_time(terminal: object, seconds: float, saved: Path | None) -> None:
    """Read on, as a terminal does; a file is saved shortly before the end."""
    import pexpect

    until = time.monotonic() + seconds
    pending = saved
    while (rest := until - time.monotonic()) > 0:
        if pending and rest < 0.6:
            pending.write_text(TASKS + f"# {seconds}\n")
            pending = None
        try:
            terminal.read_nonblocking(4096, timeout=min(rest, 0.05))  # type: ignore[attr-defined]
        except pexpect.TIMEOUT:
            continue
        except pexpect.EOF:
            return


def _left(mark: str, until: float) -> list[str]:
    """The processes of a session that live on; what is about to end gets until then."""
    while (found := _processes(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return [command for _, command in found]


def _kill_all(mark: str) -> None:
    for number, _ in _processes(mark):
        os.kill(number, signal.SIGKILL)


def _processes(mark: str) -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in entry.read_bytes():
                command = (entry.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append((int(entry.parent.name), command))
        except OSError:
            continue
    return found
