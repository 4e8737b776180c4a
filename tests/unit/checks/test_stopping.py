"""What a stop does to running tasks: a small broken project for each mistake, a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    Mistake,
    facts_of,
    found_in,
    healthy,
    settings,
    tasks,
    with_twin,
)

SOFT = "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"
LATE = "CELERY_TASK_ACKS_LATE = True\n"
WORKER = "celery -A config worker -l INFO"
UNIT = """[Unit]
Description=worker

[Service]
User=shop
WorkingDirectory=/srv/shop
ExecStart=/srv/venv/bin/celery -A config worker \\
    -l INFO
"""
POD = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: worker
spec:
  template:
    spec:
      containers:
        - name: worker
          image: shop
          command: [celery, -A, config, worker]
"""
DEV = "docker-compose.dev.yml"


def compose(*lines: str, command: str = WORKER, name: str = "docker-compose.yml") -> dict[str, str]:
    text = "".join(f"    {line}\n" for line in lines)
    return {name: f"services:\n  worker:\n    image: shop\n{text}    command: {command}\n"}


def supervisor(*lines: str) -> dict[str, str]:
    text = "".join(f"{line}\n" for line in lines)
    return {"supervisord.conf": f"[program:worker]\ncommand={WORKER}\nuser=shop\n{text}"}


ROLES = """services:
  web:
    build: .
    environment:
      ROLE: web
  worker:
    build: .
    environment:
      ROLE: worker
"""
UNNAMED = ROLES.replace("    environment:\n      ROLE: web\n", "")
BY_ROLE = f"""FROM python:3.12-slim
CMD if [ "$ROLE" = "worker" ]; then exec {WORKER}; else exec gunicorn config.wsgi; fi
"""
BY_CASE = f"""FROM python:3.12-slim
CMD case "$ROLE" in worker) exec {WORKER} ;; *) exec gunicorn config.wsgi ;; esac
"""
REMAP = ("environment:", "  REMAP_SIGTERM: SIGQUIT")
LONG = "stop_grace_period: 1m30s"
MISTAKES = [
    # the variable is for SIGTERM alone
    Mistake(
        "celery.W800",
        compose(LONG, "stop_signal: SIGINT", *REMAP) | settings(f"{SOFT.strip()}  # <-\n"),
        compose(LONG, "stop_signal: SIGTERM", *REMAP) | settings(SOFT),
    ),
    Mistake(
        "celery.W812",
        {"Dockerfile": f"FROM python:3.12-slim\nCMD {WORKER}  # <-\n"},
        {"Dockerfile": 'FROM python:3.12-slim\nCMD ["celery", "-A", "config", "worker"]\n'},
    ),
    Mistake(
        "celery.W812",
        {"Dockerfile": f"FROM python:3.12-slim\nCMD python manage.py migrate && {WORKER}  # <-\n"},
        {
            "Dockerfile": f"FROM python:3.12-slim\nCMD ./manage.py migrate && exec {WORKER}\n"
            "HEALTHCHECK --interval=1m --timeout=50s \\\n    CMD celery inspect ping -d worker@x\n"
        },
    ),
    Mistake(
        "celery.W812",
        {"worker.Dockerfile": "FROM python:3.12\nENTRYPOINT celery -A config beat -s /tmp/b\n"},
        {"Dockerfile": f"FROM python:3.12-alpine\nCMD {WORKER}\n"},
        at="worker.Dockerfile:2",
    ),
    Mistake(
        "celery.W800",
        {**compose(LONG), **settings(SOFT[:-1] + "  # <-\n")},
        {**compose(*REMAP, LONG), **settings(SOFT)},
    ),
    Mistake(
        "celery.W800",
        {"k8s/worker.yml": POD, **settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.0  # <-\n")},
        {
            "k8s/worker.yml": POD + "          env: [{name: REMAP_SIGTERM, value: SIGQUIT}]\n",
            **settings(SOFT),
        },
    ),
    Mistake(
        "celery.W800",
        {**compose(name="deploy/stack.yaml"), **settings(SOFT[:-1] + "  # <-\n")},
        {
            **compose(LONG),
            "Dockerfile": "FROM python:3.12\nENV REMAP_SIGTERM=SIGQUIT\n",
            **settings(SOFT),
        },
    ),
    Mistake(
        "celery.W801",
        {**compose(*REMAP), **settings(SOFT)},
        {
            **compose("environment: [REMAP_SIGTERM=SIGQUIT]", "stop_grace_period: 30s"),
            **settings(SOFT),
        },
        at="docker-compose.yml:6",
    ),
    Mistake(
        "celery.W801",
        {**compose(*REMAP, "stop_grace_period: 15s  # <-"), **settings(SOFT)},
        {**compose(*REMAP, name=DEV), **settings(SOFT)},
    ),
    Mistake(
        "celery.W801",
        {
            **supervisor(
                'environment=A="1",REMAP_SIGTERM="SIGQUIT"',
                "stopwaitsecs=20 # <-".replace(" # <-", ""),
            ),
            **settings(SOFT),
        },
        {**supervisor('environment=REMAP_SIGTERM="SIGQUIT"', "stopwaitsecs=60"), **settings(SOFT)},
        at="supervisord.conf:5",
    ),
    Mistake(
        "celery.W802",
        {"deploy/worker.service": UNIT},
        {"deploy/worker.service": UNIT + "KillMode=mixed\n"},
        at="deploy/worker.service:7",
    ),
    Mistake(
        "celery.W802",
        {"worker.service": UNIT + "KillMode=control-group\n"},
        {"worker.service": UNIT + "Environment=REMAP_SIGTERM=SIGQUIT\n", **settings(SOFT)},
        at="worker.service:9",
    ),
    Mistake(
        "celery.W802",
        supervisor("stopasgroup=true"),
        supervisor("stopasgroup=false", "killasgroup=true", "stopwaitsecs=600"),
        at="supervisord.conf:4",
    ),
    Mistake(
        "celery.W802",
        {"Procfile": f"release: python manage.py migrate\nworker: {WORKER}  # <-\n"},
        {"Procfile": f"web: gunicorn config\nworker: {WORKER}\n"},
    ),
    Mistake(
        "celery.W803",
        {"Procfile": f"worker: REMAP_SIGTERM=SIGQUIT {WORKER}  # <-\n"},
        {"Procfile": f"worker: REMAP_SIGTERM=SIGQUIT {WORKER}\n", **settings(SOFT)},
    ),
    Mistake("celery.W803", compose("environment:", "  - REMAP_SIGTERM=SIGQUIT  # <-")),
    Mistake(
        "celery.W804",
        {**compose("stop_signal: SIGTERM"), **settings(LATE)},
        {**compose(LONG), **settings(LATE)},
        at="docker-compose.yml:5",
    ),
    Mistake(
        "celery.W804",
        {
            **compose(command='["celery", "-A", "config", "worker"]  # <-'),
            **tasks("@shared_task(\n    acks_late=True,\n)\ndef f():\n    pass\n"),
        },
        {**compose(name=DEV), **settings(LATE)},
    ),
    Mistake("celery.I805", compose(), compose(LONG), at="docker-compose.yml:4"),
    Mistake("celery.I805", {"k8s.yaml": POD}, at="k8s.yaml:11"),
    # the image chooses by a variable: the web server is no worker
    *(
        Mistake(
            "celery.I805",
            {"Dockerfile": dockerfile, "compose.yml": ROLES},
            {"Dockerfile": dockerfile, "compose.yml": f"{ROLES}    stop_grace_period: 600s\n"},
            at="compose.yml:7",
        )
        for dockerfile in (BY_ROLE, BY_CASE)
    ),
    # what nothing gives is empty, or what the image says
    *(
        Mistake(
            "celery.I805",
            {"Dockerfile": BY_ROLE + more, "compose.yml": UNNAMED},
            {
                "Dockerfile": BY_ROLE + twin,
                "compose.yml": f"{UNNAMED}    stop_grace_period: 600s\n",
            },
            at="compose.yml:5",
        )
        for more, twin in (
            ("", "ENV X=1 ROLE=web\n"),
            ("ENV OTHER=worker\n", "ENV ROLE web\n"),
        )
    ),
    Mistake(
        "celery.I805",
        {
            "Dockerfile": f"{BY_ROLE}ENV A='b c' ROLE=\"worker\"\n",
            "compose.yml": "services:\n  one:\n    build: .\n",
        },
        {"Dockerfile": BY_ROLE, "compose.yml": "services:\n  one:\n    build: .\n"},
        at="compose.yml:3",
    ),
    # what looks like a CMD, and is none
    *(
        Mistake(
            "celery.W812",
            {"Dockerfile": f"FROM python:3.12-slim\n{before}CMD {WORKER}\n"},
            {"Dockerfile": f"FROM python:3.12-slim\n{twin}"},
            at=f"Dockerfile:{2 + before.count(chr(10))}",
        )
        for before, twin in (
            ("", f"RUN <<EOF cat > /start.sh\nCMD {WORKER}\nEOF\nCMD /start.sh\n"),
            ("", f"COPY <<-'END' /x\n\tCMD {WORKER}\n\tEND\n"),
            ("RUN <<A cat\nCMD x\nA\n", f"RUN cat <<A - <<B\nx\nA\nCMD {WORKER}\nB\n"),
            ("RUN cat <<A | \\\n  tee y\nCMD x\nA\n", f"COPY <<A \\\n  /y\nCMD {WORKER}\nA\n"),
            # a shift of bits, and a text of bash
            ("RUN echo $((1<<N))\nRUN cat <<<N\n", ""),
            ("# RUN <<EOF\nRUN true\n", ""),
            (
                "",
                "HEALTHCHECK --interval=1m --timeout=50s \\\n    # every minute\n\n"
                "    CMD celery inspect ping -d worker@x\n",
            ),
        )
    ),
    # the one that is replaced never runs
    Mistake(
        "celery.W812",
        {"Dockerfile": f"FROM python:3.12-slim\nCMD {WORKER}  # <-\nFROM scratch\nCMD x\n"},
        {
            "Dockerfile": f"FROM python:3.12-slim\nCMD {WORKER}\nCMD exec {WORKER}\n",
            **compose(LONG),
        },
    ),
    Mistake(
        "celery.W810",
        compose(LONG, command=f'sh -c "python manage.py check && {WORKER}"  # <-'),
        compose(LONG, command=f'sh -c "python manage.py check && X=1 exec {WORKER}"'),
    ),
    Mistake(
        "celery.W810",
        compose(LONG, command=f'["/bin/sh", "-c", "{WORKER}"]  # <-'),
        compose(LONG, command=f'["bash", "-c", "{WORKER}"]'),
    ),
    Mistake(
        "celery.W810",
        {
            **compose(LONG, command="./bin/worker.sh"),
            "bin/worker.sh": f"#!/bin/bash\nset -e\n{WORKER}\n",
        },
        {
            **compose(LONG, command="./bin/worker.sh"),
            "bin/worker.sh": f"#!/bin/bash\nset -e\nexec {WORKER}\n",
        },
        at="bin/worker.sh:3",
    ),
    Mistake(
        "celery.W810",
        {
            **compose(
                "build:", "  context: .", "  dockerfile: docker/Dockerfile", LONG, command="/start"
            ),
            "docker/Dockerfile": "FROM python:3.12\nCOPY --chown=x ./docker/start /start\n",
            "docker/start": f"#!/usr/bin/env bash\n{WORKER}\n",
        },
        {
            **compose("build: .", LONG, command="/start"),
            "Dockerfile": "FROM python:3.12\nCOPY docker/start /start\n",
            "docker/start": f"#!/usr/bin/env bash\ntrap stop TERM\n{WORKER} &\nwait\n",
        },
        at="docker/start:2",
    ),
    Mistake(
        "celery.E820",
        compose(LONG, command=f"{WORKER} --detach  # <-"),
        {
            "worker.service": UNIT.replace("worker \\", "worker -D \\")
            + "Type=forking\nKillMode=mixed\n"
        },
    ),
    Mistake("celery.E820", {"Procfile": "worker: celery multi start w1 -A config  # <-\n"}),
    Mistake(
        "celery.E820",
        supervisor().copy() | {"supervisord.conf": f"[program:w]\ncommand={WORKER} -D\n"},
        at="supervisord.conf:2",
    ),
    Mistake(
        "celery.W821",
        compose(LONG, command=f'bash -c "{WORKER} -D && tail -f /dev/null"  # <-'),
        compose(LONG, command=WORKER),
    ),
    Mistake(
        "celery.E832",
        {"worker.service": UNIT + "KillMode=mixed\nType=forking\n"},
        {"worker.service": UNIT + "KillMode=mixed\nType=exec\n"},
        at="worker.service:10",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_timeout_that_heroku_never_uses_is_told_of_once(tmp_path):
    files = {"Procfile": f"release: x\nworker: {WORKER}\n", **settings(SOFT)}
    assert [name for name, _ in found_in(tmp_path, files)] == ["celery.W800"]


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("", "", 'Write the words as a list: CMD ["celery", ...].'),
        ("./manage.py migrate && ", "", "Put exec in front of celery."),
        ("", " & gunicorn config.wsgi", "Start each of the two in a container of its own."),
    ],
)
def test_the_remedy_is_one_for_the_whole_line(tmp_path, before, after, hint):
    text = f"FROM python:3.12-slim\nCMD {before}{WORKER}{after}\n"
    facts = facts_of(make_tree(tmp_path, {**healthy(), "Dockerfile": text}))
    assert [one.hint for one in run_checks(facts).findings] == [hint]
