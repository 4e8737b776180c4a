"""init on a real interpreter: the web process keeps its settings, and the block takes effect."""

from __future__ import annotations

import subprocess
import sys

import pytest

from celeryize.commands.init.app_settings import choose_app_settings
from celeryize.commands.init.run import InitOptions, run
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.start_up import target_of
from celeryize.detect.project import load_project
from celeryize.errors import CannotPatch, Unproved
from celeryize.probe.proof import Verdict
from celeryize.ui.machine import lines_of
from tests.conftest import make_tree, small_project, snapshot
from tests.views import Recorder

SETS = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", {!r})\n'
PRODUCTION = "from .settings import *\n\nDEBUG = False\n"
APP = SETS + (
    "\nfrom celery import Celery\n\napp = Celery('config')\n"
    "app.config_from_object('django.conf:settings', namespace='CELERY')\n"
    "app.autodiscover_tasks()\n"
)
MANAGE = str(small_project()["manage.py"])
READS = (
    "import config.wsgi\nfrom django.conf import settings\n"
    "print(settings.SETTINGS_MODULE, settings.DEBUG)\n"
)


@pytest.fixture(autouse=True)
def _active(monkeypatch):
    """As in a shell in which the environment is active."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)


def init(tmp_path, files):
    tree = {**small_project(), "requirements.txt": "django\ncelery[redis]\n", **files}
    folder = make_tree(tmp_path / "p", tree)
    options = RunOptions(folder, python=sys.executable)
    return folder, run(options, WriteOptions(yes=True), Recorder(), InitOptions())


def settings_of_wsgi(folder):
    ran = subprocess.run(
        [sys.executable, "-c", READS], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.split()


def test_the_web_process_keeps_the_settings_that_wsgi_names(tmp_path):
    files = {"config/production.py": PRODUCTION, "config/wsgi.py": SETS.format("config.production")}
    folder, written = init(tmp_path, files)
    assert written.result.proof.verdict is Verdict.PASSED
    assert settings_of_wsgi(folder) == ["config.production", "False"]
    line = "DJANGO_SETTINGS_MODULE=config.settings celery -A config worker -l INFO"
    assert line in list(lines_of(written.next_steps))


def test_the_app_file_says_which_file_names_its_settings(tmp_path):
    line = next(line for line in MANAGE.splitlines() if "setdefault" in line)
    production = line.replace("config.settings", "config.production")
    chosen = f"    if os.environ.get('STAGE'):\n    {production}\n    else:\n    {line}"
    files = {
        "config/production.py": PRODUCTION,
        "config/wsgi.py": SETS.format("config.production"),
        "manage.py": MANAGE.replace(line, chosen),
    }
    folder, _ = init(tmp_path, files)
    assert "# The settings that wsgi.py names" in (folder / "config/celery.py").read_text()
    fresh = make_tree(tmp_path / "fresh", {**small_project(), **files})
    note = choose_app_settings(load_project(fresh)).note
    assert "manage.py chooses the settings module" in note
    assert note.endswith("set DJANGO_SETTINGS_MODULE=config.settings.")


def test_a_manage_py_that_names_its_settings_needs_no_note(tmp_path):
    folder = make_tree(tmp_path / "p", small_project())
    assert choose_app_settings(load_project(folder)).note == ""


@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ("Q_CLUSTER = {'redis': {'host': 'localhost', 'db': 1}}\n", 2),
        ("Q_CLUSTER = {'redis': 'redis://localhost:6379/0'}\n", 1),
        ("RQ_QUEUES = {'a': {'DB': 2}, 'b': {'URL': 'redis://:x@redis/1'}}\n", 3),
        ("Q_CLUSTER = {}\n", 1),
    ],
)
def test_the_database_that_is_proposed_beside_another_queue_is_free(tmp_path, settings, number):
    text = str(small_project()["config/settings.py"]) + settings
    files = {"config/settings.py": text, "requirements.txt": "django\ndjango-q2\ndjango-rq\n"}
    folder = make_tree(tmp_path / "p", {**small_project(), **files})
    view = Recorder()
    run(
        RunOptions(folder, python=sys.executable),
        WriteOptions(yes=True, no_verify=True),
        view,
        InitOptions(),
    )
    assert f"CELERY_BROKER_URL=redis://localhost:6379/{number}," in " ".join(view.plans[-1].notes)


DIFFERENT = {
    "config/production.py": PRODUCTION,
    "config/wsgi.py": SETS.format("config.production"),
    "config/asgi.py": SETS.format("config.settings"),
}


def test_where_wsgi_and_asgi_differ_the_app_goes_where_both_have_chosen(tmp_path):
    folder, written = init(tmp_path, DIFFERENT)
    assert written.result.proof.verdict is Verdict.PASSED
    assert (folder / "doctors/celery.py").is_file()
    assert not (folder / "config/celery.py").exists()
    assert settings_of_wsgi(folder) == ["config.production", "False"]
    asgi = READS.replace("config.wsgi", "config.asgi")
    ran = subprocess.run([sys.executable, "-c", asgi], cwd=folder, capture_output=True, text=True)
    assert ran.stdout.split() == ["config.settings", "True"]
    assert "celery -A doctors worker -l INFO" in list(lines_of(written.next_steps))


def test_a_package_on_the_path_gets_an_app_file_that_hides_nothing(tmp_path):
    settings = str(small_project()["config/settings.py"]).replace('"doctors"', '"site.doctors"')
    manage = str(small_project()["manage.py"]).replace(
        "import sys\n", 'import sys\n\nsys.path.append("shop")\n', 1
    )
    moved = {
        name.replace("doctors/", "shop/doctors/"): text for name, text in small_project().items()
    }
    files = {
        **moved,
        **DIFFERENT,
        "manage.py": manage,
        "config/settings.py": settings.replace("site.doctors", "shop.doctors"),
        "shop/__init__.py": "",
        "shop/doctors/apps.py": (
            "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
            '    name = "shop.doctors"\n'
        ),
    }
    folder = make_tree(tmp_path / "p", {**files, "requirements.txt": "django\ncelery[redis]\n"})
    options = RunOptions(folder, python=sys.executable)
    written = run(options, WriteOptions(yes=True), Recorder(), InitOptions())
    assert written.result.proof.verdict is Verdict.PASSED
    assert (folder / "shop/celery_app.py").is_file()
    assert "celery -A shop.celery_app worker -l INFO" in list(lines_of(written.next_steps))


def test_several_apps_and_two_web_processes_are_a_refusal_that_leads_on(tmp_path):
    apps = {"shop/__init__.py": "", "shop/models.py": ""}
    settings = str(small_project()["config/settings.py"]).replace('"doctors"', '"doctors", "shop"')
    files = {**DIFFERENT, **apps, "config/settings.py": settings}
    with pytest.raises(CannotPatch, match="different settings modules") as caught:
        init(tmp_path, files)
    assert "--package" in caught.value.hint


def test_where_the_environment_chooses_the_worker_gets_what_was_found(tmp_path):
    bare = "import sys\n\nfrom django.core.management import execute_from_command_line\n\n"
    files = {
        "manage.py": bare + "execute_from_command_line(sys.argv)\n",
        ".env.example": "DJANGO_SETTINGS_MODULE=config.settings\n",
        "config/production.py": PRODUCTION,
        "config/wsgi.py": "from django.core.wsgi import get_wsgi_application\n\n"
        "application = get_wsgi_application()\n",
        "config/celery.py": "from celery import Celery\n\napp = Celery('config')\n"
        "app.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "app.autodiscover_tasks()\n",
        "config/__init__.py": "from .celery import app as celery_app\n",
    }
    project = load_project(
        make_tree(tmp_path / "p", {**small_project(), **files}), python=sys.executable
    )
    assert target_of(project).environment == (("DJANGO_SETTINGS_MODULE", "config.settings"),)
    # one that manage.py names has to be in the app file, too: that is a mistake to be found
    named = load_project(
        make_tree(tmp_path / "q", {**small_project(), **files, "manage.py": MANAGE}),
        python=sys.executable,
    )
    assert target_of(named).environment == ()


def test_where_all_name_the_same_the_start_line_has_no_variable(tmp_path):
    _, written = init(tmp_path, {"config/wsgi.py": SETS.format("config.settings")})
    assert "celery -A config worker -l INFO" in list(lines_of(written.next_steps))


def test_a_web_process_whose_settings_need_a_variable_is_decided_by_the_text(tmp_path):
    production = PRODUCTION + 'import os\nSECRET_KEY = os.environ["PRODUCTION_SECRET"]\n'
    files = {"config/production.py": production, "config/wsgi.py": SETS.format("config.production")}
    folder, written = init(tmp_path, files)
    assert written.result.proof.verdict is Verdict.PASSED
    assert '"config.production"' in (folder / "config/celery.py").read_text()


def test_an_app_file_of_other_settings_is_not_imported(tmp_path):
    block = 'CELERY_BROKER_URL = "memory://"\n'
    files = {
        "config/production.py": PRODUCTION + block,
        "config/settings.py": str(small_project()["config/settings.py"]) + block,
        "config/wsgi.py": SETS.format("config.production"),
        "config/celery.py": APP.format("config.settings"),
    }
    folder, written = init(tmp_path, files)
    assert (folder / "config/__init__.py").read_text() == ""
    (todo,) = written.todos
    assert "would run with config.settings" in todo.what
    assert settings_of_wsgi(folder) == ["config.production", "False"]


def test_an_app_file_whose_settings_do_not_exist_is_not_imported(tmp_path):
    files = {
        "config/settings.py": str(small_project()["config/settings.py"])
        + 'CELERY_BROKER_URL = "memory://"\n',
        "config/celery.py": APP.format("config.gone"),
    }
    tree = {**small_project(), "requirements.txt": "django\ncelery\n", **files}
    folder = make_tree(tmp_path / "p", tree)
    before = snapshot(folder)
    written = run(
        RunOptions(folder, python=sys.executable),
        WriteOptions(yes=True, no_verify=True),
        Recorder(),
        InitOptions(),
    )
    assert snapshot(folder) == before
    assert "config.gone, which does not exist" in written.todos[0].what


@pytest.mark.parametrize(
    "code",
    [
        "def configure(names):\n    names['CELERY_TASK_TIME_LIMIT'] = 1\n\n\nconfigure(locals())\n",
        "exec('CELERY_TASK_TIME_LIMIT = 1')\n",
        "globals().update(CELERY_TASK_TIME_LIMIT=1)\n",
        "import sys\nsetattr(sys.modules[__name__], 'CELERY_TASK_TIME_LIMIT', 1)\n",
    ],
)
def test_a_set_up_that_only_the_import_shows_is_never_overridden(tmp_path, code):
    settings = str(small_project()["config/settings.py"]) + "\n" + code
    with pytest.raises(Unproved) as caught:
        init(tmp_path, {"config/settings.py": settings})
    assert "CELERY_TASK_TIME_LIMIT" in caught.value.message
    assert "config/settings.py:" in caught.value.hint
    assert not (tmp_path / "p/config/celery.py").exists()


def test_a_value_that_is_changed_while_django_starts_is_not_in_effect(tmp_path):
    ready = (
        "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
        "    name = 'doctors'\n\n    def ready(self):\n"
        "        from django.conf import settings\n\n"
        "        if hasattr(settings, 'CELERY_TASK_TIME_LIMIT'):\n"
        "            settings.CELERY_TASK_TIME_LIMIT = 1\n"
    )
    before = None
    with pytest.raises(Unproved) as caught:
        before = init(tmp_path, {"doctors/apps.py": ready})
    assert before is None
    assert "was written as 300, but is 1" in caught.value.message


def test_a_variable_of_the_environment_may_change_a_value(tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere:6379/0")
    settings = str(small_project()["config/settings.py"]) + "\nimport os\nX = os.getenv('X')\n"
    _, written = init(tmp_path, {"config/settings.py": settings})
    assert written.result.proof.verdict is Verdict.PASSED


def test_what_is_written_without_a_proof_is_not_done(tmp_path, capsys):
    from celeryize.ui.screen import Screen

    settings = str(small_project()["config/settings.py"]) + "\nraise RuntimeError('no database')\n"
    tree = {**small_project(), "config/settings.py": settings}
    folder = make_tree(tmp_path / "p", tree)
    options = RunOptions(folder, python=sys.executable)
    written = run(options, WriteOptions(yes=True), Screen(interactive=False), InitOptions())
    assert written.exit_code == 0
    said = " ".join(capsys.readouterr().err.split())
    end = said.partition("Written, not proved: ")[2]
    assert end.startswith("the project does not import without the change either: config/settings")
    assert "RuntimeError: no database. Once it imports, `celeryize verify` proves" in end
    assert "Done." not in said


def test_another_queue_is_named(tmp_path):
    tree = {**small_project(), "requirements.txt": "django\ndjango-rq\n"}
    folder = make_tree(tmp_path / "p", tree)
    before = snapshot(folder)
    view = Recorder()
    options = RunOptions(folder, python=sys.executable)
    run(options, WriteOptions(dry_run=True, no_verify=True), view, InitOptions())
    assert snapshot(folder) == before
    notes = [note for plan in view.plans for note in plan.notes]
    assert any(note.startswith("This project has RQ already (requirements.txt)") for note in notes)


OLD_APP = APP.format("config.settings").replace(", namespace='CELERY'", "")


def test_a_left_over_app_file_does_not_dictate_the_style(tmp_path):
    tree = {**small_project(), "requirements.txt": "django\n", "config/celery.py": OLD_APP}
    folder = make_tree(tmp_path / "p", tree)
    options = RunOptions(folder, python=sys.executable)
    written = run(options, WriteOptions(yes=True), Recorder(), InitOptions())
    assert written.result.proof.verdict is Verdict.PASSED
    assert "settings', namespace='CELERY')" in (folder / "config/celery.py").read_text()
    assert "\nCELERY_BROKER_URL = " in (folder / "config/settings.py").read_text()


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "django\ncelery\n"},
        {"doctors/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef f(): pass\n"},
        {"config/settings.py": str(small_project()["config/settings.py"]) + "BROKER_URL = 'x'\n"},
    ],
)
def test_an_app_file_that_is_in_use_keeps_its_style(tmp_path, files):
    tree = {**small_project(), "requirements.txt": "django\n", "config/celery.py": OLD_APP, **files}
    folder = make_tree(tmp_path / "p", tree)
    options = RunOptions(folder, python=sys.executable)
    run(options, WriteOptions(yes=True, no_verify=True), Recorder(), InitOptions())
    assert (folder / "config/celery.py").read_text() == OLD_APP
