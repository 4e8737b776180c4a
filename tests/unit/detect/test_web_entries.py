"""detect/web_entries, web_settings: what a web server imports, and what an app file changes."""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath

import pytest

from celeryize.commands.init.app_settings import choose_app_settings
from celeryize.detect.project import load_project
from celeryize.detect.web_settings import entries_to_import, settings_changes
from celeryize.errors import CannotPatch
from tests.conftest import MANAGE, SETTINGS, make_tree, small_project

LOCAL = MANAGE.format(settings="config.settings.local")
PRODUCTION = "from .base import *\n\nDEBUG = False\n"
ENVIRONMENTS = {
    "manage.py": LOCAL,
    "config/settings.py": None,
    "config/settings/__init__.py": "",
    "config/settings/base.py": SETTINGS,
    "config/settings/local.py": "from .base import *\n",
    "config/settings/production.py": PRODUCTION,
}
SETS = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", {})\n'
NAMES_PRODUCTION = SETS.format('"config.settings.production"')
NAMES_LOCAL = SETS.format('"config.settings.local"')


def load(tmp_path, files, **options):
    tree = {**small_project(), **ENVIRONMENTS, **files}
    tree = {path: text for path, text in tree.items() if text is not None}
    return load_project(make_tree(tmp_path / "p", tree), python=sys.executable, **options)


def test_the_app_file_takes_the_settings_of_the_web_process(tmp_path):
    project = load(tmp_path, {"config/wsgi.py": NAMES_PRODUCTION})
    chosen = choose_app_settings(project)
    assert '"config.settings.production"' in chosen.lines
    assert "config.settings.production (config/wsgi.py:3)" in chosen.note
    assert "DJANGO_SETTINGS_MODULE=config.settings.local" in chosen.note


@pytest.mark.parametrize(
    "wsgi",
    [
        NAMES_LOCAL,
        # nothing, and a module that is gone: it does not decide
        "import os\n",
        SETS.format('"oldname.settings"'),
    ],
)
def test_the_app_file_takes_the_settings_of_manage_py_where_wsgi_has_no_others(tmp_path, wsgi):
    project = load(tmp_path, {"config/wsgi.py": wsgi})
    assert '"config.settings.local"' in choose_app_settings(project).lines


@pytest.mark.parametrize(
    ("wsgi", "lines"),
    [
        (
            SETS.format("f\"config.settings.{os.getenv('STAGE', 'production')}\""),
            "f\"config.settings.{os.getenv('STAGE', 'production')}\"",
        ),
        (
            "import os\n\nname = 'production' if 'PROD' in os.environ else 'local'\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.' + name)\n",
            "name = 'production' if 'PROD' in os.environ else 'local'\n",
        ),
        (
            "from dotenv import load_dotenv\n\nload_dotenv()\n",
            "load_dotenv()\n",
        ),
        (
            "from config.env import prepare\n\nprepare()\n",
            "prepare()\n",
        ),
    ],
)
def test_the_app_file_chooses_by_the_same_lines_where_wsgi_reads_the_environment(
    tmp_path, wsgi, lines
):
    helper = f"import os\n\ndef prepare():\n    {NAMES_LOCAL.splitlines()[2]}\n".replace(
        '"config.settings.local"', 'os.getenv("STAGE", "config.settings.production")'
    )
    project = load(tmp_path, {"config/wsgi.py": wsgi, "config/env.py": helper})
    chosen = choose_app_settings(project)
    assert lines in chosen.lines
    # what these lines need goes to the imports of the app file
    assert not re.search(r"(?m)^(from|import) ", chosen.lines)
    assert set(chosen.imports) <= {
        "import os",
        "from dotenv import load_dotenv",
        "from config.env import prepare",
    }
    assert bool(chosen.imports) == wsgi.startswith("from")


@pytest.mark.parametrize(
    "files",
    [
        {"config/wsgi.py": NAMES_PRODUCTION, "config/asgi.py": NAMES_LOCAL},
        {
            "config/wsgi.py": "import os, sys\n\nname = 'local' if 'x' in sys.argv else 'production'\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings.' + name)\n"
        },
    ],
)
def test_web_processes_that_no_app_file_can_serve_are_refused(tmp_path, files):
    with pytest.raises(CannotPatch) as caught:
        choose_app_settings(load(tmp_path, files, package="config"))
    assert "config/wsgi.py" in caught.value.message
    assert caught.value.hint


def test_an_empty_package_that_wsgi_names_is_taken_and_called_so(tmp_path):
    project = load(tmp_path, {"config/wsgi.py": SETS.format('"config.settings"')})
    chosen = choose_app_settings(project)
    assert '"config.settings")' in chosen.lines
    assert "config.settings holds no settings" in chosen.note


def changes(project, app_file):
    return [
        (change.entry.module, change.name, change.certain)
        for change in settings_changes(
            project.modules, project.web, "config", PurePosixPath(app_file)
        )
    ]


@pytest.mark.parametrize(
    ("wsgi", "app", "expected"),
    [
        (NAMES_PRODUCTION, NAMES_LOCAL, [("config.wsgi", "config.settings.local", True)]),
        (NAMES_PRODUCTION, NAMES_PRODUCTION, []),
        # what replaces the variable is not changed by what came first
        (NAMES_PRODUCTION.replace(".setdefault(", "[").replace('", "', '"] = "').replace(")", ""),
         NAMES_LOCAL, []),
        (NAMES_PRODUCTION, "import os\n", []),
        ("import os\n", NAMES_LOCAL, []),
        (SETS.format('os.getenv("S", "config.settings.local")'), NAMES_LOCAL,
         [("config.wsgi", "config.settings.local", False)]),
        (SETS.format('os.getenv("S", "config.settings.local")'),
         SETS.format('os.getenv("S", "config.settings.local")'), []),
    ],
)  # fmt: skip
def test_an_app_file_changes_the_settings_of_a_web_process(tmp_path, wsgi, app, expected):
    project = load(tmp_path, {"config/wsgi.py": wsgi, "config/worker.py": app})
    assert changes(project, "config/worker.py") == expected


def test_a_web_entry_of_another_package_is_not_changed(tmp_path):
    files = {
        "config/wsgi.py": None,
        "wsgi.py": NAMES_PRODUCTION,
        "config/worker.py": NAMES_LOCAL,
    }
    assert changes(load(tmp_path, files), "config/worker.py") == []


def test_the_settings_name_the_web_entry(tmp_path):
    base = SETTINGS + '\nWSGI_APPLICATION = "deploy.server.application"\n'
    files = {
        "config/settings/base.py": base,
        "deploy/__init__.py": "",
        "deploy/server.py": NAMES_PRODUCTION,
        "config/wsgi.py": None,
    }
    assert [entry.module for entry in load(tmp_path, files).web] == ["deploy.server"]


def test_nothing_more_is_imported_where_all_name_the_same(tmp_path):
    project = load(tmp_path, {"config/wsgi.py": NAMES_LOCAL})
    name = project.settings.module
    assert entries_to_import(project.modules, project.web, name, ()) == ()
    other = load(tmp_path / "other", {"config/wsgi.py": NAMES_PRODUCTION})
    assert entries_to_import(other.modules, other.web, name, ()) == ("config.wsgi",)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("Procfile", "web: gunicorn server:application --bind 0.0.0.0:8000"),
        ("compose.yml", "    command: uvicorn --host localhost:8000 server:application"),
        ("Dockerfile", 'CMD ["daphne", "-b", "0.0.0.0", "server:application"]'),
    ],
)
def test_what_a_server_is_given_is_a_web_entry_whatever_it_is_called(tmp_path, file, line):
    project = load(tmp_path, {"server.py": NAMES_PRODUCTION, file: f"{line}\n"})
    found = {entry.module: entry.names for entry in project.web}
    assert found["server"] == ("config.settings.production",)


def test_what_is_commented_out_or_is_of_another_framework_serves_nothing(tmp_path):
    files = {
        "server.py": NAMES_PRODUCTION,
        "fast.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
        "Procfile": "# web: gunicorn server:application\napi: uvicorn fast:app\n",
    }
    assert {entry.module for entry in load(tmp_path, files).web} <= {"config.wsgi"}
