"""The app and how the project finds it: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import re
import sys

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from celeryize.errors import NoProject
from tests.conftest import make_tree, small_project
from tests.unit.checks.projects import (
    APP,
    TASKS,
    Mistake,
    facts_of,
    found_in,
    healthy,
    places_of,
    tasks,
    with_twin,
)

WSGI = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.{}")\n'

SETS = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
SERVICES = """services:
  web:
    build: .
    command: gunicorn config.wsgi
    environment: {{DJANGO_SETTINGS_MODULE: config.settings}}
  worker:
    build: .
    stop_grace_period: 600s
    command: celery -A config worker
    environment: {{ {} }}
    network_mode: host
"""
MISTAKES = [
    Mistake(
        "celery.E037",
        {"config/celery.py": APP.replace("_tasks()", "_tasks('doctors')  # <-")},
        {"config/celery.py": APP.replace("_tasks()", "_tasks(['doctors'])")},
    ),
    Mistake(
        "celery.E006",
        {"doctors/tasks.py": TASKS + "def f(:  # <-\n    pass\n"},
        {"doctors/tasks.py": TASKS + "def f():\n    pass\n"},
    ),
    Mistake(
        "celery.W007",
        {"doctors/views.py": "from doctors.tasks import greet\n\ndef f(:  # <-\n    pass\n"},
        {"doctors/views.py": "from doctors.tasks import greet\n\ndef f():\n    pass\n"},
    ),
    Mistake(
        "celery.E010",
        {"config/__init__.py": ""},
        {"config/__init__.py": "from . import celery\n"},
        at="config/__init__.py:1",
    ),
    Mistake("celery.E020", {"kombu.py": "x = 1  # <-\n"}, {"doctors/kombu.py": "x = 1\n"}),
    Mistake("celery.E020", {"amqp/__init__.py": "x = 1  # <-\n"}, {"amqp/readme.txt": ""}),
    # the app file comes before wsgi.py's own default, and wins
    Mistake(
        "celery.E021",
        {
            "config/production.py": "from .settings import *\n",
            "config/wsgi.py": WSGI.format("production"),
            "config/celery.py": APP.replace('"config.settings")', '"config.settings")  # <-'),
        },
        {
            "config/production.py": "from .settings import *\n",
            "config/wsgi.py": WSGI.format("production"),
            "config/celery.py": APP.replace("config.settings", "config.production"),
        },
    ),
    Mistake(
        "celery.E021",
        {
            "config/production.py": "from .settings import *\n",
            "config/wsgi.py": WSGI.format("production"),
            "config/celery.py": APP.replace('"config.settings")', '"config.settings")  # <-'),
        },
        {
            "config/production.py": "from .settings import *\n",
            "config/wsgi.py": WSGI.format("production"),
            # the web process has it from there, whatever the app file says
            ".env": "DJANGO_SETTINGS_MODULE=config.production\n",
        },
    ),
    # asgi.py in the package, and a package that imports the app by its module
    Mistake(
        "celery.E021",
        {
            "config/production.py": "from .settings import *\n",
            "config/asgi.py": WSGI.format("production"),
            "config/__init__.py": "from . import celery\n",
            "config/celery.py": APP.replace('"config.settings")', '"config.settings")  # <-'),
        },
        {
            "config/production.py": "from .settings import *\n",
            "config/asgi.py": WSGI.format("production")
            .replace(".setdefault(", "[")
            .replace(", ", "] = ")
            .replace(")", ""),
        },
    ),
    Mistake(
        "celery.E040",
        {
            "config/celery.py": "import os\nfrom celery import Celery\n\napp = Celery('config')  # <-\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')\n"
            "app.config_from_object('django.conf:settings', namespace='CELERY')\napp.autodiscover_tasks()\n"
        },
        {
            "config/celery.py": APP.replace(
                "os.environ.setdefault(", "os.environ.update({"
            ).replace(', "config.settings")', ': "config.settings"})')
        },
    ),
    Mistake(
        "celery.W041",
        {
            "config/celery.py": APP.replace(
                'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n', ""
            ).replace('Celery("config")', 'Celery("config")  # <-')
        },
        {
            "config/celery.py": APP.replace(
                'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n',
                "from dotenv import load_dotenv\n\nload_dotenv()\n",
            )
        },
    ),
    # what only the app's own start sets; a module that sets it
    Mistake(
        "celery.W041",
        {
            "config/celery.py": APP.replace(
                "os.environ.", 'if __name__ == "__main__":\n    os.environ.'
            ).replace('Celery("config")', 'Celery("config")  # <-')
        },
        {
            "config/boot.py": 'import os\n\n\ndef boot():\n    os.environ["DJANGO_SETTINGS_MODULE"]'
            ' = "config.settings"\n',
            "config/celery.py": APP.replace(SETS, "from config.boot import boot\n\nboot()\n"),
        },
    ),
    # of the compose file the web server alone has it
    Mistake(
        "celery.W041",
        {
            "config/celery.py": APP.replace(SETS, "").replace(
                'Celery("config")', 'Celery("config")  # <-'
            ),
            "compose.yml": SERVICES.format(""),
        },
        {
            "config/celery.py": APP.replace(SETS, ""),
            "compose.yml": SERVICES.format("DJANGO_SETTINGS_MODULE: config.settings"),
        },
    ),
    Mistake(
        "celery.E050",
        {"config/celery.py": APP.replace(', namespace="CELERY")', ")  # <-")},
        {"config/celery.py": APP.replace('"CELERY"', '"CELERY_"')},
    ),
    Mistake("celery.E050", {"config/celery.py": APP.replace('"CELERY")', '"celery")  # <-')}),
    Mistake(
        "celery.E051",
        {
            "config/celery.py": re.sub("app.config_from.*\n", "", APP).replace(
                'Celery("config")', 'Celery("config")  # <-'
            )
        },
        {
            "config/celery.py": APP.replace("config_from_object", "config_from_object").replace(
                "django.conf:settings", "django.conf:settings"
            )
        },
    ),
    Mistake(
        "celery.E100",
        {"doctors/queue.py": "from celery import Celery\n\nother = Celery('other')  # <-\n"},
        {
            "doctors/queue.py": "from celery import Celery\n\n\ndef make():\n    return Celery('other')\n"
        },
    ),
    Mistake(
        "celery.E130",
        {
            "manage.py": small_project()["manage.py"].replace(
                "from django.core", "from configurations"
            ),  # type: ignore[union-attr,arg-type]
            "config/celery.py": APP.replace('Celery("config")', 'Celery("config")  # <-'),
        },
        {
            "manage.py": small_project()["manage.py"].replace(
                "from django.core", "from configurations"
            ),  # type: ignore[union-attr,arg-type]
            "config/celery.py": APP.replace(
                "app = ", "import configurations\nconfigurations.setup()\napp = "
            ),
        },
    ),
    Mistake(
        "celery.E140",
        {"config/celery.py": "from doctors.models import Doctor  # <-\n" + APP},
        {"config/celery.py": APP + "\n\ndef f():\n    from doctors.models import Doctor\n"},
    ),
    Mistake(
        "celery.E141",
        {
            "doctors/models.py": "from doctors.tasks import greet  # <-\nfrom django.db import models\n\n\nclass Doctor(models.Model):\n    def f(self):\n        pass\n",
            "doctors/tasks.py": "from doctors.models import Doctor\n" + TASKS,
        },
        {
            "doctors/models.py": "from django.db import models\n\n\nclass Doctor(models.Model):\n    def f(self):\n        from doctors.tasks import greet\n",
            "doctors/tasks.py": "from doctors.models import Doctor\n" + TASKS,
        },
    ),
    Mistake(
        "celery.W142",
        tasks("from doctors.models import Doctor\nALL = list(Doctor.objects.all())  # <-\n"),
        tasks("from doctors.models import Doctor\n\n\ndef f():\n    return Doctor.objects.all()\n"),
    ),
    Mistake(
        "celery.E038",
        {"config/celery.py": APP.replace("_tasks()", "_tasks(['doctor'])  # <-")},
        {"config/celery.py": APP.replace("_tasks()", "_tasks(['doctors', 'some_library'])")},
    ),
    # a class counts for the package above it, and only one level is taken off
    Mistake(
        "celery.E038",
        {"config/celery.py": APP.replace("_tasks()", "_tasks(['doctor.DoctorsConfig'])  # <-")},
        {"config/celery.py": APP.replace("_tasks()", "_tasks(['doctors.DoctorsConfig'])")},
    ),
    Mistake(
        "celery.E038",
        {
            "config/celery.py": APP.replace(
                "_tasks()", "_tasks(['doctors', 'doctors.other.DoctorsConfig'])  # <-"
            )
        },
        {
            "config/celery.py": APP.replace(
                "_tasks()", "_tasks(['doctors', 'doctors.views.DoctorsConfig'])"
            ),
            "doctors/views.py": "",
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_project_without_celery_is_reported(project):
    assert places_of(run_checks(facts_of(project)).findings) == [("celery.I004", "")]


def test_an_app_of_a_tasks_module_is_not_said_to_be_none(tmp_path):
    tasks = 'from celery import Celery\n\napp = Celery("tasks")\n'
    files = {"config/celery.py": "", "config/__init__.py": "", "doctors/tasks.py": tasks}
    # where a file declares Celery, the whole tree is searched for the app
    tree = {**healthy(), **files, "requirements.txt": "Django\n"}
    settings = re.sub("(?m)^CELERY_.*\n", "", tree["config/settings.py"])
    root = make_tree(tmp_path, {**tree, "config/settings.py": settings})
    found = run_checks(facts_of(root))
    assert ("celery.I004", "doctors/tasks.py:3") in places_of(found.findings)


# What has no place in a file, or is found in another way: the first list of these pages' examples.
WITHOUT_PLACE = [
    Mistake(
        "celery.I004",
        {"config/celery.py": "", "config/__init__.py": "", "doctors/tasks.py": ""},
    ),
    Mistake(
        "celery.W008",
        {"manage.py": healthy()["manage.py"].replace("config.settings", "config.no_such")},
        {"manage.py": healthy()["manage.py"]},
    ),
]


def test_a_project_in_which_nothing_builds_the_app_is_reported(tmp_path):
    mistake = WITHOUT_PLACE[0]
    assert found_in(tmp_path / "broken", mistake.broken) == [(mistake.id, "")]
    assert found_in(tmp_path / "twin", mistake.twin) == []


def test_settings_that_do_not_exist_are_reported_where_the_code_is_read(tmp_path):
    mistake = WITHOUT_PLACE[1]
    root = make_tree(tmp_path, {**healthy(), **mistake.broken})
    with pytest.raises(NoProject) as refused:
        load_project(root, python=sys.executable)
    project = load_project(root, python=sys.executable, without_settings=str(refused.value))
    found = run_checks(read_facts(project), only=["W008"]).findings
    assert [str(finding.where) for finding in found] == ["manage.py"]
    assert found_in(tmp_path / "twin", mistake.twin) == []


def remedy_of(tmp_path, files, identifier="celery.E021"):
    """The message and the remedy of the one finding of a check."""
    facts = read_facts(
        load_project(make_tree(tmp_path, {**healthy(), **files}), python=sys.executable)
    )
    [found] = [f for f in run_checks(facts).findings if f.id == identifier]
    return found.message, found.hint


def test_the_remedy_does_not_go_in_a_circle_where_wsgi_and_asgi_disagree(tmp_path):
    files = {
        "config/production.py": "from .settings import *\nDEBUG = False\n",
        "config/wsgi.py": WSGI.format("settings"),
        "config/asgi.py": WSGI.format("production"),
    }
    message, hint = remedy_of(tmp_path / "one", files)
    assert "sets config.settings (with DEBUG on)" in message
    for part in ("config/wsgi.py:3 names config.settings", "config/asgi.py:3 names"):
        assert part in hint
    assert "cannot suit both" in hint and "manage.py takes config.settings" in hint
    # what that remedy led to
    app = {"config/celery.py": APP.replace("config.settings", "config.production")}
    message, turned = remedy_of(tmp_path / "two", {**files, **app})
    assert "cannot suit both" in turned and "DEBUG" not in message
    healed = {**files, **app, "config/wsgi.py": WSGI.format("production")}
    assert "celery.E021" not in [name for name, _ in found_in(tmp_path / "three", healed)]


def test_where_they_agree_the_app_file_is_to_name_the_same(tmp_path):
    files = {
        "config/production.py": "from .settings import *\n",
        "config/wsgi.py": WSGI.format("production"),
    }
    assert remedy_of(tmp_path, files)[1].startswith("Name config.production in the app file")
