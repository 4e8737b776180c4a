"""Tasks that a worker does not register: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    TASK,
    Mistake,
    entry,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    settings,
    with_twin,
)

UNCALLED = APP.replace("app.autodiscover_tasks()", "app.autodiscover_tasks")
MISTAKES = [
    Mistake(
        "celery.E031",
        {
            "config/celery.py": UNCALLED,
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {
            "config/celery.py": UNCALLED.replace("app.auto", "discover = app.auto"),
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
        },
    ),
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


JOBS = f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n"


def hints_in(folder, files):
    facts = facts_of(make_tree(folder, {**healthy(), **files}))
    return [(finding.id, finding.hint) for finding in run_checks(facts).findings]


def test_a_module_is_renamed_only_where_no_other_has_its_name(tmp_path):
    installed = settings("INSTALLED_APPS += ['clinics']\n")
    alone = {"clinics/__init__.py": "", "clinics/jobs.py": JOBS, **installed}
    [(check, hint)] = hints_in(tmp_path / "alone", alone)
    assert check == "celery.E033"
    assert hint.startswith("Rename it to tasks.py, or ")
    [(check, hint)] = hints_in(tmp_path / "beside", {"doctors/jobs.py": JOBS})
    assert check == "celery.E033"
    assert hint.startswith("Move the task into tasks.py, or ")


@pytest.mark.parametrize(
    "files",
    [
        {
            **settings("INSTALLED_APPS += ['clinics']\n"),
            "clinics/__init__.py": "",
            "clinics/tasks/__init__.py": "import not_there\n\nfrom .mail import f\n",
            "clinics/tasks/mail.py": JOBS,
        },
        {
            "doctors/tasks.py": "import not_there\n\nfrom doctors.jobs import f\n",
            "doctors/jobs.py": JOBS,
        },
        {
            "doctors/tasks.py": f"{JOBS}\n\nimport doctors.jobs\n",
            "doctors/jobs.py": f"import not_there\n\n{JOBS}",
        },
    ],
    ids=["package", "imported", "importing"],
)
def test_a_missing_task_has_its_reason_in_the_module_that_fails(tmp_path, files):
    assert {found for found, _ in found_by_import(tmp_path, files)} == {"celery.E030"}


def messages_in(folder, files):
    facts = facts_of(make_tree(folder, {**healthy(), **files}))
    return [(one.id, one.message, one.hint) for one in run_checks(facts).findings]


def test_the_tasks_of_one_cause_are_one_finding(tmp_path):
    gone = {"config/celery.py": APP.replace("app.autod", "# app.autod"), "shop/__init__.py": ""}
    more = f"from celery import shared_task\n\n\n{TASK}def ship():\n    pass\n"
    files = {**gone, "shop/tasks.py": more, **settings("INSTALLED_APPS += ['shop']\n")}
    [(check, message, _)] = messages_in(tmp_path, files)
    assert check == "celery.E031"
    assert message.startswith("3 tasks (greet, call, ship) are not registered: nothing calls")


def test_a_long_list_of_tasks_is_cut(tmp_path):
    body = "".join(f"{TASK}def f{n}():\n    pass\n\n\n" for n in range(12))
    files = {"doctors/jobs.py": f"from celery import shared_task\n\n\n{body}"}
    [(check, message, hint)] = messages_in(tmp_path, files)
    assert check == "celery.E033"
    assert hint.startswith("Move the tasks into tasks.py, or ")
    assert message.startswith("12 tasks (f0, f1, f2, f3, f4, f5, f6 and 5 more) are not")


def test_each_file_that_has_to_be_imported_is_a_finding(tmp_path):
    two = f"from celery import shared_task\n\n\n{TASK}def a():\n    pass\n\n\n{TASK}def b():\n    pass\n"
    files = {
        "doctors/tasks.py": "",
        "doctors/tasks/__init__.py": "",
        "doctors/tasks/mail.py": two,
        "doctors/tasks/sms.py": two.replace("def a", "def c").replace("def b", "def d"),
    }
    found = [hint for _, _, hint in messages_in(tmp_path, files)]
    assert found == [
        "Add `from .mail import a, b` to doctors/tasks/__init__.py.",
        "Add `from .sms import c, d` to doctors/tasks/__init__.py.",
    ]


RENAMED = {
    "clinics/__init__.py": "",
    "clinics/task.py": JOBS.replace("def f", "def send_newsletter"),
    "config/settings.py": entry(
        "        'task': 'clinics.tasks.send_newsletter',\n        'schedule': 9.0,\n"
    )["config/settings.py"]
    + "INSTALLED_APPS += ['clinics']\n",
}


@pytest.mark.parametrize("find", [found_in, found_by_import])
def test_an_entry_whose_task_has_lost_its_file_name_is_told_by_that_alone(tmp_path, find):
    assert [check for check, _ in find(tmp_path / "renamed", RENAMED)] == ["celery.E033"]
    healthy_files = {**RENAMED, "clinics/tasks.py": RENAMED["clinics/task.py"]}
    del healthy_files["clinics/task.py"]
    assert find(tmp_path / "healthy", healthy_files) == []


def test_a_task_that_no_worker_registers_is_not_proposed(tmp_path):
    misspelt = RENAMED["config/settings.py"].replace("send_newsletter", "send_newsleter")
    found = dict(hints_in(tmp_path, {**RENAMED, "config/settings.py": misspelt}))
    assert found["celery.E170"] == (
        "clinics.task.send_newsletter (clinics/task.py:5) may be meant, and no worker registers "
        "it: mend that first."
    )
    assert "celery.E033" in found
