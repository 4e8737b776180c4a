"""A real Redis and a real RabbitMQ: what init writes runs over them, and the live proof leaves nothing in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.services import RabbitMQ, Redis, Worker

TASKS = "from celery import shared_task\n\n\n@shared_task\ndef double(x):\n    return 2 * x\n"
SEND = "import django; django.setup(); from doctors.tasks import double; print(double.delay(21).get(timeout=20))"
WAITING = "from config.celery import app; app.send_task('doctors.tasks.double', (1,))"


@pytest.fixture(scope="module", params=[Redis, RabbitMQ], ids=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Redis | RabbitMQ]:
    """A server, started once for the tests of this file."""
    with request.param() as server:
        yield server


@pytest.fixture
def clinic(project: Path, broker: Redis | RabbitMQ, celeryize: Run) -> Path:
    """The small project after `init --broker`, with a task."""
    backend = "rpc" if isinstance(broker, RabbitMQ) else broker.url.removesuffix("0") + "1"
    ran = celeryize(project, "init", "--broker", broker.url, "--result-backend", backend, "--yes")
    assert ran.returncode == 0 and "proved: " in ran.stderr, ran.stderr
    (project / "doctors/tasks.py").write_text(TASKS)
    return project


def python(folder: Path, code: str) -> str:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_worker_runs_a_task_over_the_broker_that_init_was_given(clinic: Path):
    with Worker(clinic, "config", {}) as worker:
        assert python(clinic, SEND) == "42"
        assert "doctors.tasks.double" in worker.banner and "succeeded" in worker.log()


def test_the_live_proof_over_the_configured_broker_leaves_it_as_it_was(
    clinic: Path, broker: Redis | RabbitMQ, celeryize: Run
):
    python(clinic, WAITING)
    before = broker.listed()
    ran = celeryize(clinic, "verify", "--live", "--broker", "configured", "--json")
    steps = {step["name"]: step["outcome"] for step in json.loads(ran.stdout)["live_steps"]}
    assert (ran.returncode, set(steps.values())) == (0, {"passed"}), ran.stdout
    assert before and broker.listed() == before


def test_a_live_proof_that_fails_leaves_the_broker_as_it_was(
    clinic: Path, broker: Redis | RabbitMQ, celeryize: Run
):
    (clinic / "doctors/tasks.py").write_text("import no_such_module\n")
    before = broker.listed()
    ran = celeryize(clinic, "verify", "--live", "--broker", "configured", "--json")
    steps = {step["name"]: step["outcome"] for step in json.loads(ran.stdout)["live_steps"]}
    assert (ran.returncode, steps["worker"]) == (1, "failed")
    assert broker.listed() == before
