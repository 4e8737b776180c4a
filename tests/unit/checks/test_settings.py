"""The settings: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import sys

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    DECLARED,
    Mistake,
    found_in,
    healthy,
    settings,
    tasks,
    with_twin,
)

MISTAKES = [
    Mistake(
        "celery.W060",
        settings("CELERY_TASK_ALWAYS_EAGR = False  # <-\n"),
        settings("CELERY_TASK_ALWAYS_EAGER = False\n"),
    ),
    Mistake(
        "celery.W060",
        settings(
            "CELERY_CONCURENCY = 3\nCELERY_CONCURRENCY = 4  # <-\n".replace(
                "CELERY_CONCURENCY = 3\n", ""
            )
        ),
        settings("CELERY_WORKER_CONCURRENCY = 4\n"),
    ),
    Mistake(
        "celery.W060",
        settings("CELERY_MAX_TASKS_PER_CHILD = 4  # <-\n"),
        settings(
            "CELERY_REDBEAT_REDIS_URL = 'redis://h'\nCELERY_SINGLETON_LOCK_EXPIRY = 3\nCELERY_DB_REUSE_MAX = 3\n"
        ),
    ),
    Mistake(
        "celery.I061",
        settings("CELERY_OUR_OWN_TOKEN = 4  # <-\n"),
        settings("CELERY_OUR_OWN_TOKEN = 4\nTOKEN = CELERY_OUR_OWN_TOKEN\n"),
    ),
    Mistake(
        "celery.W062",
        settings("broker_pool_limit = 4  # <-\n"),
        settings("timezone = 4\nbroker = 3\n"),
    ),
    Mistake(
        "celery.W063",
        settings(
            "CELERY_BROKER_TRANSPORT_OPTIONS = {\n    'VISIBILITY_TIMEOUT': 3600,  # <-\n}\n",
            instead="CELERY_BROKER_TR",
        ),
        settings(
            "CELERY_BROKER_TRANSPORT_OPTIONS = {'socket_timeout': 3600}\n",
            instead="CELERY_BROKER_TR",
        ),
    ),
    Mistake(
        "celery.W070",
        settings("CELERYD_MAX_TASKS_PER_CHILD = 4  # <-\n"),
        settings(
            "CELERY_WORKER_MAX_TASKS_PER_CHILD = 4\nCELERY_TASK_PROTOCOL = 2\nCELERY_RESULT_EXPIRES = 5\n"
        ),
    ),
    Mistake(
        "celery.W080",
        {"config/celery.py": APP + 'app.conf.result_backend = "rpc://"  # <-\n'},
        {"config/celery.py": APP + "app.conf.worker_concurrency = 3\n"},
    ),
    Mistake(
        "celery.W080",
        {
            "config/celery.py": APP.replace(
                'Celery("config")', 'Celery("config", broker="redis://x")  # <-'
            )
        },
    ),
    Mistake(
        "celery.W083",
        settings("CELERY_TASK_ALWAYS_EAGER = 'False'  # <-\n"),
        settings("CELERY_TASK_ALWAYS_EAGER = False\n"),
    ),
    Mistake(
        "celery.W083",
        settings("import os\nCELERY_WORKER_PREFETCH_MULTIPLIER = os.environ.get('N', 4)  # <-\n"),
        settings("import os\nCELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get('N', 4))\n"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'localhost:6379'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'amqp://localhost'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.W361",
        settings("CELERY_TASK_SERIALIZER = 'jsn'  # <-\n"),
        settings("CELERY_TASK_SERIALIZER = 'yaml'\nCELERY_ACCEPT_CONTENT = ['yaml', 'json']\n"),
    ),
    Mistake(
        "celery.W361",
        settings("CELERY_RESULT_SERIALIZER = 'own'  # <-\n"),
        settings(
            "from kombu.serialization import register\nregister('own', str, str, 'x/own')\nCELERY_RESULT_SERIALIZER = 'own'\n"
        ),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'rediss//localhost'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'amqp'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'redis://:p/ss@h'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'redis://:p%2Fss@redis'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E160",
        settings(
            "import os\nCELERY_BROKER_URL = os.environ.get('X', 'redi://h')  # <-\n",
            instead="CELERY_BROKER_U",
        ),
        settings(
            "import os\nCELERY_BROKER_URL = os.environ.get('X', 'sentinel://a;sentinel://b')\n"
            "CELERY_BROKER_TRANSPORT_OPTIONS = {'master_name': 'm'}\n",
            instead="CELERY_BROKER_U",
        ),
    ),
    Mistake(
        "celery.E161",
        settings("CELERY_RESULT_BACKEND = 'django_db'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'rpc://'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.E161",
        settings("CELERY_RESULT_BACKEND = 'redis://h/abc'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'db+sqlite:///x'\n", instead="CELERY_RESULT_B")
        | DECLARED,
    ),
    Mistake(
        "celery.W300",
        settings("CELERY_TIMEZONE = 'UTC'  # <-\n", instead="CELERY_TIMEZONE"),
        settings("CELERY_TIMEZONE = 'Europe/Paris'\n", instead="CELERY_TIMEZONE"),
    ),
    Mistake(
        "celery.E301",
        settings("CELERY_TIMEZONE = 'Europe/Pariss'  # <-\n", instead="CELERY_TIMEZONE"),
        settings("", instead="CELERY_TIMEZONE"),
    ),
    Mistake(
        "celery.E381",
        settings("CELERY_RESULT_BACKEND = 'django-db'  # <-\n", instead="CELERY_RESULT_B"),
        settings(
            "CELERY_RESULT_BACKEND = 'django-db'\nINSTALLED_APPS += ['django_celery_results']\n",
            instead="CELERY_RESULT_B",
        )
        | DECLARED,
    ),
    Mistake(
        "celery.W382",
        settings("CELERY_RESULT_BACKEND = 'cache+memory://'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'cache+memcached://h'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.I350",
        {
            **settings("CELERY_TASK_ALWAYS_EAGER = True  # <-\n"),
            "config/production.py": "from .settings import *\nCELERY_TASK_ALWAYS_EAGER = False\n",
            "config/wsgi.py": healthy()["config/wsgi.py"].replace(
                "config.settings", "config.production"
            ),
            "config/celery.py": APP.replace("config.settings", "config.production"),
        },
        settings("if DEBUG:\n    CELERY_TASK_ALWAYS_EAGER = True\n"),
    ),
    Mistake(
        "celery.E461",
        settings("CELERY_TASK_SOFT_TIME_LIMIT = 60 * 10  # <-\n", instead="CELERY_TASK_SOFT"),
        settings("CELERY_TASK_SOFT_TIME_LIMIT = 300\n", instead="CELERY_TASK_SOFT"),
    ),
    Mistake(
        "celery.E461",
        tasks("@shared_task(time_limit=3, soft_time_limit=5)  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(time_limit=5, soft_time_limit=3)\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'redis://h:6379/jobs'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'redis://h:6379//3'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'redis:localhost'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'redis+socket:///run/r.sock'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.W541",
        settings("CELERY_BROKER_URL = 'rediss://h:1/0'  # <-\n", instead="CELERY_BROKER_U"),
        settings(
            "CELERY_BROKER_URL = 'rediss://h:1/0?ssl_cert_reqs=required'\n",
            instead="CELERY_BROKER_U",
        ),
    ),
    Mistake(
        "celery.E542",
        settings("CELERY_RESULT_BACKEND = 'rediss://h:1/0'  # <-\n", instead="CELERY_RESULT_B"),
        settings(
            "CELERY_RESULT_BACKEND = 'rediss://h:1/0?ssl_cert_reqs=none'\n",
            instead="CELERY_RESULT_B",
        ),
    ),
    Mistake(
        "celery.I550",
        settings("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = False  # <-\n"),
        settings("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True\n"),
    ),
    Mistake(
        "celery.W561",
        settings(
            "CELERY_BROKER_URL = 'amqp://me:s3cret@mq.example.org//'  # <-\n",
            instead="CELERY_BROKER_U",
        ),
        settings(
            "CELERY_BROKER_URL = 'amqp://guest:guest@localhost//'\n", instead="CELERY_BROKER_U"
        ),
    ),
    Mistake(
        "celery.E160",
        settings(
            'CELERY_BROKER_URL = "rediss://redis:6380/0?ssl_cert_reqs=None"  # <-\n',
            instead="CELERY_BROKER_URL",
        ),
        settings(
            'CELERY_BROKER_URL = "rediss://redis:6380/0?ssl_cert_reqs=none"\n',
            instead="CELERY_BROKER_URL",
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def hint_of(folder, files, python=sys.executable):
    facts = read_facts(load_project(make_tree(folder, {**healthy(), **files}), python=python))
    [finding] = run_checks(facts).findings
    return finding.hint


def test_what_a_text_is_converted_with_is_right_for_what_it_is(tmp_path):
    switch = settings("import os\nCELERY_TASK_ACKS_LATE = os.environ.get('LATE')\n")
    # the usual spelling, True, is no "true"
    assert '.lower() == "true"' in hint_of(tmp_path / "switch", switch)
    number = settings("import os\nCELERY_WORKER_PREFETCH_MULTIPLIER = os.environ.get('N', 4)\n")
    assert hint_of(tmp_path / "number", number) == "Convert it: int(...), or float(...)."


def test_a_package_that_is_not_there_is_installed_first(tmp_path):
    files = settings("CELERY_RESULT_BACKEND = 'django-db'\n", instead="CELERY_RESULT_B")
    python = tmp_path / "env" / "bin" / "python"
    packages = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    make_tree(tmp_path / "env", {"lib/python3.12/site-packages/here/__init__.py": ""})
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert hint_of(tmp_path / "absent", files, str(python)) == (
        "Add django-celery-results to requirements.txt, install it, "
        'add "django_celery_results" to INSTALLED_APPS and migrate.'
    )
    make_tree(packages / "django_celery_results", {"__init__.py": ""})
    declared = {"requirements.txt": "django>=4.2\ncelery[redis]>=5.4\ndjango-celery-results\n"}
    assert hint_of(tmp_path / "there", {**files, **declared}, str(python)) == (
        'Add "django_celery_results" to INSTALLED_APPS and migrate.'
    )
