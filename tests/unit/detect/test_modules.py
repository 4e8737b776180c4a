"""detect/modules.py: a file has the name under which its project imports it."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.detect.modules import Modules

ROOTS = (PurePosixPath("."), PurePosixPath("shop"))


@pytest.mark.parametrize(
    ("packages", "path", "name"),
    [
        # nothing is known: the longest root
        ({}, "shop/users/tasks.py", "users.tasks"),
        ({"shop/users": "shop.users"}, "shop/users/tasks.py", "shop.users.tasks"),
        ({"shop/users": "users"}, "shop/users/tasks.py", "users.tasks"),
        # a module that is in no app goes by the root of the others
        ({"shop/users": "shop.users"}, "shop/tools.py", "shop.tools"),
        ({"shop/users": "users"}, "shop/tools.py", "tools"),
        ({"shop/users": "shop.users"}, "shop/__init__.py", "shop"),
        # both ways in one project
        ({"shop/users": "shop.users", "shop/old": "old"}, "shop/old/tasks.py", "old.tasks"),
        ({"shop/users": "shop.users", "shop/old": "old"}, "shop/users/a/b.py", "shop.users.a.b"),
    ],
)
def test_a_file_below_two_roots_has_the_name_that_installed_apps_gives(
    tmp_path, packages, path, name
):
    modules = Modules(tmp_path, ROOTS)
    modules.name_packages({PurePosixPath(folder): app for folder, app in packages.items()})
    assert modules.name_of(PurePosixPath(path)) == name


def test_a_file_below_no_root_has_no_name(tmp_path):
    modules = Modules(tmp_path, (PurePosixPath("shop"),))
    assert modules.name_of(PurePosixPath("other/a.py")) is None
