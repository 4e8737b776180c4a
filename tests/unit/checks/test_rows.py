"""The rows of django-celery-beat: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, view, with_twin

ROWS = "from django_celery_beat.models import PeriodicTask, PeriodicTasks\n"
MODULE = "from django_celery_beat import models as beat\n"
NEW = "    PeriodicTask.objects.create(name='x', task='doctors.tasks.greet'"
MISTAKES = [
    Mistake(
        "celery.E741",
        view(f"def add(request):\n{NEW})  # <-\n", ROWS),
        view(f"def add(request, every):\n{NEW}, interval=every)\n", ROWS),
    ),
    Mistake(
        "celery.E741",
        view(f"def add(request, a, b):\n{NEW}, interval=a, crontab=b)  # <-\n", ROWS),
        view(f"def add(request, more):\n{NEW}, **more)\n", ROWS),
    ),
    Mistake(
        "celery.E741",
        view(
            "def add(request):\n    beat.PeriodicTask.objects.get_or_create(  # <-\n"
            "        name='x', defaults={'task': 'doctors.tasks.greet'}\n    )\n",
            MODULE,
        ),
        view(
            "def add(request, at):\n    beat.PeriodicTask.objects.update_or_create(\n"
            "        name='x', defaults={'task': 'doctors.tasks.greet', 'crontab': at}\n    )\n",
            MODULE,
        ),
    ),
    Mistake(
        "celery.W742",
        view(
            "def stop(request):\n"
            "    PeriodicTask.objects.filter(name='x').update(enabled=False)  # <-\n",
            ROWS,
        ),
        view(
            "def stop(request):\n    PeriodicTask.objects.filter(name='x').update(enabled=False)\n"
            "    PeriodicTasks.update_changed()\n",
            ROWS,
        ),
    ),
    Mistake(
        "celery.W742",
        view(
            "def add(request, rows):\n    beat.PeriodicTask.objects.bulk_create(rows)  # <-\n",
            MODULE,
        ),
        view(
            "def add(request, rows):\n    beat.ClockedSchedule.objects.bulk_create(rows)\n", MODULE
        ),
    ),
    *(
        Mistake(
            "celery.E741",
            view(
                f"def add(request, every):\n{NEW}, interval=every, crontab=request.at)  # <-\n",
                ROWS,
            ),
            view(f"def add(request, every, at=None):\n{body}", ROWS),
        )
        for body in (
            f"{NEW}, interval=every, crontab=None)\n",
            f"{NEW}, interval=every, crontab=at)\n",
            f"{NEW}, interval=every if at else None, crontab=at)\n",
            "    PeriodicTask.objects.update_or_create(name='x', defaults={\n"
            "        'task': 'doctors.tasks.greet', 'interval': every, 'crontab': None})\n",
        )
    ),
    Mistake(
        "celery.W742",
        view(
            "def stop(request):\n    PeriodicTask.objects.all().update(enabled=False)  # <-\n", ROWS
        ),
        view(
            "def stop(request):\n    PeriodicTask.objects.all().update(enabled=False)\n"
            "    PeriodicTasks.changed(PeriodicTask.objects.first())\n",
            ROWS,
        ),
    ),
    # what get_or_create() gives is never None
    Mistake(
        "celery.E741",
        view(
            "def add(request):\n    every, made = IntervalSchedule.objects.get_or_create(every=5)\n"
            "    at, made = CrontabSchedule.objects.get_or_create(hour='3')\n"
            f"{NEW}, interval=every, crontab=at)  # <-\n",
            ROWS,
        ),
        view(
            "def add(request):\n    every = at = None\n    if request.GET:\n"
            "        every, made = IntervalSchedule.objects.get_or_create(every=5)\n    else:\n"
            "        at, made = CrontabSchedule.objects.get_or_create(hour='3')\n"
            f"{NEW}, interval=every, crontab=at)\n",
            ROWS,
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
