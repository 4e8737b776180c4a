"""init says once which apps a worker would not look into."""

from __future__ import annotations

import pytest

from tests.conftest import make_tree, small_project
from tests.unit.test_golden import Recorder, run


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), []),
        (
            ("mails",),
            ["mails is not in INSTALLED_APPS: a worker will not find the tasks in mails."],
        ),
        (
            ("mails", "menus"),
            ["mails, menus are not in INSTALLED_APPS: a worker will not find their tasks."],
        ),
    ],
)
def test_apps_that_are_not_installed_are_named_in_one_note(tmp_path, names, told):
    apps = {f"{name}/{file}.py": "" for name in names for file in ("__init__", "models")}
    folder = make_tree(tmp_path / "p", {**small_project(), **apps})
    view = Recorder()
    run(folder, {"options": {"profile": "minimal"}}, view)
    assert [note for note in view.plans[0].notes if "INSTALLED_APPS" in note] == told
