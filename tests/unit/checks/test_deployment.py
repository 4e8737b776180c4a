"""How it is started: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from tests.conftest import make_tree
from tests.unit.checks.projects import APP, Mistake, found_in, healthy, settings, with_twin

NO_APP = {"config/celery.py": "", "config/__init__.py": "", "doctors/tasks.py": ""}
# one settings module for each environment
SPLIT = {
    "config/settings/__init__.py": "import os\nSTAGE = os.environ.get('STAGE', 'prod')\n",
    "config/settings/base.py": healthy()["config/settings.py"],
    "config/settings/production.py": "from config.settings.base import *\n",
    **{
        name: healthy()[name].replace("config.settings", "config.settings.base")
        for name in ("manage.py", "config/wsgi.py", "config/celery.py")
    },
}


def compose_with(module: str) -> str:
    """A compose file whose worker has a settings module."""
    return (
        "services:\n  worker:\n    build: .\n    command: celery -A config worker\n"
        "    stop_grace_period: 60s\n    environment:\n"
        f"      DJANGO_SETTINGS_MODULE: {module}\n"
    )


MISTAKES = [
    Mistake(
        "celery.E110",
        {"Procfile": "worker: celery -A confg worker  # <-\n"},
        {
            "Procfile": "worker: celery -A config worker\nbeat: celery -A config.celery beat -s /tmp/b\nother: celery --app=$APP worker\n"
        },
    ),
    Mistake("celery.E110", {"Procfile": "worker: celery -A config/celery worker  # <-\n"}),
    Mistake(
        "celery.E812",
        {"Procfile": "worker: celery -A config.settings worker  # <-\n"},
        {
            "Procfile": "worker: celery -A config.settings worker\n",
            **settings("from config.celery import app as celery_app\n"),
        },
    ),
    Mistake(
        "celery.E812",
        {"Procfile": "worker: celery -A config.celery:application worker  # <-\n"},
        {"Procfile": "worker: celery -A config.celery:app worker\n"},
    ),
    # the line of yesterday, or of tomorrow: nothing builds an app
    Mistake(
        "celery.E812",
        {"Procfile": "worker: celery -A doctors worker  # <-\n", **NO_APP},
        {path: healthy()[path] for path in NO_APP},
    ),
    Mistake(
        "celery.E113",
        {"Procfile": "worker: celery worker -l INFO  # <-\n"},
        {"Procfile": "worker: APP=config celery worker -l INFO\n"},
    ),
    Mistake(
        "celery.E812",
        {"Procfile": "worker: celery -A doctors worker  # <-\n"},
        {
            "Procfile": "worker: celery -A doctors worker\nother: celery -A config.celery worker\n",
            "doctors/__init__.py": "from config.celery import app as celery_app\n",
        },
    ),
    Mistake(
        "celery.E180",
        {
            "k8s/worker.yaml": "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n"
            "      terminationGracePeriodSeconds: 600\n      containers:\n        - command:\n"
            "            - celery\n            - -A\n            - config\n            - worker\n"
            "            - -Q\n            - celery,mial\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.*': {'queue': 'mail'}}  # <-\n"),
        },
        {
            "worker.service": "[Service]\nUser=x\nKillMode=mixed\nWorkingDirectory=/srv\n"
            "ExecStart=/v/bin/celery -A config worker \\\n  --queues=celery,mail\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.*': {'queue': 'mail'}}\n"),
        },
    ),
    Mistake(
        "celery.E111",
        {
            "docker-compose.yml": "services:\n  worker:\n    stop_grace_period: 60s\n    command: celery worker -A config -l info  # <-\n"
        },
        {
            "docker-compose.yml": 'services:\n  worker:\n    stop_grace_period: 60s\n    command: ["celery", "-A", "config", "worker"]\n'
        },
    ),
    Mistake(
        "celery.E986",
        SPLIT | {"compose.yaml": compose_with("config.settings.prod  # <-")},
        SPLIT | {"compose.yaml": compose_with("config.settings.production")},
    ),
    Mistake(
        "celery.E120",
        {"config/celery.py": APP.replace('"config.settings")', '"config.setings")  # <-')},
    ),
    Mistake(
        "celery.W121",
        {
            # imported where wsgi.py has set its own already: else it is E021
            "config/__init__.py": "",
            "doctors/__init__.py": "from config.celery import app as celery_app\n",
            "config/prod.py": "from .settings import *\n",
            "config/dev.py": "from .settings import *\n",
            "config/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.prod')\n",
            "config/celery.py": APP.replace('"config.settings")', '"config.dev")  # <-'),
        },
        {
            "config/prod.py": "from .settings import *\n",
            "config/dev.py": "from .settings import *\n",
            "config/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.prod')\n",
            "config/celery.py": APP.replace('"config.settings")', '"config.dev")'),
            ".env": "DJANGO_SETTINGS_MODULE=config.prod\n",
        },
    ),
    Mistake(
        "celery.E180",
        {
            "Procfile": "worker: celery -A config worker\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.greet': {'queue': 'slow'}}  # <-\n"),
        },
        {
            "Procfile": "worker: celery -A config worker -Q celery,slow\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.greet': {'queue': 'slow'}}\n"),
        },
    ),
    Mistake(
        "celery.W182",
        settings("CELERY_TASK_ROUTES = {'doctors.task.*': {'queue': 'slow'}}  # <-\n"),
        settings(
            "CELERY_TASK_ROUTES = {'doctors.*': {'queue': 'slow'}, 'other.x': {'queue': 'y'}}\n"
        ),
    ),
    Mistake(
        "celery.W260",
        {"Procfile": "worker: celery -A config worker -B  # <-\n"},
        {"Procfile": "worker: celery -A config worker\n"},
    ),
    Mistake(
        "celery.W280",
        {"Procfile": "worker: celery -A config beat  # <-\n"},
        {"Procfile": "worker: celery -A config beat -s /tmp/x\n"},
    ),
    Mistake(
        "celery.W460",
        {"Procfile": "worker: celery -A config worker -P threads  # <-\n"},
        {"Procfile": "worker: celery -A config worker -P prefork\n"},
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


FLY = (
    'kill_signal = "SIGTERM"\nkill_timeout = 300\n[env]\nDJANGO_SETTINGS_MODULE = "{}"\n'
    '[processes]\nworker = "celery -A config worker"\nbeat = "celery -A config beat"\n'
)
RENDER = (
    "services:\n- type: worker\n  name: x\n  runtime: python\n  maxShutdownDelaySeconds: 300\n"
    "  startCommand: celery -A config worker\n  envVars:\n"
    "  - key: DJANGO_SETTINGS_MODULE\n    value: {}\n"
)
PODS = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: worker\n        image: x\n"
    "        command: [celery, -A, config, worker]\n"
    "        env: [{name: DJANGO_SETTINGS_MODULE, value: VALUE}]\n"
)


def missing_settings_in(folder, files):
    found = run_checks(read_facts(load_project(make_tree(folder, {**healthy(), **files})))).findings
    return [(str(one.where), one.hint) for one in found if one.id == "celery.E986"]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("fly.toml", FLY, 4),
        ("render.yaml", RENDER, 9),
        ("k8s/worker.yaml", PODS.replace("{", "{{").replace("}", "}}").replace("VALUE", "{}"), 11),
        ("deploy/worker.service", "[Service]\nEnvironment=DJANGO_SETTINGS_MODULE={}\n"
         "ExecStart=/srv/venv/bin/celery -A config worker\n", 2),
    ],
)  # fmt: skip
def test_settings_that_are_missing_are_found_in_each_kind_of_file(tmp_path, name, text, line):
    broken = {**SPLIT, name: text.format("config.settings.prod")}
    hint = "Write config.settings.production, or add that module."
    assert missing_settings_in(tmp_path / "broken", broken) == [(f"{name}:{line}", hint)]
    healthy_twin = {**SPLIT, name: text.format("config.settings.production")}
    assert missing_settings_in(tmp_path / "twin", healthy_twin) == []


@pytest.mark.parametrize(
    "files",
    [
        {".gitignore": "*.pyc\nconfig/settings/prod.py\n"},
        {"Dockerfile": "FROM python:3.12\nCOPY deploy/prod.py /code/config/settings/prod.py\n"},
        {"Dockerfile": "FROM python:3.12\nCOPY deploy /code/config/settings\n"},
        {"compose.yaml": compose_with("somebody.settings")},
        {"compose.yaml": compose_with("${SETTINGS:-config.settings.base}")},
        {"other/config/settings/prod.py": "", "other/config/__init__.py": ""},
    ],
)
def test_settings_that_may_come_from_elsewhere_are_not_missing(tmp_path, files):
    broken = {**SPLIT, "compose.yaml": compose_with("config.settings.prod"), **files}
    assert missing_settings_in(tmp_path, broken) == []


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        # the folder of manage.py, which is no package
        ({"Procfile": "worker: celery -A backend worker\n"}, ["celery.E812"]),
        (
            {
                "compose.yml": "services:\n  worker:\n    build: ./backend\n"
                "    command: [celery, -A, backend, worker]\n",
                "backend/Dockerfile": "FROM python:3.13\nWORKDIR /code\nCOPY . .\n",
            },
            ["celery.E812"],
        ),
        ({"Procfile": "worker: cd backend && celery -A config worker\n"}, []),
        (
            {
                "Procfile": "worker: celery -A backend worker\n",
                "backend/celery.py": "from config.celery import app\n",
            },
            [],
        ),
        # a container may have another folder under that name
        (
            {
                "compose.yml": "services:\n  worker:\n    build: .\n"
                "    command: [celery, -A, backend, worker]\n",
                "Dockerfile": "FROM python:3.13\nWORKDIR /code\nCOPY backend/config /code/backend\n",
            },
            [],
        ),
    ],
)
def test_a_folder_that_is_no_package_has_no_app(tmp_path, files, found):
    inside = {f"backend/{path}": text for path, text in healthy().items()}
    tree = make_tree(tmp_path / "p", {**inside, **files})
    facts = read_facts(load_project(tree))
    assert facts.project.base.name == "backend"
    ids = [one.id for one in run_checks(facts).findings if one.id in {"celery.E110", "celery.E812"}]
    assert ids == found


def test_the_app_file_is_to_name_the_settings_of_the_web_server(tmp_path):
    tree = {
        **healthy(),
        "config/celery.py": APP.replace('"config.settings"', '"config.setings"'),
        "config/live.py": "from config.settings import *\n",
    }
    tree["config/wsgi.py"] = tree["config/wsgi.py"].replace('"config.settings"', '"config.live"')
    facts = read_facts(load_project(make_tree(tmp_path / "p", tree)))
    (found,) = [one for one in run_checks(facts).findings if one.id == "celery.E120"]
    assert found.hint == "Name config.live there, as config/wsgi.py does."
