"""`init --django-tasks`: a TASKS that is there, however it is spelled, and the package's version."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.errors import CannotPatch
from tests import commands
from tests.conftest import make_tree, small_project, snapshot
from tests.views import Recorder

LOCAL = '{"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}'
CELERY = '{"default": {"BACKEND": "django_tasks_celery.CeleryBackend"}}'


def clinic(folder: Path, settings: str, requirements: str = "django>=6.0\n") -> Path:
    tree = small_project()
    tree["requirements.txt"] = requirements
    tree["config/settings.py"] = f"{tree['config/settings.py']}\n{settings}\n"
    tree["config/queue_local.py"] = f"TASKS = {LOCAL}\n"
    tree["config/queue_celery.py"] = f"TASKS = {CELERY}\n"
    make_tree(folder, tree)
    commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)
    return folder


def django_tasks(folder: Path) -> str:
    init = commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True, django_tasks=True)
    assert init.result.outcome in {"done", "nothing to do"}
    return (folder / "config/settings.py").read_text()


# What decides, with the name of what decides in braces: the local backend, or that of Celery.
SPELLINGS = [
    "TASKS = {whole}",
    "TASKS: dict = {whole}",
    "OTHER = TASKS = {whole}",
    "(TASKS := {whole})",
    "locals()['TASKS'] = {whole}",
    "globals()['TASKS'] = {whole}",
    "from .queue_{name} import TASKS",
    "TASKS = {{}}\nTASKS['default'] = {entry}",
    "TASKS = {other}\nTASKS['default'] = {entry}",
    "TASKS = {{'default': {{}}}}\nTASKS['default']['BACKEND'] = {backend}",
    "TASKS = {other}\nTASKS = {whole}",
    "if USE_TZ:\n    TASKS = {whole}",
    "try:\n    TASKS = {whole}\nexcept OSError:\n    pass",
]


def spelled(spelling: str, *, celery: bool) -> str:
    name, whole, other = ("celery", CELERY, LOCAL) if celery else ("local", LOCAL, CELERY)
    backend = "'django_tasks_celery.CeleryBackend'" if celery else "'django_tasks_db.Backend'"
    entry = f'{{"BACKEND": {backend}}}'
    return spelling.format(name=name, whole=whole, other=other, entry=entry, backend=backend)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_backend_is_refused_with_lines_that_are_right(spelling: str, tmp_path: Path):
    settings = spelled(spelling, celery=False)
    folder = clinic(tmp_path, settings)
    before = snapshot(folder)
    with pytest.raises(CannotPatch, match="TASKS is set already") as caught:
        django_tasks(folder)
    assert snapshot(folder) == before
    assert caught.value.where is not None
    assert "django_tasks_celery.CeleryBackend" in caught.value.snippet
    # in place of a line only where that line is all that there is
    single = "\n" not in settings and not settings.startswith("OTHER")
    assert ("in place of line" in caught.value.snippet) is single


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_backend_of_celery_stays(spelling: str, tmp_path: Path):
    folder = clinic(tmp_path, spelled(spelling, celery=True))
    before = (folder / "config/settings.py").read_text()
    assert django_tasks(folder) == before


@pytest.mark.parametrize(
    "change",
    [
        "A, TASKS = 1, make()",
        "TASKS.update(make())",
        "TASKS |= make()",
        "TASKS[name()] = make()",
        "TASKS['default'] |= make()",
        "del TASKS['default']",
        "del TASKS",
        "globals().update(TASKS=make())",
        "globals().update({'TASKS': make()})",
        "setattr(sys.modules[__name__], 'TASKS', make())",
        "import os as TASKS",
        "for TASKS in make():\n    pass",
        "def late():\n    global TASKS\n    TASKS = make()",
    ],
)
def test_what_code_makes_of_it_is_not_taken_for_celery(change: str, tmp_path: Path):
    folder = clinic(tmp_path, f"TASKS = {CELERY}\n{change}")
    with pytest.raises(CannotPatch, match="in a way that code computes"):
        django_tasks(folder)


@pytest.mark.parametrize(
    "harmless",
    [
        "TASKS['default']['QUEUES'] = ['default', 'mail']",
        "TASKS['later'] = make()",
        "print(TASKS['default'])",
        "TASKS: dict",
        "def other():\n    TASKS = 1",
        "from .queue_local import TASKS as LOCAL",
    ],
)
def test_what_leaves_the_backend_is_no_reason(harmless: str, tmp_path: Path):
    folder = clinic(tmp_path, f"TASKS = {CELERY}\n{harmless}")
    before = (folder / "config/settings.py").read_text()
    assert django_tasks(folder) == before


@pytest.mark.parametrize(
    ("requirements", "line"),
    [
        ("django>=6.0\npillow>=11\n", "django-tasks-celery>=0.1.1"),
        ("django==6.0.5\npillow==11.0\n", "django-tasks-celery==0.1.1"),
        ("django~=6.0\npillow~=11.0\n", "django-tasks-celery~=0.1.1"),
        ("django>=6.0,<6.1\npillow>=11,<12\n", "django-tasks-celery>=0.1.1,<0.2"),
    ],
)
def test_the_package_is_declared_as_the_project_declares(
    requirements: str, line: str, tmp_path: Path
):
    folder = clinic(tmp_path, "", requirements)
    django_tasks(folder)
    assert line in (folder / "requirements.txt").read_text().split("\n")
