"""The lines of a log that explain why a process of the project failed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FRAME = re.compile(r'\s*File "([^"]+)", line (\d+), in (.+)')
SERIOUS = re.compile(r"ERROR|CRITICAL|Error:|Exception:")
# As many lines as fit below a step without pushing the others off the screen.
LINES = 6


def telling(text: str, places: Sequence[Path]) -> tuple[str, ...]:
    """The project's own frames of the last traceback, and its error; else the serious lines, or the
    last."""
    lines = [line.rstrip() for line in COLOUR.sub("", text).splitlines() if line.strip()]
    begins = [
        n for n, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")
    ]
    if not begins:
        serious = [line.strip() for line in lines if SERIOUS.search(line)]
        return tuple((serious or lines)[-LINES:])
    # the last traceback is the final one of a chain
    block = lines[begins[-1] + 1 :]
    frames = [match for line in block if (match := FRAME.match(line))]
    own = [f"{m[1]}:{m[2]} in {m[3]}" for m in frames if _is_own(Path(m[1]), places)]
    # the error follows the last indented line of its traceback
    error = next(
        (line.strip() for line in block if not line.startswith(" ")),
        block[-1].strip() if block else "",
    )
    return (*own[-LINES:], error)


def _is_own(file: Path, places: Sequence[Path]) -> bool:
    installed = "site-packages" in file.parts or "dist-packages" in file.parts
    return not installed and any(file.is_relative_to(place) for place in places)
