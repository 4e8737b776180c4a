"""Django's own tasks beside Celery: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from celeryize.probe.report import Failure, ImportedDjangoTask, ImportReport
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    TASKS,
    Mistake,
    facts_of,
    found_in,
    healthy,
    settings,
    with_twin,
)

DJANGO = """

@{decorator}
def resize(photo_id):
    return photo_id
"""
BACKEND = 'TASKS = {{"default": {{"BACKEND": "{path}"}}}}{mark}\n'
CELERY = BACKEND.format(path="django_tasks_celery.CeleryBackend", mark="")
FENNEL = BACKEND.format(path="django_tasks_fennel.CeleryBackend", mark="")
IMMEDIATE = "django.tasks.backends.immediate.ImmediateBackend"
DUMMY = "django.tasks.backends.dummy.DummyBackend"
WORKER = {"Procfile": "worker: celery -A config worker\n"}


def module(
    decorator: str = "task", mark: str = "", imported: str = "from django.tasks import task"
):
    code = DJANGO.format(decorator=decorator).replace(
        "def resize(photo_id):", f"def resize(photo_id):{mark}"
    )
    return {"doctors/tasks.py": f"{imported}\n{TASKS}{code}"}


def sent(line: str, imports: str = "from doctors.tasks import greet, resize\n"):
    return {"doctors/views.py": f"{imports}\n\ndef view(request):\n    {line}\n"}


ON = {**settings(CELERY), **module()}
MISTAKES = [
    # Django's default, which nothing in the settings says
    Mistake("celery.W750", module(mark="  # <-"), ON),
    Mistake(
        "celery.W750",
        module("tasks.task(priority=3)", "  # <-", "from django import tasks"),
        {**settings(CELERY), **module("tasks.task(priority=3)", "", "from django import tasks")},
    ),
    Mistake(
        "celery.W750",
        module("job()", "  # <-", "from django_tasks import task as job"),
        {
            **settings(FENNEL),
            **module("job(queue_name='celery')", "", "from django_tasks import task as job"),
        },
    ),
    Mistake(
        "celery.W750",
        {**settings(BACKEND.format(path=IMMEDIATE, mark="  # <-")), **module()},
        # another worker than Celery's, chosen on purpose
        {**settings(BACKEND.format(path="django_tasks_db.DatabaseBackend", mark="")), **module()},
    ),
    Mistake(
        "celery.W750",
        {**settings(BACKEND.format(path=DUMMY, mark="  # <-")), **module()},
        # not a literal: it may be anything
        {**settings("TASKS = dict(default=dict(BACKEND='x'))\n"), **module()},
    ),
    Mistake(
        "celery.W751",
        {**ON, **module("task(queue_name='photos')", "  # <-"), **WORKER},
        {
            **ON,
            **module("task(queue_name='photos')"),
            "Procfile": "w: celery -A config worker -Q celery,photos\n",
        },
    ),
    Mistake(
        "celery.W751",
        {**ON, **WORKER, **sent("resize.using(queue_name='photos').enqueue(1)  # <-")},
        {**ON, **WORKER, **sent("resize.using(priority=3).enqueue(1)")},
    ),
    Mistake(
        "celery.W751",
        {**settings(FENNEL), **module(mark="  # <-")},
        {**settings(FENNEL + "CELERY_TASK_DEFAULT_QUEUE = 'default'\n"), **module()},
    ),
    Mistake(
        "celery.W751",
        {**settings(FENNEL), **module(mark="  # <-"), **WORKER},
        {
            **settings(FENNEL),
            **module(),
            "Procfile": "w: celery -A config worker -Q celery,default\n",
        },
    ),
    Mistake(
        "celery.E752", {**ON, **sent("resize.delay(1)  # <-")}, {**ON, **sent("resize.enqueue(1)")}
    ),
    Mistake(
        "celery.E752",
        {
            **ON,
            **sent(
                "tasks.resize.using(priority=3).apply_async((1,))  # <-",
                "from doctors import tasks\n",
            ),
        },
        {**ON, **sent("greet.apply_async(('x',))")},
    ),
    Mistake(
        "celery.E752",
        {**ON, **sent("resize.s(1)  # <-")},
        {**ON, **sent("resize.s = 3")},
    ),
    # a name of the function's own, and an import that counts in another function only
    Mistake(
        "celery.E752",
        {**ON, **sent("resize.delay(1)  # <-")},
        {**ON, **sent("[resize.delay(1) for resize in request]")},
    ),
    Mistake(
        "celery.E753",
        {
            "doctors/views.py": "def a(request):\n    from doctors.tasks import greet\n"
            "    greet.enqueue('x')  # <-\n"
        },
        {
            "doctors/views.py": "from shop.queue import greet\n\n\n"
            "def a(request):\n    from doctors.tasks import greet\n    greet.delay('x')\n\n\n"
            "def b(request):\n    greet.enqueue('x')\n"
        },
    ),
    Mistake(
        "celery.E753",
        {**ON, **sent("greet.enqueue('x')  # <-")},
        {**ON, **sent("greet.delay('x')")},
    ),
    Mistake(
        "celery.E753",
        sent("greet.using(priority=3)  # <-", "from doctors.tasks import greet\n"),
        # a queue of another library takes the task as an argument
        sent("queue.enqueue(greet)", "from doctors.tasks import greet\nfrom shop import queue\n"),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_local_backend_of_one_environment_is_no_mistake(tmp_path):
    files = {
        **module(),
        "config/settings.py": healthy()["config/settings.py"]
        + CELERY
        + f"if DEBUG:\n    {BACKEND.format(path=IMMEDIATE, mark='')}",
    }
    assert found_in(tmp_path, files) == []


def test_a_project_without_celery_may_use_djangos_default(tmp_path):
    files = {
        **module(imported="from django.tasks import task"),
        "config/celery.py": "",
        "config/__init__.py": "",
    }
    assert not [found for found in found_in(tmp_path, files) if found[0] == "celery.W750"]


# Only an import tells what a worker has loaded.
NOT_REGISTERED = [
    Mistake(
        "celery.E754",
        {**ON, **WORKER, "doctors/jobs.py": module()["doctors/tasks.py"]},
        {**ON, **WORKER, **module()},
    )
]


def test_a_task_that_only_a_view_imports_is_not_registered(tmp_path):
    files = {**healthy(), **NOT_REGISTERED[0].broken}
    facts = facts_of(make_tree(tmp_path, files))
    seen = tuple(
        ImportedDjangoTask(
            name,
            "",
            1,
            "default",
            "default",
            "django_tasks_celery.backend.CeleryBackend",
            registered,
        )
        for name, registered in (
            ("doctors.tasks.resize", "doctors.tasks.resize"),
            ("doctors.jobs.resize", None),
        )
    )
    ready = {"django_importable": True, "celery_importable": True}
    worker = ImportReport("worker", django_tasks=seen[:1], **ready)
    imported = facts.with_imports(worker, ImportReport("web", django_tasks=seen, **ready))
    found = run_checks(imported, only=["E754"]).findings
    assert [finding.message.split()[3] for finding in found] == ["doctors.jobs.resize"]
    (tmp_path / "doctors/jobs.py").unlink()
    twin = facts_of(tmp_path).with_imports(
        worker, ImportReport("web", django_tasks=seen[:1], **ready)
    )
    assert not run_checks(twin, only=["E754"]).findings


# Only an import tells whether the package of a backend is there.
NOT_LOADED = [
    Mistake(
        "celery.E755",
        settings("TASKS = {'default': {'BACKEND': 'django_tasks_celry.CeleryBackend'}}  # <-\n"),
        settings("TASKS = {'default': {'BACKEND': 'django_tasks_celery.CeleryBackend'}}\n"),
    )
]


def test_a_backend_that_cannot_be_loaded_is_found(tmp_path):
    (mistake,) = NOT_LOADED
    facts = facts_of(make_tree(tmp_path, {**healthy(), **mistake.broken}))
    failure = Failure("InvalidTaskBackend", "Could not find backend", "TASKS backends")
    ready = {"django_importable": True, "celery_importable": True}
    broken = facts.with_imports(
        ImportReport("worker", failures=(failure,), **ready), ImportReport("web", **ready)
    )
    (found,) = run_checks(broken, only=["E755"]).findings
    assert (found.id, str(found.where)) == (mistake.id, mistake.place)
    twin = facts.with_imports(ImportReport("worker", **ready), ImportReport("web", **ready))
    assert not run_checks(twin, only=["E755"]).findings
