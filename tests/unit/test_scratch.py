"""scratch.py: a temporary folder goes with its maker, or with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.scratch import PREFIX, YOUNG, Scratch

KILLED = """import os, signal
from celeryize.scratch import Scratch
scratch = Scratch()
folder = scratch.path
(folder / "1.out").touch()
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


INTERRUPTED = """import os
from pathlib import Path
from celeryize import scratch

def interrupt(*arguments, **named):
    raise KeyboardInterrupt

{where}
with scratch.Scratch():
    pass
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def age(folder: Path) -> Path:
    """Make a folder old enough to be looked at."""
    old = folder.lstat().st_mtime - YOUNG - 1
    os.utime(folder, (old, old), follow_symlinks=False)
    return folder


def test_a_folder_goes_with_its_maker(temporary):
    with Scratch() as scratch:
        (scratch.path / "deep").mkdir()
        (scratch.path / "deep/file").touch()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "where",
    [
        # behind the folder, before its lock
        "scratch.fcntl.flock = interrupt",
        # behind all of it, before the `with`
        "scratch.Scratch.__enter__ = interrupt",
    ],
)
def test_an_interrupt_between_two_steps_leaves_no_folder(temporary, where):
    program = INTERRUPTED.format(where=where)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.stderr.strip().endswith("KeyboardInterrupt")
    assert list(temporary.iterdir()) == []


def test_a_fork_leaves_the_folder_to_its_maker(temporary):
    with Scratch() as scratch:
        child = os.fork()
        if not child:
            try:
                scratch.remove()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert scratch.path.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_has_left_goes_with_the_next(temporary):
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False
    )
    left = age(Path(ended.stdout.strip()))
    assert [p.name for p in left.iterdir()] == ["1.out"]
    with Scratch() as scratch:
        assert list(temporary.iterdir()) == [scratch.path]


def test_a_folder_in_use_stays_however_old_it_is(temporary):
    with Scratch() as first:
        age(first.path)
        with Scratch() as second:
            assert {first.path, second.path} == set(temporary.iterdir())


def test_what_is_young_or_has_another_name_or_is_a_link_stays(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").touch()
    young, other, link = (
        temporary / name for name in (f"{PREFIX}young", "celeryize-demo-1", f"{PREFIX}link")
    )
    young.mkdir()
    other.mkdir()
    age(other)
    link.symlink_to(elsewhere)
    age(link)
    with Scratch() as scratch:
        assert set(temporary.iterdir()) == {young, other, link, scratch.path}
    assert (elsewhere / "file").exists()
