"""Where what is made anew starts its commands: in the folder that the app is found in."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.worker.request import Request
from tests import commands
from tests.conftest import MANAGE, make_tree
from tests.views import Recorder
from tests.worker_projects import write_project

ON_PATH = "import sys\n\nsys.path.insert(0, 'src')\n"


@pytest.fixture
def src_layout(tmp_path: Path) -> Path:
    """manage.py at the root puts the folder of the code on sys.path."""
    folder = tmp_path / "clinic"
    write_project(folder / "src")
    (folder / "src/manage.py").unlink()
    (folder / "src/requirements.txt").rename(folder / "requirements.txt")
    return make_tree(folder, {"manage.py": ON_PATH + MANAGE.format(settings="config.settings")})


@pytest.mark.parametrize(
    ("kind", "path", "line"),
    [
        ("procfile", "Procfile", "celery -A config --workdir src worker"),
        ("procfile", "Procfile", "web: gunicorn --chdir src config.wsgi\n"),
        ("supervisor", "supervisord.conf", "directory=src\n"),
        ("systemd", "deploy", "WorkingDirectory=/srv/clinic/src\n"),
    ],
)
def test_the_commands_start_where_the_app_is_found(src_layout, kind, path, line):
    commands.add_worker(src_layout, Recorder(), Request(to=kind), yes=True, no_verify=True)
    written = src_layout / path
    files = [written] if written.is_file() else sorted(written.iterdir())
    assert all(line in file.read_text() for file in files)


@pytest.mark.parametrize("kind", ["compose", "kubernetes"])
def test_an_image_has_to_start_them_there(src_layout, kind):
    view = Recorder()
    commands.add_worker(src_layout, view, Request(to=kind), yes=True, no_verify=True)
    assert any("starts them in src/ (WORKDIR)" in note for note in view.plans[0].notes)


def test_a_web_process_that_is_there_has_its_own_way(src_layout):
    make_tree(src_layout, {"Procfile": "web: gunicorn config.wsgi\n"})
    commands.add_worker(src_layout, Recorder(), Request(), yes=True, no_verify=True)
    assert "--workdir" not in (src_layout / "Procfile").read_text()
