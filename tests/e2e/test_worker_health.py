"""The health module of `add-worker` with a real worker and a real Beat: what is alive, and what is not.

The probe is the command that stands in the compose files, with seconds for its minutes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from celeryize.commands.worker.compose_service import probe_command
from celeryize.commands.worker.wanted import Job
from tests.services import Redis
from tests.worker_projects import write_project

TASKS = """import time

from celery import shared_task


@shared_task
def busy(seconds):
    time.sleep(seconds)


@shared_task
def remind():
    pass
"""
# Seconds; a heartbeat that is older is none. The module touches its files every five.
STALE = 9


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    write_project(folder, schedule=True)
    (folder / "doctors/tasks.py").write_text(TASKS)
    settings = folder / "config/settings.py"
    # a bare project needs neither database nor users here
    settings.write_text(settings.read_text().replace("60.0", "1.0"))
    return folder


@contextmanager
def running(project: Path, redis: Redis, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    health = project.parent / "health"
    health.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": redis.url,
        "CELERY_HEALTH_DIR": str(health),
        "PYTHONUNBUFFERED": "1",
    }
    with (project.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", *words],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # it may have ended
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_healthy(project: Path, subcommand: str) -> bool:
    """Whether the probe of the compose file passes, with seconds instead of its minutes."""
    minutes = "5" if subcommand == "beat" else "2"
    command = probe_command(Job(subcommand, subcommand)).replace(
        "/tmp/", f"{project.parent}/health/"
    )
    command = command.replace(f"-mmin -{minutes}", f"-newermt '-{STALE} seconds'")
    return (
        subprocess.run(["sh", "-c", command], check=False, stderr=subprocess.DEVNULL).returncode
        == 0
    )


def becomes(project: Path, subcommand: str, healthy: bool, within: float = 40) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if is_healthy(project, subcommand) is healthy:
            return True
        time.sleep(0.3)
    return False


def stays_healthy(project: Path, subcommand: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_healthy(project, subcommand):
            return False
        time.sleep(0.5)
    return True


def wait_ready(project: Path) -> None:
    ready = project.parent / "health/celery-worker-ready"
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert time.monotonic() < deadline, (project.parent / "log").read_text()
        time.sleep(0.1)


def send(project: Path, redis: Redis, code: str) -> None:
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": redis.url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    code = f"import config.celery, doctors.tasks as tasks; {code}"
    subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, check=True)


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_busy_worker_is_healthy_and_a_stopped_one_is_not(project: Path, pool: str):
    with Redis() as redis, running(project, redis, "worker", "-P", pool, "-c", "1") as worker:
        wait_ready(project)
        send(project, redis, f"[tasks.busy.delay({STALE * 2}) for _ in range(2)]")
        assert becomes(project, "worker", True)
        assert stays_healthy(project, "worker", STALE * 1.5), "busy"
        worker.send_signal(signal.SIGSTOP)
        assert becomes(project, "worker", False), "stopped"
        worker.send_signal(signal.SIGCONT)
        assert becomes(project, "worker", True), "goes on"


def test_an_outage_of_the_broker_does_not_make_a_worker_unhealthy(project: Path):
    # an outage that is longer than any patience
    module = project / "config/celery_health.py"
    module.write_text(module.read_text().replace("STUCK_AFTER = 120", "STUCK_AFTER = 2"))
    with Redis() as redis, running(project, redis, "worker", "-c", "1"):
        wait_ready(project)
        redis.process.kill()
        redis.process.wait()
        assert stays_healthy(project, "worker", STALE * 2), "no broker"


def test_a_worker_that_starts_without_its_broker_is_healthy_and_not_ready(project: Path):
    redis = Redis()
    redis.url = "redis://127.0.0.1:1/0"
    with running(project, redis, "worker", "-c", "1"):
        assert becomes(project, "worker", True)
        assert stays_healthy(project, "worker", STALE)
        assert not (project.parent / "health/celery-worker-ready").exists()


def test_a_worker_that_shuts_down_is_not_ready_any_more(project: Path):
    with Redis() as redis, running(project, redis, "worker", "-c", "1") as worker:
        wait_ready(project)
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
        assert not (project.parent / "health/celery-worker-ready").exists()


@pytest.mark.parametrize(
    "scheduler", ["celery.beat:PersistentScheduler", "doctors.schedulers:OwnScheduler"]
)
def test_a_wedged_beat_is_noticed_whatever_its_scheduler(project: Path, scheduler: str):
    """The scheduler of the project is kept: it is one that hangs when a file says so."""
    (project / "doctors/schedulers.py").write_text(
        "import os, time\nfrom celery.beat import PersistentScheduler\n\n\n"
        "class OwnScheduler(PersistentScheduler):\n"
        "    def tick(self, *args, **kwargs):\n"
        "        while os.path.exists('wedge'):\n"
        "            time.sleep(0.1)\n"
        "        open('own', 'w').close()\n"
        "        return super().tick(*args, **kwargs)\n"
    )
    words = ("beat", "--pidfile=", "-s", str(project.parent / "schedule"), "-S", scheduler)
    with Redis() as redis, running(project, redis, *words) as beat:
        assert becomes(project, "beat", True), (project.parent / "log").read_text()
        assert stays_healthy(project, "beat", STALE)
        if "Own" in scheduler:
            assert (project / "own").exists(), "its tick is run"
            (project / "wedge").touch()
        else:
            beat.send_signal(signal.SIGSTOP)
        assert becomes(project, "beat", False), "wedged"


def test_nothing_is_touched_without_the_variable(project: Path):
    with Redis() as redis:
        environment = {**os.environ, "CELERY_BROKER_URL": redis.url}
        environment.pop("CELERY_HEALTH_DIR", None)
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "config",
            "beat",
            "-l",
            "INFO",
            "--pidfile=",
        ]
        log = project.parent / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=project, env=environment, stderr=stream, stdout=stream
            )
        try:
            deadline = time.monotonic() + 60
            while b"Sending due task" not in log.read_bytes() and time.monotonic() < deadline:
                time.sleep(0.2)
            assert b"Sending due task" in log.read_bytes(), log.read_text()
        finally:
            process.kill()
            process.wait()
        assert list(project.rglob("celery-*")) == []


def test_a_loop_that_hangs_with_a_connection_is_stuck_and_nothing_else(project: Path):
    """The health module asked directly: it takes two minutes of a real worker to find out."""
    code = """
import time
from types import SimpleNamespace
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.solo import TaskPool as Solo
from config.celery_health import LoopHeartbeat, WorkerHeartbeat

def stuck(pool, running, age):
    LoopHeartbeat.turned, LoopHeartbeat.running = time.monotonic() - age, running
    return WorkerHeartbeat.is_stuck(SimpleNamespace(pool=object.__new__(pool)))

print(stuck(Prefork, True, 1000), stuck(Prefork, True, 10))
print(stuck(Prefork, False, 1000), stuck(Solo, True, 1000))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["True", "False", "False", "False"]


ORDER = """
from celery.worker.consumer import Consumer
from config.celery import app
from config.celery_health import LoopHeartbeat, WorkerHeartbeat, watch_worker
watch_worker(instance=type("Worker", (), {"app": app}))
blueprint = Consumer.Blueprint(steps=app.steps["consumer"])
# as Blueprint.apply() does it, without a consumer
blueprint.steps = blueprint.claim_steps()
order = [step.name.rpartition(".")[2] for step in blueprint._finalize_steps(blueprint.steps)]
print(order.index("LoopHeartbeat") > order.index("Tasks"), order[-1])
"""


@pytest.mark.parametrize("seed", range(8))
def test_the_event_loop_stays_the_last_step_of_the_worker(project: Path, seed: int):
    """A step with a true attribute `last` takes its place, now and then: sets have no order."""
    environment = {
        **os.environ,
        "CELERY_HEALTH_DIR": str(project),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONHASHSEED": str(seed),
    }
    ran = subprocess.run(
        [sys.executable, "-c", ORDER],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == ["True", "Evloop"], ran.stderr
