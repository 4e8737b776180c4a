"""Names of tasks that mean something else: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASKS, Mistake, found_in, settings, tasks, view, with_twin

SENT = view("def add(request):\n    greet.delay('x')\n")
ACCOUNTS = {
    **settings("AUTH_USER_MODEL = 'accounts.Account'\n"),
    "accounts/__init__.py": "",
}
MAIL = {"doctors/mail.py": "def notify(to):\n    return to\n"}


def written(imports: str, name: str, body: str) -> dict[str, str]:
    """A module of tasks with an import, and a task."""
    return MAIL | {
        "doctors/tasks.py": f"{imports}\n{TASKS}\n\n@shared_task\ndef {name}(to):\n    {body}\n"
    }


MISTAKES = [
    *(
        Mistake("celery.E414", written(*broken), written(*twin))
        for broken, twin in (
            (
                ("from django.core.mail import send_mail", "send_mail", "send_mail('x')  # <-"),
                ("from django.core.mail import send_mail as send", "send_mail", "send('x')"),
            ),
            (
                ("from doctors.mail import notify", "notify", "return notify(to)  # <-"),
                ("from doctors.mail import notify", "notify_later", "return notify(to)"),
            ),
            (
                ("from doctors.mail import notify", "notify", "notify(to=to)  # <-"),
                ("import doctors.mail", "notify", "if to:\n        notify(to=to - 1)"),
            ),
            (
                ("from doctors.mail import notify", "notify", "notify(to=to)  # <-"),
                (
                    "from doctors.mail import notify",
                    "notify",
                    "from doctors.mail import notify\n    notify(to=to)",
                ),
            ),
        )
    ),
    *(
        Mistake("celery.E412", {**tasks(f"{line}  # <-\n"), **SENT}, {**tasks(twin), **SENT})
        for line, twin in [
            ("greet = greet.delay", "send_greeting = greet.delay\n"),
            ("greet = lambda name: name", "greet = app.task(greet)\n"),
            ("greet = None", "greet = register(greet)\n"),
            (
                "from functools import lru_cache\ngreet = lru_cache(maxsize=1)(greet)",
                "from functools import lru_cache\ngreeted = lru_cache(maxsize=1)(greet)\n",
            ),
            (
                "import functools\ngreet = functools.partial(greet)",
                "import functools\n\n\n@shared_task(name='doctors.hello')\ndef greet(name):\n    return 1\n",
            ),
        ]
    ),
    Mistake(
        "celery.E412",
        {**tasks("def greet(name):  # <-\n    return name\n"), **SENT},
        # what a decorator of the project makes of it is not known
        {**tasks("@app_task\ndef greet(name):\n    return name\n"), **SENT},
    ),
    # without a use nothing goes wrong, and a third line gives the name back
    Mistake(
        "celery.E412",
        {**tasks("greet = greet.si  # <-\n"), **SENT},
        {**tasks("task = greet\ngreet = greet.si\ngreet = task\n"), **SENT},
    ),
    # what runs while the module is imported has what the name means there
    Mistake(
        "celery.E412",
        tasks("greet_all = greet.s()\ngreet = None  # <-\n\n\ndef tell():\n    greet.delay('x')\n"),
        tasks("greet_all = greet.s()\ngreet = None\n\n\ndef tell():\n    greet_all.delay('x')\n"),
    ),
    Mistake(
        "celery.E413",
        view("def greet(request):\n    greet.delay('x')  # <-\n"),
        view("def greet_all(request):\n    greet.delay('x')\n"),
    ),
    Mistake(
        "celery.E413",
        view("class greet:\n    def post(self):\n        greet.apply_async(('x',))  # <-\n"),
        view("@task_of('x')\ndef greet(request):\n    greet.delay('x')\n"),
    ),
    Mistake(
        "celery.E413",
        view("def add(request):\n    greet = greet.delay('x')  # <-\n"),
        view("def add(request):\n    global greet\n    greet = greet.delay('x')\n"),
    ),
    Mistake(
        "celery.E413",
        view("def add(request, greet=True):\n    if greet:\n        greet.delay('x')  # <-\n"),
        view("def add(request, greet=None):\n    if greet:\n        greet.delay('x')\n"),
    ),
    Mistake(
        "celery.E413",
        view("def add(request, *, greet=False):\n    greet.delay('x')  # <-\n"),
        view("def add(request, greet):\n    greet.delay('x')\n    greet = greet.delay('x')\n"),
    ),
    # what an import in the function gives, or what asks first, is the task
    *(
        Mistake("celery.E413", view(broken), view(twin))
        for broken, twin in [
            (
                "def greet(request):\n    greet.delay('x')  # <-\n",
                "def greet(request):\n    from doctors.tasks import greet\n\n    greet.delay('x')\n",
            ),
            (
                "class greet:\n    def get(self):\n        greet.delay('x')  # <-\n",
                "class greet:\n    def get(self):\n        from doctors.tasks import greet\n\n"
                "        greet.delay('x')\n",
            ),
            (
                "import functools\n\n\n@functools.cache\ndef greet():\n    return greet.s()  # <-\n",
                "import functools\n\n\n@functools.cache\ndef greet():\n"
                "    from doctors.tasks import greet\n\n    return greet.s()\n",
            ),
            (
                "def add(request):\n    greet = greet.delay('x')  # <-\n",
                "def add(request):\n    from doctors.tasks import greet\n\n"
                "    greet = greet.delay('x')\n",
            ),
            (
                "def greet():\n    return 1\n\n\nSENT = greet.s('x')  # <-\n",
                "SENT = greet.s('x')\n\n\ndef greet():\n    return 1\n",
            ),
            (
                "class greet:\n    pass\n\n\nclass Sender:\n    sent = greet.s('x')  # <-\n",
                "class greet:\n    sent = greet.s('x')\n",
            ),
            (
                "def greet():\n    return greet.delay('x')  # <-\n",
                "def greet():\n    return greet.delay('x')\n\n\n"
                "try:\n    from doctors.tasks import greet\nexcept ImportError:\n    pass\n",
            ),
            (
                "class greet:\n    def get(self):\n        greet.delay('x')  # <-\n",
                "class greet(Sent):\n    def get(self):\n        greet.delay('x')\n",
            ),
            (
                "def add(greet=False):\n    greet.delay('x')  # <-\n",
                "def add(greet=False):\n    if greet:\n        greet.delay('x')\n",
            ),
            (
                "def add(greet=1):\n    try:\n        greet.delay('x')  # <-\n"
                "    except OSError:\n        return None\n",
                "def add(greet=1):\n    try:\n        greet.delay('x')\n"
                "    except AttributeError:\n        return None\n",
            ),
            (
                "def greet():\n    return greet.delay('x')  # <-\n",
                "def greet():\n    return greet.delay('x')\n\n\nsetattr(greet, 'delay', print)\n",
            ),
            (
                "def add(greet=True):\n    greet.delay('x')  # <-\n",
                "def add(greet=True):\n    greet = GREETINGS[greet]\n    greet.delay('x')\n",
            ),
            (
                "def add(given):\n    for one in given:\n        greet = greet.delay(one)  # <-\n",
                "def add(given):\n    for one in given:\n        if one.ready:\n"
                "            greet = greet.delay(one)\n        else:\n"
                "            greet = one.greeting\n",
            ),
        ]
    ),
    *(
        Mistake(
            "celery.E143",
            {
                **tasks(
                    "from django.contrib.auth.models import User\n\n\n@shared_task\n"
                    "def welcome(pk):\n    return User.objects.get(pk=pk).email  # <-\n"
                ),
                **ACCOUNTS,
            },
            {
                **tasks(
                    f"from django.contrib.auth import get_user_model\n{twin}\n\n@shared_task\n"
                    "def welcome(pk):\n    return User.objects.get(pk=pk).email\n"
                ),
                **ACCOUNTS,
            },
        )
        for twin in [
            "try:\n    User = get_user_model()\nexcept ImportError:\n"
            "    from django.contrib.auth.models import User\n",
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
            "    from django.contrib.auth.models import User\nelse:\n    User = get_user_model()\n",
            "from django.contrib.auth.models import User\n\nUser = get_user_model()\n",
            "try:\n    from accounts.models import User\nexcept ImportError:\n"
            "    from django.contrib.auth.models import User\n",
        ]
    ),
    Mistake(
        "celery.E143",
        {
            **tasks(
                "from django.contrib.auth.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    users = User.objects  # <-\n    return users.get(pk=pk).email\n"
            ),
            **ACCOUNTS,
        },
        {
            **tasks(
                "from django.contrib.auth.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    if not User._meta.swapped:\n        User.objects.get(pk=pk)\n"
            ),
            **ACCOUNTS,
        },
    ),
    Mistake(
        "celery.E143",
        {
            **tasks(
                "from django.contrib.auth.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    users = User.objects.filter(pk=pk)  # <-\n    return users.first()\n"
            ),
            **ACCOUNTS,
        },
        {
            **tasks(
                "from django.contrib.auth import get_user_model\n"
                "from django.contrib.auth.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    User = get_user_model()\n    return User.objects.get(pk=pk).email\n"
            ),
            **ACCOUNTS,
        },
    ),
    Mistake(
        "celery.E143",
        {
            **tasks(
                "from django.contrib.auth.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    return User.objects.get(pk=pk).email  # <-\n"
            ),
            **ACCOUNTS,
        },
        {
            **tasks(
                "from django.contrib.auth import models\n\n\n@shared_task\ndef welcome(pk):\n"
                "    return models.User.objects.get(pk=pk).email\n"
            ),
            **settings("AUTH_USER_MODEL = 'auth.User'\n"),
        },
    ),
    Mistake(
        "celery.E143",
        {
            **tasks(
                "from django.contrib.auth import models as auth\n\n\n@shared_task\ndef welcome(pk):\n"
                "    return auth.User.objects.get(pk=pk).email  # <-\n"
            ),
            **ACCOUNTS,
        },
        {
            **tasks(
                "from accounts.models import User\n\n\n@shared_task\ndef welcome(pk):\n"
                "    return User.objects.get(pk=pk).email\n"
            ),
            **ACCOUNTS,
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
