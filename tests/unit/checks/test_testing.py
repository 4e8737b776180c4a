"""What the project's own tests do with tasks: a broken project for each mistake, and a twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, settings, tasks, with_twin

TASKS = "from doctors.tasks import call, greet\n\n\n"
DJANGO = "from django.test import TestCase, TransactionTestCase, override_settings\n" + TASKS
EAGER = {
    "config/test_settings.py": "from .settings import *\n\nCELERY_TASK_ALWAYS_EAGER = True\n"
    "CELERY_TASK_EAGER_PROPAGATES = True\n"
}
MAIL = tasks(
    "from django.core.mail import send_mail\n\n\n@shared_task\ndef write(pk):\n"
    "    send_mail('x', 'y', None, ['a@example.org'])\n"
)
SENDS_LATER = {
    **EAGER,
    **MAIL,
    "doctors/views.py": "from doctors.tasks import write\n\n\ndef add(request, pk):\n"
    "    write.delay_on_commit(pk)\n",
}
COUNTS = (
    "from django.core import mail\nfrom django.test import TestCase\n\n\nclass Tests(TestCase):\n"
    "    def test_it(self):\n"
)
POSTS = "self.client.post('/')\n"
COUNTED = "        self.assertEqual(len(mail.outbox), 1)"
FIXTURE = "import pytest\n" + TASKS


def file_of(text: str, path: str = "doctors/tests.py") -> dict[str, str]:
    return {path: text}


def in_class(base: str, line: str, head: str = DJANGO) -> dict[str, str]:
    return file_of(f"{head}class Tests({base}):\n    def test_it(self):\n        {line}\n")


def with_mark(mark: str, arguments: str, line: str = "call.delay(1)") -> dict[str, str]:
    text = f"{FIXTURE}{mark}\ndef test_it({arguments}):  # <-\n    {line}\n"
    return file_of(text, "tests/test_calls.py")


MISTAKES = [
    Mistake(
        "celery.W700",
        in_class("TestCase", "greet.delay('x')  # <-"),
        in_class("TestCase", "greet('x')"),
    ),
    Mistake(
        "celery.W700",
        file_of(
            f"{TASKS}def test_it():\n    assert call.delay(1).get() == 1  # <-\n", "test_it.py"
        ),
        file_of(f"{TASKS}def test_it():\n    assert call.apply((1,)).get() == 1\n", "test_it.py"),
    ),
    Mistake(
        "celery.W700",
        in_class("TestCase", "call.apply_async((1,))  # <-"),
        {**in_class("TestCase", "call.apply_async((1,))"), **EAGER},
    ),
    Mistake(
        "celery.W700",
        in_class("TestCase", "greet.delay('x')  # <-"),
        in_class("TestCase", "greet.delay('x')", "from unittest.mock import patch\n" + DJANGO),
    ),
    Mistake(
        "celery.W700",
        in_class("TestCase", "greet.delay('x')  # <-"),
        {
            **in_class("TestCase", "greet.delay('x')"),
            "conftest.py": "import os\n\nos.environ['CELERY_BROKER_URL'] = 'memory://'\n",
        },
    ),
    # a base class, or a fixture for all tests, replaces what sends
    *(
        Mistake(
            "celery.W700",
            in_class("TestCase", "greet.delay('x')  # <-")
            | {
                "conftest.py": "def freeze(monkeypatch):\n    monkeypatch.setattr('time.time', int)\n"
            },
            in_class("TestCase", "greet.delay('x')", head) | {path: text},
        )
        for path, head, text in (
            (
                "tests/base.py",
                "from tests.base import Base\n" + DJANGO,
                "from unittest.mock import patch\n\n\nclass Base:\n    def setUp(self):\n"
                "        patch('celery.app.task.Task.apply_async').start()\n",
            ),
            (
                "conftest.py",
                DJANGO,
                "def replace(monkeypatch):\n    monkeypatch.setattr('doctors.tasks.greet.delay', print)\n",
            ),
        )
    ),
    # the runner of the tests makes them eager
    Mistake(
        "celery.W700",
        in_class("TestCase", "greet.delay('x')  # <-"),
        {
            **in_class("TestCase", "greet.delay('x')"),
            **settings("TEST_RUNNER = 'config.runner.Runner'\n"),
            "config/runner.py": "from celery import current_app\n"
            "from django.test.runner import DiscoverRunner\n\n\nclass Runner(DiscoverRunner):\n"
            "    def setup_test_environment(self, **kwargs):\n"
            "        current_app.conf.task_always_eager = True\n"
            "        current_app.conf.task_eager_propagates = True\n",
        },
    ),
    Mistake(
        "celery.I701",
        {
            "config/test_settings.py": "from .settings import *\n\nCELERY_TASK_ALWAYS_EAGER = True  # <-\n"
        },
        EAGER,
    ),
    Mistake(
        "celery.I701",
        file_of(
            "from config.celery import app\n\napp.conf.task_always_eager = True  # <-\n",
            "conftest.py",
        ),
        file_of(
            "from config.celery import app\n\n"
            "app.conf.update(task_always_eager=True, task_eager_propagates=True)\n",
            "conftest.py",
        ),
    ),
    Mistake(
        "celery.E702",
        {
            **file_of(
                f"{DJANGO}@override_settings(TASK_ALWAYS_EAGER=True)  # <-\nclass Tests(TestCase):\n"
                "    pass\n"
            )
        },
        {
            **file_of(
                f"{DJANGO}@override_settings(\n    CELERY_TASK_ALWAYS_EAGER=True,\n"
                "    CELERY_TASK_EAGER_PROPAGATES=True,\n)\nclass Tests(TestCase):\n    pass\n"
            )
        },
    ),
    Mistake(
        "celery.E702",
        file_of(
            f"{DJANGO}@override_settings(CELERY_ALWAYS_EAGER_TASKS=True)  # <-\nclass Tests(TestCase):\n    pass\n"
        ),
        # a setting of the project's own
        file_of(
            f"{DJANGO}@override_settings(WEBHOOKS_ALWAYS_EAGER=True)\nclass Tests(TestCase):\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E702",
        {
            "config/celery.py": f"{APP}app.conf.task_always_eager = False\n",
            **file_of(
                f"{DJANGO}@override_settings(  # <-\n    CELERY_TASK_ALWAYS_EAGER=True,\n"
                "    CELERY_TASK_EAGER_PROPAGATES=True,\n)\n"
                "class Tests(TestCase):\n    def test_it(self):\n        greet.delay('x')\n"
            ),
        },
        {
            "config/celery.py": f"import sys\n\n{APP}if 'debug' in sys.argv:\n"
            "    app.conf.task_always_eager = True\n",
            **file_of(
                f"{DJANGO}@override_settings(\n    CELERY_TASK_ALWAYS_EAGER=True,\n"
                "    CELERY_TASK_EAGER_PROPAGATES=True,\n)\n"
                "class Tests(TestCase):\n    def test_it(self):\n        greet.delay('x')\n"
            ),
        },
    ),
    # the old name counts until the new one is set
    Mistake(
        "celery.E702",
        {
            **settings("CELERY_TASK_EAGER_PROPAGATES = False\n"),
            **file_of(
                "def test_it(settings):\n"
                "    settings.CELERY_EAGER_PROPAGATES_EXCEPTIONS = True  # <-\n",
                "test_it.py",
            ),
        },
        file_of(
            "def test_it(settings):\n    settings.CELERY_EAGER_PROPAGATES_EXCEPTIONS = True\n",
            "test_it.py",
        ),
    ),
    Mistake(
        "celery.W703",
        {**with_mark("@pytest.mark.django_db", "celery_worker"), **EAGER},
        {**with_mark("@pytest.mark.django_db(transaction=True)", "celery_worker"), **EAGER},
    ),
    Mistake(
        "celery.W703",
        {**with_mark("@pytest.mark.slow", "db, celery_session_worker"), **EAGER},
        {**with_mark("@pytest.mark.django_db", "transactional_db, celery_worker"), **EAGER},
    ),
    Mistake(
        "celery.W703",
        {**with_mark("@pytest.mark.django_db", "celery_worker"), **EAGER},
        {
            **file_of(
                f"{FIXTURE}pytestmark = [pytest.mark.django_db(transaction=True)]\n\n\n"
                "def test_it(celery_worker):\n    call.delay(1)\n",
                "tests/test_calls.py",
            ),
            **EAGER,
        },
    ),
    # a test may want that nothing is sent
    Mistake(
        "celery.W704",
        {**in_class("TestCase", "call.delay_on_commit(1)  # <-"), **EAGER},
        {
            **in_class(
                "TestCase",
                "call.delay_on_commit(1)\n        self.assertEqual(Doctor.objects.count(), 0)",
            ),
            **EAGER,
        },
    ),
    Mistake(
        "celery.W704",
        {**in_class("TestCase", "call.delay_on_commit(1)  # <-"), **EAGER},
        {**in_class("TransactionTestCase", "call.delay_on_commit(1)"), **EAGER},
    ),
    Mistake(
        "celery.W704",
        {**in_class("TestCase", "call.apply_async_on_commit((1,))  # <-"), **EAGER},
        {
            **in_class(
                "TestCase",
                "with self.captureOnCommitCallbacks(execute=True):\n"
                "            call.apply_async_on_commit((1,))",
            ),
            **EAGER,
        },
    ),
    # a TestCase of unittest has no transaction
    Mistake(
        "celery.W704",
        {
            **file_of(
                f"{FIXTURE}@pytest.mark.django_db\ndef test_it():\n    call.delay_on_commit(1)  # <-\n"
            ),
            **EAGER,
        },
        {
            **in_class(
                "TestCase", "call.delay_on_commit(1)", "from unittest import TestCase\n" + TASKS
            ),
            **EAGER,
        },
    ),
    Mistake(
        "celery.W704",
        {**SENDS_LATER, **file_of(f"{COUNTS}        {POSTS}{COUNTED}  # <-\n")},
        {
            **SENDS_LATER,
            **file_of(
                f"{COUNTS}        with self.captureOnCommitCallbacks(execute=True):\n"
                f"            {POSTS}{COUNTED}\n"
            ),
        },
    ),
    # another mail is sent without a task, or the task at once
    Mistake(
        "celery.W704",
        {**SENDS_LATER, **file_of(f"{COUNTS}        {POSTS}{COUNTED}  # <-\n")},
        {
            **SENDS_LATER,
            **file_of(f"{COUNTS}        {POSTS}{COUNTED}\n"),
            "doctors/views.py": "from doctors.tasks import write\n\n\ndef add(request, pk):\n"
            "    write.delay(pk)\n",
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
