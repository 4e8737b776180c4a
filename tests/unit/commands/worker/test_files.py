"""Which deployment files `celeryize add-worker` edits."""

from __future__ import annotations

from pathlib import Path

from celeryize.commands.worker.files import find_files

COMPOSE = "services:\n  web:\n    image: shop\n    command: gunicorn config.wsgi\n"


def kept_of(folder: Path) -> dict[str, str]:
    """The files that are found, each with why it is left alone."""
    return {str(file.path): file.skipped for file in find_files(folder)}


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
