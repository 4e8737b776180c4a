"""What a set-up lacks: a small broken project for each, and a healthy twin."""

from __future__ import annotations

import sys

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    Mistake,
    entry,
    found_by_import,
    found_in,
    healthy,
    settings,
    with_twin,
)

SOFT = "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"
WORKER = "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker"
BEAT = "beat: celery -A config beat -s /tmp/beat\n"
OK = entry(
    "        'task': 'doctors.tasks.greet',\n        'args': ('x',),\n        'schedule': 60,\n"
)
SCHEDULED = {"config/settings.py": OK["config/settings.py"] + SOFT}
UNSCHEDULED = settings(SOFT)
BROKER = "CELERY_BROKER_U"
COMPOSE_WORKER = "services:\n  worker:\n    build: .\n    command: celery -A config worker\n"
NO_BROKER = settings("", instead="CELERY_BROKER_U")
# what a task pool other than prefork does not have
UNLIMITED = {
    "config/settings.py": settings(SOFT, instead="CELERY_TASK_SOFT_TIME_LIMIT")[
        "config/settings.py"
    ].replace("CELERY_TASK_TIME_LIMIT = 300\n", "")
}
ROWS = {
    "config/settings.py": settings(
        f'{SOFT}INSTALLED_APPS += ["django_celery_results"]\nCELERY_RESULT_BACKEND = "django-db"\n',
        instead="CELERY_RESULT_BACKEND",
    )["config/settings.py"],
    "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\ndjango-celery-results\n",
}
GREEN = "django>=4.2\ncelery[redis,gevent]>=5.4\n"
POSTGRES_GREEN = {
    "config/settings.py": settings(
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'shop'}}\n"
        + SOFT,
        instead="CELERY_TASK_",
    )["config/settings.py"],
    "Procfile": f"{WORKER} -P gevent\n",
}
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["django>=4.2"]\n\n'

IMPORTED = [
    Mistake(
        "celery.E158",
        {**UNLIMITED, "Procfile": f"{WORKER} -P eventlet  # <-\n"},
        {
            **UNLIMITED,
            "Procfile": f"{WORKER} -P eventlet\n",
            "requirements.txt": "django>=4.2\ncelery[redis,eventlet]>=5.4\n",
        },
    ),
]
GREEN = """services:
  worker:
    {}
    stop_grace_period: 600s
    command: celery -A config worker -P gevent
    environment: {{CELERY_BROKER_URL: "redis://it.example.com", REMAP_SIGTERM: SIGQUIT}}
"""
MISTAKES = [
    # by the settings, and by a start script; an image of somebody's may have it
    Mistake(
        "celery.W158",
        settings("CELERY_WORKER_POOL = 'gevent'  # <-\n"),
        settings("CELERY_WORKER_POOL = 'threads'\n"),
    ),
    Mistake(
        "celery.W158",
        {
            **UNLIMITED,
            "worker.sh": "#!/bin/sh\nexec celery -A config worker -P gevent  # <-\n",
        },
        {
            **UNLIMITED,
            "worker.sh": "#!/bin/sh\npip install gevent\nexec celery -A config worker -P gevent\n",
        },
    ),
    Mistake(
        "celery.W158",
        {
            **UNLIMITED,
            "Dockerfile": "FROM python\nCOPY . .\n",
            "compose.yml": GREEN.format("build: ."),
        },
        {
            **UNLIMITED,
            "Dockerfile": "FROM python\nCOPY . .\n",
            "compose.yml": GREEN.format("image: shop/worker:3"),
        },
        at="compose.yml:5",
    ),
    Mistake(
        "celery.W158",
        {**UNLIMITED, "Procfile": f"{WORKER} -P gevent  # <-\n"},
        {
            **UNLIMITED,
            "Procfile": f"{WORKER} -P gevent\n",
            "requirements.txt": "django>=4.2\ncelery[redis,gevent]>=5.4\n",
        },
    ),
    *(
        Mistake(
            "celery.W158",
            {
                **UNLIMITED,
                "Procfile": f"{WORKER} -P gevent  # <-\n",
                "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\ngunicorn\n",
            },
            {
                **UNLIMITED,
                "Procfile": f"{WORKER} -P gevent\n",
                "requirements.txt": f"django>=4.2\ncelery[redis]>=5.4\n{brings}\n",
            },
        )
        for brings in ("gunicorn[gevent]>=20", "gunicorn[setproctitle, gevent]", "grequests")
    ),
    Mistake(
        "celery.W158",
        {**UNLIMITED, "Procfile": f"{WORKER} --pool=eventlet\n"},
        {
            **UNLIMITED,
            "Procfile": f"{WORKER} --pool=eventlet\n",
            "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\neventlet\n",
        },
        at="Procfile:1",
    ),
    Mistake(
        "celery.W846",
        {**ROWS, "Procfile": f"{WORKER}\n"},
        {**ROWS, "Procfile": f"{WORKER}\n{BEAT}"},
        at="config/settings.py:31",
    ),
    Mistake(
        "celery.W846",
        {**ROWS, "Procfile": f"{WORKER}\n"},
        {**ROWS},
        at="config/settings.py:31",
    ),
    Mistake(
        "celery.W844",
        {**SCHEDULED, "Procfile": f"{WORKER}\n"},
        {**SCHEDULED, "Procfile": f"{WORKER}\n{BEAT}"},
        at="config/settings.py:32",
    ),
    # a process that is commented out is not there; a remark on it is an answer
    Mistake(
        "celery.W844",
        {**SCHEDULED, "Procfile": f"{WORKER}\n# {BEAT}"},
        {**SCHEDULED, "Procfile": f"{WORKER}\n# Beat runs on another machine\n"},
        at="config/settings.py:32",
    ),
    Mistake(
        "celery.W845",
        {"Procfile": f"web: gunicorn config.wsgi\n{BEAT}# {WORKER}\n"},
        {"Procfile": f"web: gunicorn config.wsgi\n{BEAT}# the worker is on another machine\n"},
        at="Procfile:2",
    ),
    Mistake(
        "celery.W844",
        {
            **SCHEDULED,
            "docker-compose.yml": "services:\n  jobs:\n    build: .\n    stop_grace_period: 30s\n"
            "    environment:\n      REMAP_SIGTERM: SIGQUIT\n    command: [celery, -A, config, worker]\n",
        },
        {**UNSCHEDULED, "Procfile": f"{WORKER}\n"},
        at="config/settings.py:32",
    ),
    Mistake(
        "celery.W845",
        {"Procfile": f"web: gunicorn config.wsgi\n{BEAT}"},
        {"Procfile": f"{WORKER}\n{BEAT}", **UNSCHEDULED},
        at="Procfile:2",
    ),
    Mistake(
        "celery.E181",
        {**UNSCHEDULED, "Procfile": f"{WORKER} -Q high\n"},
        {
            **UNSCHEDULED,
            "Procfile": f"{WORKER} -Q high\nother: REMAP_SIGTERM=SIGQUIT celery -A config worker\n",
        },
        at="Procfile:1",
    ),
    Mistake(
        "celery.E181",
        {
            **settings(f"{SOFT}CELERY_TASK_DEFAULT_QUEUE = 'main'\n"),
            "Procfile": f"{WORKER} --queues=celery\n",
        },
        {
            **settings(f"{SOFT}CELERY_TASK_DEFAULT_QUEUE = 'main'\n"),
            "Procfile": f"{WORKER} --queues=high,main\n",
        },
        at="Procfile:1",
    ),
    Mistake(
        "celery.W156",
        {"requirements.txt": "django>=4.2\nredis\n"},
        {"requirements.txt": "django>=4.2\nredis\ndjango-celery-beat\n"},
        at="requirements.txt",
    ),
    Mistake(
        "celery.W156",
        {
            "requirements.txt": "django>=4.2\n",
            "requirements-dev.txt": "-r requirements.txt\npytest\nCelery[redis]>=5.4  # <-\n",
        },
        {
            "requirements.txt": "django>=4.2\n",
            "requirements-dev.txt": "pytest\ncelery>=5.4\n",
            "requirements-production.txt": "-r requirements.txt\ncelery[redis]>=5.4\n",
        },
    ),
    # what only developers install is on no server: the group, and its line
    *(
        Mistake(
            "celery.W156",
            {"pyproject.toml": f"{PYPROJECT}{broken}", "requirements.txt": ""},
            {"pyproject.toml": f"{PYPROJECT}{twin}", "requirements.txt": ""},
            at="pyproject.toml:7",
        )
        for broken, twin in [
            (
                '[dependency-groups]\ndev = ["celery[redis]>=5.4"]\n',
                '[dependency-groups]\nworker = ["celery[redis]>=5.4"]\n',
            ),
            (
                '[tool.poetry.group.dev.dependencies]\ncelery = "^5.4"\n',
                '[tool.poetry.group.web.dependencies]\ncelery = {version="^5.4", extras=["redis"]}\n',
            ),
            (
                '[tool.uv]\ndev-dependencies = ["celery"]\n',
                '[project.optional-dependencies]\nall = ["celery[redis]"]\n',
            ),
        ]
    ),
    Mistake(
        "celery.W169",
        NO_BROKER,
        {**NO_BROKER, ".env": "CELERY_BROKER_URL=redis://h\n"},
        at="config/settings.py",
    ),
    # Redis shows in the result backend, or in the options of the broker
    *(
        Mistake(
            "celery.W169",
            {**NO_BROKER, "requirements.txt": "django\ncelery\nredis\n"},
            {**NO_BROKER, "requirements.txt": "django\ncelery\nredis\n", **named},
            at="config/settings.py",
        )
        for named in (
            {"config/celery.py": APP + "app.conf.broker_url = 'redis://h'\n"},
            {"config/celery.py": APP.replace('"config")', '"config", broker="redis://h")')},
            {"config/celery.py": APP + "os.environ.setdefault('CELERY_BROKER_URL', 'redis://h')\n"},
            {
                "docker-compose.yml": "services:\n  w:\n    environment:\n      CELERY_BROKER_URL: r\n"
            },
            {".env.example": "CELERY_BROKER_URL=redis://h\n"},
            {".env": "CELERY_BROKER_URL=redis://h\n"},
            {"Procfile": "worker: celery -A config -b $REDIS_URL worker\n"},
            {"Procfile": "worker: envdir /etc/shop celery -A config worker\n"},
            {"Procfile": "worker: sh -c '. /etc/shop.env && celery -A config worker'\n"},
            {"config/celery.py": APP + "app.conf.update(**settings.SHOP_CELERY)\n"},
            {"config/celery.py": APP + "app.conf |= read_vault()\n"},
            settings(
                "try:\n    from .local import *\nexcept ImportError:\n    pass\n", instead=BROKER
            ),
            settings("exec(open('/etc/shop.py').read())\n", instead=BROKER),
            settings("for k, v in SECRETS.items():\n    globals()[k] = v\n", instead=BROKER),
            settings("load_dotenv('/etc/shop.env')\n", instead=BROKER),
            settings("globals()['CELERY_BROKER_URL'] = 'redis://h'\n", instead="CELERY_BROKER_U"),
        )
    ),
    Mistake(
        "celery.W169",
        {**NO_BROKER, ".env": "# CELERY_BROKER_URL=redis://h\n"},
        {
            "config/settings.py": settings("", instead="CELERY_BROKER_U")["config/settings.py"]
            .replace("redis://localhost:6379/1", "rpc://")
            .replace('{"visibility_timeout": 3600}', "{}"),
            "requirements.txt": "django\ncelery\n",
        },
        at="config/settings.py",
    ),
    Mistake(
        "celery.E985",
        {"Procfile": "jobs: python manage.py celeryd -l info\n"},
        {
            "Procfile": "jobs: python manage.py celery\n",
            "doctors/management/commands/celery.py": "",
        },
        at="Procfile:1",
    ),
    Mistake(
        "celery.E985",
        {
            "docker-compose.yml": "services:\n  jobs:\n    build: .\n"
            '    command: ["python", "manage.py", "celerybeat"]\n'
        },
        {"Procfile": "# jobs: celeryd -l info\n"},
        at="docker-compose.yml:4",
    ),
    Mistake(
        "celery.W159",
        {"Procfile": "flower: celery -A config flower\n"},
        {
            "Procfile": "flower: celery -A config flower\n",
            "requirements/production.txt": "flower==2.0\n",
        },
        at="Procfile:1",
    ),
    Mistake(
        "celery.W159",
        {"Procfile": "flower: sh -c 'sleep 1 && celery -A config flower'\n"},
        {"Procfile": "flower: sh -c 'pip install flower && celery -A config flower'\n"},
        at="Procfile:1",
    ),
    Mistake(
        "celery.W956",
        {**POSTGRES_GREEN, "requirements.txt": f"{GREEN}psycopg2-binary\n"},
        {**POSTGRES_GREEN, "requirements.txt": f"{GREEN}psycopg2-binary\npsycogreen\n"},
        at="Procfile:1",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_a_mistake_that_an_import_shows_is_found(tmp_path, mistake):
    assert found_by_import(tmp_path / "broken", mistake.broken) == [(mistake.id, mistake.place)]
    assert found_by_import(tmp_path / "twin", mistake.twin) == []


@pytest.mark.parametrize(
    ("url", "requirements", "hint"),
    [
        ("redis://h/0", "django>=4.2\n", "Add it: celery[redis]."),
        # its client is declared by itself
        ("redis://h/0", "django>=4.2\nredis\n", "Add it: celery."),
        ("sqs://", "django>=4.2\n", "Add it: celery[sqs]."),
        ("amqp://h//", "django>=4.2\n", "Add it: celery."),
    ],
)
def test_celery_is_to_be_declared_with_the_client_of_its_broker(tmp_path, url, requirements, hint):
    files = {
        **settings(f"CELERY_BROKER_URL = {url!r}\n", instead="CELERY_RESULT_BACKEND"),
        "requirements.txt": requirements,
    }
    tree = make_tree(tmp_path, {**healthy(), **files})
    findings = run_checks(read_facts(load_project(tree, python=sys.executable))).findings
    assert [finding.hint for finding in findings if finding.id == "celery.W156"] == [hint]
    assert not [finding for finding in findings if finding.id == "celery.W157"]


def test_a_schedule_without_beat_names_the_command_that_starts_one(tmp_path):
    tree = make_tree(tmp_path, {**healthy(), **SCHEDULED, "Procfile": f"{WORKER}\n"})
    findings = run_checks(read_facts(load_project(tree, python=sys.executable))).findings
    (hint,) = [finding.hint for finding in findings if finding.id == "celery.W844"]
    assert "celeryize add-worker" in hint and "celery -A config beat" in hint


@pytest.mark.parametrize(
    "source",
    [
        {"docker-compose.yml": COMPOSE_WORKER + "    env_file: [prod.env]\n"},
        {"docker-compose.yml": COMPOSE_WORKER + "    env_file:\n      - path: prod.env\n"},
        {
            "shop.service": "[Service]\nEnvironmentFile=/etc/shop\nExecStart=celery -A config worker\n"
        },
    ],
)
def test_variables_that_are_not_in_the_repository_may_name_the_broker(tmp_path, source):
    assert "celery.W169" not in dict(found_in(tmp_path, {**NO_BROKER, **source}))


def test_an_env_file_that_is_there_names_no_broker(tmp_path):
    files = {
        "docker-compose.yml": COMPOSE_WORKER + "    env_file: [prod.env]\n",
        "prod.env": "DEBUG=1\n",
    }
    assert "celery.W169" in dict(found_in(tmp_path, {**NO_BROKER, **files}))


@pytest.mark.parametrize("example", ["", "CELERY_BROKER_URL=redis://h\n"])
def test_an_imported_app_without_a_broker_is_certain(tmp_path, example):
    files = {**NO_BROKER, ".env": "DEBUG=1\n", ".env.example": example}
    assert found_by_import(tmp_path, files) == [("celery.W169", "config/settings.py")]


@pytest.mark.parametrize(
    "files",
    [
        {".env.example": "CELERY_BROKER_URL=redis://h\n"},
        {".env": "CELERY_BROKER_URL=redis://h\n"},
        {"config/more.py": "name = 'BROKER_' + 'URL'\n"}
        | settings(
            "from config.more import name\nglobals()['CELERY_' + name] = 'redis://h'\n",
            instead="CELERY_BROKER_U",
        ),
    ],
)
def test_an_imported_app_that_may_have_a_broker_is_left_alone(tmp_path, files):
    assert found_by_import(tmp_path, {**NO_BROKER, **files}) == []
