"""Text onto a stream or into a file that the user named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from celeryize.errors import CeleryizeError

# In the first bytes of every file that `celeryize schedule` writes.
MARK = b"celeryize"
MARK_WITHIN = 400
# In place of a line that is no text: no answer, and not printable.
NO_TEXT = "\0\n"


def write_stream(stream: TextIO, text: str) -> None:
    """Write what the stream's encoding can hold; a user's file may hold anything."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def read_line(stream: TextIO) -> str:
    """A line that a person typed; NO_TEXT for bytes that the stream's encoding does not know, as
    another terminal's ones. Empty at the end of file."""
    try:
        return stream.readline()
    except UnicodeDecodeError:
        return NO_TEXT


def save_text(file: Path, text: str, *, overwrite: bool) -> None:
    """Write an answer into the file that the user named: all of it or nothing.

    Raises CeleryizeError where there is a file that is not such an answer of ours, unless it may be
    overwritten. It is not part of the project, so it has no journal and no undo.
    """
    draft = file.with_name(f".{file.name}.celeryize.tmp")
    try:
        if not overwrite and not _is_answer_of_ours(file):
            raise CeleryizeError(
                f"{file} exists, and celeryize did not write it",
                hint="Choose another file, or pass --overwrite.",
            )
        # newline="": a calendar file ends its lines with CRLF on every platform
        draft.write_text(text, "utf-8", newline="")
        os.replace(draft, file)  # noqa: PTH105
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CeleryizeError(
            f"{file} cannot be written: {error.strerror}", hint="Choose another file."
        ) from error


def _is_answer_of_ours(file: Path) -> bool:
    """Whether a name is free, or that of a regular file that an earlier run wrote."""
    if not os.path.lexists(file):
        return True
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as stream:
        return MARK in stream.read(MARK_WITHIN)
