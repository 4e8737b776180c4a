"""detect/settings.py and settings_flow.py: what every environment has, and where a block goes."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import pytest

from celeryize.detect.project import Project, load_project
from celeryize.detect.settings_flow import is_ignored
from tests.conftest import MANAGE, SETTINGS, make_tree, small_project

BROKER = 'CELERY_BROKER_URL = "amqp://elsewhere//"\n'


def load(root: Path, files: dict[str, str], settings: str = "config.settings") -> Project:
    tree = {**small_project(), "manage.py": MANAGE.format(settings=settings), **files}
    if settings != "config.settings" or "config/settings/__init__.py" in files:
        del tree["config/settings.py"]
        wsgi = f'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")\n'
        tree = {
            "config/wsgi.py": wsgi,
            **{k: v for k, v in tree.items() if k not in files},
            **files,
        }
        tree["config/wsgi.py"] = files.get("config/wsgi.py", wsgi)
    return load_project(make_tree(root / "p", tree), python=sys.executable)


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("local_settings.py", "config/local_settings.py", True),
        ("*.local.py", "config/x.local.py", True),
        ("/config/local.py", "config/local.py", True),
        ("/local.py", "config/local.py", False),
        ("private/", "config/private/local.py", True),
        ("**/local.py", "config/local.py", True),
        ("*.py\n!local.py", "config/local.py", False),
        ("# local.py", "config/local.py", False),
        ("local", "config/local.py", False),
    ],
)
def test_what_git_ignores(tmp_path, pattern, path, ignored):
    (tmp_path / ".gitignore").write_text(f"{pattern}\n")
    assert is_ignored(tmp_path, PurePosixPath(path)) is ignored


@pytest.mark.parametrize(
    "loaded",
    [
        "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n",
        'if ENV == "local":\n    from .local_settings import *\n',
        "from .local_settings import *\n",
    ],
)
def test_a_file_that_is_not_everywhere_does_not_keep_the_broker_out(tmp_path, loaded):
    settings = SETTINGS + 'ENV = "local"\n' + loaded
    files = {
        ".gitignore": "local_settings.py\n",
        "config/settings.py": settings,
        "config/local_settings.py": BROKER,
    }
    project = load(tmp_path, files)
    assert "CELERY_BROKER_URL" not in project.settings.taken
    # the block goes above, so that the local file still has the last word
    assert project.settings.last and project.settings.last.line == settings.count("\n") - (
        loaded.count("\n") - 1
    )


@pytest.mark.parametrize(
    "code",
    [
        BROKER,
        f"if DEBUG:\n    {BROKER}",
        f"try:\n    import x\nexcept ImportError:\n    {BROKER}",
    ],
)
def test_a_broker_in_the_settings_themselves_is_left_alone(tmp_path, code):
    project = load(tmp_path, {"config/settings.py": f"{SETTINGS}DEBUG = True\n{code}"})
    assert "CELERY_BROKER_URL" in project.settings.taken


def test_a_broker_of_one_environment_is_missing_in_the_other(tmp_path):
    files = {
        "config/settings/__init__.py": "",
        "config/settings/base.py": SETTINGS,
        "config/settings/local.py": "from .base import *\n" + BROKER,
        "config/settings/production.py": "from .base import *\n",
    }
    project = load(tmp_path, files, "config.settings.local")
    assert project.settings.file == PurePosixPath("config/settings/base.py")
    assert "CELERY_BROKER_URL" not in project.settings.taken


LOADERS = [
    "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n",
    'if os.path.exists("/etc/x.py"):\n    exec(open("/etc/x.py").read())\n',
    'with open("/etc/x.py") as f:\n    exec(f.read())\n',
    "try:\n    globals().update(load().__dict__)\nexcept ImportError:\n    pass\n",
    'try:\n    with open("x.py") as f:\n        exec(f.read(), globals())\nexcept OSError:\n    pass\n',
]


@pytest.mark.parametrize("loader", LOADERS)
def test_a_local_file_in_the_middle_keeps_the_last_word(tmp_path, loader):
    head = f"import os\n\n{SETTINGS}"
    project = load(tmp_path, {"config/settings.py": f"{head}{loader}USE_TZ = True\nX = 1\n"})
    assert project.settings.last
    assert project.settings.last.line == head.count("\n") + 1


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        ("# NOTE: DON'T INSERT ANYTHING AFTER THIS BLOCK\nTEST_RUNNER = 'x'\nX = 1\n", 1),
        ("# Do not add settings below this line.\nX = 1\n", 1),
        ("# This has to stay at the end of the file\nconfigure_logging(X)\n", 1),
        ("X = 1\nif X:\n    Y = 1\n# no more settings after this line\n", 4),
        ("X = 1\n# Don't add settings below\n# (see README)\n\n# local\nY = 1\n", 2),
        ("# Nothing below\n# (see README)\n\n# local\nfrom .local import *\n", 1),
        ("# Nothing below this line\n@deco\ndef x():\n    pass\n", 1),
        ("X = 1\ndel X\n", 2),
        ("X = 1\n# vim: set ts=4 sw=4 et:\n", 2),
        ("X = 1\n# vi: ft=python\n", 2),
        ("# I write this in vim: well\nX = 1\n", None),
        ("# The cache comes after the database\nX = 1\n", None),
        ("# WhiteNoise must be the last one\nX = 1\n", None),
    ],
)
def test_a_comment_that_wants_nothing_after_it_is_heeded(tmp_path, tail, line):
    project = load(tmp_path, {"config/settings.py": f"{SETTINGS}{tail}"})
    last = project.settings.last
    assert (last and last.line) == (line and SETTINGS.count("\n") + line)


def test_the_first_comment_of_a_file_is_not_the_one_that_counts(tmp_path):
    text = f"# Never change the order below\n{SETTINGS}# Do not add settings below\nX = 1\n"
    project = load(tmp_path, {"config/settings.py": text})
    assert project.settings.last.line == text.count("\n") - 1


@pytest.mark.parametrize("loader", LOADERS)
def test_a_local_file_at_the_top_is_a_base(tmp_path, loader):
    settings = f"import os\n\n{loader}{SETTINGS}USE_TZ = True\nX = 1\n"
    assert load(tmp_path, {"config/settings.py": settings}).settings.last is None


@pytest.mark.parametrize(
    "code",
    [
        "from config import base\n\nglobals().update({k: v for k, v in vars(base).items()})\n",
        "import config.base as base\n\nfor k in dir(base):\n    globals()[k] = getattr(base, k)\n",
        "from . import base\n\nlocals().update(base.__dict__)\n",
    ],
)
def test_settings_that_are_exported_by_code_are_those_of_the_module(tmp_path, code):
    base = (
        "import environ\n\nenv = environ.Env()\n" + SETTINGS + 'X = env("X")\nTIME_ZONE = "UTC"\n'
    )
    project = load(tmp_path, {"config/settings.py": code, "config/base.py": base})
    assert project.settings.file == PurePosixPath("config/base.py")
    assert project.settings.reader.call == "env"
    assert "TIME_ZONE" in project.settings.visible


@pytest.mark.parametrize(
    ("base", "visible"),
    [
        ('TIME_ZONE = "UTC"\n', True),
        ('__all__ = ["DEBUG"]\nDEBUG = True\nTIME_ZONE = "UTC"\n', False),
        ('import os\nif os.environ.get("TZ"):\n    TIME_ZONE = "UTC"\n', False),
        (
            'import os\nif os.environ.get("TZ"):\n    TIME_ZONE = "X"\nelse:\n    TIME_ZONE = "UTC"\n',
            True,
        ),
        ("from elsewhere import *\n", False),
    ],
)
def test_a_name_is_visible_where_it_is_certain(tmp_path, base, visible):
    files = {"config/base.py": base, "config/settings.py": f"from .base import *\n{SETTINGS}"}
    files["config/settings.py"] = files["config/settings.py"].replace("TIME_ZONE", "OTHER")
    assert ("TIME_ZONE" in load(tmp_path, files).settings.visible) is visible


def test_settings_classes_of_other_modules_are_followed(tmp_path):
    common = (
        "from configurations import Configuration\n\n\nclass Common(Configuration):\n"
        '    INSTALLED_APPS = ["doctors"]\n    TIME_ZONE = "UTC"\n'
    )
    child = "from .common import Common\n\n\nclass {}(Common):\n    INSTALLED_APPS = Common.INSTALLED_APPS\n"
    files = {
        "config/settings/__init__.py": "from .local import Local\nfrom .production import Production\n",
        "config/settings/common.py": common,
        "config/settings/local.py": child.format("Local"),
        "config/settings/production.py": child.format("Production"),
    }
    settings = load(tmp_path, files).settings
    assert settings.file == PurePosixPath("config/settings/common.py")
    assert settings.class_based and settings.class_based.line == 4
    assert "TIME_ZONE" in settings.visible


def test_an_empty_settings_package_is_its_modules(tmp_path):
    files = {
        "config/settings/__init__.py": "",
        "config/settings/base.py": SETTINGS,
        "config/settings/local.py": "from .base import *\n",
        "config/settings/production.py": "from .base import *\n",
    }
    settings = load(tmp_path, files).settings
    assert settings.file == PurePosixPath("config/settings/base.py")
    assert settings.environments == ("config.settings.local", "config.settings.production")
    assert not settings.others


def test_settings_that_share_nothing_are_known(tmp_path):
    files = {
        "config/settings/__init__.py": "",
        "config/settings/local.py": SETTINGS,
        "config/settings/production.py": SETTINGS,
        "config/wsgi.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", '
        '"config.settings.production")\n',
    }
    settings = load(tmp_path, files, "config.settings.local").settings
    assert settings.others == ("config.settings.production",)


def test_settings_of_tests_may_stand_alone(tmp_path):
    files = {
        "config/test_settings.py": SETTINGS,
        "config/wsgi.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", '
        '"config.test_settings")\n',
    }
    assert not load(tmp_path, files).settings.others


@pytest.mark.parametrize(
    "files",
    [
        {".celeryize.yml": 'broker: "redis"\nsettings: "config.production"\n'},
        {".celeryize.yml": "settings: config.production\n"},
        {"pyproject.toml": '[tool.celeryize]\nsettings = "config.production"\n'},
    ],
)
def test_the_settings_of_an_earlier_run_are_kept(tmp_path, files):
    tree = {**small_project(), **files, "config/production.py": "from .settings import *\n"}
    root = make_tree(tmp_path / "p", tree)
    kept = load_project(root, python=sys.executable)
    assert kept.settings.module == "config.production"
    assert str(kept.settings.where).startswith(next(iter(files)))
    given = load_project(root, python=sys.executable, settings="config.settings")
    assert given.settings.module == "config.settings"


@pytest.mark.parametrize("text", ["", "broker: redis\n", "settings:\n", "[tool.other]\n"])
def test_without_one_manage_py_decides(tmp_path, text):
    tree = {**small_project(), ".celeryize.yml": text, "pyproject.toml": ""}
    project = load_project(make_tree(tmp_path / "p", tree), python=sys.executable)
    assert project.settings.module == "config.settings"
