"""Which deployment files `celeryize add-worker` edits."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from celeryize.checks.facts.deployment import DeploymentFacts
from celeryize.commands.worker.files import find_files
from celeryize.detect.deployment import find_processes
from tests.conftest import MANAGE, make_tree

COMPOSE = "services:\n  web:\n    image: shop\n    command: gunicorn config.wsgi\n"


def kept_of(folder: Path, base: str = ".") -> dict[str, str]:
    """The files that are found, each with why it is left alone."""
    return {str(file.path): file.skipped for file in find_files(folder, PurePosixPath(base))}


def test_a_link_to_another_file_of_the_project_is_left_alone(tmp_path: Path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "docker-compose.yml").symlink_to("deploy/docker-compose.yml")
    link = "it is a link to deploy/docker-compose.yml"
    assert kept_of(tmp_path) == {"deploy/docker-compose.yml": "", "docker-compose.yml": link}


def test_a_link_to_a_unit_is_no_second_unit(tmp_path: Path):
    for name in ("deploy", "systemd"):
        (tmp_path / name).mkdir()
    unit = "[Service]\nExecStart=/srv/shop/bin/gunicorn config.wsgi\n"
    (tmp_path / "deploy/shop.service").write_text(unit)
    (tmp_path / "systemd/shop.service").symlink_to("../deploy/shop.service")
    assert kept_of(tmp_path) == {"deploy": ""}


def test_a_link_to_a_file_that_is_not_looked_at_is_the_file(tmp_path: Path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "docker-compose.yml").symlink_to("examples/docker-compose.yml")
    assert kept_of(tmp_path) == {"docker-compose.yml": ""}


def test_a_procfile_without_a_process_is_there(tmp_path: Path):
    (tmp_path / "Procfile").write_text("web gunicorn config.wsgi\n")
    assert kept_of(tmp_path) == {"Procfile": "it starts no web process that is known as one"}


@pytest.mark.parametrize(
    ("folder", "kept"),
    [("/path/to/shop", "it is an example: shop is in /path/to/shop"), ("/srv/path/to/shop", "")],
)
def test_an_example_whose_path_is_to_be_replaced_is_left_alone(tmp_path: Path, folder, kept):
    (tmp_path / "extra").mkdir()
    (tmp_path / "deploy").mkdir()
    program = f"[program:shop]\ncommand=celery -A config worker\ndirectory={folder}\n"
    (tmp_path / "extra/shop.conf").write_text(program)
    unit = f"[Service]\nExecStart={folder}/bin/celery -A config worker\nWorkingDirectory={folder}\n"
    (tmp_path / "deploy/shop.service").write_text(unit)
    of_unit = kept.replace("shop is", "shop.service is")
    assert kept_of(tmp_path) == {"deploy": of_unit, "extra/shop.conf": kept}


PROJECT = MANAGE.format(settings="config.settings")
OTHER = "it is of another Django project"


@pytest.mark.parametrize(
    ("base", "kept"),
    [
        # two beside each other: each has all up to the folder that has both
        ("lab1/app", {"compose.yml": "", "lab1/compose.yml": "", "lab2/compose.yml": OTHER}),
        ("lab2/app", {"compose.yml": "", "lab1/compose.yml": OTHER, "lab2/compose.yml": ""}),
    ],
)
def test_the_files_of_another_project_of_the_repository_are_left_alone(tmp_path, base, kept):
    tree = {f"lab{number}/app/manage.py": PROJECT for number in (1, 2)}
    make_tree(tmp_path, {**tree, **dict.fromkeys(kept, COMPOSE)})
    assert kept_of(tmp_path, base) == kept
    facts = DeploymentFacts(tmp_path, PurePosixPath(base))
    own = {path for path, why in kept.items() if not why}
    assert {str(path) for path in facts.files} == own
    assert {str(process.where.path) for process in facts.processes} == own


def test_a_project_inside_ours_has_its_own_folder_alone(tmp_path):
    tree = {"manage.py": PROJECT, "deploy/trial/manage.py": PROJECT, "tool/manage.py": "import x\n"}
    files = ("deploy/compose.yml", "deploy/trial/compose.yml", "tool/compose.yml")
    make_tree(tmp_path, {**tree, **dict.fromkeys(files, COMPOSE)})
    assert kept_of(tmp_path) == {
        "deploy/compose.yml": "",
        "deploy/trial/compose.yml": OTHER,
        # no manage.py of Django
        "tool/compose.yml": "",
    }
    # what is around ours is not another's
    assert kept_of(tmp_path, "deploy/trial") == dict.fromkeys(files, "")


SHARED = """services:
  {name}:
    {build}
    command: {command}
"""
# Each with the project, of `shop` and `billing`, that starts it.
STARTED = [
    ("celery -A billing worker", "build: ./billing", "billing"),
    ("celery -A shop worker", "build: ./shop", "shop"),
    # by the package alone: both are in one image
    ("celery -A billing.celery:app worker", "build: .", "billing"),
    ("gunicorn billing.wsgi:application", "build: .", "billing"),
    ("uvicorn shop.asgi:application", "build: .", "shop"),
    # by the folder alone: both packages may be called so
    ("gunicorn config.wsgi", "build: {context: billing, target: run}", "billing"),
    ("celery -A config worker", "build: {context: ./shop}", "shop"),
    ('sh -c "cd billing && gunicorn config.wsgi"', "image: all", "billing"),
    ("uv run --directory shop celery -A config worker", "image: all", "shop"),
    ("celery -A config --workdir billing worker", "image: all", "billing"),
    ("celery -A config worker", "build: {context: ., dockerfile: billing/Dockerfile}", "billing"),
    ("celery -A config worker", "image: all\n    working_dir: /code/billing", "billing"),
    ("celery -A config worker", "image: all\n    environment: [PYTHONPATH=/srv/shop]", "shop"),
    ("celery -A config worker", "image: all\n    volumes: ['./billing:/code']", "billing"),
    ("celery -A config worker", "build: .\n    env_file: shop/.env", "shop"),
    ('sh -c "cd /code/billing && celery -A config worker"', "build: .", "billing"),
    # by its name, where nothing else is left
    ("celery -A config worker", "build: {context: ., target: billing}", "billing"),
]


@pytest.mark.parametrize(("command", "build", "owner"), STARTED)
def test_a_process_of_a_shared_file_is_that_of_one_project(tmp_path, command, build, owner):
    for name in ("shop", "billing"):
        files = {
            f"{name}/manage.py": PROJECT,
            f"{name}/{name}/__init__.py": "",
            f"{name}/config/__init__.py": "",
        }
        make_tree(tmp_path, files)
    text = SHARED.format(name="one", build=build, command=command)
    (tmp_path / "compose.yaml").write_text(text)
    for name in ("shop", "billing"):
        base = PurePosixPath(name)
        own = ["one"] if name == owner else []
        (file,) = find_files(tmp_path, base)
        assert [process.name for process in file.processes] == own
        facts = DeploymentFacts(tmp_path, base)
        assert [process.name for process in facts.processes] == own
        assert len(facts.workers) == len(own) * ("celery" in command)
        assert [process.name for process in find_processes(tmp_path, base)] == own


def test_a_process_of_nobody_known_is_that_of_every_project(tmp_path: Path):
    make_tree(tmp_path, {f"{name}/manage.py": PROJECT for name in ("shop", "billing")})
    text = SHARED.format(name="one", build="image: all", command="celery -A config worker")
    (tmp_path / "compose.yaml").write_text(text)
    for name in ("shop", "billing"):
        assert len(find_processes(tmp_path, PurePosixPath(name))) == 1


# Each with the project that starts it: that of the repository itself, or `admin`, which is inside it.
STARTED_INSIDE = [
    ("celery -A shop worker", "build: .", "."),
    ("celery -A admin worker", "build: .", "admin"),
    ("celery -A config worker", "build: ./admin", "admin"),
    ("celery -A config worker", "build: .\n    working_dir: /code/admin", "admin"),
    # nothing leads into the folder of the inner one
    ("celery -A config worker", "build: .", "."),
    ("celery -A config worker", "image: all", "."),
    # an image of both may start either
    ("celery -A config worker", "build: {context: ., dockerfile: made/of.inner}", ""),
]


@pytest.mark.parametrize(("command", "build", "owner"), STARTED_INSIDE)
def test_a_project_around_ours_has_its_own_processes(tmp_path, command, build, owner):
    tree = {
        "manage.py": PROJECT,
        "shop/__init__.py": "",
        "config/__init__.py": "",
        "admin/manage.py": PROJECT,
        "admin/admin/__init__.py": "",
        "admin/config/__init__.py": "",
        "made/of.inner": "FROM python:3.13\nCOPY admin /code\n",
        "compose.yaml": SHARED.format(name="one", build=build, command=command),
    }
    make_tree(tmp_path, tree)
    for base in (".", "admin"):
        own = ["one"] if owner in {"", base} else []
        found = find_processes(tmp_path, PurePosixPath(base))
        assert [process.name for process in found] == own, base
        facts = DeploymentFacts(tmp_path, PurePosixPath(base))
        assert [process.name for process in facts.processes] == own, base


def test_a_manage_py_that_starts_the_project_inside_is_no_other_project(tmp_path):
    tree = {
        "manage.py": PROJECT,
        "backend/manage.py": PROJECT,
        "backend/config/__init__.py": "",
        "compose.yaml": SHARED.format(
            name="one", build="build: .", command="celery -A config worker"
        ),
    }
    make_tree(tmp_path, tree)
    assert len(find_processes(tmp_path, PurePosixPath("backend"))) == 1
