"""The processes of deployment files: how they are started and stopped, wherever that is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.detect.deployment import find_processes
from celeryize.detect.processes import Process, is_template
from tests.conftest import make_tree


def only(folder: Path, name: str, text: str) -> Process:
    found = find_processes(make_tree(folder, {name: text}))
    assert len(found) == 1, found
    return found[0]


def test_a_compose_service_has_its_folder_signal_and_grace(tmp_path: Path):
    process = only(
        tmp_path,
        "docker/compose.yaml",
        "services:\n  worker:\n    image: shop\n    working_dir: /srv\n    stop_signal: QUIT\n"
        "    stop_grace_period: 1m30s\n    command: celery -A config worker\n",
    )
    assert (process.folder, process.signal, process.stop) == ("/srv", "SIGQUIT", 90)
    assert (process.subcommand, str(process.where)) == ("worker", "docker/compose.yaml:7")


def test_a_unit_has_its_folder_signal_and_group(tmp_path: Path):
    process = only(
        tmp_path,
        "deploy/worker.service",
        "[Service]\nWorkingDirectory=/srv/shop\nKillSignal=SIGINT\nExecStart=/srv/venv/bin/celery -A config worker\n",
    )
    assert (process.folder, process.signal, process.group) == ("/srv/shop", "SIGINT", True)


def test_a_margin_continues_a_value_of_supervisor(tmp_path: Path):
    process = only(
        tmp_path,
        "deploy/conf.d/shop.conf",
        "[program:worker]\ndirectory=/srv\ncommand=celery -A config\n    worker\n"
        'environment=A="1",\n    B="2"\nstopsignal=QUIT\n',
    )
    assert {name: item.text for name, item in process.environment.items()} == {"A": "1", "B": "2"}
    assert (process.folder, process.signal, process.subcommand) == ("/srv", "SIGQUIT", "worker")


def test_a_container_has_its_folder_and_its_image(tmp_path: Path):
    process = only(
        tmp_path,
        "k8s/worker.yaml",
        "kind: Deployment\nmetadata:\n  name: worker\nspec:\n  template:\n    spec:\n      containers:\n"
        "        - image: shop\n          workingDir: /srv\n          command: [celery, -A, config, worker]\n",
    )
    assert (process.folder, process.options["image"].text) == ("/srv", "shop")


def test_an_ini_file_of_something_else_starts_nothing(tmp_path: Path):
    make_tree(
        tmp_path, {"uwsgi.ini": "[uwsgi]\ncommand = x\n", "nginx.conf": "server { listen 80; }\n"}
    )
    assert find_processes(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('tag: "{{.Name}}/{{ .ID }}"', False),
        ("hostname: '{{.Node.Hostname}}'", False),
        ("name: {{ .Values.name }}", True),
        ("name: {{ cookiecutter.slug }}", True),
        ("{% if celery %}", True),
    ],
)
def test_what_docker_fills_in_is_no_template(text: str, expected: bool):
    assert is_template(text) is expected
