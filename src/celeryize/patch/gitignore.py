"""Patterns that a .gitignore does not have yet, below one line that says whose they are.

*.pyc          *.pyc
          ->   # Celery Beat
               celerybeat-schedule*

A file whose patterns are in groups, with blank lines between them, gets a group more.
"""

from __future__ import annotations

import re

from celeryize.patch.newlines import newline_at

COMMENT = "# Celery Beat"
# What Beat keeps its last runs in, beside where it is started (celery.beat.PersistentScheduler).
BEAT_FILES = "celerybeat-schedule*"
# Between two groups of patterns, and at the end of a file.
GAP = re.compile(r"\S[ \t\r]*\n[ \t\r]*\n\s*\S")
ENDS_IN_GAP = re.compile(r"\n[ \t\r]*\n\Z")
IGNORES_BEAT = "ignores the file of Celery Beat"


def unignore(data: bytes, pattern: str, comment: str) -> bytes:
    """The file without the line of a pattern and the comment right above it, where both are as
    `ignore` writes them; else the same bytes.
    """
    lines = data.decode("latin-1").splitlines(keepends=True)
    for index in range(1, len(lines)):
        pair = (lines[index - 1].rstrip(), lines[index].rstrip())
        # another line of the same group needs the comment
        grouped = index + 1 < len(lines) and lines[index + 1].strip()
        if pair == (comment, pattern) and not grouped:
            del lines[index - 1 : index + 1]
            # the blank line that a group at the end has above it
            if index > 1 and index > len(lines) and not lines[-1].strip():
                del lines[-1]
            break
    return "".join(lines).encode("latin-1")


def ignore(data: bytes | None, *patterns: str, comment: str = COMMENT) -> bytes:
    """The file with the patterns that no equal line ignores yet; None: a new file.

    Every old byte stays.
    """
    # latin-1 gives every byte back: what we add is ASCII, what we leave alone may be anything
    text = (data or b"").decode("latin-1")
    there = {line.rstrip() for line in text.removeprefix("\xef\xbb\xbf").split("\n")}
    new = [pattern for pattern in dict.fromkeys(patterns) if pattern not in there]
    if not new:
        return data or b""
    newline = newline_at(text, len(text))
    ends_a_line = not text or text.endswith("\n")
    lines = list(new)
    if comment not in there:
        lines.insert(0, comment)
        if GAP.search(text) and not ENDS_IN_GAP.search(text):
            lines.insert(0, "")
    block = newline.join(lines)
    if ends_a_line:
        inserted = block + newline
    else:
        inserted = newline + block
    return (text + inserted).encode("latin-1")
