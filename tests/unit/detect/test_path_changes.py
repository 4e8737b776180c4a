"""detect/path_changes.py: folders that settings and manage.py put on sys.path."""

from __future__ import annotations

import ast

import pytest

from celeryize.detect.path_changes import added_parts
from celeryize.detect.project import load_project
from tests.conftest import make_tree, small_project
from tests.unit.detect.test_settings_flow import SETTINGS, load

APP = {"shop/__init__.py": "", "shop/apps.py": "", "shop/models.py": ""}
WITH_SHOP = SETTINGS + 'INSTALLED_APPS += ["shop"]\n'


def below(folder, files):
    return {f"{folder}/{path}": text for path, text in files.items()}


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("sys.path.insert(0, str(BASE_DIR / 'apps'))", [("apps",)]),
        ("sys.path.append(os.path.join(BASE_DIR, 'src', 'apps'))", [("src", "apps")]),
        ("sys.path.insert(0, os.path.join(BASE_DIR, '../apps/'))", [("apps",)]),
        ("sys.path += ['lib/x', str(BASE_DIR / 'apps')]", [("lib", "x"), ("apps",)]),
        ("sys.path = [str(BASE_DIR / 'apps')] + sys.path", [("apps",)]),
        ("sys.path[:0] = [str(BASE_DIR / 'apps')]", [("apps",)]),
        ("sys.path.extend([BASE_DIR / 'apps'])", [("apps",)]),
        ("site.addsitedir(BASE_DIR / 'apps')", [("apps",)]),
        ("APPS = BASE_DIR / 'apps'\nsys.path.insert(0, str(APPS))", [("apps",)]),
        (
            "ROOT = HERE / 'django'\nAPPS = ROOT / 'apps'\nsys.path.append(str(APPS))",
            [("django", "apps")],
        ),
        ("sys.path.insert(0, os.path.dirname(__file__))", []),
        ("sys.path.insert(0, str(APPS))", []),
        ("paths.insert(0, 'apps')", []),
        ("sys.path.remove('apps')", []),
        ("sys.path = sys.path[1:]", []),
    ],
)
def test_the_literal_parts_of_an_added_folder(code, parts):
    assert list(added_parts(ast.parse(code))) == parts


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("import sys\nsys.path.insert(0, str(BASE_DIR / 'apps'))\n", "apps"),
        ("import sys\nsys.path.append(os.path.join(HERE, '..', 'apps'))\n", "apps"),
        ("import sys\nsys.path.insert(0, 'config/apps')\n", "config/apps"),
    ],
)
def test_an_app_in_a_folder_that_the_settings_add_is_found(tmp_path, line, folder):
    files = {"config/settings.py": line + WITH_SHOP, **below(folder, APP)}
    project = load(tmp_path, files)
    shop = next(app for app in project.apps if app.label == "shop")
    assert (shop.name, str(shop.folder), shop.installed) == ("shop", f"{folder}/shop", True)
    assert project.modules.name_of(shop.folder / "models.py") == "shop.models"
    # the settings add it in each process: the worker needs nothing more
    assert str(project.layout.paths) == str((project.base,))


def test_a_folder_without_an_app_of_the_project_is_not_its_code(tmp_path):
    line = "import sys\nsys.path.insert(0, str(BASE_DIR / 'vendor'))\n"
    files = {"config/settings.py": line + SETTINGS, **below("vendor", APP)}
    assert [app.label for app in load(tmp_path, files).apps] == ["doctors"]


def test_the_apps_of_a_library_are_found_from_its_example_project(tmp_path):
    example = {**small_project(), "config/settings.py": WITH_SHOP}
    root = make_tree(tmp_path / "p", {**below("example", example), **below("src", APP)})
    (root / ".git").mkdir()
    project = load_project(root / "example")
    shop = next(app for app in project.apps if app.label == "shop")
    assert (str(shop.folder), shop.installed) == ("src/shop", True)
