"""Projects made of a {path: text} dict, and what a tree looks like before and after."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tests.schemas import check_document

ENVIRONMENT = (
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "BROKER_URL",
    "DJANGO_SETTINGS_MODULE",
    "VIRTUAL_ENV",
    "CELERYIZE_YES",
)

MANAGE = """#!/usr/bin/env python
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
"""

SETTINGS = """from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "not a secret"

DEBUG = True

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "doctors",
]

ROOT_URLCONF = "config.urls"

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

TIME_ZONE = "Europe/Paris"

USE_TZ = True
"""

# The suite tries the same examples each time, so that a change is what makes it fail; the long form explores.
hypothesis_settings.register_profile("same", derandomize=True, database=None)
if not os.environ.get("CELERYIZE_LONG"):
    hypothesis_settings.load_profile("same")

collect_ignore_glob = ["golden/*", "golden_worker/*"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="Write tests/golden anew.")
    parser.addoption(
        "--rewrite-readme", action="store_true", help="Write the tables of docs/ anew."
    )


Tree = Mapping[str, str | bytes]


def small_project() -> dict[str, str | bytes]:
    """A project `config` with an app `doctors`, as startproject would make it, but smaller."""
    return {
        "manage.py": MANAGE.format(settings="config.settings"),
        "requirements.txt": "django>=4.2\n",
        "config/__init__.py": "",
        "config/settings.py": SETTINGS,
        "config/urls.py": "urlpatterns = []\n",
        "config/wsgi.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n',
        "doctors/__init__.py": "",
        "doctors/apps.py": "from django.apps import AppConfig\n\n\nclass DoctorsConfig(AppConfig):\n"
        '    name = "doctors"\n    default_auto_field = "django.db.models.BigAutoField"\n',
        "doctors/models.py": "from django.db import models\n\n\nclass Doctor(models.Model):\n"
        "    name = models.CharField(max_length=80)\n    email = models.EmailField()\n",
    }


def make_tree(root: Path, tree: Tree) -> Path:
    """Write a {path: text} dict below `root`."""
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def snapshot(root: Path) -> dict[str, tuple[str, int, bytes]]:
    """Every file, link and folder below `root` (git's own folder aside), with its mode and bytes."""
    found: dict[str, tuple[str, int, bytes]] = {}
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if n != ".git"]
        for name in [*names, *files]:
            path = Path(folder) / name
            info = path.lstat()
            kind = (
                "link"
                if stat.S_ISLNK(info.st_mode)
                else "folder"
                if stat.S_ISDIR(info.st_mode)
                else "file"
            )
            content = (
                str(path.readlink()).encode()
                if kind == "link"
                else path.read_bytes()
                if kind == "file"
                else b""
            )
            found[path.relative_to(root).as_posix()] = (kind, stat.S_IMODE(info.st_mode), content)
    return found


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No variable of the machine decides a test, and the state of undo is kept in a temporary folder."""
    for name in [*ENVIRONMENT, *(n for n in os.environ if n.startswith(("CELERY", "COPIER_")))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _valid_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is written in this process has to be what docs/schema promises, too."""
    from celeryize.ui import machine

    render = machine.render_document

    def checked(document: dict[str, object]) -> str:
        text = render(document)
        check_document(json.loads(text))
        return text

    monkeypatch.setattr(machine, "render_document", checked)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The small project, not under git."""
    return make_tree(tmp_path / "project", small_project())


@pytest.fixture
def git_project(project: Path) -> Path:
    """The small project, committed."""
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "start")
    return project


def git(
    folder: Path, *arguments: str, data: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git with an identity of its own."""
    identity = (
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "core.autocrlf=false",
    )
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, input=data, capture_output=True, check=True
    )


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def celeryize() -> Run:
    """Run the command line as a user does: a process, without a terminal.

    What it answers with --json has to be what docs/schema promises.
    """

    def run(
        folder: Path, *arguments: str, data: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "celeryize", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
            input=data,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if "--json" in arguments:
            check_document(json.loads(ran.stdout))
        return ran

    return run
