"""when.py: what was typed, as Celery's schedule; what is odd is said; what cannot be is refused."""

from __future__ import annotations

import pytest
from celery.schedules import crontab

from celeryize.errors import UsageError
from celeryize.when import DAY_OF_WEEK, HOUR, MINUTE, parse


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cron": "0 8 * * *"}, "crontab(hour=8, minute=0)"),
        ({"cron": "* * * * *"}, "crontab()"),
        ({"cron": "* 8 * * *"}, 'crontab(hour=8, minute="*")'),
        ({"cron": "*/15 * * * *"}, 'crontab(minute="*/15")'),
        ({"cron": "30 6 1 * *"}, "crontab(hour=6, minute=30, day_of_month=1)"),
        (
            {"cron": "0 0 * jan,JUL mon-fri"},
            'crontab(hour=0, minute=0, day_of_week="mon-fri", month_of_year="jan,jul")',
        ),
        (
            {"cron": "0 0 * October thursday,Fri-saturday"},
            'crontab(hour=0, minute=0, day_of_week="thu,fri-sat", month_of_year="oct")',
        ),
        (
            {"at": "7:05", "on": "tuesday"},
            'crontab(hour=7, minute=5, day_of_week="tue")',
        ),
        ({"cron": "0 9 * * 7"}, "crontab(hour=9, minute=0, day_of_week=0)"),
        ({"cron": "0 9 * * 5-7"}, 'crontab(hour=9, minute=0, day_of_week="0,5,6")'),
        ({"cron": "@daily"}, "crontab(hour=0, minute=0)"),
        ({"cron": "@hourly"}, "crontab(minute=0)"),
        ({"at": "07:30", "on": "mon-fri"}, 'crontab(hour=7, minute=30, day_of_week="mon-fri")'),
        ({"at": "7:05"}, "crontab(hour=7, minute=5)"),
        ({"every": "15m"}, "timedelta(minutes=15)"),
        ({"every": "1d"}, "timedelta(days=1)"),
        ({"solar": "sunset", "latitude": 52.5, "longitude": 13.4}, 'solar("sunset", 52.5, 13.4)'),
    ],
)
def test_what_was_typed_becomes_a_schedule(options, code):
    assert parse(**options).code == code


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cron": "0 8 * * *"}, "every day at 08:00"),
        ({"cron": "0 8,20 * * mon-fri"}, "at 08:00 and 20:00 from Monday to Friday"),
        ({"cron": "*/20 * * * *"}, "every 20 minutes"),
        ({"every": "1h"}, "every hour"),
    ],
)
def test_a_schedule_in_words(options, words):
    assert parse(**options).words == words


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"cron": "* 8 * * *"}, "60 times"),
        ({"cron": "*/45 * * * *"}, "minute 0, 45"),
        ({"cron": "0 */5 * * *"}, "hour 0, 5, 10, 15, 20"),
        ({"cron": "0 0 1 * mon"}, "both"),
        ({"cron": "0 0 31 * *"}, "Not every month"),
        ({"every": "1d"}, "schedule file"),
    ],
)
def test_what_is_odd_is_noted(options, note):
    assert any(note in told for told in parse(**options).notes)


@pytest.mark.parametrize(
    "options", [{"cron": "0 8 * * *"}, {"every": "15m"}, {"cron": "*/15 */6 * * *"}]
)
def test_what_is_not_odd_is_not_commented(options):
    assert parse(**options).notes == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--cron"),
        ({"cron": "0 8 * * *", "every": "1h"}, "exclude"),
        ({"cron": "0 8 * *"}, "four" if False else "five"),
        ({"cron": "60 8 * * *"}, "0-59"),
        ({"cron": "0 24 * * *"}, "0-23"),
        ({"cron": "0 0 31 2 *"}, "never occurs"),
        ({"cron": "5/10 * * * *"}, "*/15"),
        ({"cron": "*/0 * * * *"}, "minute"),
        ({"cron": "0 0 * * someday"}, "sun-sat"),
        ({"cron": "0 0 __import__('os') * *"}, "day of month"),
        ({"every": "0s"}, "30s"),
        ({"every": "ten minutes"}, "15m"),
        ({"at": "25:00"}, "invalid hour in '25:00': a time of day is 00:00 to 23:59"),
        ({"at": "07:61"}, "invalid minute in '07:61': a time of day is 00:00 to 23:59"),
        ({"at": "24:00"}, "Did you mean 00:00?"),
        ({"at": "noon"}, "07:30"),
        ({"on": "mon", "every": "1h"}, "--at"),
        ({"solar": "teatime", "latitude": 0.0, "longitude": 0.0}, "sunset"),
        ({"solar": "sunset"}, "--lat"),
    ],
)
def test_what_is_invalid_is_reported_with_what_to_write(options, words):
    with pytest.raises(UsageError) as caught:
        parse(**options)
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("text", ["*", "0", "1,5", "1-5", "*/7", "2-8/3", "5-2", "mon-fri"])
def test_our_reading_of_a_field_is_celerys(text):
    for field, name in ((MINUTE, "minute"), (HOUR, "hour"), (DAY_OF_WEEK, "day_of_week")):
        if ("mon" in text and name != "day_of_week") or (text == "2-8/3" and name == "day_of_week"):
            continue
        assert field.values(text) == getattr(crontab(**{name: text}), name), (name, text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("90", "timedelta(seconds=90)"),
        ("15min", "timedelta(minutes=15)"),
        ("15 minutes", "timedelta(minutes=15)"),
        ("1h30m", "timedelta(minutes=90)"),
        ("1 hour and 30 min", "timedelta(minutes=90)"),
        ("2hrs", "timedelta(hours=2)"),
        ("24h", "timedelta(hours=24)"),
        ("1d12h", "timedelta(hours=36)"),
        ("1W", "timedelta(weeks=1)"),
    ],
)
def test_a_duration_is_written_in_many_ways(text, code):
    assert parse(every=text).code == code


@pytest.mark.parametrize("text", ["0", "-5", "m", "1.5h", "1h1h", "5x", "h5", "1h30", "15 mon"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match="not a valid duration"):
        parse(every=text)


@pytest.mark.parametrize("days", ["xyz", "mon-fri,xyz", "mon fri", "mon-"])
def test_days_that_are_none_are_said_as_days(days):
    with pytest.raises(
        UsageError, match=f"--on: '{days}' does not name days of the week"
    ) as caught:
        parse(at="07:30", on=days)
    assert "Write mon, mon-fri, sat,sun, weekdays, weekends or daily." in caught.value.hint


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("7:30pm", "19:30"),
        ("7 PM", "19:00"),
        ("12am", "00:00"),
        ("12:15 p.m.", "12:15"),
        ("7.30", "07:30"),
        ("0730", "07:30"),
        ("730", "07:30"),
        ("7h30", "07:30"),
        ("7h", "07:00"),
        ("19:30:00", "19:30"),
        ("24:00", "00:00"),
    ],
)
def test_a_time_in_another_form_is_understood_and_said_as_it_has_to_be(typed, meant):
    with pytest.raises(UsageError) as caught:
        parse(at=typed)
    assert caught.value.hint.startswith(f"Did you mean {meant}? ")


@pytest.mark.parametrize("typed", ["noon", "13pm", "0am", "25:00", "7:99pm", "24:30", "1,2", "*/2"])
def test_nothing_is_suggested_for_what_is_no_time(typed):
    with pytest.raises(UsageError) as caught:
        parse(at=typed)
    assert "Did you mean" not in caught.value.hint


def test_an_hour_that_is_none_is_said_beside_wrong_days():
    with pytest.raises(UsageError, match="invalid hour"):
        parse(at="25:00", on="xyz")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "nothing says at what time"),
        ({"cron": "0 8 * * *"}, "--on goes with --at, not with --cron"),
        ({"every": "15min"}, "--on goes with --at, not with --every"),
    ],
)
def test_days_without_a_time_of_day_lead_to_one(options, words):
    with pytest.raises(UsageError, match=words) as caught:
        parse(on="mon", **options)
    assert "--at 07:30 --on mon" in caught.value.hint


@pytest.mark.parametrize(("days", "suggested"), [("15min", False), ("mno", True)])
def test_an_interval_is_no_misspelt_day(days, suggested):
    with pytest.raises(UsageError) as caught:
        parse(at="07:30", on=days)
    assert ("Did you mean" in caught.value.hint) is suggested
    assert "mon-fri" in caught.value.hint


@pytest.mark.parametrize("text", ["every 15 minutes", "15 minutes", "Every 15min"])
def test_an_interval_may_be_typed_as_it_is_said(text):
    assert parse(every=text).code == "timedelta(minutes=15)"


def test_every_without_a_number_is_no_interval():
    with pytest.raises(UsageError, match="not a valid duration"):
        parse(every="every day")


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ("Monday and Tuesday", "mon,tue"),
        ("mon, tue and  fri", "mon,tue,fri"),
        ("every day", "daily"),
        ("every monday", "mon"),
        ("mon-fri", "mon-fri"),
        ("sat,sun", "sat,sun"),
    ],
)
def test_days_are_taken_as_they_are_said(said, days):
    assert parse(at="07:30", on=said) == parse(at="07:30", on=days)


@pytest.mark.parametrize("said", ["mon tue", "mon tues day", "and", "every", "every 2", "mon -fri"])
def test_what_is_no_list_of_days_is_refused(said):
    with pytest.raises(UsageError, match="--on"):
        parse(at="07:30", on=said)
