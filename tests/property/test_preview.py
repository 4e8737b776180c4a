"""The preview agrees with Beat: a simulation that steps a clock through `is_due` fires at the same moments.

The default run is short; CELERYIZE_LONG=1 takes a hundred schedules over 400 days.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery.schedules import crontab, schedule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celeryize.probe.inside import runs

LONG = bool(os.environ.get("CELERYIZE_LONG"))
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC")
# Beat looks at least this often: beat_max_loop_interval.
LOOK = timedelta(seconds=300)


def app_in(zone: str) -> Celery:
    app = Celery(zone, set_as_current=False)
    app.conf.timezone = zone
    return app


def simulated(entry, start: datetime, until: datetime) -> list[datetime]:
    """When Beat would send: it asks is_due, sleeps as told but no longer than LOOK, and asks again."""
    zone = start.tzinfo
    # the clock steps in UTC: in a zone, adding a second is arithmetic on the wall clock
    fired, last, now = [], start, start.astimezone(UTC)
    while now <= until:
        entry.nowfun = lambda: now.astimezone(zone)  # noqa: B023
        due, wait = entry.is_due(last)
        if due:
            fired.append(now)
            last = now.astimezone(zone)
        step = min(timedelta(seconds=max(wait, 0.0)), LOOK)
        later = now + step
        if later.microsecond:
            later = later.replace(microsecond=0) + timedelta(seconds=1)
        now = max(later, now + timedelta(seconds=1))
    return fired


FIELDS = st.fixed_dictionaries(
    {
        "minute": st.sampled_from(["0", "30", "*/15", "*/45", "5,35", "59"]),
        "hour": st.sampled_from(["*", "0", "1", "2", "3", "1-3", "*/6", "2,14", "23"]),
        "day_of_week": st.sampled_from(["*", "*", "*", "sun", "mon-fri", "0,6"]),
        "day_of_month": st.sampled_from(["*", "*", "*", "1", "31", "25-31"]),
    }
)


@settings(max_examples=100 if LONG else 12, deadline=None, suppress_health_check=list(HealthCheck))
@given(fields=FIELDS, zone=st.sampled_from(ZONES), day=st.integers(0, 364))
def test_a_crontab_fires_when_the_preview_says(fields, zone, day):
    tz = ZoneInfo(zone)
    app = app_in(zone)
    # in the default run, a week around a clock change of 2026 that most of the zones have
    start = (
        datetime(2026, 3, 26, 12, 0, 10, tzinfo=UTC)
        if day % 2
        else datetime(2026, 10, 22, 12, 0, 10, tzinfo=UTC)
    )
    days = 400 if LONG else 7
    start = start.astimezone(tz)
    until = start.astimezone(UTC) + timedelta(days=days)
    wanted = simulated(crontab(app=app, **fields), start.astimezone(UTC).astimezone(tz), until)
    told = list(runs(crontab(app=app, **fields), start, 100_000, until.astimezone(tz)))
    assert [t.astimezone(UTC) for t in told] == [
        w.astimezone(UTC).replace(second=0) for w in wanted
    ]


@pytest.mark.parametrize("seconds", [1, 90, 3600, 86400])
def test_an_interval_fires_when_the_preview_says(seconds):
    app = app_in("Europe/Paris")
    start = datetime(2026, 3, 28, 20, tzinfo=ZoneInfo("Europe/Paris"))
    told = list(runs(schedule(timedelta(seconds=seconds), app=app), start, 5))
    step = timedelta(seconds=seconds)
    assert [t.astimezone(UTC) for t in told] == [
        start.astimezone(UTC) + step * n for n in range(1, 6)
    ]


def test_both_days_must_match_as_the_note_says():
    entry = crontab(app=app_in("UTC"), minute=0, hour=0, day_of_month=1, day_of_week="mon")
    told = list(runs(entry, datetime(2026, 1, 1, 12, tzinfo=ZoneInfo("UTC")), 3))
    assert all(t.day == 1 and t.strftime("%a") == "Mon" for t in told)
