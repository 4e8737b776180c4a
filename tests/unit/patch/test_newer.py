"""Files in newer Python than ours: parsed by the project's interpreter, edited by the same splices."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.newer import parsed_by
from celeryize.patch.settings import add_block
from celeryize.patch.source import Source
from tests import commands
from tests.conftest import SETTINGS, make_tree, small_project, snapshot
from tests.views import Recorder

NEWER = (
    "type Url = str\n\n\n"
    "def first[T](items: list[T]) -> T:\n    return items[0]\n\n\n"
    "NAMES = {'a': 1, 'b': 2.5, 'c': b'x', 'd': ..., 'e': 1e999, 'f': 1j}\n"
    'TEXT = f"{NAMES["a"]} {"\\n".join([\'x\', \'é\'])}"\n'
)
BLOCK = 'CELERY_BROKER_URL = "redis://"\n'


def newer_python() -> Path | None:
    """A Python on this machine that is newer than 3.11 and than ours."""
    for minor in (14, 13, 12):
        found = shutil.which(f"python3.{minor}")
        asked = [found, "-c", "import sys; print(sys.executable)"]
        ran = subprocess.run(asked, capture_output=True, text=True, check=False) if found else None
        for python in [
            ran.stdout.strip() if ran else "",
            *Path.home().glob(f".pyenv/versions/3.{minor}*/bin/python"),
        ]:
            if str(python) and sys.version_info < (3, 12):
                return Path(python)
    return None


PYTHON = newer_python()
needs_newer = pytest.mark.skipif(
    PYTHON is None, reason="needs Python 3.11, and a newer one beside it"
)


def source_of(text: str) -> Source:
    return Source.decode(PurePosixPath("settings.py"), text.encode())


@pytest.fixture
def newer(project: Path) -> Path:
    """The small project with settings in newer Python."""
    (project / "config/settings.py").write_text(SETTINGS + NEWER)
    return project


@needs_newer
def test_a_block_goes_below_newer_syntax():
    with parsed_by(PYTHON or Path()):
        after = add_block(source_of(NEWER), BLOCK, [])
    assert after.text == NEWER + "\n" + BLOCK.replace('"', "'")


@needs_newer
def test_an_import_is_merged_with_those_of_a_newer_file():
    text = "import re\nimport sys\n" + NEWER
    with parsed_by(PYTHON or Path()):
        after = add_block(source_of(text), BLOCK, ["import os"])
    assert after.text == "import os\n" + text + "\n" + BLOCK.replace('"', "'")


@needs_newer
@pytest.mark.parametrize(
    "text",
    [
        "import os\n\nX = {'a': [1, *y], **z}\n",
        "@a(b=1)\ndef f(x, /, *, y=2):\n    match x:\n        case {'a': q}:\n            pass\n",
    ],
)
def test_the_project_s_tree_is_our_tree_where_ours_can_parse(text: str):
    with parsed_by(PYTHON or Path()):
        theirs = source_of(text + "type T = int\n").tree
    ours = ast.parse(text)
    assert [ast.dump(n, include_attributes=True) for n in theirs.body[:-1]] == [
        ast.dump(n, include_attributes=True) for n in ours.body
    ]


@needs_newer
def test_init_sets_a_newer_project_up_and_takes_it_back(newer: Path):
    before = snapshot(newer)
    options = {"flags": {}, "yes": True, "no_verify": True, "python": str(PYTHON)}
    assert commands.init(newer, Recorder(), **options).result.outcome == "done"
    data = (newer / "config/settings.py").read_bytes()
    assert (
        subprocess.run(
            [str(PYTHON), "-c", "import ast, sys; ast.parse(sys.stdin.read())"], input=data
        ).returncode
        == 0
    )
    assert NEWER.encode() in data
    after = snapshot(newer)
    assert commands.init(newer, Recorder(), **options).result.outcome == "nothing to do"
    assert snapshot(newer) == after
    commands.undo(newer, Recorder(), yes=True)
    assert snapshot(newer) == before


@needs_newer
def test_a_file_that_neither_parses_is_refused_and_both_are_named():
    with parsed_by(PYTHON or Path()), pytest.raises(CannotPatch) as caught:
        _ = source_of("type X = str\nY = (\n").tree
    assert "which runs celeryize, and the project's 3." in caught.value.hint


def test_without_the_projects_python_the_refusal_names_ours_and_the_flag():
    with pytest.raises(CannotPatch) as caught:
        _ = source_of("a b\n").tree
    assert str(caught.value.where) == "settings.py:1"
    assert (
        f"Python {sys.version_info[0]}.{sys.version_info[1]}, which runs celeryize"
        in caught.value.hint
    )
    assert "--python PATH" in caught.value.hint


def test_an_interpreter_that_cannot_be_run_changes_nothing(tmp_path: Path):
    with parsed_by(tmp_path / "python"), pytest.raises(CannotPatch):
        _ = source_of("a b\n").tree


def test_without_a_look_inside_no_interpreter_of_the_project_parses(tmp_path: Path):
    project = make_tree(
        tmp_path / "project", {**small_project(), "config/settings.py": "type X = = 1\n"}
    )
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    python.chmod(0o755)
    (project / ".venv/lib/python3.14/site-packages/django").mkdir(parents=True)
    (project / ".venv/lib/python3.14/site-packages/django/__init__.py").touch()
    with pytest.raises(CannotPatch):
        commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "answer",
    [
        "1",
        "[]",
        "{}",
        "no json",
        '{"version": [9, 9], "tree": 1}',
        '{"version": [9, 9], "tree": {"kinds": ["No"], "fields": {}, "place": {}}}',
        '{"version": [9, 9], "tree": {"literal": "a b"}}',
        '{"version": [9, 9], "tree": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_an_interpreter_that_answers_no_tree_is_a_refusal(tmp_path: Path, answer: str):
    (tmp_path / "answer").write_text(answer)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat > /dev/null\ncat {tmp_path}/answer\n")
    python.chmod(0o755)
    with parsed_by(python), pytest.raises(CannotPatch):
        _ = source_of("a b\n").tree
