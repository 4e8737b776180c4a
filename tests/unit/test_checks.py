"""checks/: for each mistake a small project in which exactly that is found, at its line; and a healthy twin."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from celeryize.checks.examine import all_checks
from celeryize.commands import verify
from celeryize.errors import CeleryizeError, UsageError
from tests.conftest import make_tree, small_project
from tests.unit.test_golden import GOLDEN
from tests.views import Recorder

APP = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
IMPORT = 'from .celery import app as celery_app\n\n__all__ = ("celery_app",)\n'
TASKS = """from celery import shared_task


@shared_task
def greet(name):
    return name


@shared_task(bind=True, max_retries=3)
def call(self, doctor_id, *, urgent=False):
    try:
        return doctor_id
    except OSError as error:
        raise self.retry(exc=error)
"""
BLOCK = """
CELERY_BROKER_URL = "redis://localhost:6379/0"
CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
"""
SCHEDULE = "from celery.schedules import crontab\nCELERY_BEAT_SCHEDULE = {{'a': {}}}\n"
GOOD = "'task': 'doctors.tasks.greet', 'args': ['x']"


def healthy() -> dict[str, str]:
    """A project with Celery in which nothing is wrong."""
    tree = {name: str(text) for name, text in small_project().items()}
    return {
        **tree,
        "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\n",
        "config/celery.py": APP,
        "config/__init__.py": IMPORT,
        "config/settings.py": tree["config/settings.py"] + BLOCK,
        "doctors/tasks.py": TASKS,
        "Procfile": "worker: celery -A config worker -l INFO\nbeat: celery -A config beat\n",
    }


def with_settings(text: str) -> dict[str, str]:
    return {"config/settings.py": healthy()["config/settings.py"] + text}


def with_tasks(text: str) -> dict[str, str]:
    return {"doctors/tasks.py": TASKS + text}


def entry(text: str) -> dict[str, str]:
    return with_settings(SCHEDULE.format("{" + text + "}"))


def task(options: str, head: str = "def t():", body: str = "pass") -> dict[str, str]:
    return with_tasks(f"\n\n@shared_task({options})\n{head}\n    {body}\n")


def replaced(path: str, old: str, new: str) -> dict[str, str]:
    text = healthy()[path]
    assert old in text
    return {path: text.replace(old, new)}


def view(body: str, head: str = "def view(request):") -> dict[str, str]:
    imports = "from django.db import transaction\nfrom .models import Doctor\nfrom .tasks import greet\n"
    return {"doctors/views.py": f"{imports}\n{head}\n{body}\n"}


END = healthy()["config/settings.py"].count("\n")
LAST = TASKS.count("\n")
STATIC = [
    ("E001", {"config/__init__.py": ""}, "config/celery.py:7"),
    ("E002", {"redis.py": "x = 1\n"}, "redis.py"),
    ("E002", {"kombu/__init__.py": ""}, "kombu/__init__.py"),
    (
        "E004",
        {
            "config/celery.py": APP.replace(
                'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n', ""
            )
        },
        "config/celery.py:6",
    ),
    ("E005", replaced("config/celery.py", ', namespace="CELERY"', ""), "config/celery.py:7"),
    ("E005", replaced("config/celery.py", '"CELERY"', '"celery"'), "config/celery.py:7"),
    ("W006", with_settings("CELERY_TASK_SERIALIZERS = 'json'\n"), f"config/settings.py:{END + 1}"),
    ("W006", with_settings("CELERY_RESULT_BACKEND_URL = 'x'\n"), f"config/settings.py:{END + 1}"),
    ("I006", with_settings("CELERY_OUR_OWN_THING = 1\n"), f"config/settings.py:{END + 1}"),
    ("W007", with_settings("CELERYD_CONCURRENCY = 4\n"), f"config/settings.py:{END + 1}"),
    ("W007", with_settings("CELERY_MAX_CACHED_RESULTS = 4\n"), f"config/settings.py:{END + 1}"),
    (
        "W008",
        replaced("config/celery.py", 'Celery("config")', 'Celery("config", broker="redis://")'),
        "config/celery.py:7",
    ),
    ("W008", {"config/celery.py": APP + "app.conf.task_serializer = 'json'\n"}, "config/celery.py:10"),
    (
        "W009",
        {"config/celery.py": APP + "\n\n@app.on_after_configure.connect\ndef f(sender, **k): ...\n"},
        "config/celery.py:12",
    ),
    ("E010", {"config/other.py": 'from celery import Celery\n\napp2 = Celery("b")\n'}, "config/other.py:3"),
    ("E011", {"Procfile": "worker: celery worker -A config\n"}, "Procfile:1"),
    ("W012", replaced("config/celery.py", '"config.settings"', '"config.prod"'), "config/celery.py:5"),
    ("E014", {"config/celery.py": "from doctors.models import Doctor\n" + APP}, "config/celery.py:1"),
    (
        "E016",
        replaced("config/settings.py", "redis://localhost:6379/0", "localhost:6379"),
        "config/settings.py:23",
    ),
    (
        "E016",
        replaced("config/settings.py", "redis://localhost:6379/0", "redi://localhost"),
        "config/settings.py:23",
    ),
    ("E016", replaced("config/settings.py", "redis://localhost:6379/1", "django_db"), "config/settings.py:24"),
    ("E016", replaced("config/settings.py", "redis://localhost:6379/0", "redis://h/0 "), "config/settings.py:23"),
    ("E017", entry("'task': 'doctors.tasks.nothing', 'schedule': 60.0"), f"config/settings.py:{END + 2}"),
    ("W018", task("queue='slow'"), f"doctors/tasks.py:{LAST + 4}"),
    ("W021", entry(f"{GOOD}, 'schedule': crontab(hour=8)"), f"config/settings.py:{END + 2}"),
    ("W022", entry(f"{GOOD}, 'schedule': crontab(minute='*/45')"), f"config/settings.py:{END + 2}"),
    ("E023", entry(f"{GOOD}, 'schedule': crontab('0 8 * * *')"), f"config/settings.py:{END + 2}"),
    ("E023", entry(f"{GOOD}, 'schedule': crontab(minute=60)"), f"config/settings.py:{END + 2}"),
    ("E023", entry(f"{GOOD}, 'schedule': crontab(minute=0, hours=8)"), f"config/settings.py:{END + 2}"),
    ("E024", entry(f"{GOOD}, 'schedule': 60.0, 'queue': 'x'"), f"config/settings.py:{END + 2}"),
    ("E024", entry(GOOD), f"config/settings.py:{END + 2}"),
    ("E024", entry(f"{GOOD}, 'schedule': '* * * * *'"), f"config/settings.py:{END + 2}"),
    (
        "E025",
        entry("'task': 'doctors.tasks.greet', 'args': ('ab'), 'schedule': 60.0"),
        f"config/settings.py:{END + 2}",
    ),
    ("W026", {"Procfile": "worker: celery -A config worker -B\n"}, "Procfile:1"),
    ("W027", entry(f"{GOOD}, 'schedule': 86400.0"), f"config/settings.py:{END + 2}"),
    (
        "W029",
        with_settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\n"
            f"CELERY_BEAT_SCHEDULE = {{'a': {{{GOOD}, 'schedule': 60.0}}}}\n"
        ),
        f"config/settings.py:{END + 2}",
    ),
    (
        "W030",
        {
            "config/settings.py": entry(f"{GOOD}, 'schedule': 60.0")["config/settings.py"].replace(
                "CELERY_TIMEZONE = TIME_ZONE", "CELERY_TIMEZONE = 'UTC'"
            )
        },
        "config/settings.py:25",
    ),
    ("W033", view("    with transaction.atomic():\n        greet.delay('x')"), "doctors/views.py:7"),
    ("W035", with_settings("CELERY_TASK_ALWAYS_EAGER = True\n"), f"config/settings.py:{END + 1}"),
    ("E036", view("    doctor = Doctor.objects.get(pk=1)\n    greet.delay(doctor)"), "doctors/views.py:7"),
    ("E036", view("    greet.delay(request)"), "doctors/views.py:6"),
    ("W037", view("    greet.delay('x', countdown=3)"), "doctors/views.py:6"),
    (
        "W038",
        {
            **replaced("config/settings.py", 'CELERY_RESULT_BACKEND = "redis://localhost:6379/1"\n', ""),
            **view("    return greet.delay('x').get()"),
        },
        "doctors/views.py:6",
    ),
    ("E040", task("", body="greet.delay('x').get()"), f"doctors/tasks.py:{LAST + 5}"),
    ("E041", task("", head="async def t():"), f"doctors/tasks.py:{LAST + 4}"),
    ("E041", task("", body="yield 1"), f"doctors/tasks.py:{LAST + 4}"),
    ("E042", task("bind=True"), f"doctors/tasks.py:{LAST + 4}"),
    ("E042", task("", head="def t(self, x):"), f"doctors/tasks.py:{LAST + 4}"),
    (
        "E043",
        with_tasks("\n\ndef other(f):\n    return f\n\n\n@other\n@shared_task\ndef t():\n    pass\n"),
        f"doctors/tasks.py:{LAST + 9}",
    ),
    ("W044", task("max_retry=3"), f"doctors/tasks.py:{LAST + 3}"),
    ("E044", task("rate_limit='10/x'"), f"doctors/tasks.py:{LAST + 3}"),
    ("W045", task("max_retries=5"), f"doctors/tasks.py:{LAST + 4}"),
    ("E045", task("autoretry_for=ValueError"), f"doctors/tasks.py:{LAST + 3}"),
    (
        "E046",
        replaced("config/settings.py", "SOFT_TIME_LIMIT = 270", "SOFT_TIME_LIMIT = 400"),
        "config/settings.py:28",
    ),
    ("W046", {"Procfile": "worker: celery -A config worker -P threads\n"}, "Procfile:1"),
    ("E047", task("time_limit=60"), f"doctors/tasks.py:{LAST + 4}"),
    ("W047", replaced("config/settings.py", "3600", "60"), "config/settings.py:29"),
    (
        "E054",
        replaced("config/settings.py", "redis://localhost:6379/1", "rediss://localhost:6379/1"),
        "config/settings.py:24",
    ),
    ("W056", with_settings("CELERY_ACCEPT_CONTENT = ['json', 'pickle']\n"), f"config/settings.py:{END + 1}"),
    (
        "W057",
        replaced("config/settings.py", "redis://localhost:6379/0", "redis://:secret@localhost/0"),
        "config/settings.py:23",
    ),
    (
        "E061",
        replaced("config/settings.py", "CELERY_TASK_TIME_LIMIT = 300", "CELERY_TASK_TIME_LIMIT = '300'"),
        "config/settings.py:27",
    ),
    (
        "E062",
        {"doctors/jobs.py": "from django.tasks import task\n\n\n@task\ndef t(): ...\n\n\nt.delay()\n"},
        "doctors/jobs.py:8",
    ),
]


def found(folder: Path, tree: dict[str, str], **options: object) -> list[tuple[str, str]]:
    make_tree(folder, tree)
    options = {"static": True, **options}
    verified = verify.run(folder, Recorder(), python=sys.executable, **options)  # type: ignore[arg-type]
    return sorted((f.id.removeprefix("celery."), str(f.where)) for f in verified.findings)


@pytest.mark.parametrize(("identifier", "change", "place"), STATIC, ids=lambda x: x if isinstance(x, str) else "")
def test_exactly_the_mistake_is_found_at_its_line(tmp_path, identifier, change, place):
    assert found(tmp_path, {**healthy(), **change}) == [(identifier, place)]


@pytest.mark.parametrize(
    "change",
    [
        {},
        entry(f"{GOOD}, 'schedule': crontab(hour=8, minute=0)"),
        entry(f"{GOOD}, 'schedule': crontab(minute='*/15'), 'options': {{'queue': 'celery'}}"),
        entry(f"{GOOD}, 'schedule': 30.0"),
        view("    with transaction.atomic():\n        transaction.on_commit(lambda: greet.delay('x'))"),
        view("    with transaction.atomic():\n        greet.delay_on_commit('x')"),
        view("    doctor = Doctor.objects.get(pk=1)\n    greet.delay(doctor.pk)"),
        view("    greet.apply_async(['x'], countdown=3)"),
        task("autoretry_for=(ValueError,), max_retries=3, retry_backoff=True"),
        task("time_limit=60, soft_time_limit=50"),
        task("bind=True", head="def t(self):"),
        task("queue='slow'") | {"Procfile": "worker: celery -A config worker -Q celery,slow\n"},
        with_settings("CELERY_REDBEAT_REDIS_URL = 'redis://'\nCELERY_EMAIL_TASK_CONFIG = {}\n"),
        with_settings(
            "CELERY_WORKER_CONCURRENCY = 'auto'\nCELERY_RESULT_EXPIRES = 60\nCELERY_TASK_PROTOCOL = 2\n"
        ),
        {"doctors/cron.py": "def crontab(hour): ...\n"},
        {"doctors/views.py": "cache = {}\n\n\ndef view(request):\n    return cache.get(request)\n"},
    ],
)
def test_a_healthy_project_is_left_in_peace(tmp_path, change):
    assert found(tmp_path, {**healthy(), **change}) == []


# What only an import shows. SQLite in memory, nothing connects anywhere.
IMPORTED = [
    ("E000", {"doctors/tasks.py": "x = (\n"}, "doctors/tasks.py:1"),
    ("E000", with_tasks("\nimport nothing_of_the_kind\n"), f"doctors/tasks.py:{LAST + 2}"),
    ("E003", {"doctors/jobs.py": TASKS}, "doctors/jobs.py:5"),
    (
        "E009",
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_finalize.connect\ndef f(sender, **k):\n    raise LookupError\n"
        },
        "config/celery.py:14",
    ),
    ("E015", replaced("config/settings.py", "redis://localhost:6379/0", "sqs://"), "config/settings.py:23"),
    (
        "E018",
        entry("'task': 'doctors.tasks.gret', 'args': ['x'], 'schedule': 60.0"),
        f"config/settings.py:{END + 2}",
    ),
    (
        "E018",
        entry("'task': 'doctors.tasks.greet', 'args': [1, 2, 3], 'schedule': 60.0"),
        f"config/settings.py:{END + 2}",
    ),
    (
        "E019",
        {
            "doctors/more.py": "from celery import shared_task\n\n\n"
            "@shared_task(name='doctors.tasks.greet')\ndef other(name): ...\n",
            **with_tasks("\nfrom . import more\n"),
        },
        "",
    ),
]


@pytest.mark.parametrize(
    ("identifier", "change", "place"), IMPORTED, ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_the_import_shows_is_found(tmp_path, identifier, change, place):
    told = found(tmp_path, {**healthy(), **change}, static=False)
    assert {i for i, _ in told} == {identifier}
    assert not place or place in {where for _, where in told}


def test_three_broken_modules_are_three_findings(tmp_path):
    apps = {f"app{n}/__init__.py": "" for n in range(3)} | {
        f"app{n}/tasks.py": f"import gone_{n}\n" for n in range(3)
    }
    tree = {**healthy(), **with_settings("INSTALLED_APPS += ['app0', 'app1', 'app2']\n"), **apps}
    assert found(tmp_path, tree, static=False) == [("E000", f"app{n}/tasks.py:1") for n in range(3)]


def test_a_healthy_project_is_healthy_when_imported_too(tmp_path):
    assert found(tmp_path, healthy(), static=False) == []


def test_the_environment_that_beats_the_settings_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/0")
    assert found(tmp_path, healthy(), static=False) == [("W058", "config/settings.py:23")]


def test_static_imports_nothing(tmp_path):
    canary = "open('canary', 'w').write('imported')\n"
    tree = {path: canary + text if path.endswith(".py") else text for path, text in healthy().items()}
    found(tmp_path, tree)
    assert not list(tmp_path.rglob("canary")) and not Path("canary").exists()


def test_a_line_and_a_project_can_silence_a_check(tmp_path):
    noisy = "CELERY_TASK_ALWAYS_EAGER = True  # celeryize: ignore[W035]\n"
    assert found(tmp_path / "a", {**healthy(), **with_settings(noisy)}) == []
    table = '[tool.celeryize]\nsilence = {"celery.W035" = "only for a while"}\n'
    loud = with_settings("CELERY_TASK_ALWAYS_EAGER = True\n")
    assert found(tmp_path / "b", {**healthy(), **loud, "pyproject.toml": table}) == []
    with pytest.raises(CeleryizeError, match="without a reason"):
        found(
            tmp_path / "c", {**healthy(), "pyproject.toml": '[tool.celeryize]\nsilence = {"celery.W035" = ""}\n'}
        )


def test_only_and_skip_choose(tmp_path):
    tree = {**healthy(), **with_settings("CELERY_TASK_ALWAYS_EAGER = True\nCELERY_OUR_OWN_THING = 1\n")}
    assert [i for i, _ in found(tmp_path, tree, only=["W035"])] == ["W035"]
    assert [i for i, _ in found(tmp_path, tree, skip=["celery.W035"])] == ["I006"]
    with pytest.raises(UsageError, match="no check X999"):
        found(tmp_path, tree, only=["X999"])


@pytest.mark.parametrize("check", all_checks(), ids=lambda c: c.id)
def test_every_check_explains_itself(check):
    assert check.title and not check.title.endswith(".")
    assert [head for head, _ in check.sections] == ["How it looks", "Why", "Fix", "Source"]
    assert all(body for _, body in check.sections)


def test_class_based_settings_need_their_set_up(tmp_path):
    folder = shutil.copytree(GOLDEN / "class_based" / "after", tmp_path / "p")
    assert verify.run(folder, Recorder(), static=True).findings == ()
    app = folder / "config/celery.py"
    app.write_text(app.read_text().replace("import configurations\n", "").replace("configurations.setup()\n", ""))
    assert [(f.id, str(f.where)) for f in verify.run(folder, Recorder(), static=True).findings] == [
        ("celery.E013", "config/celery.py:9")
    ]


def test_an_app_that_web_processes_do_not_get_is_told(tmp_path):
    """The package imports the app, and then makes another one the current one."""
    other = IMPORT + "\nfrom celery import Celery as Another\n\nAnother('other').set_current()\n"
    told = found(tmp_path, {**healthy(), "config/__init__.py": other}, static=False)
    assert "E008" in {i for i, _ in told}


def test_every_check_has_a_broken_project_here():
    tried = {f"celery.{i}" for i, *_ in [*STATIC, *IMPORTED]} | {"celery.W058"}
    assert {c.id for c in all_checks()} - tried == {"celery.E008", "celery.E013"}, "each has a test of its own"
