"""Quotes, blanks and percent signs: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, with_twin

BESIDE = settings("CELERY_BROKER_URL = 'redis://redis:6379/0'\n", instead="CELERY_BROKER_URL")
POD = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: it}}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - image: shop
          {0}  # <-
"""


def compose(command: str, more: str = "") -> dict[str, str]:
    return {
        **BESIDE,
        "Dockerfile": "FROM python:3.13\nWORKDIR /app\nCOPY . .\n",
        "compose.yml": "services:\n  worker:\n    build: .\n    stop_grace_period: 600s\n"
        f"    command: {command}\n{more}  redis:\n    image: redis:7\n",
    }


def started(line: str) -> dict[str, str]:
    """A worker whose service leaves the command to its image."""
    return {
        **BESIDE,
        "Dockerfile": f"FROM python:3.13\nWORKDIR /app\nCOPY . .\n{line}\n",
        "compose.yml": "services:\n  worker:\n    build: .\n    stop_grace_period: 600s\n"
        "  redis:\n    image: redis:7\n",
    }


def variables(line: str) -> dict[str, str]:
    return compose("celery -A config worker", f"    environment:\n      {line}\n")


def program(command: str) -> dict[str, str]:
    return {
        "deploy/supervisord.conf": f"[program:worker]\ncommand={command}\nuser=app\n"
        "directory=/srv/app\nstopwaitsecs=600\nkillasgroup=true\n"
    }


def unit(command: str, path: str = "deploy/worker.service") -> dict[str, str]:
    return {
        path: "[Service]\nUser=app\nKillMode=mixed\nTimeoutStopSec=600\n"
        f"WorkingDirectory=/srv/app\nExecStart={command}\n"
    }


RUNS = "command: [celery, -A, config, worker]"
QUOTED = """{name: BROKER, value: "'redis://redis:6379/0'"}"""
PLAIN = "{name: BROKER, value: 'redis://redis:6379/0'}"
WORKER = "/srv/bin/celery -A config worker"
MISTAKES = [
    Mistake(
        "celery.E936",
        variables('- CELERY_BROKER_URL="redis://redis:6379/0"  # <-'),
        variables('- "CELERY_BROKER_URL=redis://redis:6379/0"'),
    ),
    Mistake(
        "celery.E936",
        variables("- DSN='postgres://u:p@db.example.com/shop'  # <-"),
        variables("DSN: 'postgres://u:p@db.example.com/shop'"),
    ),
    # a host, and a module; a page of the web may be quoted on purpose
    Mistake(
        "celery.E936",
        variables("- REDIS_HOST='redis'  # <-"),
        variables("- TEMPLATE='https://shop.example'"),
    ),
    Mistake(
        "celery.E936",
        variables('- DJANGO_SETTINGS_MODULE="config.settings"  # <-'),
        variables("- DJANGO_SETTINGS_MODULE=config.settings"),
    ),
    Mistake(
        "celery.E936",
        variables("- CELERY_BROKER_URL = redis://redis:6379/0  # <-"),
        variables("- CELERY_BROKER_URL=redis://redis:6379/0"),
    ),
    Mistake(
        "celery.E936",
        {"k8s/it.yaml": POD.format(f"{RUNS}\n          env:\n            - {QUOTED}")},
        {"k8s/it.yaml": POD.format(f"{RUNS}\n          env:\n            - {PLAIN}")},
    ),
    Mistake(
        "celery.E937",
        compose('["celery -A config worker -l INFO"]  # <-'),
        compose("celery -A config worker -l INFO"),
    ),
    Mistake(
        "celery.E937",
        compose("\n      - celery -A config worker  # <-"),
        # the entry point may split it
        compose("\n      - celery -A config worker")
        | {"Dockerfile": 'FROM python:3.13\nCOPY . .\nENTRYPOINT ["sh", "-c"]\n'},
    ),
    Mistake(
        "celery.E937",
        {"k8s/it.yaml": POD.format('command: ["/venv/bin/celery -A config worker"]')},
        {"k8s/it.yaml": POD.format('args: ["/venv/bin/celery -A config worker"]')},
    ),
    Mistake(
        "celery.E937",
        {"k8s/it.yaml": POD.format('command: ["celery -A config worker"]')},
        {"k8s/it.yaml": POD.format('command: ["sh", "-c", "exec celery -A config worker"]')},
    ),
    # several commands, a shell that is given one word, and what the image starts
    Mistake(
        "celery.E937",
        compose('["python manage.py migrate && celery -A config worker"]  # <-'),
        compose("""["sh", "-c", "python manage.py migrate && exec celery -A config worker"]"""),
    ),
    Mistake(
        "celery.E937",
        compose('["sh", "-c", "celery", "-A", "config", "worker"]  # <-'),
        compose('["sh", "-c", "exec celery $*", "-A", "config", "worker"]'),
    ),
    *(
        Mistake(
            "celery.E937",
            started('CMD ["celery -A config worker"]'),
            started(twin),
            at="Dockerfile:4",
        )
        for twin in (
            'CMD ["celery", "-A", "config", "worker"]',
            'ENTRYPOINT ["celery", "-A", "config"]\nCMD ["worker"]',
            'ENTRYPOINT ["sh", "-c"]\nCMD ["exec celery -A config worker"]',
        )
    ),
    Mistake(
        "celery.E110", started('ENTRYPOINT ["celery", "-A", "konfig", "worker"]'), at="Dockerfile:4"
    ),
    # the command of the service takes the place of that of the image
    Mistake(
        "celery.E930",
        started('CMD ["celery", "-A", "config", "worker", "--autoreload"]'),
        {
            **compose("celery -A config worker"),
            "Dockerfile": started('CMD ["celery", "worker", "--autoreload"]')["Dockerfile"],
        },
        at="Dockerfile:4",
    ),
    *(
        Mistake("celery.E938", program(f"{WORKER}{bad}"), program(f"{WORKER}{good}"), at=at)
        for bad, good, at in (
            (
                '\nenvironment=URL="redis://:p%40s@it"',
                '\nenvironment=URL="redis://:p%%40s@it"',
                "deploy/supervisord.conf:3",
            ),
            (
                "\nstdout_logfile=/var/log/%n.log",
                "\nstdout_logfile=/var/log/%(program_name)s.log",
                "deploy/supervisord.conf:3",
            ),
            (
                " -n w%(process_number)d@it",
                " -n w%(process_num)d@%(ENV_HOST)s",
                "deploy/supervisord.conf:2",
            ),
        )
    ),
    Mistake(
        "celery.E938",
        program(f"{WORKER} -n worker@%h"),
        program(f"{WORKER} -n worker%(process_num)d@%%h"),
        at="deploy/supervisord.conf:2",
    ),
    Mistake(
        "celery.W939",
        unit(f"{WORKER} -n worker@%h"),
        unit(f"{WORKER} -n worker@%%h"),
        at="deploy/worker.service:6",
    ),
    Mistake(
        "celery.W939",
        unit(f"{WORKER} --hostname=%n@%%h"),
        unit(f"{WORKER} --hostname=worker-%i@%%h", "deploy/worker@.service"),
        at="deploy/worker.service:6",
    ),
    # in a variable of the unit, and for several workers
    Mistake(
        "celery.W939",
        unit(f"{WORKER} $OPTS\nEnvironment='OPTS=-n it@%h'"),
        unit(f"{WORKER} $OPTS\nEnvironment='OPTS=-n it@%%h'"),
        at="deploy/worker.service:6",
    ),
    Mistake(
        "celery.W939",
        unit("/srv/bin/celery -A config multi start w1@%h\nType=forking"),
        unit("/srv/bin/celery -A config multi start w1@%%h --pidfile=/run/%n.pid\nType=forking"),
        at="deploy/worker.service:6",
    ),
    Mistake(
        "celery.W939",
        unit(f"{WORKER} -n %n@%%h"),
        unit(f"{WORKER} -n %n@%H"),
        at="deploy/worker.service:6",
    ),
    Mistake(
        "celery.E947",
        unit("venv/bin/celery -A config worker"),
        unit("/srv/app/venv/bin/celery -A config worker"),
        at="deploy/worker.service:6",
    ),
    Mistake(
        "celery.E947",
        unit("-./bin/celery -A config worker"),
        unit("celery -A config worker"),
        at="deploy/worker.service:6",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
