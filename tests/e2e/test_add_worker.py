"""`celeryize add-worker` as it is typed: its options, its documents, its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import Run, snapshot
from tests.schemas import check_document
from tests.worker_projects import write_project

COMPOSE = """services:
  web:
    build: .
    command: gunicorn config.wsgi
    environment:
      DEBUG: "0"
"""
PYTHON = ("--python", sys.executable)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    write_project(folder, bare=True, schedule=True)
    (folder / "doctors/tasks.py").write_text(
        "from celery import shared_task\n\n\n@shared_task\ndef remind():\n    pass\n"
    )
    (folder / "config/__init__.py").write_text("from .celery import app as celery_app\n")
    (folder / "compose.yaml").write_text(COMPOSE)
    return folder


def compose_of(folder: Path) -> dict[str, dict[str, object]]:
    return yaml.safe_load((folder / "compose.yaml").read_text())["services"]


def test_a_worker_beat_and_redis_are_written_and_proved(project: Path, celeryize: Run):
    ran = celeryize(project, "add-worker", "--yes", *PYTHON)
    assert ran.returncode == 0, ran.stderr
    assert "proved: imported as a worker and as a web process" in ran.stderr
    services = compose_of(project)
    assert list(services) == ["web", "worker", "beat", "redis"]
    worker, beat = services["worker"], services["beat"]
    assert worker["command"] == ["celery", "-A", "config", "worker", "-l", "INFO"]
    assert worker["init"] is True
    assert worker["restart"] == "unless-stopped"
    assert worker["stop_grace_period"] == "30s"
    for service in ("web", "worker", "beat"):
        environment = services[service]["environment"]
        assert environment["CELERY_BROKER_URL"] == "redis://redis:6379/0", service
        assert environment["DEBUG"] == "0", service
    assert worker["environment"]["REMAP_SIGTERM"] == "SIGQUIT"
    assert worker["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert "--pidfile=" in beat["command"]
    assert beat["command"][-2:] == ["-s", "/tmp/celerybeat-schedule"]
    assert "noeviction" in services["redis"]["command"]
    assert (
        "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20" in (project / "config/settings.py").read_text()
    )
    verified = celeryize(project, "verify", "--json", *PYTHON)
    found = {finding["id"] for finding in json.loads(verified.stdout)["findings"]}
    assert not {one for one in found if one.startswith(("celery.W8", "celery.E8", "celery.E9"))}, (
        found
    )


def test_the_options_of_the_issue(project: Path, celeryize: Run):
    options = ("--to", "compose", "--queues", "mails", "--concurrency", "4", "--no-beat")
    ran = celeryize(project, "add-worker", *options, "--yes", *PYTHON)
    assert ran.returncode == 0, ran.stderr
    services = compose_of(project)
    assert list(services) == ["web", "worker", "worker-mails", "redis"]
    assert services["worker-mails"]["command"][-4:] == ["-Q", "mails", "-c", "4"]
    assert "-Q" not in services["worker"]["command"]


def test_new_units_where_the_project_has_none(project: Path, celeryize: Run):
    ran = celeryize(project, "add-worker", "--to", "systemd", "--yes", *PYTHON)
    assert ran.returncode == 0, ran.stderr
    names = sorted(path.name for path in (project / "deploy").iterdir())
    assert names == ["shop-beat.service", "shop-worker.service"]
    assert (project / "compose.yaml").read_text() == COMPOSE
    again = celeryize(project, "add-worker", "--to", "systemd", "--check", *PYTHON)
    assert again.returncode == 0, again.stdout + again.stderr


def test_the_dry_run_is_a_patch_and_writes_nothing(project: Path, celeryize: Run):
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    before = snapshot(project)
    ran = celeryize(project, "add-worker", "--dry-run", *PYTHON)
    assert ran.returncode == 0, ran.stderr
    assert snapshot(project) == before
    subprocess.run(["git", "apply"], input=ran.stdout, text=True, cwd=project, check=True)
    patched = snapshot(project)
    subprocess.run(["git", "apply", "-R"], input=ran.stdout, text=True, cwd=project, check=True)
    celeryize(project, "add-worker", "--yes", *PYTHON)
    assert snapshot(project) == patched


def test_check_and_json(project: Path, celeryize: Run):
    checked = celeryize(project, "add-worker", "--check", "--json", *PYTHON)
    document = json.loads(checked.stdout)
    check_document(document)
    assert (checked.returncode, document["status"]) == (1, "would change")
    assert {step["path"] for step in document["steps"]} == {
        "compose.yaml",
        "config/settings.py",
        "config/celery.py",
        "config/celery_health.py",
    }
    said = {step["path"]: step["summary"] for step in document["steps"]}
    assert "the health checks look at them" in said["config/celery_health.py"]
    assert "celery_health, which does nothing in a web process" in said["config/celery.py"]
    celeryize(project, "add-worker", "--yes", *PYTHON)
    assert celeryize(project, "add-worker", "--check", *PYTHON).returncode == 0
    assert celeryize(project, "add-worker", "--json", *PYTHON).returncode == 0


def test_undo_restores_every_byte(project: Path, celeryize: Run):
    before = snapshot(project)
    celeryize(project, "add-worker", "--yes", "--no-verify", *PYTHON)
    assert snapshot(project) != before
    assert celeryize(project, "undo", "--yes").returncode == 0
    assert snapshot(project) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--to", "nomad"), 2, "unknown kind of deployment file 'nomad'"),
        (("--to", "comopse"), 2, "Did you mean compose? Use one of compose, procfile"),
        (("--queues", "a b"), 2, "invalid queue name 'a b'"),
        (("--concurrency", "0"), 2, "0"),
        (("--service", "nobody"), 3, "has no service nobody"),
    ],
)
def test_bad_input(
    project: Path, celeryize: Run, arguments: tuple[str, ...], code: int, words: str
):
    ran = celeryize(project, "add-worker", *arguments, "--no-verify", *PYTHON)
    assert (ran.returncode, words in ran.stderr) == (code, True), ran.stderr


def test_without_a_deployment_file_it_says_what_can_be_made(project: Path, celeryize: Run):
    (project / "compose.yaml").unlink()
    ran = celeryize(project, "add-worker", "--json", "--no-verify", *PYTHON)
    document = json.loads(ran.stdout)
    check_document(document)
    assert ran.returncode == 3
    assert "--to KIND" in document["error"]["hint"]


def test_without_celery_it_says_what_comes_first(project: Path, celeryize: Run):
    (project / "config/celery.py").unlink()
    (project / "config/__init__.py").write_text("")
    ran = celeryize(project, "add-worker", "--no-verify", *PYTHON)
    assert ran.returncode == 3
    assert "celeryize init" in ran.stderr
