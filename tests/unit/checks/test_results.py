"""How results and answers are read: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, view, with_twin

RESULT = "from celery.result import AsyncResult\n"
GROUP = "from celery import group\nfrom celery.result import GroupResult\n"
APP = "from config.celery import app\n"
ROWS = "from django_celery_results.models import TaskResult\n"
RPC = settings('CELERY_RESULT_BACKEND = "rpc://"\n', instead="CELERY_RESULT_BACKEND")
LOOKUP = "def status(request, pk):\n    return AsyncResult(pk).state"
MISTAKES = [
    Mistake(
        "celery.W637",
        {
            **settings("CELERY_TASK_IGNORE_RESULT = True\n"),
            **view("def status(request, pk):\n    return AsyncResult(pk).state  # <-\n", RESULT),
        },
        {
            **settings("CELERY_TASK_IGNORE_RESULT = True\n"),
            **tasks("@shared_task(ignore_result=False)\ndef load():\n    pass\n"),
            **view("def status(request, pk):\n    return AsyncResult(pk).state\n", RESULT),
        },
    ),
    Mistake(
        "celery.E649",
        tasks("@shared_task(bind=True)\ndef load(self):\n    self.update_state(meta={})  # <-\n"),
        tasks(
            "@shared_task(bind=True)\ndef load(self):\n    self.update_state(None, 'PROGRESS', {})\n"
        ),
    ),
    Mistake(
        "celery.W603",
        view(
            "def show(request, pk):\n    found = AsyncResult(pk)\n    return found.args  # <-\n",
            RESULT,
        ),
        {
            **view(
                "def show(request, pk):\n    found = AsyncResult(pk)\n    return found.args\n",
                RESULT,
            ),
            **settings("CELERY_RESULT_EXTENDED = True\n"),
        },
    ),
    Mistake(
        "celery.W603",
        view("def show(request):\n    return greet.AsyncResult(request.GET['id']).name  # <-\n"),
        view(
            "def show(request):\n    found = greet.AsyncResult(request.GET['id'])\n"
            "    return found.result, request.user.name\n"
        ),
    ),
    Mistake(
        "celery.W603",
        view("def show(pk):\n    return 'it' + greet.AsyncResult(pk).name  # <-\n"),
        view("def show(pk):\n    return greet.AsyncResult(pk).name or 'it'\n"),
    ),
    Mistake(
        "celery.W631",
        {
            **view(
                "def status(request, pk):\n    return greet.AsyncResult(pk).state == 'STARTED'  # <-\n"
            ),
            **settings("CELERY_TASK_TRACK_STARTED = False\n"),
        },
        {
            **view(
                "def status(request, pk):\n    return greet.AsyncResult(pk).state == 'STARTED'\n"
            ),
            **settings("import os\nCELERY_TASK_TRACK_STARTED = os.environ.get('TRACK') != '0'\n"),
        },
    ),
    Mistake(
        "celery.W631",
        view(
            "def status(request, pk):\n    result = AsyncResult(pk)\n"
            "    return result.status == 'COMPLETED'  # <-\n",
            RESULT,
        ),
        view("def status(request, pk):\n    return AsyncResult(pk).status == 'SUCCESS'\n", RESULT),
    ),
    Mistake(
        "celery.W631",
        view(
            "def status(request):\n    result = greet.delay('x')\n"
            "    return result.state in ('SUCCESS', 'STARTED')  # <-\n"
        ),
        {
            **view(
                "def status(request):\n    result = greet.delay('x')\n"
                "    return result.state in ('SUCCESS', 'STARTED')\n"
            ),
            **settings("CELERY_TASK_TRACK_STARTED = True\n"),
        },
    ),
    Mistake(
        "celery.W631",
        view(
            "def status(request, pk):\n    return app.AsyncResult(pk).state == 'PROGRESS'  # <-\n",
            APP,
        ),
        {
            **view(
                "def status(request, pk):\n    return app.AsyncResult(pk).state == 'PROGRESS'\n",
                APP,
            ),
            **tasks(
                "@shared_task(bind=True)\ndef load(self):\n    self.update_state(state='PROGRESS')\n"
            ),
        },
    ),
    Mistake(
        "celery.W632",
        view(
            "def health(request):\n    active = app.control.inspect().active()\n"
            "    return sorted(active.items())  # <-\n",
            APP,
        ),
        view(
            "def health(request):\n    active = app.control.inspect().active()\n"
            "    if not active:\n        return []\n    return sorted(active.items())\n",
            APP,
        ),
    ),
    Mistake(
        "celery.W632",
        view(
            "def health(request):\n    workers = app.control.inspect(timeout=2)\n"
            "    return len(workers.ping())  # <-\n",
            APP,
        ),
        view(
            "def health(request):\n    workers = app.control.inspect(timeout=2)\n"
            "    return len(workers.ping() or ())\n",
            APP,
        ),
    ),
    Mistake(
        "celery.E633",
        view(
            "def stop(request):\n    sent = greet.delay('x')\n    app.control.revoke(sent)  # <-\n",
            APP,
        ),
        view(
            "def stop(request):\n    sent = greet.delay('x')\n    app.control.revoke(sent.id)\n",
            APP,
        ),
    ),
    Mistake(
        "celery.W634",
        view(
            "def start(request):\n    return group([greet.s('x')]).apply_async().id\n\n\n"
            "def done(request, pk):\n    return GroupResult.restore(pk).ready()  # <-\n",
            GROUP,
        ),
        view(
            "def start(request):\n    job = group([greet.s('x')]).apply_async()\n    job.save()\n"
            "    return job.id\n\n\ndef done(request, pk):\n    return GroupResult.restore(pk).ready()\n",
            GROUP,
        ),
    ),
    Mistake(
        "celery.W635",
        {**RPC, **view(f"{LOOKUP}  # <-\n", RESULT)},
        view(f"{LOOKUP}\n", RESULT),
    ),
    Mistake(
        "celery.W636",
        view(
            "def log(request):\n    return TaskResult.objects.filter(task_name='x')  # <-\n", ROWS
        ),
        {
            **settings("CELERY_RESULT_EXTENDED = True\n"),
            **view(
                "def log(request):\n    return TaskResult.objects.filter(task_name='x')\n", ROWS
            ),
        },
    ),
    Mistake(
        "celery.W636",
        view(
            "def log(request):\n"
            "    return TaskResult.objects.exclude(status='X').values_list('task_args')  # <-\n",
            ROWS,
        ),
        view("def log(request):\n    return TaskResult.objects.filter(task_id='x')\n", ROWS),
    ),
    Mistake(
        "celery.W632",
        view(
            "def health(request):\n    active = app.control.inspect().stats()\n"
            "    return sorted(active.items())  # <-\n",
            APP,
        ),
        view(
            "def health(request):\n    with request.suppressed():\n"
            "        return sorted(app.control.inspect().stats().items())\n",
            APP,
        ),
    ),
    Mistake(
        "celery.W634",
        view(
            "def start(request):\n    return group([greet.s('x')]).apply_async().id\n\n\n"
            "def done(request, pk):\n    return GroupResult.restore(pk).ready()  # <-\n",
            GROUP,
        ),
        view(
            "def start(request):\n    keep(group([greet.s('x')]).apply_async())\n\n\n"
            "def keep(job):\n    job.save()\n\n\n"
            "def done(request, pk):\n    return GroupResult.restore(pk).ready()\n",
            GROUP,
        ),
    ),
    Mistake(
        "celery.W632",
        view(
            "def health(request):\n    active = app.control.inspect().active()\n"
            "    return list(active.items())  # <-\n",
            APP,
        ),
        view(
            "def health(request):\n    active = app.control.inspect().active()\n"
            "    match active:\n        case None:\n            return []\n"
            "    return list(active.items())\n",
            APP,
        ),
    ),
    Mistake(
        "celery.E649",
        tasks(
            "@shared_task(bind=True)\ndef pack(self):\n    self.update_state('PROGRESS')  # <-\n"
        ),
        tasks("@shared_task(bind=True)\ndef pack(self, state):\n    self.update_state(*state)\n"),
    ),
    # a row that is saved beside it is no group
    Mistake(
        "celery.W634",
        view(
            "def start(request):\n    job = group([greet.s('x')]).apply_async()\n"
            "    doctor = Doctor(name=job.id)\n    doctor.save()\n\n\n"
            "def done(request, pk):\n    return GroupResult.restore(pk).ready()  # <-\n",
            GROUP + "from doctors.models import Doctor\n",
        ),
        view(
            "def start(request):\n    job = group([greet.s('x')])()\n    job.save()\n"
            "    doctor = Doctor(name=job.id)\n    doctor.save()\n\n\n"
            "def done(request, pk):\n    return GroupResult.restore(pk).ready()\n",
            GROUP + "from doctors.models import Doctor\n",
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
