"""What only manage.py or wsgi.py does: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, healthy, settings, with_twin

MANAGE = healthy()["manage.py"]
LOADED = MANAGE.replace(
    "    os.environ.setdefault", "    load_dotenv()  # <-\n    os.environ.setdefault", 1
)
FROM_ENVIRONMENT = settings("import os\n\nDEBUG = os.environ.get('DEBUG') == '1'\n")
WSGI = "import os\nimport sentry_sdk\n\n"

MISTAKES = [
    Mistake(
        "celery.W042",
        {**FROM_ENVIRONMENT, "manage.py": f"from dotenv import load_dotenv\n{LOADED}"},
        {
            **settings(
                "from dotenv import load_dotenv\nimport os\n\nload_dotenv()\n"
                "DEBUG = os.environ.get('DEBUG') == '1'\n"
            ),
            "manage.py": f"from dotenv import load_dotenv\n{LOADED}",
        },
    ),
    # a worker that is given its variables needs no file
    Mistake(
        "celery.W042",
        {**FROM_ENVIRONMENT, "manage.py": f"from dotenv import load_dotenv\n{LOADED}"},
        {
            **FROM_ENVIRONMENT,
            "manage.py": f"from dotenv import load_dotenv\n{LOADED}",
            "deploy/worker.service": "[Service]\nUser=shop\nWorkingDirectory=/srv/shop\n"
            "KillMode=mixed\nTimeoutStopSec=600\nEnvironmentFile=/srv/shop/.env\n"
            "ExecStart=/srv/venv/bin/celery -A config worker\n",
        },
    ),
    # the app file may call it by another name
    Mistake(
        "celery.W042",
        {**FROM_ENVIRONMENT, "manage.py": f"from dotenv import load_dotenv\n{LOADED}"},
        {
            **FROM_ENVIRONMENT,
            "manage.py": f"from dotenv import load_dotenv\n{LOADED}",
            "config/celery.py": f"from dotenv import find_dotenv, load_dotenv as load\n\n"
            f"load(find_dotenv())\n{APP}",
        },
    ),
    Mistake(
        "celery.W044",
        {"config/wsgi.py": f"{WSGI}sentry_sdk.init(dsn=os.environ.get('DSN'))  # <-\n"},
        {
            "config/wsgi.py": f"{WSGI}sentry_sdk.init(dsn=os.environ.get('DSN'))\n",
            "config/celery.py": f"from sentry_sdk import init\n\ninit(dsn='x')\n{APP}",
        },
    ),
    Mistake(
        "celery.W044",
        {"config/wsgi.py": f"{WSGI}sentry_sdk.init(dsn=os.environ.get('DSN'))  # <-\n"},
        {
            "config/wsgi.py": "import os\n",
            **settings("import os\nimport sentry_sdk\n\nsentry_sdk.init(dsn='x')\n"),
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
