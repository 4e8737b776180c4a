"""The project that the documentation is about: a clinic, as a person might have it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.conftest import make_tree, small_project

# What the second project has beside the shop: the settings of production, tasks, entries.
INIT = ["init", "--broker", "redis", "--profile", "production", "--beat"]
STEPS = (
    ["add-task", "doctors.remind_patient", "patient_id:int"],
    ["add-task", "doctors.send_welcome_email", "doctor_id:int"],
    ["add-schedule", "every-morning", "doctors.remind_patient", "--at", "08:00", "--args", "[7]"],
    ["add-schedule", "nightly", "shop.report", "--at", "02:00"],
)
TESTS = """from django.test import SimpleTestCase


class PriceTest(SimpleTestCase):
    def test_a_price_is_rounded(self):
        self.assertEqual(round(1.239, 2), 1.24)
"""
SHOP = """from celery import shared_task


@shared_task
def sync() -> None:
    pass


@shared_task
def report() -> None:
    pass


@shared_task
def poll() -> None:
    pass
"""
COMPOSE = """services:
  web:
    build: .
    command: gunicorn config.wsgi
    ports:
      - "8000:8000"
"""
PROCFILE = "web: gunicorn config.wsgi\n"
BODY = """@{{ decorator }}
def {{ name }}(doctor_id: int) -> None:
    print("welcome", doctor_id)
"""
STORED = """
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
"""
OLD_NAMES = """
CELERYD_CONCURRENCY = 2
"""


def environment(state: Path) -> dict[str, str]:
    """No variable of the machine, 80 columns, and celeryize first on the PATH."""
    kept = {"HOME", "LANG", "TMPDIR", "TZ"}
    return {
        **{name: value for name, value in os.environ.items() if name in kept},
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": str(state),
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }


def clinic(folder: Path) -> Path:
    """A Django project without Celery, under git, with an environment that has Celery."""
    make_tree(folder, {**small_project(), ".gitignore": ".venv\n__pycache__/\n"})
    (folder / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    commit(folder, "start")
    return folder


def clinic_with_celery(folder: Path, steps: int = len(STEPS)) -> Path:
    """The same with Celery and the first STEPS, as the commands write them, and committed."""
    shutil.copytree(_prepared(steps), folder, symlinks=True)
    return folder


@cache
def _prepared(steps: int) -> Path:
    """The project to be copied; there is one until the process ends."""
    above = Path(tempfile.mkdtemp(prefix="celeryize-docs-"))
    atexit.register(shutil.rmtree, above, ignore_errors=True)
    return set_up(above / "clinic", steps)


def set_up(folder: Path, steps: int) -> Path:
    """The project, made in its own place: only there can its changes be undone."""
    clinic(folder)
    settings = folder / "config/settings.py"
    settings.write_text(settings.read_text().replace('"doctors",', '"doctors",\n    "shop",'))
    make_tree(folder, {"shop/__init__.py": "", "shop/tests.py": TESTS})
    if steps:
        make_tree(folder, {"shop/tasks.py": SHOP})
    for line in (INIT, *STEPS[:steps]):
        words = [sys.executable, "-m", "celeryize", *line, "--yes", "--no-verify", "--quiet"]
        env = environment(folder.parent / "state")
        subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
    commit(folder, "Celery")
    return folder


def commit(folder: Path, subject: str) -> None:
    """Commit all of a project."""
    git = ["git", "-c", "user.name=You", "-c", "user.email=you@example.org"]
    for words in (["add", "-A"], ["commit", "-qm", subject]):
        subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)


def with_deployment_files(folder: Path) -> Path:
    """The project of add-worker's page: a Procfile, and a compose file with a web server."""
    clinic_with_celery(folder)
    make_tree(folder, {"Procfile": PROCFILE, "compose.yaml": COMPOSE})
    commit(folder, "deployment")
    return folder


def with_template(folder: Path) -> Path:
    """The project with a body for its tasks."""
    clinic_with_celery(folder, 0)
    make_tree(folder, {"welcome.py.jinja": BODY})
    commit(folder, "a body")
    return folder


def with_stored_schedule(folder: Path) -> Path:
    """The project with its schedule in the database."""
    clinic_with_celery(folder, 3)
    settings = folder / "config/settings.py"
    text = settings.read_text().replace('"doctors",', '"doctors",\n    "django_celery_beat",')
    settings.write_text(text + STORED)
    make_tree(folder, {"doctors/migrations/__init__.py": ""})
    commit(folder, "django-celery-beat")
    return folder


def with_old_names(folder: Path) -> Path:
    """The project with a setting of Celery 3."""
    clinic_with_celery(folder, 0)
    settings = folder / "config/settings.py"
    settings.write_text(settings.read_text() + OLD_NAMES)
    commit(folder, "old names")
    return folder
