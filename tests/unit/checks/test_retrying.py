"""Retrying: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, with_twin

NO_LIMIT = settings("", instead="CELERY_TASK_SOFT")
MISTAKES = [
    Mistake(
        "celery.E610",
        tasks(
            "@shared_task\ndef f(pk):\n    try:\n        return pk\n"
            "    except OSError as exc:\n        raise self.retry(exc=exc)  # <-\n"
        ),
        tasks(
            "@shared_task\ndef f(pk):\n    class Mail:\n        def send(self):\n"
            "            return self.request\n    return Mail().send()\n"
        ),
    ),
    Mistake(
        "celery.E610",
        tasks("@shared_task(\n    name='x',\n)\ndef f(pk):\n    return self.request.id  # <-\n"),
        tasks(
            "@shared_task(\n    name='x',\n    bind=True,\n)\ndef f(self, pk):\n    return self.request.id\n"
        ),
    ),
    Mistake(
        "celery.E611",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        return 1\n"
            "    except OSError as exc:\n        raise self.retry(exc, countdown=30)  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        return 1\n"
            "    except OSError as exc:\n        raise self.retry(exc=exc, countdown=30)\n"
        ),
    ),
    Mistake(
        "celery.E611",
        tasks(
            "@shared_task(bind=True)\ndef f(task, pk):\n    raise task.retry(\n"
            "        OSError('down'),  # <-\n    )\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(task, pk):\n    raise task.retry((pk,), exc=OSError('down'))\n"
        ),
    ),
    Mistake(
        "celery.W620",
        tasks(
            "@shared_task(autoretry_for=(Exception,), max_retries=None)  # <-\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(Exception,), max_retries=8)\ndef f():\n    pass\n\n\n"
            "@shared_task(autoretry_for=(OSError,), max_retries=None)\ndef g():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.W630",
        tasks(
            "from celery.exceptions import Reject\n\n\n@shared_task\ndef f():\n"
            "    raise Reject('busy', requeue=True)  # <-\n"
        ),
        tasks(
            "from celery.exceptions import Reject\n\n\n@shared_task(acks_late=True)\ndef f():\n"
            "    raise Reject('busy', requeue=True)\n\n\n"
            "@shared_task\ndef g():\n    raise Reject('bad', requeue=False)\n"
        ),
    ),
    Mistake(
        "celery.W630",
        tasks(
            "from celery import exceptions\n\n\n@shared_task\ndef f():\n    try:\n        pass\n"
            "    except OSError as exc:\n        raise exceptions.Reject(exc, True) from exc  # <-\n"
        ),
        {
            **settings("CELERY_TASK_ACKS_LATE = True\nCELERY_TASK_REJECT_ON_WORKER_LOST = True\n"),
            **tasks(
                "from celery import exceptions\n\n\n@shared_task\ndef f():\n"
                "    raise exceptions.Reject('busy', True)\n"
            ),
        },
    ),
    Mistake(
        "celery.W640",
        tasks(
            "@shared_task\ndef f(pks):\n    for pk in pks:\n        try:\n            call(pk)\n"
            "        except Exception:  # <-\n            print(pk)\n"
        ),
        tasks(
            "from celery.exceptions import SoftTimeLimitExceeded as Late\n\n\n@shared_task\n"
            "def f(pks):\n    for pk in pks:\n        try:\n            call(pk)\n"
            "        except Late:\n            raise\n        except Exception:\n            print(pk)\n"
        ),
    ),
    Mistake(
        "celery.W640",
        {
            **NO_LIMIT,
            **tasks(
                "@shared_task(soft_time_limit=9)\ndef f(pks):\n    while pks:\n        try:\n"
                "            call(pks.pop())\n        except (OSError, BaseException):  # <-\n"
                "            continue\n"
            ),
        },
        {
            **NO_LIMIT,
            **tasks(
                "@shared_task\ndef f(pks):\n    for pk in pks:\n        try:\n            call(pk)\n"
                "        except Exception:\n            print(pk)\n"
            ),
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
