"""Whether Python files can be compiled by the project's interpreter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 20.0
# Nothing is imported and nothing is written: compile() alone, of a Python of any age.
COMPILE = r"""
import json, sys, warnings
warnings.simplefilter("ignore")
found = []
for name in json.load(sys.stdin):
    try:
        with open(name, "rb") as stream:
            compile(stream.read(), name, "exec")
    except (SyntaxError, ValueError) as error:
        found.append([name, getattr(error, "lineno", None), str(getattr(error, "msg", error)),
                      getattr(error, "text", None)])
    except (OSError, RecursionError, MemoryError):
        pass
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that Python cannot compile: the line, the reason, and the text there."""

    path: Path
    line: int | None
    message: str
    text: str


def find_broken(python: Path, paths: Iterable[Path]) -> list[Broken]:
    """Those of the files that have a syntax error; a file that is gone has none."""
    question = json.dumps([str(path) for path in paths])
    try:
        ran = subprocess.run(
            [str(python), "-I", "-S", "-c", COMPILE],
            input=question,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        answers = json.loads(ran.stdout or "[]")
    except (OSError, subprocess.SubprocessError, ValueError):
        # what cannot be asked is not refused: the process itself will say it
        return []
    return [
        Broken(Path(name), line, message, (text or "").strip())
        for name, line, message, text in answers
    ]
