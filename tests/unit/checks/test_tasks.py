"""The tasks themselves: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, tasks, with_twin

MODEL = "from doctors.models import Doctor\n\n\n"
MISTAKES = [
    Mistake(
        "celery.E190",
        tasks("@shared_task(name='doctors.tasks.greet')\ndef f():  # <-\n    pass\n"),
        tasks("@shared_task(name='f')\ndef f():\n    pass\n"),
    ),
    # the task that has its name from its place is innocent, though its file comes later
    Mistake(
        "celery.E190",
        {
            "config/more.py": "from celery import shared_task\n\n\n"
            "@shared_task(name='doctors.tasks.greet')\ndef f():  # <-\n    pass\n",
            "config/celery.py": APP + "app.conf.imports = ('config.more',)\n",
        },
        {
            "config/more.py": "from celery import shared_task\n\n\n"
            "@shared_task(name='more.greet')\ndef f():\n    pass\n",
            "config/celery.py": APP + "app.conf.imports = ('config.more',)\n",
        },
    ),
    # the results of many, one by one
    *(
        Mistake(
            "celery.E401",
            tasks(f"@shared_task\ndef f(pks):\n{broken}"),
            tasks(f"@shared_task\ndef f(pks):\n{twin}"),
        )
        for broken, twin in [
            (
                "    sent = [greet.delay(pk) for pk in pks]\n    for one in sent:\n"
                "        print(one.get())  # <-\n",
                "    sent = [greet.delay(pk) for pk in pks]\n    for one in sent:\n"
                "        print(one.id)\n",
            ),
            (
                "    sent = []\n    for pk in pks:\n        sent.append(greet.delay(pk))\n"
                "    return sum(one.get(timeout=9) for one in sent)  # <-\n",
                "    sent = []\n    for pk in pks:\n        sent.append({'result': greet.delay(pk)})\n"
                "    return sum(one.get('x') for one in sent)\n",
            ),
            (
                "    sent = {pk: greet.delay(pk) for pk in pks}\n"
                "    return {pk: one.get() for pk, one in sent.items()}  # <-\n",
                "    sent = {pk: greet.delay(pk).id for pk in pks}\n"
                "    return [pk for pk in pks if sent.get(pk)]\n",
            ),
            (
                "    sent: list = []\n    for pk in pks:\n        sent.append(greet.delay(pk))\n"
                "    for pk, one in zip(pks, sent):\n        print(pk, one.wait())  # <-\n",
                "    sent: list = []\n    for pk in pks:\n        sent.append(greet.delay(pk))\n"
                "    for pk, one in zip(pks, sent):\n        print(pk.get(), one.id)\n",
            ),
            (
                "    sent = [greet.delay('a'), greet.delay('b')]\n    return sent[0].get()  # <-\n",
                "    sent = [greet.delay('a'), {}]\n    return sent[1].get('x')\n",
            ),
            (
                "    return [one.get() for one in [greet.delay(pk) for pk in pks]]  # <-\n",
                "    return [one.get() for one in pks]\n",
            ),
            # what the loop gives the name anew is another value
            (
                "    for number, one in enumerate(greet.delay(pk) for pk in pks):\n"
                "        print(number, one.get())  # <-\n",
                "    for number, one in enumerate(greet.delay(pk) for pk in pks):\n"
                "        one = {}\n        print(number, one.get('x'))\n",
            ),
        ]
    ),
    Mistake(
        "celery.E401",
        tasks("@shared_task\ndef f():\n    return greet.delay('x').get()  # <-\n"),
        tasks("@shared_task\ndef f():\n    return {}.get(greet.delay('x'))\n"),
    ),
    Mistake(
        "celery.E401",
        tasks("@shared_task\ndef f():\n    r = greet.delay('x')\n    return r.get()  # <-\n"),
        tasks("@shared_task\ndef f():\n    r = greet.delay('x')\n    return r.id\n"),
    ),
    Mistake(
        "celery.W410",
        tasks("@shared_task\nasync def f():  # <-\n    pass\n"),
        tasks("@shared_task\ndef f():\n    async def g():\n        yield 1\n"),
    ),
    Mistake("celery.W410", tasks("@shared_task\ndef f():  # <-\n    yield 1\n")),
    Mistake(
        "celery.E420",
        tasks("@shared_task(bind=True)\ndef f():  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(*args):\n    pass\n"),
    ),
    Mistake(
        "celery.E421",
        tasks("@shared_task\ndef f(self, x):  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(self, x):\n    pass\n"),
    ),
    Mistake(
        "celery.E424",
        tasks(
            f"{MODEL}@shared_task(bind=True)\ndef f(doctor_id):  # <-\n"
            "    Doctor.objects.get(pk=doctor_id).save()\n"
        ),
        tasks(
            f"{MODEL}@shared_task(bind=True)\ndef f(self, doctor_id):\n"
            "    Doctor.objects.get(pk=doctor_id).save()\n"
        ),
    ),
    Mistake(
        "celery.E424",
        tasks(
            "@shared_task(\n    bind=True,\n)\ndef f(rows, more=()):  # <-\n    return [r for r in rows]\n"
        ),
        # it is the task, by another name
        tasks(
            "@shared_task(bind=True)\ndef f(this, rows):\n    this.update_state(state='PROGRESS')\n"
            "    return [r for r in rows]\n"
        ),
    ),
    Mistake(
        "celery.W422",
        tasks("@shared_task(bind=True)\ndef f(doctor_id):  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(celery_task, doctor_id):\n    pass\n"),
    ),
    # another name for the task, by what it is used for
    *(
        Mistake(
            "celery.W422",
            tasks("@shared_task(bind=True)\ndef f(doctor_id):  # <-\n    pass\n"),
            tasks(twin),
        )
        for twin in (
            "@shared_task(bind=True)\ndef f(ctx, total):\n    return total\n",
            "@shared_task(bind=True)\ndef f(it):\n    return it.request.id\n",
            "from celery import Task\n\n\nclass Own(Task):\n    def save(self):\n        pass\n\n\n"
            "@shared_task(bind=True, base=Own)\ndef f(export):\n    export.save()\n",
        )
    ),
    Mistake(
        "celery.E423",
        tasks("class A:\n    @shared_task\n    def f(self):  # <-\n        pass\n"),
        tasks("class A:\n    @staticmethod\n    @shared_task\n    def f(x):\n        pass\n"),
    ),
    Mistake(
        "celery.E430",
        tasks(
            "from django.db import transaction\n\n\n@transaction.atomic  # <-\n@shared_task\ndef f():\n    pass\n"
        ),
        tasks(
            "from django.db import transaction\n\n\n@shared_task\n@transaction.atomic\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E430",
        tasks(
            "import functools\n\n\ndef logged(f):\n    @functools.wraps(f)\n    def inner(*args):\n"
            "        return f(*args)\n    return inner\n\n\n@logged  # <-\n@shared_task\ndef f():\n    pass\n"
        ),
        tasks(
            "def kept(f):\n    def inner(*args):\n        return f(*args)\n    inner.task = f\n    return f\n"
            "\n\n@kept\n@shared_task\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E432",
        tasks(
            "from celery import Task\n\n\nclass Mail(Task):  # <-\n    def run(self):\n        pass\n"
        ),
        tasks(
            "from celery import Task, current_app\n\n\nclass Mail(Task):\n    def run(self):\n        pass\n\n\ncurrent_app.register_task(Mail())\n"
        ),
    ),
    Mistake(
        "celery.W440",
        tasks("@shared_task(autoretry_for=(OSError,), max_retry=3)  # <-\ndef f():\n    pass\n"),
        tasks(
            "@shared_task(autoretry_for=(OSError,), max_retries=3, retry_backoff=True, our_own_thing=1)\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E441",
        tasks("@shared_task(rate_limit='10/x')  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(rate_limit='10/m')\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.W450",
        tasks("@shared_task(max_retries=5)  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(bind=True, max_retries=5)\ndef f(self):\n    self.retry()\n"),
    ),
    Mistake(
        "celery.W452",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        raise self.retry()  # <-\n    except Exception:\n        pass\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        g()\n    except Exception as e:\n        raise self.retry(exc=e)\n"
        ),
    ),
    Mistake(
        "celery.E453",
        tasks("@shared_task(autoretry_for=ValueError)  # <-\ndef f():\n    pass\n"),
        tasks(
            "ERRORS = (ValueError,)\n\n\n@shared_task(autoretry_for=ERRORS)\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.I340",
        tasks(
            "from celery import Task\n\n\nclass Base(Task):  # <-\n    pass\n\n\n@shared_task(base=Base)\ndef f():\n    greet.delay_on_commit('x')\n"
        ),
        tasks(
            "from celery.contrib.django.task import DjangoTask\n\n\nclass Base(DjangoTask):\n    pass\n\n\n@shared_task(base=Base)\ndef f():\n    greet.delay_on_commit('x')\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("max_retry=3", ["W440", "W450"]),
        ("max_retrys=3, autoretry_for=(OSError,)", ["W440"]),
        # once it is spelt right, it retries
        ("max_retries=3, autoretry_fro=(OSError,)", ["W440"]),
        ("rate_limt='10/x'", ["E441", "W440"]),
        ("rate_limt='10/m'", ["W440"]),
        ("autoretry_fro=OSError", ["E453", "W440"]),
        ("ack_late='False'", ["W440", "W663"]),
        ("time_limt='60'", ["E662", "W440"]),
        ("serialiser='jsn'", ["E664", "W440"]),
        ("default_retry_dela=timedelta(1)", ["E622", "W440"]),
        ("autoretry_fro=('OSError',)", ["E624", "W440"]),
        # any option is one of the class of the project
        ("base=Ours, max_retry=3", []),
        # what is given twice counts as it is spelt right
        ("rate_limt='10/x', rate_limit='10/m'", ["W440"]),
    ],
)
def test_a_misspelt_option_says_at_once_what_else_is_wrong_with_it(tmp_path, options, found):
    body = "from datetime import timedelta\nfrom ours import Ours\n\n\n"
    body += f"@shared_task({options})\ndef f():\n    pass\n"
    ids = sorted(name.removeprefix("celery.") for name, _ in found_in(tmp_path, tasks(body)))
    assert ids == found
