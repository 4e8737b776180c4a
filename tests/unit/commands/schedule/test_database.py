"""The schedule in the database: read from SQLite without a change, and in words where it cannot be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from celeryize.commands.schedule.database import is_in_database, read_database
from celeryize.probe.report import ImportReport

TABLES = """
CREATE TABLE django_celery_beat_intervalschedule (id INTEGER, every INTEGER, period TEXT);
CREATE TABLE django_celery_beat_crontabschedule (id INTEGER, minute TEXT, hour TEXT,
    day_of_month TEXT, month_of_year TEXT, day_of_week TEXT, timezone TEXT);
CREATE TABLE django_celery_beat_solarschedule (id INTEGER, event TEXT, latitude, longitude);
CREATE TABLE django_celery_beat_clockedschedule (id INTEGER, clocked_time TEXT);
CREATE TABLE django_celery_beat_periodictask (name TEXT, task TEXT, args TEXT, kwargs TEXT,
    queue TEXT, enabled INTEGER, interval_id, crontab_id, solar_id, clocked_id);
INSERT INTO django_celery_beat_intervalschedule VALUES (1, 2, 'hours');
INSERT INTO django_celery_beat_crontabschedule VALUES (1, '0', '3', '*', '*', '*', 'UTC');
INSERT INTO django_celery_beat_periodictask VALUES
    ('often', 'doctors.tasks.greet', '["x"]', '{}', NULL, 1, 1, NULL, NULL, NULL),
    ('nightly', 'doctors.tasks.gone', '[]', '{}', 'slow', 1, NULL, 1, NULL, NULL),
    ('paused', 'doctors.tasks.greet', '[]', '{}', NULL, 0, 1, NULL, NULL, NULL);
"""


def report(engine: str = "django.db.backends.sqlite3", name: object = "db.sqlite3") -> ImportReport:
    databases = {"default": {"ENGINE": engine, "NAME": name}}
    return ImportReport("worker", settings_values={"DATABASES": databases})


def test_the_enabled_entries_are_read(tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "db.sqlite3")
    connection.executescript(TABLES)
    connection.close()
    before = (tmp_path / "db.sqlite3").read_bytes()
    entries, note = read_database(report(), tmp_path)
    assert [(e.name, e.task, e.schedule, e.args, e.queue) for e in entries] == [
        ("nightly", "doctors.tasks.gone", "crontab 0 3 * * * (UTC)", [], "slow"),
        ("often", "doctors.tasks.greet", "every 2 hours", ["x"], None),
    ]
    assert "db.sqlite3" in note and (tmp_path / "db.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    ("engine", "name", "words"),
    [
        ("django.db.backends.postgresql", "shop", "does not connect"),
        ("django.db.backends.sqlite3", "none.sqlite3", "does not exist yet"),
        ("django.db.backends.sqlite3", "PosixPath('/no/such.sqlite3')", "/no/such.sqlite3 does"),
        ("django.db.backends.sqlite3", ":memory:", "in the memory"),
        ("django.db.backends.sqlite3", "text.txt", "cannot be read"),
        ("", "", "unknown"),
    ],
)
def test_what_cannot_be_seen_is_said(tmp_path: Path, engine: str, name: str, words: str):
    (tmp_path / "text.txt").write_text("no database at all\n" * 100)
    entries, note = read_database(report(engine, name), tmp_path)
    assert entries == () and words in note


@pytest.mark.parametrize(
    ("scheduler", "found"),
    [
        ("django_celery_beat.schedulers:DatabaseScheduler", True),
        ("celery.beat:PersistentScheduler", False),
        (None, False),
    ],
)
def test_which_scheduler_reads_the_database(scheduler: str | None, found: bool):
    assert is_in_database(ImportReport("worker", scheduler=scheduler)) is found
