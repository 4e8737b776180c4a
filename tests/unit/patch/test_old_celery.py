"""Code for Celery 3 in the words of Celery 5, and code that is left alone."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.djcelery import without_djcelery
from celeryize.patch.old_celery import modern_module
from celeryize.patch.old_commands import modern_command
from celeryize.patch.source import Source
from tests.patching import stays, transforms


def modern(text: str) -> str:
    return modern_module(Source(PurePosixPath("tasks.py"), text)).source.text


def plain(text: str) -> str:
    return without_djcelery(Source(PurePosixPath("settings.py"), text)).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from celery import task\n\n\n@task\ndef f():\n    pass\n",
            "from celery import shared_task\n\n\n@shared_task\ndef f():\n    pass\n",
        ),
        (
            "from celery.decorators import task\n\n\n@task()\ndef f():\n    task = 1\n",
            "from celery import shared_task\n\n\n@shared_task()\ndef f():\n    task = 1\n",
        ),
        (
            "from celery import Celery, task as t\n\n\n@t(name='x')\ndef f():\n    pass\n",
            "from celery import Celery, shared_task\n\n\n"
            "@shared_task(name='x')\ndef f():\n    pass\n",
        ),
        (
            "from celery.task import task, chord\n\nf = task(len)\n",
            "from celery import chord, shared_task as task\n\nf = task(len)\n",
        ),
        (
            "from celery import shared_task\nfrom celery.task import task\n\n\n@task\ndef f():\n    pass\n",
            "from celery import shared_task\n\n\n@shared_task\ndef f():\n    pass\n",
        ),
        (
            "try:\n    from celery.task import task\nexcept ImportError:\n    task = None\n",
            "try:\n    from celery import shared_task as task\nexcept ImportError:\n    task = None\n",
        ),
        (
            "from celery.task.schedules import crontab\n",
            "from celery.schedules import crontab\n",
        ),
    ],
)
def test_imports_and_decorators(before: str, after: str):
    transforms(modern, before, after)


@pytest.mark.parametrize(
    "text",
    [
        "from celery import shared_task\n\n\n@shared_task\ndef f():\n    pass\n",
        "from jobs import task\n\n\n@task\ndef f():\n    pass\n",
        "from config.celery import app\n\n\n@app.task\ndef f():\n    pass\n",
        "from .celery import task\n",
    ],
)
def test_what_is_not_celerys_stays(text: str):
    stays(modern, text)


@pytest.mark.parametrize(
    "text",
    [
        "from celery.task.http import HttpDispatchTask\n",
        "from celery.task.control import revoke\n",
        "import celery.task\n",
        "from celery.task import periodic_task\n\nHOUR = 3\n\n\n"
        "@periodic_task(run_every=every(HOUR))\ndef f():\n    pass\n",
    ],
)
def test_what_has_no_heir_is_refused_with_its_line(text: str):
    with pytest.raises(CannotPatch) as caught:
        modern(text)
    assert caught.value.snippet
    assert caught.value.where is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import djcelery\ndjcelery.setup_loader()\n\nX = 1\n", "\nX = 1\n"),
        (
            "X = 1\ntry:\n    import djcelery\n    djcelery.setup_loader()\n"
            "except ImportError:\n    pass\nY = 2\n",
            "X = 1\nY = 2\n",
        ),
        (
            "try:\n    import djcelery\n    import fast\nexcept ImportError:\n    pass\n",
            "try:\n    import fast\nexcept ImportError:\n    pass\n",
        ),
        ("APPS = [\n    'posts',\n    'djcelery',\n]\n", "APPS = [\n    'posts',\n]\n"),
        ("APPS = ['posts', 'djcelery']\n", "APPS = ['posts']\n"),
        (
            "APPS = ['djcelery']\nS = 'djcelery.schedulers.DatabaseScheduler'\n",
            "APPS = ['django_celery_beat']\nS = 'django_celery_beat.schedulers:DatabaseScheduler'\n",
        ),
    ],
)
def test_django_celery(before: str, after: str):
    transforms(plain, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "worker: celery worker -A blog --maxtasksperchild=50 -l info",
            "worker: celery -A blog worker --max-tasks-per-child=50 -l info",
        ),
        ("beat: celerybeat -A blog", "beat: celery -A blog beat"),
        ("worker: python manage.py celery worker -c 2", "worker: celery -A site worker -c 2"),
        (
            "command=/srv/venv/bin/celery worker -A blog -Q a,b",
            "command=/srv/venv/bin/celery -A blog worker -Q a,b",
        ),
        (
            'command: "celery worker --app=blog -l info"',
            'command: "celery -A blog worker -l info"',
        ),
        (
            "celery beat -A blog & celery worker -A blog",
            "celery -A blog beat & celery -A blog worker",
        ),
        ('exec celery worker -A b -n "w@%h"', 'exec celery -A b worker -n "w@%h"'),
    ],
)
def test_command_lines(before: str, after: str):
    transforms(lambda line: modern_command(line, "site"), before, after)


@pytest.mark.parametrize(
    "line",
    [
        "  celery:",
        "      - celerybeat",
        "    depends_on: [celerybeat]",
        "[program:celerybeat]",
        "    image: celery",
        "pip install celery worker-tools",
        "celery multi start w1 -A blog worker",
        "# celery worker -A blog",
        "command=/srv/venv/bin/python /srv/manage.py celery worker",
        "    command: celery -A blog worker -l info",
    ],
)
def test_what_is_no_old_command_stays(line: str):
    stays(lambda text: modern_command(text, "site"), line)
