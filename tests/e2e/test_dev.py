"""celeryize dev: three processes on one terminal, reloaded, and all of them ended."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_tree, small_project, snapshot
from tests.schemas import check_document
from tests.services import free_port
from tests.unit.probe.test_run import alive

pexpect: Any = pytest.importorskip("pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="dev does not work on Windows")

TASKS = """import time
from pathlib import Path

from celery import shared_task

HERE = Path(__file__).parent


@shared_task
def slow(seconds):
    (HERE / "begun").touch()
    time.sleep(seconds)
    (HERE / "finished").touch()
"""
# by its name: the module may be broken when it is sent
SEND = "from config.celery import app; app.send_task('doctors.tasks.slow', args=[{seconds}])"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with Celery on files, and a task."""
    root = make_tree(tmp_path_factory.mktemp("pattern"), small_project())
    celeryize(root, "init", "--broker", "filesystem", "--yes", "--no-verify", "-q", check=True)
    (root / "doctors/tasks.py").write_text(TASKS)
    (root / ".gitignore").write_text("generated/\n")
    return root


@pytest.fixture
def wired(pattern: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pattern, tmp_path / "project")


def celeryize(
    root: Path, *arguments: str, check: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "celeryize", *arguments],
        cwd=root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=check,
    )


class Terminal:
    """`celeryize dev` on a terminal of its own, ended with the test."""

    def __init__(self, root: Path, *arguments: str, **environment: str) -> None:
        self.mark = f"mark{os.getpid()}-{time.monotonic_ns()}"
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "celeryize", "dev", *arguments],
            cwd=root,
            # wide, because its own lines are wrapped; pytest's workers say 80
            env={
                **os.environ,
                "CELERYIZE_TEST_MARK": self.mark,
                "NO_COLOR": "1",
                "COLUMNS": "200",
                **environment,
            },
            encoding="utf-8",
            codec_errors="replace",
            timeout=30,
            dimensions=(50, 200),
        )

    def expect(self, *patterns: str) -> int:
        return int(self.child.expect(list(patterns)))

    def interrupt(self) -> int:
        self.child.sendintr()
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)

    def close(self) -> None:
        self.child.close(force=True)


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Any]:
    opened: list[Terminal] = []

    def open_one(root: Path, *arguments: str, **environment: str) -> Terminal:
        opened.append(Terminal(root, *arguments, **environment))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def send(root: Path, seconds: float) -> None:
    subprocess.run(
        [sys.executable, "-c", SEND.format(seconds=seconds)],
        cwd=root,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def save(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_all_three_run_with_their_names_and_ctrl_c_leaves_nothing(wired, terminal):
    with (wired / "config/settings.py").open("a") as settings:
        settings.write(
            '\nCELERY_BEAT_SCHEDULE = {"x": {"task": "doctors.tasks.slow", "schedule": 1, "args": [0]}}\n'
        )
    before = set(snapshot(wired))
    dev = terminal(wired, "--port", str(free_port()))
    wanted = {
        r"web    \| Starting development server": False,
        r"worker \| .*celery@.* ready\.": False,
        r"beat   \| .*beat: Starting": False,
        r"worker \| .*doctors.tasks.slow\[.*succeeded": False,
    }
    while not all(wanted.values()):
        wanted[list(wanted)[dev.expect(*wanted)]] = True
    assert len(alive(dev.mark)) >= 4
    assert dev.interrupt() == 130
    assert alive(dev.mark) == []
    new = {name for name in set(snapshot(wired)) - before if "__pycache__" not in name}
    assert not [name for name in new if "celerybeat" in name], "Beat's file is of the session"


def test_a_task_is_finished_before_its_worker_restarts_with_the_new_code(wired, terminal):
    dev = terminal(wired, "--no-web", "--no-beat")
    dev.expect(r"ready\.")
    send(wired, 2.5)
    wait_for(wired / "doctors/begun")
    save(wired / "doctors/tasks.py", TASKS.replace('"finished"', '"finished_anew"'))
    dev.expect(r"dev    \| doctors/tasks.py changed: reloading")
    dev.expect(r"worker: finishes what it runs \(up to 10 s\)")
    dev.expect(r"ready\.")
    assert (wired / "doctors/finished").exists(), "by the worker that had begun it"
    send(wired, 0)
    wait_for(wired / "doctors/finished_anew")
    assert dev.interrupt() == 130


def test_the_banner_of_beat_is_shown_once(wired, terminal):
    with (wired / "config/settings.py").open("a") as settings:
        settings.write('\nCELERY_BEAT_SCHEDULE = {"x": {"task": "y", "schedule": 3600}}\n')
    dev = terminal(wired, "--no-web")
    log = io.StringIO()
    dev.child.logfile_read = log
    for text in ("x = 1\n", "x = 2\n", ""):
        seen = {r"beat: Starting", r"ready\."}
        while seen:
            seen.discard(list(seen)[dev.expect(*seen)])
        if text:
            save(wired / "doctors/other.py", text)
    assert dev.interrupt() == 130
    said = log.getvalue()
    assert said.count("beat: Starting") == 3
    assert said.count("is starting.") == said.count("LocalTime ->") == 1


def test_code_that_does_not_start_replaces_nothing(wired, terminal):
    dev = terminal(wired, "--no-web")
    dev.expect(r"ready\.")
    save(wired / "doctors/tasks.py", TASKS + "def broken(:\n")
    dev.expect(r"dev    \| doctors/tasks.py:14: ")
    dev.expect(r"dev    \|     def broken\(:")
    dev.expect("what runs goes on")
    send(wired, 0)
    wait_for(wired / "doctors/finished")
    # a second file of which nothing is wrong: the first is broken still
    save(wired / "doctors/other.py", "x = 1\n")
    dev.expect(r"dev    \| doctors/tasks.py:14: ")
    save(wired / "doctors/tasks.py", TASKS + "import no_such_module\n")
    dev.expect(
        r"dev    \| doctors/tasks.py:14: ModuleNotFoundError: No module named 'no_such_module'"
    )
    dev.expect("worker: the new code does not start; the one before goes on")
    save(wired / "doctors/tasks.py", TASKS)
    dev.expect(r"ready\.")
    assert dev.interrupt() == 130


def test_a_port_that_is_taken_is_said_before_anything_starts(wired):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = celeryize(wired, "dev", "--port", str(port))
    assert ran.returncode == 3
    assert f"port {port} is taken" in ran.stderr
    assert "celeryize dev --port" in ran.stderr and "--no-web" in ran.stderr
    assert "starting worker" not in ran.stdout


def test_what_git_ignores_reloads_nothing_and_a_template_only_the_web(wired, terminal):
    port = str(free_port())
    dev = terminal(wired, "--port", port)
    seen = set()
    while len(seen) < 2:
        seen.add(dev.expect(r"ready\.", "Starting development server"))
    save(wired / "generated/made.py", "x = 1\n")
    save(wired / "notes.txt", "x = 1\n")
    save(wired / "doctors/templates/page.html", "<p>\n")
    # the next thing that is said, so nothing was said of the others
    assert dev.expect(r"dev    \| (?!doctors/templates/page.html)", "page.html changed: web") == 1
    assert dev.expect(r"worker \| .*Warm shutdown", "Starting development server") == 1
    # in a folder that is new since the start
    save(wired / "doctors/jobs/more.py", "x = 1\n")
    dev.expect(r"dev    \| doctors/jobs/more.py changed: reloading")
    dev.expect(r"ready\.")
    assert dev.interrupt() == 130


def test_a_missing_redis_is_started_for_the_session(wired, terminal):
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on this machine")
    port = free_port()
    dev = terminal(wired, "--no-web", CELERY_BROKER_URL=f"redis://localhost:{port}/0")
    dev.expect(rf"nothing listens on localhost:{port}: a redis-server is started there")
    dev.expect(r"ready\.")
    assert dev.interrupt() == 130
    assert alive(dev.mark) == []


def test_a_redis_stands_in_for_that_of_a_container(wired, terminal):
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on this machine")
    # .invalid has no address, but a dot: this name has neither
    url = "redis://:secret@celeryize-has-no-such-host:6379"
    dev = terminal(
        wired, "--no-web", CELERY_BROKER_URL=f"{url}/1", CELERY_RESULT_BACKEND=f"{url}/2"
    )
    dev.expect("celeryize-has-no-such-host:6379 is the address of a container, not known here")
    dev.expect(r"transport:   redis://.*localhost:\d+/1")
    dev.expect(r"results:     redis://.*localhost:\d+/2")
    dev.expect(r"ready\.")
    assert dev.interrupt() == 130
    assert alive(dev.mark) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://localhost:{port}/0", "docker run --rm -p {port}:6379 redis"),
        ("amqp://localhost:{port}//", "where the settings expect RabbitMQ"),
        ("redis://redis.invalid:6379/0", "a host that is not known here"),
    ],
)
def test_without_a_broker_one_sentence_helps(wired, url, told, tmp_path):
    port = free_port()
    ran = celeryize(
        wired, "dev", CELERY_BROKER_URL=url.format(port=port), PATH=str(tmp_path / "nowhere")
    )
    assert ran.returncode == 3
    assert told.format(port=port) in ran.stderr
    assert "starting" not in ran.stdout


def test_without_a_terminal_lines_go_to_stdout_and_sigterm_ends_it(wired):
    mark = f"mark{os.getpid()}-{time.monotonic_ns()}"
    dev = subprocess.Popen(
        [sys.executable, "-m", "celeryize", "dev", "--no-web", "--pool", "solo", "--queues", "a,b"],
        cwd=wired,
        env={**os.environ, "CELERYIZE_TEST_MARK": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert dev.stdout is not None
    lines = []
    for line in dev.stdout:
        lines.append(line)
        if " ready." in line:
            break
    said = "".join(lines)
    assert "concurrency: 1 (solo)" in said or "(solo)" in said
    assert "exchange=a(direct)" in said and "exchange=b(direct)" in said
    assert "\x1b" not in said
    assert "there is no schedule, so Beat is not started" in said
    dev.send_signal(signal.SIGTERM)
    dev.stdout.read()
    dev.stdout.close()
    assert dev.wait(20) == 130
    assert alive(mark) == []


def test_it_ends_when_nobody_reads_its_lines_any_more(wired):
    mark = f"mark{os.getpid()}-{time.monotonic_ns()}"
    dev = subprocess.Popen(
        [sys.executable, "-m", "celeryize", "dev", "--no-web"],
        cwd=wired,
        env={**os.environ, "CELERYIZE_TEST_MARK": mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert dev.stdout is not None and dev.stderr is not None
    dev.stdout.readline()
    dev.stdout.close()
    said = dev.stderr.read()
    dev.stderr.close()
    dev.wait(20)
    assert alive(mark) == []
    assert b"Traceback" not in said


def test_json_is_refused_in_a_document(wired):
    ran = celeryize(wired, "dev", "--json")
    document = json.loads(ran.stdout)
    check_document(document)
    assert (ran.returncode, document["status"]) == (2, "error")


def test_a_project_without_celery_is_refused(tmp_path):
    root = make_tree(tmp_path, small_project())
    ran = celeryize(root, "dev")
    assert ran.returncode == 3
    assert "no Celery app" in ran.stderr and "celeryize init" in ran.stderr
