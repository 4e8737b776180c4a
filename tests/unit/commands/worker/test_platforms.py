"""`celeryize add-worker` beside fly.toml and render.yaml, which it reads and does not write."""

from __future__ import annotations

import re
import tomllib
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fly.toml", "app = 'x'\n"),
        ("render.yaml", "previews: {generation: off}\n"),
    ],
)
def test_the_lines_to_paste_are_of_that_kind_of_file(tmp_path: Path, name: str, text: str):
    with pytest.raises(CannotPatch, match=r"is yours to edit: add these lines to its") as caught:
        planned(tmp_path, {name: text}, Request(beat=True))
    _is_right(name, text + caught.value.snippet)
    assert caught.value.hint.startswith("Of Beat, ")


def _is_right(name: str, text: str) -> None:
    """Whether a file starts a worker with time at a stop, and Beat."""
    found = {process.name: process for process in processes_in(Path(name), text)}
    assert {"worker", "beat"} <= {process.subcommand for process in found.values()}
    assert found["worker"].signal == "SIGTERM"
    assert found["worker"].stop == 30
    assert found["worker"].variable("REMAP_SIGTERM") == "SIGQUIT"


def _pasted(text: str, snippet: str) -> str:
    """A fly.toml with each block where the comment in front of it says."""
    lines = text.split("\n")
    for block in snippet.strip().split("\n\n"):
        head, _, rest = block.partition("\n")
        line = re.search(r"in line (\d+):|in place of line (\d+)", head)
        if head.startswith("# above"):
            lines[0] = f"{rest}\n{lines[0]}"
        elif line and line[1]:
            lines[int(line[1]) - 1] += f"\n{rest}"
        elif line:
            lines[int(line[2]) - 1] = rest
        else:
            lines.append(block)
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "app = 'x'\n",
        "app = 'x'\n[env]\n  PORT = '8000'\n\n[http_service]\n  internal_port = 8000\n",
        "app = 'x'\n# old\n[ env ]\n  REMAP_SIGTERM = 'SIGQUIT'\n[processes]\n  app = 'gunicorn x'\n",
        "app = 'x'\nkill_signal = 'SIGINT'\n[processes]\n  app = 'gunicorn x'\n[[vm]]\n",
        "kill_signal = 'SIGTERM'\nkill_timeout = 30\n[env]\nREMAP_SIGTERM = 'x'\n",
    ],
)
def test_what_is_pasted_into_a_fly_toml_makes_no_table_twice(tmp_path: Path, text: str):
    with pytest.raises(CannotPatch, match=r"to its \[env\] and \[processes\]$") as caught:
        planned(tmp_path, {"fly.toml": text}, Request(beat=True))
    whole = _pasted(text, caught.value.snippet)
    tomllib.loads(whole)
    _is_right("fly.toml", whole)


def test_services_are_shown_as_far_to_the_right_as_those_that_are_there(tmp_path: Path):
    text = "services:\n  # the site\n  - type: web\n    name: site\n    startCommand: gunicorn x\n"
    with pytest.raises(CannotPatch, match="to its `services`") as caught:
        planned(tmp_path, {"render.yaml": text}, Request(beat=True))
    _is_right("render.yaml", text + caught.value.snippet)


def test_the_setting_of_the_soft_shutdown_is_a_step_of_its_own(tmp_path: Path):
    write_project(tmp_path, bare=True)
    (tmp_path / "fly.toml").write_text("app = 'x'\n")
    with pytest.raises(CannotPatch) as caught:
        plan(load_project(tmp_path), Request())
    assert "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT" not in caught.value.snippet
    assert caught.value.hint.startswith(
        "Then write CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20 in the Django settings: "
    )


def test_a_fly_toml_that_cannot_be_read_is_no_empty_one(tmp_path: Path):
    text = "app = 'x'\n[env]\nA = '1'\n[env]\nB = '2'\n"
    with pytest.raises(CannotPatch, match=r"^this is no TOML: Cannot declare") as caught:
        planned(tmp_path, {"fly.toml": text}, Request())
    assert (str(caught.value.where), caught.value.snippet) == ("fly.toml:4", "")


@pytest.mark.parametrize(
    ("name", "request_"),
    [("Procfile.dev", Request()), ("Procfile", Request(service="web"))],
)
def test_a_procfile_that_somebody_starts_is_written(tmp_path: Path, name: str, request_: Request):
    files = {"fly.toml": WORKER, name: "web: gunicorn config.wsgi\n"}
    assert name in {str(edit.path) for edit in planned(tmp_path, files, request_).edits}
