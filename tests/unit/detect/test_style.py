"""detect/style.py: new files look like those that the project has."""

from __future__ import annotations

import pytest

from celeryize.commands.task import plan as task_plan
from tests import commands
from tests.conftest import make_tree, small_project, snapshot
from tests.views import Recorder

LICENCE = "# Copyright 2024 The Shop\n#\n# SPDX-License-Identifier: MIT\n\n"


def python_files(change):
    return {
        path: change(str(text)) if path.endswith(".py") and text else text
        for path, text in small_project().items()
    }


def wired(tmp_path, tree):
    folder = make_tree(tmp_path / "p", tree)
    commands.init(folder, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    request = task_plan.Request("doctors.send_mail", ("name:str",))
    commands.add_task(folder, Recorder(), request, yes=True, no_verify=True)
    return (folder / "config/celery.py").read_text(), (folder / "doctors/tasks.py").read_text()


def test_new_files_have_the_licence_that_all_files_have(tmp_path):
    app, tasks = wired(tmp_path, python_files(lambda text: LICENCE + text))
    assert app.startswith(LICENCE + "import os\n")
    assert tasks.startswith(LICENCE + "from celery import shared_task\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: f"# The shop.\n\n{text}",
        lambda text: f"# Copyright {len(text)}\n\n{text}",
        lambda text: text if "setdefault" in text else f"{LICENCE}{text}",
    ],
)
def test_a_comment_that_is_no_licence_of_all_files_is_not_repeated(tmp_path, change):
    app, tasks = wired(tmp_path, python_files(change))
    assert app.startswith("import os\n")
    assert tasks.startswith("from celery import shared_task\n")


def test_the_licence_keeps_the_newlines_of_the_project(tmp_path):
    tree = {
        path: text.replace("\n", "\r\n") if path.endswith(".py") else text
        for path, text in python_files(lambda text: LICENCE + text).items()
    }
    folder = make_tree(tmp_path / "p", tree)
    before = snapshot(folder)
    commands.init(folder, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    data = (folder / "config/celery.py").read_bytes()
    assert data.startswith(LICENCE.replace("\n", "\r\n").encode())
    assert data.count(b"\n") == data.count(b"\r\n")
    commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before


@pytest.mark.parametrize(("indent", "mark"), [("  ", "  "), ("\t", "\t")])
def test_new_files_are_indented_as_the_project_is(tmp_path, indent, mark):
    _, tasks = wired(tmp_path, python_files(lambda text: text.replace("    ", indent)))
    assert f'\n{mark}"""Send mail."""\n' in tasks


def test_new_files_have_the_quotes_of_the_project(tmp_path):
    app, _ = wired(tmp_path, python_files(lambda text: text.replace('"', "'")))
    assert "Celery('config')" in app


def test_a_formatter_decides_the_quotes_of_new_files(tmp_path):
    tree = python_files(lambda text: text.replace('"', "'"))
    tree["pyproject.toml"] = "[tool.black]\nline-length = 100\n"
    app, _ = wired(tmp_path, tree)
    assert 'Celery("config")' in app
