"""The .env file that the settings of a project need, for a compose file that is made anew."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.reading import readable_text

NAME = ".env"
# Files that show what has to be in it, where it is not in the repository.
EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "example.env")
VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", re.M)


def find_env_file(facts: Facts) -> tuple[PurePosixPath, PurePosixPath] | None:
    """The .env file whose variables the settings read, and the file that showed it: itself, or an
    example of it. None where the settings need none."""
    project = facts.project
    for folder in dict.fromkeys((PurePosixPath(), project.base)):
        for name in (NAME, *EXAMPLES):
            shown = folder / name
            names = VARIABLE.findall(readable_text(project.root / shown))
            if any(facts.settings.has_text(one) for one in names):
                return folder / NAME, shown
    return None
