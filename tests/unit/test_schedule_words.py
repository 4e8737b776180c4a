"""schedule_words: what Celery's repr of a schedule means."""

from __future__ import annotations

import pytest

from celeryize.schedule_words import first_run_words, schedule_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<crontab: 30 8 * * fri (m/h/dM/MY/d)>", "at 08:30 on Friday"),
        ("<crontab: 30 8 5 * * (m/h/d/dM/MY)>", "at 08:30 on Friday"),
        ("<crontab: 0 7 * * * (m/h/dM/MY/d)>", "every day at 07:00"),
        ("<crontab: * * * * * (m/h/dM/MY/d)>", "every minute"),
        ("<crontab: 0 * * * * (m/h/dM/MY/d)>", "every hour at minute 0"),
        ("<crontab: 0 */3 * * * (m/h/dM/MY/d)>", "every 3 hours"),
        ("<crontab: [0, 30] * * * * (m/h/dM/MY/d)>", "every hour at minutes 0 and 30"),
        (
            "<crontab: 0 0 1 1,7 * (m/h/dM/MY/d)>",
            "at 00:00 on day 1 of the month in January and July",
        ),
        (
            "<crontab: */15 9-17 * * mon-fri (m/h/dM/MY/d)>",
            "every 15 minutes from 09:00 to 17:59 from Monday to Friday",
        ),
        ("<freq: 5.00 minutes>", "every 5 minutes"),
        ("<freq: 1.00 hour>", "every hour"),
        ("<freq: 1.08 days>", "every 1.08 days"),
        ("datetime.timedelta(days=1, seconds=7200)", "every 1 day and 2 hours"),
        ("30.0", "every 30 seconds"),
        ("<solar: sunset at latitude -37.8, longitude: 144.9>", "at sunset at -37.8, 144.9"),
        ("crontab 30 7 * * 1-5 (Europe/Paris)", "at 07:30 from Monday to Friday (Europe/Paris)"),
        ("every 10 minutes", "every 10 minutes"),
        ("<Odd schedule>", "Odd schedule"),
    ],
)
def test_a_schedule_is_told_in_words(text, words):
    assert schedule_words(text) == words


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("<freq: 15.00 minutes>", "within 15 minutes of Beat's start"),
        ("<freq: 1.00 minute>", "within a minute of Beat's start"),
        ("<freq: 1.00 hour>", "within an hour of Beat's start"),
        ("<freq: 1.00 day>", "within a day of Beat's start"),
        ("datetime.timedelta(seconds=5400)", "within 1 hour and 30 minutes of Beat's start"),
        ("30.0", "within 30 seconds of Beat's start"),
        ("<crontab: 0 3 * * * (m/h/dM/MY/d)>", ""),
        ("<solar: sunset at latitude 48.9, longitude: 2.4>", ""),
    ],
)
def test_the_first_run_of_an_interval_is_counted_from_the_start_of_beat(schedule, words):
    assert first_run_words(schedule) == words
