"""What `add-worker` writes, judged by the programs that read it: Compose, Kubernetes' schema, systemd, supervisor,
honcho.

The files are those of tests/golden_worker, before and after.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.services import Redis
from tests.unit.test_golden_worker import CASES, GOLDEN, prepare
from tests.unit.test_golden_worker import run as add_worker
from tests.views import Recorder

BIN = Path(sys.executable).parent
WRITTEN = [name for name in CASES if not name.startswith("refuse_")]


def program(name: str) -> str:
    """The path of a program of the test environment or the machine; skips where there is none."""
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"there is no {name} on this machine")
    return found


def with_worker(name: str, tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    prepare(name, folder)
    add_worker(folder, name, Recorder())
    return folder


def of_kind(pattern: str) -> list[str]:
    return [name for name in WRITTEN if list((GOLDEN / name / "after").rglob(pattern))]


def compose_problems(folder: Path, *files: Path) -> str:
    """What the Compose binary says against files that are applied together; their env_files are made
    where they are missing."""
    for file in files:
        text = file.read_text("utf-8-sig")
        for path in re.findall(r"env_file:\s*(?:-\s+)?([\w./-]+)", text):
            (file.parent / path).parent.mkdir(parents=True, exist_ok=True)
            (file.parent / path).touch()
    named = [word for file in files for word in ("-f", str(file))]
    command = [program("docker-compose"), *named, "--profile", "*", "config", "--quiet"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.stderr if ended.returncode else ""


@pytest.mark.parametrize("name", [n for n in WRITTEN if n in of_kind("*compose*.y*ml")])
def test_compose_takes_the_file_before_and_after(name: str, tmp_path: Path):
    before = tmp_path / "before"
    prepare(name, before)
    for file in before.glob("*compose*.y*ml"):
        # an override is no file of its own
        if "override" not in file.name:
            assert compose_problems(before, file) == "", "before"
    after = with_worker(name, tmp_path)
    for file in after.glob("*compose*.y*ml"):
        if "override" not in file.name:
            assert compose_problems(after, file) == ""


@pytest.mark.parametrize("name", [name for name in WRITTEN if "compose_override" in name])
def test_compose_takes_the_files_that_are_applied_together(name: str, tmp_path: Path):
    folder = with_worker(name, tmp_path)
    (override,) = folder.glob("*compose.override.y*ml")
    base = override.with_name(override.name.replace(".override", ""))
    assert compose_problems(folder, base, override) == ""


def test_compose_refuses_what_is_no_compose_file(tmp_path: Path):
    """The judge is awake."""
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  web:\n    image: x\n    stop_grace_perod: 3s\n")
    assert "stop_grace_perod" in compose_problems(tmp_path, file)


@pytest.mark.parametrize("name", of_kind("k8s/*.y*ml"))
def test_kubernetes_takes_the_manifest(name: str, tmp_path: Path):
    folder = with_worker(name, tmp_path)
    files = [str(path) for path in folder.glob("k8s/*.y*ml")]
    command = [program("kubernetes-validate"), "--strict", *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", of_kind("*.service"))
def test_systemd_has_nothing_against_the_units(name: str, tmp_path: Path):
    folder = with_worker(name, tmp_path)
    units = [path for path in folder.rglob("*.service") if "Type=exec" in path.read_text()]
    for unit in units:
        # the program has to be there, and is not on this machine
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
        copy = tmp_path / unit.name
        copy.write_text(re.sub(r"(?m)^EnvironmentFile=[^-].*\n", "", text))
        command = [program("systemd-analyze"), "verify", str(copy)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        said = [line for line in ended.stderr.splitlines() if unit.name in line]
        assert said == [], ended.stderr


def wait_for(path: Path, text: str, process: subprocess.Popen[bytes]) -> str:
    """The text of a log once it has what is waited for; it ends with the process at the latest."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = path.read_text() if path.exists() else ""
        if text in found:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.2)
    return path.read_text() if path.exists() else ""


def environment_of(redis: Redis) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "CELERY_BROKER_URL": redis.url, "PATH": path}


def start(command: list[str], folder: Path, log: Path, redis: Redis) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of(redis),
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_supervisord_starts_the_worker_and_beat(tmp_path: Path):
    folder = with_worker("supervisor_new", tmp_path)
    log = tmp_path / "log"
    with Redis() as redis:
        command = [program("supervisord"), "-n", "-c", "supervisord.conf", "-e", "debug"]
        process = start(command, folder, log, redis)
        try:
            said = wait_for(log, " ready.", process)
            assert " ready." in said, said
            said = wait_for(log, "beat: Starting", process)
            assert "beat: Starting" in said, said
        finally:
            end(process)
    # the soft shutdown, and no kill
    assert "stopped: worker (exit status 0)" in log.read_text(), log.read_text()


def test_honcho_starts_the_worker_and_beat(tmp_path: Path):
    folder = with_worker("procfile_new", tmp_path)
    log = tmp_path / "log"
    with Redis() as redis:
        process = start([program("honcho"), "start", "worker", "beat"], folder, log, redis)
        try:
            said = wait_for(log, " ready.", process)
            assert " ready." in said, said
            said = wait_for(log, "beat: Starting", process)
            assert "beat: Starting" in said, said
        finally:
            end(process)
