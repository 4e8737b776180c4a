"""add-task: a task may have the name of what its own code, or its test, uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.errors import UsageError
from tests import commands
from tests.conftest import make_tree
from tests.unit.commands.task.test_plan import add, tasks
from tests.views import Recorder


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery, and a cache for locks."""
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def run_tests(folder: Path) -> None:
    """The generated tests, by the project's own test runner."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "test", "-v0"], cwd=folder, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr + tasks(folder)
    assert "Ran 0 tests" not in ran.stderr


@pytest.mark.parametrize(
    ("target", "parameters", "options"),
    [
        ("send_mail", ("to:str",), {"kind": "email"}),
        ("mail", ("to:str",), {"kind": "email"}),
        ("sending", ("subject:str", "send_mail:str"), {"kind": "email"}),
        ("urlopen", ("url:str",), {"kind": "http"}),
        ("fetch", ("urlopen:str", "url:str"), {"kind": "http"}),
        ("cache", ("n:int",), {"lock": True}),
        ("mock", ("url:str",), {"kind": "http"}),
        ("test_case", ("n:int",), {}),
        ("row", (), {"model": "Doctor", "kind": "model"}),
    ],
)
def test_a_task_of_a_name_that_its_code_uses_runs(wired, target, parameters, options):
    add(wired, f"doctors.{target}", *parameters, test=True, **options)
    run_tests(wired)
    again = add(wired, f"doctors.{target}", *parameters, test=True, **options)
    assert again.result.outcome == "nothing to do"


def test_a_later_task_does_not_call_an_earlier_one_by_mistake(wired):
    add(wired, "doctors.send_mail", "to:str", kind="email", test=True)
    add(wired, "doctors.remind", "to:str", kind="email", test=True)
    assert tasks(wired).count("django_send_mail(") == 2
    run_tests(wired)


def test_the_usual_name_is_kept_where_nothing_else_has_it(wired):
    add(wired, "doctors.remind", "to:str", kind="email", lock=True)
    assert "from django.core.mail import send_mail\n" in tasks(wired)
    assert "cache.add(" in tasks(wired)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("shared_task", {}),
        ("Doctor", {"model": "Doctor", "kind": "model"}),
        ("requests", {"kind": "http", "retry_on": ("requests.Timeout",)}),
        ("sender", {"trigger": "post_save:doctors.Doctor"}),
        ("post_save", {"trigger": "post_save:doctors.Doctor"}),
    ],
)
def test_a_name_that_would_hide_what_cannot_be_renamed_is_refused(wired, target, options):
    before = sorted(wired.rglob("*"))
    with pytest.raises(UsageError, match="hide"):
        add(wired, f"doctors.{target}", **options)
    assert sorted(wired.rglob("*")) == before


def test_a_type_checker_finds_every_annotation(wired):
    make_tree(wired, {"mypy.ini": "[mypy]\nstrict = True\n"})
    add(wired, "doctors.sync", "doctor_id:int", bind=True, trigger="post_save:doctors.Doctor")
    assert "def sync(self: Any, doctor_id: int) -> None:" in tasks(wired)
    signals = (wired / "doctors/signals.py").read_text()
    assert "    sender: type[Doctor],\n    instance: Doctor,\n    created: bool,\n" in signals
    assert "def ready(self) -> None:" in (wired / "doctors/apps.py").read_text()


def test_without_a_type_checker_self_is_plain(wired):
    add(wired, "doctors.sync", "doctor_id:int", bind=True, trigger="post_save:doctors.Doctor")
    assert "def sync(self, doctor_id: int) -> None:" in tasks(wired)
    assert "created, raw, **kwargs):" in (wired / "doctors/signals.py").read_text()


@pytest.mark.parametrize(
    ("target", "parameters", "options"),
    [
        ("repr", ("x:int",), {"lock": True}),
        ("print", ("x:str",), {}),
        ("send", ("lock:str",), {"lock": True}),
        ("send", ("exc:str",), {"bind": True, "max_retries": 3}),
        ("send", ("response:str", "url:str"), {"kind": "http"}),
    ],
)
def test_what_the_task_or_its_module_would_lose_is_refused(wired, target, parameters, options):
    make_tree(wired, {"doctors/tasks.py": "def old():\n    print('here')\n"})
    with pytest.raises(UsageError, match=r"would (be called in its place|overwrite its parameter)"):
        add(wired, f"doctors.{target}", *parameters, **options)


def test_the_name_of_a_builtin_that_nobody_uses_is_fine(wired):
    add(wired, "doctors.compile", "x:int", test=True)
    run_tests(wired)


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("from redis.exceptions import ConnectionError", True),
        ("class TimeoutError(Exception): pass", True),
        ("TimeoutError = ConnectionError", True),
        ("from redis.exceptions import ConnectionError as NoRedis", False),
        ("from builtins import ConnectionError, str", False),
        ("import redis.exceptions", False),
    ],
)
def test_another_meaning_of_pythons_own_name_is_no_error_to_retry_on(wired, line, refused):
    make_tree(wired, {"doctors/tasks.py": f"{line}\n"})
    if refused:
        with pytest.raises(UsageError, match="has another meaning for"):
            add(wired, "doctors.remind", kind="email")
    else:
        add(wired, "doctors.remind", kind="email")
        assert "ConnectionError,\n" in tasks(wired)
    # what does not use the name does not mind
    add(wired, "doctors.note")
