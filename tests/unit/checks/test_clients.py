"""Libraries of a broker, a result backend and Celery's apps: undeclared, or not installed."""

from __future__ import annotations

import sys

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from celeryize.probe.report import Failure, ImportReport
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    Mistake,
    found_by_import,
    found_in,
    healthy,
    settings,
    with_twin,
)

POETRY = """[tool.poetry.dependencies]
python = "^3.11"
django = "^5.0"
celery = {}
"""
MISTAKES = [
    Mistake(
        "celery.W157",
        {"requirements.txt": "django>=4.2\ncelery>=5.4  # <-\n"},
        {"requirements.txt": "django>=4.2\ncelery>=5.4\ndjango-redis\n"},
    ),
    Mistake(
        "celery.W157",
        {"requirements.txt": "django>=4.2\ncelery[sqs]>=5.4  # <-\n"},
        {"requirements.txt": "django>=4.2\ncelery[sqs, redis]>=5.4\n"},
    ),
    Mistake(
        "celery.W157",
        {"requirements.txt": "", "pyproject.toml": POETRY.format('"^5.4"  # <-')},
        {
            "requirements.txt": "",
            "pyproject.toml": POETRY.format('{version = "^5.4", extras = ["redis"]}'),
        },
    ),
    # Celery is brought by something else, and its client by nothing
    *(
        Mistake(
            "celery.W157",
            {"requirements.txt": f"django>=4.2\n{brings}\n"},
            {"requirements.txt": f"django>=4.2\n{brings}\n{twin}\n"},
            at="requirements.txt",
        )
        for brings, twin in [
            ("django-celery-results", "redis"),
            ("django-celery-beat", "celery[redis]"),
            ("Flower==2.0", "django-redis"),
        ]
    ),
    Mistake(
        "celery.W157",
        settings("CELERY_RESULT_BACKEND = 'db+sqlite:///x.db'\n", instead="CELERY_RESULT_B"),
        {
            **settings("CELERY_RESULT_BACKEND = 'db+sqlite:///x.db'\n", instead="CELERY_RESULT_B"),
            "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\nSQLAlchemy\n",
        },
        at="requirements.txt:2",
    ),
    *(
        Mistake(
            "celery.W157",
            settings(f"INSTALLED_APPS += ['{app}']\n"),
            {
                **settings(f"INSTALLED_APPS += ['{app}']\n"),
                "requirements.txt": f"django>=4.2\ncelery[redis]>=5.4\n{name}\n",
            },
            at="requirements.txt",
        )
        for app, name in [
            ("django_celery_beat", "django-celery-beat"),
            ("django_celery_results", "django_celery_results>=2.5"),
        ]
    ),
]
IMPORTED = [
    Mistake(
        "celery.E150",
        settings("CELERY_RESULT_BACKEND = 'mongodb://h/x'  # <-\n", instead="CELERY_RESULT_B"),
    ),
    # another key of the same call decides nothing
    Mistake(
        "celery.E150",
        {
            **settings(
                "CELERY_RESULT_BACKEND = 'mongodb://h/x'  # <-\n", instead="CELERY_RESULT_B"
            ),
            "config/celery.py": APP + "app.conf.update(worker_concurrency=3)\n",
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


def findings_of(folder, files, *failures):
    """What is found, perhaps where imports have failed so."""
    facts = read_facts(
        load_project(make_tree(folder, {**healthy(), **files}), python=sys.executable)
    )
    if failures:
        report = ImportReport(
            "worker", django_importable=True, celery_importable=True, failures=failures
        )
        facts = facts.with_imports(report, report)
    return run_checks(facts).findings


NO_REDIS = Failure("ModuleNotFoundError", "No module named 'redis'", "backend")
NO_PACKAGING = Failure("ModuleNotFoundError", "No module named 'packaging'", "broker")


@pytest.mark.parametrize(
    ("requirements", "hint"),
    [
        ("celery>=5.4", "Write celery[redis]>=5.4 in requirements.txt:2"),
        ("celery[msgpack]==5.4", "Write celery[msgpack,redis]==5.4 in requirements.txt:2"),
        ("django-celery-beat", "Add celery[redis] to requirements.txt"),
        ("celery==5.4.0 --hash=" + "a" * 64, "Write celery[redis] in requirements.txt:2"),
        ("celery==5.4.0 \\\n  --hash=sha256:a", "Write celery[redis]==5.4.0 in requirements.txt:2"),
    ],
)
def test_the_whole_line_is_said_and_where_it_belongs(tmp_path, monkeypatch, requirements, hint):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    files = {"requirements.txt": f"django>=4.2\n{requirements}\n"}
    (found,) = findings_of(tmp_path / "read", files)
    assert (found.id, found.hint) == ("celery.W157", f"{hint}.")
    # both fail for one reason, and it has to be installed, too
    monkeypatch.chdir(tmp_path)
    found = findings_of(tmp_path / "imported", files, NO_PACKAGING, NO_REDIS)
    (found,) = [one for one in found if one.id in {"celery.E150", "celery.W157"}]
    assert "the broker and the backend cannot be used: redis is not installed" in found.message
    assert found.hint == f"{hint}, then `(cd imported && pip install -r requirements.txt)`."


def test_what_is_declared_has_to_be_installed_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.chdir(tmp_path)
    found = findings_of(tmp_path, {}, NO_REDIS)
    (hint,) = [one.hint for one in found if one.id == "celery.E150"]
    assert hint.endswith("not installed in this environment: `pip install -r requirements.txt`.")


def test_celery_and_its_client_are_declared_in_one_line(tmp_path):
    found = findings_of(tmp_path, {"requirements.txt": "django>=4.2\n"}, NO_PACKAGING)
    (hint,) = [one.hint for one in found if one.id in {"celery.E150", "celery.W156"}]
    assert hint.startswith("Add celery[redis] to requirements.txt, then")


def test_two_clients_are_one_line(tmp_path):
    files = {
        **settings("CELERY_RESULT_BACKEND = 'mongodb://h/x'\n", instead="CELERY_RESULT_B"),
        "requirements.txt": "django>=4.2\ncelery\n",
    }
    (found,) = findings_of(tmp_path, files)
    assert "redis, which CELERY_BROKER_URL needs, nor pymongo" in found.message
    assert found.hint == "Write celery[mongodb,redis] in requirements.txt:2."


def broken(folder, message: str) -> str:
    """What E150 advises for an exception of the broker."""
    found = findings_of(folder, {}, Failure("ModuleNotFoundError", message, "broker"))
    return next(one.message + one.hint for one in found if one.id == "celery.E150")


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Port could not be cast to integer value as 'p'", "urllib.parse.quote"),
        ("No module named 'redis'", "redis is not installed"),
        ("'NoneType' object has no attribute 'Redis'", "redis is not installed"),
        ("No module named 'boto3.session'", "celery[redis,sqs]>=5.4"),
        ("No module named 'kazoo'", "celery[redis,zookeeper]>=5.4"),
        ("No module named 'psycopg2'", "psycopg2-binary"),
        ("A rediss:// URL must have parameter ssl_cert_reqs", "?ssl_cert_reqs=required"),
        ("No module named 'django-db'", "INSTALLED_APPS"),
        (
            "Model class django_celery_results.models.TaskResult isn't in an application in INSTALLED_APPS",
            "Add",
        ),
        ("No module named 'reddis'", "Install reddis, or correct the URL."),
    ],
)
def test_what_is_missing_is_what_the_exception_says(tmp_path, message, advice):
    assert advice in broken(tmp_path, message)


@pytest.mark.parametrize(
    "app",
    [
        APP + "app.conf.result_backend = 'mongodb://h/x'  # <-\n",
        APP + "app.conf.update(result_backend=str('mongodb://h/x'))  # <-\n",
        APP + "app.conf.update({'result_backend': 'mongodb://h/x'})  # <-\n",
        APP.replace('y("config")', 'y("config", backend="mongodb://h")  # <-'),
    ],
)
def test_the_line_that_decides_is_shown_and_not_the_one_of_the_settings(tmp_path, app):
    found = found_by_import(tmp_path, {"config/celery.py": app})
    place = Mistake("celery.E150", {"config/celery.py": app}).place
    assert [at for name, at in found if name == "celery.E150"] == [place]


@pytest.mark.parametrize(("declared", "found"), [("celery>=5.4", True), ("celery[redis]", False)])
def test_the_broker_of_a_deployed_worker_needs_its_client(tmp_path, declared, found):
    files = {
        **settings('CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://rabbit")\n'),
        "requirements.txt": f"django>=4.2\n{declared}\n",
        "compose.yml": "services:\n  worker:\n    image: shop\n"
        "    command: celery -A config worker\n"
        "    environment:\n      CELERY_BROKER_URL: redis://cache.example/0\n",
    }
    ids = {identifier for identifier, _ in found_in(tmp_path, files)}
    assert ("celery.W157" in ids) == found


@pytest.mark.parametrize(
    ("settings_url", "hint"),
    [
        # the settings have moved to RabbitMQ, and the process has not
        (
            "amqp://guest@localhost//",
            "Write celery[redis]>=5.4 in requirements.txt:2, or give it the broker that the settings have now (amqp://...).",
        ),
        ("redis://localhost:6379/0", "Write celery[redis]>=5.4 in requirements.txt:2."),
    ],
)
def test_a_process_with_the_broker_of_yesterday_may_get_that_of_today(tmp_path, settings_url, hint):
    read = f"import os\nCELERY_BROKER_URL = os.environ.get('CELERY_BROKER_URL', {settings_url!r})\n"
    files = {
        **healthy(),
        **settings(read, instead="CELERY_BROKER_URL"),
        "requirements.txt": "django>=4.2\ncelery>=5.4\n",
        "compose.yml": "services:\n  worker:\n    build: .\n    command: celery -A config worker\n"
        "    environment:\n      CELERY_BROKER_URL: redis://redis:6379/0\n"
        "  redis:\n    image: redis:7\n",
    }
    files["config/settings.py"] = files["config/settings.py"].replace(
        'CELERY_RESULT_BACKEND = "redis://localhost:6379/1"\n', ""
    )
    found = run_checks(read_facts(load_project(make_tree(tmp_path / "p", files)))).findings
    (hinted,) = [finding.hint for finding in found if finding.id == "celery.W157"]
    assert hinted == hint
