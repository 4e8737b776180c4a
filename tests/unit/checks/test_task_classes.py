"""Task classes, and what is called on tasks: a broken project for each mistake, and a twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, tasks, view, with_twin

BASE = "from celery import Task\n\n\nclass Base(Task):\n"
USED = "\n\n@shared_task(base=Base)\ndef pack(pk):\n    return pk\n"
MISTAKES = [
    Mistake(
        "celery.E457",
        tasks(
            "@shared_task(bind=True)\ndef pack(self, pk):\n"
            "    return self.request.retry < 3  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef pack(self, pk):\n    self.max_retry = 3\n"
            "    return self.request.retries < self.max_retry\n"
        ),
    ),
    Mistake(
        "celery.E457",
        tasks("@shared_task(bind=True)\ndef pack(self, pk):\n    return self.max_retry  # <-\n"),
        tasks("@shared_task(bind=True)\ndef pack(self, pk):\n    return self.max_retries\n"),
    ),
    Mistake(
        "celery.E433",
        tasks(
            f"{BASE}    def on_failure(self, exc, task_id, args, kwargs):  # <-\n        pass\n{USED}"
        ),
        tasks(
            f"{BASE}    def on_failure(self, exc, task_id, *rest, **more):\n        pass\n{USED}"
        ),
    ),
    Mistake(
        "celery.E433",
        tasks(
            "from celery.contrib.django.task import DjangoTask as Parent\n\n\nclass Base(Parent):\n"
            f"    def on_success(self, retval):  # <-\n        pass\n{USED}"
        ),
        tasks(
            "class Base:\n    def on_success(self, retval):\n        pass\n\n\n"
            "class Other:\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E434",
        tasks(f"{BASE}    def __call__(self, *args, **kwargs):  # <-\n        print(args)\n{USED}"),
        tasks(
            f"{BASE}    def __call__(self, *args, **kwargs):\n        print(args)\n"
            f"        return super().__call__(*args, **kwargs)\n{USED}"
        ),
    ),
    Mistake(
        "celery.E434",
        tasks(
            f"{BASE}    def run(self, pk):\n        return pk\n\n"
            "    def __call__(self, pk):  # <-\n        print(pk)\n"
        ),
        tasks(f"{BASE}    def __call__(self, pk):\n        return pk\n"),
    ),
    Mistake(
        "celery.E605",
        view("def resend(request):\n    greet.send('x')  # <-\n"),
        view("def resend(request, queue):\n    greet.delay('x')\n    queue.send('x')\n"),
    ),
    Mistake(
        "celery.E605",
        view("def resend(request):\n    greet.apply_asinc(('x',))  # <-\n"),
        view("def resend(request):\n    greet.signature_from_request()\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
