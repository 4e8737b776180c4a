"""How tasks are called: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, view, with_twin

MISTAKES = [
    Mistake(
        "celery.W330",
        view("def f():\n    with transaction.atomic():\n        greet.delay('x')  # <-\n"),
        view(
            "def f():\n    with transaction.atomic():\n        transaction.on_commit(lambda: greet.delay('x'))\n        greet.delay_on_commit('x')\n    greet.delay('x')\n"
        ),
    ),
    Mistake(
        "celery.W330",
        {
            "doctors/views.py": "from doctors.tasks import greet\n\n\ndef f(request):\n    greet.delay('x')  # <-\n",
            **settings("DATABASES['default']['ATOMIC_REQUESTS'] = True\n"),
        },
        {
            "doctors/views.py": "from doctors.tasks import greet\n\n\ndef f(request):\n    greet.delay('x')\n"
        },
    ),
    Mistake(
        "celery.W330",
        {
            "doctors/signals.py": "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(post_save)\ndef f(sender, instance, **kwargs):\n    greet.delay(instance.pk)  # <-\n"
        },
        {
            "doctors/signals.py": "from django.contrib.auth.signals import user_logged_in\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(user_logged_in)\ndef f(sender, user, **kwargs):\n    greet.delay(user.pk)\n"
        },
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    greet.delay(request)  # <-\n"),
        view("def f(request):\n    greet.delay(request.user.pk)\n"),
    ),
    Mistake(
        "celery.W360",
        view(
            "def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n    greet.apply_async(args=[doctor])  # <-\n"
        ),
        view(
            "def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n    doctor = doctor.pk\n    greet.delay(doctor)\n"
        ),
    ),
    Mistake(
        "celery.E370",
        view("def f():\n    greet.delay('x', expires=3)  # <-\n"),
        view(
            "def f():\n    greet.delay(name='x')\n    call.delay(3, urgent=True)\n    greet.delay(*[1, 2])\n"
        ),
    ),
    Mistake("celery.E370", view("def f():\n    call.delay()  # <-\n")),
    Mistake(
        "celery.W371",
        view("def f():\n    greet.apply_async(('x',), que='slow')  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), queue='slow', ours=1)\n"),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async(args=('x'))  # <-\n"),
        view("def f():\n    greet.apply_async(args=('x',))\n"),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async(('x',), countdown=timedelta(minutes=1))  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), countdown=60)\n"),
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view("def f():\n    return greet.delay('x').get(timeout=3)  # <-\n"),
        },
        view("def f():\n    return greet.delay('x').get(timeout=3)\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
