"""Tasks that are called where they should be sent: broken projects, and their healthy twins."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    TASK,
    TASKS,
    Mistake,
    facts_of,
    found_in,
    healthy,
    with_twin,
)

MAIL = f"\n\nfrom django.core.mail import send_mail\n\n\n{TASK}def welcome(pk):\n    send_mail('x', 'y', None, [pk])\n"
RETRIES = "\n\n@shared_task(autoretry_for=(OSError,))\ndef welcome(pk):\n    return pk\n"
SELF = "\n\n@shared_task(bind=True)\ndef welcome(self, pk):\n    try:\n        return pk\n    except OSError as error:\n        raise self.retry(exc=error)\n"
HTTP = (
    f"\n\nimport requests\n\n\n{TASK}def welcome(pk):\n    requests.post('https://x', timeout=5)\n"
)
QUICK = f"\n\n{TASK}def welcome(pk):\n    return pk\n"
USER = f"\n\n{TASK}def welcome(user):\n    user.email_user('x', 'y')\n"
SERVICE = f"\n\nfrom .services import post\n\n\n{TASK}def welcome(pk):\n    post(pk)\n"
IMPORT = "from doctors.tasks import welcome\n\n\n"
SENT = "welcome.delay(1)"
CALLED = "welcome(1)  # <-"
PLACES = {
    "a view": "def index(request):\n    {}\n",
    "a method of a view": "class V:\n    def post(self, request):\n        {}\n",
    "perform_create": "class V:\n    def perform_create(self, serializer):\n        {}\n",
    "form_valid": "class V:\n    def form_valid(self, form):\n        {}\n        return 1\n",
    "an admin": "class A:\n    def save_model(self, request, obj, form, change):\n        {}\n",
    "a receiver": "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n\n\n"
    "@receiver(post_save)\ndef saved(sender, instance, **kwargs):\n    {}\n",
    "a connected function": "from django.db.models.signals import post_save\n\n\n"
    "def saved(sender, instance, **kwargs):\n    {}\n\n\npost_save.connect(saved)\n",
    "after the commit": "from django.db import transaction\n\n\n"
    "def index(request):\n    transaction.on_commit(\n        lambda: {}\n    )\n",
    "a model": "from django.db import models\n\n\nclass M(models.Model):\n    def save(self, *args, **kwargs):\n"
    "        super().save(*args, **kwargs)\n        {}\n",
    "a log of failures": "def index(request):\n    try:\n        {}\n    except OSError:\n"
    "        print('failed')\n",
    "a branch": "def index(request):\n    if request.method == 'POST':\n        {}\n",
}


PARTIAL = (
    "from functools import partial\n\nfrom django.db import transaction\n\n\n"
    "def index(request):\n    transaction.on_commit(partial({}, 1))  # <-\n"
)


def project(body: str, task: str = MAIL) -> dict[str, str]:
    return {"doctors/tasks.py": TASKS + task, "doctors/views.py": IMPORT + body}


MISTAKES = [
    *(
        Mistake(
            "celery.W404",
            project(place.replace("{}", CALLED)),
            project(place.replace("{}", "welcome.delay_on_commit(1)")),
        )
        for place in PLACES.values()
    ),
    # connected by a file that does not mention Celery
    Mistake(
        "celery.W404",
        {
            "doctors/tasks.py": TASKS + MAIL,
            "doctors/receivers.py": IMPORT
            + "def saved(sender, instance, **kwargs):\n    welcome(1)  # <-\n",
            "doctors/apps.py": "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
            "    name = 'doctors'\n\n    def ready(self):\n"
            "        from django.db.models.signals import post_save\n\n"
            "        from .receivers import saved\n\n        post_save.connect(saved)\n",
        },
    ),
    *(
        Mistake(
            "celery.W404",
            project(PLACES["a view"].replace("{}", CALLED), task),
            project(PLACES["a view"].replace("{}", SENT), task),
        )
        for task in (MAIL, RETRIES, SELF, HTTP, USER)
    ),
    Mistake(
        "celery.W404",
        project(PARTIAL.replace("{}", "welcome")),
        project(PARTIAL.replace("{}", "welcome.delay")),
    ),
    # the task leaves the work to a function of another module
    Mistake(
        "celery.W404",
        project(PLACES["a view"].replace("{}", CALLED), SERVICE)
        | {
            "doctors/services.py": "import requests\n\n\ndef post(pk):\n    requests.get('x', timeout=5)\n"
        },
        project(PLACES["a view"].replace("{}", SENT), SERVICE)
        | {
            "doctors/services.py": "import requests\n\n\ndef post(pk):\n    requests.get('x', timeout=5)\n"
        },
    ),
]
FINE = {
    "its value is used": project("def index(request):\n    return welcome(1)\n"),
    "a switch": project(
        "from django.conf import settings\n\n\ndef index(request):\n"
        "    if settings.CELERY_TASK_ALWAYS_EAGER:\n        welcome(1)\n"
    ),
    "where sending failed": project(
        "def index(request):\n    try:\n        welcome.delay(1)\n    except OSError:\n        welcome(1)\n"
    ),
    "a switch of the project": project(
        "from config.features import USE_CELERY\n\nfrom doctors.queue import enqueue\n\n\n"
        "def index(request):\n    if USE_CELERY:\n        enqueue(welcome)\n    else:\n        welcome(1)\n"
    ),
    "a switch that returns": project(
        "from config.features import celery_is_up\n\nfrom doctors.queue import enqueue\n\n\n"
        "def index(request):\n    if celery_is_up():\n        return enqueue(welcome)\n    welcome(1)\n"
    ),
    "sent by its name": project(
        "from config.celery import app\n\n\ndef index(request, now):\n    if now:\n        welcome(1)\n"
        "    else:\n        app.send_task('doctors.tasks.welcome', (1,))\n"
    ),
    "the answer says whether it worked": project(
        "def index(request):\n    try:\n        welcome(1)\n    except OSError:\n        return 502\n"
        "    return 200\n"
    ),
    "in a thread": project(
        "from doctors.threads import run_in_thread\n\n\n@run_in_thread\ndef notify(request):\n"
        "    welcome(1)\n"
    ),
    "the request of a task": project(
        "from celery import Task\n\n\nclass Base(Task):\n    def on_failure(self, *args, **kwargs):\n"
        "        if self.request.retries:\n            welcome(1)\n"
    ),
    "called by a receiver's namesake": {
        **project("def saved(pk):\n    welcome(pk)\n"),
        "doctors/receivers.py": "from django.db.models.signals import post_save\n\n"
        "from doctors.tasks import greet\n\n\ndef saved(sender, instance, **kwargs):\n"
        "    greet.delay('x')\n\n\npost_save.connect(saved)\n",
    },
    "in another task": {
        "doctors/tasks.py": f"{TASKS}{MAIL}\n\n{TASK}def all_of_them(request):\n    welcome(1)\n"
    },
    "a command": {
        "doctors/tasks.py": TASKS + MAIL,
        "doctors/management/commands/welcome.py": IMPORT
        + "class Command:\n    def save_model(self, request):\n        welcome(1)\n",
    },
    "a helper": project("def helper(pk):\n    welcome(pk)\n"),
    "a test": {
        "doctors/tasks.py": TASKS + MAIL,
        "doctors/tests/test_tasks.py": IMPORT + "def test_it(request):\n    welcome(1)\n",
    },
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    found = found_in(tmp_path, mistake.twin)
    assert [one for one in found if one[0] in {"celery.W404", "celery.I403"}] == []


@pytest.mark.parametrize("files", FINE.values(), ids=FINE.keys())
def test_what_is_meant_is_left_alone(tmp_path, files):
    found = found_in(tmp_path, files)
    assert [one for one in found if one[0] in {"celery.W404", "celery.I403"}] == []


def test_a_quick_task_with_a_function_of_its_own_stays_a_remark(tmp_path):
    files = project(PLACES["a view"].replace("{}", "welcome(1)"), SERVICE)
    found = found_in(tmp_path, files | {"doctors/services.py": "def post(pk):\n    return pk\n"})
    assert [check for check, _ in found] == ["celery.I403"]


def test_a_quick_task_stays_a_remark(tmp_path):
    found = found_in(tmp_path, project(PLACES["a view"].replace("{}", "welcome(1)"), QUICK))
    assert [check for check, _ in found] == ["celery.I403"]


def test_the_remedy_of_a_partial_is_one(tmp_path):
    facts = facts_of(make_tree(tmp_path, healthy() | project(PARTIAL.replace("{}", "welcome"))))
    assert [one.hint for one in run_checks(facts).findings] == [
        "Write partial(welcome.delay, ...)."
    ]
