"""What `celeryize add-worker` says comes next."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.checks.run_checks import run_checks
from celeryize.commands.worker.request import Request
from celeryize.errors import CannotPatch
from celeryize.ui.machine import lines_of
from tests import commands
from tests.unit.checks.projects import facts_of
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


NO_BEAT = "no Beat is added"


def notes_of(folder: Path, request: Request) -> str:
    view = Recorder()
    commands.add_worker(folder, view, request, yes=True, no_verify=True)
    return "\n".join(note for plan in view.plans for note in plan.notes)


@pytest.mark.parametrize(
    ("more", "beat", "said"),
    [
        ("CELERY_BEAT_SCHEDULE = {}\n", None, True),
        ("CELERY_BEAT_SCHEDULE: dict = {}\n", None, True),
        # it was said that there is none, or nobody wants one
        ("CELERY_BEAT_SCHEDULE = {}\n", False, False),
        ("CELERY_BEAT_SCHEDULE = {}\n", True, False),
        ("", None, False),
        ('CELERY_BEAT_SCHEDULE = {"a": {"task": "b", "schedule": 60.0}}\n', None, False),
    ],
)
def test_a_schedule_without_an_entry_is_said_to_get_no_beat(tmp_path: Path, more, beat, said):
    write_project(tmp_path)
    with (tmp_path / "config/settings.py").open("a") as settings:
        settings.write(more)
    (tmp_path / "Procfile").write_text("web: gunicorn config.wsgi\n")
    assert (NO_BEAT in notes_of(tmp_path, Request(beat=beat))) == said


RESULTS = 'CELERY_RESULT_BACKEND = "django-db"\n'
WORKER = "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker\n"
FILES = {
    "procfile": ("Procfile", f"web: gunicorn config.wsgi\n{WORKER}"),
    "compose": (
        "compose.yaml",
        "services:\n  web:\n    image: shop\n    command: gunicorn config.wsgi\n"
        "  worker:\n    image: shop\n    command: celery -A config worker\n",
    ),
    "supervisor": (
        "supervisord.conf",
        "[program:web]\ncommand=gunicorn config.wsgi\n\n"
        "[program:worker]\ncommand=celery -A config worker\n",
    ),
    "systemd": (
        "shop.service",
        "[Service]\nWorkingDirectory=/srv/shop\nExecStart=/srv/shop/bin/celery -A config worker\n",
    ),
    "kubernetes": (
        "worker.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: worker\nspec:\n  template:\n"
        "    spec:\n      containers:\n        - name: worker\n          image: shop\n"
        "          command: [celery, -A, config, worker]\n",
    ),
}


@pytest.mark.parametrize(
    "said", [RESULTS, 'CELERY_BEAT_SCHEDULE = {"a": {"task": "b", "schedule": 60.0}}\n']
)
@pytest.mark.parametrize("kind", FILES)
def test_the_command_that_verify_names_adds_the_beat_that_it_missed(tmp_path: Path, kind, said):
    write_project(tmp_path)
    with (tmp_path / "config/settings.py").open("a") as settings:
        settings.write(said)
    name, text = FILES[kind]
    (tmp_path / name).write_text(text)

    def missed() -> list[str]:
        found = run_checks(facts_of(tmp_path)).findings
        return [one.hint for one in found if one.id in {"celery.W844", "celery.W846"}]

    (hint,) = missed()
    assert hint.startswith(f"`celeryize add-worker --to {kind} --beat` writes it beside the worker")
    assert "manually: celery -A config" in hint
    commands.add_worker(tmp_path, Recorder(), Request(to=kind, beat=True), yes=True, no_verify=True)
    assert missed() == []


def test_results_that_only_beat_deletes_are_said_where_no_beat_is_added(tmp_path: Path):
    write_project(tmp_path)
    with (tmp_path / "config/settings.py").open("a") as settings:
        settings.write(RESULTS)
    (tmp_path / "Procfile").write_text("web: gunicorn config.wsgi\n")
    notes = notes_of(tmp_path, Request())
    assert NO_BEAT in notes
    assert "are deleted by a task that only Beat sends: pass --beat." in notes


def test_a_beat_that_is_there_needs_no_note(tmp_path: Path):
    write_project(tmp_path)
    with (tmp_path / "config/settings.py").open("a") as settings:
        settings.write("CELERY_BEAT_SCHEDULE = {}\n")
    (tmp_path / "Procfile").write_text(
        "web: gunicorn config.wsgi\nbeat: celery -A config beat -s /tmp/schedule\n"
    )
    assert NO_BEAT not in notes_of(tmp_path, Request())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "on Heroku, by `heroku ps:scale worker=1 beat=1`"),
        ({"fly.toml": 'app = "shop"\n'}, "[processes] in fly.toml"),
        ({"render.yaml": "services: []\n"}, "`type: worker`"),
        ({"railway.toml": "[deploy]\n", ".python-version": "3.13\n"}, "on Railway"),
        ({"DOKKU_SCALE": "web=1\n"}, "`dokku ps:scale APP worker=1 beat=1`"),
    ],
)
def test_it_is_said_what_starts_the_processes_of_a_procfile(tmp_path: Path, files, words):
    write_project(tmp_path)
    for name, text in {"Procfile": "web: gunicorn config.wsgi\n", **files}.items():
        (tmp_path / name).write_text(text)
    notes = notes_of(tmp_path, Request(beat=True))
    assert words in notes
    assert "of Beat, exactly one" in notes


def test_without_a_deployment_file_the_lines_of_the_platform_are_shown(tmp_path: Path):
    write_project(tmp_path)
    (tmp_path / "render.yaml").write_text("services: []\n")
    with pytest.raises(CannotPatch, match=r"^render\.yaml is yours to edit") as caught:
        notes_of(tmp_path, Request(beat=True))
    assert "exactly one. Another kind of file: --to KIND" in caught.value.hint
    assert "celery -A config beat" in caught.value.snippet
