"""The newline that an inserted line takes: that of its neighbour, also in a mixed file."""

from __future__ import annotations


def newline_at(text: str, offset: int) -> str:
    """The newline of the line before `offset`, or else of its own line.

    LF where there is none.
    """
    at = text.rfind("\n", 0, offset)
    if at < 0:
        at = text.find("\n", offset)
    if at > 0 and text[at - 1] == "\r":
        return "\r\n"
    return "\n"


def line_after(text: str, offset: int, line: str) -> tuple[int, str]:
    """The insertion (offset, text) of a line at `offset`, which starts a line or ends the file.

    A file without a final newline stays without one.
    """
    if offset == len(text) and text and not text.endswith("\n"):
        return offset, newline_at(text, offset) + line
    return offset, line + newline_at(text, offset)
