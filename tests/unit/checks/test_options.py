"""Options in the wrong place: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASK, Mistake, found_in, tasks, view, with_twin

AUDIT = tasks(f"{TASK}def audit(event, **context):\n    return event\n")
TASKS = "from doctors.tasks import audit\n"
MISTAKES = [
    Mistake(
        "celery.W468",
        view("def add(request):\n    greet.apply_async(('x',), task_id='nightly')  # <-\n"),
        view(
            "def add(request, pk):\n    greet.apply_async(('x',), task_id=f'greet-{pk}')\n"
            "    greet.apply_async(('x',), task_id=pk)\n"
        ),
    ),
    Mistake(
        "celery.E513",
        view(
            "def add(request, pks):\n    chain(*[greet.s(pk) for pk in pks]).delay()  # <-\n",
            "from celery import chain\n",
        ),
        view(
            "def add(request, pks):\n    chain(*[greet.si(pk) for pk in pks]).delay()\n",
            "from celery import chain\n",
        ),
    ),
    Mistake(
        "celery.E638",
        view("def add(request, pk):\n    call.s(pk, countdown=9).delay()  # <-\n"),
        view("def add(request, pk):\n    call.s(pk).set(countdown=9).delay()\n"),
    ),
    Mistake(
        "celery.W654",
        {**AUDIT, **view("def add(request):\n    audit.delay('x', countdown=9)  # <-\n", TASKS)},
        {
            **AUDIT,
            **view("def add(request):\n    audit.apply_async(('x',), countdown=9)\n", TASKS),
        },
    ),
    Mistake(
        "celery.W654",
        {**AUDIT, **view("def add(request):\n    audit.delay('x', expires=9)  # <-\n", TASKS)},
        {
            **tasks(f"{TASK}def audit(event, **context):\n    return context['expires']\n"),
            **view("def add(request):\n    audit.delay('x', expires=9)\n", TASKS),
        },
    ),
    Mistake(
        "celery.E639",
        view("def add(request, pk):\n    call.apply_async([pk], {}, 60)  # <-\n"),
        view("def add(request, pk):\n    call.apply_async([pk], {}, 'nightly')\n"),
    ),
    Mistake(
        "celery.E639",
        view("def add(request, pk):\n    call.apply_async(args={'doctor_id': pk})  # <-\n"),
        view("def add(request, pk):\n    call.apply_async(kwargs={'doctor_id': pk})\n"),
    ),
    Mistake(
        "celery.E666",
        view("def add(request, doctor):\n    call.signature(doctor.pk).delay()  # <-\n"),
        view("def add(request, doctor):\n    call.signature((doctor.pk,)).delay()\n"),
    ),
    Mistake(
        "celery.E637",
        view("def add(request):\n    greet.chunks(range(9), 3).delay()  # <-\n"),
        view("def add(request):\n    greet.chunks(zip(range(9)), 3).delay()\n"),
    ),
    Mistake(
        "celery.E637",
        view(
            "def add(request):\n    pks = Doctor.objects.values_list('pk', flat=True)\n"
            "    greet.starmap(list(pks)).delay()  # <-\n",
            "from doctors.models import Doctor\n",
        ),
        view(
            "def add(request):\n    pks = Doctor.objects.values_list('pk')\n"
            "    greet.starmap(list(pks)).delay()\n",
            "from doctors.models import Doctor\n",
        ),
    ),
    Mistake(
        "celery.W654",
        {**AUDIT, **view("def add(request):\n    audit.delay('x', expires=9)  # <-\n", TASKS)},
        {
            **tasks(f"{TASK}def audit(event, **fields):\n    print(dict(name=event, **fields))\n"),
            **view("def add(request):\n    audit.delay('x', expires=9)\n", TASKS),
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
