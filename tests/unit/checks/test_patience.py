"""Tasks that take longer than the broker waits: a broken project for each, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    Mistake,
    facts_of,
    found_in,
    healthy,
    settings,
    tasks,
    view,
    with_twin,
)

MISTAKES = [
    Mistake(
        "celery.W470",
        settings(
            "CELERY_TASK_ACKS_LATE = True\n"
            "CELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': 60}  # <-\n"
        ),
        settings("CELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': 60}\n"),
    ),
    Mistake(
        "celery.W470",
        settings(
            "CELERY_TASK_ACKS_LATE = True\nCELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': 60}  # <-\n",
            instead="CELERY_BROKER_TR",
        ),
        settings("CELERY_TASK_ACKS_LATE = True\n"),
    ),
    Mistake(
        "celery.W470",
        {
            **tasks("@shared_task(time_limit=14400)\ndef pack():  # <-\n    pass\n"),
            **settings("CELERY_TASK_ACKS_LATE = True\n"),
        },
        {
            **tasks(
                "@shared_task(time_limit=14400, acks_late=False)\ndef pack():\n    pass\n\n\n"
                "@shared_task(time_limit=1800)\ndef send():\n    pass\n"
            ),
            **settings("CELERY_TASK_ACKS_LATE = True\n"),
        },
    ),
    Mistake(
        "celery.W470",
        tasks(
            "@shared_task(acks_late=True, soft_time_limit=7000, time_limit=2 * 3600)\ndef pack():  # <-\n    pass\n"
        ),
        tasks("@shared_task(soft_time_limit=7000, time_limit=2 * 3600)\ndef pack():\n    pass\n"),
    ),
    Mistake(
        "celery.W470",
        view("def f():\n    greet.apply_async(args=('x',), countdown=7200)  # <-\n"),
        view("def f():\n    greet.apply_async(args=('x',), countdown=60)\n"),
    ),
]
LONG = tasks("@shared_task(acks_late=True, time_limit=14400)\ndef pack():\n    pass\n")
LATER = view("def f():\n    greet.apply_async(args=('x',), countdown=90000)\n")
OPTIONS = "CELERY_BROKER_TRANSPORT_OPTIONS"


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def hints_of(folder, files):
    findings = run_checks(facts_of(make_tree(folder, {**healthy(), **files}))).findings
    return {finding.hint for finding in findings if finding.id == "celery.W470"}


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (
            f"{OPTIONS} = {{'visibility_timeout': 60}}\n",
            'Write "visibility_timeout": 93600 in config/settings.py:29',
        ),
        (
            f"{OPTIONS} = dict(visibility_timeout=60)\n",
            'Write "visibility_timeout": 93600 in config/settings.py:29',
        ),
        (
            f"{OPTIONS} = {{'socket_timeout': 60}}\n",
            f'Add "visibility_timeout": 93600 to {OPTIONS} (config/settings.py:29)',
        ),
        ("", f'Add {OPTIONS} = {{"visibility_timeout": 93600}} below config/settings.py:23'),
    ],
)
def test_one_number_is_enough_for_all_of_them_and_its_place_is_said(tmp_path, options, hint):
    files = {**LONG, **LATER, **settings(options, instead=OPTIONS)}
    assert hints_of(tmp_path / "hint", files) == {
        f"{hint}, which is above 90000 s, the longest of all."
    }


def test_nothing_is_left_once_the_number_is_written(tmp_path):
    files = {**LONG, **LATER}
    options = f"{OPTIONS} = {{'visibility_timeout': %s}}\n"
    before = {**files, **settings(options % 3600, instead=OPTIONS)}
    after = {**files, **settings(options % 93600, instead=OPTIONS)}
    assert [name for name, _ in found_in(tmp_path / "before", before)] == ["celery.W470"] * 2
    assert found_in(tmp_path / "after", after) == []


def test_what_is_in_one_file_is_one_finding(tmp_path):
    body = "def f():\n    greet.apply_async(args=('x',), countdown=7200)\n"
    body += "    greet.apply_async(args=('x',), countdown=9000)\n"
    assert found_in(tmp_path, view(body)) == [("celery.W470", "doctors/views.py:6")]


def test_more_than_amazon_waits_is_not_advised(tmp_path):
    amazon = settings("CELERY_BROKER_URL = 'sqs://'\n", instead="CELERY_BROKER_U")
    (hint,) = hints_of(tmp_path, {**amazon, **LATER})
    assert hint.startswith("SQS waits 43200 s at most: ")
