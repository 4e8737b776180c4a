"""What looks like a mistake on real projects and is none: each beside the mistake that stays one."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.checks.facts import highest_major
from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    IMPORT,
    OK_ENTRY,
    TASK,
    TASKS,
    Mistake,
    entry,
    facts_of,
    found_in,
    healthy,
    settings,
    tasks,
    view,
    with_twin,
)

SHARED = "from celery import shared_task\n\n\n"
JOB = f"{SHARED}{TASK}def job():  # <-\n    pass\n"
COMPOSE = "services:\n  worker:\n    command: celery -A shopfront worker\n"
NIGHTLY = "        'task': 'doctors.tasks.nightly',\n        'schedule': crontab(minute=0),\n"


def package(init: str, **more: str) -> dict[str, str]:
    """The app with a tasks package: the usual tasks in its `__init__`, a job in `mail`."""
    return {
        "doctors/tasks.py": "",
        "doctors/tasks/__init__.py": TASKS + init,
        "doctors/tasks/mail.py": JOB,
        **more,
    }


def scheduled(decorator: str, **files: str) -> dict[str, str]:
    """A nightly entry, and a task of that name under a decorator; `files` are what that needs."""
    head, _, at = decorator.rpartition("\n")
    body = f"{head}\n\n\n@{at}\ndef nightly():\n    pass\n"
    return {"doctors/tasks.py": TASKS.replace(SHARED, f"{SHARED}{body}\n\n"), **entry(NIGHTLY)} | {
        name.replace("__", "/") + ".py": text for name, text in files.items()
    }


NO_SUCH_TASK = entry(NIGHTLY.replace("',\n", "',  # <-\n", 1))
FACTORY = "from celery import Celery\n\n\ndef make():\n    return Celery('x')\n\n\nqueue = make()\n"

PING = f"{SHARED}@shared_task(name='ping')\ndef ping():  # <-\n    pass\n"
ALTERNATIVES = {"doctors/fast.py": PING.replace("  # <-", ""), "doctors/slow.py": PING}
IN_BRANCHES = (
    "from django.conf import settings\n\nif settings.DEBUG:\n    from .fast import ping\n"
    "else:\n    from doctors.slow import ping\n"
)
WHERE_MISSING = "try:\n    from .fast import *\nexcept ImportError:\n    from . import slow\n"
JOB_CLASS = "class Job(Task):  # <-\n    def run(self):\n        pass\n"
OWN_READER = {"config/wiring.py": "def wire(app):\n    getattr(app, 'config_' + 'from')('x')\n"}
UNREAD = APP.replace('app.config_from_object("django.conf:settings", namespace="CELERY")\n', "%s")

ALARMS = [
    # E190: a process imports one module, or the other
    *(
        Mistake(
            "celery.E190",
            {
                "doctors/tasks.py": f"{TASKS}\nfrom .fast import ping\nfrom .slow import ping as p\n",
                **ALTERNATIVES,
            },
            {"doctors/tasks.py": f"{TASKS}\n{imports}", **ALTERNATIVES},
        )
        for imports in (IN_BRANCHES, WHERE_MISSING)
    ),
    # E432: something goes through the classes
    *(
        Mistake(
            "celery.E432",
            tasks(f"from celery import Task\n\n\n{JOB_CLASS}"),
            tasks(f"from celery import Task\n\n\n{registered}"),
        )
        for registered in (
            f"from .registry import register\n\n\n@register\n{JOB_CLASS}",
            f"{JOB_CLASS}\n\nfor one in Task.__subclasses__():\n    register(one())\n",
        )
    ),
    # E051: another function reads the settings
    Mistake(
        "celery.E051",
        {"config/celery.py": UNREAD % ""},
        {
            "config/celery.py": UNREAD % "from config.wiring import wire\n\nwire(app)\n",
            **OWN_READER,
        },
        at="config/celery.py:7",
    ),
    # E110: a container gives the folder another name, or the module is deeper in the repository
    Mistake(
        "celery.E110",
        {
            "docker-compose.yml": COMPOSE.replace("worker\n", "worker  # <-\n")
            .replace("services:\n  worker  # <-", "services:\n  worker")
            .replace("  worker:  # <-", "  worker:")
        },
        {"docker-compose.yml": COMPOSE + "    volumes:\n      - ./:/code/shopfront\n"},
        at="docker-compose.yml:3",
    ),
    Mistake(
        "celery.E110",
        {"docker-compose.yml": COMPOSE},
        {
            "docker-compose.yml": COMPOSE,
            "Dockerfile": "FROM python\nCOPY . /app/shopfront\nWORKDIR /app\n",
        },
        at="docker-compose.yml:3",
    ),
    Mistake(
        "celery.E110",
        {"docker-compose.yml": COMPOSE},
        {"docker-compose.yml": COMPOSE, "other/apps/shopfront/__init__.py": ""},
        at="docker-compose.yml:3",
    ),
    # E111, E161: right in the Celery that the project declares
    Mistake(
        "celery.E111",
        {"Procfile": "w: celery worker -A config  # <-\n"},
        {"Procfile": "w: celery worker -A config\n", "requirements.txt": "django\ncelery==4.4.7\n"},
    ),
    Mistake(
        "celery.E161",
        settings("CELERY_RESULT_BACKEND = 'amqp://'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'amqp://'\n", instead="CELERY_RESULT_B")
        | {"requirements.txt": "django\ncelery>=3.1,<4\n"},
    ),
    Mistake(
        "celery.E161",
        settings(
            "CELERY_RESULT_BACKEND = os.environ.get('X', 'no_such')  # <-\n",
            instead="CELERY_RESULT_B",
        ),
        settings(
            "CELERY_RESULT_BACKEND = parser.get('celery', 'result_backend')\n",
            instead="CELERY_RESULT_B",
        ),
    ),
    # E035: other ways to import a module of the package
    *(
        Mistake("celery.E035", package(""), package(init), at="doctors/tasks/mail.py:5")
        for init in (
            "from doctors.tasks.mail import *\n",
            "from doctors.tasks.other import *\nfrom doctors.tasks.mail import *\n",
            "import doctors.tasks.mail\n",
            "from doctors.tasks import mail\n",
            "import pkgutil\nfor m in pkgutil.iter_modules(__path__):\n    __import__(m.name)\n",
            "from importlib import import_module\nfor n in ['ma' 'il']:\n    import_module(n)\n",
        )
    ),
    Mistake(
        "celery.E035",
        package(""),
        package("", **settings("CELERY_IMPORTS = ()\nCELERY_IMPORTS += ('doctors.tasks.mail',)\n")),
        at="doctors/tasks/mail.py:5",
    ),
    # E170: a task under any decorator of Celery
    *(
        Mistake("celery.E170", NO_SUCH_TASK, scheduled(decorator, **files))
        for decorator, files in (
            ("from config.worker import queue\nqueue.task", {"config__worker": FACTORY}),
            (
                "from config import tools\ntools.queue.task(bind=False)",
                {"config__tools": "from .worker import queue\n", "config__worker": FACTORY},
            ),
            ("from celery import current_app\ncurrent_app.task", {}),
            ("from celery import current_app as app\napp.task()", {}),
            ("from celery import task\ntask", {}),
            ("from celery.task import periodic_task\nperiodic_task(run_every=5)", {}),
            ("from celery.decorators import task as job\njob()", {}),
            ("import celery\ncelery.task", {}),
        )
    ),
    Mistake(
        "celery.E170",
        NO_SUCH_TASK,
        {"doctors/tasks.py": TASKS + "\n\ndef nightly(:\n", **entry(NIGHTLY)},
    ),
    # E010: a web process comes by the app in another way
    *(
        Mistake(
            "celery.E010",
            {"config/__init__.py": ""},
            {"config/__init__.py": "", path: text},
            at="config/__init__.py:1",
        )
        for path, text in (
            ("doctors/urls.py", "from config.celery import app\n"),
            ("doctors/admin.py", "import config.celery\n"),
            ("doctors/services/mail.py", "from config import celery\n"),
        )
    ),
    # E020: behind the installed packages, and a copy of the library itself
    Mistake(
        "celery.E020",
        {
            "manage.py": "import sys\nsys.path.insert(0, 'libs')\n" + healthy()["manage.py"],
            "libs/kombu.py": "x = 1  # <-\n",
        },
        {
            "manage.py": "import sys\nsys.path.append('libs')\n" + healthy()["manage.py"],
            "libs/kombu.py": "x = 1\n",
        },
    ),
    Mistake(
        "celery.E020",
        {"kombu/__init__.py": "x = 1  # <-\n"},
        {
            "kombu/__init__.py": "x = 1\n",
            "kombu/messaging.py": "",
            "kombu/transport/virtual/__init__.py": "",
        },
    ),
    # a library that was copied into the tree
    *(
        Mistake(
            "celery.E421",
            {"lib/jobs.py": f"{SHARED}{TASK}def f(self):  # <-\n    pass\n"},
            {f"{folder}/jobs.py": f"{SHARED}{TASK}def f(self):\n    pass\n"} | more,
        )
        for folder, more in (
            ("vendor/some", {}),
            ("doctors/_vendor", {}),
            ("libs/some", {"libs/some-1.0.dist-info/METADATA": ""}),
        )
    ),
    # E421: bind may be among **OPTIONS
    Mistake(
        "celery.E421",
        tasks("@shared_task()\ndef f(self):  # <-\n    pass\n"),
        tasks("OPTIONS = {'bind': True}\n\n\n@shared_task(**OPTIONS)\ndef f(self):\n    pass\n"),
    ),
    # W182: a task of a decorator of Celery before 5, of a class
    Mistake(
        "celery.W182",
        settings("CELERY_TASK_ROUTES = {'doctors.tasks.old': {'queue': 'celery'}}  # <-\n"),
        settings("CELERY_TASK_ROUTES = {'doctors.tasks.old': {'queue': 'celery'}}\n")
        | {
            "doctors/tasks.py": TASKS.replace("\n\n\n", "\nfrom celery import task\n\n\n", 1)
            + "\n\n@task\ndef old():\n    pass\n"
        },
    ),
    # W070, W060: the project reads the name itself
    Mistake(
        "celery.W070",
        settings("CELERYD_CONCURRENCY = 2  # <-\n"),
        settings("CELERYD_CONCURRENCY = 2\n")
        | {
            "doctors/views.py": "from django.conf import settings\nN = settings.CELERYD_CONCURRENCY\n"
        },
    ),
    Mistake(
        "celery.W070",
        settings("CELERYD_CONCURRENCY = 2  # <-\n"),
        settings("CELERYD_CONCURRENCY = 2\n") | {"requirements.txt": "django\ncelery<4\n"},
    ),
    Mistake(
        "celery.W060",
        settings("CELERY_TASK_QUEUE = 'x'  # <-\n")
        | {"config/prod.py": "from .settings import *\nCELERY_TASK_QUEUE = 'y'\n"},
        settings("CELERY_TASK_QUEUE = 'x'\n")
        | {
            "doctors/views.py": "from django.conf import settings\nN = settings.CELERY_TASK_QUEUE\n"
        },
    ),
    # W360: a pickle holds any object
    Mistake(
        "celery.W360",
        view("def f(request):\n    greet.delay(request)  # <-\n"),
        view("def f(request):\n    greet.apply_async((request,), serializer='pickle')\n"),
    ),
    # W330: waits for the commit after all
    *(
        Mistake(
            "celery.W330",
            view("def f():\n    with transaction.atomic():\n        greet.delay('x')  # <-\n"),
            view(body),
        )
        for body in (
            "def send():\n    greet.delay('x')\n\n\n@transaction.atomic\ndef f():\n"
            "    transaction.on_commit(send)\n",
            "@transaction.atomic\ndef f(a):\n    if a:\n        def send():\n"
            "            greet.delay('x')\n        transaction.on_commit(send)\n",
            "class A:\n    @transaction.atomic\n    def f(self):\n"
            "        transaction.on_commit(partial(self.send, 1))\n\n"
            "    @transaction.atomic\n    def send(self, n):\n        greet.delay('x')\n",
            "def f():\n    with transaction.atomic():\n"
            "        greet.apply_async(('x',), countdown=5)\n",
        )
    ),
    # W231: what can be no day of a month
    *(
        Mistake(
            "celery.W231",
            entry(
                "        'task': 'doctors.tasks.greet',\n        'args': ('x',),\n"
                "        'schedule': crontab(0, 3, 1),  # <-\n"
            ),
            entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", f"crontab(0, 3, {day})")),
        )
        for day in ("'mon-fri'", "'*'", "0", "DAY")
    ),
    # W270: a scheduler that remembers, named where Beat is started
    *(
        Mistake(
            "celery.W270",
            entry(
                "        'task': 'doctors.tasks.greet',\n        'args': ('x',),\n"
                "        'schedule': timedelta(hours=2),  # <-\n"
            ),
            entry(
                "        'task': 'doctors.tasks.greet',\n        'args': ('x',),\n"
                "        'schedule': timedelta(hours=2),\n"
            )
            | {path: text},
        )
        for path, text in (
            ("Procfile", "beat: celery -A config beat -S django\n"),
            ("pyproject.toml", 'beat.cmd = "celery -A config beat --scheduler shop.Database"\n'),
            ("Makefile", "beat:\n\tcelery -A config beat -l info --scheduler=redbeat.X\n"),
        )
    ),
    # W080: the same value, or the setting itself
    Mistake(
        "celery.W080",
        {"config/celery.py": APP + "app.conf.task_time_limit = 5  # <-\n"},
        {"config/celery.py": APP + "app.conf.task_time_limit = 300\n"},
    ),
    Mistake(
        "celery.W080",
        {"config/celery.py": APP + "app.conf.task_time_limit = 5  # <-\n"},
        {"config/celery.py": APP + "app.conf.task_time_limit = settings.CELERY_TASK_TIME_LIMIT\n"},
    ),
    # W041: another module, or the deployment, sets the variable
    *(
        Mistake(
            "celery.W041",
            {
                "config/celery.py": (
                    bare := "".join(
                        line for line in APP.splitlines(True) if "setdefault" not in line
                    )
                ).replace('Celery("config")', 'Celery("config")  # <-')
            },
            {"config/celery.py": bare, path: text},
        )
        for path, text in (
            (
                "start.py",
                "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n"
                "from config.celery import app\n",
            ),
            ("Dockerfile", "ENV DJANGO_SETTINGS_MODULE=config.settings\n"),
        )
    ),
]


@pytest.mark.parametrize("alarm", ALARMS, ids=str)
def test_the_mistake_is_still_found(tmp_path: Path, alarm: Mistake):
    assert (alarm.id, alarm.place) in found_in(tmp_path, alarm.broken)


@pytest.mark.parametrize("alarm", with_twin(ALARMS), ids=str)
def test_what_only_looks_like_it_is_not(tmp_path: Path, alarm: Mistake):
    assert alarm.id not in {found for found, _ in found_in(tmp_path, alarm.twin)}


def test_a_value_that_is_ignored_is_not_wrong_as_well(tmp_path):
    files = settings("CELERY_BROKER_URL = 'redi://x'\n", instead="CELERY_BROKER_U")
    files["config/celery.py"] = APP.replace(', namespace="CELERY")', ")")
    assert [found for found, _ in found_in(tmp_path, files)] == ["celery.E050"]


def test_what_one_file_repeats_is_one_finding(tmp_path):
    body = "def f():\n    with transaction.atomic():\n" + "        greet.delay('x')\n" * 3
    root = make_tree(tmp_path, {**healthy(), **view(body)})
    (found,) = run_checks(facts_of(root)).findings
    assert found.message.endswith("(and 2 more in this file: lines 8, 9)")


@pytest.mark.parametrize(
    ("requirement", "major"),
    [
        ("celery==4.4.7", 4),
        ("celery<5", 4),
        ("celery<5.0", 4),
        ("celery<5.3", 5),
        ("celery>=3.1,<4", 3),
        ("celery~=4.2", 4),
        ('celery = "^4.3"', 4),
        ('celery = "4.4.7"', 4),
        ("celery>=4", None),
        ("celery[redis]", None),
        ("", None),
    ],
)
def test_the_newest_celery_that_a_requirement_allows(requirement, major):
    assert highest_major(requirement) == major


UNREADABLE = [
    ("doctors/tasks.py", TASKS + "def (:\n", "celery.E006"),
    ("config/settings.py", healthy()["config/settings.py"] + "X = = 1\n", "celery.E006"),
    ("config/celery.py", APP + "X = = 1\n", "celery.E006"),
    ("config/settings.py", healthy()["config/settings.py"] + "# caf\xe9\n", "celery.E006"),
    ("doctors/views.py", "from doctors.tasks import greet\ndef (:\n", "celery.W007"),
    ("doctors/tasks.py", TASKS.replace("\n", "\r"), "celery.W007"),
    ("doctors/tasks.py", TASKS + "try:\n    pass\nexcept A, B:\n    pass\n", "celery.W007"),
    ("doctors/tasks.py", TASKS + f"X = a{'.b' * 3000}\n", "celery.W007"),
]


@pytest.mark.parametrize(("path", "text", "identifier"), UNREADABLE)
def test_a_file_that_cannot_be_read_is_named(tmp_path, path, text, identifier):
    root = make_tree(tmp_path, {**healthy(), path: text.encode("latin-1")})
    found = {(f.id, str(f.where.path)) for f in run_checks(facts_of(root)).findings if f.where}
    assert (identifier, path) in found


def test_a_file_that_does_not_mention_celery_may_be_broken(tmp_path):
    assert found_in(tmp_path, {"doctors/old.py": "print 'x'\n"}) == []


def test_the_healthy_project_imports_its_app(tmp_path):
    assert "celery_app" in IMPORT and found_in(tmp_path, {}) == []
