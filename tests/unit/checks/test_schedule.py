"""The Beat schedule: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    DECLARED,
    OK_ENTRY,
    Mistake,
    entry,
    facts_of,
    found_in,
    healthy,
    settings,
    with_twin,
)

MISTAKES = [
    Mistake(
        "celery.W210",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(hour=3),  # <-")),
        entry(OK_ENTRY),
    ),
    Mistake(
        "celery.I211",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "minute='*'")),
    ),
    Mistake(
        "celery.W220",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute='*/45'),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "minute='*/15', hour='*/6'")),
    ),
    Mistake(
        "celery.E230",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab('0 8 * * *'),  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "crontab.from_string('0 8 * * *')")),
    ),
    Mistake(
        "celery.E230",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute=60),  # <-")),
        entry(
            OK_ENTRY.replace("minute=0, hour=3", "minute='0-59/5', day_of_week='mon-fri'").replace(
                "day_of_week", "hour='*', day_of_week"
            )
        ),
    ),
    Mistake(
        "celery.E230",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute=0, hours=3),  # <-")),
    ),
    Mistake(
        "celery.W231",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(0, 3, 1),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "0, 3")),
    ),
    Mistake(
        "celery.E170",
        entry(OK_ENTRY.replace("greet',", "great',  # <-")),
        entry(
            OK_ENTRY.replace("doctors.tasks.greet", "celery.backend_cleanup").replace(
                "'args': ('x',),", ""
            )
        ),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY + "        'queue': 'slow',  # <-\n"),
        entry(OK_ENTRY + "        'options': {'queue': 'slow'},\n"),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "'*/5 * * * *',  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "timedelta(minutes=5)")),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "0,  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "30.0")),
    ),
    Mistake(
        "celery.W245",
        entry(OK_ENTRY + "        'options': {'expire': 5},  # <-\n"),
        entry(OK_ENTRY + "        'options': {'expires': 5},\n"),
    ),
    Mistake(
        "celery.E250",
        entry(OK_ENTRY.replace("('x',),", "('x', 'y'),  # <-")),
        entry(OK_ENTRY.replace("'args': ('x',)", "'kwargs': {'name': 'x'}")),
    ),
    Mistake(
        "celery.E250",
        entry(OK_ENTRY.replace("('x',),", "('x'),  # <-")),
        entry(OK_ENTRY.replace("('x',)", "['x']")),
    ),
    Mistake(
        "celery.W270",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "60 * 60 * 24,  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "60 * 5")),
    ),
    Mistake(
        "celery.W290",
        settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\nINSTALLED_APPS += ['django_celery_beat']\nCELERY_BEAT_SCHEDULE = {'a': {'task': 'doctors.tasks.greet', 'schedule': 5.0, 'args': ['x']}}  # <-\n"
        )
        | DECLARED,
        settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\nINSTALLED_APPS += ['django_celery_beat']\n"
        )
        | DECLARED,
    ),
    Mistake(
        "celery.E291",
        settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'  # <-\n"
        ),
        settings("CELERY_BEAT_SCHEDULER = 'celery.beat:PersistentScheduler'\n"),
    ),
    Mistake(
        "celery.W090",
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_configure.connect\ndef setup(sender, **kwargs):  # <-\n    from doctors.tasks import greet\n    sender.add_periodic_task(5.0, greet.s('x'))\n"
        },
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n    from doctors.tasks import greet\n    sender.add_periodic_task(5.0, greet.s('x'))\n"
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("fields", "words", "hint"),
    [
        (
            "hour=6, day_of_month=1",
            "every minute of 06:00-06:59 on day 1 of the month",
            "Add minute=0.",
        ),
        ("hour='9-17'", "every minute from 09:00 to 17:59", "Add minute=0."),
        ("day_of_week='mon'", "every minute on Monday", "Add hour=0 and minute=0."),
        ("hour=HOURS", "every minute", "Add minute=0."),
    ],
)
def test_a_crontab_without_a_minute_says_which_minutes_are_meant(tmp_path, fields, words, hint):
    files = settings(
        f"from celery.schedules import crontab\nHOURS = 6\nNIGHTLY = crontab({fields})\n"
    )
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (finding,) = [one for one in run_checks(facts).findings if one.id == "celery.W210"]
    assert finding.message == f"crontab({fields}) is due {words}"
    assert finding.hint == hint
