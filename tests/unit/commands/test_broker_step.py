"""commands/broker_step: a broker of this machine that does not answer has a step that starts it."""

from __future__ import annotations

import socket

import pytest

from celeryize.commands.broker_step import broker_steps


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_server_that_does_not_answer_is_started(bare, free_port):
    (step,) = broker_steps(f"redis://localhost:{free_port}/0")
    assert step.lines == (f"docker run --rm -p {free_port}:6379 redis:7",)
    assert f"localhost:{free_port}" in step.what
    (step,) = broker_steps(f"amqp://guest:guest@127.0.0.1:{free_port}//")
    assert step.lines == (f"docker run --rm -p {free_port}:5672 rabbitmq:4",)


def test_one_that_is_installed_is_started_by_its_program(tmp_path, monkeypatch, free_port):
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (step,) = broker_steps(f"redis://localhost:{free_port}/0")
    assert step.lines == (f"redis-server --port {free_port}",)


def test_one_that_answers_needs_no_step(bare):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert broker_steps(f"redis://127.0.0.1:{port}/0") == ()


@pytest.mark.parametrize(
    "url",
    ["filesystem", "sqs", "redis://redis:6379/0", "amqp://mq.example.org//", "redis://[", "x"],
)
def test_one_that_is_elsewhere_or_has_no_server_is_left_alone(bare, url):
    assert broker_steps(url) == ()


def test_the_environment_decides_which_it_is(bare, monkeypatch, free_port):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://redis.internal:6379/0")
    assert broker_steps(f"redis://localhost:{free_port}/0", ("CELERY_BROKER_URL",)) == ()
