"""commands/dev/plan.py and broker.py: what is started, with which words."""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

import pytest

from celeryize.commands.dev import broker
from celeryize.commands.dev.plan import (
    DATABASE_SCHEDULER,
    DevOptions,
    Session,
    plan_session,
    refuse_what_cannot_be,
)
from celeryize.detect.project import load_project
from celeryize.errors import CannotPatch, CeleryizeError, UsageError
from celeryize.probe.report import Configured, ImportedEntry, ImportedTask, ImportReport
from tests.conftest import Tree, make_tree, small_project

CELERY = 'from celery import Celery\n\napp = Celery("config")\n'


def planned(
    folder: Path, report: ImportReport, files: Tree | None = None, **options: object
) -> Session:
    tree = {
        **small_project(),
        "config/celery.py": CELERY,
        "config/__init__.py": "from .celery import app\n",
    }
    root = make_tree(folder, {**tree, **(files or {})})
    project = load_project(root, python=sys.executable)
    return plan_session(project, report, DevOptions(**options), folder / "scratch", "token")


def report(**facts: object) -> ImportReport:
    facts.setdefault("installed_apps", ("doctors",))
    return ImportReport("worker", **facts)


def task(name: str, queue: str) -> ImportedTask:
    return ImportedTask(name, "doctors.tasks", None, None, "", {}, "config", True, queue)


ENTRY = ImportedEntry("x", "doctors.tasks.x", "", [], {}, {})


def test_web_and_worker_where_there_is_no_schedule(tmp_path):
    session = planned(tmp_path, report())
    assert session.beat is None and session.web is not None
    assert "no schedule" in session.remarks[0]
    assert session.worker.command[-1] == "2" and "-Q" not in session.worker.command
    assert list(session.web.command[-2:]) == ["runserver", "--noreload"]


@pytest.mark.parametrize(
    ("facts", "files", "scheduler"),
    [
        ({"beat_schedule": (ENTRY,)}, {}, None),
        ({"installed_apps": ("django_celery_beat",)}, {}, DATABASE_SCHEDULER),
        (
            {"installed_apps": ("django_celery_beat",), "scheduler": "own:Scheduler"},
            {},
            None,
        ),
        (
            {"beat_schedule": (ENTRY,)},
            {"Procfile": "beat: celery -A config beat -S redbeat.RedBeatScheduler\n"},
            "redbeat.RedBeatScheduler",
        ),
    ],
)
def test_beat_where_there_is_one_with_the_scheduler_of_the_project(
    tmp_path, facts, files, scheduler
):
    session = planned(tmp_path, report(**facts), files)
    assert session.beat is not None
    words = session.beat.command
    assert ("-S" in words) == (scheduler is not None)
    assert scheduler is None or words[words.index("-S") + 1] == scheduler
    assert words[words.index("-s") + 1].startswith(str(tmp_path / "scratch"))


def test_beat_and_web_can_be_left_out_or_asked_for(tmp_path):
    session = planned(tmp_path, report(beat_schedule=(ENTRY,)), web=False, beat=False)
    assert session.web is None and session.beat is None and session.remarks == ()
    assert planned(tmp_path, report(), beat=True).beat is not None


def test_the_worker_consumes_every_queue_that_a_task_goes_to(tmp_path):
    facts = report(tasks=(task("a", "celery"), task("b", "mails")), queues=("celery",))
    session = planned(tmp_path, facts)
    assert shlex.join(session.worker.command).endswith("-Q celery,mails")
    assert any("celery, mails" in remark for remark in session.remarks)
    chosen = planned(tmp_path, facts, queues=("slow",))
    assert shlex.join(chosen.worker.command).endswith("-Q slow")


@pytest.mark.parametrize(("pool", "counted"), [("", True), ("solo", False), ("gevent", False)])
def test_only_a_pool_of_processes_is_kept_small(tmp_path, pool, counted):
    words = planned(tmp_path, report(), pool=pool).worker.command
    assert ("-c" in words) is counted
    assert ("-P" in words) is bool(pool)


def test_the_concurrency_of_the_settings_is_kept(tmp_path):
    facts = report(configuration={"worker_concurrency": Configured(5, "CELERY_X")})
    assert "-c" not in planned(tmp_path, facts).worker.command


def test_a_project_without_celery_is_refused(tmp_path):
    project = load_project(make_tree(tmp_path, small_project()), python=sys.executable)
    with pytest.raises(CannotPatch, match="no Celery app"):
        plan_session(project, report(), DevOptions(), tmp_path, "token")


def test_windows_is_refused_with_what_to_do_there():
    with pytest.raises(CeleryizeError, match="Windows") as raised:
        refuse_what_cannot_be(DevOptions(), "win32")
    assert "-P solo" in raised.value.hint
    with pytest.raises(UsageError):
        refuse_what_cannot_be(DevOptions(queues=("",)), "linux")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6380/3", ("redis", "localhost", 6380)),
        ("redis://", ("redis", "", 6379)),
        ("amqp://guest:guest@127.0.0.1//", ("amqp", "127.0.0.1", 5672)),
        ("redis://:pass%40word@[::1]:1/0", ("redis", "::1", 1)),
        ("filesystem://localhost/", None),
        ("memory://", None),
        ("redis+socket:///run/redis.sock", None),
        ("redis://localhost:x/0", None),
        ("redis://one;redis://two", None),
        ("sqs://", None),
        (None, None),
        (["redis://localhost"], None),
    ],
)
def test_the_server_of_a_url(url, expected):
    found = broker.server_of(url)
    assert (found and (found.scheme, found.host, found.port)) == expected


def test_a_password_stays_off_the_command_line(tmp_path, monkeypatch):
    (tmp_path / "redis-server").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = broker.server_of('redis://:a"secret@localhost:7000/0')
    assert server is not None
    program = broker.plan_server(server, tmp_path)
    assert program is not None and "secret" not in " ".join(program.command)
    configuration = Path(program.command[1])
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    assert 'requirepass "a\\"secret"' in configuration.read_text()


@pytest.mark.parametrize("url", ["amqp://localhost//", "redis://user:x@localhost", "redis://far/0"])
def test_what_a_redis_of_ours_cannot_be_is_not_started(url, tmp_path, monkeypatch):
    (tmp_path / "redis-server").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = broker.server_of(url)
    assert server is not None
    assert broker.plan_server(server, tmp_path) is None


def test_a_url_on_another_server_keeps_its_database_and_its_options():
    here = broker.Server("redis", "localhost", 7000)
    found = broker.url_on("redis://user:secret@redis:6379/3?health_check_interval=30", here)
    assert found == "redis://localhost:7000/3?health_check_interval=30"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("redis", True), ("my-broker", True), ("localhost", False), ("redis.example.org", False)],
)
def test_a_host_without_a_dot_may_be_a_container(host, expected):
    assert broker.Server("redis", host, 6379).is_service is expected
