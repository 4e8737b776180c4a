"""What is in front of `celery` in a new process: what is in front of the server, or the worker."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from celeryize.commands.worker.web import kept_front, server_program
from celeryize.detect.processes.compose import read_compose
from celeryize.detect.processes.process import Process

KEPT = {
    "gunicorn shop.wsgi": "celery",
    "uv run --no-sync gunicorn shop.wsgi": "uv run --no-sync celery",
    "uv run --directory /app/src python -m gunicorn x": "uv run --directory /app/src celery",
    "uv run --with gunicorn gunicorn x": "uv run --with gunicorn celery",
    "uv run -m gunicorn x": "uv run -m celery",
    "uv run manage.py runserver": "uv run celery",
    "poetry run python manage.py runserver": "poetry run celery",
    "dotenv run -- uv run gunicorn x": "dotenv run -- uv run celery",
    "doppler run --config prd -- gunicorn x": "doppler run --config prd -- celery",
    "tini -g -- gunicorn x": "tini -g -- celery",
    "gosu shop gunicorn x": "gosu shop celery",
    "env TZ=UTC gunicorn x": "env TZ=UTC celery",
    "/opt/venv/bin/gunicorn x": "/opt/venv/bin/celery",
    "gunicorn -k uvicorn.workers.UvicornWorker x": "celery",
    'bash -c "source .venv/bin/activate && gunicorn x"': ".venv/bin/celery",
    'sh -c "cd src && . venv/bin/activate; exec gunicorn x"': "src/venv/bin/celery",
    'uv run sh -c "python manage.py migrate; gunicorn x"': "uv run celery",
    "docker/run.sh gunicorn x": "docker/run.sh celery",
    # what only starts a program again, or looks into it
    "watchmedo auto-restart -d . -- uv run celery -A x worker": "uv run celery",
    'uv run watchfiles "celery -A x worker"': "uv run celery",
    "python -m debugpy --listen 5678 -m uvicorn x": "celery",
}
LOST = {
    'sh -c ". ./.env && gunicorn x"': ". ./.env",
    'bash -c "export TZ=UTC; exec gunicorn x"': "export TZ=UTC",
    "docker/choose.sh gunicorn x": "",
    "./elsewhere/start.sh gunicorn x": "./elsewhere/start.sh",
    'su shop -c "gunicorn x"': "su shop -c",
    'sh -c "uv run --directory $$APP gunicorn x"': "uv run --directory $$APP",
}


def process_of(command: str, more: str = "") -> Process:
    text = f"services:\n  web:\n    command: {json.dumps(command)}\n{more}"
    return next(iter(read_compose(PurePosixPath("compose.yaml"), text)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/run.sh").write_text('#!/bin/sh\nset -e\nexec "$@"\n')
    (tmp_path / "docker/choose.sh").write_text("#!/bin/sh\ngunicorn x\n")
    return tmp_path


@pytest.mark.parametrize("command", KEPT)
def test_what_is_in_front_of_the_program_is_kept(command: str, root: Path):
    process = process_of(command)
    assert " ".join(server_program(root, process)) == KEPT[command]
    assert kept_front(root, process).lost == ()


@pytest.mark.parametrize("command", LOST)
def test_what_cannot_be_kept_is_named(command: str, root: Path):
    process = process_of(command)
    assert server_program(root, process) == ("celery",)
    assert " ".join(kept_front(root, process).lost) == LOST[command]


def test_an_entry_point_is_a_key_of_its_own(root: Path):
    process = process_of("uv run gunicorn x", '    entrypoint: ["tini", "--"]\n')
    assert server_program(root, process) == ("uv", "run", "celery")


def test_the_options_of_a_runner_in_a_script_are_kept(root: Path):
    (root / "start.sh").write_text("#!/bin/sh\nexec uv run --env-file .env gunicorn x\n")
    assert " ".join(server_program(root, process_of("./start.sh"))) == (
        "uv run --env-file .env celery"
    )
    (root / "start.sh").write_text('#!/bin/sh\nexec uv run --env-file "$1" gunicorn x\n')
    assert server_program(root, process_of("./start.sh")) == ("uv", "run", "celery")
