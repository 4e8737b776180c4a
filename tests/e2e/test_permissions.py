"""Files and folders that this user may not read: skipped where they do not matter, else a sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeryize.apply import state_dir
from tests.conftest import Run, make_tree, small_project

pytestmark = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root may read everything"
)

INIT = ("init", "--yes", "--no-verify")
COMMANDS = [
    ("init", "--dry-run"),
    INIT,
    ("init", "--yes"),
    ("init", "--check"),
    ("add-task", "doctors.greet", "--yes"),
    ("add-schedule", "nightly", "doctors.tasks.greet", "--every", "1h", "--create", "--yes"),
    ("verify",),
    ("verify", "--static"),
    ("tasks",),
    ("schedule",),
    ("templates",),
    ("undo", "--list"),
    ("undo", "--yes"),
]


@pytest.fixture
def forbidding(tmp_path: Path) -> Iterator:
    """Takes all permissions of a path away, and gives them back in the end."""
    taken: list[tuple[Path, int]] = []

    def forbid(path: Path) -> None:
        taken.append((path, stat.S_IMODE(path.stat().st_mode)))
        path.chmod(0)

    yield forbid
    for path, mode in reversed(taken):
        path.chmod(mode)


def with_celery(root: Path, celeryize: Run, command: tuple[str, ...]) -> None:
    if command[0] != "init":
        assert celeryize(root, *INIT).returncode == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("where", ["pgdata", "doctors/media", "config/private", "src"])
def test_a_folder_that_may_not_be_entered_does_not_matter(
    tmp_path, celeryize: Run, forbidding, where, command
):
    root = make_tree(tmp_path / "project", small_project())
    with_celery(root, celeryize, command)
    (root / where).mkdir(parents=True)
    forbidding(root / where)
    ran = celeryize(root, *command)
    assert ran.returncode in {0, 1}, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("mode", [0, 0o444, 0o111])
def test_where_manage_py_has_another_name_the_search_for_it_survives_any_folder(
    tmp_path, celeryize: Run, forbidding, mode
):
    tree = small_project()
    tree["bin/manage"] = tree.pop("manage.py")
    root = make_tree(tmp_path / "project", {**tree, "data/dump": "x", "data/more/dump": "x"})
    forbidding(root / "data")
    # a folder that may be listed is not one whose files may be looked at
    (root / "data").chmod(mode)
    ran = celeryize(root, *INIT)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "where", ["config/settings.py", "doctors/tasks.py", "requirements.txt", "doctors/models.py"]
)
def test_a_file_that_may_not_be_read_is_a_sentence_or_does_not_matter(
    tmp_path, celeryize: Run, forbidding, where, command
):
    root = make_tree(tmp_path / "project", small_project())
    with_celery(root, celeryize, command)
    make_tree(root, {path: "" for path in (where,) if not (root / path).exists()})
    forbidding(root / where)
    ran = celeryize(root, *command)
    assert ran.returncode in {0, 1, 3, 4}, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("where", [".env", ".env.example", "docker-compose.yml", "Dockerfile"])
def test_a_file_of_the_environment_that_may_not_be_read_names_nothing(
    tmp_path, celeryize: Run, forbidding, where
):
    bare = "import sys\n\nfrom django.core.management import execute_from_command_line\n\n"
    files = {
        "manage.py": f"{bare}execute_from_command_line(sys.argv)\n",
        "config/production.py": "INSTALLED_APPS = []\n",
        "config/wsgi.py": "import os\n",
        where: "DJANGO_SETTINGS_MODULE=config.settings\n",
    }
    root = make_tree(tmp_path / "project", {**small_project(), **files})
    forbidding(root / where)
    ran = celeryize(root, *INIT)
    assert ran.returncode == 3, ran.stderr
    assert "look like settings" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_example_of_the_environment_that_may_not_be_read_keeps_nobody_from_celery(
    tmp_path, celeryize: Run, forbidding
):
    root = make_tree(tmp_path / "project", {**small_project(), ".env.example": "DEBUG=1\n"})
    forbidding(root / ".env.example")
    ran = celeryize(root, *INIT)
    assert ran.returncode == 0, ran.stderr


def test_a_deployment_file_that_may_not_be_read_is_left_alone_by_other_answers(
    tmp_path, celeryize: Run, forbidding
):
    root = make_tree(tmp_path / "project", small_project())
    assert celeryize(root, *INIT).returncode == 0
    make_tree(root, {".env": "CELERY_BROKER_URL=redis://redis:6379/0\n"})
    forbidding(root / ".env")
    ran = celeryize(root, *INIT, "--broker", "rabbitmq")
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_state_that_root_made_is_a_sentence_for_a_writer(
    tmp_path, celeryize: Run, forbidding, command
):
    root = make_tree(tmp_path / "project", small_project())
    assert celeryize(root, *INIT).returncode == 0
    forbidding(state_dir(root))
    ran = celeryize(root, *command)
    assert ran.returncode in {0, 1, 3}, ran.stderr
    assert "Traceback" not in ran.stderr
    if ran.returncode == 3:
        assert "chown" in ran.stderr or "writable" in ran.stderr
