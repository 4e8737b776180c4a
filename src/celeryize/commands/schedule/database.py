"""The schedule that django-celery-beat keeps in the database: read from a file of SQLite, in words
else."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from celeryize.probe.report import ImportedEntry, ImportReport

# The fields that are the schedule of an entry, by the table that it points to.
KINDS: Mapping[str, tuple[str, str]] = {
    "interval_id": ("django_celery_beat_intervalschedule", "every {every} {period}"),
    "crontab_id": (
        "django_celery_beat_crontabschedule",
        "crontab {minute} {hour} {day_of_month} {month_of_year} {day_of_week} ({timezone})",
    ),
    "solar_id": ("django_celery_beat_solarschedule", "{event} at {latitude}, {longitude}"),
    "clocked_id": ("django_celery_beat_clockedschedule", "once, at {clocked_time}"),
}


def is_in_database(worker: ImportReport) -> bool:
    """Whether Beat reads its entries from the database."""
    scheduler = str(worker.scheduler or worker.conf.get("beat_scheduler") or "")
    return "django_celery_beat" in scheduler or "DatabaseScheduler" in scheduler


def read_database(worker: ImportReport, base: Path) -> tuple[tuple[ImportedEntry, ...], str]:
    """The enabled entries of the database, and what to tell about it.

    Only a file of SQLite is read, and without a change: to connect to a server is not ours.
    """
    databases = worker.settings_values.get("DATABASES")
    default: Mapping[str, Any] = {}
    if isinstance(databases, dict):
        default = databases.get("default", {})
    engine = str(default.get("ENGINE", ""))
    # an import reports a path by its repr
    name = re.sub(r"^\w*Path\('(.*)'\)$", r"\1", str(default.get("NAME", "")))
    unseen = "Beat reads its schedule from the database"
    hint = "see the admin (Periodic tasks)"
    if not engine.endswith("sqlite3"):
        return (), f"{unseen} ({engine or 'unknown'}), to which celeryize does not connect: {hint}."
    if name.startswith((":memory:", "file:")):
        return (), f"{unseen}, which is in the memory of a process: {hint}."
    path = base / name
    if not path.is_file():
        return (), f"{unseen}, and {path} does not exist yet: run `python manage.py migrate`."
    try:
        entries = _read_entries(path, {task.name for task in worker.tasks})
    except sqlite3.Error as error:
        return (), f"{unseen}, and {path} cannot be read: {error}; {hint}."
    return entries, f"The entries are those of the database, {path}."


def _read_entries(path: Path, tasks: set[str]) -> tuple[ImportedEntry, ...]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        schedules = {
            field: {row["id"]: dict(row) for row in connection.execute(f"SELECT * FROM {table}")}
            for field, (table, _) in KINDS.items()
        }
        rows = connection.execute(
            "SELECT * FROM django_celery_beat_periodictask WHERE enabled ORDER BY name"
        )
        return tuple(_entry_of(dict(row), schedules, tasks) for row in rows)


def _entry_of(
    row: Mapping[str, Any], schedules: Mapping[str, Mapping[int, dict[str, Any]]], tasks: set[str]
) -> ImportedEntry:
    words = "no schedule"
    for field, (_, form) in KINDS.items():
        schedule = schedules[field].get(row.get(field) or 0)
        if schedule:
            words = form.format(**schedule)
    registered = row["task"] in tasks
    problem = None
    if not registered:
        problem = "no task of this name is registered"
    return ImportedEntry(
        name=row["name"],
        task=row["task"],
        schedule=words,
        args=_json_of(row["args"]),
        kwargs=_json_of(row["kwargs"]),
        options={},
        registered=registered,
        queue=row.get("queue"),
        problem=problem,
    )


def _json_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
