"""detect/tasks.py: what a task is, told by where its decorator is imported from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from celeryize.detect.project import load_project
from celeryize.detect.tasks import find_tasks
from tests.conftest import make_tree
from tests.unit.checks.projects import healthy


def found_in(folder: Path, text: str) -> list[tuple[str, str]]:
    """The functions and the names of the tasks in a tasks module."""
    project = load_project(
        make_tree(folder, {**healthy(), "doctors/tasks.py": text}), python=sys.executable
    )
    found = find_tasks(project.modules, project.apps, project.celery)
    return [(task.function, task.name) for task in found]


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        ("from celery import shared_task", "shared_task"),
        ("from celery import shared_task as job", "job(bind=True)"),
        ("import celery", "celery.shared_task"),
        ("import celery as c", "c.shared_task()"),
        ("from config.celery import app", "app.task"),
        ("from config import celery_app", "celery_app.task(queue='x')"),
        ("from config import celery", "celery.app.task"),
    ],
)
def test_a_decorator_of_celery_makes_a_task(tmp_path, imports, decorator):
    text = f"{imports}\n\n\n@{decorator}\ndef send():\n    pass\n"
    assert found_in(tmp_path, text) == [("send", "doctors.tasks.send")]


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        ("from huey import task", "task"),
        ("from library import app", "app.task"),
        ("from django.tasks import task", "task"),
        ("from library import shared_task", "shared_task"),
        ("", "shared_task"),
    ],
)
def test_a_decorator_of_another_library_makes_none(tmp_path, imports, decorator):
    text = f"{imports}\n\n\n@{decorator}\ndef send():\n    pass\n"
    assert found_in(tmp_path, text) == []


def test_the_name_of_a_task_may_be_given(tmp_path):
    text = "from celery import shared_task\n\n\n@shared_task(name='mail')\ndef send():\n    pass\n"
    assert found_in(tmp_path, text) == [("send", "mail")]
