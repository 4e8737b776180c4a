"""Temporary folders; what a killed run leaves behind, the next one removes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import uuid
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Self

from celeryize.errors import WriteFailed

if sys.platform != "win32":
    import fcntl

PREFIX = "celeryize-scratch-"
# Seconds in which a folder may be without its lock: its maker has not come to it yet.
YOUNG = 60.0


def unusable(error: OSError) -> WriteFailed:
    """The error where a temporary file cannot be written."""
    return WriteFailed(
        f"the temporary folder cannot be used: {error.strerror or error}",
        hint="Set TMPDIR to a folder with space that you can write to, then run the command again.",
    )


class Scratch:
    """A temporary folder at `path`, locked as long as its maker lives; a context manager that
    removes it.

    Raises WriteFailed where none can be made.
    """

    def __init__(self) -> None:
        sweep()
        try:
            self.path = Path(tempfile.gettempdir(), PREFIX + uuid.uuid4().hex)
            # before it is made: Ctrl-C may come between any two steps, also between the last one
            # and the `with` that would remove it
            self._gone = weakref.finalize(self, _remove_own, self.path, os.getpid())
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise unusable(error) from error
        if sys.platform != "win32":
            self._lock = os.open(self.path, os.O_RDONLY)
            # the system takes a lock back, however a process ends; a process id may be another's by
            # then
            with suppress(OSError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take the folder away, with all that is in it."""
        self._gone()
        if sys.platform != "win32":
            os.close(self._lock)


def _remove_own(path: Path, maker: int) -> None:
    """Remove the folder of this process; a fork of it has none."""
    if os.getpid() == maker:
        shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Remove our folders whose makers are gone, where the system knows (Windows does not)."""
    # whatever cannot be read or removed is left: cleaning up must not stop a command
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and _is_left(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is ours, not young, and nobody's any more."""
    if sys.platform == "win32":
        return False
    try:
        info = entry.stat(follow_symlinks=False)
        young = time.time() - info.st_mtime < YOUNG
        if young or not entry.is_dir(follow_symlinks=False) or info.st_uid != os.getuid():
            return False
        lock = os.open(entry.path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
