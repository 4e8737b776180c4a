"""What on_commit() is given: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, view, with_twin

OTHER = "def add(request, pk):\n    with transaction.atomic(using='legacy'):\n"
PARTIAL = "from functools import partial\nfrom django.db import transaction\n"
SHARED = "from celery import shared_task\n\n\n"
MISTAKES = [
    Mistake(
        "celery.E573",
        {
            "requirements.txt": "django>=4.2\ncelery[redis]==5.3.6\n",
            **view("def add(request, pk):\n    call.delay_on_commit(pk)  # <-\n"),
        },
        view("def add(request, pk):\n    call.delay_on_commit(pk)\n"),
    ),
    Mistake(
        "celery.E573",
        {
            "requirements.txt": "django>=4.2\ncelery[redis]>=5.2,<5.4\n",
            **view("def add(request, pk):\n    call.apply_async_on_commit([pk])  # <-\n"),
        },
        {
            "requirements.txt": "django>=4.2\ncelery[redis]>=5.2,<5.5\n",
            **view("def add(request, pk):\n    call.apply_async_on_commit([pk])\n"),
        },
    ),
    Mistake(
        "celery.E607",
        view("def add(request, pk):\n    transaction.on_commit(call.delay, pk)  # <-\n"),
        view("def add(request, using):\n    transaction.on_commit(lambda: call.delay(1), using)\n"),
    ),
    Mistake(
        "celery.E607",
        view(
            "def add(request, pk):\n    on_commit(call.apply_async, [pk])  # <-\n",
            "from django.db.transaction import on_commit\n",
        ),
        view(
            "def add(request, pk):\n    transaction.on_commit(partial(call.delay, pk))\n", PARTIAL
        ),
    ),
    Mistake(
        "celery.W608",
        view("def add(request):\n    transaction.on_commit(greet)  # <-\n"),
        view("def add(request):\n    transaction.on_commit(print)\n"),
    ),
    Mistake(
        "celery.W608",
        view("def add(request, pk):\n    transaction.on_commit(greet.si(pk))  # <-\n"),
        view("def add(request, pk):\n    transaction.on_commit(greet.si(pk).delay)\n"),
    ),
    Mistake(
        "celery.W609",
        view(f"{OTHER}        transaction.on_commit(lambda: call.delay(pk))  # <-\n"),
        view(f"{OTHER}        transaction.on_commit(lambda: call.delay(pk), using='legacy')\n"),
    ),
    Mistake(
        "celery.W609",
        view(
            "@transaction.atomic('legacy')\ndef add(request, pk):\n    call.delay_on_commit(pk)  # <-\n"
        ),
        view(
            "@transaction.atomic('default')\ndef add(request, pk):\n    call.delay_on_commit(pk)\n"
        ),
    ),
    *(
        Mistake(
            "celery.E607",
            view("def add(request, pk):\n    transaction.on_commit(call.delay, str(pk))  # <-\n"),
            view(
                f"def add(request):\n    transaction.on_commit(greet_all.delay, {database})\n",
                "from django.db import transaction\nfrom shop.jobs import greet_all\n",
            )
            | {"shop/jobs.py": SHARED + "@shared_task\ndef greet_all():\n    pass\n"},
        )
        for database in ("router.db_for_write(Doctor)", "request['database']", "REPLICA")
    ),
    Mistake(
        "celery.W609",
        view(
            "@transaction.atomic('legacy')\ndef add(request, pk):\n    call.delay_on_commit(pk)  # <-\n"
        ),
        view(
            "@transaction.atomic\ndef add(request, pk):\n    with transaction.atomic('legacy'):\n"
            "        call.delay_on_commit(pk)\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
