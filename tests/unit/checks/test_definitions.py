"""How tasks are defined: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    IMPORT,
    Mistake,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    imported_facts_of,
    settings,
    tasks,
    with_twin,
)

TASK = "@shared_task\n"
VIEW = "from celery import shared_task\nfrom django.http import HttpResponse\n\n\n"
NESTED = (
    f"def book(request):\n    {TASK}    def confirm():%s\n        pass\n\n    confirm.delay()\n"
    "    return HttpResponse()\n"
)
URLS = "from django.urls import path\nfrom doctors import views\n\nurlpatterns = [%s]\n"

MISTAKES = [
    Mistake(
        "celery.W651",
        tasks(f"{TASK}def collect(seen=[]):  # <-\n    seen.append(1)\n"),
        tasks(f"{TASK}def collect(seen=[]):\n    return len(seen)\n"),
    ),
    Mistake(
        "celery.W651",
        tasks(f"{TASK}def collect(*, seen=dict()):  # <-\n    seen['a'] = 1\n"),
        tasks(f"{TASK}def collect(seen=()):\n    seen = list(seen)\n    seen.append(1)\n"),
    ),
    Mistake(
        "celery.W651",
        tasks(f"{TASK}def collect(\n    seen=set(),  # <-\n):\n    seen |= {{1}}\n"),
    ),
    Mistake(
        "celery.W651",
        {
            **tasks(
                "from celery import Task\n\n\nclass Collect(Task):\n    name = 'c'\n\n"
                "    def run(self, seen=[]):  # <-\n        seen.extend('a')\n"
            ),
            "config/__init__.py": IMPORT,
            "doctors/apps.py": healthy()["doctors/apps.py"]
            + "\n    def ready(self):\n        from config import celery_app\n"
            "        from doctors.tasks import Collect\n\n        celery_app.register_task(Collect())\n",
        },
    ),
    Mistake(
        "celery.W659",
        tasks(
            f"import datetime\n{TASK}def report(day=datetime.date.today()):  # <-\n    return str(day)\n"
        ),
        tasks(f"import datetime\n{TASK}def report(at=datetime.time(8)):\n    return str(at)\n"),
    ),
    Mistake(
        "celery.W659",
        tasks(
            f"from django.utils import timezone\n{TASK}def report(*, day=timezone.now()):  # <-\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E652",
        {
            "doctors/views.py": VIEW + NESTED % "  # <-",
            "config/urls.py": URLS % "path('book', views.book)",
        },
        {
            "doctors/views.py": VIEW + NESTED % "" + "\n\nbook(None)\n",
        },
    ),
    Mistake(
        "celery.E652",
        tasks(
            f"class Sender:\n    def send(self):\n        {TASK}        def mail():  # <-\n            pass\n"
        ),
        tasks(
            f"def make(n):\n    {TASK}    def mail():\n        pass\n    return mail\n\n\none = make(1)\n"
        ),
    ),
    Mistake(
        "celery.E653",
        {"doctors/jobs.py": "from celery.task import periodic_task  # <-\n"},
        {
            "doctors/jobs.py": "try:\n    from celery.task import task\nexcept ImportError:\n    task = None\n"
        },
    ),
    Mistake("celery.E653", {"doctors/jobs.py": "import celery.decorators as d  # <-\n"}),
    Mistake(
        "celery.E653",
        {"doctors/jobs.py": "from celery.task.schedules import (  # <-\n    crontab,\n)\n"},
        {
            "doctors/jobs.py": "from celery.task.schedules import crontab\n",
            "requirements.txt": "django\ncelery[redis]<5\n",
        },
    ),
]
for _id, _broken, _healthy in (
    ("celery.E661", "throws=[KeyError]", "throws=(KeyError,)"),
    ("celery.E662", "time_limit='60'", "expires='2030-01-01T00:00:00'"),
    ("celery.E662", "autoretry_for=(KeyError,), retry_backoff='9'", "expires=9"),
    ("celery.E662", "expires=\n'60'", "time_limit=300"),
    ("celery.W663", "acks_late='False'", "acks_late='True'"),
    ("celery.E664", "serializer='jsn'", "serializer='application/json'"),
    ("celery.E664", "compression='gzp'", "compression='gzip'"),
):
    _task = "@shared_task(%s%s)\ndef one():\n    pass\n"
    MISTAKES.append(
        Mistake(_id, tasks(_task % (_broken + ",", "  # <-\n")), tasks(_task % (_healthy, "")))
    )
OPTIONS = "OPTIONS = {%s}\n\n\n@shared_task(**OPTIONS)\ndef hidden(%s):%s\n    return 1\n"
IMPORTED = [
    Mistake(
        "celery.E655",
        tasks(OPTIONS % ("'bind': True", "", "  # <-")),
        tasks(OPTIONS % ("'bind': True", "self", "")),
    ),
    Mistake(
        "celery.E656",
        tasks(OPTIONS % ("'ignore_result': True", "self", "  # <-")),
        tasks(OPTIONS % ("'bind': True", "self, x", "")),
    ),
    Mistake(
        "celery.W657",
        tasks(OPTIONS % ("'retry_backoff': 3", "", "  # <-")),
        tasks(OPTIONS % ("'retry_backoff': 3, 'autoretry_for': (OSError,)", "", "")),
    ),
    Mistake(
        "celery.E658",
        {
            "config/__init__.py": "import os\n\nif os.environ.get('WITH_CELERY'):\n"
            "    from .celery import app as celery_app  # <-\n"
        },
        {"config/__init__.py": "if True:\n    from .celery import app as celery_app\n"},
    ),
    Mistake(
        "celery.E660",
        tasks(
            f"{TASK}def lost():  # <-\n    pass\n\n\nfrom config.celery import app\n\n"
            "app.tasks.pop('doctors.tasks.lost', None)\n"
        ),
        tasks(f"import sys\n\nif 'x' in sys.argv:\n\n    {TASK}    def lost():\n        pass\n"),
    ),
    Mistake(
        "celery.E652",
        {"doctors/views.py": VIEW + NESTED % "  # <-"},
        tasks(f"def make():\n    {TASK}    def mail():\n        pass\n\n\nglobals()['make']()\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(IMPORTED), ids=str)
def test_an_import_finds_nothing_in_the_healthy_twin(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("line", "heir"),
    [
        ("from celery.task import periodic_task", "CELERY_BEAT_SCHEDULE"),
        ("from celery.task.schedules import crontab", "celery.schedules"),
        ("from celery.decorators import task", "shared_task"),
        ("from celery.contrib.batches import Batches", "celery-batches"),
    ],
)
def test_what_is_gone_is_named_with_its_heir(tmp_path, line, heir):
    tree = {**healthy(), **tasks(f"{line}\n")}
    static = run_checks(facts_of(make_tree(tmp_path, tree))).findings
    assert [heir in finding.hint for finding in static] == [True]
    (imported,) = run_checks(imported_facts_of(tmp_path)).findings
    assert imported.id == "celery.E030"
    assert heir in imported.hint


def test_a_module_of_the_project_that_is_missing_is_no_library(tmp_path):
    tree = {**healthy(), **tasks("from doctors.mails import send\n")}
    (finding,) = run_checks(imported_facts_of(make_tree(tmp_path, tree))).findings
    assert finding.hint == "The project has no module doctors.mails. Correct the import."


def test_a_task_whose_app_other_code_removes_is_found(tmp_path):
    found = found_by_import(tmp_path, settings("INSTALLED_APPS.remove('doctors')\n"))
    assert {identifier for identifier, _ in found} == {"celery.E032"}


def test_an_import_for_the_type_checker_alone_is_none(tmp_path):
    files = {
        "config/__init__.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
        "    from .celery import app\n"
    }
    assert found_by_import(tmp_path, files) == [("celery.E010", "config/__init__.py:1")]
