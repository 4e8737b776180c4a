"""Tasks that `celeryize add-task` wrote, run for real: by a worker, over files and Redis, and by their tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Run, make_tree, snapshot
from tests.services import Redis, Worker, over_files

SET_UP = (
    "import django; django.setup(); from doctors.models import Doctor; from doctors import tasks\n"
)


def call(folder: Path, code: str, env: dict[str, str]) -> str:
    """Run Python as a web process of the project would."""
    ran = subprocess.run(
        [sys.executable, "-c", SET_UP + code],
        cwd=folder,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def clinic(project: Path, celeryize: Run) -> Path:
    """The small project with Celery over files, a database on the disk, a row, and mail that goes to files."""
    settings = project / "config/settings.py"
    text = settings.read_text().replace('":memory:"', 'BASE_DIR / "db.sqlite3"')
    text += '\nEMAIL_BACKEND = "doctors.mail.Backend"\nEMAIL_FILE_PATH = BASE_DIR / "mail"\n'
    settings.write_text(text)
    (project / "doctors/mail.py").write_text(
        "from pathlib import Path\n\nfrom django.core.mail.backends.filebased import EmailBackend\n\n"
        "TRIES = Path(__file__).with_name('tries')\n\n\n"
        "class Backend(EmailBackend):\n    def send_messages(self, messages):\n"
        "        with TRIES.open('a') as tries:\n            tries.write('x')\n"
        "        if TRIES.read_text() != 'xxx':\n            raise ConnectionError('not yet')\n"
        "        return super().send_messages(messages)\n"
    )
    assert (
        celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify").returncode == 0
    )
    for command in (["makemigrations", "doctors"], ["migrate"]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=project, check=True, capture_output=True
        )
    call_row = "Doctor.objects.create(pk=1, name='Curie', email='curie@example.org')"
    (project / "doctors/tasks.py").write_text("")
    call(project, call_row, {})
    return project


@pytest.fixture(params=["files", "redis"])
def broker(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment that names the broker."""
    with ExitStack() as stack:
        if request.param == "files":
            yield {}
            return
        redis = stack.enter_context(Redis())
        yield {"CELERY_BROKER_URL": redis.url, "CELERY_RESULT_BACKEND": redis.url}


def over(clinic: Path, broker: dict[str, str]) -> None:
    """The transport options of the filesystem broker mean nothing to Redis."""
    if broker:
        settings = clinic / "config/settings.py"
        settings.write_text(settings.read_text() + "\nCELERY_BROKER_TRANSPORT_OPTIONS = {}\n")


@over_files
def test_every_kind_runs_in_a_worker_and_a_retry_happens(clinic: Path, celeryize: Run, broker):
    for arguments in (
        ["doctors.note", "text:str"],
        ["doctors.refresh", "--kind", "model", "--model", "Doctor", "--lock"],
        ["doctors.remind", "--kind", "batch", "--model", "doctors.Doctor"],
        ["doctors.fetch", "--kind", "http", "--max-retries", "0"],
        [
            "doctors.welcome",
            "doctor_id:str",
            "--bind",
            "--max-retries",
            "3",
            "--default-retry-delay",
            "1",
            "--kind",
            "email",
            "--model",
            "doctors.Doctor",
        ],
    ):
        ran = celeryize(clinic, "add-task", *arguments, "--yes")
        assert ran.returncode == 0 and "proved: " in ran.stderr, ran.stderr
    over(clinic, broker)
    page = clinic / "page.html"
    page.write_text("hello")
    with Worker(clinic, "config", broker) as worker:
        for name in ("note", "refresh", "remind", "remind_chunk", "fetch", "welcome"):
            assert f". doctors.tasks.{name}\n" in worker.banner
        call(
            clinic,
            # One after the other: over files, two processes that write at once may read half a message.
            "for task, *arguments in ((tasks.note, 'x'), (tasks.refresh, 1), (tasks.refresh, 999),\n"
            f"    (tasks.remind,), (tasks.fetch, '{page.as_uri()}'), (tasks.welcome, '1')):\n"
            "    assert task.delay(*arguments).get(timeout=40) is None\n",
            broker,
        )
        assert (clinic / "doctors/tries").read_text() == "xxx", "two failures, then the mail"
        assert "Task doctors.tasks.remind_chunk" in worker.log()
        assert "retry: Retry in 1s" in worker.log()
    (mail,) = (clinic / "mail").iterdir()
    assert "curie@example.org" in mail.read_text()


@over_files
def test_a_time_limit_hits(clinic: Path, celeryize: Run):
    celeryize(clinic, "add-task", "doctors.slow", "--time-limit", "2", "--yes", "--no-verify")
    tasks = clinic / "doctors/tasks.py"
    tasks.write_text(tasks.read_text().replace("pass  #", "__import__('time').sleep(60)  #"))
    with Worker(clinic, "config", {}, "-P", "prefork", "-c", "1") as worker:
        told = call(
            clinic,
            "try:\n    tasks.slow.delay().get(timeout=30)\n"
            "except Exception as error:\n    print(type(error).__name__)\n",
            {},
        )
        assert told in ("SoftTimeLimitExceeded", "TimeLimitExceeded")
        assert "Soft time limit (1s) exceeded" in worker.log()


@pytest.mark.parametrize("kind", ["plain", "model", "email", "batch"])
def test_the_generated_test_passes_and_fails_when_the_body_raises(
    project: Path, celeryize: Run, kind
):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    model = [] if kind == "plain" else ["--model", "doctors.Doctor"]
    ran = celeryize(project, "add-task", "doctors.work", "--kind", kind, *model, "--test", "--yes")
    assert ran.returncode == 0, ran.stderr
    (project / "doctors/migrations").mkdir()
    (project / "doctors/migrations/__init__.py").write_text("")
    subprocess.run(
        [sys.executable, "manage.py", "makemigrations"],
        cwd=project,
        check=True,
        capture_output=True,
    )
    test = [sys.executable, "manage.py", "test", "doctors"]
    passed = subprocess.run(test, cwd=project, capture_output=True, text=True)
    assert passed.returncode == 0 and "Ran 1 test" in passed.stderr, passed.stderr
    tasks = project / "doctors/tasks.py"
    tasks.write_text(
        tasks.read_text().replace('"""Work."""', '"""Work."""\n    raise LookupError', 1)
    )
    failed = subprocess.run(test, cwd=project, capture_output=True, text=True)
    assert failed.returncode == 1 and "LookupError" in failed.stderr


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
@pytest.mark.parametrize("signal", ["post_save", "post_delete"])
def test_a_trigger_sends_the_task_on_commit_and_its_test_says_so(
    project: Path, celeryize: Run, signal, runner
):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    (project / "doctors/migrations").mkdir()
    (project / "doctors/migrations/__init__.py").write_text("")
    test = [sys.executable, "manage.py", "test", "doctors"]
    if runner == "pytest":
        (project / "pytest.ini").write_text("[pytest]\nDJANGO_SETTINGS_MODULE = config.settings\n")
        test = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "doctors/test_tasks.py",
        ]
    arguments = ("--kind", "email", "--model", "Doctor", "--trigger", f"{signal}:Doctor", "--test")
    ran = celeryize(project, "add-task", "doctors.greet", *arguments, "--yes")
    assert ran.returncode == 0 and "proved: " in ran.stderr, ran.stderr
    subprocess.run(
        [sys.executable, "manage.py", "makemigrations"],
        cwd=project,
        check=True,
        capture_output=True,
    )
    passed = subprocess.run(test, cwd=project, capture_output=True, text=True)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Ran 2 tests" in passed.stderr or "2 passed" in passed.stdout
    apps = project / "doctors/apps.py"
    apps.write_text(apps.read_text().replace("from . import signals  # noqa: F401", "pass"))
    failed = subprocess.run(test, cwd=project, capture_output=True, text=True)
    assert failed.returncode == 1 and "apply_async" in failed.stdout + failed.stderr


def test_a_test_that_fails_takes_the_task_back(project: Path, celeryize: Run):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    before = snapshot(project)
    body = project.parent / "body.jinja"
    body.write_text("@{{ decorator }}\ndef {{ name }}():\n    raise LookupError\n")
    ran = celeryize(
        project, "add-task", "doctors.x", "--body-from", str(body), "--test", "--run-test", "--yes"
    )
    assert ran.returncode == 4 and "LookupError" in ran.stderr, ran.stderr
    assert {k: v for k, v in snapshot(project).items() if "__pycache__" not in k} == before
    ran = celeryize(project, "add-task", "doctors.x", "--test", "--run-test", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert (project / "doctors/tests.py").is_file()


@pytest.mark.parametrize("tree", [{}, {"doctors/tasks/__init__.py": ""}])
def test_the_test_of_a_request_passes_in_a_module_and_in_a_package(
    project: Path, celeryize: Run, tree
):
    make_tree(project, tree)
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    ran = celeryize(
        project, "add-task", "doctors.fetch", "--kind", "http", "--test", "--run-test", "--yes"
    )
    assert ran.returncode == 0, ran.stderr


def test_there_has_to_be_a_test_to_run_it(project: Path, celeryize: Run):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    ran = celeryize(project, "add-task", "doctors.x", "--run-test", "--no-test", "--yes")
    assert ran.returncode == 2 and "--no-test" in ran.stderr
    assert not (project / "doctors/tests.py").exists()
    ran = celeryize(project, "add-task", "doctors.x", "--run-test", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert (project / "doctors/tests.py").is_file()


def test_a_task_that_the_worker_would_not_find_is_not_written(project: Path, celeryize: Run):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    app = project / "config/celery.py"
    app.write_text(app.read_text().replace("app.autodiscover_tasks()", "app.conf.imports = ()"))
    ran = celeryize(project, "add-task", "doctors.lost", "--yes")
    assert ran.returncode == 4, ran.stderr
    assert "the task doctors.tasks.lost is not registered" in ran.stderr
    assert not (project / "doctors/tasks.py").exists()


def test_json_names_the_call(project: Path, celeryize: Run):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    ran = celeryize(
        project,
        "add-task",
        "doctors.work",
        "--model",
        "Doctor",
        "--kind",
        "model",
        "--yes",
        "--json",
    )
    document = json.loads(ran.stdout)
    assert document["next_steps"][:2] == [
        "from doctors.tasks import work",
        "work.delay_on_commit(doctor.pk)",
    ]
    assert document["proof"]["verdict"] == "passed"


ASK = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

from doctors.tasks import ask


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
for url in (f"{address}/200", f"{address}/404", f"{address}/503", "http://127.0.0.1:1/"):
    ask.push_request(called_directly=False, args=(url,), kwargs={}, id="1", task=ask.name)
    with mock.patch("celery.canvas.Signature.apply_async"):
        try:
            ask.run(url)
        except Exception as error:
            print(type(error).__name__)
        else:
            print("fetched")
    ask.pop_request()
"""


@pytest.mark.parametrize("library", ["urllib", "requests"])
@pytest.mark.parametrize("more", [(), ("--bind",)])
def test_a_call_is_tried_again_where_that_can_help(project: Path, celeryize: Run, library, more):
    with (project / "requirements.txt").open("a") as file:
        file.write("requests\n" if library == "requests" else "")
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    ran = celeryize(project, "add-task", "doctors.ask", "--kind", "http", *more, "--yes")
    assert ran.returncode == 0, ran.stderr
    assert f"{library}." in (project / "doctors/tasks.py").read_text(), library
    asked = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", ASK],
        cwd=project,
        capture_output=True,
        text=True,
    )
    said = [line for line in asked.stdout.splitlines() if line in {"fetched", "Retry", "HTTPError"}]
    assert said == ["fetched", "HTTPError", "Retry", "Retry"], asked.stdout + asked.stderr


SEND = """
import socketserver
import threading
from unittest import mock

from django.test import override_settings

from doctors.tasks import greet

refused = {}
sent = []


class Server(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 mail.example.org\\r\\n")
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper()
            if verb in refused:
                self.wfile.write(b"%d not like this\\r\\n" % refused[verb])
            elif verb == "DATA":
                self.wfile.write(b"354 go ahead\\r\\n")
                while self.rfile.readline() != b".\\r\\n":
                    pass
                sent.append(line)
                self.wfile.write(b"250 taken\\r\\n")
            else:
                self.wfile.write(b"250 well\\r\\n")


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
for verb, code in (
    ("", 0), ("RCPT", 450), ("RCPT", 550), ("MAIL", 451), ("MAIL", 553), ("DATA", 452),
    ("DATA", 554), ("away", 0),
):
    refused.clear()
    refused[verb] = code
    greet.push_request(called_directly=False, args=("a@b.org",), kwargs={}, id="1", task=greet.name)
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=1 if verb == "away" else port,
    ), mock.patch("celery.canvas.Signature.apply_async"):
        try:
            greet.run("a@b.org")
        except Exception as error:
            print("said", verb, code, type(error).__name__)
        else:
            print("said", len(sent))
    greet.pop_request()
"""


@pytest.mark.parametrize("more", [(), ("--bind",)])
def test_a_mail_that_is_refused_for_now_is_sent_again(project: Path, celeryize: Run, more):
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    ran = celeryize(project, "add-task", "doctors.greet", "--kind", "email", *more, "--yes")
    assert ran.returncode == 0, ran.stderr
    asked = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", SEND],
        cwd=project,
        capture_output=True,
        text=True,
    )
    said = [line[5:] for line in asked.stdout.splitlines() if line.startswith("said ")]
    assert said == [
        "1",
        "RCPT 450 Retry",
        "RCPT 550 SMTPRecipientsRefused",
        "MAIL 451 Retry",
        "MAIL 553 SMTPSenderRefused",
        "DATA 452 Retry",
        "DATA 554 SMTPDataError",
        "away 0 Retry",
    ], asked.stdout + asked.stderr
