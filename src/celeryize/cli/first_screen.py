"""What `celeryize` alone shows: what it is, the first command for this project, the verbs.

It fits on a terminal of 80 by 24.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from celeryize.cli.help import DOCUMENTATION, bold_text, named_text, paragraph_lines, short_rows
from celeryize.errors import CeleryizeError, NoProject


def first_screen(summary: str, verbs: Iterable[tuple[str, str]]) -> str:
    """The whole text; `verbs` are the names, each with a few words."""
    why, command = _first_command()
    lines = [
        *paragraph_lines(summary),
        "",
        *paragraph_lines(why),
        f"  {named_text(command)}",
        "",
        bold_text("Commands:"),
        *short_rows(verbs),
        "",
        *paragraph_lines("Options and examples: celeryize help COMMAND. All else: celeryize help."),
        f"Documentation: {DOCUMENTATION}",
    ]
    return "\n".join(lines)


def _first_command() -> tuple[str, str]:
    """What to type first in the current folder, and why; nothing of a project is run for it."""
    from celeryize.detect.environment import find_environment
    from celeryize.detect.project import load_project

    start = Path()
    try:
        project = load_project(start, environment=find_environment(start, ask=False))
    except NoProject as error:
        if error.choices:
            folder = os.path.relpath(error.choices[0])
            chosen = shlex.join(["celeryize", "init", "-C", folder])
            return "There are several Django projects below this folder. For one of them:", chosen
        why = "There is no Django project here. Go to the one with manage.py, or see it done:"
        return why, "celeryize demo"
    except (CeleryizeError, OSError):
        # the command itself says what is wrong
        return "Start here, in the folder of your project:", "celeryize init"
    if project.celery:
        return "This project has Celery. Find what is wrong with it:", "celeryize verify"
    return "Start here: this project has no Celery yet.", "celeryize init"
