"""The files of a platform, as `celeryize add-worker` writes them when the page is made."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path, PurePosixPath

from tests.docs.scratch import clinic_with_celery, environment

# `<!-- files: celeryize add-worker --to compose -->` becomes the files that this writes.
PLACE = re.compile(r"^<!-- files: celeryize (.*) -->$", re.MULTILINE)
LANGUAGES = {".yml": "yaml", ".yaml": "yaml", ".py": "python", ".service": "ini", ".conf": "ini"}


def filled(text: str) -> str:
    """A page with what the generator writes now."""
    return PLACE.sub(lambda place: files_of(place[1]), text)


@cache
def files_of(command: str) -> str:
    """What a command line writes into the project of the documentation, each file in full."""
    with tempfile.TemporaryDirectory() as name:
        folder = clinic_with_celery(Path(name) / "clinic")
        before = _texts(folder)
        words = [sys.executable, "-m", "celeryize", *shlex.split(command)]
        words += ["--yes", "--no-verify", "--quiet"]
        env = environment(Path(name) / "state")
        ran = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(f"celeryize {command}: {ran.stderr}")
        after = _texts(folder)
    written = {path: text for path, text in after.items() if before.get(path) != text}
    # what belongs to the platform comes first, the Python that it needs last
    order = sorted(written, key=lambda path: (path.endswith(".py"), path))
    return "\n".join(_block(path, written[path]) for path in order)


def _texts(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith((".git/", ".venv")):
            continue
        found[name] = path.read_text()
    return found


def _block(path: str, text: str) -> str:
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    return f"**{path}**\n\n```{language}\n{text.rstrip()}\n```\n"
