"""supervised.py: a command of somebody else ends with us, whatever ends us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celeryize.supervised import SCRIPT, run_supervised
from celeryize.supervisor import GROUP

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


# Says which signals it gets, and so does its child.
LISTENER = """
import os, signal, sys, time
who = "child" if os.fork() == 0 else "parent"
def heard(number, frame):
    # a handler may interrupt a write of sys.stdout, which must not be entered again
    os.write(1, f"{who} heard {number}\\n".encode())
    if number == signal.SIGTERM: os._exit(7)
signal.signal(signal.SIGUSR1, heard)
signal.signal(signal.SIGTERM, heard)
os.write(1, f"{who} ready\\n".encode())
while True: time.sleep(0.05)
"""


def listening() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), sys.executable, "-c", LISTENER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert {process.stdout.readline(), process.stdout.readline()} == {
        b"child ready\n",
        b"parent ready\n",
    }
    return process


def order(process: subprocess.Popen[bytes], number: int) -> None:
    assert process.stdin is not None
    process.stdin.write(bytes([number]))
    process.stdin.flush()


def test_a_signal_is_for_the_command_or_for_all_of_its_group():
    process = listening()
    assert process.stdin is not None and process.stdout is not None
    order(process, signal.SIGUSR1)
    assert process.stdout.readline() == b"parent heard 10\n"
    order(process, signal.SIGUSR1 + GROUP)
    heard = {process.stdout.readline(), process.stdout.readline()}
    assert heard == {b"parent heard 10\n", b"child heard 10\n"}
    order(process, signal.SIGTERM)
    assert process.stdout.read() == b"parent heard 15\n", "and the child is killed without a word"
    assert process.wait(10) == 7
    process.stdin.close()
    process.stdout.close()


def test_the_command_ends_when_its_supervisor_is_killed():
    process = listening()
    assert process.stdin is not None and process.stdout is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait(10)
    wait_for_end([int(child) for child in children])
    process.stdin.close()
    process.stdout.close()
    os.killpg(int(children[0]), signal.SIGKILL)
