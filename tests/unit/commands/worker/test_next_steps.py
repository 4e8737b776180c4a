"""What `celeryize add-worker` says comes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.worker.request import Request
from celeryize.ui.machine import lines_of
from tests import commands
from tests.views import Recorder
from tests.worker_projects import write_project


def next_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "compose", *, beat: bool = False
) -> list[str]:
    monkeypatch.chdir(folder)
    request = Request(to=kind, beat=beat)
    ended = commands.add_worker(folder, Recorder(), request, yes=True, no_verify=True)
    return list(lines_of(ended.next_steps))


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"Dockerfile": "FROM python:3.13\n"}, "docker compose up --build"),
        (
            {"compose.yaml": "services:\n  web:\n    image: shop\n    command: gunicorn x\n"},
            "docker compose up",
        ),
    ],
)
def test_services_that_can_be_started_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], line: str
):
    write_project(tmp_path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert line in next_lines(tmp_path, monkeypatch)


def test_what_cannot_be_built_yet_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_project(tmp_path)
    assert not any("docker compose" in line for line in next_lines(tmp_path, monkeypatch))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.json", "{}"),
        ("runtime.txt", "python-3.13.1"),
        (".python-version", "3.13"),
        ("requirements.txt", "celery\ndjango-heroku\n"),
    ],
)
def test_heroku_is_told_to_start_the_new_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
):
    write_project(tmp_path)
    (tmp_path / "Procfile").write_text("web: gunicorn config.wsgi\n")
    (tmp_path / name).write_text(text)
    lines = next_lines(tmp_path, monkeypatch, "procfile", beat=True)
    assert "heroku ps:scale worker=1 beat=1" in lines


def test_only_what_is_new_is_started_on_heroku(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_project(tmp_path)
    (tmp_path / "Procfile").write_text(
        "web: gunicorn config.wsgi\nworker: celery -A config worker\n"
    )
    (tmp_path / "app.json").write_text("{}")
    lines = next_lines(tmp_path, monkeypatch, "procfile", beat=True)
    assert "heroku ps:scale beat=1" in lines


def test_another_platform_is_not_heroku(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_project(tmp_path)
    (tmp_path / "Procfile").write_text("web: gunicorn config.wsgi\n")
    assert not any("heroku" in line for line in next_lines(tmp_path, monkeypatch, "procfile"))
