"""What the imports report of a running project: its tasks, its configuration, what it tried to reach."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from celeryize.probe.report import ImportReport
from celeryize.probe.run import Prober, Target
from tests.conftest import make_tree

FILES = {
    "config/__init__.py": "from .celery import app as celery_app\n",
    "config/celery.py": """\
import os

from celery import Celery
from celery.signals import task_success

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.dev")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_time_limit = 60
app.autodiscover_tasks()


@task_success.connect
def note_success(sender, reslt=None, **kwargs):
    pass
""",
    "config/dev.py": """\
SECRET_KEY = "x"
DEBUG = True
USE_TZ = True
INSTALLED_APPS = ["shop"]
CELERY_BROKER_URL = "redis://127.0.0.1:PORT/0"
CELERY_RESULT_BACKEND = "redis://127.0.0.1:PORT/0"
CELERY_TASK_ACKS_LATE = True
CELERY_BEAT_SCHEDULE = {
    "good": {"task": "shop.tasks.pack", "schedule": 10, "args": (1,)},
    "bad": {"task": "shop.tasks.gone", "schedule": [1]},
}
""",
    "config/prod.py": "from .dev import *\n\nDEBUG = False\n",
    "config/wsgi.py": """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.prod")
application = get_wsgi_application()
""",
    "shop/__init__.py": "",
    "shop/tasks.py": """\
from celery import Task, shared_task


@shared_task(bind=True, autoretry_for=(KeyError,), queue="mails", priority=3)
def pack(self, parcel, size=2, *, fragile=False):
    pass
""",
}


def report(
    tmp_path: Path, files: dict[str, str], **more: object
) -> tuple[ImportReport, ImportReport]:
    texts = {path: text.replace("PORT", "6379") for path, text in {**FILES, **files}.items()}
    root = make_tree(tmp_path / "project", texts)
    target = Target(Path(sys.executable), root, (), "config.dev", "config", **more)  # type: ignore[arg-type]
    with Prober(target, timeout=30) as prober:
        return prober.baseline()


@pytest.fixture
def broker(tmp_path, monkeypatch):
    """A port on which every connection is counted."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = str(listener.getsockname()[1])
    files = {"config/dev.py": FILES["config/dev.py"].replace("PORT", port)}

    def connections() -> int:
        found = 0
        try:
            while True:
                listener.accept()[0].close()
                found += 1
        except BlockingIOError:
            return found

    yield files, connections
    listener.close()


SENDING = {
    "in ready()": {
        "shop/apps.py": """\
from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        from shop.tasks import pack

        pack.delay(1)
"""
    },
    "while a module is imported": {
        "shop/tasks.py": FILES["shop/tasks.py"] + "\n\npack.apply_async((1,))\n"
    },
    "by its name": {
        "shop/tasks.py": FILES["shop/tasks.py"]
        + '\n\nfrom celery import current_app\n\ncurrent_app.send_task("shop.tasks.pack", (1,))\n'
    },
    "through kombu": {
        "shop/tasks.py": FILES["shop/tasks.py"]
        + "\n\nfrom django.conf import settings\nfrom kombu import Connection\n\n"
        + 'Connection(settings.CELERY_BROKER_URL).SimpleQueue("q").put(1)\n'
    },
}


@pytest.mark.parametrize("how", SENDING)
def test_an_import_never_reaches_the_broker_and_says_where_it_would_have(tmp_path, broker, how):
    files, connections = broker
    worker, _ = report(tmp_path, {**files, **SENDING[how]})
    assert connections() == 0
    assert worker.failures == ()
    [attempt] = worker.attempts
    [path] = SENDING[how]
    text = SENDING[how][path].splitlines()
    assert attempt.what == "broker"
    assert Path(attempt.where[0]).match(path)
    assert any(
        word in text[attempt.where[1] - 1] for word in (".delay", "apply_async", "send_task", "put")
    )


def test_waiting_for_a_result_while_importing_ends_at_once(tmp_path, broker):
    files, connections = broker
    waiting = {"shop/tasks.py": FILES["shop/tasks.py"] + "\n\npack.delay(1).get()\n"}
    started = time.monotonic()
    worker, _ = report(tmp_path, {**files, **waiting})
    assert time.monotonic() - started < 25
    assert connections() == 0
    assert {attempt.what for attempt in worker.attempts} == {"broker", "result backend"}


def test_a_project_that_sends_nothing_has_no_attempts(tmp_path):
    for one in report(tmp_path, {}):
        assert one.attempts == ()
        assert one.failures == ()


def test_a_task_is_reported_as_the_worker_holds_it(tmp_path):
    worker, web = report(tmp_path, {})
    [task] = worker.tasks
    assert [(p.name, p.kind, p.default) for p in task.parameters or ()] == [
        ("parcel", "POSITIONAL_OR_KEYWORD", False),
        ("size", "POSITIONAL_OR_KEYWORD", True),
        ("fragile", "KEYWORD_ONLY", True),
    ]
    assert task.bound
    assert (task.queue, task.attributes["priority"], task.attributes["acks_late"]) == (
        "mails",
        3,
        True,
    )
    assert task.attributes["autoretry_for"] == ["KeyError"]
    assert [(t.name, t.bound_to_ours) for t in web.tasks] == [(task.name, True)]


def test_a_value_of_the_configuration_names_its_source(tmp_path):
    worker, _ = report(tmp_path, {})
    assert worker.configuration["task_acks_late"].source == "CELERY_TASK_ACKS_LATE"
    assert (
        worker.configuration["task_time_limit"].value,
        worker.configuration["task_time_limit"].source,
    ) == (60, "app")
    assert "secret_key" not in worker.configuration


def test_an_entry_has_its_queue_and_what_building_it_raises(tmp_path):
    worker, _ = report(tmp_path, {})
    good, bad = worker.beat_schedule
    assert (good.queue, good.problem) == ("mails", None)
    assert bad.problem is not None


def test_a_receiver_has_its_parameters_and_what_the_signal_sends(tmp_path):
    worker, _ = report(tmp_path, {})
    [receiver] = worker.receivers
    assert (receiver.signal, receiver.name, receiver.line) == ("task_success", "note_success", 14)
    assert [p.name for p in receiver.parameters or ()] == ["sender", "reslt", "kwargs"]
    assert "result" in receiver.sent


def test_an_entry_point_has_the_settings_that_the_web_process_really_gets(tmp_path):
    """The app file is imported before wsgi.py sets its own default."""
    _, web = report(tmp_path, {}, entry_points=("config.wsgi",))
    [point] = web.entry_points
    assert (point.settings_module, point.debug, point.failure) == ("config.dev", True, None)


def test_an_entry_point_of_a_project_whose_package_imports_no_app_keeps_its_settings(tmp_path):
    _, web = report(tmp_path, {"config/__init__.py": ""}, entry_points=("config.wsgi",))
    [point] = web.entry_points
    assert (point.settings_module, point.debug) == ("config.prod", False)


def test_an_entry_point_that_does_not_import_spoils_nothing_else(tmp_path):
    broken = {"config/asgi.py": "raise ValueError('no')\n"}
    _, web = report(tmp_path, broken, entry_points=("config.wsgi", "config.asgi"))
    assert web.failures == ()
    assert web.entry_points[1].failure is not None
    assert web.entry_points[1].failure.type == "ValueError"


LEFT_BEHIND = """\
import os
import sys
import time


def daemon():
    if os.fork() == 0:
        HOW
        if os.fork() == 0:
            with open(NAME, "w") as stream:
                stream.write(str(os.getpid()))
            time.sleep(60)
        os._exit(0)
    while not os.path.exists(NAME):
        time.sleep(0.01)


if not os.path.exists(NAME):
    daemon()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")
@pytest.mark.parametrize("how", ["os.setsid()", "os.setpgid(0, 0)", "pass"])
def test_a_process_that_the_project_leaves_behind_is_ended(tmp_path, how):
    name = tmp_path / "pid"
    code = LEFT_BEHIND.replace("HOW", how).replace("NAME", repr(str(name)))
    report(tmp_path, {"shop/models.py": code})
    pid = int(name.read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (
        not Path(f"/proc/{pid}").exists() or "Z (zombie)" in Path(f"/proc/{pid}/status").read_text()
    )
    assert pid != os.getpid()
