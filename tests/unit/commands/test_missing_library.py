"""commands/missing_library: told once, with the line that adds it."""

from __future__ import annotations

import pytest

from celeryize.commands.missing_library import require_imports, require_library
from celeryize.detect.project import load_project
from celeryize.errors import CeleryizeError
from tests.conftest import make_tree, small_project

FILES = {
    "pip": {"requirements.txt": "django\n"},
    "uv": {"pyproject.toml": "[project]\nname='x'\ndependencies=['django']\n", "uv.lock": ""},
    "poetry": {"pyproject.toml": "[tool.poetry.dependencies]\ndjango = '*'\n"},
    "pipenv": {"Pipfile": "[packages]\ndjango = '*'\n"},
}
LINES = {
    "pip": "pip install 'celery[solar]'`, and declare celery[solar] in requirements.txt",
    "uv": "`uv add 'celery[solar]'`",
    "poetry": "`poetry add 'celery[solar]'`",
    "pipenv": "`pipenv install 'celery[solar]'`",
}


def project(tmp_path, manager="pip"):
    folder = make_tree(tmp_path / "p", {**small_project(), **FILES[manager]})
    site = folder / ".venv/lib/python3.12/site-packages"
    make_tree(site, {"django/__init__.py": "", "requests/__init__.py": ""})
    make_tree(folder, {".venv/bin/python": "#!/bin/sh\n"})
    return load_project(folder, python=None)


@pytest.mark.parametrize("manager", FILES)
def test_the_line_adds_it_with_the_manager_of_the_project(tmp_path, monkeypatch, manager):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    found = project(tmp_path, manager)
    monkeypatch.chdir(found.root)
    with pytest.raises(CeleryizeError, match="ephem is not installed") as caught:
        require_library(found, "ephem", "celery[solar]")
    assert caught.value.hint.endswith(LINES[manager])


def test_what_is_there_or_not_known_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    found = project(tmp_path)
    require_imports(found, ["import requests", "import json", "from doctors.models import Doctor"])
    with pytest.raises(CeleryizeError, match="httpx"):
        require_imports(found, ["import httpx"])
    (found.root / ".venv/lib/python3.12/site-packages/django/__init__.py").unlink()
    require_library(found, "ephem", "celery[solar]")
