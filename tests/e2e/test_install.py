"""`init --install`: a manager that is made for the test rewrites its files, fails, is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celeryize.apply import state_dir
from tests.conftest import Run, make_tree, small_project, snapshot

MANIFEST = """[project]
name = "clinic"
version = "1"
dependencies = [
    "django>=4.2",
]

[tool.uv]
package = false
"""
# Stands in for uv: it rewrites its lock file and the manifest, then does as the test says.
UV = f"""#!{sys.executable}
import os, pathlib, sys, time
pathlib.Path("uv.lock").write_text("locked\\n")
manifest = pathlib.Path("pyproject.toml")
manifest.write_text(manifest.read_text() + "# sorted by uv\\n")
pathlib.Path(os.environ["UV_RAN"]).write_text(str(os.getpid()))
time.sleep(float(os.environ.get("UV_SLEEPS", "0")))
pathlib.Path("uv.lock").write_text("locked later\\n")
sys.exit(int(os.environ.get("UV_CODE", "0")))
"""


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make_tree(tmp_path / "project", {**small_project(), "pyproject.toml": MANIFEST})
    (root / "requirements.txt").unlink(missing_ok=True)
    (root / "uv.lock").write_text("old\n")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "uv").write_text(UV)
    (tools / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("UV_RAN", str(tmp_path / "ran"))
    return root


COMMAND = ("init", "--yes", "--install", "--no-verify", "--python", sys.executable)


def test_what_the_manager_rewrites_is_undone_and_what_stays_is_said(clinic, celeryize: Run):
    before = snapshot(clinic)
    ran = celeryize(clinic, *COMMAND)
    assert ran.returncode == 0, ran.stderr
    assert (clinic / "uv.lock").read_text() == "locked later\n"
    assert "manual step" not in ran.stderr
    undone = celeryize(clinic, "undo", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert "packages that uv has installed stay in the environment" in undone.stderr
    assert snapshot(clinic) == before


def test_a_manager_that_fails_leaves_nothing(clinic, celeryize: Run, monkeypatch):
    monkeypatch.setenv("UV_CODE", "7")
    before = snapshot(clinic)
    ran = celeryize(clinic, *COMMAND)
    assert ran.returncode == 3
    assert "`uv sync` failed" in ran.stderr
    assert snapshot(clinic) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_manager_ends_with_us_and_writes_nothing_after_the_recovery(
    clinic, celeryize: Run, monkeypatch, tmp_path, end
):
    monkeypatch.setenv("UV_SLEEPS", "3")
    before = snapshot(clinic)
    ours = subprocess.Popen(
        [sys.executable, "-m", "celeryize", *COMMAND],
        cwd=clinic,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "ran").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(ours.pid, end)
    ours.wait()
    # while the manager is being ended, the lock is still held
    while celeryize(clinic, "undo", "--yes").returncode == 3:
        assert time.monotonic() < deadline
    time.sleep(3.5)
    assert snapshot(clinic) == before
    assert not (state_dir(clinic) / "journal.json").exists()
