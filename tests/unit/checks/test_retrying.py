"""Retrying: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, with_twin

NO_LIMIT = settings("", instead="CELERY_TASK_SOFT")
FETCH = (
    "@shared_task(bind=True)\ndef fetch(self, url):\n    try:\n        body = open(url).read()\n"
    "    except OSError as exc:\n"
)
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
        "celery.W474",
        tasks(
            f"{FETCH}        self.retry(exc=exc, throw=False)  # <-\n    return len(body)\n",
        ),
        tasks(
            f"{FETCH}        raise self.retry(exc=exc, throw=False)\n    return len(body)\n",
        ),
    ),
    Mistake(
        "celery.W474",
        tasks(
            f"{FETCH}        fetch.retry(throw=False)  # <-\n        body = ''\n    print(body)\n"
        ),
        tasks(
            f"{FETCH}        fetch.retry(throw=False)\n        return None\n    return len(body)\n"
        ),
    ),
    Mistake(
        "celery.W474",
        tasks(f"{FETCH}        self.retry(throw=False)  # <-\n    return len(body)\n"),
        tasks(
            f"{FETCH}        self.retry(throw=False)\n        logger.info('later')\n"
            "        return {'status': 'later'}\n    return len(body)\n"
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
    # a function that the loop calls for each round goes back into the loop
    Mistake(
        "celery.W640",
        tasks(
            "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef one(pk):\n    try:\n"
            "        fetch(pk)\n    except Exception:  # <-\n        logger.exception('x')\n"
            "        return\n\n\n@shared_task\ndef f(pks):\n    for pk in pks:\n        one(pk)\n"
        ),
        tasks(
            "def one(pk):\n    try:\n        fetch(pk)\n    except Exception:\n        return\n\n\n"
            "def two(pk):\n    try:\n        int(pk)\n    except Exception:\n        return\n\n\n"
            "@shared_task\ndef f(pks):\n    one(pks)\n    for pk in pks:\n        two(pk)\n"
            "    for pk in pks:\n        if not one(pk):\n            break\n"
        ),
    ),
    Mistake(
        "celery.W640",
        tasks(
            "@shared_task(soft_time_limit=60)\ndef f(pks):\n    try:\n        fetch(pks)\n"
            "    except Exception:  # <-\n        pass\n    for pk in pks:\n        send(pk)\n"
        ),
        tasks(
            "@shared_task(soft_time_limit=60)\ndef f(pks):\n    try:\n        fetch(pks)\n"
            "    except Exception:\n        state = 'failed'\n    finish(pks)\n\n\n"
            "@shared_task(soft_time_limit=60)\ndef g(pks):\n    try:\n        fetch(pks)\n"
            "    except Exception:\n        return\n    for pk in pks:\n        send(pk)\n"
        ),
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
    Mistake(
        "celery.W621",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        return self.replace(greet.s('x'))  # <-\n    except Exception:\n        return 1\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        return self.replace(greet.s('x'))\n    except ValueError:\n        return 1\n    except Exception:\n        raise\n"
        ),
    ),
    Mistake(
        "celery.W621",
        tasks(
            "@shared_task(bind=True)\ndef f(me):\n    try:\n        raise me.replace(greet.s('x'))  # <-\n    except:\n        print(1)\n"
        ),
        tasks(
            "from celery.exceptions import Ignore\n\n\n@shared_task(bind=True)\ndef f(me):\n    try:\n        raise me.replace(greet.s('x'))\n    except Ignore:\n        raise\n    except Exception:\n        return 1\n"
        ),
    ),
    Mistake(
        "celery.E622",
        tasks(
            "from datetime import timedelta\n\n\n@shared_task(bind=True)\ndef f(self):\n    raise self.retry(countdown=timedelta(minutes=1))  # <-\n"
        ),
        tasks(
            "from datetime import timedelta\n\n\n@shared_task(bind=True)\ndef f(self):\n    raise self.retry(countdown=60)\n"
        ),
    ),
    Mistake(
        "celery.E622",
        tasks(
            "from datetime import timedelta\n\n\n@shared_task(\n    autoretry_for=(OSError,),\n    default_retry_delay=timedelta(minutes=1),  # <-\n)\ndef f():\n    pass\n"
        ),
        tasks(
            "from datetime import timedelta\n\n\n@shared_task(\n    autoretry_for=(OSError,),\n    default_retry_delay=timedelta(minutes=1).total_seconds(),\n)\ndef f():\n    pass\n"
        ),
    ),
    *(
        Mistake(
            "celery.E622",
            tasks(
                f"import os\n\n\n@shared_task(bind=True)\ndef f(self):\n    raise self.retry({wrong})  # <-\n"
            ),
            tasks(
                f"import os\n\n\n@shared_task(bind=True)\ndef f(self):\n    raise self.retry({right})\n"
            ),
        )
        for wrong, right in (
            ("countdown='60'", "countdown=2 ** 5"),
            ("countdown=[60]", "countdown=60"),
            ("countdown=os.environ['DELAY']", "countdown=int(os.environ['DELAY'])"),
            ("eta='tomorrow'", "eta='2030-01-01T00:00:00Z'"),
        )
    ),
    Mistake(
        "celery.E622",
        tasks("@shared_task(bind=True)\ndef f(self):\n    raise self.retry(eta=60)  # <-\n"),
        tasks("@shared_task(bind=True)\ndef f(self, when):\n    raise self.retry(eta=when)\n"),
    ),
    Mistake(
        "celery.E623",
        tasks(
            "@shared_task(autoretry_for=(OSError,), max_retries='5')  # <-\ndef f():\n    pass\n"
        ),
        tasks("@shared_task(autoretry_for=(OSError,), max_retries=5)\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.E623",
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_kwargs=dict(max_retries='5'))  # <-\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_kwargs=dict(max_retries=5))\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E624",
        tasks("@shared_task(autoretry_for=['OSError'])  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(autoretry_for=[OSError])\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.W625",
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_kwargs={'max_retry': 5})  # <-\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_kwargs={'max_retries': 5, 'countdown': 3})\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.W626",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    raise self.retry(countdown=3, max_retries=None)  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True, max_retries=None)\ndef f(self):\n    raise self.retry(countdown=3, max_retries=None)\n"
        ),
    ),
    Mistake(
        "celery.W626",
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_kwargs={'max_retries': None})  # <-\ndef f():\n    pass\n"
        ),
        tasks("@shared_task(autoretry_for=(OSError,), max_retries=None)\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.W627",
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_backoff=True, default_retry_delay=9)  # <-\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_backoff=9)\ndef f():\n    pass\n\n\n@shared_task(bind=True, autoretry_for=(OSError,), retry_backoff=9, default_retry_delay=9)\ndef g(self):\n    raise self.retry()\n"
        ),
    ),
    Mistake(
        "celery.W627",
        tasks(
            "@shared_task(\n    autoretry_for=(OSError,),\n    retry_backoff_max=600,  # <-\n)\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(\n    autoretry_for=(OSError,),\n    retry_backoff=True,\n    retry_backoff_max=600,\n)\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.W627",
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_backoff=2, retry_kwargs={'countdown': 9})  # <-\ndef f():\n    pass\n"
        ),
        tasks(
            "@shared_task(autoretry_for=(OSError,), retry_backoff=False, retry_kwargs={'countdown': 9})\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E628",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    self.update_state(state='FAILURE', meta={'why': 'x'})  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    self.update_state(state='PROGRESS', meta={'why': 'x'})\n    self.update_state(state='FAILURE', meta={'exc_type': 'E', 'exc_message': 'x'})\n"
        ),
    ),
    Mistake(
        "celery.E628",
        tasks(
            "from celery import states\n\n\n@shared_task(bind=True)\ndef f(me):\n    me.update_state(state=states.FAILURE, meta='x')  # <-\n"
        ),
        tasks(
            "from celery import states\n\n\n@shared_task(bind=True)\ndef f(me):\n    me.update_state(state=states.STARTED, meta='x')\n"
        ),
    ),
    Mistake(
        "celery.W629",
        tasks("import sys\n\n\n@shared_task\ndef f():\n    sys.exit(1)  # <-\n"),
        tasks(
            "import sys\n\n\n@shared_task\ndef f():\n    try:\n        sys.exit(1)\n"
            "    except SystemExit:\n        return 1\n\n\ndef main():\n    sys.exit(1)\n"
        ),
    ),
    Mistake(
        "celery.E611",
        tasks(
            "from celery import Task, current_app\n\n\nclass Mail(Task):\n\n    def run(self):\n        try:\n            return 1\n        except OSError as exc:\n            raise self.retry(exc)  # <-\n\n\n\ncurrent_app.register_task(Mail())\n"
        ),
        tasks(
            "from celery import Task, current_app\n\n\nclass Mail(Task):\n\n    def run(self):\n        try:\n            return 1\n        except OSError as exc:\n            raise self.retry(exc=exc)\n\n\n\ncurrent_app.register_task(Mail())\n"
        ),
    ),
    Mistake(
        "celery.W630",
        tasks(
            "from celery.exceptions import Reject\nfrom celery import Task, current_app\n\n\nclass Mail(Task):\n\n    def run(self):\n        raise Reject('x', requeue=True)  # <-\n\n\n\ncurrent_app.register_task(Mail())\n"
        ),
        tasks(
            "from celery.exceptions import Reject\nfrom celery import Task, current_app\n\n\nclass Mail(Task):\n    acks_late = True\n\n    def run(self):\n        raise Reject('x', requeue=True)\n\n\n\ncurrent_app.register_task(Mail())\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
