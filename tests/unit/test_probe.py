"""probe/: the project as its own interpreter sees it, with planned bytes, whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest

from celeryize.errors import CeleryizeError
from celeryize.model import Edit
from celeryize.probe import Prober, Sight, Target
from tests.conftest import make_tree, snapshot

APP = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
IMPORT = "from .celery import app as celery_app\n"
TASK = """from celery import shared_task


@shared_task(bind=True, max_retries=3)
def greet(self, name: str):
    return name
"""
BROKER = '\nCELERY_BROKER_URL = "redis://localhost:6379/0"\n'


def target(root: Path, spec: str | None = "config", **more: object) -> Target:
    options: dict[str, object] = {"settings_names": ("CELERY_BROKER_URL",), **more}
    return Target(Path(sys.executable), root, (), "config.settings", spec, **options)  # type: ignore[arg-type]


def edits(root: Path, files: dict[str, str]) -> list[Edit]:
    return [
        Edit(PurePosixPath(p), (root / p).read_bytes() if (root / p).exists() else None, text.encode())
        for p, text in files.items()
    ]


def wired(root: Path) -> dict[str, str]:
    settings = (root / "config/settings.py").read_text() + BROKER
    return {"config/celery.py": APP, "config/__init__.py": IMPORT, "config/settings.py": settings}


def prove(root: Path, files: dict[str, str], *, timeout: float = 60, **more: object) -> tuple[Sight, Sight]:
    with Prober(target(root, None), timeout=timeout) as prober:
        return prober.prove(edits(root, files), root, target(root, **more))


def test_celery_that_is_only_planned_is_seen_with_its_tasks_and_settings(project):
    before = snapshot(project)
    worker, web = prove(project, {**wired(project), "doctors/tasks.py": TASK})
    assert worker.failures == web.failures == ()
    assert worker.app and (worker.app.module, worker.app.variable, worker.app.namespace) == (
        "config.celery",
        "app",
        "CELERY",
    )
    assert worker.conf == worker.settings_values == {
        "CELERY_BROKER_URL": "redis://localhost:6379/0"
    } or worker.conf == {"broker_url": "redis://localhost:6379/0"}
    assert (worker.broker_transport, worker.apps_active, web.current_app_main) == ("redis", ("config",), "config")
    (task,) = worker.tasks
    assert (task.name, task.line, task.signature, task.options["max_retries"]) == (
        "doctors.tasks.greet",
        4,
        "(name: str)",
        3,
    )
    assert task.bound_to_ours and [t.name for t in web.tasks] == ["doctors.tasks.greet"]
    assert snapshot(project) == before, "nothing was written, bytecode included"


def test_the_untouched_project_is_seen_without_celery(project):
    with Prober(target(project, None)) as prober:
        worker, web = prober.baseline()
    assert worker.failures == web.failures == () and worker.app is None and worker.tasks == ()
    assert "doctors" in web.installed_apps


def test_a_package_that_does_not_import_the_app_shows_in_the_web_look(project):
    files = wired(project)
    del files["config/__init__.py"]
    worker, web = prove(project, files)
    assert worker.app and worker.app.main == "config"
    assert web.current_app_main == "default"


def test_a_missing_namespace_shows_in_the_configuration(project):
    files = wired(project) | {"config/celery.py": APP.replace(', namespace="CELERY"', "")}
    worker, _ = prove(project, files)
    assert worker.settings_values["CELERY_BROKER_URL"] != worker.conf.get("broker_url")


def test_the_environment_does_not_hide_the_settings(project, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://elsewhere//")
    worker, _ = prove(project, wired(project))
    assert worker.conf["broker_url"] == "redis://localhost:6379/0"
    assert worker.environment == ("CELERY_BROKER_URL",)


def test_bytecode_of_the_old_file_is_not_used(project):
    subprocess.run([sys.executable, "-m", "compileall", "-q", "config"], cwd=project, check=True)
    worker, _ = prove(project, wired(project))
    assert worker.conf["broker_url"] == "redis://localhost:6379/0"


def test_a_syntax_error_names_its_file_and_line(project):
    worker, _ = prove(project, {**wired(project), "doctors/tasks.py": "x = (\n"})
    (failure,) = worker.failures
    assert (failure.type, failure.where) == ("SyntaxError", (str(project / "doctors/tasks.py"), 1))


def test_three_broken_modules_are_three_failures(project):
    apps = {f"app{n}/__init__.py": "" for n in range(3)}
    tasks = {f"app{n}/tasks.py": f"import nothing_{n}\n" for n in range(3)}
    make_tree(project, {**apps, **tasks})
    files = wired(project)
    files["config/settings.py"] += '\nINSTALLED_APPS += ["app0", "app1", "app2"]\n'
    worker, _ = prove(project, files)
    assert sorted(f.message for f in worker.failures) == [f"No module named 'nothing_{n}'" for n in range(3)]
    assert {Path(f.where[0]).parent.name for f in worker.failures if f.where} == {"app0", "app1", "app2"}


def test_what_a_signal_handler_swallows_is_told(project):
    handler = "\n@app.on_after_finalize.connect\ndef add(sender, **kwargs):\n    raise LookupError('lost')\n"
    worker, _ = prove(project, wired(project) | {"config/celery.py": APP + handler})
    assert [(f.type, f.phase) for f in worker.failures] == [("LookupError", "signal")]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("exit(3)", "SystemExit", "exit(3)"),
        ("import os; os.environ['SECRET_OF_THIS_TEST']", "KeyError", "SECRET_OF_THIS_TEST"),
        ("import os; os.abort()", "Crash", "SIGABRT"),
        ("import os; os._exit(9)", "Crash", "code 9"),
    ],
)
def test_settings_that_end_the_process_are_a_failure(project, code, kind, message):
    files = wired(project)
    files["config/settings.py"] += f"\n{code}\n"
    worker, web = prove(project, files)
    for sight in (worker, web):
        assert [f.type for f in sight.failures] == [kind]
        assert message in sight.failures[0].message


def test_settings_that_hang_are_ended_and_the_place_is_told(project):
    files = wired(project)
    files["config/settings.py"] = "import time\n\ntime.sleep(600)\n"
    worker, _ = prove(project, files, timeout=2)
    (failure,) = worker.failures
    assert failure.type == "Timeout"
    assert failure.where == (str(project / "config/settings.py"), 3)


def test_output_threads_and_exit_handlers_do_not_disturb(project):
    files = wired(project)
    files["config/settings.py"] += (
        "\nimport atexit, sys, threading, time\n"
        "print('x' * 3_000_000)\nsys.stderr.write('y' * 100)\n"
        "atexit.register(time.sleep, 600)\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    )
    worker, web = prove(project, files)
    assert worker.failures == web.failures == ()
    assert worker.output.startswith("xxx") and len(worker.output) == 4096


def test_a_file_that_is_read_by_its_path_is_told(project):
    make_tree(project, {"config/extra.py": "X = 1\n"})
    files = wired(project) | {"config/extra.py": "X = 2\n"}
    files["config/settings.py"] += "\nexec(open(BASE_DIR / 'config/extra.py').read())\n"
    worker, _ = prove(project, files)
    assert [Path(p).name for p in worker.read_from_disk] == ["extra.py"]


def test_a_project_that_hides_the_library_is_seen_as_it_is(project):
    make_tree(project, {"celery.py": "x = 1\n"})
    worker, _ = prove(project, wired(project))
    assert "'celery' is not a package" in worker.failures[0].message


def test_an_interpreter_that_is_none_is_said():
    missing = Target(Path("/nowhere/python"), Path.cwd(), (), "x", None)
    with pytest.raises(CeleryizeError, match="cannot be started"), Prober(missing):
        pass


def test_an_interpreter_that_ends_at_once_is_said(tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho no such thing >&2\nexit 1\n")
    script.chmod(0o755)
    broken = Target(script, tmp_path, (), "x", None)
    with pytest.raises(CeleryizeError, match="no such thing"), Prober(broken) as prober:
        prober.baseline()


def alive(marker: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker.encode() in entry.read_bytes():
                found.append((entry.parent / "cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to see processes")
def test_no_process_is_left_when_we_are_killed_in_the_middle(project):
    (project / "config/settings.py").write_text("import time\ntime.sleep(600)\n")
    marker = f"CELERYIZE_TEST_MARK=mark{os.getpid()}-{time.monotonic_ns()}"
    name, value = marker.split("=")
    code = (
        "import sys; from pathlib import Path; from celeryize.probe import Prober, Target\n"
        f"t = Target(Path(sys.executable), Path({str(project)!r}), (), 'config.settings', None)\n"
        "with Prober(t) as p:\n    p.start_baseline()\n    p.baseline()\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, name: value})
    deadline = time.monotonic() + 20
    while len(alive(marker)) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(alive(marker)) >= 4, "we, the child, and its two looks"
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    deadline = time.monotonic() + 10
    while alive(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert alive(marker) == []
