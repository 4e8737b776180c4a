"""detect/: facts read off the files, each with its place; nothing of the project is imported."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import pytest

from celeryize.detect.layout import find_layout
from celeryize.detect.modules import Modules
from celeryize.detect.project import find_environment, load_project
from celeryize.errors import CannotPatch, NoProject
from tests.conftest import MANAGE, SETTINGS, make_tree, small_project, snapshot


def load(root: Path, tree, **options):
    return load_project(make_tree(root / "p", tree), python=sys.executable, **options)


@pytest.mark.parametrize(
    "code",
    [
        'INSTALLED_APPS.append("shop")\n',
        'INSTALLED_APPS += ["shop"]\n',
        'INSTALLED_APPS = INSTALLED_APPS + ["shop"]\n',
        'LOCAL = ["shop"]\nINSTALLED_APPS = [*INSTALLED_APPS, *LOCAL]\n',
        'if DEBUG:\n    INSTALLED_APPS.extend(("shop",))\n',
        'INSTALLED_APPS += ["shop.apps.ShopConfig"]\n',
    ],
)
def test_an_app_counts_as_installed_however_the_list_is_built(tmp_path, code):
    files = {
        "config/settings.py": SETTINGS + "\n" + code,
        "shop/__init__.py": "",
        "shop/apps.py": "",
        "shop/models.py": "",
    }
    project = load(tmp_path, {**small_project(), **files})
    assert {a.name: a.installed for a in project.apps} == {"doctors": True, "shop": True}


def test_an_app_that_is_not_named_is_found_and_distinguished(tmp_path):
    project = load(tmp_path, {**small_project(), "shop/__init__.py": "", "shop/models.py": ""})
    assert {a.name: a.installed for a in project.apps} == {"doctors": True, "shop": False}


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")', "config.settings"),
        ('os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"', "config.settings"),
        (
            'NAME = "config.settings"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", NAME)',
            "config.settings",
        ),
        (
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", os.environ.get("X", "config.settings"))',
            "config.settings",
        ),
        (
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", config("X", default="config.settings"))',
            "config.settings",
        ),
        (
            'print "old"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")',
            "config.settings",
        ),
    ],
)
def test_the_settings_module_is_read_off_manage_py(tmp_path, line, module):
    layout = find_layout(
        make_tree(tmp_path, {**small_project(), "manage.py": f"import os\n{line}\n"})
    )
    assert layout.settings == module
    assert layout.settings_where.line == line.count("\n") + 2


UNKNOWN = [
    "",
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{x}.settings")',
    'os.environ["DJANGO_SETTINGS_MODULE"]',
]
SECOND = {"config/production.py": "INSTALLED_APPS = []\n", "config/wsgi.py": "import os\n"}


def unknown_settings(line, files):
    manage = f"import os, django\nexecute = 1\n{line}\n"
    return {**small_project(), **files, "manage.py": manage}


@pytest.mark.parametrize("line", UNKNOWN)
def test_a_settings_module_that_is_not_known_is_asked_for_with_those_that_exist(tmp_path, line):
    with pytest.raises(NoProject) as caught:
        find_layout(make_tree(tmp_path, unknown_settings(line, SECOND)))
    options = [words.split()[:2] for words in caught.value.message.split("\n")[1:]]
    assert options == [["--settings", "config.production"], ["--settings", "config.settings"]]
    # what is named works when it is pasted
    for _, name in options:
        assert find_layout(tmp_path, name).settings == name
        assert load_project(tmp_path, settings=name, python=sys.executable).settings.module == name


@pytest.mark.parametrize("line", UNKNOWN)
@pytest.mark.parametrize(
    ("files", "module"),
    [
        ({"config/wsgi.py": "import os\n"}, "config.settings"),
        (
            {
                **SECOND,
                "config/wsgi.py": "import os\n\nos.environ.setdefault("
                "'DJANGO_SETTINGS_MODULE', 'config.production')\n",
            },
            "config.production",
        ),
        (
            {
                **SECOND,
                "docker-compose.yml": "services:\n  web:\n    environment:\n"
                "      - DJANGO_SETTINGS_MODULE=config.production\n",
                "Makefile": "test:\n\tDJANGO_SETTINGS_MODULE=config.test pytest\n",
            },
            "config.production",
        ),
        (
            {**SECOND, ".devcontainer.json": '{"DJANGO_SETTINGS_MODULE": "config.production"}\n'},
            "config.production",
        ),
        (
            {**SECOND, ".env.example": "DJANGO_SETTINGS_MODULE='config.production'\n"},
            "config.production",
        ),
        (
            {**SECOND, ".env": "A=1\nDJANGO_SETTINGS_MODULE=config.production\n"},
            "config.production",
        ),
    ],
)
def test_a_settings_module_that_only_one_place_shows_is_taken(tmp_path, line, files, module):
    layout = find_layout(make_tree(tmp_path, unknown_settings(line, files)))
    assert layout.settings == module
    assert layout.settings_where is not None


@pytest.mark.parametrize(
    "files",
    [
        {"Dockerfile": "# ENV DJANGO_SETTINGS_MODULE config.production (of old)\n"},
        {
            "pyproject.toml": '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "config.production"\n'
        },
        {"Makefile": "ci:\n\tDJANGO_SETTINGS_MODULE=config.ci pytest\n", "config/ci.py": ""},
    ],
)
def test_what_is_commented_out_or_for_tests_names_no_settings(tmp_path, files):
    with pytest.raises(NoProject, match="look like settings"):
        find_layout(make_tree(tmp_path, unknown_settings("", {**SECOND, **files})))


def test_a_comment_beside_the_module_that_counts_is_ignored(tmp_path):
    example = "# DJANGO_SETTINGS_MODULE=config.settings\nDJANGO_SETTINGS_MODULE=config.production\n"
    tree = unknown_settings("", {**SECOND, ".env.example": example})
    assert find_layout(make_tree(tmp_path, tree)).settings == "config.production"


def test_two_modules_in_two_files_of_the_environment_are_no_answer(tmp_path):
    files = {
        **SECOND,
        "Dockerfile": "ENV DJANGO_SETTINGS_MODULE config.production\n",
        ".env.example": "DJANGO_SETTINGS_MODULE=config.settings\n",
    }
    with pytest.raises(NoProject, match="look like settings"):
        find_layout(make_tree(tmp_path, unknown_settings("", files)))


def test_of_two_branches_the_module_that_exists_is_taken(tmp_path):
    line = (
        'if os.getenv("PROD"):\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.gone")\n'
        'else:\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
    )
    assert (
        find_layout(make_tree(tmp_path, unknown_settings(line, {}))).settings == "config.settings"
    )


@pytest.mark.parametrize(
    "line", ['WSGI_APPLICATION = "site_.wsgi.application"', 'ROOT_URLCONF = "site_.urls"']
)
def test_the_package_of_the_site_is_a_place_for_the_app(tmp_path, line):
    files = {
        "manage.py": MANAGE.format(settings="settings"),
        "settings.py": f'INSTALLED_APPS = ["django.contrib.auth"]\n{line}\n',
        "site_/__init__.py": "",
        "site_/urls.py": "",
        "site_/wsgi.py": "",
    }
    assert load(tmp_path, files).package.name == "site_"


def test_without_any_package_there_is_no_place_for_the_app(tmp_path):
    files = {
        "manage.py": MANAGE.format(settings="settings"),
        "settings.py": 'INSTALLED_APPS = ["django.contrib.auth"]\nROOT_URLCONF = "urls"\n',
        "urls.py": "",
    }
    with pytest.raises(CannotPatch, match="no place"):
        load(tmp_path, files)


def test_manage_py_in_the_package_is_run_from_the_folder_above(tmp_path):
    tree = {"repo/" + path: text for path, text in small_project().items()}
    tree["repo/config/manage.py"] = tree.pop("repo/manage.py")
    tree["repo/requirements.txt"] = "Django\n"
    layout = find_layout(make_tree(tmp_path, tree) / "repo")
    assert (layout.base, layout.manage) == (PurePosixPath("."), PurePosixPath("config/manage.py"))


def test_manage_py_that_calls_another_one_is_followed(tmp_path):
    files = {
        **small_project(),
        "manage.py": "from config.manage import main\n\nmain()\n",
        "config/manage.py": MANAGE.format(settings="config.settings"),
    }
    layout = find_layout(make_tree(tmp_path, files))
    assert layout.settings == "config.settings"
    assert str(layout.settings_where) == "config/manage.py:7"


def test_manage_py_that_calls_a_function_of_any_module_is_followed(tmp_path):
    tree = {
        **{f"src/{path}": text for path, text in small_project().items() if path != "manage.py"},
        "src/config/commands.py": MANAGE.format(settings="config.settings"),
        "manage.py": "import sys\nfrom pathlib import Path\n\n"
        "sys.path.insert(0, str(Path(__file__).parent / 'src'))\n"
        "from config.commands import main\n\nmain()\n",
    }
    layout = find_layout(make_tree(tmp_path, tree))
    assert (str(layout.manage), layout.settings) == ("manage.py", "config.settings")
    assert str(layout.settings_where) == "src/config/commands.py:7"


@pytest.mark.parametrize("place", ["bin/manage", "config/__main__.py", "shop-admin.py"])
def test_the_one_script_that_does_the_work_of_manage_py_is_taken(tmp_path, place):
    tree = small_project()
    tree[place] = tree.pop("manage.py")
    layout = find_layout(make_tree(tmp_path, tree))
    assert (layout.base, layout.manage) == (PurePosixPath("."), PurePosixPath(place))


def test_the_scripts_of_a_home_folder_are_not_read(tmp_path):
    tree = {"bin/manage": MANAGE.format(settings="config.settings"), "config/settings.py": ""}
    with pytest.raises(NoProject, match=r"no Django manage\.py"):
        find_layout(make_tree(tmp_path, tree))


def test_a_long_file_is_no_script(tmp_path):
    tree = small_project()
    tree["bin/manage"] = tree.pop("manage.py") + 70_000 * "#"
    with pytest.raises(NoProject, match=r"no Django manage\.py"):
        find_layout(make_tree(tmp_path, tree))


@pytest.mark.parametrize(
    "scripts",
    [
        # which of two is meant is not ours to guess; and the tests of a library are no project
        {"bin/manage": MANAGE, "bin/shop": MANAGE},
        {"runtests.py": MANAGE},
        {"quick.py": MANAGE.replace("{settings}", "tests.settings")},
    ],
)
def test_other_scripts_are_no_manage_py(tmp_path, scripts):
    tree = small_project()
    del tree["manage.py"]
    tree |= {path: text.format(settings="config.settings") for path, text in scripts.items()}
    with pytest.raises(NoProject, match=r"no Django manage\.py"):
        find_layout(make_tree(tmp_path, tree))


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (
            "{{cookiecutter.slug}}/manage.py",
            MANAGE.format(settings="config.settings"),
            "cookiecutter",
        ),
        ("manage.py", MANAGE.format(settings="{{ project_name }}.settings"), "template"),
        ("manage.py", MANAGE.format(settings="x") + "{% if cookiecutter.x %}\n", "cookiecutter"),
    ],
)
def test_an_unrendered_template_is_called_a_template(tmp_path, path, text, words):
    with pytest.raises(NoProject) as caught:
        find_layout(make_tree(tmp_path, {path: text, "cookiecutter.json": "{}"}))
    assert "project template" in caught.value.message
    assert words in caught.value.message + caught.value.hint


def test_an_f_string_with_braces_is_no_template(tmp_path):
    text = MANAGE.format(settings="config.settings") + 'print(f"{{x}} {1}")\n'
    assert find_layout(make_tree(tmp_path, {**small_project(), "manage.py": text}))


def test_detection_writes_and_imports_nothing(tmp_path):
    canary = "open('canary', 'w').write('imported')\n"
    files = {
        path: canary + text if path.endswith(".py") else text
        for path, text in small_project().items()
    }
    root = make_tree(tmp_path / "p", files)
    before = snapshot(root)
    load_project(root, python=sys.executable)
    assert snapshot(root) == before


def test_the_interpreter_beside_the_project_is_preferred_to_the_running_one(tmp_path):
    root = make_tree(tmp_path / "p", small_project())
    (root / ".venv").symlink_to(sys.prefix)
    project = load_project(root)
    assert (project.interpreter.path, project.interpreter.why) == (
        root / ".venv/bin/python",
        ".venv/ beside the project",
    )


def test_an_activated_environment_without_django_does_not_hide_the_one_that_has_it(
    tmp_path, monkeypatch
):
    root = make_tree(tmp_path / "p", small_project())
    (root / "venv").symlink_to(sys.prefix)
    make_tree(tmp_path / "other", {"bin/python": ""})
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "other"))
    assert load_project(root).interpreter.path == root / "venv/bin/python"


def test_a_package_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(CannotPatch, match="package nothing not found"):
        load(tmp_path, small_project(), package="nothing")


@pytest.mark.parametrize("where", [".", "doctors", "config"])
def test_the_project_is_found_from_any_folder_of_it(tmp_path, where):
    root = make_tree(tmp_path / "p", small_project())
    assert find_layout(root / where).manage.as_posix() == "manage.py"


def test_a_file_of_many_thousand_lines_is_no_trouble(tmp_path):
    text = SETTINGS + "".join(f"NAME_{n} = {n}\n" for n in range(6000))
    project = load(
        tmp_path,
        {
            **small_project(),
            "config/settings.py": text,
            "manage.py": MANAGE.format(settings="config.settings"),
        },
    )
    assert project.settings.assigned["NAME_5999"].line == text.count("\n")


@pytest.mark.parametrize(
    "name", ["", ".", "doctors.", "..doctors", "a" * 300, "é" * 200, "a/b", "\0", "\ud800"]
)
def test_a_name_that_no_import_finds_is_no_module_and_no_trouble(tmp_path, name):
    modules = Modules(make_tree(tmp_path, small_project()), (PurePosixPath("."),))
    assert (modules.find(name), modules.folder(name)) == (None, None)


def test_an_absolute_path_is_no_module(tmp_path):
    outside = make_tree(tmp_path / "outside", {"a/__init__.py": ""})
    modules = Modules(make_tree(tmp_path / "p", small_project()), (PurePosixPath("."),))
    assert (modules.find(f"{outside}/a"), modules.folder(f"{outside}/a")) == (None, None)
    assert modules.find("doctors.models") == PurePosixPath("doctors/models.py")
    assert modules.folder("doctors") == PurePosixPath("doctors")


@pytest.mark.parametrize("ask", [True, False])
def test_a_manager_is_run_only_where_the_project_is_imported(tmp_path, monkeypatch, ask):
    files = {
        **small_project(),
        "pyproject.toml": '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "*"\n',
        "poetry.lock": "",
    }
    root = make_tree(
        tmp_path / "p", {path: text for path, text in files.items() if path != "requirements.txt"}
    )
    poetry = (
        make_tree(tmp_path / "bin", {"poetry": f"#!/bin/sh\ntouch {tmp_path}/asked\n"}) / "poetry"
    )
    poetry.chmod(0o755)
    monkeypatch.setenv("PATH", f"{poetry.parent}:/usr/bin:/bin")
    find_environment(root, ask=ask)
    assert (tmp_path / "asked").exists() is ask


def test_a_plan_is_made_of_the_bytes_that_the_facts_were_read_from(tmp_path):
    """Another run, or an editor, between the two would be planned on, and its settings written twice."""
    project = load(tmp_path, small_project())
    path = project.settings.file
    before = (project.root / path).read_bytes()
    (project.root / path).write_bytes(before + b"CELERY_BROKER_URL = ''\n")
    draft = project.draft()
    draft.write(path, before + b"# ours\n", "a test")
    assert [edit.before for edit in draft.edits()] == [before]


def test_a_file_that_no_fact_was_read_from_is_planned_as_it_is_now(tmp_path):
    project = load(tmp_path, small_project())
    (project.root / "requirements.txt").write_bytes(b"django\n")
    assert project.draft().read(PurePosixPath("requirements.txt")) == b"django\n"


def test_additions_under_conditions_are_no_environments(tmp_path):
    apps = 'from . import base\n\nINSTALLED_APPS = [*base.INSTALLED_APPS, "toolbar"]\n'
    files = {
        "config/settings.py": None,
        "config/settings/__init__.py": (
            "import sys\n\nfrom .base import *\n\n"
            'TEST = "pytest" in sys.modules\n'
            "if TEST:\n    from .test import *\n"
            "if DEBUG and not TEST:\n    from .dev import *\n"
        ),
        "config/settings/base.py": SETTINGS,
        "config/settings/test.py": apps,
        "config/settings/dev.py": apps,
    }
    tree = {name: text for name, text in {**small_project(), **files}.items() if text is not None}
    settings = load(tmp_path, tree).settings
    assert settings.file == PurePosixPath("config/settings/base.py")
    assert settings.environments == ("config.settings",)


@pytest.mark.parametrize(
    ("installed", "package"),
    # where the site has no installed app, only a web process imports it, and no command does
    [("shop.orders", "shop"), ("doctors", "settings")],
)
def test_a_folder_of_settings_beside_the_site_is_not_the_place_of_the_app(
    tmp_path, installed, package
):
    urls = '"""urls"""\n'
    settings = SETTINGS + 'ROOT_URLCONF = "shop.urls"\nWSGI_APPLICATION = "shop.wsgi.application"\n'
    files = {
        "manage.py": MANAGE.format(settings="settings.common"),
        "settings/__init__.py": "",
        "settings/common.py": settings.replace('"doctors"', f'"{installed}"'),
        "shop/__init__.py": "",
        "shop/urls.py": urls,
        "shop/orders/__init__.py": "",
        "shop/orders/models.py": "",
        "doctors/__init__.py": "",
        "doctors/models.py": "",
    }
    assert load(tmp_path, files).package.name == package
