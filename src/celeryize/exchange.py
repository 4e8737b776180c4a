"""Giving a name other bytes in one step, so that what somebody else saves in that moment is not
lost.

Nothing locks the files of a project: an editor may save one between our last look and our rename.
So the new file and the one in its place exchange their names, in one step (renameat2(2) with
RENAME_EXCHANGE), and what had the place is looked at afterwards. If it is not what was expected, it
was saved a moment ago: it goes back to its name.
 Where the system cannot exchange names, a second name of the old file shows what an editor wrote
into it; there, a save by rename in the moment between two system calls is lost. A file with several
names (hard links) is written through.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from celeryize.reading import read_file

RENAME_EXCHANGE = 2
AT_FDCWD = -100
# Bytes: more than any file that is edited, and an end to those that have none.
LARGEST_FILE = 64 << 20
# Set back to what was read, a file may change under our hands only so often.
MOST_SAVES = 10
CANNOT_EXCHANGE = {
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EXDEV,
}


class SavedMeanwhile(Exception):
    """Somebody else saved (or removed) the file in this moment; its name has their version.

    `found` is that version, None where the file is gone.
    """

    def __init__(self, found: bytes | None) -> None:
        super().__init__("saved meanwhile")
        self.found = found


def exchange_names(one: Path, other: Path) -> bool:
    """Let two files exchange their names in one step; False where the system cannot. Raises
    OSError.
    """
    if not sys.platform.startswith("linux"):
        return False
    # costs two milliseconds, which only a run that writes has to pay
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def replace_file(new: Path, target: Path, *, expected: bytes, data: bytes) -> None:
    """Put the file `new`, which holds `data`, in the place of `target`, which should hold
    `expected`.

    `new` is gone afterwards. Raises SavedMeanwhile, with `target` as it was saved, and OSError.
    """
    try:
        exchanged = exchange_names(new, target)
    except FileNotFoundError:
        remove_file(new)
        raise SavedMeanwhile(None) from None
    if not exchanged:
        _replace_by_link(new, target, expected=expected)
        return
    if load_file(new) == expected:
        remove_file(new)
        return
    # What had the place was saved a moment ago. It goes back, and what comes out for it has to be
    # our own file: otherwise that one was saved as well, later, and is the one to keep.
    newest = data
    for _ in range(MOST_SAVES):
        before = load_file(new)
        exchange_names(new, target)
        if load_file(new) == newest:
            break
        newest = before or b""
    remove_file(new)
    raise SavedMeanwhile(load_file(target))


def _replace_by_link(new: Path, target: Path, *, expected: bytes) -> None:
    aside = aside_of(new)
    with suppress(OSError):
        os.link(target, aside)
    os.replace(new, target)
    saved = load_file(aside)
    if saved is not None and saved != expected:
        os.replace(aside, target)
        raise SavedMeanwhile(saved)
    remove_file(aside)


def create_file(new: Path, target: Path) -> None:
    """Give the file `new` the free name `target`. Raises SavedMeanwhile where the name is taken,
    and OSError.
    """
    try:
        os.link(new, target)
    except FileExistsError:
        # it was there a moment ago: gone again or not, somebody else is at it
        raise SavedMeanwhile(load_file(target) or b"") from None
    except OSError:
        # no second names on this file system
        os.replace(new, target)
    else:
        os.unlink(new)


def take_file_away(target: Path, aside: Path, *, expected: bytes) -> None:
    """Remove `target`, which should hold `expected`, by way of the free name `aside` beside it.

    Raises SavedMeanwhile, with `target` as it was saved, and OSError.
    """
    try:
        os.replace(target, aside)
    except FileNotFoundError:
        raise SavedMeanwhile(None) from None
    found = load_file(aside)
    if found != expected:
        with suppress(SavedMeanwhile):
            create_file(aside, target)
        remove_file(aside)
        raise SavedMeanwhile(load_file(target))
    os.unlink(aside)


def write_through(target: Path, *, expected: bytes, data: bytes) -> None:
    """Write `data` into `target` itself, for a file that has several names: each of them shows the
    change.

    A run that is killed here leaves a prefix of `data` before a rest of `expected` (`is_torn`).
    Raises SavedMeanwhile where the file does not hold `expected`, and OSError.
    """
    found = load_file(target)
    if found != expected:
        raise SavedMeanwhile(found)
    descriptor = os.open(target, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_torn(found: bytes, *, old: bytes, new: bytes) -> bool:
    """Whether `found` is what an interrupted `write_through` of `new` over `old` leaves."""
    same = next((at for at, (a, b) in enumerate(zip(found, new, strict=False)) if a != b), None)
    if same is None:
        same = min(len(found), len(new))
    return found[same:] == old[same:] or (same == len(new) and found[same:] == old[len(new) :])


def aside_of(new: Path) -> Path:
    """The second name of the old file, while the new one takes its place."""
    return new.with_name(f"{new.name}.old")


def load_file(file: Path) -> bytes | None:
    """The bytes of a file, None where there is none."""
    try:
        return read_file(file, largest=LARGEST_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None


def remove_file(file: Path) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(file)
