"""Text onto a stream or into a file that the user named."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from celeryize.errors import CeleryizeError


def write_stream(stream: TextIO, text: str) -> None:
    """Write what the stream's encoding can hold; a user's file may hold anything."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def save_text(file: Path, text: str) -> None:
    """Write an answer into the file that the user named; not part of the project, so no journal."""
    try:
        # newline="": a calendar file ends its lines with CRLF on every platform
        file.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise CeleryizeError(
            f"{file} cannot be written: {error.strerror}", hint="Choose another file."
        ) from error
