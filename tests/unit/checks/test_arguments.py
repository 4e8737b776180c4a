"""What tasks are called with: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    Mistake,
    facts_of,
    found_in,
    healthy,
    settings,
    tasks,
    view,
    with_twin,
)

VISIT = (
    "from django.db import models\n\n\nclass Doctor(models.Model):\n"
    "    name = models.CharField(max_length=9)\n\n\nclass Visit(models.Model):\n"
    "    name = models.CharField(max_length=9)\n"
    "    doctor = models.ForeignKey(Doctor, on_delete=models.CASCADE)\n"
)
# delays as a view has them
TIMED = """import os
from datetime import timedelta

from django.utils import timezone

DELAY = 60
TEXT = "60"
"""

MISTAKES = [
    Mistake(
        "celery.W360",
        {
            **view("def f(request, visit):\n    greet.delay(visit.doctor)  # <-\n"),
            "doctors/models.py": VISIT,
        },
        {
            **view(
                "from django.conf import settings\n\n\ndef f(request, visit):\n"
                "    greet.delay(visit.doctor_id)\n    greet.delay(visit.doctor.name)\n"
                "    greet.delay(settings.doctor)\n    greet.delay(visit.name)\n"
            ),
            "doctors/models.py": VISIT,
        },
    ),
    Mistake(
        "celery.W360",
        view(
            "def welcome(sender, instance, **kwargs):\n"
            "    transaction.on_commit(lambda: greet.delay(instance))  # <-\n\n\n"
            "post_save.connect(welcome, sender=Doctor)\n",
            "from django.db import transaction\nfrom django.db.models.signals import post_save\n"
            "from doctors.models import Doctor\n",
        ),
        view(
            "def welcome(sender, instance, **kwargs):\n"
            "    transaction.on_commit(lambda: greet.delay(instance.pk))\n\n\n"
            "post_save.connect(welcome, sender=Doctor)\n",
            "from django.db import transaction\nfrom django.db.models.signals import post_save\n"
            "from doctors.models import Doctor\n",
        ),
    ),
    Mistake(
        "celery.W360",
        view(
            "def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n"
            "    transaction.on_commit(partial(greet.delay, doctor))  # <-\n",
            "from functools import partial\nfrom django.db import transaction\n"
            "from doctors.models import Doctor\n",
        ),
        view(
            "def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n"
            "    transaction.on_commit(partial(greet.delay, doctor.pk))\n",
            "from functools import partial\nfrom django.db import transaction\n"
            "from doctors.models import Doctor\n",
        ),
    ),
    Mistake(
        "celery.W360",
        {
            **view(
                "def f(visit: Visit):\n    greet.delay(visit)  # <-\n",
                "from doctors.models import Visit\n",
            ),
            "doctors/models.py": VISIT,
        },
        {
            **view(
                "def f(visit: Visit, kind: Kind):\n    greet.delay(kind)\n    visit = visit.pk\n"
                "    greet.delay(visit)\n",
                "from doctors.models import Kind, Visit\n",
            ),
            "doctors/models.py": f"{VISIT}\n\nclass Kind(models.TextChoices):\n    A = 'a'\n",
        },
    ),
    Mistake(
        "celery.W360",
        {
            **view(
                "def f(visit: 'models.Visit'):\n    greet.delay(visit)  # <-\n",
                "from doctors import models\n",
            ),
            "doctors/models.py": VISIT,
        },
        {
            **view(
                "def f(visit: Visit):\n    greet.delay(visit)\n",
                "from doctors.models import Visit\n",
            ),
            "doctors/models.py": "from pydantic import BaseModel\n\n\nclass Visit(BaseModel):\n"
            "    pk: int\n",
        },
    ),
    Mistake(
        "celery.W360",
        view(
            "def f(request):\n    form = NameForm(request.POST)\n"
            "    greet.apply_async(kwargs={'name': form})  # <-\n",
            "from doctors.forms import NameForm\n",
        ),
        view(
            "def f(request):\n    form = NameForm(request.POST)\n"
            "    greet.apply_async(kwargs={'name': form.cleaned_data})\n",
            "from doctors.forms import NameForm\n",
        ),
    ),
    Mistake(
        "celery.W580",
        view("def f():\n    greet.delay({1: 'a'})  # <-\n"),
        view("def f():\n    greet.delay({'1': 'a'})\n"),
    ),
    Mistake(
        "celery.W360",
        view(
            "def f():\n    for one in Doctor.objects.filter(name='x').iterator():\n"
            "        greet.delay(one)  # <-\n",
            "from doctors.models import Doctor\n",
        ),
        view(
            "def f():\n    for one in Doctor.objects.values_list('pk', flat=True):\n"
            "        greet.delay(one)\n",
            "from doctors.models import Doctor\n",
        ),
    ),
    Mistake(
        "celery.W360",
        view("def f(request, doctor):\n    greet.delay(doctor.__dict__)  # <-\n"),
        view("def f(request, doctor):\n    greet.delay(doctor.name)\n"),
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    greet.delay(request.META)  # <-\n"),
        view("def f(request):\n    greet.delay(request.META['REMOTE_ADDR'])\n"),
    ),
    Mistake(
        "celery.W360",
        view(
            "class New:\n    def form_valid(self, form):\n        self.object = form.save()\n"
            "        greet.delay(self.object)  # <-\n"
        ),
        view(
            "class New:\n    def form_valid(self, form):\n        self.object = form.save()\n"
            "        greet.delay(self.object.pk)\n"
        ),
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    sent = request.FILES['a']\n    greet.delay(sent)  # <-\n"),
        view("def f(request):\n    sent = request.FILES['a']\n    greet.delay(sent.name)\n"),
    ),
    Mistake(
        "celery.W360",
        view("def f(pk):\n    greet.delay(Doctor.objects.filter(pk=pk))  # <-\n"),
        view("def f(pk):\n    greet.delay(Doctor.objects.filter(pk=pk).count())\n"),
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    greet.delay(request.FILES['photo'])  # <-\n"),
        view("def f(request):\n    greet.delay(request.FILES['photo'].name)\n"),
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
        "celery.E372",
        view("def f(doctor_id):\n    greet.apply_async(args=(doctor_id))  # <-\n"),
        view("def f(ids):\n    greet.apply_async(args=(ids))\n"),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async_on_commit(args=('x'))  # <-\n"),
        view("def f():\n    greet.apply_async_on_commit(args=('x',))\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay({1, 2})  # <-\n"),
        view("def f(request, pks):\n    greet.delay([1, 2])\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay(set(pks))  # <-\n"),
        view("def f(request, pks):\n    greet.delay(list(set(pks)))\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay(range(3))  # <-\n"),
        view("def f(request, pks):\n    greet.delay(list(range(3)))\n"),
    ),
    Mistake(
        "celery.W580",
        view(
            "def f(request, pks):\n    greet.delay(Doctor.objects.values_list('pk', flat=True))  # <-\n"
        ),
        view(
            "def f(request, pks):\n    greet.delay(list(Doctor.objects.values_list('pk', flat=True)))\n"
        ),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay((pk for pk in pks))  # <-\n"),
        view("def f(request, pks):\n    greet.delay([pk for pk in pks])\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay(request.user)  # <-\n"),
        view("def f(request, pks):\n    greet.delay(request.user.pk)\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay(map(str, pks))  # <-\n"),
        view("def f(request, pks):\n    greet.delay(','.join(map(str, pks)))\n"),
    ),
    Mistake(
        "celery.W580",
        view("def f(request, pks):\n    greet.delay(lambda: 1)  # <-\n"),
        view("def f(request, pks):\n    greet.delay(greet.name)\n"),
    ),
    Mistake(
        "celery.W580",
        view(
            "def f():\n    try:\n        pass\n    except OSError as exc:\n        greet.delay(exc)  # <-\n"
        ),
        view(
            "def f():\n    try:\n        pass\n    except OSError as exc:\n        greet.delay(str(exc))\n"
        ),
    ),
    Mistake(
        "celery.W580",
        view(
            "def f(pks):\n    chosen = set(pks)\n    greet.apply_async(\n"
            "        kwargs={'name': chosen},  # <-\n    )\n"
        ),
        view(
            "def f(pks):\n    chosen = set(pks)\n    chosen = list(chosen)\n"
            "    greet.apply_async(\n        kwargs={'name': chosen},\n    )\n"
        ),
    ),
    Mistake(
        "celery.W580",
        view(
            "def f(pks):\n    greet.apply_async_on_commit(args=[wait(days=1)])  # <-\n",
            "from datetime import timedelta as wait\n",
        ),
        {
            **view("def f(pks):\n    greet.apply_async(({1},), serializer='pickle')\n"),
            **settings("CELERY_ACCEPT_CONTENT = ['json', 'pickle']  # celeryize: ignore[W560]\n"),
        },
    ),
    Mistake(
        "celery.W581",
        tasks("@shared_task\ndef f():\n    return Doctor.objects.filter(pk=1)  # <-\n"),
        tasks(
            "@shared_task(ignore_result=True)\ndef f():\n    return Doctor.objects.filter(pk=1)\n\n\n"
            "@shared_task\ndef g():\n    def inner():\n        return {1}\n"
            "    return Doctor.objects.values_list('pk', flat=True).get(), inner\n"
        ),
    ),
    Mistake(
        "celery.W581",
        tasks(
            "@shared_task\ndef f(pks):\n    try:\n        done = {pk for pk in pks}\n"
            "    except OSError as exc:\n        return str(exc)\n    return done  # <-\n"
        ),
        tasks(
            "@shared_task\ndef f(pks):\n    done = {pk for pk in pks}\n    return sorted(done)\n"
        ),
    ),
    Mistake(
        "celery.E370",
        view("def f():\n    greet.apply_async(name='x')  # <-\n"),
        view("def f():\n    greet.apply_async(kwargs={'name': 'x'})\n"),
    ),
    Mistake(
        "celery.E370",
        view("def f():\n    greet.apply_async(('x', 'y'), countdown=5)  # <-\n"),
        view(
            "def f(names):\n    greet.apply_async(names, countdown=5)\n    greet.apply_async((*names,))\n"
        ),
    ),
    Mistake(
        "celery.E372",
        view("def f(order):\n    greet.apply_async(order.pk)  # <-\n"),
        view(
            "def f(order):\n    greet.apply_async((order.pk,))\n    greet.apply_async(order.args)\n"
        ),
    ),
    Mistake(
        "celery.E372",
        view(
            "def f():\n    greet.apply_async(('x',), expires=timedelta(hours=1))  # <-\n",
            "from datetime import timedelta\n",
        ),
        view(
            "def f(when):\n    greet.apply_async(('x',), expires=when + timedelta(hours=1))\n",
            "from datetime import timedelta\n",
        ),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async(('x',), eta=60)  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), eta=None)\n"),
    ),
    *(
        Mistake(
            "celery.E372",
            view(f"def f():\n    greet.apply_async(('x',), {wrong})  # <-\n", TIMED),
            view(f"def f(delay, when):\n    greet.apply_async(('x',), {right})\n", TIMED),
        )
        for wrong, right in (
            ("countdown='60'", "countdown=60"),
            ("countdown=[60]", "countdown=None"),
            ("countdown=(60,)", "countdown=delay"),
            ("countdown=f'{DELAY}'", "countdown=int(f'{DELAY}')"),
            ("countdown=TEXT", "countdown=DELAY"),
            ("countdown=os.environ['DELAY']", "countdown=int(os.environ['DELAY'])"),
            ("countdown=os.getenv('DELAY', '60')", "countdown=os.getenv('DELAY', 60)"),
            ("countdown=os.environ.get('DELAY')", "countdown=float(os.environ.get('DELAY', 5))"),
            ("expires='60'", "expires='2030-01-01T00:00:00+00:00'"),
            ("expires='soon'", "expires=when"),
            ("expires=[60]", "expires=60.5"),
            ("eta='tomorrow'", "eta='2030-01-01T00:00:00Z'"),
            ("eta='60'", "eta=''"),
            ("eta=timedelta(minutes=1)", "eta=when + timedelta(minutes=1)"),
            ("eta=[when]", "eta=str(when)"),
            ("eta=timezone.now", "eta=timezone.now()"),
            ("countdown=timezone.now() + timedelta(hours=1)", "eta=timezone.now()"),
            ("countdown=request.POST['delay']", "countdown=int(request.POST['delay'])"),
            ("countdown=request.GET.get('delay')", "countdown=request.GET.get('delay', 5)"),
        )
    ),
    # a variable of another function, a parameter and a loop have no value of the module
    *(
        Mistake(
            "celery.E372",
            view(
                "def f():\n    delay = TEXT\n    greet.apply_async(('x',), countdown=delay)  # <-\n",
                TIMED,
            ),
            view(f"def g():\n    delay = timedelta(hours=1)\n    return delay\n\n\n{right}", TIMED),
        )
        for right in (
            "def f(delay):\n    greet.apply_async(('x',), countdown=delay)\n",
            "def f():\n    for delay in (1, 2):\n        greet.apply_async(('x',), countdown=delay)\n",
            "def f():\n    return [greet.apply_async(('x',), countdown=delay) for delay in (1, 2)]\n",
            "def f(when):\n    expires = timedelta(hours=1)\n    expires += when\n"
            "    greet.apply_async(('x',), expires=expires)\n",
            "def timedelta(minutes):\n    return minutes * 60\n\n\n"
            "def f():\n    greet.apply_async(('x',), countdown=timedelta(minutes=1))\n",
        )
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.s('x').set(countdown='60').delay()  # <-\n"),
        view("def f(row):\n    row.set(countdown='60')\n    greet.s('x').delay()\n"),
    ),
    Mistake(
        "celery.E372",
        view(
            "def f():\n    app.send_task('doctors.tasks.greet', ('x',), countdown='60')  # <-\n",
            "from config.celery import app\n",
        ),
        view("def f(sms):\n    sms.send_task('x', countdown='60')\n    greet.delay('x')\n"),
    ),
    Mistake(
        "celery.E370",
        view(
            "def f():\n    transaction.on_commit(greet.delay)  # <-\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
        view(
            "def f():\n    transaction.on_commit(partial(greet.delay, 'x'))\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.E370",
        view(
            "def f():\n    transaction.on_commit(\n        partial(greet.delay, 'x', urgent=True),  # <-\n    )\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
        view(
            "def f(make):\n    make(partial(call.delay, urgent=True))\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.W580",
        view(
            "def f(pks):\n    transaction.on_commit(partial(greet.delay, set(pks)))  # <-\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
        view(
            "def f(pks):\n    transaction.on_commit(partial(greet.delay, sorted(set(pks))))\n",
            "from functools import partial\nfrom django.db import transaction\n",
        ),
    ),
    Mistake(
        "celery.W580",
        view("def f(pks):\n    return greet.s({1}) | greet.s()  # <-\n", "import celery\n"),
        view("def f(pks):\n    return greet.s([1]) | greet.s()\n", "import celery\n"),
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    return greet.si(request)  # <-\n", "import celery\n"),
        view("def f(request):\n    return greet.si(request.user.pk)\n", "import celery\n"),
    ),
    Mistake(
        "celery.W360",
        view(
            "def add(request):\n    doctor, made = Doctor.objects.get_or_create(name='x')\n"
            "    call.delay(doctor)  # <-\n",
            "from doctors.models import Doctor\n",
        ),
        view(
            "def add(request):\n    doctor, made = Doctor.objects.get_or_create(name='x')\n"
            "    call.delay(doctor.pk, urgent=made)\n",
            "from doctors.models import Doctor\n",
        ),
    ),
    Mistake(
        "celery.W580",
        view("def add(request):\n    greet.delay(request.POST)  # <-\n"),
        view("def add(request):\n    greet.delay(request.POST.dict())\n"),
    ),
    Mistake(
        "celery.W580",
        view("def add(request):\n    data = request.GET\n    greet.delay(name=data)  # <-\n"),
        view("def add(request):\n    data = request.GET\n    greet.delay(name=data['name'])\n"),
    ),
    *(
        Mistake(
            "celery.W580",
            view(f"def add(request):\n    greet.delay({given})  # <-\n", head),
            view(f"def add(request, {given}):\n    greet.delay({given})\n", head),
        )
        for given, head in [
            ("len", ""),
            ("call", ""),
            ("Doctor", "from doctors.models import Doctor\n"),
            ("helper", "def helper():\n    pass\n\n\n"),
        ]
    ),
    Mistake(
        "celery.W581",
        tasks(
            "import requests\n\n\n@shared_task\ndef ask(url):\n"
            "    answer = requests.get(url, timeout=5)\n    return answer  # <-\n"
        ),
        tasks(
            "import requests\n\n\n@shared_task\ndef ask(url):\n"
            "    answer = requests.get(url, timeout=5)\n    return answer.status_code\n"
        ),
    ),
    Mistake(
        "celery.W581",
        tasks(
            "from django.http import JsonResponse\n\n\n@shared_task\ndef ask(url):\n"
            "    return JsonResponse({'url': url})  # <-\n"
        ),
        tasks("@shared_task\ndef ask(url):\n    return {'url': url}\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("request", "request.user.pk"),
        ("request.FILES['photo']", "Save it"),
        ("Doctor.objects.filter(pk=1)", "primary keys: list("),
        (
            "Doctor.objects.get(pk=1)",
            "Pass its primary key; let greet (doctors/tasks.py:5) take name_id, and begin with "
            "name = Doctor.objects.get(pk=name_id).",
        ),
    ],
)
def test_what_to_pass_instead_fits_what_is_passed(tmp_path, argument, hint):
    files = view(f"def f(request):\n    greet.delay({argument})\n")
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (finding,) = run_checks(facts).findings
    assert hint in finding.hint


MAIL = "@shared_task\ndef send(doctor, urgent=False):\n    print(doctor.name)\n"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            "def f(pk):\n    found = Doctor.objects.get(pk=pk)\n    send.delay(found)\n",
            "Pass found.pk; let send (doctors/tasks.py:18) take doctor_id, and begin with "
            "doctor = Doctor.objects.get(pk=doctor_id).",
        ),
        (
            "def f():\n    for one in Doctor.objects.all():\n"
            "        send.apply_async(kwargs={'doctor': one})\n",
            "Pass one.pk; let send (doctors/tasks.py:18) take doctor_id, and begin with "
            "doctor = Doctor.objects.get(pk=doctor_id).",
        ),
        (
            "@receiver(post_save, sender=Doctor)\ndef f(sender, instance, **kwargs):\n"
            "    send.delay(instance)\n",
            "Pass instance.pk; let send (doctors/tasks.py:18) take doctor_id, and begin with "
            "doctor = Doctor.objects.get(pk=doctor_id).",
        ),
        (
            "def f(request, pk):\n    found = get_object_or_404(Doctor, pk=pk)\n"
            "    send.apply_async((found,))\n",
            "Pass found.pk; let send (doctors/tasks.py:18) take doctor_id, and begin with "
            "doctor = Doctor.objects.get(pk=doctor_id).",
        ),
        (
            "def f(form):\n    found = form.save()\n    send.delay(found)\n",
            "Pass found.pk, and take it as doctor_id in send (doctors/tasks.py:18), which then "
            "loads its doctor by this key.",
        ),
    ],
)
def test_both_sides_of_a_call_are_told_what_to_do_about_an_instance(tmp_path, body, hint):
    imports = (
        "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n"
        "from django.shortcuts import get_object_or_404\nfrom doctors.models import Doctor\n"
        "from doctors.tasks import send\n"
    )
    files = {**tasks(MAIL), **view(body, imports)}
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    found = [one for one in run_checks(facts).findings if one.id == "celery.W360"]
    assert [one.hint for one in found] == [hint]


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        # the task is right already
        ("def send(doctor_id):\n    doctor = Doctor.objects.get(pk=doctor_id)\n", "Pass found.pk."),
        (
            "def send(pk):\n    for one in Doctor.objects.filter(id=pk):\n        print(one)\n",
            "Pass found.pk.",
        ),
        ("def send(doctor):\n    return get_object_or_404(Doctor, pk=doctor)\n", "Pass found.pk."),
        # it takes the key, and loads nothing, or another model
        (
            "def send(doctor_pk):\n    print(doctor_pk)\n",
            "Pass found.pk; let send (doctors/tasks.py:18) begin with doctor = "
            "Doctor.objects.get(pk=doctor_pk).",
        ),
        (
            "def send(visit_id):\n    visit = Visit.objects.get(pk=visit_id)\n",
            "Pass the primary key of a Visit: send (doctors/tasks.py:18) loads one by it.",
        ),
    ],
)
def test_a_task_that_loads_its_row_is_not_to_be_changed(tmp_path, task, hint):
    imports = "from doctors.models import Doctor\nfrom doctors.tasks import send\n"
    call = "def f(pk):\n    found = Doctor.objects.get(pk=pk)\n    send.delay(found)\n"
    files = {**tasks(f"@shared_task\n{task}"), **view(call, imports)}
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    found = [one for one in run_checks(facts).findings if one.id == "celery.W360"]
    assert [one.hint for one in found] == [hint]
