"""Entries written by `celeryize add-schedule`: proved, previewed, and fired by a real Beat with a real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import Run, snapshot
from tests.services import Redis, Worker, over_files


@pytest.fixture
def clinic(project: Path, celeryize: Run) -> Path:
    """The small project with Celery over files and one task."""
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    (project / "doctors/tasks.py").write_text(
        "from celery import shared_task\n\n\n@shared_task\n"
        "def remind(full: bool = True, to: str = ''):\n    return full\n"
    )
    return project


def test_the_preview_is_in_the_projects_zone_and_tells_the_clock_changes(clinic, celeryize: Run):
    ran = celeryize(
        clinic, "add-schedule", "odd", "doctors.tasks.remind", "--cron", "30 2 * * *", "--yes"
    )
    assert ran.returncode == 0, ran.stderr
    assert "odd: every day at 02:30 (Europe/Paris)" in ran.stderr
    assert ran.stderr.count(" 02:30 +0") >= 5
    shown = " ".join(ran.stderr.split())
    assert "the clocks change, and it runs once then, at 03:30 +02:00." in shown


def test_an_entry_at_noon_is_not_bothered_by_clock_changes(clinic, celeryize: Run):
    ran = celeryize(
        clinic, "add-schedule", "noon", "doctors.tasks.remind", "--at", "12:00", "--yes"
    )
    assert "the clocks change" not in ran.stderr and "12:00 +01:00" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doctors.tasks.remnd", "--every", "1m"], "Did you mean doctors.tasks.remind?"),
        (
            ["doctors.tasks.remind", "--every", "1m", "--kwargs", '{"fool": 1}'],
            "unexpected keyword argument 'fool'",
        ),
        (["doctors.tasks.remind", "--every", "1m", "--args", '[true, "a", 3]'], "takes"),
        (
            ["doctors.tasks.remind", "--every", "1m", "--args", '[true, "a", 3]'],
            "Its arguments are --args",
        ),
        (["doctors.tasks.daily", "--every", "1m"], "With --create, the task is written, too."),
    ],
)
def test_an_entry_that_beat_could_not_send_is_not_written(clinic, celeryize: Run, arguments, words):
    before = snapshot(clinic)
    ran = celeryize(clinic, "add-schedule", "x", *arguments, "--yes")
    assert (ran.returncode, words in ran.stderr) == (4, True), ran.stderr
    assert snapshot(clinic) == before


def test_the_schedule_is_listed_for_programs(clinic, celeryize: Run):
    celeryize(
        clinic,
        "add-schedule",
        "a",
        "doctors.tasks.remind",
        "--every",
        "15m",
        "--yes",
        "--no-verify",
    )
    document = json.loads(celeryize(clinic, "schedule", "--json").stdout)
    assert document["time_zone"] == "Europe/Paris"
    (entry,) = document["entries"]
    assert (entry["name"], entry["registered"], entry["runs_per_day"], len(entry["runs"])) == (
        "a",
        True,
        96.0,
        1,
    )
    listed = json.loads(celeryize(clinic, "tasks", "--json").stdout)
    assert listed["tasks"][0]["schedule_entries"] == ["a"]
    lines = celeryize(clinic, "schedule", "--next", "1h").stdout.splitlines()
    # below the header; on a terminal it would be aligned
    assert lines[0] == "when\tentry" and len(lines) in (4, 5)


@over_files
@pytest.mark.parametrize("broker", ["files", "redis"])
def test_a_real_beat_fires_the_entry_and_a_real_worker_runs_it(
    clinic, celeryize: Run, broker, tmp_path
):
    ran = celeryize(
        clinic,
        "add-schedule",
        "tick",
        "doctors.tasks.remind",
        "--every",
        "1s",
        "--yes",
        "--kwargs",
        '{"full": false}',
    )
    assert ran.returncode == 0, ran.stderr
    if broker == "files":
        fires(clinic, {}, tmp_path)
        return
    settings = clinic / "config/settings.py"
    settings.write_text(settings.read_text() + "\nCELERY_BROKER_TRANSPORT_OPTIONS = {}\n")
    with Redis() as redis:
        fires(
            clinic, {"CELERY_BROKER_URL": redis.url, "CELERY_RESULT_BACKEND": redis.url}, tmp_path
        )


def fires(folder: Path, env: dict[str, str], tmp_path: Path) -> None:
    with Worker(folder, "config", env) as worker:
        beat = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "config",
                "beat",
                "-s",
                str(tmp_path / "beat"),
                "--pidfile=",
            ],
            cwd=folder,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 40
            while worker.log().count("doctors.tasks.remind") < 4 and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            os.killpg(beat.pid, signal.SIGKILL)
            beat.wait()
        assert "succeeded" in worker.log() and ": False" in worker.log(), worker.log()


@pytest.fixture
def stored(clinic: Path) -> Path:
    """The small project with its schedule in the database, through django-celery-beat."""
    settings = clinic / "config/settings.py"
    text = settings.read_text().replace('":memory:"', 'BASE_DIR / "db.sqlite3"')
    text = text.replace('"doctors",', '"doctors",\n    "django_celery_beat",')
    settings.write_text(
        text + '\nCELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"\n'
    )
    manage(clinic, "makemigrations", "doctors")
    return clinic


def manage(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_an_entry_in_the_database_is_a_migration_that_comes_and_goes(stored, celeryize: Run):
    command = (
        "add-schedule",
        "Morning mail",
        "doctors.tasks.remind",
        "--at",
        "07:30",
        "--on",
        "mon-fri",
        "--kwargs",
        '{"full": false}',
        "--expires",
        "10m",
        "--yes",
    )
    ran = celeryize(stored, *command)
    assert ran.returncode == 0 and "python manage.py migrate" in ran.stderr, ran.stderr
    migration = stored / "doctors/migrations/0002_schedule_morning_mail.py"
    ruff = Path(sys.executable).with_name("ruff")
    subprocess.run(
        [ruff, "format", "--check", "--isolated", migration], check=True, capture_output=True
    )
    show = (
        "shell",
        "-c",
        "from django_celery_beat.models import PeriodicTask as P\n"
        "for p in P.objects.filter(name='Morning mail'): print(p.crontab, p.kwargs, p.expire_seconds)",
    )
    manage(stored, "migrate")
    assert "30 7 * * mon-fri" in manage(stored, *show) and '{"full": false} 600' in manage(
        stored, *show
    )
    assert "nothing to do" in json.loads(celeryize(stored, *command, "--json").stdout)["status"]
    manage(stored, "migrate", "doctors", "0001")
    assert "mon-fri" not in manage(stored, *show)


@over_files
def test_an_entry_of_the_database_fires(stored, celeryize: Run, tmp_path):
    ran = celeryize(
        stored,
        "add-schedule",
        "tick",
        "doctors.tasks.remind",
        "--every",
        "1s",
        "--yes",
        "--kwargs",
        '{"full": false}',
    )
    assert ran.returncode == 0, ran.stderr
    manage(stored, "migrate")
    fires(stored, {}, tmp_path)


def test_the_app_of_the_migration_has_to_be_named_where_there_are_several(stored, celeryize: Run):
    (stored / "shop").mkdir()
    (stored / "shop/__init__.py").write_text("")
    (stored / "shop/models.py").write_text("")
    settings = stored / "config/settings.py"
    settings.write_text(settings.read_text().replace('"doctors",', '"doctors",\n    "shop",'))
    command = (
        "add-schedule",
        "tick",
        "doctors.tasks.remind",
        "--every",
        "1m",
        "--yes",
        "--no-verify",
    )
    ran = celeryize(stored, *command)
    assert (ran.returncode, "--app doctors" in ran.stderr) == (2, True), ran.stderr
    assert celeryize(stored, *command, "--app", "shop").returncode == 0
    assert (stored / "shop/migrations/0001_schedule_tick.py").is_file()
    assert (stored / "shop/migrations/__init__.py").is_file()


def test_the_day_is_drawn_and_the_runs_are_a_calendar(clinic, celeryize: Run, tmp_path):
    celeryize(
        clinic,
        "add-schedule",
        "a <b>",
        "doctors.tasks.remind",
        "--cron",
        "0 */6 * * *",
        "--yes",
        "--no-verify",
    )
    ran = celeryize(
        clinic, "schedule", "--svg", str(tmp_path / "a.svg"), "--html", str(tmp_path / "a.html")
    )
    assert ran.returncode == 0, ran.stderr
    picture = ElementTree.parse(tmp_path / "a.svg").getroot()
    marks = [r for r in picture.iter("{http://www.w3.org/2000/svg}rect") if r.get("class") == "run"]
    # the legend has one, too
    assert len(marks) == 5
    assert "a &lt;b&gt;" in (tmp_path / "a.html").read_text()
    celeryize(clinic, "schedule", "--ics", str(tmp_path / "a.ics"), "--next", "2d")
    calendar = (tmp_path / "a.ics").read_bytes().decode()
    assert calendar.count("BEGIN:VEVENT") == 8 and "SUMMARY:a <b>\r\n" in calendar
    assert celeryize(clinic, "schedule", "--svg", "/nowhere/x.svg").returncode == 3


def test_the_timeline_marks_each_half_hour(clinic, celeryize: Run):
    # far from now: a time at which the day of the picture begins is in it twice, by halves
    hour = (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=12)).hour
    celeryize(
        clinic,
        "add-schedule",
        "a",
        "doctors.tasks.remind",
        "--cron",
        f"0,15 {hour} * * *",
        "--yes",
        "--no-verify",
    )
    lines = celeryize(clinic, "schedule", "--timeline").stdout.splitlines()
    row = lines[2].removeprefix("a  ")
    assert len(row) == 50 and sorted(row) == ["2", *["\u00b7"] * 49]
    # below the clock of its hour, or one of the two after it
    hours = lines[1].removeprefix("   ")
    place = row.index("2")
    label = int(hours[place // 6 * 6 :].split()[0])
    assert label in {(hour - before) % 24 for before in range(3)}
    assert lines[4] == f"Busiest minute: {hour:02}:00, 1 run."


def test_a_task_that_is_not_there_is_written_with_its_entry(clinic, celeryize: Run):
    command = ("add-schedule", "n", "doctors.tasks.nightly", "--at", "03:00", "--create", "--yes")
    ran = celeryize(clinic, *command)
    assert ran.returncode == 0 and "proved: " in ran.stderr, ran.stderr
    assert "def nightly()" in (clinic / "doctors/tasks.py").read_text()
    assert "nothing to do" in celeryize(clinic, *command, "--json").stdout
    celeryize(clinic, "undo", "--yes")
    assert (
        "nightly"
        not in (clinic / "doctors/tasks.py").read_text()
        + (clinic / "config/settings.py").read_text()
    )
