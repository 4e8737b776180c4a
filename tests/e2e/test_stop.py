"""celeryize verify --live --stop on files of today: it says what they do to a running task."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Tree, make_tree, small_project, snapshot
from tests.schemas import check_document
from tests.services import RabbitMQ, Redis
from tests.unit.probe.test_run import alive

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs the signals of Linux"),
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="there is no redis-server on this machine"
    ),
]

CELERY = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
# What is not there: nothing of the project's own broker may be needed, or touched.
BROKER = '\nCELERY_BROKER_URL = "redis://redis.invalid:6379/0"\n'
COMPOSE = """services:
  worker:
    command: celery -A config worker -l INFO
  shell:
    command: sh -c "python manage.py check && celery -A config worker -l INFO"
  beat:
    command: ["celery", "-A", "config", "beat"]
"""
SUPERVISOR = """[program:celery]
command=celery -A config worker -l INFO
stopasgroup=true
stopwaitsecs=600
"""
UNIT = """[Service]
ExecStart=/srv/venv/bin/celery -A config worker -l INFO
WorkingDirectory=/srv/app
"""
RIGHT = """services:
  worker:
    command: ["celery", "-A", "config", "worker", "-l", "INFO"]
    init: true
    stop_grace_period: 30s
    environment:
      REMAP_SIGTERM: SIGQUIT
"""


def project(folder: Path, files: Tree, settings: str = "") -> Path:
    tree = small_project()
    tree["config/__init__.py"] = "from .celery import app\n"
    tree["config/celery.py"] = CELERY
    tree["config/settings.py"] = str(tree["config/settings.py"]) + BROKER + settings
    return make_tree(folder, {**tree, **files})


def verify(
    root: Path, *arguments: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "verify", "--live", "--stop", "--json", *arguments],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    document = json.loads(ran.stdout)
    check_document(document)
    return ran, document


def verdicts(document: dict[str, Any]) -> dict[str, list[str]]:
    return {
        stop["service"]: [result["verdict"] for result in stop["results"]]
        for stop in document["stops"]
    }


def ids(document: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((f["id"], f["path"]) for f in document["findings"] if "96" in f["id"])


def test_the_files_of_today_lose_tasks_and_are_told_so(tmp_path):
    files = {"compose.yml": COMPOSE, "supervisord.conf": SUPERVISOR, "celery.service": UNIT}
    root = project(tmp_path, files)
    before = set(snapshot(root))
    mark = f"mark{os.getpid()}"
    ran, document = verify(root, CELERYIZE_TEST_MARK=mark)
    assert verdicts(document) == {
        "worker": ["lost", "stuck"],
        "shell": ["lost", "stuck"],
        "beat": ["ended"],
        "celery": ["lost", "lost"],
        "celery.service": ["lost", "lost"],
    }
    assert ran.returncode == 1
    found = ids(document)
    assert ("celery.E960", "celery.service") in found and ("celery.E961", "compose.yml") in found
    changes = {stop["service"]: stop["change"] for stop in document["stops"]}
    assert "exec" in changes["shell"] and "REMAP_SIGTERM=SIGQUIT" in changes["worker"]
    assert "stopasgroup=false" in changes["celery"]
    assert "KillMode=mixed" in changes["celery.service"]
    assert changes["beat"] is None
    assert alive(mark) == []
    assert {name for name in set(snapshot(root)) - before if "__pycache__" not in name} == set()


def test_a_file_that_is_right_loses_nothing(tmp_path):
    soft = "\nCELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"
    root = project(tmp_path, {"compose.yml": RIGHT, "docker-compose.dev.yml": COMPOSE}, soft)
    _, document = verify(root)
    assert verdicts(document) == {"worker": ["finished", "finished"]}, "of production alone"
    (stop,) = document["stops"]
    assert stop["times"] == {"task": 16, "soft": 20, "grace": 30}
    assert stop["scaled"]["task"] < stop["scaled"]["soft"] < stop["scaled"]["grace"]
    longer = {one["acknowledged"]: one["verdict"] for one in stop["results_of_longer_task"]}
    assert longer == {"early": "lost", "late": "run again"}
    assert stop["acknowledged_by_default"] == "early"
    assert ids(document) == []


def test_the_mode_of_the_project_is_named(tmp_path):
    more = "\nCELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\nCELERY_TASK_ACKS_LATE = True\n"
    root = project(tmp_path, {"compose.yml": RIGHT}, more)
    command = [sys.executable, "-m", "celeryize", "verify", "--live", "--stop"]
    ran = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    said = ran.stdout + ran.stderr
    assert "acks_late, as in your settings" in said and "acks_early, as" not in said
    assert "task of more than 20 s  run again  acks_late, as in your settings" in said
    assert "a deploy waits for tasks of up to 20 s; a longer one is run again" in said
    assert said.count("No stop loses a running task of 16 s.") == 1


def test_a_soft_timeout_that_nothing_starts_is_no_help(tmp_path):
    soft = "\nCELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 6\n"
    late = RIGHT.replace("      REMAP_SIGTERM: SIGQUIT", "      OTHER: 1").replace("30s", "10s")
    root = project(tmp_path, {"compose.yml": late}, soft)
    _, document = verify(root)
    assert verdicts(document) == {"worker": ["lost", "stuck"]}


def test_the_broker_of_the_project_is_used_where_it_is_asked_for_and_left_clean(tmp_path):
    remapped = RIGHT.replace("30s", "10s")
    with Redis() as redis:
        root = project(tmp_path, {"compose.yml": remapped})
        settings = root / "config/settings.py"
        settings.write_text(settings.read_text().replace("redis://redis.invalid:6379/0", redis.url))
        _, document = verify(root, "--broker", "configured")
        assert verdicts(document) == {"worker": ["lost", "run again"]}
        assert redis.listed() == []


def test_rabbitmq_gives_back_what_a_killed_worker_had(tmp_path):
    with RabbitMQ() as rabbit:
        root = project(tmp_path, {"compose.yml": COMPOSE.split("  shell:")[0]})
        settings = root / "config/settings.py"
        settings.write_text(
            settings.read_text().replace("redis://redis.invalid:6379/0", rabbit.url)
        )
        before = rabbit.listed()
        _, document = verify(root, "--broker", "configured")
        assert verdicts(document) == {"worker": ["lost", "run again"]}
        assert rabbit.listed() == before


@pytest.mark.parametrize(
    ("arguments", "files", "code", "told"),
    [
        ((), {}, 3, "no deployment file here starts a worker or Beat"),
        (("--broker", "nothing"), {"compose.yml": RIGHT}, 2, "invalid broker"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_in_words(tmp_path, arguments, files, code, told):
    ran, document = verify(project(tmp_path, files), *arguments)
    assert ran.returncode == code
    assert told in document["error"]["message"]


def test_without_a_server_the_way_out_is_named(tmp_path):
    root = project(tmp_path, {"compose.yml": RIGHT})
    ran, document = verify(root, PATH=str(tmp_path / "nowhere"))
    assert ran.returncode == 3
    assert "redis-server" in document["error"]["message"]
    assert "--broker configured" in document["error"]["hint"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_proof_that_is_interrupted(tmp_path, number):
    mark = f"mark{os.getpid()}-{time.monotonic_ns()}"
    root = project(tmp_path, {"compose.yml": RIGHT})
    proof = subprocess.Popen(
        [sys.executable, "-m", "celeryize", "verify", "--live", "--stop"],
        cwd=root,
        env={**os.environ, "CELERYIZE_TEST_MARK": mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not any("stop_inside" in command for command in alive(mark)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    proof.send_signal(number)
    proof.wait(20)
    if number == signal.SIGINT:
        assert (proof.returncode, alive(mark)) == (130, [])
    while alive(mark) and time.monotonic() < deadline + 10:
        time.sleep(0.05)
    assert alive(mark) == []


def test_a_stop_without_live_is_refused(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "verify", "--stop"],
        cwd=project(tmp_path, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2 and "--stop requires --live" in ran.stderr


def test_settings_that_need_a_secret_are_replaced_by_those_of_manage_py(tmp_path):
    variables = "      DJANGO_SETTINGS_MODULE: config.production\n"
    files = {
        "compose.yml": RIGHT + variables,
        "config/production.py": "import os\nfrom config.settings import *\nos.environ['NOT_HERE']\n",
    }
    _, document = verify(project(tmp_path, files))
    assert verdicts(document) == {"worker": ["lost", "run again"]}
    (stop,) = document["stops"]
    assert "with config.settings, because config.production does not start" in stop["stopped_by"]


def test_a_worker_that_does_not_start_is_not_called_lost(tmp_path):
    root = project(tmp_path, {"compose.yml": RIGHT.replace('"-l"', '"--no-such-option"')})
    _, document = verify(root)
    assert verdicts(document) == {"worker": ["not proved", "not proved"]}
    assert ids(document) == [("celery.W963", "compose.yml")]
