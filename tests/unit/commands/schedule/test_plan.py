"""add-schedule: the entry goes into the one dict that takes effect, or the lines to paste are said."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path

import pytest

from celeryize.commands.schedule.plan import Request
from celeryize.errors import CannotPatch, NoCelery, UsageError
from celeryize.probe.proof import Verdict
from celeryize.when import parse
from tests import commands
from tests.conftest import make_tree, snapshot
from tests.unit.test_golden import GOLDEN
from tests.views import Recorder


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery, without a schedule."""
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def add(
    folder: Path,
    name: str = "nightly",
    task: str = "shop.tasks.sync",
    cron: str = "0 3 * * *",
    **more: object,
):
    request = Request(name, task, parse(cron=cron), **more)
    return commands.add_schedule(folder, Recorder(), request, yes=True, no_verify=True)


def settings(folder: Path) -> str:
    return (folder / "config/settings.py").read_text()


def schedule(folder: Path) -> dict[str, dict[str, object]]:
    """The schedule as Python evaluates it, crontabs by their arguments."""
    tree = ast.parse(settings(folder))
    value = next(
        n.value
        for n in tree.body
        if isinstance(n, ast.Assign) and "BEAT_SCHEDULE" in ast.unparse(n.targets[0])
    )
    return eval(ast.unparse(value), {"crontab": lambda **k: k, "timedelta": lambda **k: k})


ENTRY = {"task": "shop.tasks.sync", "schedule": {"hour": 3, "minute": 0}}


def test_a_schedule_is_made_where_there_is_none(wired):
    add(wired)
    assert schedule(wired) == {"nightly": ENTRY}
    assert "from celery.schedules import crontab\n" in settings(wired)


def test_a_star_import_takes_the_first_entry_along(wired):
    (wired / "config/settings.py").write_text(settings(wired) + "__all__ = ['DEBUG']\n")
    add(wired)
    assert "__all__ = ['DEBUG', 'CELERY_BEAT_SCHEDULE']" in settings(wired).replace('"', "'")
    add(wired, "weekly", cron="0 3 * * 1")
    assert list(schedule(wired)) == ["nightly", "weekly"]


def test_the_first_entry_of_split_settings_is_in_the_component_of_celery(tmp_path):
    folder = shutil.copytree(GOLDEN / "split_settings_list/after", tmp_path / "p")
    (component,) = [p for p in folder.rglob("*.py") if "CELERY_BROKER_URL" in p.read_text()]
    add(folder)
    assert "CELERY_BEAT_SCHEDULE = {" in component.read_text()


def test_the_first_entry_has_git_ignore_what_beat_writes(wired):
    (wired / ".gitignore").write_text("*.pyc\n")
    add(wired)
    assert (wired / ".gitignore").read_text() == "*.pyc\n# Celery Beat\ncelerybeat-schedule*\n"
    add(wired, "weekly", cron="0 3 * * 1")
    assert (wired / ".gitignore").read_text() == "*.pyc\n# Celery Beat\ncelerybeat-schedule*\n"


def test_no_gitignore_is_made_where_there_is_no_git(wired):
    add(wired)
    assert not (wired / ".gitignore").exists()


@pytest.mark.parametrize("folder", [".", ".."])
def test_a_gitignore_is_made_in_a_work_tree(project, folder):
    # a file, as that of a second work tree is
    (project / folder / ".git").write_text("gitdir: elsewhere\n")
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    add(project)
    made = (project / folder / ".gitignore").read_text()
    assert made == "# Celery Beat\ncelerybeat-schedule*\n"


def test_a_second_entry_leaves_gitignore_alone(wired):
    (wired / "config/settings.py").write_text(settings(wired) + "\nCELERY_BEAT_SCHEDULE = {}\n")
    add(wired)
    assert not (wired / ".gitignore").exists()


@pytest.mark.parametrize(
    "existing",
    [
        "CELERY_BEAT_SCHEDULE = {}\n",
        "CELERY_BEAT_SCHEDULE = {}\n__all__ = ['DEBUG', 'CELERY_BEAT_SCHEDULE']\n",
        "CELERY_BEAT_SCHEDULE = {\n}\n",
        "CELERY_BEAT_SCHEDULE = {'a': {'task': 'x', 'schedule': 1}}\n",
        'CELERY_BEAT_SCHEDULE: dict = {\n    "a": {\n        "task": "x",\n    },  # first\n}\n',
        'CELERY_BEAT_SCHEDULE = {\n    "a": {"task": "x", "schedule": 1}  # no comma\n}\n',
        'CELERY_BEAT_SCHEDULE_FILENAME = "x"\nCELERY_BEAT_SCHEDULER = "celery.beat:PersistentScheduler"\n'
        "CELERY_BEAT_SCHEDULE = {}\n",
    ],
)
def test_a_plain_dict_grows_by_exactly_the_entry(wired, existing):
    (wired / "config/settings.py").write_text(settings(wired) + "\n" + existing)
    add(wired)
    text = settings(wired)
    assert text.count("CELERY_BEAT_SCHEDULE = ") + text.count("CELERY_BEAT_SCHEDULE: ") == 1
    tree = ast.parse(text)
    (value,) = [
        n.value
        for n in tree.body
        if isinstance(n, ast.Assign | ast.AnnAssign)
        and ast.unparse(n).startswith(("CELERY_BEAT_SCHEDULE =", "CELERY_BEAT_SCHEDULE:"))
    ]
    assert ast.unparse(value.keys[-1]) == "'nightly'"
    before = snapshot(wired)
    assert add(wired).result.outcome == "nothing to do"
    assert snapshot(wired) == before


def test_arguments_and_options_are_python_literals(wired):
    add(
        wired,
        args='[1, "a\\"b", null]',
        kwargs='{"full": false}',
        queue="slow",
        expires="10m",
        priority=2,
    )
    assert schedule(wired)["nightly"] == {
        **ENTRY,
        "args": [1, 'a"b', None],
        "kwargs": {"full": False},
        "options": {"queue": "slow", "expires": 600, "priority": 2},
    }


@pytest.mark.parametrize("name", ['a"b', "a\\", "a'b", "a\nb", "{x}", "é😀", "__import__('os')"])
def test_whatever_the_name_is_it_stays_a_string(wired, name):
    add(wired, name, task=name)
    assert schedule(wired) == {name: {**ENTRY, "task": name}}


@pytest.mark.parametrize("queue", ["", "a b", "a'b", "x\n"])
def test_an_invalid_queue_name_is_refused_as_by_add_task(wired, queue):
    before = snapshot(wired)
    with pytest.raises(UsageError, match="invalid queue name"):
        add(wired, queue=queue)
    assert snapshot(wired) == before


def test_another_entry_of_the_same_name_is_replaced_only_when_told(wired):
    add(wired)
    add(wired, "other")
    before = snapshot(wired)
    with pytest.raises(CannotPatch) as caught:
        add(wired, cron="0 4 * * *")
    assert "--replace" in caught.value.hint and "hour=4" in caught.value.snippet
    assert snapshot(wired) == before
    add(wired, cron="0 4 * * *", replace=True)
    assert schedule(wired) == {
        "nightly": {**ENTRY, "schedule": {"hour": 4, "minute": 0}},
        "other": ENTRY,
    }
    assert list(schedule(wired)) == ["nightly", "other"]


@pytest.mark.parametrize(
    ("procfile", "is_missing"),
    [
        ("worker: celery -A config worker\n", True),
        ("worker: celery -A config worker\nbeat: celery -A config beat\n", False),
        ("web: gunicorn config.wsgi\n", False),
    ],
)
def test_where_a_worker_is_started_and_no_beat_the_next_step_writes_one(
    wired, procfile, is_missing
):
    (wired / "Procfile").write_text(procfile)
    lines = [line for step in add(wired).next_steps for line in step.lines]
    assert any(line.startswith("celeryize add-worker") for line in lines) == is_missing


def test_remove_takes_out_that_entry_alone(wired):
    add(wired)
    text = settings(wired)
    add(wired, "other")
    commands.remove_schedule(wired, Recorder(), "other", yes=True, no_verify=True)
    assert settings(wired) == text
    with pytest.raises(CannotPatch, match="no entry"):
        commands.remove_schedule(wired, Recorder(), "other", yes=True, no_verify=True)


def test_remove_tidies_up_what_only_the_entry_needed(wired):
    start = settings(wired)
    request = Request("often", "shop.tasks.sync", parse(every="15min"))
    commands.add_schedule(wired, Recorder(), request, yes=True, no_verify=True)
    assert "from datetime import timedelta\n" in settings(wired)
    remove(wired, "often")
    assert settings(wired) == f"{start}\nCELERY_BEAT_SCHEDULE = {{}}\n"


def test_remove_keeps_a_comment_between_the_braces(wired):
    add(wired)
    path = wired / "config/settings.py"
    path.write_text(settings(wired).replace("SCHEDULE = {\n", "SCHEDULE = {\n    # ours\n"))
    remove(wired, "nightly")
    assert settings(wired).endswith("SCHEDULE = {\n    # ours\n}\n")


USED = "from celery.schedules import crontab"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        # in the same file
        ("config/settings.py", "NIGHT = crontab(hour=3)\n"),
        ("config/settings.py", '__all__ = ["crontab"]\n'),
        # by the other settings, which take all names, or this one
        ("config/production.py", "from .settings import *\n\nNIGHT = crontab(hour=3)\n"),
        ("config/production.py", "from config.settings import crontab\n"),
        ("doctors/views.py", "from config import settings\n\nNIGHT = settings.crontab(hour=3)\n"),
    ],
)
def test_remove_keeps_an_import_that_is_used_elsewhere(wired, file, text):
    add(wired)
    path = wired / file
    there = path.read_text() if path.exists() else ""
    path.write_text(there + text)
    remove(wired, "nightly")
    assert USED in settings(wired)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config/production.py", f"from .settings import *\n{USED}\n\nNIGHT = crontab(hour=3)\n"),
        ("doctors/views.py", f"{USED}\n\nNIGHT = crontab(hour=3)\n"),
    ],
)
def test_remove_takes_out_an_import_that_others_have_of_their_own(wired, file, text):
    add(wired)
    (wired / file).write_text(text)
    remove(wired, "nightly")
    assert USED not in settings(wired)


def test_remove_keeps_an_import_that_a_comment_is_about(wired):
    add(wired)
    path = wired / "config/settings.py"
    path.write_text(settings(wired).replace(USED, f"{USED}  # noqa: F401"))
    remove(wired, "nightly")
    assert USED in settings(wired)


def test_in_class_based_settings_the_schedule_is_an_attribute(tmp_path):
    """A block at module level would be ignored; an existing attribute grows."""
    folder = shutil.copytree(GOLDEN / "class_based" / "after", tmp_path / "p")
    add(folder)
    add(folder, "other")
    text = settings(folder)
    (base,) = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name == "Base"]
    (value,) = [
        n.value
        for n in base.body
        if isinstance(n, ast.Assign) and "BEAT_SCHEDULE" in ast.unparse(n.targets[0])
    ]
    assert [ast.literal_eval(key) for key in value.keys] == ["nightly", "other"]


def test_a_schedule_of_the_app_file_is_its_home(wired):
    app = wired / "config/celery.py"
    app.write_text(app.read_text() + "\napp.conf.beat_schedule = {}\n")
    add(wired)
    assert (
        '"nightly": {' in app.read_text()
        and "from celery.schedules import crontab" in app.read_text()
    )
    assert "BEAT_SCHEDULE" not in settings(wired)


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"config/settings.py": "CELERY_BEAT_SCHEDULE = build()\n"}, "config/settings.py"),
        (
            {"config/settings.py": "if DEBUG:\n    CELERY_BEAT_SCHEDULE = {}\n"},
            "config/settings.py",
        ),
        (
            {"config/settings.py": "CELERY_BEAT_SCHEDULE = {}\nCELERY_BEAT_SCHEDULE['x'] = {}\n"},
            "config/settings.py",
        ),
        (
            {"config/settings.py": "CELERY_BEAT_SCHEDULE = dict(A)\nCELERY_BEAT_SCHEDULE |= B\n"},
            "config/settings.py",
        ),
        ({"config/settings.py": "globals()['CELERY_BEAT_SCHEDULE'] = {}\n"}, "config/settings.py"),
        (
            {
                "config/settings.py": "CELERY_BEAT_SCHEDULE = {}\n",
                "config/celery.py": "app.conf.beat_schedule = {}\n",
            },
            "config/celery.py",
        ),
        ({"config/celery.py": "app.conf.update(beat_schedule={})\n"}, "config/celery.py"),
    ],
)
def test_what_is_built_by_code_is_refused_with_the_lines_to_paste(wired, files, place):
    for path, text in files.items():
        (wired / path).write_text((wired / path).read_text() + "\n" + text)
    before = snapshot(wired)
    with pytest.raises(CannotPatch) as caught:
        add(wired)
    assert str(caught.value.where.path) == place
    assert caught.value.where.line
    assert snapshot(wired) == before


def test_an_entry_of_the_database_is_not_taken_out_of_the_settings(wired):
    scheduler = "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\n"
    (wired / "config/settings.py").write_text(settings(wired) + scheduler)
    with pytest.raises(CannotPatch, match="from the database"):
        commands.remove_schedule(wired, Recorder(), "nightly", yes=True, no_verify=True)


FROM_SETTINGS = 'app.config_from_object("django.conf:settings", namespace="CELERY")'


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("", {}),
        ('app.conf.update(broker_url="redis://")', {}),
        ('app.config_from_object("config.conf")', {"config/conf.py": "task_time_limit = 9\n"}),
        ('app.config_from_object("django.conf:settings")', {}),
        ("from django.conf import settings\napp.config_from_object(settings.CELERY)", {}),
    ],
)
def test_an_app_that_ignores_the_settings_has_its_schedule_in_its_file(wired, line, files):
    app = wired / "config/celery.py"
    app.write_text(app.read_text().replace(FROM_SETTINGS, line))
    make_tree(wired, files)
    add(wired)
    text = app.read_text()
    assert text.count("app.conf.beat_schedule = {") == 1
    assert "from celery.schedules import crontab\n" in text
    add(wired, "weekly", cron="0 3 * * 1")
    assert app.read_text().count("app.conf.beat_schedule = {") == 1
    assert app.read_text().count('"task"') == 2


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ('app.config_from_object("config.conf")', {"config/conf.py": "beat_schedule = {}\n"}),
        ('app.config_from_object("elsewhere.conf")', {}),
        ('app.config_from_envvar("CONFIG")', {}),
    ],
)
def test_a_second_schedule_beside_one_elsewhere_is_refused(wired, line, files):
    app = wired / "config/celery.py"
    app.write_text(app.read_text().replace(FROM_SETTINGS, line))
    make_tree(wired, files)
    with pytest.raises(CannotPatch, match="does not read"):
        add(wired)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"args": "{}"}, "list"),
        ({"kwargs": "[1]"}, "object"),
        ({"kwargs": "full=false"}, "JSON"),
        ({"expires": "soon"}, "15m"),
        ({"priority": 99}, "0 to 9"),
        ({"name": " "}, "name"),
    ],
)
def test_what_cannot_be_meant_is_said(wired, more, words):
    with pytest.raises(UsageError) as caught:
        add(wired, **more)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_project_without_celery_is_sent_to_init(project):
    make_tree(project, {})
    with pytest.raises(NoCelery, match="no Celery app"):
        add(project)


BOUND = [
    "from .beat import CELERY_BEAT_SCHEDULE\n",
    "from .beat import ENTRIES as CELERY_BEAT_SCHEDULE\n",
    "from . import beat\nbeat.CELERY_BEAT_SCHEDULE['x'] = {}\n",
    "match [{}]:\n    case [CELERY_BEAT_SCHEDULE]:\n        pass\n",
    "globals().update(CELERY_BEAT_SCHEDULE={'x': {}})\n",
    "globals()['CELERY_' + 'BEAT_SCHEDULE'] = {'x': {}}\n",
    "globals()['celery_beat_schedule'.upper()] = {'x': {}}\n",
    "def CELERY_BEAT_SCHEDULE():\n    pass\n",
    "with open('x') as CELERY_BEAT_SCHEDULE:\n    pass\n",
]


@pytest.mark.parametrize("lines", BOUND)
def test_whatever_binds_the_name_is_seen_and_no_entry_is_lost(wired, lines):
    beat = "ENTRIES = {'x': {}}\nCELERY_BEAT_SCHEDULE = ENTRIES\n"
    make_tree(wired, {"config/settings.py": settings(wired) + lines, "config/beat.py": beat})
    before = snapshot(wired)
    with pytest.raises(CannotPatch):
        add(wired)
    assert snapshot(wired) == before


def test_a_name_that_only_ends_alike_is_no_use(wired):
    lines = "MY_BEAT_SCHEDULE = 1\nNAME = 'CELERY_BEAT_SCHEDULER'\nX = 'schedule'\n"
    make_tree(wired, {"config/settings.py": settings(wired) + lines})
    add(wired)
    assert '"nightly": {' in settings(wired)


SEND = "from celery import shared_task\n\n\n@shared_task\ndef send():\n    pass\n"


@pytest.mark.parametrize("task", ["doctors.send", "doctors.tasks.send"])
def test_a_task_is_found_by_both_of_its_names(wired, task):
    make_tree(wired, {"doctors/tasks.py": SEND})
    add(wired, task=task)
    assert schedule(wired)["nightly"]["task"] == "doctors.tasks.send"


def test_the_registered_name_is_the_one_that_the_code_gives(wired):
    make_tree(
        wired,
        {"doctors/tasks.py": SEND.replace("shared_task\ndef", "shared_task(name='mail')\ndef")},
    )
    add(wired, task="doctors.send")
    assert schedule(wired)["nightly"]["task"] == "mail"


def test_a_task_that_another_app_names_after_this_one_is_found(wired):
    make_tree(
        wired,
        {
            "config/settings.py": settings(wired).replace('"doctors"', '"doctors", "mails"'),
            "mails/__init__.py": "",
            "mails/tasks.py": SEND.replace(
                "shared_task\ndef", "shared_task(name='doctors.send')\ndef"
            ),
        },
    )
    add(wired, task="doctors.send")
    assert schedule(wired)["nightly"]["task"] == "doctors.send"


def test_a_task_deep_in_a_package_is_found(wired):
    make_tree(
        wired,
        {"doctors/tasks/__init__.py": "from .mail import send\n", "doctors/tasks/mail.py": SEND},
    )
    add(wired, task="doctors.send")
    assert schedule(wired)["nightly"]["task"] == "doctors.tasks.mail.send"


def test_two_tasks_of_one_function_name_are_not_guessed_at(wired):
    make_tree(
        wired,
        {"doctors/tasks/__init__.py": "", "doctors/tasks/a.py": SEND, "doctors/tasks/b.py": SEND},
    )
    with pytest.raises(
        UsageError, match=r"may be any of doctors\.tasks\.a\.send, doctors\.tasks\.b\.send"
    ):
        add(wired, task="doctors.send")


@pytest.mark.parametrize("task", ["library.tasks.clean", "celery.backend_cleanup"])
def test_the_name_of_a_librarys_task_stays(wired, task):
    add(wired, task=task)
    assert schedule(wired)["nightly"]["task"] == task


def test_a_folder_on_the_path_gives_no_other_name_than_installed_apps(wired):
    """INSTALLED_APPS = ["shop.users"], and manage.py puts shop/ on sys.path as well."""
    make_tree(
        wired,
        {
            "manage.py": "import sys\nfrom pathlib import Path\n"
            + (wired / "manage.py").read_text()
            + "\nsys.path.append(str(Path(__file__).parent / 'shop'))\n",
            "config/settings.py": settings(wired).replace('"doctors"', '"doctors", "shop.users"'),
            "shop/__init__.py": "",
            "shop/users/__init__.py": "",
            "shop/users/models.py": "",
            "shop/users/tasks.py": SEND,
        },
    )
    for entry, task in (("a", "users.send"), ("b", "shop.users.send"), ("c", "users.tasks.send")):
        add(wired, entry, task)
        assert schedule(wired)[entry]["task"] == "shop.users.tasks.send"


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("kwargs", '{"x": NaN}'),
        ("kwargs", '{"x": [Infinity]}'),
        ("kwargs", '{"x": -Infinity}'),
        ("kwargs", '{"x": 1e999}'),
        ("kwargs", '{"x": ' + "[" * 3000 + "]" * 3000 + "}"),
        ("args", "[NaN]"),
    ],
)
def test_what_json_and_python_do_not_share_is_refused(wired, flag, text):
    before = snapshot(wired)
    with pytest.raises(UsageError, match=f"--{flag} is not valid JSON"):
        add(wired, **{flag: text})
    assert snapshot(wired) == before


def test_a_schedule_in_a_file_that_the_settings_star_import_grows_and_is_proved(wired):
    make_tree(
        wired,
        {
            "config/beat.py": "CELERY_BEAT_SCHEDULE = {}\n",
            "config/settings.py": settings(wired) + "\nfrom config.beat import *\n",
            "doctors/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef sync():\n"
            "    return 1\n",
        },
    )
    request = Request("nightly", "doctors.tasks.sync", parse(cron="0 3 * * *"))
    written = commands.add_schedule(wired, Recorder(), request, yes=True, python=sys.executable)
    assert written.result.outcome == "done"
    assert written.result.proof.verdict is Verdict.PASSED
    assert '"nightly"' in (wired / "config/beat.py").read_text()


TASKS = "from celery import shared_task\n\n\n@shared_task\ndef charge():\n    pass\n"


def remove(folder: Path, name: str):
    return commands.remove_schedule(folder, Recorder(), name, yes=True, no_verify=True)


@pytest.mark.parametrize("text", ["charge", "doctors.charge", "doctors.tasks.charge"])
def test_a_task_is_scheduled_and_its_entry_removed_by_any_of_its_names(wired, text):
    make_tree(wired, {"doctors/tasks.py": TASKS})
    before = settings(wired)
    add(wired, "other", "doctors.elsewhere")
    other = settings(wired)
    add(wired, "nightly", text)
    assert schedule(wired)["nightly"]["task"] == "doctors.tasks.charge"
    remove(wired, text)
    assert settings(wired) == other != before


def test_several_entries_of_a_task_are_listed(wired):
    make_tree(wired, {"doctors/tasks.py": TASKS})
    add(wired, "nightly", "charge")
    add(wired, "daily", "charge")
    before = settings(wired)
    with pytest.raises(UsageError, match="several entries send charge") as caught:
        remove(wired, "charge")
    assert caught.value.hint == "Write one of nightly, daily."
    assert settings(wired) == before


def test_a_bare_name_of_several_tasks_is_no_guess(wired):
    make_tree(wired, {"doctors/tasks.py": TASKS, "doctors/jobs.py": TASKS})
    with pytest.raises(UsageError, match=r"charge may be any of"):
        add(wired, "nightly", "charge")


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "and it does not run then."),
        (["2027-03-28T03:30:00+02:00"], "and it runs once then, at 03:30 +02:00."),
        (
            ["2027-03-28T02:30:00+02:00", "2027-03-28T02:30:00+01:00"],
            "and it runs 2 times then: 02:30 +02:00, 02:30 +01:00.",
        ),
    ],
)
def test_a_night_of_changed_clocks_in_words(runs, words):
    from celeryize.commands.schedule.run import _clock_change_words

    told = _clock_change_words("2027-03-28T03:00:00+02:00", runs)
    assert told == f"On Sun 2027-03-28 the clocks change, {words}"


def test_after_a_removal_beat_is_to_be_restarted(wired):
    add(wired)
    add(wired, "other")
    ended = remove(wired, "nightly")
    (*_, step) = ended.next_steps
    assert step.what == "Restart Beat, which sends the entry until then"
    assert " beat " in step.lines[-1]


COMPOSE = "services:\n  web:\n    image: shop\n    command: gunicorn config.wsgi\n"
COMPOSE_WITH_BEAT = f"{COMPOSE}  clock:\n    image: shop\n    command: celery -A config beat\n"
ADDING = "def plan(sender):\n    sender.add_periodic_task(10, None)\n"


@pytest.mark.parametrize(
    ("backend", "files", "entries", "said"),
    [
        ("redis", {}, 1, "nightly is the last entry: Beat then runs an empty schedule, and need"),
        ("redis", {"compose.yaml": COMPOSE}, 1, "and need not be started any more."),
        (
            "redis",
            {"compose.yaml": COMPOSE_WITH_BEAT},
            1,
            "can be left out of the deployment: clock (compose.yaml:7).",
        ),
        (
            "django-db",
            {"compose.yaml": COMPOSE_WITH_BEAT},
            1,
            "sends nothing but celery.backend_cleanup",
        ),
        ("file", {}, 1, "sends nothing but celery.backend_cleanup"),
        ("redis", {"compose.yaml": COMPOSE_WITH_BEAT}, 2, ""),
        ("redis", {"doctors/beat.py": ADDING}, 1, ""),
    ],
)
def test_the_last_entry_leaves_a_beat_that_sends_nothing(backend, files, entries, said, project):
    flags = {"broker": "redis", "result_backend": backend}
    commands.init(project, Recorder(), flags=flags, yes=True, no_verify=True)
    make_tree(project, files)
    for name in ("nightly", "other")[:entries]:
        add(project, name)
    view = Recorder()
    commands.remove_schedule(project, view, "nightly", yes=True, no_verify=True)
    (plan,) = view.plans
    told = [note for note in plan.notes if "the last entry" in note]
    assert bool(told) == bool(said)
    assert said in "".join(told)
