"""Receivers of Celery's signals: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_by_import, found_in, tasks, with_twin

IMPORT = "from celery.signals import task_postrun, task_prerun\n\n\n"
ALIAS = "from celery import signals as s\n\n\n"
MISTAKES = [
    Mistake(
        "celery.W650",
        tasks(
            IMPORT + "@task_prerun.connect\ndef log(sender, task_name, **kwargs):  # <-\n    pass\n"
        ),
        tasks(IMPORT + "@task_prerun.connect\ndef log(sender, task_id, **kwargs):\n    pass\n"),
    ),
    Mistake(
        "celery.W650",
        tasks(
            ALIAS + "@s.task_failure.connect(\n    weak=False,\n)\n"
            "def log(sender, error, **kwargs):  # <-\n    pass\n"
        ),
        tasks(
            ALIAS + "@s.task_failure.connect()\ndef log(exception, error=1, **kwargs):\n    pass\n"
        ),
    ),
    Mistake(
        "celery.W650",
        tasks(
            IMPORT
            + "def log(*, outcome, **kwargs):  # <-\n    pass\n\n\ntask_postrun.connect(log)\n"
        ),
        # `state` is sent, though the signal does not list it
        tasks(IMPORT + "def log(*, state, **kwargs):\n    pass\n\n\ntask_postrun.connect(log)\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
@pytest.mark.parametrize("found", [found_in, found_by_import])
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake, found):
    assert found(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
@pytest.mark.parametrize("found", [found_in, found_by_import])
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake, found):
    assert found(tmp_path, mistake.twin) == []


def test_an_import_finds_a_receiver_that_a_loop_connects(tmp_path):
    body = "def log(outcome, **kwargs):\n    pass\n\n\nfor one in (task_prerun, task_postrun):\n"
    found = found_by_import(tmp_path, tasks(IMPORT + body + "    one.connect(log)\n"))
    assert {identifier for identifier, _ in found} == {"celery.W650"}
