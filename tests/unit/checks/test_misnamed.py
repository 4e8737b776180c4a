"""Names that were meant for the broker or the results: a broken project each, and a healthy twin."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    Mistake,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    settings,
    with_twin,
)

BROKER, RESULTS = "CELERY_BROKER_U", "CELERY_RESULT_B"
FROM_ENVIRONMENT = "import os\n{} = os.environ.get('{}', '')  # <-\n"


def named(name: str, instead: str, variable: str = "MESSAGES_URL") -> dict[str, str]:
    """Settings in which the URL has another name."""
    return settings(FROM_ENVIRONMENT.format(name, variable), instead=instead)


MISTAKES = [
    Mistake("celery.W060", named("CELERY_BROKER", BROKER), named("CELERY_BROKER", "none")),
    Mistake(
        "celery.W060",
        named("CELERY_REDIS_URL", BROKER),
        {
            **named("CELERY_REDIS_URL", BROKER),
            "config/celery.py": APP + "app.conf.broker_url = 'redis://h'\n",
        },
    ),
    # the variable is one that Celery reads itself
    Mistake(
        "celery.W060",
        named("CELERY_BROKER", BROKER, "REDIS_URL"),
        named("CELERY_BROKER", BROKER, "CELERY_BROKER_URL"),
    ),
    Mistake(
        "celery.W060",
        named("BROKER", BROKER, "REDIS_URL"),
        settings("BROKER = 'interactive'\n", instead=BROKER),
    ),
    Mistake(
        "celery.W060",
        named("CELERY_URL", BROKER),
        {
            **named("CELERY_URL", BROKER),
            "config/celery.py": APP.replace(
                'Celery("config")', 'Celery("config", broker=settings.CELERY_URL)'
            ),
        },
    ),
    Mistake("celery.W060", named("CELERY_RESULT", RESULTS), named("CELERY_RESULT", "none")),
    # names of Celery's without the prefix; BROKER_URL alone is read without it (W070)
    Mistake(
        "celery.W064",
        settings("RESULT_BACKEND = 'redis://h'  # <-\n", instead=RESULTS),
        settings("RESULT_BACKEND = 'redis://h'\nCELERY_RESULT_BACKEND = RESULT_BACKEND\n"),
    ),
    Mistake(
        "celery.W064",
        settings("WORKER_CONCURRENCY = 2  # <-\n"),
        {
            **settings("WORKER_CONCURRENCY = 2\n"),
            "config/celery.py": APP.replace(', namespace="CELERY"', ""),
        },
    ),
    Mistake(
        "celery.W064",
        settings("ACCEPT_CONTENT = ['json']  # <-\n"),
        {
            **settings("ACCEPT_CONTENT = ['json']\n"),
            "doctors/views.py": "from celery import shared_task  # noqa\nfrom django.conf import settings"
            "\n\n\ndef see(request):\n    return settings.ACCEPT_CONTENT\n",
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_the_name_is_found_at_its_place(tmp_path: Path, mistake: Mistake):
    found = found_in(tmp_path, mistake.broken)
    assert (mistake.id, mistake.place) in found
    # said once: neither as unknown nor as a broker that is not set
    assert not {"celery.I061", "celery.W169"} & {name for name, _ in found}


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_where_the_url_is_named_the_other_name_is_no_warning(tmp_path: Path, mistake: Mistake):
    assert mistake.id not in [name for name, _ in found_in(tmp_path, mistake.twin)]


def test_it_asks_for_the_name_that_celery_reads(tmp_path: Path):
    facts = facts_of(make_tree(tmp_path, {**healthy(), **named("CELERY_BROKER", BROKER)}))
    [found] = [f for f in run_checks(facts).findings if f.id == "celery.W060"]
    assert "RabbitMQ on localhost" in found.message
    assert found.hint == "Did you mean CELERY_BROKER_URL?"


def test_the_imported_project_has_it_too(tmp_path: Path):
    found = found_by_import(tmp_path, named("CELERY_BROKER_URI", BROKER))
    assert [name for name, _ in found if name in {"celery.W060", "celery.W169"}] == ["celery.W060"]
