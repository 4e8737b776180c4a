"""What is sent, when, and where to: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import (
    APP,
    Mistake,
    found_by_import,
    found_in,
    settings,
    tasks,
    view,
    with_twin,
)

READY = """from django.apps import AppConfig


class DoctorsConfig(AppConfig):
    name = "doctors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from .tasks import greet

"""
NOW = "import datetime as dt\nfrom datetime import datetime, timedelta\nfrom django.utils import timezone\n"
WORKERS = "web: gunicorn config.wsgi\nworker: celery -A config worker -Q celery,mail -n a@%h\n"
MIGRATION = """from django.db import migrations, transaction

{0}

def fill(apps, schema_editor):
    for row in apps.get_model("doctors", "Doctor").objects.all():
        {1}


class Migration(migrations.Migration):
    operations = [migrations.RunPython(fill)]
"""


def migration(imports: str, line: str) -> dict[str, str]:
    return {
        "doctors/migrations/__init__.py": "",
        "doctors/migrations/0002_fill.py": MIGRATION.format(imports, line),
    }


MISTAKES = [
    # by a signature, and by several of them
    *(
        Mistake(
            "celery.W593",
            migration(
                "from celery import group\nfrom doctors.tasks import greet\n", f"{sent}  # <-"
            ),
            migration("from celery import group\nfrom doctors.tasks import greet\n", kept),
        )
        for sent, kept in (
            ("greet.s(row.name).apply_async(countdown=9)", "greet.s(row.name)"),
            ("greet.si(row.name).set(queue='a').delay()", "greet.si(row.name).set(queue='a')"),
            ("group(greet.s(one) for one in 'ab').delay()", "group(greet.s('a'))"),
        )
    ),
    Mistake(
        "celery.W593",
        migration("from doctors.tasks import greet\n", "greet.delay(row.name)  # <-"),
        migration("from doctors.tasks import greet\n", "greet(row.name)"),
    ),
    Mistake(
        "celery.W593",
        migration(
            "from doctors import tasks as jobs\n",
            "jobs.greet.apply_async((row.name,), countdown=60)  # <-",
        ),
        migration(
            "from doctors.tasks import greet\n",
            "transaction.on_commit(lambda row=row: greet.delay(row.name))",
        ),
    ),
    Mistake(
        "celery.W593",
        migration(
            "from celery import current_app\n",
            "current_app.send_task('doctors.tasks.greet', ('x',))  # <-",
        ),
        # after all migrations
        migration(
            "from django.db.models.signals import post_migrate\nfrom doctors.tasks import greet\n\n\n"
            "def complete(**kwargs):\n    greet.delay('x')\n",
            "post_migrate.connect(complete, weak=False)",
        ),
    ),
    Mistake(
        "celery.W593",
        migration(
            "from celery import current_app\n",
            "current_app.send_task('doctors.tasks.greet', ('x',))  # <-",
        ),
        migration(
            "from doctors.crm import client\n",
            "client.send_task('x')\n        transaction.on_commit(lambda: app.send_task('y'))",
        ),
    ),
    Mistake(
        "celery.E590",
        view(
            "def f():\n    app.tasks['doctors.tasks.gret'].delay('x')  # <-\n",
            "from config.celery import app\n",
        ),
        view(
            "def f():\n    app.tasks['doctors.tasks.greet'].delay('x')\n",
            "from config.celery import app\n",
        ),
    ),
    Mistake(
        "celery.W562",
        view(
            "def f():\n    greet.apply_async(\n        ('x',),\n"
            "        eta=datetime.now() + timedelta(minutes=9),  # <-\n    )\n",
            NOW,
        ),
        view(
            "def f():\n    greet.apply_async(('x',), eta=timezone.now() + timedelta(minutes=9))\n"
            "    greet.apply_async(('x',), eta=datetime.now(tz=dt.timezone.utc))\n"
            "    greet.apply_async(('x',), eta=datetime.utcnow())\n",
            NOW,
        ),
    ),
    Mistake(
        "celery.W562",
        view(
            "def f():\n    then = dt.datetime.now()\n"
            "    greet.apply_async_on_commit(('x',), expires=then)  # <-\n",
            NOW,
        ),
        {
            **settings("TIME_ZONE = 'UTC'\n"),
            **view("def f():\n    greet.apply_async(('x',), expires=dt.datetime.now())\n", NOW),
        },
    ),
    Mistake(
        "celery.E590",
        view(
            "def f():\n    app.send_task('doctors.tasks.great', ['x'])  # <-\n",
            "from config.celery import app\n",
        ),
        view(
            "def f():\n    app.send_task('doctors.tasks.greet', ['x'])\n"
            "    app.send_task('reports.tasks.build')\n",
            "from config.celery import app\n",
        ),
    ),
    Mistake(
        "celery.E590",
        view(
            "NAME = 'doctors.tasks.gret'\n\n\ndef f():\n"
            "    return make(NAME, args=('x',)).delay()  # <-\n",
            "from celery import signature as make\n",
        ),
        view(
            "NAME = 'doctors.tasks.greet'\n\n\ndef f():\n"
            "    return make(NAME, args=('x',)).delay()\n",
            "from celery import signature as make\n",
        ),
    ),
    Mistake(
        "celery.W591",
        {"doctors/apps.py": READY + "        greet.delay('x')  # <-\n"},
        {
            "doctors/apps.py": READY
            + "        def later(**kwargs):\n            greet.delay('x')\n\n        self.later = later\n"
        },
    ),
    Mistake(
        "celery.W591",
        tasks("greet.delay('x')  # <-\n"),
        tasks("if __name__ == '__main__':\n    greet.delay('x')\n"),
    ),
    Mistake(
        "celery.W591",
        {
            "doctors/start.py": "from doctors import tasks\n\ntasks.greet.apply_async(('x',))  # <-\n",
            "doctors/models.py": "from doctors import start\n",
        },
        {"doctors/start.py": "from doctors import tasks\n\ntasks.greet.apply_async(('x',))\n"},
    ),
    Mistake(
        "celery.E601",
        {
            "Procfile": WORKERS,
            **view("def f():\n    greet.apply_async(('x',), queue='mails')  # <-\n"),
        },
        {
            "Procfile": WORKERS,
            **view("def f(name):\n    greet.apply_async(('x',), queue='mail')\n"),
        },
    ),
    Mistake(
        "celery.E601",
        {
            "Procfile": WORKERS,
            **view(
                "QUEUE = 'slow'\n\n\ndef f():\n    greet.apply_async_on_commit(\n"
                "        args=('x',),\n        queue=QUEUE,  # <-\n    )\n"
            ),
        },
        {
            "Procfile": WORKERS + "other: celery -A config worker -Q $QUEUES -n b@%h\n",
            **view("def f(name):\n    greet.apply_async(('x',), queue='slow')\n"),
        },
    ),
    Mistake(
        "celery.W563",
        view("def f(when):\n    greet.apply_async(('x',), countdown=5, eta=when)  # <-\n"),
        view(
            "def f(when):\n    greet.apply_async(('x',), countdown=5, eta=None)\n    greet.apply_async(('x',), countdown=0, eta=when)\n"
        ),
    ),
    Mistake(
        "celery.E564",
        view("def f():\n    greet.apply_async(('x',), countdown=60 * 10, expires=300)  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), countdown=300, expires=60 * 10)\n"),
    ),
    Mistake(
        "celery.E592",
        view(
            "def f():\n    app.send_task('doctors.tasks.greet', ['x', 'y'])  # <-\n",
            "from config.celery import app\n",
        ),
        view(
            "def f(names):\n    app.send_task('doctors.tasks.greet', kwargs={'name': 'x'})\n    app.send_task('doctors.tasks.greet', names)\n",
            "from config.celery import app\n",
        ),
    ),
    Mistake(
        "celery.E592",
        view(
            "def f():\n    app.send_task(  # <-\n        name='doctors.tasks.greet',\n        kwargs={'nam': 'x'},\n    )\n",
            "from config.celery import app\n",
        ),
        view(
            "def f(more):\n    app.send_task(\n        name='doctors.tasks.greet',\n        kwargs={**more},\n    )\n",
            "from config.celery import app\n",
        ),
    ),
    Mistake(
        "celery.E601",
        {
            "Procfile": "worker: celery -A config worker -l info\n",
            **view("def f():\n    greet.apply_async(('x',), queue='slow')  # <-\n"),
        },
        {
            "Procfile": "worker: celery -A config worker -l info\n",
            **view("def f():\n    greet.apply_async(('x',), queue='celery')\n"),
        },
    ),
]
IMPORTED = [
    # sent in a helper, and not by a call that the text shows
    Mistake(
        "celery.W591",
        {
            "doctors/apps.py": READY + "        send(greet)\n\n\n"
            "def send(task):\n    getattr(task, 'delay')('x')  # <-\n"
        },
        {"doctors/apps.py": READY + "        assert greet\n"},
    ),
    Mistake(
        "celery.W591",
        tasks("if not hasattr(greet, 'x'):\n    greet.apply_async(  # <-\n        ('x',)\n    )\n"),
        tasks("if hasattr(greet, 'x'):\n    greet.delay('x')\n"),
    ),
    Mistake(
        "celery.W591",
        {"config/celery.py": APP + "\napp.send_task('doctors.tasks.greet', ('x',))  # <-\n"},
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
