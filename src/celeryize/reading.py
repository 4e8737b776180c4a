"""Reading files of a project: regular files of a sensible size, nothing that hangs or never ends.

A pipe waits for somebody to write into it, /dev/zero has no end, and a gigabyte of JSON beside the
settings is no code. What cannot be read is an OSError like any other, whose text says why.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

# Bytes. The largest module of the standard library has half a million.
LARGEST = 10 << 20


class Unreadable(OSError):
    """Not a regular file, or too large; `strerror` is the reason."""


def read_file(file: Path | str, *, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file. Raises OSError: missing, not allowed, not regular, too large."""
    # a pipe would otherwise wait here for a writer
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(file, flags)
    except ValueError as error:
        # a name with a NUL in it, as a broken include may hold
        raise Unreadable(errno.EINVAL, "it is no name of a file", str(file)) from error
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable(errno.EINVAL, "it is not a regular file", str(file))
        # without a stream around it: a large project has thousands of files
        data = os.read(descriptor, min(found.st_size, largest) + 1)
        # it may grow while it is read
        while len(data) <= largest and (more := os.read(descriptor, largest + 1 - len(data))):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise Unreadable(errno.EFBIG, f"it is larger than {largest >> 20} MB", str(file))
    return data


def read_text(file: Path) -> str:
    """The text of a regular file, UTF-8 with or without a BOM; other bytes are replaced."""
    return read_file(file).decode("utf-8-sig", "replace")


def readable_text(file: Path) -> str:
    """The text of a file; empty for one that is missing or cannot be read."""
    try:
        return read_text(file)
    except OSError:
        return ""


def parse_toml(text: str) -> dict[str, Any]:
    """A TOML document. Raises ValueError: it is none, or is nested too deep to be read."""
    # loaded where a file is read: most commands of most projects read none
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def file_mentions(file: Path | str, word: bytes) -> bool:
    """Whether a file holds some bytes; False for one that is missing or cannot be read."""
    try:
        return word in read_file(file)
    except OSError:
        return False


def list_folder(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where this user may not look, or where there is none."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def scan_folder(folder: str) -> list[os.DirEntry[str]]:
    """What list_folder() gives, with the kind of each entry, which costs no further call."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def is_folder(path: Path | os.DirEntry[str]) -> bool:
    """Whether a path is a folder, as far as this user may know."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path | os.DirEntry[str]) -> bool:
    """Whether a path is a regular file, as far as this user may know."""
    try:
        return path.is_file()
    except OSError:
        return False
