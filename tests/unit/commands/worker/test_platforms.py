"""`celeryize add-worker` beside fly.toml and render.yaml, which it reads and does not write."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.worker.plan import plan
from celeryize.commands.worker.request import Request
from celeryize.detect.processes import processes_in
from celeryize.detect.project import load_project
from celeryize.errors import CannotPatch
from celeryize.model import Plan
from tests.worker_projects import write_project

WORKER = '[processes]\n  worker = "celery -A config worker"\n'
SERVICE = "services:\n  - {type: worker, name: jobs, runtime: python, startCommand: celery -A config worker}\n"
COMPOSE = "services:\n  web:\n    build: .\n    command: gunicorn config.wsgi\n"


def planned(folder: Path, files: dict[str, str], request: Request) -> Plan:
    write_project(folder)
    for name, text in files.items():
        (folder / name).write_text(text)
    return plan(load_project(folder), request)


@pytest.mark.parametrize(("name", "text"), [("fly.toml", WORKER), ("render.yaml", SERVICE)])
def test_a_worker_that_is_there_needs_no_other(tmp_path: Path, name: str, text: str):
    files = {name: text, "Procfile": "web: gunicorn config.wsgi\n"}
    made = planned(tmp_path, files, Request())
    assert made.edits == ()
    assert [(str(step.path), step.what) for step in made.steps] == [
        (name, "line 2 starts a worker")
    ]
    assert made.notes == (f"Procfile stays as it is: {name}:2 starts Celery.",)


def test_a_procfile_that_is_asked_for_is_written(tmp_path: Path):
    files = {"fly.toml": WORKER, "Procfile": "web: gunicorn config.wsgi\n"}
    made = planned(tmp_path, files, Request(to="procfile"))
    assert [str(edit.path) for edit in made.edits if edit.path.name == "Procfile"] == ["Procfile"]


def test_a_compose_file_beside_it_gets_its_worker(tmp_path: Path):
    made = planned(tmp_path, {"fly.toml": WORKER, "compose.yaml": COMPOSE}, Request())
    assert "compose.yaml" in {str(edit.path) for edit in made.edits}
    assert "fly.toml" not in {str(edit.path) for edit in made.edits}


def test_beat_alone_is_shown_where_it_alone_is_missing(tmp_path: Path):
    with pytest.raises(
        CannotPatch, match=r"fly\.toml:2 starts a worker, and no file starts Beat"
    ) as caught:
        planned(tmp_path, {"fly.toml": WORKER}, Request(beat=True))
    assert "beat = " in caught.value.snippet
    assert "worker = " not in caught.value.snippet
    assert "kill_signal" not in caught.value.snippet


@pytest.mark.parametrize("name", ["fly.toml", "render.yaml"])
def test_the_lines_to_paste_are_of_that_kind_of_file(tmp_path: Path, name: str):
    with pytest.raises(CannotPatch, match="no deployment file") as caught:
        planned(
            tmp_path,
            {name: "app: 1\n" if name != "fly.toml" else "app = 'x'\n"},
            Request(beat=True),
        )
    text = caught.value.snippet
    if name == "render.yaml":
        text = "services:\n" + text
    found = {process.name: process for process in processes_in(Path(name), text)}
    assert {process.subcommand for process in found.values()} == {"worker", "beat"}
    assert found["worker"].signal == "SIGTERM"
    assert found["worker"].stop == 30
    assert found["worker"].variable("REMAP_SIGTERM") == "SIGQUIT"


@pytest.mark.parametrize(
    ("name", "request_"),
    [("Procfile.dev", Request()), ("Procfile", Request(service="web"))],
)
def test_a_procfile_that_somebody_starts_is_written(tmp_path: Path, name: str, request_: Request):
    files = {"fly.toml": WORKER, name: "web: gunicorn config.wsgi\n"}
    assert name in {str(edit.path) for edit in planned(tmp_path, files, request_).edits}
