"""Django's own tasks with Celery, for real: Django 6, django-tasks-celery and a worker, in an environment of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.commands.init.django_tasks import PACKAGE, PACKAGE_VERSION
from tests.conftest import snapshot
from tests.matrix.run import environment, interpreter, start_project
from tests.services import Redis

# The newest Celery and a Django 6 that the backend takes.
REQUIREMENTS = ("celery[redis]==5.7.*", "django==6.0.*", f"{PACKAGE}=={PACKAGE_VERSION}")
TASKS = """from django.tasks import task


@task
def add(x, y):
    return x + y


@task(takes_context=True)
def tell(context, word):
    return [word, context.attempt]
"""
# Sends both, and waits for their results, as a view and a later request do.
SEND = """
import time, django
django.setup()
from shop.tasks import add, tell
sent = [add.enqueue(2, 3), tell.enqueue("hello")]
until = time.monotonic() + 60
while time.monotonic() < until and not all(one.is_finished for one in sent):
    time.sleep(0.2)
    for one in sent:
        one.refresh()
print([one.status.value for one in sent], [one.return_value for one in sent])
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = next((one for one in map(interpreter, ("3.13", "3.12", "3.14")) if one), None)
    if found is None:
        pytest.skip("Django 6 needs Python 3.12, which this machine does not have")
    folder = tmp_path_factory.mktemp("django6") / "venv"
    problem = environment(found, folder, *REQUIREMENTS)
    if problem:
        pytest.skip(f"Django 6 and {PACKAGE} cannot be installed here: {problem}")
    return folder / "bin/python"


@pytest.fixture
def project(python: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    start_project(python, folder)
    (folder / "doctors").rename(folder / "shop")
    for path in (folder / "shop/apps.py", folder / "config/settings.py"):
        path.write_text(path.read_text().replace("doctors", "shop"))
    (folder / "shop/tasks.py").write_text(TASKS)
    (folder / "requirements.txt").write_text("django>=6.0,<6.1\n")
    return folder


def celeryize(project: Path, python: Path, *words: str) -> tuple[int, dict]:
    command = [sys.executable, "-m", "celeryize", *words, "--python", str(python), "--json"]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True)
    return ran.returncode, json.loads(ran.stdout)


def test_a_django_task_is_sent_to_a_worker_and_its_result_comes_back(project: Path, python: Path):
    with Redis() as redis:
        code, told = celeryize(
            project, python, "init", "--django-tasks", "--broker", redis.url, "--yes"
        )
        assert (code, told["proof"]["verdict"]) == (0, "passed")
        assert "2 of them Django's" in told["proof"]["summary"]
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
        worker = subprocess.Popen(
            [python, "-m", "celery", "-A", "config", "worker", "-c", "1", "-l", "INFO"],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            sent = subprocess.run(
                [python, "-c", SEND], cwd=project, env=env, capture_output=True, text=True
            )
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    assert sent.stdout.strip() == "['SUCCESSFUL', 'SUCCESSFUL'] [5, ['hello', 1]]", sent.stderr


def test_twice_is_once_and_undo_is_exact(project: Path, python: Path):
    before = snapshot(project)
    assert celeryize(project, python, "init", "--django-tasks", "--check")[0] == 1
    assert snapshot(project) == before
    assert celeryize(project, python, "init", "--django-tasks", "--yes")[0] == 0
    after = snapshot(project)
    code, told = celeryize(project, python, "init", "--django-tasks", "--yes")
    assert (code, told["status"]) == (0, "nothing to do")
    assert celeryize(project, python, "init", "--django-tasks", "--check")[0] == 0
    assert snapshot(project) == after
    undo = [sys.executable, "-m", "celeryize", "undo", "--yes", "-q"]
    subprocess.run(undo, cwd=project, check=True, capture_output=True)
    shutil.rmtree(project / ".git", ignore_errors=True)
    assert snapshot(project) == before


def test_it_is_added_to_a_set_up_that_is_there(project: Path, python: Path):
    assert celeryize(project, python, "init", "--yes")[0] == 0
    code, told = celeryize(project, python, "verify")
    assert {f["id"] for f in told["findings"]} == {"celery.W750"}
    code, told = celeryize(project, python, "init", "--django-tasks", "--yes")
    assert (code, told["proof"]["verdict"]) == (0, "passed")
    assert celeryize(project, python, "verify", "--strict")[0] == 0
    # another profile keeps what Django's results need
    assert celeryize(project, python, "init", "--profile", "production", "--yes")[0] == 0
    assert celeryize(project, python, "init", "--profile", "standard", "--yes")[0] == 0
    assert "CELERY_RESULT_EXTENDED = True" in (project / "config/settings.py").read_text()


def test_a_task_of_django_is_added_and_its_test_passes(project: Path, python: Path):
    celeryize(project, python, "init", "--django-tasks", "--yes")
    words = ("add-task", "shop.resize", "photo_id:int", "--api", "django", "--run-test", "--yes")
    code, told = celeryize(project, python, *words)
    assert (code, told["proof"]["verdict"]) == (0, "passed")
    assert "resize.call(0)" in (project / "shop/tests.py").read_text()
    _, told = celeryize(project, python, "tasks")
    rows = {row["name"]: (row["path"], row["signature"]) for row in told["tasks"]}
    assert rows["shop.tasks.resize"] == ("shop/tasks.py", "(photo_id: int) -> None")
    assert celeryize(project, python, "remove-task", "shop.resize", "--yes")[0] == 0
    assert (project / "shop/tasks.py").read_text() == TASKS


def test_a_task_that_no_worker_imports_is_found(project: Path, python: Path):
    celeryize(project, python, "init", "--django-tasks", "--yes")
    (project / "shop/jobs.py").write_text(TASKS)
    (project / "shop/views.py").write_text(
        "from shop.jobs import add\n\n\ndef view(request):\n    add.enqueue(1, 2)\n"
    )
    _, told = celeryize(project, python, "verify")
    found = [(f["id"], f["path"], f["line"]) for f in told["findings"]]
    assert found == [("celery.E754", "shop/jobs.py", 5), ("celery.E754", "shop/jobs.py", 10)]
