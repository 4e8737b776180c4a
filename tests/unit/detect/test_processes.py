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


FLY = """app = "shop"
kill_timeout = "1m30s"
processes.web = "gunicorn config.wsgi"
processes."worker" = "celery -A config worker"

[env]  # of all
PORT = 8000
"DEBUG" = false

[[services]]
processes = ["web"]
"""


def test_a_group_of_fly_has_its_line_and_the_variables_of_all(tmp_path: Path):
    web, worker = find_processes(make_tree(tmp_path, {"fly.toml": FLY}))
    assert (worker.name, worker.subcommand, str(worker.where)) == ("worker", "worker", "fly.toml:4")
    assert (worker.signal, worker.stop, str(worker.stop_where)) == ("SIGINT", 90, "fly.toml:2")
    given = {name: (item.text, item.where.line) for name, item in web.environment.items()}
    # Fly itself gives the name of the group
    assert given == {
        "PORT": ("8000", 7),
        "DEBUG": ("false", 8),
        "FLY_PROCESS_GROUP": ("web", 3),
    }
    assert not web.sealed


@pytest.mark.parametrize(
    ("text", "name", "words", "line"),
    [
        ("app = 'shop'\n", "app", (), 1),
        ("[processes]\napp = ''\n", "app", (), 2),
        ("\n[experimental]\ncmd = ['celery', 'beat']\n", "app", ("celery", "beat"), 3),
        (
            "[experimental]\nentrypoint = 'tini --'\n[processes]\nq = 'x'\n",
            "q",
            ("tini", "--", "x"),
            4,
        ),
        ("processes = {jobs = 'celery worker'}\n", "jobs", ("celery", "worker"), 1),
    ],
)
def test_what_fly_starts(tmp_path: Path, text: str, name: str, words: tuple[str, ...], line: int):
    process = only(tmp_path, "fly.staging.toml", text)
    assert (process.name, process.words, process.where.line) == (name, words, line)
    assert (process.signal, process.stop, process.stop_where) == ("SIGINT", 5, None)


@pytest.mark.parametrize("name", ["flyway.toml", "fly.toml"])
def test_what_is_no_file_of_fly_starts_nothing(tmp_path: Path, name: str):
    text = "[processes]\nworker = 'celery worker'\n"
    if name == "fly.toml":
        text += "[processes\n"
    assert find_processes(make_tree(tmp_path, {name: text})) == ()


RENDER = """services:
  - type: web
    name: site
    runtime: static
  - type: cron
    name: nightly
    env: python
    startCommand: cd src && python manage.py nightly
  - type: worker
    name: jobs
    runtime: docker
    rootDir: src
    scaling: {minInstances: 2, maxInstances: 3}
    envVars:
      - fromGroup: shared
      - {key: A, value: "1"}
      - {key: B, sync: false}
      - key: CELERY_BROKER_URL
        fromService: {type: redis, name: queues, property: connectionString}
      - key: C
        fromService: {type: pserv, name: other, property: host}
  - type: redis
    name: queues
envVarGroups:
  - name: shared
    envVars: [{key: A, value: "2"}, {key: D, value: x}]
"""


def test_the_services_of_a_blueprint(tmp_path: Path):
    root = make_tree(
        tmp_path,
        {
            "render.yaml": RENDER,
            "src/Dockerfile": 'FROM python\nCMD ["celery", "-A", "x", "worker"]\n',
        },
    )
    nightly, jobs, queues = find_processes(root)
    assert nightly.words == ("bash", "-c", "cd src && python manage.py nightly")
    assert nightly.stop is None
    assert {name: item.text for name, item in jobs.environment.items()} == {
        "A": "1",
        "B": "",
        "C": "",
        "D": "x",
        "CELERY_BROKER_URL": "redis://queues:6379",
    }
    # what the image starts is written there
    assert (jobs.subcommand, str(jobs.written)) == ("worker", "src/Dockerfile:2")
    assert (jobs.stop, jobs.signal, jobs.replicas and jobs.replicas.text) == (30, "SIGTERM", "2")
    assert queues.options["maxmemory_policy"].text == ""


def test_of_services_of_several_repositories_only_those_without_one_are_read(tmp_path: Path):
    text = "services:\n" + "".join(
        f"  - {{type: worker, name: {name}, runtime: python, startCommand: x{more}}}\n"
        for name, more in (("ours", ""), ("theirs", ", repo: https://github.com/a/b"))
    )
    assert only(tmp_path, "render.yaml", text).name == "ours"


def test_a_setting_below_the_groups_is_none_of_them(tmp_path: Path):
    text = "[processes]\nworker = 'celery worker'\nkill_timeout = 30\n"
    process = only(tmp_path, "fly.toml", text)
    assert (process.name, process.stop) == ("worker", 5)


def test_a_script_is_what_the_group_of_fly_chooses_in_it(tmp_path: Path):
    script = (
        '#!/bin/sh\nrole="${FLY_PROCESS_GROUP:-web}"\ncase "$role" in\n'
        "  jobs) exec celery -A x worker ;;\n  tick) exec celery -A x beat ;;\n"
        "  *) exec gunicorn x ;;\nesac\n"
    )
    groups = "".join(f"{name} = '/app/go.sh'\n" for name in ("web", "jobs", "tick"))
    root = make_tree(tmp_path, {"fly.toml": f"[processes]\n{groups}", "go.sh": script})
    found = {process.name: process.subcommand for process in find_processes(root)}
    assert found == {"web": None, "jobs": "worker", "tick": "beat"}
