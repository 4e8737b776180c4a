"""reading.py: nothing hangs, and nothing eats the memory."""

import os
import sys
from pathlib import Path

import pytest

from celeryize.reading import is_file, is_folder, list_folder, read_file, read_text


def test_a_regular_file_is_read(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_file(tmp_path / "a.py") == b"\xef\xbb\xbfx = 1\n"
    assert read_text(tmp_path / "a.py") == "x = 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes in folders are POSIX")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe.py")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="asks for /dev/zero")
def test_a_device_has_no_end_and_is_not_read(tmp_path):
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "zero.py")


def test_a_large_file_is_not_read(tmp_path):
    with (tmp_path / "big.json").open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(OSError, match="larger than 10 MB"):
        read_file(tmp_path / "big.json")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    assert list_folder(tmp_path / "missing") == []
    assert (is_file(tmp_path), is_folder(tmp_path)) == (False, True)
