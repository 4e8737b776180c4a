"""Containers beside each other: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, with_twin

WORKER = "celery -A config worker"
READS = settings(
    "import os\nCELERY_BROKER_URL = os.environ['BROKER']\n", instead="CELERY_BROKER_URL"
)
# The host of one database, the URL of another, and a third that is somewhere else.
READS_DATABASE = settings(
    "import os, dj_database_url\nCELERY_BROKER_URL = os.environ['BROKER']\n"
    "DATABASES = {'default': {'ENGINE': 'x', 'HOST': os.environ['DB_HOST']},"
    " 'old': {'ENGINE': 'x', 'HOST': os.environ.get('OLD_DB_HOST')}}\n",
    instead="CELERY_BROKER_URL",
)
READS_DSN = settings(
    "import os, dj_database_url\nCELERY_BROKER_URL = os.environ['BROKER']\n"
    "DATABASES = {'default': dj_database_url.parse(os.environ['DSN'])}\n",
    instead="CELERY_BROKER_URL",
)
DATABASE = "  pg:\n    image: postgres:17\n"
REDIS = "  redis:\n    image: redis:7\n"
RABBIT = (
    "  rabbit:\n    image: rabbitmq:3\n    environment:\n      RABBITMQ_DEFAULT_USER: shop\n"
    "      RABBITMQ_DEFAULT_PASS: it\n"
)
IMAGE = "FROM python:3.12\nHEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1\n"
ENTRY = 'FROM python:3.12\nENTRYPOINT ["/app/deploy/start.sh"]\n'
AMQP = {
    **settings("", instead="CELERY_"),
    "requirements.txt": "django>=4.2\ncelery>=5.4\n",
}
AMQP["config/settings.py"] += "import os\nCELERY_BROKER_URL = os.environ['BROKER']\n"


def compose(url: str, *others: str, more: str = "", command: str = WORKER) -> dict[str, str]:
    return {
        **READS,
        "docker-compose.yml": "services:\n"
        + "".join(others)
        + "  it:\n    build: .\n    stop_grace_period: 90s\n"
        + f"    command: {command}\n    environment:\n      BROKER: {url}\n{more}",
    }


def web(url: str) -> str:
    return f"  web:\n    image: it\n    command: gunicorn config.wsgi\n    environment:\n      BROKER: {url}\n"


def pod(probe: str) -> dict[str, str]:
    return {
        "k8s/it.yaml": f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: it}}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - image: shop
          command: [celery, -A, config, worker]
          livenessProbe:
            timeoutSeconds: 30
            exec: {{command: {probe}}}  # <-
"""
    }


PROGRAMS = (
    "[program:worker]\ncommand=/srv/bin/celery -A config worker{command}\nuser=app\n"
    "directory=/srv/app\nstopwaitsecs=600\nkillasgroup=true\n{more}\n"
)
MISTAKES = [
    Mistake(
        "celery.E933",
        compose("redis://cache:6379/0  # <-", REDIS),
        compose("redis://cache:6379/0", f"{REDIS}    container_name: cache\n"),
    ),
    Mistake(
        "celery.W928",
        compose("amqp://rabbitmq:5672//  # <-", REDIS),
        compose("amqp://rabbitmq:5672//", REDIS, more="networks:\n  it:\n    external: true\n"),
    ),
    # the web server is told another name than the worker
    Mistake(
        "celery.E933",
        compose("redis://redis:6379/0", REDIS, web("redis://cache:6379/0  # <-")),
        compose("redis://redis:6379/0", REDIS, web("redis://redis/0")),
    ),
    Mistake(
        "celery.E933",
        compose("redis://redis:6379/0", REDIS, DATABASE, more="      DB_HOST: database  # <-\n")
        | READS_DATABASE,
        compose("redis://redis:6379/0", REDIS, DATABASE, more="      DB_HOST: pg\n")
        | READS_DATABASE,
    ),
    Mistake(
        "celery.E933",
        compose("redis://redis", REDIS, DATABASE, more="      DSN: postgis://u:p@db:5432/x  # <-\n")
        | READS_DSN,
        compose(
            "redis://redis", REDIS, DATABASE, more="      DSN: postgis://u:p@db.example.com/x\n"
        )
        | READS_DSN,
    ),
    # another database than the default one; two of them; one that a profile starts
    Mistake(
        "celery.E933",
        compose("redis://redis", REDIS, DATABASE, more="      DB_HOST: database  # <-\n")
        | READS_DATABASE,
        compose(
            "redis://redis", REDIS, DATABASE, more="      DB_HOST: pg\n      OLD_DB_HOST: erp\n"
        )
        | READS_DATABASE,
    ),
    Mistake(
        "celery.E933",
        compose("redis://redis", REDIS, DATABASE, more="      DB_HOST: database  # <-\n")
        | READS_DATABASE,
        compose(
            "redis://redis",
            REDIS,
            DATABASE,
            DATABASE.replace("pg", "main"),
            more="      DB_HOST: database\n",
        )
        | READS_DATABASE,
    ),
    Mistake(
        "celery.E933",
        compose("redis://redis", REDIS, DATABASE, more="      DB_HOST: database  # <-\n")
        | READS_DATABASE,
        compose(
            "redis://redis",
            REDIS,
            f"{DATABASE}    profiles: [local]\n",
            more="      DB_HOST: database\n",
        )
        | READS_DATABASE,
    ),
    # links, aliases, names that are made of others, and a broker elsewhere
    Mistake(
        "celery.E933",
        compose("redis://cache:6379/0  # <-", REDIS, more="    links: [it:that]\n"),
        compose("redis://cache:6379/0", REDIS, more="    links: [redis:cache]\n"),
    ),
    Mistake(
        "celery.E933",
        compose("redis://cache:6379/0  # <-", REDIS),
        compose(
            "redis://cache:6379/0",
            f'{REDIS}    networks: {{default: {{aliases: ["it", "cache"]}}}}\n',
        ),
    ),
    Mistake(
        "celery.E933",
        compose("redis://reddis:6379/0  # <-", REDIS),
        compose("redis://shop-redis-1:6379/0", REDIS),
    ),
    Mistake(
        "celery.E933",
        compose("redis://cache:6379/0  # <-", REDIS),
        compose("redis://shop_cache", f"{REDIS}    container_name: ${{PROJECT:-shop}}_cache\n"),
    ),
    Mistake(
        "celery.E933",
        compose("redis://far:6379/0  # <-", REDIS),
        compose("redis://far:6379/0", REDIS, more="      CACHE: redis://redis:6379/1\n"),
    ),
    Mistake(
        "celery.E922",
        compose(
            "redis://:it@redis/0",
            f"{REDIS}    command: redis-server --requirepass it\n",
            web("redis://redis/0  # <-"),
        ),
        compose(
            "redis://:it@redis/0",
            f"{REDIS}    command: redis-server --requirepass it\n",
            web("redis://:it@redis/0"),
        ),
    ),
    Mistake(
        "celery.E921",
        compose("redis://redis:6380/0  # <-", f'{REDIS}    ports: ["127.0.0.1:6380:6379"]\n'),
        compose("redis://redis:6379/0", f'{REDIS}    ports: ["127.0.0.1:6380:6379"]\n'),
    ),
    Mistake(
        "celery.E922",
        compose(
            "redis://redis:6379/0  # <-", f"{REDIS}    command: redis-server --requirepass it\n"
        ),
        compose("redis://:it@redis:6379/0", f"{REDIS}    command: redis-server --requirepass it\n"),
    ),
    Mistake(
        "celery.E922",
        {**compose("amqp://guest:guest@rabbit//  # <-", RABBIT), **AMQP},
        {**compose("amqp://shop:it@rabbit//", RABBIT), **AMQP},
    ),
    Mistake(
        "celery.E922",
        {**compose("amqp://shop:it@rabbit:5672/main  # <-", RABBIT), **AMQP},
        {
            **compose(
                "amqp://shop:it@rabbit:5672/main",
                f"{RABBIT}      RABBITMQ_DEFAULT_VHOST: main\n",
            ),
            **AMQP,
        },
    ),
    Mistake(
        "celery.W923",
        {
            **compose("redis://redis/0", REDIS, command=f"{WORKER}  # <-"),
            "Dockerfile": IMAGE,
        },
        {
            **compose("redis://redis/0", REDIS, more="    healthcheck:\n      disable: true\n"),
            "Dockerfile": IMAGE,
        },
    ),
    Mistake(
        "celery.W923",
        {
            **compose("redis://redis/0", REDIS, command=f"{WORKER}  # <-"),
            "Dockerfile": "FROM python:3.12\nHEALTHCHECK --interval=5s \\\n    CMD wget -q localhost\n",
        },
        {
            **compose("redis://redis/0", REDIS),
            "Dockerfile": f"{IMAGE}FROM python:3.12\n",
        },
    ),
    Mistake(
        "celery.E924",
        {
            **compose("redis://redis/0", REDIS, command=f"{WORKER}  # <-"),
            "Dockerfile": ENTRY,
            "deploy/start.sh": "#!/bin/sh\npython manage.py migrate\nexec gunicorn config.wsgi\n",
        },
        {
            **compose("redis://redis/0", REDIS),
            "Dockerfile": ENTRY,
            "deploy/start.sh": '#!/bin/sh\npython manage.py check\nexec "$@"\n',
        },
    ),
    # what supervisor starts is on one host
    Mistake(
        "celery.W925",
        {"supervisord.conf": PROGRAMS.format(command="", more="numprocs=3")},
        {
            "supervisord.conf": PROGRAMS.format(
                command=" -n w%(process_num)d@%%h", more="numprocs=3"
            )
        },
        at="supervisord.conf:2",
    ),
    Mistake(
        "celery.W925",
        {
            "supervisord.conf": PROGRAMS.format(command=" -n w@%%h", more="")
            + PROGRAMS.format(command=" -n w@%%h", more="").replace("worker]", "mails]")
        },
        {
            "supervisord.conf": PROGRAMS.format(command=" -n w@%%h", more="")
            + PROGRAMS.format(command=" -n m@%%h", more="").replace("worker]", "mails]")
        },
        at="supervisord.conf:9",
    ),
    Mistake(
        "celery.W925",
        {
            "supervisord.conf": PROGRAMS.format(command="", more="")
            + PROGRAMS.format(command="", more="").replace("worker]", "green]")
        },
        # blue and green: one of them runs
        {
            "supervisord.conf": PROGRAMS.format(command="", more="")
            + PROGRAMS.format(command="", more="autostart=false").replace("worker]", "green]")
        },
        at="supervisord.conf:9",
    ),
    Mistake(
        "celery.W925",
        compose(
            "redis://redis/0",
            REDIS,
            command=f"{WORKER} -n main@shop  # <-",
            more="    deploy:\n      replicas: 3\n",
        ),
        compose(
            "redis://redis/0",
            REDIS,
            command=f"{WORKER} -n main@%h",
            more="    deploy:\n      replicas: 3\n",
        ),
    ),
    Mistake(
        "celery.W925",
        {
            "Procfile": f"a: exec {WORKER} -n main@shop\nb: exec {WORKER} --hostname=main@shop -c 1  # <-\n"
        },
        {"Procfile": f"a: exec {WORKER} -n main@shop\nb: exec {WORKER} -n mails@shop -c 1\n"},
    ),
    Mistake(
        "celery.E926",
        pod('[celery, -A, config, inspect, ping, -d, "celery@$HOSTNAME"]'),
        pod('[sh, -c, "celery -A config inspect ping -d celery@$HOSTNAME"]'),
    ),
    Mistake(
        "celery.E926",
        compose(
            "redis://redis/0",
            REDIS,
            more="    healthcheck:\n      timeout: 30s\n"
            '      test: ["CMD", "celery", "-A", "config", "inspect", "ping", "-d", "celery@$$HOSTNAME"]  # <-\n',
        ),
        compose(
            "redis://redis/0",
            REDIS,
            more="    healthcheck:\n      timeout: 30s\n"
            '      test: ["CMD-SHELL", "celery -A config inspect ping -d celery@$$HOSTNAME"]\n',
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
