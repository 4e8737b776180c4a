"""detect/environment_readers.py: how a project reads variables, wherever it made its reader."""

from __future__ import annotations

import pytest

from tests.unit.detect.test_settings_flow import SETTINGS, load

ENVIRON = "import environ\n\nenv = environ.Env()\n"


@pytest.mark.parametrize(
    ("files", "expression"),
    [
        (
            {"config/environment.py": ENVIRON, "": "from config.environment import env\n"},
            "env('X', default='d')",
        ),
        (
            {"config/environment.py": ENVIRON, "": "from .environment import env as e\n"},
            "e('X', default='d')",
        ),
        (
            {"config/environment.py": ENVIRON, "": "from .environment import *\n"},
            "env('X', default='d')",
        ),
        (
            {
                "config/conf.py": "from decouple import AutoConfig\n\nconfig = AutoConfig()\n",
                "": "from config.conf import config\n",
            },
            "config('X', default='d')",
        ),
        (
            {
                "config/conf.py": "from decouple import config\n",
                "": "from config.conf import config as c\n",
            },
            "c('X', default='d')",
        ),
        (
            {
                "config/util.py": "import os\n\n\ndef get_str_env(name, default=None):\n"
                "    return os.environ.get(name, default)\n",
                "": "from config.util import get_str_env\n",
            },
            "get_str_env('X', 'd')",
        ),
        (
            {
                "": "import os\n\n\ndef env_or(key, default):\n    try:\n        return os.environ[key]\n"
                "    except KeyError:\n        return default\n"
            },
            "env_or('X', 'd')",
        ),
        (
            {
                "": "import os\n\n\ndef get_env(name, default=None):\n"
                "    value = os.environ.get(name) or default\n    return value\n"
            },
            "get_env('X', 'd')",
        ),
        (
            {
                "": "import os\n\n\ndef get_env(name, default=None, required=False, *, cast=None):\n"
                "    value = os.environ.get(name, default)\n    if required and value is None:\n"
                "        raise RuntimeError(name)\n    return value\n"
            },
            "get_env('X', 'd')",
        ),
        (
            {"": "from environs import FileAwareEnv\n\nenv = FileAwareEnv()\n"},
            "env('X', default='d')",
        ),
    ],
)
def test_the_reader_of_the_project_is_used(tmp_path, files, expression):
    call = expression.partition("(")[0]
    head = files.pop("")
    settings = f'{head}{SETTINGS}A = {call}("A", "1")\nB = {call}("B", "2")\n'
    reader = load(tmp_path, {**files, "config/settings.py": settings}).settings.reader
    assert reader.read("'X'", "'d'") == expression


@pytest.mark.parametrize(
    "helper",
    [
        "def flag(name, default):\n    return os.environ.get(name, default) in ('1', 'yes')\n",
        "def number(name, default):\n    return int(os.environ.get(name, default))\n",
        "def items(name, default):\n    return os.environ.get(name, default).split(',')\n",
        "def required(name):\n    return os.environ[name]\n",
        "def path_of(name, default):\n    if name not in os.environ:\n"
        "        return default if default is None else Path(default)\n"
        "    return Path(os.environ[name]).resolve()\n",
        "def keyed(name, default=None, *, required):\n    return os.environ.get(name, default)\n",
        "def further(name, default, cast):\n    return os.environ.get(name, default)\n",
        "def secret(name, default):\n    if default is None:\n        raise KeyError(name)\n"
        "    return os.environ[name]\n",
        "def parsed(name, default):\n    value = yaml.safe_load(os.environ.get(name, default))\n"
        "    return value\n",
    ],
)
def test_a_helper_that_gives_no_text_is_not_used(tmp_path, helper):
    name = helper.split()[1].partition("(")[0]
    settings = f'import os\n\n\n{helper}\n\n{SETTINGS}A = {name}("A", "1")\n'
    reader = load(tmp_path, {"config/settings.py": settings}).settings.reader
    assert reader.call.startswith("os.")


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["SHOP_DEBUG", "SHOP_SECRET", "SHOP_HOST"], "SHOP_"),
        (["SHOP_DEBUG", "SHOP_SECRET", "SHOP_HOST", "DATABASE_URL"], "SHOP_"),
        (["SHOP_DEBUG", "SHOP_SECRET", "HOST"], ""),
        (["SHOP_DEBUG", "SECRET_KEY", "SHOP_HOST"], ""),
        (["SHOP_DEBUG", "SHOP_SECRET"], ""),
    ],
)
def test_a_prefix_is_one_that_all_variables_have(tmp_path, names, prefix):
    lines = "".join(f'X = env("{name}")\n' for name in names)
    settings = f"{ENVIRON}{SETTINGS}{lines}"
    assert load(tmp_path, {"config/settings.py": settings}).settings.reader.prefix == prefix


@pytest.mark.parametrize(
    "line",
    [
        "for env in ('dev', 'prod'):\n    pass\n",
        "if 'test' in ALLOWED_HOSTS:\n    env = None\n",
        "env: object = None\n",
        "with open(__file__) as env:\n    pass\n",
        "name, env = 'a', 'b'\n",
        "try:\n    import fast\nexcept ImportError:\n    env = {}.get\n",
        "try:\n    import fast\nexcept ImportError as env:\n    pass\n",
        "from os import environ as env\n",
        "def env(name):\n    return name\n",
        "class env:\n    pass\n",
    ],
)
def test_a_reader_that_is_bound_to_something_else_is_not_used(tmp_path, line):
    settings = f"{ENVIRON}{SETTINGS}A = env('A', default='1')\n{line}"
    reader = load(tmp_path, {"config/settings.py": settings}).settings.reader
    assert not reader.read("'X'", "'d'").startswith("env(")


@pytest.mark.parametrize(
    "line",
    [
        "env = environ.Env(DEBUG=(bool, False))\n",
        "HOSTS = [env for env in ('dev', 'prod')]\n",
        "def named(env):\n    env = env or 'dev'\n    return env\n",
        "class Chosen:\n    env = 'dev'\n",
        "ENV = env('ENV', default='dev')\n",
        "env: environ.Env\n",
    ],
)
def test_a_reader_whose_name_is_something_else_elsewhere_is_used(tmp_path, line):
    settings = f"{ENVIRON}{SETTINGS}A = env('A', default='1')\n{line}"
    reader = load(tmp_path, {"config/settings.py": settings}).settings.reader
    assert reader.read("'X'", "'d'") == "env('X', default='d')"
