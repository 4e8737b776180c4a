"""Formats that the reader does not accept: a broken project for each, and a healthy twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    Mistake,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    imported_facts_of,
    settings,
    tasks,
    view,
    with_twin,
)

PLAIN = "CELERY_TASK_SERIALIZER"
SPLIT = {
    "config/settings/__init__.py": (
        "import os\n\nif os.environ.get('LIVE'):\n    from .live import *\n"
        "else:\n    from .local import *\n"
    ),
    "config/settings/base.py": settings("CELERY_ACCEPT_CONTENT = ['json']\n")["config/settings.py"],
    "config/settings/live.py": "from .base import *\n",
}


def split(local: str) -> dict[str, str]:
    """Settings of which one module overrides what the one for all says."""
    return {**SPLIT, "config/settings/local.py": "from .base import *\n\n" + local}


MISTAKES = [
    Mistake(
        "celery.E689",
        settings("CELERY_ACCEPT_CONTENT = ['msgpack']  # <-\n"),
        settings("CELERY_ACCEPT_CONTENT = ['msgpack', 'json']\n"),
    ),
    Mistake(
        "celery.E689",
        settings("CELERY_TASK_SERIALIZER = 'pickle'  # <-\n", instead=PLAIN),
        settings(
            "CELERY_TASK_SERIALIZER = 'pickle'\n"
            "CELERY_ACCEPT_CONTENT = ['application/x-python-serialize']\n",
            instead=PLAIN,
        ),
    ),
    Mistake(
        "celery.E689",
        split("CELERY_TASK_SERIALIZER = 'yaml'  # <-\n"),
        split("CELERY_TASK_SERIALIZER = 'yaml'\nCELERY_ACCEPT_CONTENT = ['yaml', 'json']\n"),
    ),
    Mistake(
        "celery.E689",
        tasks("@shared_task(serializer='msgpack')  # <-\ndef packed(text):\n    return text\n"),
        {
            **tasks("@shared_task(serializer='msgpack')\ndef packed(text):\n    return text\n"),
            **settings("CELERY_ACCEPT_CONTENT = ['json', 'msgpack']\n"),
        },
    ),
    Mistake(
        "celery.E689",
        view("def see(request):\n    greet.apply_async(['x'], serializer='pickle')  # <-\n"),
        view("def see(request):\n    greet.apply_async(['x'], serializer='json')\n"),
    ),
    Mistake(
        "celery.E383",
        settings("CELERY_RESULT_SERIALIZER = 'pickle'  # <-\n"),
        settings(
            "CELERY_RESULT_SERIALIZER = 'pickle'\nCELERY_RESULT_ACCEPT_CONTENT = ['pickle']\n"
        ),
    ),
    Mistake(
        "celery.E383",
        settings("CELERY_RESULT_ACCEPT_CONTENT = ['yaml']  # <-\n"),
        settings(
            "CELERY_RESULT_SERIALIZER = 'pickle'\nCELERY_RESULT_BACKEND = 'db+sqlite:///x'\n",
            instead="CELERY_RESULT_B",
        ),
    ),
    Mistake(
        "celery.W560",
        settings("CELERY_ACCEPT_CONTENT = ['json', 'pickle']  # <-\n"),
        settings("CELERY_ACCEPT_CONTENT = ['json', 'yaml']\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_the_mistake_is_found_at_its_place(tmp_path: Path, mistake: Mistake):
    assert (mistake.id, mistake.place) in found_in(tmp_path, mistake.broken)


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_the_healthy_twin_is_not_reported(tmp_path: Path, mistake: Mistake):
    assert mistake.id not in [name for name, _ in found_in(tmp_path, mistake.twin)]


def test_a_setting_that_is_computed_is_seen_once_it_is_imported(tmp_path: Path):
    lines = "import sys\nCELERY_TASK_SERIALIZER = {True: 'pickle'}[bool(sys.path)]\n"
    files = settings(lines, instead=PLAIN)
    assert "celery.E689" not in [name for name, _ in found_in(tmp_path / "read", files)]
    assert "celery.E689" in [name for name, _ in found_by_import(tmp_path / "imported", files)]


def test_pickles_that_are_accepted_are_a_warning_and_no_error(tmp_path: Path):
    lines = "CELERY_TASK_SERIALIZER = 'pickle'\nCELERY_ACCEPT_CONTENT = ['pickle']\n"
    found = [name for name, _ in found_in(tmp_path, settings(lines, instead=PLAIN))]
    assert "celery.W560" in found
    assert "celery.E689" not in found


def test_pickles_that_are_refused_are_not_said_to_be_accepted(tmp_path: Path):
    found = found_in(tmp_path, settings("CELERY_TASK_SERIALIZER = 'pickle'\n", instead=PLAIN))
    assert "celery.W560" not in [name for name, _ in found]


def test_the_remedy_does_not_open_the_worker_to_pickles_first(tmp_path: Path):
    files = settings("CELERY_TASK_SERIALIZER = 'pickle'\n", instead=PLAIN)
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    [found] = [f for f in run_checks(facts).findings if f.id == "celery.E689"]
    assert found.hint.startswith("Write 'json'")


def test_a_healthy_project_has_neither_when_it_is_imported(tmp_path: Path):
    facts = imported_facts_of(make_tree(tmp_path, healthy()))
    ids = {finding.id for finding in run_checks(facts).findings}
    assert not ids & {"celery.E689", "celery.E383"}


BOTH = "CELERY_ACCEPT_CONTENT = ['json', 'pickle']\n"
SENT = "CELERY_TASK_SERIALIZER = 'pickle'\n"
DAY = view("def see(request):\n    greet.apply_async(['x'], serializer='pickle')\n")


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (
            settings(BOTH),
            "Write CELERY_ACCEPT_CONTENT = ['json']: nothing in this code writes pickles.",
        ),
        (
            settings("CELERY_ACCEPT_CONTENT = ['pickle'] + MORE\n"),
            "Take 'pickle' out of CELERY_ACCEPT_CONTENT: nothing in this code writes pickles.",
        ),
        (
            settings(SENT + BOTH, instead=PLAIN),
            'One deployment after the other: (1) write "json" in place of "pickle": '
            "CELERY_TASK_SERIALIZER (config/settings.py:29); (2) when no older message or result "
            "is left, write CELERY_ACCEPT_CONTENT = ['json'].",
        ),
        # a worker that is still the old one would discard json
        (
            settings(SENT + BOTH.replace("'json', ", ""), instead=PLAIN),
            "One deployment after the other: (1) write CELERY_ACCEPT_CONTENT = ['json', 'pickle']; "
            '(2) write "json" in place of "pickle": CELERY_TASK_SERIALIZER (config/settings.py:29); '
            "(3) when no older message or result is left, write CELERY_ACCEPT_CONTENT = ['json'].",
        ),
        (
            {**settings(BOTH), **DAY},
            'One deployment after the other: (1) write "json" in place of "pickle": serializer= of '
            "greet (doctors/views.py:6); (2) when no older message or result is left, write "
            "CELERY_ACCEPT_CONTENT = ['json'].",
        ),
        (
            settings(f"CELERY_RESULT_{BOTH[7:]}CELERY_RESULT_SERIALIZER = 'pickle'\n"),
            'One deployment after the other: (1) write "json" in place of "pickle": '
            "CELERY_RESULT_SERIALIZER (config/settings.py:31); (2) when no older message or result "
            "is left, write CELERY_RESULT_ACCEPT_CONTENT = ['json'].",
        ),
    ],
)
def test_the_way_out_of_pickles_is_whole_and_in_order(tmp_path: Path, files, hint):
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    assert [one.hint for one in run_checks(facts).findings if one.id == "celery.W560"] == [hint]
