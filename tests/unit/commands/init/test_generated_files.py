"""Every file that the templates of init render is planned: with its reason, or with a refusal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from celeryize import render
from celeryize.errors import CannotPatch, CeleryizeError
from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder

STEPS = """_steps:
  - path: "{{ package_path }}/aaa.py"
    what: a module whose name sorts first
  - path: "procfile.txt"
    what: the processes of the project
"""


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates with two more files of init: one sorts before the app file."""
    folder = shutil.copytree(render.templates(), tmp_path / "templates")
    monkeypatch.setattr(render, "templates", lambda: folder)
    files = folder / "init/files"
    (files / "{{ package_path }}/aaa.py.jinja").write_text("NAME = {{ package | to_json }}\n")
    (files / "procfile.txt.jinja").write_text("worker: celery -A {{ package }} worker\n")
    return folder


def declare(templates: Path) -> None:
    file = templates / "init/copier.yml"
    file.write_text(file.read_text().replace("_steps:\n", STEPS, 1))


def init(project: Path, view: Recorder, **options: object) -> None:
    commands.init(project, view, flags={}, yes=True, no_verify=True, **options)  # type: ignore[arg-type]


def test_a_new_file_of_the_templates_is_written_with_its_reason(project, templates):
    declare(templates)
    view = Recorder()
    init(project, view)
    assert (project / "config/aaa.py").read_text() == 'NAME = "config"\n'
    assert (project / "procfile.txt").read_text() == "worker: celery -A config worker\n"
    reasons = {str(step.path): step.what for step in view.plans[0].steps}
    assert reasons["config/aaa.py"] == "a module whose name sorts first"
    assert reasons["procfile.txt"] == "the processes of the project"


def test_the_app_file_is_known_by_its_path_and_not_by_its_ending(project, templates):
    declare(templates)
    init(project, Recorder())
    assert "app = Celery(" in (project / "config/celery.py").read_text()


def test_a_file_without_a_reason_is_an_error_and_is_not_left_out_in_silence(project, templates):
    before = snapshot(project)
    with pytest.raises(CeleryizeError, match=r"config/aaa\.py, procfile\.txt, which has no entry"):
        init(project, Recorder())
    assert snapshot(project) == before


def test_a_file_of_the_project_in_that_place_is_refused_kept_or_overwritten(project, templates):
    declare(templates)
    (project / "procfile.txt").write_text("web: gunicorn\n")
    before = snapshot(project)
    with pytest.raises(CannotPatch, match=r"procfile\.txt exists and has other content"):
        init(project, Recorder())
    assert snapshot(project) == before
    init(project, Recorder(), skip_existing=True)
    assert (project / "procfile.txt").read_text() == "web: gunicorn\n"


def test_overwrite_replaces_a_file_of_the_project_in_that_place(project, templates):
    declare(templates)
    (project / "procfile.txt").write_text("web: gunicorn\n")
    init(project, Recorder(), overwrite=True)
    assert (project / "procfile.txt").read_text() == "worker: celery -A config worker\n"


def test_an_answers_file_that_is_there_keeps_its_answers_and_lines(project):
    (project / ".celeryize.yml").write_text('# ours\nprofile: "minimal"\n')
    init(project, Recorder())
    text = (project / ".celeryize.yml").read_text()
    assert text.startswith('# ours\nprofile: "minimal"\n')
    # what was written belongs to it, or an update could not know
    assert 'CELERY_WORKER_PREFETCH_MULTIPLIER: "1"\n' in text


def test_an_app_that_is_not_recognised_is_not_overwritten(project):
    app = "import celery\n\n\nclass Holder:\n    app = celery.Celery('x')\n"
    (project / "config/celery.py").write_text(app)
    with pytest.raises(CannotPatch, match="does not recognise"):
        init(project, Recorder(), overwrite=True)
    assert (project / "config/celery.py").read_text() == app


def test_an_app_that_is_commented_out_may_be_overwritten(project):
    (project / "config/celery.py").write_text("# app = Celery('x')\nX = 1\n")
    init(project, Recorder(), overwrite=True)
    assert "app = Celery(" in (project / "config/celery.py").read_text()
