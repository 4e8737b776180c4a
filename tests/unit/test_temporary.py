"""init needs a temporary folder: one that cannot be used is the system's refusal, not a bug of ours."""

from __future__ import annotations

import tempfile

import pytest

from celeryize.errors import WriteFailed
from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder


def init(folder):
    commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)


def test_a_temporary_folder_that_cannot_be_made_is_said_and_nothing_is_written(
    project, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    before = snapshot(project)
    with pytest.raises(
        WriteFailed, match="temporary folder cannot be used: No such file"
    ) as caught:
        init(project)
    assert "TMPDIR" in caught.value.hint
    assert snapshot(project) == before


def test_one_that_can_be_used_is_empty_again(project, monkeypatch, tmp_path):
    (tmp_path / "t").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    init(project)
    assert list((tmp_path / "t").iterdir()) == []
