"""`celeryize tasks`: the registry of a real project, and the reason for each task that is not in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run, make_tree

TASK = "from celery import shared_task\n\n\n@shared_task{}\ndef {}(x: int = 1):\n    pass\n"


@pytest.fixture
def wired(project: Path, celeryize: Run) -> Path:
    assert (
        celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify").returncode == 0
    )
    return project


def listed(folder: Path, celeryize: Run) -> dict[str, dict]:
    ran = celeryize(folder, "tasks", "--json")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return {row["name"]: row for row in json.loads(ran.stdout)["tasks"]}


def test_a_registered_task_is_listed_with_its_facts(wired: Path, celeryize: Run):
    options = "(queue='mail', time_limit=400, autoretry_for=(ConnectionError,), max_retries=7)"
    settings = wired / "config/settings.py"
    schedule = (
        'CELERY_BEAT_SCHEDULE = {"nightly": {"task": "doctors.tasks.send", "schedule": 60.0}}\n'
    )
    settings.write_text(settings.read_text() + schedule)
    make_tree(wired, {"doctors/tasks.py": TASK.format(options, "send")})
    row = listed(wired, celeryize)["doctors.tasks.send"]
    assert (row["path"], row["line"], row["registered"], row["remark"]) == (
        "doctors/tasks.py",
        5,
        True,
        "",
    )
    assert (row["signature"], row["queue"], row["max_retries"]) == ("(x: int = 1)", "mail", 7)
    assert (row["time_limit"], row["soft_time_limit"]) == (400, 270), (
        "the soft one is that of the settings"
    )
    assert row["schedule_entries"] == ["nightly"]
    assert "ConnectionError" in row["retry_exceptions"][0]


def test_the_list_for_people_is_on_stdout(wired: Path, celeryize: Run):
    make_tree(
        wired,
        {"doctors/tasks.py": TASK.format("", "send"), "doctors/jobs.py": TASK.format("", "lost")},
    )
    ran = celeryize(wired, "tasks")
    assert "doctors.tasks.send" in ran.stdout and "doctors/tasks.py:5" in ran.stdout
    assert (
        "doctors.jobs.lost (doctors/jobs.py:5): lost is not registered: autodiscover_tasks()"
        in ran.stdout
    )


def test_a_project_without_tasks_says_so(wired: Path, celeryize: Run):
    assert "No tasks yet" in celeryize(wired, "tasks").stdout


@pytest.mark.parametrize(
    ("tree", "name", "reason"),
    [
        (
            {"doctors/jobs.py": TASK.format("", "lost")},
            "doctors.jobs.lost",
            "looks for tasks.py, not jobs.py",
        ),
        (
            {"doctors/tasks/mail.py": TASK.format("", "lost"), "doctors/tasks/__init__.py": ""},
            "doctors.tasks.mail.lost",
            "doctors/tasks/__init__.py does not import it",
        ),
        (
            {"doctors/tasks/mail.py": TASK.format("", "lost")},
            "doctors.tasks.mail.lost",
            "has no __init__.py",
        ),
        (
            {"doctors/tasks.py": TASK.format("", "lost"), "doctors/tasks/__init__.py": ""},
            "doctors.tasks.lost",
            "the package doctors/tasks/ hides doctors/tasks.py",
        ),
        (
            {
                "shop/__init__.py": "",
                "shop/models.py": "",
                "shop/tasks.py": TASK.format("", "lost"),
            },
            "shop.tasks.lost",
            "not in INSTALLED_APPS",
        ),
        (
            {"doctors/tasks.py": "import nothing_like_it\n" + TASK.format("", "lost")},
            "doctors.tasks.lost",
            "a tasks module cannot be imported: ModuleNotFoundError",
        ),
    ],
)
def test_a_task_that_is_not_registered_has_its_reason(
    wired: Path, celeryize: Run, tree, name, reason
):
    make_tree(wired, tree)
    row = listed(wired, celeryize)[name]
    assert not row["registered"]
    assert reason in row["remark"]


def test_a_decorator_on_the_wrong_side_is_remarked(wired: Path, celeryize: Run):
    text = "from celery import shared_task\nfrom django.db import transaction\n\n\n"
    text += "@transaction.atomic\n@shared_task\ndef send():\n    pass\n"
    make_tree(wired, {"doctors/tasks.py": text})
    row = listed(wired, celeryize)["doctors.tasks.send"]
    assert row["registered"] and "@transaction.atomic is above @shared_task" in row["remark"]


def test_a_task_of_another_queue_is_none_of_ours(wired: Path, celeryize: Run):
    text = "class huey:\n    @staticmethod\n    def task(f):\n        return f\n\n\n@huey.task\ndef pack(): ...\n"
    make_tree(wired, {"doctors/tasks.py": text})
    assert listed(wired, celeryize) == {}


def test_a_project_without_celery_is_sent_to_init(project: Path, celeryize: Run):
    ran = celeryize(project, "tasks")
    assert ran.returncode == 3 and "celeryize init" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("add-task", "doctors.greet", "--json", "--bogus"), "add-task"),
        (("add-task", "--json"), "add-task"),
        (("verify", "--json", "--only"), "verify"),
        (("nonsense", "--json"), "celeryize"),
    ],
)
def test_a_program_hears_of_a_wrong_option_in_its_own_language(
    tmp_path, celeryize: Run, arguments, command
):
    ran = celeryize(tmp_path, *arguments)
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["exit_code"], document["status"]) == (2, 2, "error")
    assert document["command"] == command
    assert document["error"]["message"]
    assert not ran.stderr


def test_an_error_names_the_command_as_it_was_typed(tmp_path, celeryize: Run):
    assert (
        json.loads(celeryize(tmp_path, "add-task", "doctors.greet", "--json").stdout)["command"]
        == "add-task"
    )
