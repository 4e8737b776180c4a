"""add-task: the test goes where the project has its tests."""

from __future__ import annotations

import pytest

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
