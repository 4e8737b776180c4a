"""Tasks that a worker does not register: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, TASK, Mistake, found_in, healthy, settings, with_twin

MISTAKES = [
    Mistake(
        "celery.E031",
        {
            "config/celery.py": APP.replace("app.autodiscover_tasks()\n", ""),
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {
            "config/celery.py": APP.replace("app.autodiscover_tasks()\n", ""),
            **settings("CELERY_IMPORTS = ('doctors.tasks',)\n"),
        },
    ),
    Mistake(
        "celery.E032",
        {
            "shop/__init__.py": "",
            "shop/models.py": "",
            "shop/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {"shop/__init__.py": "", "shop/models.py": "", "shop/tasks.py": "def f():\n    pass\n"},
    ),
    Mistake(
        "celery.E033",
        {
            "doctors/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n"
        },
        {
            "doctors/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
            "config/celery.py": APP + "app.autodiscover_tasks(related_name='jobs')\n",
        },
    ),
    # a file that may be renamed, and one whose place is taken
    Mistake(
        "celery.E033",
        {
            "clinics/__init__.py": "",
            **settings("INSTALLED_APPS += ['clinics']\n"),
            "clinics/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
    ),
    Mistake(
        "celery.E034",
        {
            "doctors/tasks/__init__.py": "",
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
    ),
    Mistake(
        "celery.E035",
        {
            "doctors/tasks/__init__.py": "",
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
            "doctors/tasks.py": "",
        },
        {
            "doctors/tasks/__init__.py": "from .mail import f\n",
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
            "doctors/tasks.py": "",
        },
    ),
    Mistake(
        "celery.E035",
        {
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
            "doctors/tasks.py": "",
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_module_that_the_apps_ready_imports_is_not_reported(tmp_path):
    jobs = f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n"
    ready = "\n    def ready(self):\n        from . import jobs\n"
    apps = healthy()["doctors/apps.py"] + ready
    assert found_in(tmp_path, {"doctors/jobs.py": jobs, "doctors/apps.py": apps}) == []
