"""Tasks for an instance or a file that is not there: broken projects, and healthy twins."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASK, Mistake, found_in, tasks, view, with_twin

MODEL = "from doctors.models import Doctor\n"
LOCATE = f"{MODEL}{TASK}def locate(pk):\n    doctor = Doctor.objects.get(pk=pk)\n"
SAVES = tasks(f"{LOCATE}    doctor.name = 'x'\n    doctor.save()\n")
RECEIVER = (
    "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n"
    "from doctors.models import Doctor\nfrom doctors.tasks import locate\n\n\n"
    "@receiver(post_save, sender=Doctor)\ndef on_save(sender, instance, created, **kwargs):\n"
)
READY = (
    "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
    "    name = 'doctors'\n\n    def ready(self):\n        from . import signals\n"
)
SAVE = (
    "from django.db import models\n\n\nclass Doctor(models.Model):\n"
    "    name = models.CharField(max_length=80)\n\n    def save(self, **kwargs):\n"
    "        from doctors.tasks import locate\n\n        super().save(**kwargs)\n"
)
FETCHED = "    doctor = Doctor.objects.get(pk=1)\n"
TRANSACTION = "from django.db import transaction\n"
TEMP = "from tempfile import NamedTemporaryFile\n"
TEMPORARY = "    with NamedTemporaryFile() as f:\n"
SENDS_FOR_NEW = RECEIVER.replace("import locate", "import call") + (
    "    if created:\n        call.delay_on_commit(instance.pk)\n"
)
IMPORTED = {"doctors/apps.py": READY}
MISTAKES = [
    Mistake(
        "celery.W466",
        {
            "doctors/signals.py": "from django.db.models.signals import post_save\n"
            "from django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n"
            "@receiver(post_save, sender='doctors.Doctor')\n"
            "def on_save(sender, instance, **kwargs):  # <-\n"
            "    greet.delay_on_commit(instance.name)\n"
        },
        {
            "doctors/signals.py": "from django.db.models.signals import post_save\n"
            "from django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n"
            "@receiver(post_save, sender='doctors.Doctor')\n"
            "def on_save(sender, instance, **kwargs):\n"
            "    greet.delay_on_commit(instance.name)\n",
            "doctors/apps.py": READY,
        },
    ),
    Mistake(
        "celery.W616",
        {
            **SAVES,
            "doctors/apps.py": READY,
            "doctors/signals.py": f"{RECEIVER}    locate.delay_on_commit(instance.pk)  # <-\n",
        },
        {
            **SAVES,
            "doctors/apps.py": READY,
            "doctors/signals.py": f"{RECEIVER}    if created:\n        locate.delay_on_commit(instance.pk)\n",
        },
    ),
    Mistake(
        "celery.W616",
        {
            **SAVES,
            "doctors/models.py": f"{SAVE}        locate.delay_on_commit(self.pk)  # <-\n",
        },
        {
            **tasks(f"{LOCATE}    Doctor.objects.filter(pk=doctor.pk).update(name='x')\n"),
            "doctors/models.py": f"{SAVE}        locate.delay_on_commit(self.pk)\n",
        },
    ),
    Mistake(
        "celery.W617",
        view(
            f"def remove(request):\n{FETCHED}    doctor.delete()\n"
            "    call.delay(doctor.pk)  # <-\n",
            MODEL,
        ),
        view(
            f"def remove(request):\n{FETCHED}    pk = doctor.pk\n    doctor.delete()\n"
            "    call.delay(pk)\n",
            MODEL,
        ),
    ),
    Mistake(
        "celery.W617",
        view(
            f"def remove(request):\n{FETCHED}    if doctor:\n        doctor.delete()\n"
            "        call.apply_async(args=[doctor.id])  # <-\n",
            MODEL,
        ),
        view(
            f"def remove(request):\n{FETCHED}    if doctor:\n        doctor.delete()\n"
            "    else:\n        call.apply_async(args=[doctor.id])\n",
            MODEL,
        ),
    ),
    Mistake(
        "celery.W618",
        view(
            "def add(request):\n    doctor = Doctor(name='x')\n    call.delay(doctor.pk)  # <-\n"
            "    doctor.save()\n",
            MODEL,
        ),
        view(
            "def add(request):\n    doctor = Doctor(name='x')\n    doctor.save()\n"
            "    call.delay(doctor.pk)\n",
            MODEL,
        ),
    ),
    Mistake(
        "celery.W619",
        view(
            "def load(request):\n    with tempfile.NamedTemporaryFile() as handle:\n"
            "        greet.delay(handle.name)  # <-\n",
            "import tempfile\n",
        ),
        view(
            "def load(request):\n    with tempfile.NamedTemporaryFile(delete=False) as handle:\n"
            "        greet.delay(handle.name)\n",
            "import tempfile\n",
        ),
    ),
    Mistake(
        "celery.W619",
        view(
            "def load(request):\n    with TemporaryDirectory() as folder:\n"
            "        greet.delay(f'{folder}/in.csv')  # <-\n",
            "from tempfile import TemporaryDirectory\n",
        ),
        view(
            "def load(request):\n    with NamedTemporaryFile() as handle:\n"
            "        greet.delay(handle.read())\n",
            "from tempfile import NamedTemporaryFile\n",
        ),
    ),
    Mistake(
        "celery.W619",
        view(
            "def load(request):\n    greet.delay(request.FILES['a'].temporary_file_path())  # <-\n"
        ),
    ),
    # the key is read after the commit, or given before the save
    *(
        Mistake(
            "celery.W618",
            view(
                "def add(request):\n    doctor = Doctor(name='x')\n"
                "    call.apply_async(args=[doctor.pk])  # <-\n    doctor.save()\n",
                MODEL,
            ),
            view(f"def add(request):\n{body}    doctor.save()\n", f"{MODEL}{TRANSACTION}"),
        )
        for body in (
            "    doctor = Doctor(name='x')\n"
            "    transaction.on_commit(lambda: call.delay(doctor.pk))\n",
            "    doctor = Doctor(pk=3)\n    call.delay_on_commit(doctor.pk)\n",
        )
    ),
    # the name of another file, or of one that is waited for
    *(
        Mistake(
            "celery.W619",
            view(f"def load(request):\n{TEMPORARY}        greet.delay(str(f.name))  # <-\n", TEMP),
            view(f"def load(request, storage):\n{TEMPORARY}        {send}\n", TEMP),
        )
        for send in (
            "greet.delay(storage.save(f.name, f))",
            "greet.delay(name=storage.save(f.name, f))",
        )
    ),
    # a parameter may be anything, and another library's model may keep its row
    Mistake(
        "celery.W617",
        view(
            f"def remove(request):\n{FETCHED}    doctor.delete()\n"
            "    call.delay(doctor_id=doctor.pk)  # <-\n",
            MODEL,
        ),
        view("def remove(request, doctor):\n    doctor.delete()\n    call.delay(doctor.pk)\n"),
    ),
    *(
        Mistake(
            "celery.W616",
            {
                **SAVES,
                "doctors/apps.py": READY,
                "doctors/signals.py": f"{RECEIVER}    locate.delay_on_commit(instance.pk)  # <-\n",
            },
            {
                **SAVES,
                "doctors/apps.py": READY,
                "doctors/signals.py": f"{receiver}    {send}\n",
            },
        )
        for receiver, send in (
            (
                RECEIVER.replace("def on_save", "@only_new\ndef on_save"),
                "locate.delay_on_commit(instance.pk)",
            ),
            (RECEIVER, "with unless_muted():\n        locate.delay_on_commit(instance.pk)"),
        )
    ),
    Mistake(
        "celery.W488",
        {
            "doctors/signals.py": SENDS_FOR_NEW,
            **IMPORTED,
            "doctors/loading.py": "from doctors.models import Doctor\n\n\ndef load(rows):\n"
            "    Doctor.objects.bulk_create(rows)  # <-\n",
        },
        {
            "doctors/signals.py": SENDS_FOR_NEW,
            **IMPORTED,
            "doctors/loading.py": "from doctors.models import Doctor\n"
            "from doctors.tasks import call\n\n\ndef load(rows):\n"
            "    for doctor in Doctor.objects.bulk_create(rows):\n"
            "        call.delay(doctor.pk)\n",
        },
    ),
    # a function that is called with them sends it
    Mistake(
        "celery.W488",
        {
            "doctors/signals.py": SENDS_FOR_NEW,
            **IMPORTED,
            "doctors/loading.py": "from doctors.models import Doctor\n\n\ndef load(rows):\n"
            "    Doctor.objects.bulk_create(rows)  # <-\n    log(rows)\n\n\n"
            "def log(rows):\n    print(rows)\n",
        },
        {
            "doctors/signals.py": SENDS_FOR_NEW,
            **IMPORTED,
            "doctors/sending.py": "from doctors.tasks import call\n\n\ndef tell(rows):\n"
            "    for row in rows:\n        call.delay(row.pk)\n",
            "doctors/loading.py": "from doctors.models import Doctor\n"
            "from doctors.sending import tell as after\n\n\ndef load(rows):\n"
            "    Doctor.objects.bulk_create(rows)\n    after(rows)\n",
        },
    ),
    *(
        Mistake(
            "celery.W489",
            {
                "doctors/signals.py": SENDS_FOR_NEW.replace(", sender=Doctor)", ")  # <-"),
                **IMPORTED,
            },
            {
                "doctors/signals.py": "from django.db.models.signals import post_save\n"
                "from django.dispatch import receiver\nfrom doctors.tasks import call, greet\n\n\n"
                f"@receiver(post_save)\n{twin}",
                **IMPORTED,
            },
        )
        for twin in (
            "def flush(**kwargs):\n    greet.delay_on_commit('x')\n",
            "def index(instance, **kwargs):\n    try:\n        row = instance.search_row\n"
            "    except AttributeError:\n        return\n    greet.delay_on_commit(row)\n",
            "def index(instance, **kwargs):\n    while isinstance(instance, str):\n"
            "        greet.delay_on_commit('x')\n",
        )
    ),
    Mistake(
        "celery.W489",
        {
            "doctors/signals.py": SENDS_FOR_NEW.replace(", sender=Doctor)", ")  # <-"),
            **IMPORTED,
        },
        {"doctors/signals.py": SENDS_FOR_NEW, **IMPORTED},
    ),
    Mistake(
        "celery.W489",
        {
            "doctors/signals.py": SENDS_FOR_NEW.replace(", sender=Doctor)", ")  # <-"),
            **IMPORTED,
        },
        {
            "doctors/signals.py": SENDS_FOR_NEW.replace(", sender=Doctor)", ")").replace(
                "if created", "if isinstance(instance, Doctor)"
            ),
            **IMPORTED,
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
