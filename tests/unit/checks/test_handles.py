"""What is done with what delay() gives: a broken project each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, view, with_twin

JSON = "from django.http import JsonResponse\nfrom doctors.tasks import greet\n"
LATE = "from celery.exceptions import SoftTimeLimitExceeded\n\n\n@shared_task\ndef f():\n    try:\n        go()\n"

MISTAKES = [
    Mistake(
        "celery.E405",
        view("def f(names):\n    name = greet.delay('x')\n    return name.upper()  # <-\n"),
        view("def f(names):\n    name = greet.delay('x')\n    return name.id.upper()\n"),
    ),
    Mistake(
        "celery.E405",
        view("def f(names):\n    return greet.apply_async(('x',)).id()  # <-\n"),
        view("def f(names, greet):\n    return greet.apply_async(('x',)).id()\n"),
    ),
    Mistake(
        "celery.E405",
        view(
            "def f(names):\n    return [r.items() for r in [greet.delay(n) for n in names]]  # <-\n"
        ),
        view(
            "def f(names):\n    sent = [{'x': greet.delay(n)} for n in names]\n"
            "    return [r.items() for r in sent]\n"
        ),
    ),
    # a class of its own may give something else, and another value is another thing
    Mistake(
        "celery.E405",
        view("def f(names):\n    sent = greet.delay('x')\n    return sent.value  # <-\n"),
        {
            **tasks("@shared_task(base=Own)\ndef own():\n    pass\n"),
            **view(
                "from doctors.tasks import own\n\n\ndef f(names):\n    sent = own.delay()\n"
                "    print(sent.value)\n    row = greet.delay('x')\n    row = names[0]\n"
                "    return row.value\n"
            ),
        },
    ),
    Mistake(
        "celery.E406",
        view("def f(names):\n    return JsonResponse({'task': greet.delay('x')})  # <-\n", JSON),
        view("def f(names):\n    return JsonResponse({'task': greet.delay('x').id})\n", JSON),
    ),
    Mistake(
        "celery.E406",
        view(
            "def f(names):\n    sent = greet.delay('x')\n"
            "    return json.dumps([1, {'sent': [sent]}])  # <-\n",
            "import json\n",
        ),
        view(
            "def f(names):\n    sent = greet.delay('x')\n"
            "    return json.dumps([1, {'sent': [sent]}], default=str)\n",
            "import json\n",
        ),
    ),
    Mistake(
        "celery.E406",
        view("def f(request):\n    request.session['task'] = greet.delay('x')  # <-\n"),
        {
            **view("def f(request):\n    request.session['task'] = greet.delay('x')\n"),
            **settings("SESSION_SERIALIZER = 'doctors.Pickles'\n"),
        },
    ),
    Mistake(
        "celery.W407",
        view("def f(names):\n    sent = greet.delay('x')\n    sent.revoke  # <-\n"),
        view("def f(names):\n    sent = greet.delay('x')\n    sent.revoke()\n"),
    ),
    Mistake(
        "celery.W408",
        tasks(
            LATE
            + "    except Exception:\n        raise\n    except SoftTimeLimitExceeded:  # <-\n        clean()\n"
        ),
        tasks(
            LATE
            + "    except SoftTimeLimitExceeded:\n        clean()\n    except Exception:\n        raise\n"
        ),
    ),
    Mistake(
        "celery.W408",
        tasks(
            LATE + "    except (OSError, Exception):\n        raise\n"
            "    except (ValueError, SoftTimeLimitExceeded):  # <-\n        clean()\n"
        ),
        tasks(
            LATE
            + "    except OSError:\n        raise\n    except SoftTimeLimitExceeded:\n        clean()\n"
        ),
    ),
    Mistake(
        "celery.W409",
        tasks(
            "import time\n\n\n@shared_task\ndef f(pks):\n    sent = [greet.delay(pk) for pk in pks]\n"
            "    while not all(one.ready() for one in sent):  # <-\n        time.sleep(1)\n"
        ),
        tasks(
            "import time\n\n\n@shared_task\ndef f(pks):\n    sent = [greet.delay(pk) for pk in pks]\n"
            "    return [one.id for one in sent if one.ready()]\n"
        ),
    ),
    Mistake(
        "celery.E416",
        tasks(
            "def sign(pk):\n    return greet.delay(pk).get()  # <-\n\n\n"
            "@shared_task\ndef f(pk):\n    return sign(pk)\n"
        ),
        tasks(
            "def sign(pk):\n    return greet.delay(pk).get()\n\n\n"
            "@shared_task\ndef f(sign, pk):\n    return sign(pk)\n"
        ),
    ),
    Mistake(
        "celery.E533",
        tasks(
            "from celery.result import ResultSet\n\n\n@shared_task\ndef f(pks):\n"
            "    ResultSet([greet.delay(pk) for pk in pks]).join()  # <-\n"
        ),
        tasks(
            "from shop import ResultSet\n\n\n@shared_task\ndef f(pks):\n"
            "    ResultSet([greet.delay(pk) for pk in pks]).join()\n"
        ),
    ),
    Mistake(
        "celery.W581",
        tasks("@shared_task\ndef f(pks):\n    return [greet.delay(pk) for pk in pks]  # <-\n"),
        tasks("@shared_task\ndef f(pks):\n    return [greet.delay(pk).id for pk in pks]\n"),
    ),
    Mistake(
        "celery.E401",
        tasks(
            "from celery.result import AsyncResult\n\n\n@shared_task\ndef f(pk):\n"
            "    return AsyncResult(pk).get()  # <-\n"
        ),
        tasks(
            "from celery.result import AsyncResult\n\n\n@shared_task\ndef f(pk):\n"
            "    return AsyncResult(pk).get(disable_sync_subtasks=False)\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
