"""What is inserted into a file that its linter and its formatter left alone is left alone, too."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize import when
from celeryize.commands.init import run as init
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.schedule import plan as schedule_plan
from celeryize.commands.schedule import run as schedule
from celeryize.commands.task import run as task
from celeryize.commands.task.plan import Request
from tests.conftest import MANAGE, SETTINGS, make_tree, small_project
from tests.views import Recorder

GOLDENS = Path(__file__).parents[1] / "golden"
RUFF = shutil.which("ruff", path=Path(sys.executable).parent) or shutil.which("ruff")
pytestmark = pytest.mark.skipif(RUFF is None, reason="there is no ruff")
LINT = ("check", "--quiet", "--no-cache", "--select", "I,E501,F", "--output-format", "concise")
FORMAT = ("format", "--diff", "--quiet", "--no-cache")


def complaints(folder: Path, arguments: tuple[str, ...]) -> str:
    """What ruff says about a folder, by the project's own settings."""
    ran = subprocess.run([RUFF, *arguments, "."], cwd=folder, capture_output=True, text=True)
    return ran.stdout + ran.stderr if ran.returncode else ""


def clean_files(folder: Path, arguments: tuple[str, ...]) -> set[str]:
    """The Python files of a folder that ruff leaves alone."""
    isolated = [*arguments, "--isolated"]
    if arguments is LINT:
        isolated += ["--config", 'src=["."]']
    ran = subprocess.run([RUFF, *isolated, "."], cwd=folder, capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*.py")}
    return {name for name in names if not re.search(rf"(?m)(^|[ /]){re.escape(name)}\b", said)}


CASES = sorted(case.name for case in GOLDENS.iterdir() if (case / "after").is_dir())


@pytest.mark.parametrize("name", CASES)
def test_a_golden_is_as_clean_as_it_was(name):
    before, after = GOLDENS / name / "before", GOLDENS / name / "after"
    texts = {file: (after / file).read_bytes() for file in _changed(before, after)}
    for arguments in (LINT, FORMAT):
        were_clean = clean_files(before, arguments)
        new = {file for file in texts if not (before / file).exists()}
        assert (were_clean | new) & set(texts) <= clean_files(after, arguments)


def _changed(before: Path, after: Path) -> list[str]:
    return [
        name
        for file in after.rglob("*.py")
        if not (before / (name := file.relative_to(after).as_posix())).exists()
        or (before / name).read_bytes() != file.read_bytes()
    ]


MODELS = (
    "from django.db import models\n\n\nclass Doctor(models.Model):\n"
    "    email = models.EmailField()\n"
)
TESTS = (
    "from django.test import TestCase\n\nfrom doctors.models import Doctor\n\n\n"
    "class DoctorTests(TestCase):\n    def test_it_is_kept(self):\n"
    '        Doctor.objects.create(email="a@example.org")\n'
)
STYLES = {
    "nothing": {},
    "short": {"pyproject.toml": "[tool.ruff]\nline-length = 79\n"},
    "long": {"ruff.toml": "line-length = 120\n"},
    "single": {"pyproject.toml": '[tool.ruff.format]\nquote-style = "single"\n'},
    "mixed": {"pyproject.toml": "[tool.ruff.lint.isort]\nforce-sort-within-sections = true\n"},
    "mypy": {"pyproject.toml": "[tool.ruff]\n[tool.mypy]\nstrict = true\n"},
    "black": {"setup.cfg": "[flake8]\nmax-line-length = 100\n[isort]\nprofile = black\n"},
}
TASKS = {
    "plain": Request("doctors.work", ("doctor_id:int", "note:str=''"), test=True, lock=True),
    "model": Request("doctors.work", kind="model", model="Doctor", test=True),
    "email": Request("doctors.work", kind="email", model="Doctor", test=True),
    "http": Request("doctors.work", kind="http", test=True, retry_on=("requests.Timeout",)),
    "batch": Request("doctors.work", kind="batch", model="Doctor", test=True, time_limit=60),
    "long": Request(
        "doctors.send_a_reminder_to_all_patients_of_a_doctor",
        ("doctor_id:int", "patients:list[int]", "when:datetime", "subject:str='A reminder'"),
        bind=True,
        max_retries=3,
        default_retry_delay=60,
        rate_limit="10/m",
        test=True,
    ),
    "trigger": Request(
        "doctors.work", ("doctor_id:int",), trigger="post_save:doctors.Doctor", test=True
    ),
}


@pytest.mark.parametrize("pytest_django", [False, True], ids=["unittest", "pytest"])
@pytest.mark.parametrize("style", STYLES)
def test_what_all_writers_insert_is_clean(tmp_path, style, pytest_django):
    single = style == "single"
    files = {
        **small_project(),
        "manage.py": MANAGE.format(settings="config.settings"),
        "config/settings.py": SETTINGS,
        "doctors/models.py": MODELS,
        "doctors/tests.py": TESTS,
        "requirements.txt": "django\npytest-django\n" if pytest_django else "django\n",
        **STYLES[style],
    }
    folder = make_tree(tmp_path / "p", files)
    # as the project's own formatter and linter have left it
    subprocess.run([RUFF, "format", "-q", "--no-cache", "."], cwd=folder, check=True)
    subprocess.run([RUFF, "check", "-q", "--fix", "--select", "I", "."], cwd=folder, check=True)
    assert complaints(folder, LINT) + complaints(folder, FORMAT) == ""
    options, view = RunOptions(folder, python=sys.executable), Recorder()
    write = WriteOptions(yes=True, no_verify=True)
    answers = {"broker": "redis", "profile": "production", "beat": True}
    init.run(options, write, view, init.InitOptions(flags=answers))
    assert complaints(folder, LINT) + complaints(folder, FORMAT) == ""
    if style == "mypy":
        assert "CELERY_BEAT_SCHEDULE: dict = {}" in (folder / "config/settings.py").read_text()
    if single:
        assert '"' not in (folder / "config/celery.py").read_text()
    for name, request in TASKS.items():
        task.add_task(options, write, view, request)
        said = complaints(folder, LINT) + complaints(folder, FORMAT)
        assert said == "", name
        if name != "long":
            (folder / "doctors/tests.py").write_text(TESTS)
            subprocess.run([RUFF, "format", "-q", "--no-cache", "."], cwd=folder, check=True)
            (folder / "doctors/tasks.py").unlink()
    for name, moment in {
        "weekly": when.parse(at="08:30", on="fri"),
        "every-quarter-of-an-hour": when.parse(every="15min"),
    }.items():
        entry = schedule_plan.Request(
            name=name,
            task="doctors.send_a_reminder_to_all_patients_of_a_doctor",
            when=moment,
            kwargs='{"doctor_id": 1, "patients": [1, 2], "when": null}',
            expires="10min",
        )
        schedule.add_schedule(options, write, view, entry)
        assert complaints(folder, LINT) + complaints(folder, FORMAT) == "", name
