"""`celeryize remove-task` takes out what add-task wrote, all of it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.apply import load_history
from celeryize.commands.task.plan import Request
from celeryize.errors import CannotPatch, UsageError
from tests import commands
from tests.conftest import make_tree, snapshot
from tests.views import Recorder

OLD = "from celery import shared_task\n\n\n@shared_task\ndef old():\n    pass\n"


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery."""
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def add(folder: Path, target: str, *parameters: str, **options: object) -> None:
    commands.add_task(
        folder, Recorder(), Request(target, parameters, **options), yes=True, no_verify=True
    )


def remove(folder: Path, target: str):
    return commands.remove_task(folder, Recorder(), target, yes=True, no_verify=True)


KINDS = [
    {},
    {"kind": "batch", "model": "Doctor", "lock": True},
    {"kind": "email", "model": "Doctor", "bind": True},
    {"kind": "http"},
    {"retry_on": ("smtplib.SMTPException",)},
    {"kind": "model", "model": "Doctor", "trigger": "post_delete:Doctor"},
]


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize(
    "tree", [{}, {"doctors/tasks.py": OLD, "doctors/tests.py": "# Create your tests here.\n"}]
)
def test_right_after_adding_all_is_as_it_was(wired, tree, options):
    make_tree(wired, tree)
    before = snapshot(wired)
    add(wired, "doctors.new", test=True, **options)
    remove(wired, "doctors.new")
    assert snapshot(wired) == before


@pytest.mark.parametrize("options", KINDS)
def test_what_was_added_since_stays_with_the_imports_it_needs(wired, options):
    add(wired, "doctors.first", test=True, **options)
    add(wired, "doctors.second", kind="email", model="Doctor", test=True)
    remove(wired, "doctors.first")
    left = snapshot(wired)
    remove(wired, "doctors.second")
    add(wired, "doctors.second", kind="email", model="Doctor", test=True)
    tasks = (wired / "doctors/tasks.py").read_text()
    assert "first" not in tasks + (wired / "doctors/tests.py").read_text()
    assert sorted(left["doctors/tasks.py"][2].split()) == sorted(tasks.encode().split())


def test_the_re_export_of_a_tasks_package_goes_too(wired):
    make_tree(
        wired, {"doctors/tasks/__init__.py": "from .old import old\n", "doctors/tasks/old.py": OLD}
    )
    before = snapshot(wired)
    add(wired, "doctors.first")
    add(wired, "doctors.second")
    remove(wired, "doctors.first")
    remove(wired, "doctors.second")
    assert snapshot(wired) == before


def test_an_import_between_two_others_takes_its_blank_lines_with_it(wired):
    add(wired, "doctors.first", kind="model", model="Doctor")
    tasks = wired / "doctors/tasks.py"
    tasks.write_text(tasks.read_text() + "\n\ndef mine():\n    return shared_task\n")
    remove(wired, "doctors.first")
    assert (
        tasks.read_text()
        == "from celery import shared_task\n\n\ndef mine():\n    return shared_task\n"
    )


def test_a_task_whose_test_was_changed_is_refused(wired):
    add(wired, "doctors.first", test=True)
    tests = wired / "doctors/tests.py"
    tests.write_text(tests.read_text().replace("first()", "first()  # once\n        first()"))
    before = snapshot(wired)
    with pytest.raises(CannotPatch, match="edited since") as caught:
        remove(wired, "doctors.first")
    assert str(caught.value.where) == "doctors/tests.py:6"
    assert snapshot(wired) == before


def test_a_docstring_that_was_edited_goes_with_the_task(wired):
    add(wired, "doctors.other")
    before = snapshot(wired)
    add(wired, "doctors.first")
    tasks = wired / "doctors/tasks.py"
    tasks.write_text(tasks.read_text().replace('"""First."""', "'''The first, once a day.'''"))
    remove(wired, "doctors.first")
    assert snapshot(wired) == before


def test_an_edited_task_is_refused_in_its_own_words_and_what_is_to_be_done_works(wired):
    add(wired, "doctors.other", test=True)
    before = snapshot(wired)
    add(wired, "doctors.first", test=True)
    tasks = wired / "doctors/tasks.py"
    tasks.write_text(tasks.read_text().replace('First."""\n    pass', 'First."""\n    print("x")'))
    with pytest.raises(CannotPatch, match="edited since") as caught:
        remove(wired, "doctors.first")
    # as it is in the file, quotes and comments too
    assert '\n+    print("x")  # The work' in caught.value.snippet
    assert "\n-    pass  # The work" in caught.value.snippet
    assert "delete lines 10 to 13 of doctors/tasks.py" in caught.value.hint
    lines = tasks.read_text().splitlines(keepends=True)
    tasks.write_text("".join(lines[:7]))
    remove(wired, "doctors.first")
    assert snapshot(wired) == before


def test_the_lines_of_the_second_task_of_a_batch_are_those_of_the_file(wired):
    add(wired, "doctors.first", kind="batch", model="doctors.Doctor")
    tasks = wired / "doctors/tasks.py"
    tasks.write_text(tasks.read_text() + "    print(1)\n")
    with pytest.raises(CannotPatch, match="first_chunk was edited since") as caught:
        remove(wired, "doctors.first")
    lines = tasks.read_text().split("\n")
    first = next(n for n, line in enumerate(lines) if line.startswith("def first_chunk("))
    assert f"delete lines {first} to {len(lines) - 1} of" in caught.value.hint
    assert caught.value.where.line == first + 1
    tasks.write_text("\n".join(lines[: first - 1]))
    remove(wired, "doctors.first")
    assert not tasks.exists() or "first" not in tasks.read_text()


def test_an_app_that_was_installed_with_it_stays_installed(wired):
    make_tree(wired, {"shop/__init__.py": "", "shop/models.py": ""})
    add(wired, "shop.count")
    remove(wired, "shop.count")
    assert '"shop"' in (wired / "config/settings.py").read_text()
    assert not (wired / "shop/tasks.py").exists()


def test_a_task_that_the_schedule_names_stays(wired):
    add(wired, "doctors.remind")
    with (wired / "config/settings.py").open("a") as settings:
        settings.write(
            '\nCELERY_BEAT_SCHEDULE = {\n    "daily": {"task": "doctors.tasks.remind", "schedule": 60.0},\n'
            '    "at night": {"schedule": 90.0, "task": "doctors.tasks.remind"},\n}\n'
        )
    before = snapshot(wired)
    with pytest.raises(
        CannotPatch, match=r"config/settings\.py still names doctors\.tasks\.remind"
    ) as caught:
        remove(wired, "doctors.remind")
    assert caught.value.hint.endswith(
        "first: `celeryize remove-schedule daily`, `celeryize remove-schedule 'at night'`."
    )
    assert snapshot(wired) == before


USES = {
    "from": "from doctors.tasks import remind\n",
    "relative": "from .tasks import old, remind as later\n",
    "module": "from doctors import tasks\n\n\ndef view():\n    tasks.remind.delay(1)\n",
    "dotted": "import doctors.tasks\n\n\ndef view():\n    doctors.tasks.remind.delay(1)\n",
    "inside": "def view():\n    from doctors.tasks import remind\n",
}


@pytest.mark.parametrize("code", USES.values(), ids=USES)
def test_a_task_that_code_uses_stays(wired, code):
    make_tree(wired, {"doctors/tasks.py": OLD})
    add(wired, "doctors.remind", "pk:int")
    make_tree(wired, {"doctors/views.py": code})
    before = snapshot(wired)
    with pytest.raises(CannotPatch, match=r"still uses remind: doctors/views\.py:\d"):
        remove(wired, "doctors.remind")
    assert snapshot(wired) == before


def test_a_task_that_its_neighbour_sends_stays(wired):
    make_tree(wired, {"doctors/tasks.py": OLD})
    add(wired, "doctors.remind")
    with (wired / "doctors/tasks.py").open("a") as tasks:
        tasks.write("\n\ndef all_at_once():\n    remind.delay()\n")
    with pytest.raises(CannotPatch, match=r"still uses remind: doctors/tasks\.py:\d"):
        remove(wired, "doctors.remind")


def test_another_thing_of_the_same_name_keeps_no_task(wired):
    make_tree(wired, {"doctors/tasks.py": OLD})
    add(wired, "doctors.remind")
    same = "from shop.tasks import remind\n\n\ndef view(mail):\n    mail.remind = remind\n"
    make_tree(wired, {"shop/__init__.py": "", "shop/tasks.py": "def remind(): ...\n"})
    make_tree(wired, {"doctors/views.py": same})
    remove(wired, "doctors.remind")
    assert "remind" not in (wired / "doctors/tasks.py").read_text()


def test_a_bare_name_is_the_one_task_of_that_name(wired):
    before = snapshot(wired)
    add(wired, "doctors.charge")
    remove(wired, "charge")
    assert snapshot(wired) == before
    assert "celeryize remove-task doctors.charge" in {
        change.command for change in load_history(wired).changes
    }


def test_a_bare_name_of_several_tasks_lists_them(wired):
    make_tree(wired, {"clinic/__init__.py": "", "clinic/apps.py": "", "clinic/tasks.py": OLD})
    make_tree(wired, {"doctors/tasks.py": OLD})
    settings = wired / "config/settings.py"
    settings.write_text(settings.read_text().replace('"doctors"', '"doctors", "clinic"'))
    with pytest.raises(UsageError, match="several tasks are called old") as caught:
        remove(wired, "old")
    assert caught.value.hint == "Write one of clinic.old, doctors.old."


def test_a_bare_name_of_no_task_is_answered_by_the_near_one(wired):
    add(wired, "doctors.charge")
    with pytest.raises(UsageError, match="no task of this project is called chrage") as caught:
        remove(wired, "chrage")
    assert caught.value.hint.startswith("Did you mean charge? ")


def test_the_worker_is_to_be_restarted(wired):
    add(wired, "doctors.greet")
    (*_, step) = remove(wired, "doctors.greet").next_steps
    assert step.what == "Restart the worker, which has the task until then"
    assert "worker" in step.lines[0]


def test_both_tasks_of_a_batch_are_named(wired):
    view = Recorder()
    request = Request("doctors.purge", kind="batch", model="Doctor")
    commands.add_task(wired, view, request, yes=True, no_verify=True)
    commands.remove_task(wired, view, "doctors.purge", yes=True, no_verify=True)
    whats = [step.what for plan in view.plans for step in plan.steps]
    assert "the tasks doctors.tasks.purge and purge_chunk" in whats
    assert "held purge and purge_chunk alone" in whats
