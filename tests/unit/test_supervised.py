"""supervised.py: a command of somebody else ends with us, whatever ends us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celeryize.supervised import run_supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")

SOURCE = str(Path(__file__).parents[2] / "src")
# Starts a process in a session of its own and goes on; both write down their numbers.
TREE = """
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1] + "/deep", "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
open(sys.argv[1] + "/child", "w").write(str(os.getpid()))
time.sleep(float(sys.argv[2]))
"""


def pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + 20
    files = [folder / "deep", folder / "child"]
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int(file.read_text()) for file in files]


def is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_for_end(numbers: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_alive, numbers)):
        assert time.monotonic() < deadline, [n for n in numbers if is_alive(n)]
        time.sleep(0.01)


def test_the_exit_code_and_the_output_are_the_commands(tmp_path):
    code = "import sys; print('out'); sys.stderr.write('err\\n'); sys.exit(3)"
    finished = run_supervised([sys.executable, "-c", code], folder=tmp_path)
    assert finished.exit_code == 3
    assert set(finished.last_lines(2).splitlines()) == {"out", "err"}


def test_a_command_that_does_not_exist_is_127(tmp_path):
    finished = run_supervised(["celeryize-no-such-program"], folder=tmp_path)
    assert (finished.exit_code, "No such file" in finished.output) == (127, True)


def test_what_a_command_leaves_behind_is_ended(tmp_path):
    run_supervised([sys.executable, "-c", TREE, str(tmp_path), "0.2"], folder=tmp_path)
    wait_for_end(pids(tmp_path))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_command_ends_with_the_one_who_started_it(tmp_path, end):
    code = (
        f"import sys; sys.path.insert(0, {SOURCE!r})\n"
        "from pathlib import Path\n"
        "from celeryize.supervised import run_supervised\n"
        "run_supervised(sys.argv[1:], folder=Path('.'))"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, "-c", TREE, str(tmp_path), "60"],
        stderr=subprocess.DEVNULL,
    )
    numbers = pids(tmp_path)
    assert all(map(is_alive, numbers))
    os.kill(ours.pid, end)
    ours.wait()
    wait_for_end(numbers)
