"""probe/: the project as its own interpreter sees it, with planned bytes, whatever it does."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from celeryize.errors import CeleryizeError
from celeryize.model import Edit
from celeryize.probe.report import ImportReport
from celeryize.probe.run import Prober, Target
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
        Edit(
            PurePosixPath(p),
            (root / p).read_bytes() if (root / p).exists() else None,
            text.encode(),
        )
        for p, text in files.items()
    ]


def wired(root: Path) -> dict[str, str]:
    settings = (root / "config/settings.py").read_text() + BROKER
    return {"config/celery.py": APP, "config/__init__.py": IMPORT, "config/settings.py": settings}


def prove(
    root: Path, files: dict[str, str], *, timeout: float = 60, **more: object
) -> tuple[ImportReport, ImportReport]:
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
    assert (worker.broker_transport, worker.apps_active, web.current_app_main) == (
        "redis",
        ("config",),
        "config",
    )
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


def test_a_package_that_does_not_import_the_app_shows_in_the_web_import(project):
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
    assert sorted(f.message for f in worker.failures) == [
        f"No module named 'nothing_{n}'" for n in range(3)
    ]
    assert {Path(f.where[0]).parent.name for f in worker.failures if f.where} == {
        "app0",
        "app1",
        "app2",
    }


def test_what_a_signal_handler_swallows_is_reported(project):
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


def test_settings_that_hang_are_ended_and_the_place_is_reported(project):
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


def test_settings_that_open_a_database_do_not_disturb(project):
    files = wired(project)
    files["config/settings.py"] += (
        "\nimport sqlite3\n"
        "DATABASE = sqlite3.connect(BASE_DIR / 'own.sqlite3')\n"
        "DATABASE.execute('create table if not exists flags (name text)')\n"
        "FLAGS = DATABASE.execute('select * from flags').fetchall()\n"
    )
    worker, web = prove(project, files)
    assert worker.failures == web.failures == ()


QUERY = "from doctors.models import Doctor\n\nNAMES = [d.name for d in Doctor.objects.all()]\n"


def test_tasks_that_query_an_empty_database_are_a_failure_at_that_line_and_hide_no_other(project):
    make_tree(
        project, {"doctors/tasks.py": QUERY, "clinics/__init__.py": "", "clinics/tasks.py": TASK}
    )
    files = wired(project)
    files["config/settings.py"] += "INSTALLED_APPS.append('clinics')\n"
    worker, web = prove(project, files)
    for sight in (worker, web):
        (failure,) = sight.failures
        assert (failure.type, failure.message) == (
            "OperationalError",
            "no such table: doctors_doctor",
        )
        assert failure.where == (str(project / "doctors/tasks.py"), 3)
    assert [task.name for task in worker.tasks] == ["clinics.tasks.greet"]


def test_tasks_that_query_a_database_that_is_there_are_no_failure(project):
    make_tree(project, {"doctors/tasks.py": f"{QUERY}{TASK}"})
    with sqlite3.connect(project / "db.sqlite3") as database:
        database.execute(
            "create table doctors_doctor (id integer primary key, name text, email text)"
        )
    files = wired(project)
    files["config/settings.py"] = files["config/settings.py"].replace(
        '":memory:"', 'BASE_DIR / "db.sqlite3"'
    )
    worker, web = prove(project, files)
    assert worker.failures == web.failures == ()
    assert [task.name for task in worker.tasks] == ["doctors.tasks.greet"]


def test_a_file_that_is_read_by_its_path_is_reported(project):
    make_tree(project, {"config/extra.py": "X = 1\n"})
    files = wired(project) | {"config/extra.py": "X = 2\n"}
    files["config/settings.py"] += "\nexec(open(BASE_DIR / 'config/extra.py').read())\n"
    worker, _ = prove(project, files)
    assert [Path(p).name for p in worker.read_from_disk] == ["extra.py"]


def test_a_project_that_hides_the_library_is_seen_as_it_is(project):
    make_tree(project, {"celery.py": "x = 1\n"})
    worker, _ = prove(project, wired(project))
    assert "'celery' is not a package" in worker.failures[0].message


def test_settings_may_read_the_variables_that_would_beat_them(project, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/1")
    files = wired(project)
    files["config/settings.py"] += (
        '\nimport os\nCELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"] + "2"\n'
    )
    worker, web = prove(project, files)
    assert worker.failures == web.failures == ()
    assert worker.conf["broker_url"] == "redis://elsewhere/12"


def test_a_celery_whose_module_has_no_spec_is_seen(project, tmp_path, monkeypatch):
    # as that of Celery 5.2 has none
    make_tree(tmp_path, {"early/sitecustomize.py": "import celery\ncelery.__spec__ = None\n"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "early"))
    worker, web = prove(project, {**wired(project), "doctors/tasks.py": TASK})
    assert (
        worker.celery_importable
        and worker.app
        and worker.app.main == web.current_app_main == "config"
    )


def test_the_python_path_is_the_projects_whole_path(project, tmp_path, monkeypatch):
    make_tree(tmp_path, {"more/elsewhere.py": ""})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "more"))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    worker, _ = prove(project, {**wired(project), "doctors/tasks.py": f"import elsewhere\n{TASK}"})
    assert worker.failures == () and [t.name for t in worker.tasks] == ["doctors.tasks.greet"]


def test_our_own_folder_is_not_on_the_path(project):
    worker, _ = prove(project, {**wired(project), "doctors/tasks.py": "import sight\n"})
    assert [f.message for f in worker.failures] == ["No module named 'sight'"]


def test_planned_packages_are_found_with_and_without_init(project):
    make_tree(project, {"half/there.py": "X = 1\n"})
    looks = (
        "import importlib.util\nimport inspect\n\n"
        "import half.planned\nimport half.there\nimport plain.deep.jobs\nimport whole.jobs\n\n"
        "assert inspect.getsource(whole.jobs) == 'Y = 2\\n'\n"
        "assert importlib.util.find_spec('whole').submodule_search_locations == whole.__path__\n"
        "assert importlib.util.find_spec('whole.absent') is None\n"
    )
    new = {
        "plain/deep/jobs.py": "",
        "half/planned.py": "",
        "whole/__init__.py": "",
        "whole/jobs.py": "Y = 2\n",
    }
    worker, web = prove(project, {**wired(project), **new, "doctors/tasks.py": looks + TASK})
    assert worker.failures == web.failures == ()


def deletes(root: Path, path: str) -> Edit:
    return Edit(PurePosixPath(path), (root / path).read_bytes(), None)


def test_a_deleted_module_uncovers_the_one_that_it_hid(project):
    make_tree(project, {"redis.py": "x = 1\n"})
    with Prober(target(project, None)) as prober:
        planned = edits(project, wired(project))
        hidden, _ = prober.prove(planned, project, target(project))
        free, _ = prober.prove([*planned, deletes(project, "redis.py")], project, target(project))
    assert [f.phase for f in hidden.failures] == ["broker"]
    assert free.failures == () and free.broker_transport == "redis"


def test_a_deleted_package_uncovers_the_module_beside_it(project):
    make_tree(project, {"doctors/tasks/__init__.py": "", "doctors/tasks.py": TASK})
    with Prober(target(project, None)) as prober:
        planned = edits(project, wired(project))
        hidden, _ = prober.prove(planned, project, target(project))
        free, _ = prober.prove(
            [*planned, deletes(project, "doctors/tasks/__init__.py")], project, target(project)
        )
    assert hidden.tasks == () and [t.name for t in free.tasks] == ["doctors.tasks.greet"]


def test_a_module_that_is_only_deleted_cannot_be_imported(project):
    make_tree(project, {"doctors/tasks.py": TASK})
    with Prober(target(project, None)) as prober:
        planned = [*edits(project, wired(project)), deletes(project, "doctors/tasks.py")]
        worker, web = prober.prove(planned, project, target(project))
    assert worker.failures == web.failures == () and worker.tasks == ()


def test_a_broken_module_hides_no_other_wherever_celery_looks_for_it(project):
    files = wired(project) | {
        "config/celery.py": APP + 'app.autodiscover_tasks(related_name="jobs")\n',
        "doctors/tasks.py": "import no_tasks\n",
        "doctors/jobs.py": "import no_jobs\n",
        "doctors/more.py": "import no_more\n",
    }
    files["config/settings.py"] += '\nCELERY_IMPORTS = ["doctors.more"]\n'
    worker, _ = prove(project, files)
    assert sorted((f.message, f.phase) for f in worker.failures) == [
        ("No module named 'no_jobs'", "tasks"),
        ("No module named 'no_more'", "tasks"),
        ("No module named 'no_tasks'", "tasks"),
    ]


def test_an_app_that_cannot_be_loaded_is_one_failure(project):
    files = wired(project) | {"doctors/models.py": "import nothing_here\n"}
    worker, web = prove(project, files)
    assert [f.message for f in worker.failures] == [f.message for f in web.failures]
    assert [f.message for f in worker.failures] == ["No module named 'nothing_here'"]


def test_values_that_cannot_be_shown_are_shown_as_that(project):
    files = wired(project)
    files["config/settings.py"] += (
        "\n\nclass Shy:\n    def __repr__(self):\n        raise ValueError('no')\n\n\n"
        "CELERY_TASK_ROUTES = [Shy()]\n"
    )
    worker, _ = prove(project, files, settings_names=("CELERY_TASK_ROUTES",))
    assert worker.settings_values["CELERY_TASK_ROUTES"] == [
        "<Shy that cannot be shown: ValueError>"
    ]


def test_endless_output_is_cut_while_it_is_written(project):
    (project / "config/settings.py").write_text("while True:\n    print('x' * 65536)\n")
    with Prober(target(project, None), timeout=2) as prober:
        worker, web = prober.baseline()
        kept = sum(file.stat().st_size for file in prober._folder.glob("*.out"))
    assert [f.type for f in (*worker.failures, *web.failures)] == ["Timeout", "Timeout"]
    assert len(worker.output) == 4096 and kept < 4_000_000, "some gigabytes, if it were not cut"


def test_the_place_of_a_crash_is_reported_however_much_was_printed(project):
    files = wired(project)
    files["config/settings.py"] = "import os\n\nprint('x' * 99_999)\nos.abort()\n"
    worker, _ = prove(project, files)
    assert [(f.type, f.where) for f in worker.failures] == [
        ("Crash", (str(project / "config/settings.py"), 4))
    ]


def test_a_file_that_is_opened_by_a_path_of_bytes_is_reported(project):
    make_tree(project, {"config/extra.py": "X = 1\n"})
    files = wired(project) | {"config/extra.py": "X = 2\n"}
    files["config/settings.py"] += "\nexec(open(bytes(BASE_DIR / 'config/extra.py')).read())\n"
    worker, _ = prove(project, files)
    assert [Path(p).name for p in worker.read_from_disk] == ["extra.py"]


def test_a_planned_file_that_is_only_imported_is_not_reported_as_read(project):
    worker, web = prove(project, {**wired(project), "doctors/tasks.py": TASK})
    assert worker.read_from_disk == web.read_from_disk == ()


def test_an_invalid_interpreter_is_reported():
    missing = Target(Path("/nowhere/python"), Path.cwd(), (), "x", None)
    with pytest.raises(CeleryizeError, match="cannot be started"), Prober(missing):
        pass


def test_an_interpreter_that_exits_at_once_is_reported(tmp_path):
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


SEES_PROCESSES = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="needs /proc to see processes"
)


def wait_until(come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not come() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert come()


@pytest.fixture
def marker(project, monkeypatch) -> str:
    """What stands in the environment of each process that a test starts; the project hangs."""
    (project / "config/settings.py").write_text("import time\ntime.sleep(600)\n")
    name, value = "CELERYIZE_TEST_MARK", f"mark{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setenv(name, value)
    return f"{name}={value}"


def ours(project: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from celeryize.probe.run import Prober, Target\n"
        f"t = Target(Path(sys.executable), Path({str(project)!r}), (), 'config.settings', None)\n"
        "with Prober(t) as p:\n    p.baseline()\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


@SEES_PROCESSES
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_and_no_folder_is_left_when_we_are_ended_in_the_middle(
    project, marker, end, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = ours(project)
    wait_until(lambda: len(alive(marker)) >= 4)  # we, the child, and its two looks
    assert len(list(temporary.iterdir())) == 1
    process.send_signal(end)
    process.wait()
    wait_until(lambda: alive(marker) == [])
    assert list(temporary.iterdir()) == []


@SEES_PROCESSES
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent"
)
def test_no_import_is_left_when_the_child_is_killed(project, marker):
    with Prober(target(project, None)) as prober:
        prober.start_baseline()
        wait_until(lambda: len(alive(marker)) >= 3)
        prober._child.kill()
        with pytest.raises(CeleryizeError, match="exited without an answer"):
            prober.baseline()
        wait_until(lambda: alive(marker) == [])


@SEES_PROCESSES
def test_what_the_project_starts_ends_with_the_import(project, marker):
    (project / "config/settings.py").write_text(
        "import subprocess\nsubprocess.Popen(['sleep', '600'])\nSECRET_KEY = 'x'\n"
    )
    with Prober(target(project, None)) as prober:
        worker, web = prober.baseline()
        assert worker.failures == web.failures == ()
        wait_until(lambda: len(alive(marker)) == 1)  # the child
    wait_until(lambda: alive(marker) == [])
