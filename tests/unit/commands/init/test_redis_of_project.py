"""init: the Redis that a project names already is what the broker defaults to."""

from __future__ import annotations

import pytest

from tests import commands
from tests.conftest import SETTINGS, make_tree, small_project
from tests.views import Recorder

HOST = 'REDIS_HOST = os.environ.get("REDIS_HOST", "localhost")\n'
PORT = 'REDIS_PORT = os.environ.get("REDIS_PORT", "6379")\n'
PLAIN = '"redis://localhost:6379/0"'


def broker(tmp_path, tree):
    folder = make_tree(tmp_path / "p", {**small_project(), **tree})
    commands.init(folder, Recorder(), flags={"broker": "redis"}, yes=True, no_verify=True)
    text = (folder / "config/settings.py").read_text()
    block = text[text.index("CELERY_BROKER_URL =") :]
    return " ".join(block[: block.index("CELERY_RESULT_BACKEND")].split())


@pytest.mark.parametrize(
    ("settings", "default"),
    [
        (HOST + PORT, 'f"redis://{REDIS_HOST}:{REDIS_PORT}/0"'),
        (HOST, 'f"redis://{REDIS_HOST}:6379/0"'),
        ('REDIS_HOST = "redis"\nREDIS_PORT = 6380\n', 'f"redis://{REDIS_HOST}:{REDIS_PORT}/0"'),
        (HOST + 'REDIS_URL = "redis://here/1"\n', "REDIS_URL"),
        # without a value, or where more than the two is needed
        ('REDIS_HOST = os.environ.get("REDIS_HOST")\n', PLAIN),
        (HOST + 'REDIS_PASSWORD = os.environ.get("REDIS_PASSWORD", "")\n', PLAIN),
        (HOST + "REDIS_SSL = True\n", PLAIN),
        (PORT, PLAIN),
        (f"if DEBUG:\n    {HOST}", PLAIN),
    ],
)
def test_host_and_port_of_the_project_are_used(tmp_path, settings, default):
    text = f"import os\n{SETTINGS}{settings}"
    line = broker(tmp_path, {"config/settings.py": text})
    assert f'os.environ.get("CELERY_BROKER_URL", {default})' in line.replace("( ", "(").replace(
        " )", ")"
    )


def test_an_address_that_only_production_reads_is_used(tmp_path):
    environ = "import environ\n\nenv = environ.Env()\n"
    tree = {
        "config/settings.py": f'{environ}{SETTINGS}A = env("A", default="1")\n',
        "config/production.py": 'from .settings import *\n\nCACHES = {"default": env("REDIS_URL")}\n',
        "config/wsgi.py": 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.production")\n',
    }
    line = broker(tmp_path, tree)
    assert f'default=env("REDIS_URL", default={PLAIN})' in line


def test_a_host_that_an_environment_sets_above_is_not_frozen_into_the_url(tmp_path):
    tree = {
        "config/settings.py": f"import os\n{SETTINGS}{HOST}{PORT}",
        "config/production.py": 'from .settings import *\n\nREDIS_HOST = "redis.prod"\n',
        "config/wsgi.py": 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.production")\n',
    }
    assert f'os.environ.get("CELERY_BROKER_URL", {PLAIN})' in broker(tmp_path, tree)
