"""commands/start_command: what a user is told to type starts the project's app, as it stands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from celeryize.commands.start_command import start_commands, start_steps
from celeryize.detect.project import load_project
from tests.conftest import MANAGE, SETTINGS, make_tree, small_project

APP = (
    "import os\n\nfrom celery import Celery\n\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n\napp = Celery("config")\n'
    'app.config_from_object("django.conf:settings", namespace="CELERY")\n'
    "app.autodiscover_tasks()\n"
)
FINDS = (
    "import sys; sys.path.insert(0, ''); from celery.app.utils import find_app; "
    "app = find_app(sys.argv[1]); app.loader.import_default_modules(); "
    "assert 'doctors.tasks.greet' in app.tasks"
)
TASKS = "from celery import shared_task\n\n\n@shared_task\ndef greet():\n    pass\n"
INSERTS = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), {!r}))\n"


def tree(folder, *, moved):
    """A project whose `moved` packages are in a folder that manage.py puts on sys.path."""
    files = {**small_project(), "doctors/tasks.py": TASKS}
    files["config/celery.py"] = APP.format("config.settings")
    files["config/settings.py"] = SETTINGS
    files["config/__init__.py"] = "from .celery import app as celery_app\n"
    files["manage.py"] = INSERTS.format(folder) + MANAGE.format(settings="config.settings")
    return {
        f"{folder}/{path}" if path.split("/")[0] in moved else path: text
        for path, text in files.items()
    }


@pytest.fixture(autouse=True)
def _active(monkeypatch):
    """As in a shell in which the environment is active."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)


@pytest.mark.parametrize(
    ("moved", "lines"),
    [
        ((), ("celery -A config worker -l INFO",)),
        (("config", "doctors"), ("cd src", "celery -A config worker -l INFO")),
        (("doctors",), ("PYTHONPATH=src celery -A config worker -l INFO",)),
        (("config",), ("cd src", "PYTHONPATH=.. celery -A config worker -l INFO")),
    ],
)
def test_the_start_line_runs_from_the_folder_that_it_names(tmp_path, monkeypatch, moved, lines):
    project = load_project(make_tree(tmp_path, tree("src", moved=moved)), python=sys.executable)
    monkeypatch.chdir(tmp_path)
    spec = project.start_spec(project.celery[0])
    assert start_commands(project, spec, ("worker",)) == lines
    # what Celery itself does with such a line
    script = "\n".join(lines).replace("celery -A", f'{sys.executable} -c "{FINDS}"')
    script = script.replace(" worker -l INFO", "")
    ran = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_each_process_goes_to_the_folder_in_a_terminal_of_its_own(tmp_path, monkeypatch):
    moved = ("config", "doctors")
    project = load_project(make_tree(tmp_path, tree("src", moved=moved)), python=sys.executable)
    monkeypatch.chdir(tmp_path)
    steps = start_steps(project, "config", ("worker", "beat"))
    assert [step.lines for step in steps] == [
        ("cd src", "celery -A config worker -l INFO"),
        ("cd src", "celery -A config beat -l INFO"),
    ]


def test_beat_is_started_in_the_same_environment(tmp_path, monkeypatch):
    project = load_project(make_tree(tmp_path, tree("src", moved=())), python=sys.executable)
    monkeypatch.chdir(tmp_path)
    environment = (("DJANGO_SETTINGS_MODULE", "config.local"),)
    assert start_commands(project, "config", ("worker", "beat"), environment) == (
        "DJANGO_SETTINGS_MODULE=config.local celery -A config worker -l INFO",
        "DJANGO_SETTINGS_MODULE=config.local celery -A config beat -l INFO",
    )
