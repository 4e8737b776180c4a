"""live/: a real worker and a real Beat on the project's app; nothing is touched, nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from celeryize.commands.verify.live import run_live
from celeryize.detect.project import load_project
from celeryize.errors import CeleryizeError
from celeryize.live import LiveReport, StepOutcome, StepResult, live
from celeryize.probe.run import Target
from tests.conftest import make_tree, small_project, snapshot
from tests.services import Redis, free_port
from tests.unit.probe.test_run import alive
from tests.views import Recorder

STEPS = ["worker", "ping", "registered", "round-trip", "retry", "time-limit", "beat"]
TASKS = """from pathlib import Path

from celery import shared_task


@shared_task
def mark():
    Path(__file__).with_name("marked").touch()
"""
processes = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="needs /proc to see processes"
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that is ours alone, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with Celery and a task, to be copied."""
    root = make_tree(tmp_path_factory.mktemp("pattern"), small_project())
    command = [
        sys.executable,
        "-m",
        "celeryize",
        "init",
        "--broker",
        "filesystem",
        "--yes",
        "--no-verify",
        "-q",
    ]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    (root / "doctors/tasks.py").write_text(TASKS)
    return root


@pytest.fixture
def wired(pattern: Path, tmp_path: Path) -> Path:
    """The small project with Celery and a task."""
    return shutil.copytree(pattern, tmp_path / "project")


def target(root: Path) -> Target:
    return Target(Path(sys.executable), root, (), "config.settings", "config")


def outcomes(report: LiveReport) -> dict[str, str]:
    return {result.step: str(result.outcome) for result in report.steps}


def reason(report: LiveReport) -> str:
    """Why there is no worker: the sentence, and the lines of its log."""
    worker = report.step("worker")
    return " ".join((worker.what, *worker.log))


def add_settings(root: Path, text: str) -> None:
    with (root / "config/settings.py").open("a") as settings:
        settings.write(text)


class Shown(Recorder):
    """Keeps the steps as they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[StepResult] = []

    def show_step(self, result: StepResult) -> None:
        self.results.append(result)


def test_every_step_works_and_nothing_is_changed_or_left(wired: Path, temporary: Path):
    before, shown = snapshot(wired), Shown()
    report = run_live(load_project(wired, python=sys.executable), shown)
    assert outcomes(report) == dict.fromkeys(STEPS, "passed"), report
    assert report.passed and len(shown.results) == len(STEPS)
    assert report.step("registered").what == "one task registered, as in the import"
    assert snapshot(wired) == before
    assert list(temporary.iterdir()) == []


def test_the_schedule_and_the_tasks_of_the_project_are_not_run(wired: Path):
    entry = '{"task": "doctors.tasks.mark", "schedule": 0.1}'
    add_settings(wired, f'\nCELERY_BEAT_SCHEDULE = {{"own": {entry}}}\n')
    handlers = (
        "\nfrom celery.signals import worker_ready\n"
        "@app.on_after_finalize.connect\n"
        "def add(sender, **_):\n    sender.add_periodic_task(0.1, sender.signature('doctors.tasks.mark'))\n"
        "@worker_ready.connect\n"
        "def begin(**_):\n    app.send_task('doctors.tasks.mark')\n"
    )
    with (wired / "config/celery.py").open("a") as file:
        file.write(handlers)
    report = live(target(wired))
    assert report.passed, report
    assert not (wired / "doctors/marked").exists()
    assert [
        p for p in (wired / ".celery").rglob("*") if p.is_file() and p.name != ".gitignore"
    ] == []


def test_a_serializer_that_the_worker_refuses_fails_the_round_trip(wired: Path):
    add_settings(wired, '\nCELERY_TASK_SERIALIZER = "pickle"\nCELERY_ACCEPT_CONTENT = ["json"]\n')
    report = live(target(wired))
    assert report.step("round-trip").what.startswith(
        "the worker discards what the project sends: Refusing to deserialize"
    )
    assert outcomes(report) == {
        **dict.fromkeys(STEPS, "skipped"),
        "worker": "passed",
        "round-trip": "failed",
    }


def test_a_result_that_may_not_be_read_fails_the_round_trip(wired: Path):
    add_settings(
        wired, '\nCELERY_RESULT_SERIALIZER = "pickle"\nCELERY_RESULT_ACCEPT_CONTENT = ["json"]\n'
    )
    report = live(target(wired))
    assert report.step("ping").outcome is StepOutcome.PASSED
    assert report.step("round-trip").what.startswith("ContentDisallowed")


def test_a_serializer_that_the_worker_accepts_makes_the_round_trip(wired: Path):
    add_settings(
        wired,
        '\nCELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "pickle"\n'
        'CELERY_ACCEPT_CONTENT = ["pickle"]\n',
    )
    report = live(target(wired))
    assert report.passed and report.step("retry").outcome is StepOutcome.PASSED, report


def test_settings_that_would_get_in_the_way_do_not(wired: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("CELERY_WORKER_QUEUES", "elsewhere")
    add_settings(
        wired,
        "\nCELERY_TASK_ALWAYS_EAGER = True\nCELERY_TASK_IGNORE_RESULT = True\n"
        'CELERY_TASK_ROUTES = {"*": {"queue": "elsewhere"}}\n'
        'CELERY_TASK_ANNOTATIONS = {"*": {"rate_limit": "1/h"}}\n'
        "CELERY_WORKER_ENABLE_REMOTE_CONTROL = False\n"
        'CELERY_BEAT_SCHEDULER = "nowhere:Scheduler"\nCELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"\n'
        'print("x" * 100_000)\n',
    )
    assert live(target(wired)).passed


def test_a_pool_that_ignores_time_limits_is_reported(wired: Path):
    add_settings(wired, '\nCELERY_WORKER_POOL = "solo"\n')
    report = live(target(wired))
    limit = report.step("time-limit")
    assert (limit.outcome, limit.what) == (
        StepOutcome.SKIPPED,
        "the solo pool ignores soft time limits",
    )
    assert report.passed


def test_a_worker_that_cannot_boot_tells_where_it_broke(wired: Path):
    (wired / "doctors/tasks.py").write_text(
        "from celery import shared_task\n\nimport no_such_thing\n"
    )
    report = live(target(wired))
    worker = report.step("worker")
    assert not report.passed and worker.outcome is StepOutcome.FAILED
    assert worker.what.endswith(": ModuleNotFoundError: No module named 'no_such_thing'")
    assert worker.log == (f"{wired}/doctors/tasks.py:3 in <module>",)
    assert [(s.outcome, s.what) for s in report.steps[1:]] == [
        (StepOutcome.SKIPPED, "there is no worker")
    ] * 6


def test_settings_that_cannot_be_imported_are_the_reason(wired: Path):
    add_settings(wired, '\nimport os\nos.environ["SECRET_OF_THIS_TEST"]\n')
    assert live(target(wired)).step("worker").what.endswith("KeyError: 'SECRET_OF_THIS_TEST'")


def test_a_wrong_spec_is_the_reason(wired: Path):
    wrong = Target(Path(sys.executable), wired, (), "config.settings", "configg")
    assert "No module named 'configg'" in live(wrong).step("worker").what


def test_a_project_that_hides_the_library_is_run_as_it_is(wired: Path):
    (wired / "celery.py").write_text("x = 1\n")
    report = live(target(wired))
    assert report.step("worker").outcome is StepOutcome.FAILED
    assert "'celery' is not a package" in reason(report)


def test_a_worker_that_hangs_is_ended(wired: Path, temporary: Path):
    (wired / "doctors/tasks.py").write_text("import time\n\ntime.sleep(600)\n")
    report = live(target(wired), timeout=2)
    assert report.step("worker").what == "the worker was not ready after 2 seconds"
    assert list(temporary.iterdir()) == []


def test_tasks_that_the_import_did_not_find_are_named(wired: Path):
    result = live(target(wired), registered=lambda: ["doctors.tasks.other"]).step("registered")
    assert result.outcome is StepOutcome.FAILED
    assert "missing: doctors.tasks.other; additional: doctors.tasks.mark" in result.what


def test_without_an_import_to_compare_that_step_is_skipped(wired: Path):
    assert live(target(wired)).step("registered").outcome is StepOutcome.SKIPPED


def test_a_project_without_celery_is_refused(project: Path):
    with pytest.raises(CeleryizeError, match="no Celery app"):
        run_live(load_project(project, python=sys.executable), Shown())


def test_an_invalid_interpreter_is_reported(wired: Path, temporary: Path):
    with pytest.raises(CeleryizeError, match="cannot be started"):
        live(Target(Path("/nowhere/python"), wired, (), "config.settings", "config"))
    assert list(temporary.iterdir()) == []


def test_an_interpreter_that_ends_at_once_is_the_reason(wired: Path, tmp_path: Path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho Error: no such thing >&2\nexit 1\n")
    script.chmod(0o755)
    report = live(Target(script, wired, (), "config.settings", "config"))
    assert "Error: no such thing" in reason(report)


def kill(number: int) -> Callable[[subprocess.Popen[bytes]], None]:
    return lambda ours: ours.send_signal(number)


def kill_the_host(ours: subprocess.Popen[bytes]) -> None:
    host = int(Path(f"/proc/{ours.pid}/task/{ours.pid}/children").read_text().split()[0])
    os.kill(host, signal.SIGKILL)


@processes
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(kill(signal.SIGKILL), id="kill -9"),
        pytest.param(kill(signal.SIGINT), id="Ctrl-C"),
        pytest.param(kill_the_host, id="kill -9 of the host"),
    ],
)
def test_no_process_is_left_when_we_are_ended_in_the_middle(
    wired: Path, temporary: Path, end: Callable[[subprocess.Popen[bytes]], None]
):
    name, value = "CELERYIZE_TEST_MARK", f"mark{os.getpid()}-{time.monotonic_ns()}"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from celeryize.live import live; from celeryize.probe.run import Target\n"
        f"t = Target(Path(sys.executable), Path({str(wired)!r}), (), 'config.settings', 'config')\n"
        "live(t, registered=lambda: time.sleep(600))\n"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, name: value}, stderr=subprocess.DEVNULL
    )
    mark = f"{name}={value}"
    wait_until(lambda: len(alive(mark)) >= 6, 20)
    # asked again, a moment later: the caller may have ended, and a child of the pool may be a new one
    assert len(alive(mark)) >= 4, "we, the host, the worker, Beat"
    end(ours)
    if end is kill_the_host:
        wait_until(lambda: len(alive(mark)) <= 1, 10)
        assert len(alive(mark)) <= 1, "only we are left"
        ours.kill()
    ours.wait(20)
    wait_until(lambda: not alive(mark), 10)
    assert alive(mark) == []
    if end is not kill_the_host:
        wait_until(lambda: not list(temporary.iterdir()), 5)
        assert list(temporary.iterdir()) == []


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_configured_redis_is_used_and_nothing_is_left_in_it(wired: Path):
    import redis as client

    with Redis() as redis:
        other = redis.url.removesuffix("0") + "1"
        prefix = '{"global_keyprefix": "own:"}'
        add_settings(
            wired,
            f'\nCELERY_BROKER_URL = "{redis.url}"\nCELERY_RESULT_BACKEND = "{other}"\n'
            f"CELERY_BROKER_TRANSPORT_OPTIONS = {prefix}\nCELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {prefix}\n",
        )
        broker, results = client.Redis.from_url(redis.url), client.Redis.from_url(other)
        broker.lpush("own:celery", "a message that waits for the project's own worker")
        report = live(target(wired), broker="configured")
        assert outcomes(report) == {**dict.fromkeys(STEPS, "passed"), "registered": "skipped"}, (
            report
        )
        assert (broker.keys(), broker.llen("own:celery"), results.keys()) == (
            [b"own:celery"],
            1,
            [],
        )
        broker.close()
        results.close()


def test_a_configured_broker_that_is_not_there_is_the_reason(wired: Path):
    url = f"redis://127.0.0.1:{free_port()}/0"
    add_settings(wired, f'\nCELERY_BROKER_URL = "{url}"\n')
    report = live(target(wired), broker="configured")
    assert report.step("worker").outcome is StepOutcome.FAILED
    assert "Connection refused" in reason(report)
    assert report.url == url


SPAWNS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)"])
    os._exit(0)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has sub-reapers")
def test_no_process_of_the_project_in_a_session_of_its_own_is_left(wired: Path, monkeypatch):
    name, value = "CELERYIZE_TEST_MARK", f"mark{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setenv(name, value)
    add_settings(wired, SPAWNS)
    report = live(target(wired))
    assert "failed" not in outcomes(report).values(), report
    # this process has got the variable after its start, so it is not among them
    assert alive(f"{name}={value}") == []
