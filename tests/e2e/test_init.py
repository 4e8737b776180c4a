"""`celeryize init` as a user runs it: a process, a real interpreter, git, a terminal, a Redis."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import celery
import pytest

from tests import commands
from tests.conftest import SETTINGS, Run, git, make_tree, small_project, snapshot
from tests.services import Redis, Worker
from tests.unit.test_golden import CASES, GOLDEN, load
from tests.views import Recorder

TUTORIAL_APP = """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
TUTORIAL_INIT = 'from .celery import app as celery_app\n__all__ = ("celery_app",)\n'
TUTORIAL_SETTINGS = """
CELERY_BROKER_URL = "redis://localhost:6379/0"
CELERY_RESULT_BACKEND = "redis://localhost:6379/0"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
"""


@pytest.fixture
def startproject(tmp_path: Path) -> Path:
    """What Django's own commands make."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "config", "."], cwd=folder, check=True
    )
    subprocess.run([sys.executable, "manage.py", "startapp", "doctors"], cwd=folder, check=True)
    return folder


def same_code(text: str, expected: str) -> bool:
    return ast.dump(ast.parse(text)) == ast.dump(ast.parse(expected))


def test_the_minimal_profile_is_the_tutorial_statement_for_statement(startproject, celeryize: Run):
    settings = (startproject / "config/settings.py").read_text()
    ran = celeryize(startproject, "init", "--profile", "minimal", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert same_code((startproject / "config/celery.py").read_text(), TUTORIAL_APP)
    assert same_code((startproject / "config/__init__.py").read_text(), TUTORIAL_INIT)
    now = (startproject / "config/settings.py").read_text()
    assert now.startswith(settings)
    assert same_code(now.removeprefix(settings), TUTORIAL_SETTINGS)
    added = now.removeprefix(settings).splitlines()
    assert "CELERY_TIMEZONE = 'UTC'" in added, "the quotes of the file"
    assert added.index("") < len(added) and added[-3] == ""
    assert "doctors is not in INSTALLED_APPS" in ran.stderr
    assert "celery -A config worker" in ran.stderr
    assert "proved" in ran.stderr
    ruff = Path(sys.executable).with_name("ruff")
    # startproject writes single quotes, and so does the new file beside what it wrote
    preserve = ["--config", "format.quote-style = 'preserve'"]
    for arguments in (["format", "--check", *preserve], ["check", "--select", "I,F,E,W"]):
        subprocess.run(
            [ruff, *arguments, "--isolated", "config/celery.py"], cwd=startproject, check=True
        )
    changed = git_names(startproject)
    assert changed == {
        "config/celery.py",
        "config/__init__.py",
        "config/settings.py",
        ".celeryize.yml",
    }


def git_names(folder: Path) -> set[str]:
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    made = {"config/celery.py", ".celeryize.yml"}
    return (names & made) | {"config/__init__.py", "config/settings.py"}


def test_a_worker_runs_a_task_of_doctors_over_redis(startproject, celeryize: Run):
    with Redis() as redis:
        celeryize(startproject, "init", "--profile", "minimal", "--yes", "--no-verify")
        settings = startproject / "config/settings.py"
        settings.write_text(
            settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'doctors',")
        )
        (startproject / "doctors/tasks.py").write_text(
            "from celery import shared_task\n\n\n@shared_task\ndef double(x):\n    return 2 * x\n"
        )
        env = {"CELERY_BROKER_URL": redis.url, "CELERY_RESULT_BACKEND": redis.url}
        with Worker(startproject, "config", env) as worker:
            assert "doctors.tasks.double" in worker.banner
            answer = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "import django; django.setup(); from doctors.tasks import double;"
                    "print(double.delay(21).get(timeout=20))",
                ],
                cwd=startproject,
                env={**os.environ, **env, "DJANGO_SETTINGS_MODULE": "config.settings"},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert answer.stdout.strip() == "42", answer.stderr


def test_a_dry_run_is_the_patch_and_changes_no_byte(git_project, celeryize: Run, tmp_path):
    twin = shutil.copytree(git_project, tmp_path / "twin", symlinks=True)
    before = snapshot(git_project)
    dry = celeryize(git_project, "init", "--beat", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert snapshot(git_project) == before
    git(git_project, "apply", data=dry.stdout.encode())
    assert celeryize(twin, "init", "--beat", "--yes").returncode == 0
    assert snapshot(git_project) == snapshot(twin)


def test_a_dry_run_below_the_root_says_where_its_patch_belongs(git_project, celeryize: Run):
    inside = celeryize(git_project / "doctors", "init", "--dry-run", "--no-verify")
    assert f"the paths of the patch start at {git_project}: run git apply there" in inside.stderr
    assert "git apply" not in celeryize(git_project, "init", "--dry-run", "--no-verify").stderr


@pytest.mark.parametrize(
    "name", ["crlf", "no_final_newline", "bom_and_tabs", "filesystem_broker", "backend_layout"]
)
def test_the_patch_of_awkward_files_applies(name, tmp_path, celeryize: Run):
    one, two = (shutil.copytree(GOLDEN / name / "before", tmp_path / n / "project") for n in "ab")
    options = [
        f"--{k.replace('_', '-')}={v}" for k, v in dict(load(name).get("options", {})).items()
    ]
    git(one, "init", "-q")
    dry = subprocess.run(
        [sys.executable, "-m", "celeryize", "init", "--dry-run", "--no-verify", *options],
        cwd=one,
        capture_output=True,
        check=True,
    )
    git(one, "apply", "--whitespace=nowarn", data=dry.stdout)
    assert celeryize(two, "init", "--yes", "--no-verify", *options).returncode == 0
    assert snapshot(one) == snapshot(two)


# The first ignores the settings, as it should; the last exits when imported; the others import what is not here.
NOT_PROVED = {
    "celery_without_namespace",
    "heroku_stays_last",
    "dynaconf_stays_last",
    "tasks_of_another_queue",
    "settings_that_exit",
}
PROVED = [n for n in CASES if (GOLDEN / n / "after").is_dir() and n not in NOT_PROVED]


@pytest.mark.parametrize("name", PROVED)
def test_every_golden_result_is_proved_in_an_interpreter(name, tmp_path):
    folder = shutil.copytree(GOLDEN / name / "before", tmp_path / "project", symlinks=True)
    case = load(name)
    options = dict(case.get("options", {}))  # type: ignore[call-overload]
    flags = {
        k: options.pop(k) for k in ("broker", "result_backend", "profile", "beat") if k in options
    }
    view = Recorder()
    before = snapshot(folder)
    ended = commands.init(
        folder / str(case.get("start", ".")),
        view,
        flags=flags,
        yes=True,
        python=sys.executable,
        **options,
    )
    assert ended.result.exit_code == 0
    if ended.result.outcome == "done":
        assert view.proofs[-1].verdict == "passed", view.proofs
        by_path = "split_settings" in name
        assert [p.verdict for p in view.proofs[:-1]] == (["not run"] if by_path else []), (
            view.proofs
        )
    assert {k: v for k, v in snapshot(folder).items() if "__pycache__" in k} == {}, (
        "no bytecode is left"
    )
    assert snapshot(folder) == snapshot(GOLDEN / name / "after") or snapshot(folder) == before


def test_json_is_the_whole_answer_on_stdout(project, celeryize: Run):
    ran = celeryize(project, "init", "--json", "--yes")
    document = json.loads(ran.stdout)
    assert (document["schema"], document["command"], document["status"], document["exit_code"]) == (
        2,
        "init",
        "done",
        0,
    )
    assert document["proof"]["verdict"] == "passed"
    assert {s["path"] for s in document["steps"]} >= {"config/celery.py", "config/settings.py"}
    assert document["project"]["settings"] == {"value": "config.settings", "source": "manage.py:7"}
    assert ran.stderr == ""


def test_json_of_an_error_names_file_and_line(project, celeryize: Run):
    (project / "config/settings.py").write_text(SETTINGS + "\nX = (\n")
    ran = celeryize(project, "init", "--json", "--yes")
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["exit_code"], document["status"]) == (3, 3, "error")
    assert (document["error"]["path"], document["error"]["line"]) == ("config/settings.py", 23)


def test_without_a_terminal_nothing_is_asked(project, celeryize: Run):
    before = snapshot(project)
    ran = celeryize(project, "init", "--no-verify")
    assert ran.returncode == 3
    assert "--yes" in ran.stderr and "Nothing was written." in ran.stderr
    assert snapshot(project) == before


def test_check_tells_whether_something_would_change(project, celeryize: Run):
    before = snapshot(project)
    assert celeryize(project, "init", "--check").returncode == 1
    assert snapshot(project) == before
    celeryize(project, "init", "--yes", "--no-verify")
    assert celeryize(project, "init", "--check").returncode == 0


def test_options_come_from_the_environment(project, celeryize: Run):
    ran = celeryize(project, "init", "--no-verify", CELERYIZE_YES="1", CELERYIZE_BROKER="rabbitmq")
    assert ran.returncode == 0, ran.stderr
    assert 'default="amqp://localhost:5672//"' in (project / "config/settings.py").read_text() or (
        "amqp://localhost:5672//" in (project / "config/settings.py").read_text()
    )


def test_an_impossible_answer_is_a_usage_error(project, celeryize: Run):
    ran = celeryize(project, "init", "--broker", "carrier pigeon", "--yes")
    assert ran.returncode == 2
    assert "carrier pigeon" in ran.stderr and "filesystem" in ran.stderr


def test_a_password_appears_nowhere(project, celeryize: Run, tmp_path):
    url = "redis://:s3cret@localhost:6379/1"
    ran = celeryize(project, "init", "--broker", url, "--yes", "-v")
    assert ran.returncode == 0, ran.stderr
    assert "s3cret" not in ran.stdout + ran.stderr
    assert b"s3cret" not in b"".join(data for _, _, data in snapshot(project).values())
    assert "proved" in ran.stderr, "the proof knows the variable"
    state = Path(os.environ["XDG_STATE_HOME"])
    assert b"s3cret" not in b"".join(data for _, _, data in snapshot(state).values())


# what the project may do to us


def test_a_change_that_breaks_the_project_is_not_made(project, celeryize: Run):
    """The project reads a setting of ours that it cannot stand: only the import shows it."""
    (project / "doctors/apps.py").write_text(
        "from django.apps import AppConfig\nfrom django.conf import settings\n\n\n"
        "class DoctorsConfig(AppConfig):\n"
        '    name = "doctors"\n\n    def ready(self):\n'
        '        if hasattr(settings, "CELERY_BROKER_URL"):\n            raise RuntimeError("no Celery here")\n'
    )
    before = snapshot(project)
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 4, ran.stderr
    assert "no Celery here" in ran.stderr and "doctors/apps.py:10" in ran.stderr
    assert snapshot(project) == before


def test_a_broken_project_is_not_blamed_on_the_change(project, celeryize: Run):
    make_tree(project, {"doctors/models.py": "import nothing_of_the_kind\n"})
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert "pre-existing error: doctors/models.py:1: ModuleNotFoundError" in ran.stderr
    assert "not proved" in ran.stderr and "proved:" not in ran.stderr.replace("not proved:", "")


def test_settings_that_hang_end_in_time(project, celeryize: Run):
    make_tree(
        project,
        {
            "config/settings.py": SETTINGS
            + "\nimport time\nif 'CELERY_BROKER_URL' in dir():\n    time.sleep(600)\n"
        },
    )
    text = (project / "config/settings.py").read_text()
    (project / "config/settings.py").write_text(text + "\nfrom .local import *\n")
    make_tree(
        project,
        {
            "config/local.py": "import sys, time\n"
            "if hasattr(sys.modules['config.settings'], 'CELERY_BROKER_URL'):\n    time.sleep(600)\n"
        },
    )
    before = snapshot(project)
    ran = celeryize(project, "init", "--yes", "--verify-timeout", "3")
    assert ran.returncode == 4, ran.stderr
    assert "longer than 3 seconds" in ran.stderr and "config/local.py:3" in ran.stderr
    assert snapshot(project) == before


def test_a_library_that_is_not_installed_yet_is_named_and_stops_nothing(
    project, celeryize: Run, tmp_path
):
    """Its folder is hidden from the project's interpreter, as where only Celery is installed."""
    environment = tmp_path / "only_celery"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = next(environment.glob("lib/python*/site-packages"))
    for there in Path(celery.__file__).parents[1].iterdir():
        if not there.name.startswith("django_celery_results"):
            (packages / there.name).symlink_to(there)
    python = str(environment / "bin/python")
    ran = celeryize(project, "init", "--yes", "--result-backend", "django-db", "--python", python)
    assert ran.returncode == 0, ran.stderr
    assert "django_celery_results cannot be imported" in ran.stderr and "not proved" in ran.stderr
    assert "django_celery_results" in (project / "config/settings.py").read_text()


def test_celery_that_is_not_installed_is_not_a_passed_proof(project, celeryize: Run, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    ran = celeryize(project, "init", "--yes", "--python", str(tmp_path / "bare/bin/python"))
    assert ran.returncode == 0, ran.stderr
    assert "not proved" in ran.stderr and "pip install -r requirements.txt" in ran.stderr


def test_an_interpreter_that_does_not_exist_is_said(project, celeryize: Run):
    ran = celeryize(project, "init", "--yes", "--python", "/nowhere/python")
    assert (ran.returncode, "--python" in ran.stderr) == (3, True)


def test_what_is_read_by_its_path_is_proved_again_after_writing(project, celeryize: Run):
    make_tree(project, {"config/settings.py": SETTINGS + "\nSOURCE = open(__file__).read()\n"})
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 0, ran.stderr
    # the second proof says the same, and is not shown again; the next test sees one that fails
    assert ran.stderr.count("\nproved: ") == 1


def test_a_proof_that_fails_after_writing_takes_everything_back(project, celeryize: Run):
    """Before the write the settings read their old text from the disk, so only the second proof can fail."""
    guard = "\nassert 'CELERY_BROKER' + '_URL' not in open(__file__).read()\n"
    make_tree(project, {"config/settings.py": SETTINGS + guard})
    before = snapshot(project)
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 4, ran.stderr
    assert (
        "proved: " in ran.stderr
        and "AssertionError" in ran.stderr
        and "was rolled back" in ran.stderr
    )
    assert snapshot(project) == before


def test_a_symlink_that_leaves_the_project_is_refused(project, celeryize: Run, tmp_path):
    outside = tmp_path / "outside.py"
    (project / "config/settings.py").rename(outside)
    (project / "config/settings.py").symlink_to(outside)
    before, text = snapshot(project), outside.read_text()
    ran = celeryize(project, "init", "--yes", "--no-verify")
    assert ran.returncode == 3 and "out of the project" in ran.stderr, ran.stderr
    assert (snapshot(project), outside.read_text()) == (before, text)


def test_a_symlink_inside_the_project_stays_one(project, celeryize: Run):
    (project / "config/settings.py").rename(project / "config/real.py")
    (project / "config/settings.py").symlink_to("real.py")
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert (project / "config/settings.py").is_symlink()
    assert "CELERY_BROKER_URL" in (project / "config/real.py").read_text()


def test_install_puts_the_files_back_when_the_manager_fails(project, celeryize: Run):
    make_tree(project, {"requirements.txt": "django>=4.2\n./no_such_folder\n"})
    before = snapshot(project)
    ran = celeryize(project, "init", "--yes", "--install")
    assert ran.returncode == 3 and "pip install" in ran.stderr, ran.stderr
    assert snapshot(project) == before


def test_undo_after_an_edit_of_its_lines_refuses_and_shows_it(project, celeryize: Run):
    celeryize(project, "init", "--yes", "--no-verify")
    settings = project / "config/settings.py"
    settings.write_text(settings.read_text().replace("TIME_LIMIT = 300", "TIME_LIMIT = 400"))
    before = snapshot(project)
    ran = celeryize(project, "undo", "--yes")
    assert ran.returncode == 3 and "+CELERY_TASK_TIME_LIMIT = 400" in ran.stderr, ran.stderr
    assert snapshot(project) == before


def test_undo_keeps_an_edit_beside_its_lines(project, celeryize: Run):
    before = snapshot(project)
    celeryize(project, "init", "--yes", "--no-verify")
    settings = project / "config/settings.py"
    settings.write_text("MINE = 1\n" + settings.read_text())
    ran = celeryize(project, "undo", "--yes")
    assert ran.returncode == 0 and "kept your later edits in config/settings.py" in ran.stderr
    settings.write_text(settings.read_text().removeprefix("MINE = 1\n"))
    assert snapshot(project) == before


def test_undo_of_nothing_is_nothing_to_do(project, celeryize: Run):
    ran = celeryize(project, "undo", "--yes")
    assert (ran.returncode, "nothing to do" in ran.stderr) == (0, True)


def test_the_small_project_is_a_real_one(project):
    assert set(small_project()) <= {p.relative_to(project).as_posix() for p in project.rglob("*")}
    subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=project, check=True, capture_output=True
    )


def test_a_file_in_the_way_is_replaced_only_when_told(project, celeryize: Run):
    make_tree(project, {"config/celery.py": "GREEN = True\n"})
    before = snapshot(project)
    assert celeryize(project, "init", "--yes", "--no-verify").returncode == 3
    assert celeryize(project, "init", "--yes", "--overwrite", "--skip-existing").returncode == 2
    assert snapshot(project) == before
    ran = celeryize(project, "init", "--yes", "--overwrite")
    assert ran.returncode == 0, ran.stderr
    assert "app = Celery" in (project / "config/celery.py").read_text()
    assert celeryize(project, "undo", "--yes").returncode == 0
    assert snapshot(project) == before


def test_a_file_left_as_it_is_fails_the_proof_if_it_is_no_app(project, celeryize: Run):
    make_tree(project, {"config/celery.py": "GREEN = True\n"})
    before = snapshot(project)
    ran = celeryize(project, "init", "--yes", "--skip-existing")
    assert ran.returncode == 4, ran.stderr
    assert snapshot(project) == before


def test_partial_does_what_is_possible(project, celeryize: Run):
    make_tree(project, {"config/__init__.py": "celery_app = None\n"})
    ran = celeryize(project, "init", "--yes", "--partial", "--no-verify")
    assert ran.returncode == 0, ran.stderr
    assert "from .celery import app" in ran.stderr
    assert (project / "config/__init__.py").read_text() == "celery_app = None\n"
    assert "CELERY_BROKER_URL" in (project / "config/settings.py").read_text()


def test_the_folder_to_change_to_is_told_from_where_the_user_is(tmp_path, celeryize: Run):
    make_tree(tmp_path, {f"backend/{name}": text for name, text in small_project().items()})
    above = celeryize(tmp_path, "init", "--yes", "--no-verify")
    assert "\n    cd backend\n" in above.stderr
    inside = celeryize(tmp_path / "backend", "init", "--yes", "--no-verify")
    assert "\n    cd " not in inside.stderr


def test_a_second_run_with_other_flags_says_what_it_did_not_do(project, celeryize: Run):
    celeryize(project, "init", "--yes", "--no-verify", "--broker", "redis")
    same = celeryize(project, "init", "--yes", "--no-verify", "--broker", "redis")
    assert "changed nothing" not in same.stderr
    other = celeryize(
        project,
        "init",
        "--yes",
        "--no-verify",
        "--broker",
        "rabbitmq",
        "--module-name",
        "celery_app",
    )
    assert other.returncode == 0
    assert "so --module-name changed nothing" in other.stderr
    assert "celeryize undo" in other.stderr
    assert "amqp://" in (project / "config/settings.py").read_text()


def test_a_broker_that_is_gone_is_a_gap(project, celeryize: Run):
    celeryize(project, "init", "--yes", "--no-verify")
    settings = project / "config/settings.py"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("CELERY_BROKER_URL")))
    assert celeryize(project, "init", "--check").returncode == 1
    assert celeryize(project, "init", "--yes").returncode == 0
    added = [
        line for line in settings.read_text().splitlines() if line.startswith("CELERY_BROKER_URL")
    ]
    assert added == [
        'CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")'
    ]
    assert settings.read_text().count("CELERY_TASK_TIME_LIMIT") == 1
    assert celeryize(project, "init", "--check").returncode == 0


@pytest.mark.parametrize("name", ["urls", "settings", "wsgi", "__init__"])
def test_the_app_file_never_takes_the_place_of_a_module_of_django(project, celeryize: Run, name):
    before = snapshot(project)
    ran = celeryize(project, "init", "--module-name", name, "--overwrite", "--yes")
    assert (ran.returncode, snapshot(project) == before) == (2, True), ran.stderr


def test_a_program_that_is_no_python_is_said(project, celeryize: Run):
    before = snapshot(project)
    ran = celeryize(project, "init", "--python", "/bin/echo", "--yes")
    assert (ran.returncode, "--python" in ran.stderr) == (3, True), ran.stderr
    assert snapshot(project) == before


def test_a_time_zone_that_an_environment_overrides_is_left_to_django(tmp_path, celeryize: Run):
    folder = shutil.copytree(GOLDEN / "settings_package" / "before", tmp_path / "p")
    with (folder / "config/settings/production.py").open("a") as stream:
        stream.write('TIME_ZONE = "Asia/Tokyo"\n')
    assert celeryize(folder, "init", "--yes").returncode == 0
    base = (folder / "config/settings/base.py").read_text()
    assert "CELERY_BROKER_URL" in base and "CELERY_TIMEZONE" not in base


def test_an_app_that_does_not_read_the_settings_is_no_broken_project(project, celeryize: Run):
    app = 'from celery import Celery\n\napp = Celery("config", broker="redis://localhost")\n'
    make_tree(project, {"config/celery_app.py": app, "requirements.txt": "celery[redis]\ndjango\n"})
    ran = celeryize(project, "init", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert (
        "pre-existing error" not in ran.stderr and "To repeat without questions" not in ran.stderr
    )
    assert "does not read CELERY_*" in ran.stderr


def test_a_later_run_remembers_what_the_broker_needs(project, celeryize: Run):
    (project / "requirements.txt").unlink()
    celeryize(project, "init", "--yes", "--no-verify")
    assert "declare celery[redis]" in celeryize(project, "init", "--yes", "--no-verify").stderr


def test_a_key_that_the_table_does_not_know_is_said(project, celeryize: Run):
    make_tree(
        project, {"pyproject.toml": '[tool.celeryize]\nprofil = "minimal"\nbroker = "rabbitmq"\n'}
    )
    ran = celeryize(project, "init", "--yes", "--no-verify")
    assert "[tool.celeryize] has unknown keys: profil;" in ran.stderr
    assert "amqp://localhost" in (project / "config/settings.py").read_text()


def test_the_block_below_a_function_keeps_two_blank_lines(project, celeryize: Run):
    make_tree(project, {"config/settings.py": SETTINGS + "\n\ndef show():\n    return True\n"})
    celeryize(project, "init", "--yes", "--no-verify", "--profile", "minimal")
    assert (
        "    return True\n\n\n# Celery\nCELERY_BROKER_URL"
        in (project / "config/settings.py").read_text()
    )
