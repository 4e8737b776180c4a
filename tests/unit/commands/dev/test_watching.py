"""commands/dev/watching.py and syntax.py: what is a reason to reload, and what is not yet."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from celeryize.commands.dev.syntax import find_broken
from celeryize.commands.dev.watching import Change, IgnoredByGit, Watcher, watched_folders
from tests.conftest import make_tree

TREE = {
    ".gitignore": "generated/\n*.secret.py\n",
    "manage.py": "",
    "shop/tasks.py": "",
    "shop/templates/shop/page.html": "",
    "shop/migrations/0001_initial.py": "",
    "generated/made.py": "",
    "node_modules/gyp/build.py": "",
    "env/pyvenv.cfg": "",
    "env/lib/x.py": "",
    "environments/local.py": "",
    ".hidden/x.py": "",
}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")


@contextmanager
def watching(root: Path, scratch: Path) -> Iterator[queue.SimpleQueue[Change]]:
    changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
    watcher = Watcher(root, scratch, changes.put)
    watcher.start()
    try:
        # it watches once it has told of a first file
        while True:
            (root / "manage.py").write_text("x = 1\n")
            try:
                changes.get(timeout=1)
                break
            except queue.Empty:
                continue
        yield changes
    finally:
        watcher.stop()


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "scratch").mkdir()
    return make_tree(tmp_path / "project", TREE), tmp_path / "scratch"


def names(folders: set[Path], root: Path) -> set[str]:
    return {folder.relative_to(root).as_posix() for folder in folders}


@needs_git
@pytest.mark.parametrize("repository", [True, False])
def test_folders_that_git_ignores_or_that_hold_other_code_are_not_watched(places, repository):
    root, scratch = places
    if repository:
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    found = watched_folders(root, IgnoredByGit(root, scratch))
    assert names(found, root) == {
        ".",
        "shop",
        "shop/templates",
        "shop/templates/shop",
        "shop/migrations",
        "environments",
    }
    assert (root / ".git").exists() is repository, "nothing is made in the project"


def test_without_git_nothing_is_ignored_but_other_peoples_code(places, monkeypatch):
    root, scratch = places
    monkeypatch.setenv("PATH", str(scratch))
    ignored = IgnoredByGit(root, scratch)
    assert ignored.among([root / "generated"]) == set()
    assert "generated" in names(watched_folders(root, ignored), root)
    assert "node_modules" not in names(watched_folders(root, ignored), root)


@needs_git
def test_a_save_is_told_and_what_git_ignores_is_not(places):
    root, scratch = places
    with watching(root, scratch) as changes:
        (root / "shop/keys.secret.py").write_text("x = 2\n")
        (root / "generated/made.py").write_text("x = 2\n")
        (root / "shop/notes.txt").write_text("x\n")
        (root / "shop/tasks.py").write_text("x = 2\n")
        change = changes.get(timeout=10)
        while (root / "shop/tasks.py") not in change.python:
            assert set(change.python) <= {root / "manage.py"}
            change = changes.get(timeout=10)
        assert set(change.python) <= {root / "shop/tasks.py", root / "manage.py"}


def test_a_template_and_a_removed_file_are_told(places):
    root, scratch = places
    with watching(root, scratch) as changes:
        (root / "shop/templates/shop/page.html").write_text("<p>")
        change = changes.get(timeout=10)
        while not change.templates:
            change = changes.get(timeout=10)
        assert change.templates == (root / "shop/templates/shop/page.html",)
        (root / "shop/tasks.py").unlink()
        while (root / "shop/tasks.py") not in change.python:
            change = changes.get(timeout=10)


def test_files_of_a_new_folder_are_told_whenever_they_were_written(places):
    root, scratch = places
    moved = make_tree(scratch / "later", {"deep/jobs.py": "x = 1\n"})
    with watching(root, scratch) as changes:
        moved.rename(root / "later")
        change = changes.get(timeout=10)
        while root / "later/deep/jobs.py" not in change.python:
            change = changes.get(timeout=10)
        (root / "later/deep/jobs.py").write_text("x = 2\n")
        assert root / "later/deep/jobs.py" in changes.get(timeout=10).python


def test_a_syntax_error_has_its_line(tmp_path):
    root = make_tree(
        tmp_path,
        {
            "broken.py": "x = 1\ndef y(:\n",
            "null.py": "x = 1\0\n",
            "whole.py": "x = 1\n",
            "latin.py": b"# -*- coding: latin-1 -*-\nx = '\xe4'\n",
        },
    )
    paths = [root / name for name in ("broken.py", "whole.py", "latin.py", "null.py", "gone.py")]
    found = find_broken(Path(sys.executable), paths)
    assert {one.path.name for one in found} == {"broken.py", "null.py"}
    assert (found[0].line, found[0].text) == (2, "def y(:")
    assert not list(root.rglob("__pycache__"))


def test_an_interpreter_that_cannot_be_asked_refuses_nothing(tmp_path):
    (tmp_path / "broken.py").write_text("def y(:\n")
    assert find_broken(tmp_path / "no-python", [tmp_path / "broken.py"]) == []
