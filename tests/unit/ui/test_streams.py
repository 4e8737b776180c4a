"""ui/streams.py: files that the user named are written whole, and no other file is lost."""

from __future__ import annotations

import os

import pytest

from celeryize.errors import CeleryizeError
from celeryize.ui.streams import save_text


def names_in(folder):
    return [path.name for path in folder.iterdir()]


OURS = "<!-- celeryize schedule -->\n"


def test_a_new_file_and_one_of_ours_are_written(tmp_path):
    file = tmp_path / "plan.svg"
    save_text(file, OURS + "1", overwrite=False)
    save_text(file, OURS + "2", overwrite=False)
    assert file.read_text() == OURS + "2"
    assert names_in(tmp_path) == ["plan.svg"]


@pytest.mark.parametrize("kind", ["file", "link", "folder", "dangling link"])
def test_what_celeryize_did_not_write_stays(tmp_path, kind):
    file, other = tmp_path / "manage.py", tmp_path / "other"
    match kind:
        case "file":
            file.write_text("import sys\n")
        case "link":
            other.write_text(OURS)
            file.symlink_to(other)
        case "folder":
            file.mkdir()
        case _:
            file.symlink_to(other)
    before = sorted(names_in(tmp_path))
    with pytest.raises(CeleryizeError, match="exists, and celeryize did not write it") as caught:
        save_text(file, OURS, overwrite=False)
    assert "--overwrite" in caught.value.hint
    assert sorted(names_in(tmp_path)) == before
    if kind == "file":
        assert file.read_text() == "import sys\n"


def test_it_is_overwritten_where_that_is_said(tmp_path):
    file = tmp_path / "manage.py"
    file.write_text("import sys\n")
    save_text(file, OURS, overwrite=True)
    assert file.read_text() == OURS


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "plan.svg"
    file.write_text(OURS)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CeleryizeError, match="No space left"):
        save_text(file, OURS + "new", overwrite=False)
    assert file.read_text() == OURS
    assert names_in(tmp_path) == ["plan.svg"]
