"""add-task: the test goes where the project has its tests."""

from __future__ import annotations

import pytest

from celeryize.commands.task.plan import Request
from tests import commands
from tests.conftest import make_tree
from tests.unit.commands.task.test_plan import add
from tests.views import Recorder

TEST = "def test_nothing():\n    assert True\n"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"tests/test_orders.py": TEST}, "tests/test_work.py"),
        (
            {"tests/test_orders.py": TEST, "tests/doctors/test_models.py": TEST},
            "tests/doctors/test_work.py",
        ),
        ({"tests/other/test_models.py": TEST}, "doctors/tests.py"),
        ({"tests/test_orders.py": TEST, "doctors/tests.py": TEST}, "doctors/tests.py"),
        (
            {"tests/test_orders.py": TEST, "doctors/tests/test_models.py": TEST},
            "doctors/tests/test_work.py",
        ),
    ],
)
def test_the_test_is_beside_the_other_tests(project, files, place):
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    make_tree(project, files)
    before = {p for p in project.rglob("*.py") if "class WorkTests" in p.read_text()}
    add(project, "doctors.work", "n:int", test=True)
    after = {p for p in project.rglob("*.py") if "class WorkTests" in p.read_text()}
    assert {str(p.relative_to(project)) for p in after - before} == {place}


CASE = "from django.test import TestCase\n\n\nclass T(TestCase):\n    pass\n"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"tests/test_orders.py": TEST}, "tests/test_work.py"),
        ({"tests/orders_test.py": TEST}, "tests/test_work.py"),
        ({"doctors/test_models.py": CASE}, "doctors/test_tasks.py"),
        ({"doctors/models_test.py": CASE}, "doctors/test_tasks.py"),
        ({"doctors/tests/unit/test_models.py": CASE}, "doctors/tests/test_work.py"),
        ({"doctors/tests/models_tests.py": CASE}, "doctors/tests/test_work.py"),
        ({"doctors/tests.py": CASE}, "doctors/tests.py"),
        # no test is in any of them
        ({"doctors/tests.py": "# Create your tests here.\n"}, ""),
        ({"doctors/tests/factories.py": CASE, "doctors/latest.py": TEST}, ""),
        ({"tests/conftest.py": TEST}, ""),
        ({"shop/tests.py": CASE}, ""),
    ],
)
def test_a_test_is_written_without_being_asked_for_where_there_are_some(project, files, place):
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    make_tree(project, files)
    view = Recorder()
    commands.add_task(project, view, Request("doctors.work"), yes=True, no_verify=True)
    found = {p for p in project.rglob("*.py") if "class WorkTests" in p.read_text()}
    assert {str(p.relative_to(project)) for p in found} == ({place} if place else set())
    said = any("no test is written" in note for plan in view.plans for note in plan.notes)
    assert said == (not place)


def test_nothing_is_said_where_no_test_is_wanted(project):
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    view = Recorder()
    request = Request("doctors.work", test=False)
    commands.add_task(project, view, request, yes=True, no_verify=True)
    assert not any("no test" in note for plan in view.plans for note in plan.notes)
