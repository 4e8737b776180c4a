"""What a new set-up says about production: other settings there, and the files that start it."""

from __future__ import annotations

import pytest

from celeryize.commands.init.run import InitOptions, run
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.ui.machine import lines_of
from tests.conftest import make_tree, small_project
from tests.views import Recorder

WSGI = (
    "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\napplication = get_wsgi_application()\n'
)


def init(tmp_path, files):
    tree = {**small_project(), "requirements.txt": "django\n", **files}
    folder = make_tree(tmp_path / "p", tree)
    view = Recorder()
    write = WriteOptions(yes=True, no_verify=True)
    return run(RunOptions(folder), write, view, InitOptions()), view.plans[-1].notes


def test_a_web_entry_outside_of_the_package_with_other_settings_is_named(tmp_path):
    files = {
        "config/wsgi.py": "",
        "deploy/__init__.py": "",
        "deploy/wsgi.py": WSGI.format("config.production"),
        "config/production.py": "from .settings import *\n",
    }
    files["config/settings.py"] = (
        small_project()["config/settings.py"] + '\nWSGI_APPLICATION = "deploy.wsgi.application"\n'
    )
    _, notes = init(tmp_path, files)
    (note,) = [note for note in notes if "DJANGO_SETTINGS_MODULE" in note]
    assert "unless DJANGO_SETTINGS_MODULE is set" in note
    assert "DJANGO_SETTINGS_MODULE=config.production celery -A config worker" in note


def test_where_all_name_the_same_nothing_is_said(tmp_path):
    _, notes = init(tmp_path, {"config/wsgi.py": WSGI.format("config.settings")})
    assert not [note for note in notes if "DJANGO_SETTINGS_MODULE" in note]


@pytest.mark.parametrize(
    "name", ["Procfile", "compose.yml", "docker-compose.prod.yaml", "deploy/web.service"]
)
def test_files_that_start_the_project_are_named(tmp_path, name):
    written, _ = init(tmp_path, {name: "web: gunicorn config.wsgi\n"})
    steps = {step.what: step.lines for step in written.next_steps}
    (line,) = steps[f"Write the worker into {name}"]
    assert line.startswith("celeryize add-worker -C /")


def test_those_that_start_a_worker_already_and_others_are_not(tmp_path):
    written, _ = init(tmp_path, {"Procfile": "worker: celery -A config worker\n", "notes.yml": ""})
    assert "celeryize add-worker" not in list(lines_of(written.next_steps))
