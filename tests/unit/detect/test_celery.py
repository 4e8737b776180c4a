"""detect/celery: what a Celery app is, which of several is the one, and what `-A` finds it by."""

from __future__ import annotations

import subprocess
import sys

import pytest

from celeryize.detect.project import load_project
from tests.conftest import make_tree, small_project

SETS = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
CONFIGURED = (
    'app.config_from_object("django.conf:settings", namespace="CELERY")\napp.autodiscover_tasks()\n'
)
PLAIN = f'{SETS}from celery import Celery\n\napp = Celery("config")\n{CONFIGURED}'


def load(tmp_path, files):
    return load_project(make_tree(tmp_path, {**small_project(), **files}), python=sys.executable)


@pytest.mark.parametrize(
    ("code", "variable"),
    [
        ("import celery\n\nCelery = celery.Celery\napp = Celery('x')\n", "app"),
        ("from celery import Celery as C\n\napp = C('x')\n", "app"),
        ("import celery as c\n\nqueue = c.Celery('x')\n", "queue"),
        ("from celery.app.base import Celery\n\napp: Celery = Celery('x')\n", "app"),
        ("from celery import Celery\n\nclass Own(Celery):\n    pass\n\n\napp = Own('x')\n", "app"),
        ("import celery\n\nclass Own(celery.Celery):\n    pass\n\n\napp = Own('x')\n", "app"),
        ("from celery import Celery\n\nif True:\n    app = Celery('x')\n", "app"),
        ("from celery import Celery\n\ntry:\n    app = Celery('x')\nfinally:\n    pass\n", "app"),
        (
            "from celery import Celery\n\n\ndef create():\n    application = Celery('x')\n"
            "    return application\n\n\napp = create()\n",
            "app",
        ),
        (
            "from celery import Celery\n\n\ndef make():\n    return Celery('x')\n\n\nq = make()\n",
            "q",
        ),
    ],
)
def test_an_app_is_the_name_that_the_module_binds(tmp_path, code, variable):
    project = load(tmp_path, {"config/worker.py": code})
    assert [(app.module, app.variable) for app in project.celery] == [("config.worker", variable)]


def test_a_factory_of_another_module_builds_the_app_where_it_is_bound(tmp_path):
    files = {
        "config/factory.py": "from celery import Celery\n\n\ndef make_app():\n"
        '    app = Celery("x")\n    app.config_from_object("django.conf:settings", '
        'namespace="CELERY")\n    return app\n',
        "config/worker.py": "from config.factory import make_app\n\ncelery_app = make_app()\n",
    }
    (app,) = load(tmp_path, files).celery
    assert (app.module, app.variable, app.namespace) == ("config.worker", "celery_app", "CELERY")
    assert str(app.where) == "config/worker.py:3"


@pytest.mark.parametrize(
    "code",
    [
        "from celery import Celery\n\n\ndef send():\n    app = Celery('x')\n    app.send_task('a')\n",
        "from celery import Celery\n\n\nclass Sender:\n    app = Celery('x')\n",
        "from elsewhere import Thing\n\napp = Thing('Celery(')\n",
    ],
)
def test_what_a_function_keeps_to_itself_is_no_app(tmp_path, code):
    assert load(tmp_path, {"config/worker.py": code}).celery == ()


@pytest.mark.parametrize(
    "files",
    [
        {
            "config/celery.py": PLAIN,
            "config/__init__.py": "from .celery import app as celery_app\n",
        },
        {"config/celery_app.py": PLAIN, "config/__init__.py": "from .celery_app import app\n"},
        {"config/celery_app.py": PLAIN, "config/__init__.py": "from . import celery_app\n"},
        {"config/worker.py": PLAIN},
        {"config/worker.py": PLAIN.replace("app", "queue").replace("queuelication", "application")},
        {"doctors/celery.py": PLAIN},
        {"doctors/celery/__init__.py": PLAIN},
        {"doctors/celery/app.py": PLAIN, "doctors/celery/__init__.py": "from .app import app\n"},
        {"config/worker.py": PLAIN, "doctors/__init__.py": "from config.worker import app\n"},
    ],
)
def test_celery_itself_finds_the_app_by_what_is_given_to_it(tmp_path, files):
    project = load(tmp_path, files)
    (app,) = project.celery
    code = (
        "import sys; sys.path.insert(0, '.')\nfrom celery.app.utils import find_app\n"
        f"import importlib\nfound = find_app({app.spec('')!r})\n"
        f"assert found is getattr(importlib.import_module({app.module!r}), {app.variable!r})\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert app.is_started_by(app.spec(""), project.modules)


TWO = {
    "config/tasks.py": "from celery import Celery\n\napp = Celery('x', broker='redis://')\n",
    "worker/__init__.py": "",
    "worker/celery.py": PLAIN,
    "requirements.txt": "Django\ncelery\n",
    "config/__init__.py": "",
}


@pytest.mark.parametrize(
    ("files", "module"),
    [
        ({"Procfile": "worker: celery -A worker worker -l INFO\n"}, "worker.celery"),
        ({"docker-compose.yml": 'command: ["celery", "-A", "config.tasks", "worker"]\n'},
         "config.tasks"),
        ({"Makefile": "work:\n\tcelery --app=config.tasks:app worker\n"}, "config.tasks"),
        ({"README.md": "Run `celery -A worker.celery worker`.\n"}, "worker.celery"),
        ({"deploy/worker.service": "ExecStart=/venv/bin/celery -A worker.celery:app worker\n"},
         "worker.celery"),
        ({"config/__init__.py": "from .tasks import app\n"}, "config.tasks"),
        # what is run counts more than a text about it
        ({"README.md": "celery -A config.tasks worker\n", "start.sh": "celery -A worker beat\n"},
         "worker.celery"),
        # nothing is started and nothing imported: the one that has a whole set-up
        ({}, "worker.celery"),
    ],
)  # fmt: skip
def test_the_app_that_the_project_starts_is_the_one(tmp_path, files, module):
    project = load(tmp_path, {**TWO, **files})
    assert project.app_is_certain
    assert project.celery[0].module == module
    assert len(project.celery) == 2


def test_of_two_alike_none_is_chosen(tmp_path):
    project = load(tmp_path, {**TWO, "config/tasks.py": PLAIN})
    assert not project.app_is_certain


def test_the_start_line_is_the_one_of_the_project(tmp_path):
    files = {
        "config/celery.py": PLAIN,
        "config/__init__.py": "from .celery import app\n",
        "Procfile": "worker: celery -A config.celery:app worker\n",
        "README.md": "# celery -A other worker\n",
    }
    project = load(tmp_path, files)
    assert project.start_spec(project.celery[0]) == "config.celery:app"


@pytest.mark.parametrize(
    "files",
    [
        {"doctors/apps.py": "from django.apps import AppConfig\n\n\nclass D(AppConfig):\n"
         '    name = "doctors"\n\n    def ready(self):\n        from config.worker import app\n'},
        {"doctors/models.py": "from config.worker import app\n"},
        {"doctors/__init__.py": "import config.worker\n"},
        {"config/__init__.py": "from config import worker\n"},
    ],
)  # fmt: skip
def test_an_import_that_exists_elsewhere_is_seen(tmp_path, files):
    (app,) = load(tmp_path, {"config/worker.py": PLAIN, **files}).celery
    assert app.imported is not None


def test_an_import_for_the_type_checker_is_none(tmp_path):
    code = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .worker import app\n"
    (app,) = load(tmp_path, {"config/worker.py": PLAIN, "config/__init__.py": code}).celery
    assert app.imported is None
