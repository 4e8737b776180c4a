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
    # a name that a function, a lambda or a comprehension binds is not the task of that name
    *(
        Mistake(
            "celery.E605",
            view("def resend(request):\n    [greet.send(one) for one in request]  # <-\n"),
            view(other),
        )
        for other in (
            "def resend(greet):\n    greet.send('x')\n",
            "def resend(*, greet):\n    def inner():\n        greet.send('x')\n    inner()\n",
            "def resend(request):\n    for greet in request:\n        greet.send('x')\n",
            "def resend(request):\n    for _, (greet, *_) in request:\n        greet.send('x')\n",
            "def resend(request):\n    with request as greet:\n        greet.send('x')\n",
            "def resend(request):\n    greet = request.user\n    greet.send('x')\n",
            "def resend(request):\n    if greet := request.user:\n        greet.send('x')\n",
            "def resend(request):\n    request(lambda greet: greet.send('x'))\n",
            "def resend(request):\n    return [greet.send('x') for greet in request]\n",
            "def resend(request):\n    from shop import greet\n    greet.send('x')\n",
            "def resend(request):\n    def greet():\n        pass\n    greet.send('x')\n",
        )
    ),
    # each header of a message is an attribute of the request
    Mistake(
        "celery.E457",
        tasks(
            "@shared_task(bind=True)\ndef pack(self, pk):\n"
            "    return self.request.delivery_inf  # <-\n"
        ),
        {
            **tasks(
                "@shared_task(bind=True)\ndef pack(self, pk):\n    return self.request.retrys\n"
            ),
            **view("def f():\n    call.apply_async((1,), headers={'retrys': 3})\n"),
        },
    ),
    *(
        Mistake(
            "celery.E457",
            tasks(
                "@shared_task(bind=True)\ndef pack(self, pk):\n    return self.max_retris  # <-\n"
            ),
            tasks(f"@shared_task(bind=True)\ndef pack(self, pk):\n    return {read}\n"),
        )
        for read in (
            "self.request.tenant_id",
            "self.request.argsrepr",
            "self.request.kwargsrepr",
            "self.Request",
            "self.acks_on_timeout",
            "self.retry_on_worker_lost",
        )
    ),
    # a method of the class, or a function that is given the task, may run it
    *(
        Mistake(
            "celery.E434",
            tasks(
                f"{BASE}    def __call__(self, *args):  # <-\n        self.note(args)\n\n"
                f"    def note(self, args):\n        print(args)\n{USED}"
            ),
            tasks(f"{BASE}    def __call__(self, *args):\n{body}{USED}"),
        )
        for body in (
            "        return self.guarded(args)\n\n"
            "    def guarded(self, args):\n        return self.run(*args)\n",
            "        return self.guarded(args)\n\n    def guarded(self, args):\n"
            "        return self.inner(args)\n\n"
            "    def inner(self, args):\n        return Task.__call__(self, *args)\n",
            "        return self.of_a_base(args)\n",
            "        return guarded(self, args)\n",
        )
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
