"""Text of a project made safe to show: no control character of it reaches a terminal or a file.

A file name, a task's docstring or an exception may hold escape sequences that clear the screen,
change its title, or make one text look like another. Everything that is shown passes through here.
"""

from __future__ import annotations

import re

# C0 without tab and newline, DEL, C1, what reorders text (Unicode's bidirectional controls), the
# separators that some programs take for newlines, and halves of surrogate pairs.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# XML 1.0 has no way to write these two either.
NOT_IN_XML = re.compile("[\ufffe\uffff]")


def printable(text: str) -> str:
    """A text with its control characters as escapes: `\\x1b`, `\\u202e`. Tabs and newlines stay."""
    return CONTROL.sub(_escape, text)


def printable_xml(text: str) -> str:
    """A text that an XML document can hold, once it is quoted."""
    return NOT_IN_XML.sub(_escape, printable(text))


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}"
