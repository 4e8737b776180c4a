"""commands/init/task_limits.py: no limit of the settings keeps a task of the project from being sent."""

from __future__ import annotations

import pytest

from tests.conftest import make_tree, small_project
from tests.unit.test_golden import Recorder, run

TASK = "from celery import shared_task\n\n\n@shared_task({options})\ndef ship():\n    pass\n"
LIMITS = ("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT")


def limits_of(folder):
    text = (folder / "config/settings.py").read_text()
    return tuple(name for name in LIMITS if f"\n{name} =" in text)


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ("time_limit=60", LIMITS[:1]),
        ("soft_time_limit=600", LIMITS[1:]),
        ("time_limit=60, soft_time_limit=50", LIMITS),
        ("time_limit=900", LIMITS),
        ("time_limit=MINUTE", LIMITS),
        ("bind=True", LIMITS),
    ],
)
def test_a_limit_that_a_task_forbids_is_left_out_and_named(tmp_path, options, written):
    tree = {**small_project(), "doctors/tasks.py": TASK.format(options=options)}
    folder, view = make_tree(tmp_path / "p", tree), Recorder()
    run(folder, {"options": {"profile": "standard"}}, view)
    assert limits_of(folder) == written
    notes = [note for note in view.plans[0].notes if "is left out" in note]
    assert len(notes) == len(LIMITS) - len(written)
    assert all("doctors/tasks.py:4" in note for note in notes)


def test_a_profile_that_is_chosen_later_leaves_it_out_too(tmp_path):
    tree = {**small_project(), "doctors/tasks.py": TASK.format(options="time_limit=60")}
    folder = make_tree(tmp_path / "p", tree)
    run(folder, {"options": {"profile": "minimal"}}, Recorder())
    run(folder, {"options": {"profile": "standard"}}, Recorder())
    assert limits_of(folder) == LIMITS[:1]
