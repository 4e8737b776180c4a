"""What a traceback says, in one line: the place in the project, and the last sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

FRAME = re.compile(r'\s+File "(.+?)", line (\d+)')
# `NameError: name 'x' is not defined`, `django.core.exceptions.ImproperlyConfigured: ...`
SENTENCE = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?$")
FOREIGN = frozenset({"site-packages", "dist-packages"})


def short_failure(lines: Sequence[str], root: Path) -> tuple[str, str] | None:
    """`doctors/tasks.py:4` and the sentence of the last traceback of a process; None where there is
    none, or where nothing in it is of the project."""
    place, sentence, inside = "", "", False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            place, sentence, inside = "", "", True
        elif inside and (match := FRAME.match(line)):
            path = Path(match[1])
            if path.is_relative_to(root) and not FOREIGN & set(path.parts):
                place = f"{path.relative_to(root)}:{match[2]}"
        elif inside and SENTENCE.match(line):
            sentence, inside = line, False
    if place and sentence:
        return place, sentence
    return None
