"""Deployment files that nobody can read."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import Mistake, facts_of, found_in, healthy, with_twin

FLY = """app = "shop"
kill_signal = "SIGTERM"
kill_timeout = 300

[env]
  PORT = "8000"

[processes]
  app = "gunicorn config.wsgi"
  worker = "sh -c 'cd app && exec celery -A config worker'"
"""
TWICE = f'{FLY}\n[env]\n  DEBUG = "0"\n'
QUOTES = FLY.replace("sh -c '", 'sh -c "').replace("worker'", 'worker"')
COMPOSE = """x-common: &common
  build: .
  stop_grace_period: !reset 60s
services:
  web:
    <<: *common
    command: gunicorn config.wsgi
    labels:
      rule: Host(`${HOST:-localhost}`)
"""
RENDER = "services:\n  - type: web\n    name: shop\n    startCommand: gunicorn config.wsgi\n"
MISTAKES = [
    Mistake("celery.E989", {"fly.toml": TWICE}, {"fly.toml": FLY}, at="fly.toml:12"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("name", "text", "line", "hint"),
    [
        (
            "fly.toml",
            TWICE,
            12,
            "Put its lines below the [env] of line 5, and delete this head.",
        ),
        (
            "deploy/fly.staging.toml",
            QUOTES,
            10,
            "Inside of double quotes write single ones: \"sh -c '...'\".",
        ),
        ("fly.toml", "app = \n", 1, "Without that nothing in the file counts."),
        ("compose.yaml", COMPOSE.replace("    labels", "   labels"), 8, ""),
        ("docker-compose.prod.yml", COMPOSE.replace("    command", "\tcommand"), 7, ""),
        ("render.yaml", RENDER.replace("    name", "   name"), 3, ""),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, name, text, line, hint):
    found = run_checks(facts_of(make_tree(tmp_path, {**healthy(), name: text}))).findings
    assert [(one.id, str(one.where)) for one in found] == [("celery.E989", f"{name}:{line}")]
    assert found[0].hint == (hint or "Without that nothing in the file counts.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fly.toml", FLY),
        ("compose.yaml", COMPOSE),
        ("render.yaml", RENDER),
        ("compose.yaml", "a: &x 1\nb: &x 2\nservices: {}\n"),
        # somebody else's, and what is filled in first
        ("flywheel.toml", TWICE),
        ("compose.yml", "services:\n  {{ name }}:\n{% if x %}\n    image: x\n{% endif %}\n"),
        ("locale.yml", "a: [\n"),
    ],
)
def test_a_file_that_can_be_read_is_none(tmp_path, name, text):
    assert found_in(tmp_path, {name: text}) == []
