"""The process types of a Procfile (Heroku, honcho, foreman).

Source: https://devcenter.heroku.com/articles/dynos#shutdown
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.detect.processes.process import Process, split_command
from celeryize.model import Where

LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(.+)")
# Heroku sends SIGTERM to every process of a dyno, and SIGKILL thirty seconds later.
GRACE = 30.0


def read_procfile(path: PurePosixPath, text: str) -> Iterator[Process]:
    """A process for each line."""
    for number, line in enumerate(text.split("\n"), 1):
        match = LINE.match(line)
        if match:
            yield Process(
                "procfile",
                match[1],
                split_command(match[2].split(" #")[0]),
                Where(path, number),
                sealed=False,
                stop=GRACE,
                group=True,
            )
