"""`celeryize demo` works from nothing, and says where the project is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from celeryize.commands.demo import GUARD
from tests.conftest import Run
from tests.services import over_files
from tests.unit.probe.test_run import alive

ADDED = (
    (
        *("doctors.send_welcome_email", "doctor_id:str", "--bind", "--max-retries", "3"),
        *("--default-retry-delay", "60"),
    ),
    (
        *(
            "shop.import_prices",
            "url:str",
            "batch:int=500",
            "--retry-on",
            "requests.RequestException",
        ),
        *("--backoff", "--time-limit", "300"),
    ),
    ("doctors.send_reminder_email", "--model", "doctors.Doctor", "--kind", "email", "--test"),
)


@over_files
def test_the_demo_ends_with_a_task_run_by_a_real_worker(tmp_path: Path, celeryize: Run):
    ran = celeryize(tmp_path, "demo", "--keep", "here")
    assert ran.returncode == 0, ran.stderr
    assert "'Good morning, Dr. Curie'" in ran.stderr
    assert str(tmp_path / "here") in ran.stderr
    assert ran.stderr.count("proved: ") == 4, "init, add-task, add-schedule and add-worker"
    compose = (tmp_path / "here/compose.yaml").read_text()
    assert '"worker", "-l", "INFO"' in compose
    assert '"beat", "-l", "INFO"' in compose
    judged = "the services beat, web, worker" in ran.stderr
    assert judged or "no Compose on this machine" in ran.stderr
    outcomes = Counter(line.split()[0] for line in ran.stderr.splitlines() if line.startswith(" "))
    assert outcomes["passed"] == 7
    # both ways of acknowledging, and Beat
    if shutil.which("redis-server"):
        assert len(re.findall(r"task of 16 s +finished +acks_", ran.stderr)) == 2
        assert re.search(r"^ +Beat +ended$", ran.stderr, re.M)
        assert "No stop loses a running task of 16 s." in ran.stderr
    else:
        assert "The stop was not tried" in ran.stderr
    assert "greet-every-morning: every day at 07:30" in ran.stderr
    subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=tmp_path / "here",
        check=True,
        capture_output=True,
    )
    for arguments in ADDED:
        added = celeryize(tmp_path / "here", "add-task", *arguments, "--yes")
        assert (added.returncode, "proved: " in added.stderr) == (0, True), added.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to see processes")
def test_the_worker_of_a_demo_that_was_killed_ends():
    name, value = "CELERYIZE_TEST_MARK", f"demo{os.getpid()}-{time.monotonic_ns()}"
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    guard = subprocess.Popen(
        [sys.executable, "-c", GUARD, *sleeper],
        env={**os.environ, name: value},
        stdin=subprocess.PIPE,
    )
    deadline = time.monotonic() + 20
    while len(alive(f"{name}={value}")) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(alive(f"{name}={value}")) == 2, "the guard and the one it guards"
    # what the system does with the pipe of a process that was killed
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(20)
    assert alive(f"{name}={value}") == []


def test_the_demo_does_not_build_into_a_folder_in_use(tmp_path: Path, celeryize: Run):
    (tmp_path / "mine.txt").write_text("x")
    ran = celeryize(tmp_path, "demo", "--keep", ".")
    assert (ran.returncode, "is not empty" in ran.stderr) == (3, True)
