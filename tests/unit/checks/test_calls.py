"""How tasks are called: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, view, with_twin

IMPORT = "from celery.result import AsyncResult\n"
RESULT = "def v(request, pk):\n    sent = AsyncResult(pk)\n"
MISTAKES = [
    Mistake(
        "celery.W551",
        view("def f(names):\n    map(greet.delay, names)  # <-\n"),
        view("def f(names):\n    list(map(greet.delay, names))\n"),
    ),
    Mistake(
        "celery.W551",
        view("def f(names):\n    (greet.delay(name) for name in names)  # <-\n"),
        view("def f(names):\n    [greet.delay(name) for name in names]\n"),
    ),
    # the results of many, one by one
    Mistake(
        "celery.W402",
        view(
            "def v(request, names):\n    sent = [greet.delay(name) for name in names]\n"
            "    return [one.get() for one in sent]  # <-\n"
        ),
        view(
            "def v(request, names):\n    sent = [greet.delay(name) for name in names]\n"
            "    return [one.get() for one in sent if one.ready()]\n"
        ),
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view(
                "def f(names):\n    sent = []\n    for name in names:\n"
                "        sent.append(greet.delay(name))\n    for one in sent:\n"
                "        print(one.get())  # <-\n"
            ),
        },
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view(
                "def f(names):\n    sent = []\n    for name in names:\n"
                "        sent.append(greet.delay(name))\n    for one in sent:\n"
                "        print(one.id)\n"
            ),
        },
    ),
    Mistake(
        "celery.W600",
        {
            **tasks("@shared_task(ignore_result=True)\ndef quiet():\n    pass\n"),
            **view(
                "from doctors.tasks import quiet\n\n\ndef f():\n"
                "    return [one.get() for one in [quiet.delay(), quiet.delay()]]  # <-\n"
            ),
        },
        {
            **tasks("@shared_task\ndef quiet():\n    pass\n"),
            **view(
                "from doctors.tasks import quiet\n\n\ndef f():\n"
                "    return [one.get() for one in [quiet.delay(), quiet.delay()]]\n"
            ),
        },
    ),
    Mistake(
        "celery.W402",
        view(
            "def f(request):\n    sent = greet.delay('x')\n    while not sent.ready():  # <-\n"
            "        print('on')\n"
        ),
        view("def f(request):\n    sent = greet.delay('x')\n    return sent.ready()\n"),
    ),
    Mistake(
        "celery.W330",
        {
            "doctors/admin.py": "from django.contrib import admin\nfrom doctors.tasks import call\n\n\nclass DoctorAdmin(admin.ModelAdmin):\n"
            "    def save_model(self, request, obj, form, change):\n        obj.save()\n"
            "        call.delay(obj.pk)  # <-\n"
        },
        {
            "doctors/admin.py": "from django.contrib import admin\nfrom doctors.tasks import call\n\n\nclass DoctorAdmin(admin.ModelAdmin):\n"
            "    def resend(self, request, obj):\n        call.delay(obj.pk)\n"
        },
    ),
    Mistake(
        "celery.W604",
        view("def f():\n    sent = greet.delay('x')\n    if sent.ready:  # <-\n        return 1\n"),
        view("def f():\n    sent = greet.delay('x')\n    if sent.ready():\n        return 1\n"),
    ),
    Mistake(
        "celery.W604",
        view("def f():\n    while not greet.delay('x').successful:  # <-\n        pass\n"),
        view("def f(sent=None):\n    if sent is not None:\n        return sent.id\n"),
    ),
    Mistake(
        "celery.E606",
        view("async def f(request):\n    await greet.delay('x')  # <-\n"),
        view(
            "async def f(request):\n    await sync_to_async(greet.delay)('x')\n",
            "from asgiref.sync import sync_to_async\n",
        ),
    ),
    Mistake(
        "celery.W551",
        view(
            "def f():\n    chain(greet.si('x'), greet.si('y')).delay  # <-\n",
            "from celery import chain\n",
        ),
        view(
            "def f():\n    chain(greet.si('x'), greet.si('y')).delay()\n",
            "from celery import chain\n",
        ),
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view("def f():\n    sent = greet.delay('x')\n    return sent.state  # <-\n"),
        },
        view("def f():\n    sent = greet.delay('x')\n    return sent.state\n"),
    ),
    Mistake(
        "celery.W402",
        view("def v(request):\n    return greet.delay('x').get(timeout=3)  # <-\n"),
        view("def v(request):\n    return greet.delay('x').id\n"),
    ),
    Mistake(
        "celery.W402",
        view(
            "class V:\n    def post(self, *args):\n        sent = greet.apply_async(self.request.POST['x'])\n"
            "        return sent.get()  # <-\n"
        ),
        view("def work(name):\n    return greet.delay(name).get()\n"),
    ),
    Mistake(
        "celery.W402",
        view(
            "def v(request, pk):\n    return AsyncResult(pk).get()  # <-\n",
            "from celery.result import AsyncResult\n",
        ),
        view(
            "def v(request, pk):\n    return AsyncResult(pk).state\n",
            "from celery.result import AsyncResult\n",
        ),
    ),
    # what was asked for its state is there, or the view leaves
    *(
        Mistake(
            "celery.W402",
            view(f"{RESULT}{bad}    return sent.get()  # <-\n", IMPORT),
            view(f"{RESULT}{good}\n", IMPORT),
        )
        for bad, good in (
            ("", "    if sent.ready():\n        return sent.get()"),
            ("    print(sent.ready())\n", "    return sent.get() if sent.successful() else None"),
            (
                "    state = sent.state\n",
                "    if not sent.ready():\n        return None\n    return sent.get()",
            ),
            (
                "    if not sent.ready():\n    ",
                "    if sent.failed():\n        return 1\n    elif sent.state == 'SUCCESS':\n"
                "        return sent.get()['x']",
            ),
        )
    ),
    Mistake(
        "celery.I403",
        view("def v(request):\n    greet('x')  # <-\n"),
        view("def v(request):\n    return greet('x')\n"),
    ),
    Mistake(
        "celery.I403",
        view("class V:\n    def get(self, request):\n        greet(name=request.GET['x'])  # <-\n"),
        view("def command(options):\n    greet(options['x'])\n"),
    ),
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
            "doctors/saving.py": "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(post_save, sender='doctors.Doctor')\ndef f(sender, instance, **kwargs):\n    greet.delay(instance.pk)  # <-\n"
        },
        {
            "doctors/saving.py": "from django.contrib.auth.signals import user_logged_in\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(user_logged_in)\ndef f(sender, user, **kwargs):\n    greet.delay(user.pk)\n"
        },
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view("def f():\n    return greet.delay('x').get(timeout=3)  # <-\n"),
        },
        view("def f():\n    return greet.delay('x').get(timeout=3)\n"),
    ),
    Mistake(
        "celery.W330",
        view("def f():\n    with transaction.atomic():\n        greet.apply_async(('x',))  # <-\n"),
        view(
            "def f():\n    with transaction.atomic():\n        greet.apply_async_on_commit(('x',))\n"
        ),
    ),
    Mistake(
        "celery.W570",
        view(
            "def f(orders):\n    for order in orders:\n"
            "        transaction.on_commit(lambda: greet.delay(order.pk))  # <-\n"
        ),
        view(
            "from functools import partial\n\n\ndef f(orders):\n    for order in orders:\n"
            "        transaction.on_commit(lambda pk=order.pk: greet.delay(pk))\n"
            "        transaction.on_commit(partial(greet.delay, order.pk))\n"
            "        with transaction.atomic():\n"
            "            transaction.on_commit(lambda: greet.delay(order.pk))\n"
        ),
    ),
    Mistake(
        "celery.W570",
        view(
            "def f(orders):\n    for row in orders:\n        pk = row.pk\n        on_commit(\n"
            "            lambda: greet.apply_async((pk,)),  # <-\n            using='x',\n        )\n",
            "from django.db.transaction import on_commit\n",
        ),
        view(
            "def send(pk):\n    transaction.on_commit(lambda: greet.delay(pk))\n\n\n"
            "def f(orders, day):\n    for row in orders:\n        send(row.pk)\n"
            "        transaction.on_commit(lambda: greet.delay(day))\n"
        ),
    ),
    Mistake(
        "celery.E571",
        view("def f():\n    transaction.on_commit(greet.delay('x'))  # <-\n"),
        view("def f():\n    transaction.on_commit(lambda: greet.delay('x'))\n"),
    ),
    Mistake(
        "celery.E571",
        view("def f():\n    transaction.on_commit(\n        func=greet('x'),  # <-\n    )\n"),
        view("def f(make):\n    transaction.on_commit(func=make(greet))\n"),
    ),
    Mistake(
        "celery.W600",
        {
            **tasks("@shared_task(ignore_result=True)\ndef quiet():\n    pass\n"),
            **view(
                "from doctors.tasks import quiet\n\n\ndef f():\n"
                "    sent = quiet.delay()\n    return sent.get(timeout=3)  # <-\n"
            ),
        },
        {
            **tasks("@shared_task(ignore_result=False)\ndef quiet():\n    pass\n"),
            **view(
                "from doctors.tasks import quiet\n\n\ndef f():\n"
                "    sent = quiet.delay()\n    return sent.get(timeout=3)\n"
            ),
        },
    ),
    Mistake(
        "celery.W600",
        {
            **tasks("@shared_task(ignore_result=True)\ndef quiet():\n    pass\n"),
            **view(
                "from doctors import tasks\n\n\ndef f():\n"
                "    return tasks.quiet.apply_async(countdown=3).state  # <-\n"
            ),
        },
        {
            **tasks("@shared_task(ignore_result=True)\ndef quiet():\n    pass\n"),
            **view(
                "from doctors import tasks\n\n\ndef f():\n"
                "    tasks.quiet.apply_async(ignore_result=False).get()\n"
                "    return tasks.quiet.apply_async(countdown=3).id\n"
            ),
        },
    ),
    Mistake(
        "celery.E602",
        view("def f():\n    return greet.delay_on_commit('x').id  # <-\n"),
        view("def f():\n    greet.delay_on_commit('x')\n    return greet.delay('x').id\n"),
    ),
    Mistake(
        "celery.E602",
        view(
            "def f():\n    sent = greet.apply_async_on_commit(('x',))\n    return sent.task_id  # <-\n"
        ),
        view("def f():\n    sent = greet.apply_async(('x',))\n    return sent.task_id\n"),
    ),
    Mistake(
        "celery.E553",
        view("def f():\n    greet('x').delay()  # <-\n"),
        view("def f():\n    greet.s('x').delay()\n"),
    ),
    Mistake(
        "celery.W551",
        view("def f():\n    greet.delay  # <-\n"),
        view("def f(run):\n    run(greet.delay)\n"),
    ),
    Mistake(
        "celery.W551",
        view("def f():\n    transaction.on_commit(lambda: greet.delay)  # <-\n"),
        view("def f(sort):\n    sort(key=lambda: greet.delay)\n"),
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view(
                "def f(pks):\n    return group(greet.s(pk) for pk in pks)().get()  # <-\n",
                "from celery import group\n",
            ),
        },
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view(
                "def f(pks):\n    group(greet.s(pk) for pk in pks)()\n",
                "from celery import group\n",
            ),
        },
    ),
    Mistake(
        "celery.W330",
        view(
            "def f():\n    with transaction.atomic():\n        chain(greet.s('x'), greet.s()).delay()  # <-\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
        view(
            "def f():\n    with transaction.atomic():\n        work = chain(greet.s('x'), greet.s())\n        transaction.on_commit(work.delay)\n    work.delay()\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.W330",
        view(
            "@transaction.atomic\ndef f():\n    group(greet.s('x'), greet.s('y'))()  # <-\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
        view(
            "def f():\n    group(greet.s('x'), greet.s('y'))()\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.W330",
        view(
            "@transaction.atomic\ndef f():\n    app.send_task('doctors.tasks.greet', ('x',))  # <-\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
        view(
            "@transaction.atomic\ndef f():\n    transaction.on_commit(lambda: app.send_task('doctors.tasks.greet', ('x',)))\n",
            "from celery import chain, group\nfrom config.celery import app\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.W600",
        {
            **settings("CELERY_TASK_IGNORE_RESULT = True\n"),
            **view("def f():\n    return greet.delay('x').get(timeout=3)  # <-\n"),
        },
        {
            **settings("CELERY_TASK_IGNORE_RESULT = env.bool('X')\n"),
            **view("def f():\n    return greet.delay('x').get(timeout=3)\n"),
        },
    ),
    Mistake(
        "celery.W330",
        view(
            "def tell(pk):\n    call.delay(pk)\n\n\ndef add(request, pk):\n"
            "    with transaction.atomic():\n        tell(pk)  # <-\n"
        ),
        view(
            "def tell(pk):\n    call.delay_on_commit(pk)\n\n\ndef add(request, pk):\n"
            "    with transaction.atomic():\n        tell(pk)\n"
        ),
    ),
    # the helper knows that it may be in a transaction
    Mistake(
        "celery.W330",
        view(
            "def tell(pk):\n    if pk:\n        call.delay(pk)\n\n\ndef add(request, pk):\n"
            "    with transaction.atomic():\n        tell(pk)  # <-\n"
        ),
        view(
            "def tell(pk):\n    if transaction.get_connection().in_atomic_block:\n"
            "        transaction.on_commit(lambda: call.delay(pk))\n    else:\n        call.delay(pk)\n\n\n"
            "def add(request, pk):\n    with transaction.atomic():\n        tell(pk)\n"
        ),
    ),
    # the helper of another module
    Mistake(
        "celery.W330",
        {
            "doctors/helpers.py": "from doctors.tasks import call\n\n\ndef tell(pk):\n"
            "    call.delay(pk)\n",
            **view(
                "@transaction.atomic\ndef add(request, pk):\n    notify(pk)  # <-\n",
                "from django.db import transaction\nfrom doctors.helpers import tell as notify\n",
            ),
        },
        view(
            "def tell(pk):\n    call.apply_async((pk,), countdown=5)\n\n\n"
            "def add(request, pk):\n    with transaction.atomic():\n        tell(pk)\n"
        ),
    ),
    Mistake(
        "celery.W330",
        {
            **settings("DATABASES['default']['ATOMIC_REQUESTS'] = True\n"),
            "doctors/api.py": "from django.views import View\nfrom doctors.tasks import call\n\n\n"
            "class Add(View):\n    def post(self, request):\n        call.delay(1)  # <-\n",
        },
        {
            **settings("DATABASES['default']['ATOMIC_REQUESTS'] = True\n"),
            "doctors/middleware.py": "from doctors.tasks import call\n\n\nclass Add:\n"
            "    def process_request(self, request):\n        call.delay(1)\n",
        },
    ),
    # the helper is a method of the same class
    Mistake(
        "celery.W330",
        view(
            "class Desk:\n    @staticmethod\n    def tell(pk):\n        call.delay(pk)\n\n"
            "    def add(self, pk):\n        with transaction.atomic():\n"
            "            self.tell(pk)  # <-\n"
        ),
        view(
            "class Desk:\n    def tell(self, pk):\n        call.delay(pk)\n\n\n"
            "class Door:\n    def add(self, pk):\n        with transaction.atomic():\n"
            "            self.tell(pk)\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
