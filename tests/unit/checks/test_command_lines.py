"""Command lines that Celery refuses: a small broken project for each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, settings, with_twin

COMPOSE = "services:\n  worker:\n    image: shop\n    stop_grace_period: 60s\n"
GOOD = {"docker-compose.yml": f"{COMPOSE}    command: celery -A config worker -l INFO\n"}
LISTED = """apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - name: worker
          image: shop
          command: ["celery", "-A", "config"]
          args: %s
"""
SLOW = "CELERY_TASK_ROUTES = {'doctors.tasks.greet': {'queue': 'slow'}}\n"


def compose(command: str) -> dict[str, str]:
    return {"docker-compose.yml": f"{COMPOSE}    command: {command}\n"}


def program(command: str) -> dict[str, str]:
    return {
        "deploy/supervisord.conf": f"[program:it]\ncommand={command}\ndirectory=/srv\nuser=it\n"
        "stopwaitsecs=600\nkillasgroup=true\n"
    }


def unit(command: str) -> dict[str, str]:
    return {
        "deploy/it.service": "[Service]\nUser=it\nKillMode=mixed\nWorkingDirectory=/srv\n"
        f"ExecStart={command}\n"
    }


MISTAKES = [
    Mistake(
        "celery.E950",
        {
            "compose.yml": "# --time-limit=10m\n",
            "Makefile": "",
            "start.sh": "exec celery -A config worker --time-limit=10m\n",
        },
        {"start.sh": "exec celery -A config worker --time-limit=600 -c 2\n"},
        at="start.sh:1",
    ),
    Mistake("celery.E930", compose("celery -A config worker --maxtasksperchild 3  # <-"), GOOD),
    Mistake("celery.E930", compose("celery -A config worker --concurency=3  # <-")),
    Mistake("celery.E930", compose("celery -A config worker --workdir /app  # <-")),
    Mistake(
        "celery.E930",
        compose('["celery", "-A", "config", "beat", "-c", "2", "-s", "/tmp/b"]  # <-'),
    ),
    Mistake(
        "celery.E930",
        {"k8s/worker.yaml": LISTED % '["worker", "--autoreload"]'},
        {"k8s/worker.yaml": LISTED % '["worker", "--autoscale", "10,3", "-Ofair", "-linfo"]'},
        at="k8s/worker.yaml:11",
    ),
    Mistake(
        "celery.E930",
        {
            "config/celery.py": APP,
            "start.sh": "#!/bin/sh\nexec celery -A config worker \\\n  --time-limitt 3\n",
        },
        {
            "config/celery.py": APP + "app.user_options['worker'].add(OPTION)\n",
            "start.sh": "#!/bin/sh\nexec celery -A config worker --tenant 3\n",
        },
        at="start.sh:2",
    ),
    Mistake("celery.E940", compose("celery -A config worker -Q celery, mail  # <-"), GOOD),
    Mistake(
        "celery.E940",
        compose("celery -A config worker -Q celery mail  # <-"),
        compose("celery -A config worker -Q $QUEUES $OPTIONS"),
    ),
    Mistake(
        "celery.E940",
        {"Procfile": "worker: celery -A config worker -X a, b -l info  # <-\n"},
        {"Procfile": "worker: celery -A config worker -X a,b -l info & other\n"},
    ),
    # in a list nothing splits an item: " mono" is a queue, " gevent" no pool
    *(
        Mistake(
            "celery.E942",
            {**settings(SLOW), **compose(broken + "  # <-")},
            {**settings(SLOW), **compose(healthy)},
        )
        for broken, healthy in (
            (
                '["celery", "-A", "config", "worker", "-Q celery,slow"]',
                '["celery", "-A", "config", "worker", "-Q", "celery,slow"]',
            ),
            (
                '["celery", "-A config", "worker", "-Qcelery,slow"]',
                '["celery", "-Aconfig", "worker", "-Qcelery,slow", "-c 4"]',
            ),
            (
                "celery -A config worker '-Q celery,slow'",
                'sh -c "exec celery -A config worker -Q celery,slow"',
            ),
            (
                '["celery", "-A", "config", "worker", "--queues celery,slow"]',
                '["celery", "-A", "config", "worker", "--queues", "celery,slow"]',
            ),
        )
    ),
    Mistake(
        "celery.E942",
        {**settings(SLOW), "k8s/worker.yaml": LISTED % '["worker", "-Q celery,slow"]'},
        {**settings(SLOW), "k8s/worker.yaml": LISTED % '["worker", "-Q", "celery,slow"]'},
        at="k8s/worker.yaml:11",
    ),
    Mistake(
        "celery.E180",
        {
            **compose('["celery", "-A", "config", "worker", "-Q", "celery, slow"]'),
            **settings(SLOW.replace("}}", "}}  # <-")),
        },
    ),
    Mistake(
        "celery.E988",
        {
            "k8s/worker.yaml": LISTED.replace(
                '"celery"', '"python", "manage.py", "migrate", "&&", "celery"'
            )
            % '["worker"]'
        },
        {
            "k8s/worker.yaml": LISTED.replace("command", "args")
            .replace("args: %s", "# %s")
            .replace('"celery"', '"python", "manage.py", "migrate", "&&", "celery"')
            % ""
        },
        at="k8s/worker.yaml:11",
    ),
    Mistake("celery.E950", compose("celery -A config worker -l WARN  # <-"), GOOD),
    Mistake(
        "celery.E950",
        compose("celery -A config worker --loglevel=warn  # <-"),
        compose("celery -A config worker --loglevel=${LEVEL:-warn} -P ${POOL}"),
    ),
    Mistake("celery.E950", compose("celery -A config worker -P thread  # <-")),
    Mistake(
        "celery.E950",
        {
            **compose("celery -A config worker -c auto  # <-"),
            "requirements.txt": "django>=4.2\ncelery[redis]~=5.6.0\n",
        },
        compose("celery -A config worker -c auto"),
    ),
    Mistake(
        "celery.W951",
        compose("celery -A config worker --max-memory-per-child=500  # <-"),
        compose("celery -A config worker --max-memory-per-child=500000"),
    ),
    Mistake(
        "celery.W952",
        {
            **compose("celery -A config worker -P gevent --max-tasks-per-child 100  # <-"),
            "requirements.txt": "django>=4.2\ncelery[gevent,redis]>=5.4\n",
        },
        compose("celery -A config worker -P prefork --max-tasks-per-child 100"),
    ),
    Mistake(
        "celery.W953",
        compose("celery -A config worker --discard  # <-"),
        {"Procfile.dev": "worker: celery -A config worker --purge\n"},
    ),
    Mistake(
        "celery.E988",
        compose("python manage.py migrate && celery -A config worker  # <-"),
        compose('bash -c "python manage.py migrate && celery -A config worker"'),
    ),
    # no program, unless an entry point hands it to a shell
    Mistake(
        "celery.E988",
        {
            **compose("cd /app && celery -A config worker  # <-\n    build: ."),
            "Dockerfile": "FROM python\nCOPY . .\n",
        },
        {
            **compose("cd /app && celery -A config worker\n    build: ."),
            "Dockerfile": 'FROM python\nCOPY . .\nENTRYPOINT ["/run"]\n',
        },
    ),
    # where else no shell is, and what only a shell reads
    Mistake(
        "celery.E988",
        compose("gunicorn config.wsgi & celery -A config worker  # <-"),
        compose("celery -A config worker"),
    ),
    *(
        Mistake("celery.E988", program(bad), program(good), at="deploy/supervisord.conf:2")
        for bad, good in (
            (
                "source /srv/v/bin/activate && celery -A config worker",
                "/v/bin/celery -A config worker",
            ),
            (
                "cd /srv && /v/bin/celery -A config worker",
                "sh -c 'cd /srv && exec celery -A config worker'",
            ),
            (
                "celery -A config worker >> /var/log/it.log",
                "celery -A config worker -f /var/log/it.log",
            ),
        )
    ),
    *(
        Mistake("celery.E988", unit(bad), unit(good), at="deploy/it.service:5")
        for bad, good in (
            (". /srv/v/bin/activate && celery -A config worker", "/v/bin/celery -A config worker"),
            (
                "/v/bin/celery -A config worker | tee x",
                "/bin/sh -c 'exec celery -A config worker | tee x'",
            ),
        )
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_before_celery_5_the_command_line_was_another_one(tmp_path):
    files = {
        **compose("celery -A config worker --maxtasksperchild 3"),
        "requirements.txt": "django\ncelery<5\n",
    }
    assert "celery.E930" not in {name for name, _ in found_in(tmp_path, files)}
