"""What the tests of all families share: a healthy project, mistakes in it, and what the checks find."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from celeryize.checks.facts import Facts, read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.commands.start_up import target_of
from celeryize.detect.project import load_project
from celeryize.model import Finding
from celeryize.probe.run import Prober
from tests.conftest import make_tree, small_project

APP = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
IMPORT = 'from .celery import app as celery_app\n\n__all__ = ("celery_app",)\n'
TASKS = """from celery import shared_task


@shared_task
def greet(name):
    return name


@shared_task(bind=True, max_retries=3)
def call(self, doctor_id, *, urgent=False):
    try:
        return doctor_id
    except OSError as error:
        raise self.retry(exc=error)
"""
BLOCK = """
CELERY_BROKER_URL = "redis://localhost:6379/0"
CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
"""
# The apps of Celery's for Django, and what keeps results in a database, are declared, too.
DECLARED = {
    "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\ndjango-celery-beat\n"
    "django-celery-results\nsqlalchemy\n"
}
MARK = "# <-"
TASK = "@shared_task\n"
OK_ENTRY = (
    "        'task': 'doctors.tasks.greet',\n"
    "        'schedule': crontab(minute=0, hour=3),\n"
    "        'args': ('x',),\n"
)


def healthy() -> dict[str, str]:
    """A project with Celery in which nothing is wrong."""
    tree = {name: str(text) for name, text in small_project().items()}
    return {
        **tree,
        "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\n",
        "config/celery.py": APP,
        "config/__init__.py": IMPORT,
        "config/settings.py": tree["config/settings.py"] + BLOCK,
        "doctors/tasks.py": TASKS,
    }


@dataclass(frozen=True)
class Mistake:
    """A check's id, the files that make the mistake, and a healthy twin without it.

    The line with `# <-` is the place where it has to be found, unless `at` says another.
    """

    id: str
    broken: dict[str, str]
    twin: dict[str, str] = field(default_factory=dict)
    at: str = ""

    def __str__(self) -> str:
        return self.id

    @property
    def place(self) -> str:
        """The file and line where the mistake has to be found."""
        if self.at:
            return self.at
        for path, text in self.broken.items():
            for number, line in enumerate(text.split("\n"), 1):
                if MARK in line:
                    return f"{path}:{number}"
        raise AssertionError(f"no line of {self.id} is marked")


def with_twin(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes that have a healthy twin."""
    return [mistake for mistake in mistakes if mistake.twin]


def settings(lines: str, *, instead: str = "") -> dict[str, str]:
    """The healthy settings with lines behind them; without the CELERY_ line that starts with `instead`."""
    text = "".join(
        line
        for line in healthy()["config/settings.py"].splitlines(True)
        if not instead or not line.startswith(instead)
    )
    return {"config/settings.py": text + lines}


def tasks(body: str) -> dict[str, str]:
    return {"doctors/tasks.py": TASKS + "\n\n" + body}


def entry(fields: str, before: str = "") -> dict[str, str]:
    return settings(
        "from celery.schedules import crontab\nfrom datetime import timedelta\n"
        f"CELERY_BEAT_SCHEDULE = {{\n{before}    'nightly': {{\n{fields}    }},\n}}\n"
    )


def view(body: str, imports: str = "from django.db import transaction\n") -> dict[str, str]:
    return {"doctors/views.py": f"{imports}from doctors.tasks import call, greet\n\n\n{body}"}


def facts_of(root: Path) -> Facts:
    """The facts of a project whose code is read and nothing else."""
    return read_facts(load_project(root, python=sys.executable))


def imported_facts_of(root: Path) -> Facts:
    """The facts of a project that is imported, too."""
    project = load_project(root, python=sys.executable)
    with Prober(target_of(project)) as prober:
        return read_facts(project).with_imports(*prober.baseline())


def places_of(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """The id and the place of each finding."""
    return [(finding.id, str(finding.where or "")) for finding in findings]


def found_in(folder: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    """What the static checks find in the healthy project with these files."""
    facts = facts_of(make_tree(folder, {**healthy(), **files}))
    return places_of(run_checks(facts).findings)


def found_by_import(folder: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    """What all checks find in the healthy project with these files, once it is imported."""
    facts = imported_facts_of(make_tree(folder, {**healthy(), **files}))
    return places_of(run_checks(facts).findings)
