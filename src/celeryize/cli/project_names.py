"""The apps, tasks and Beat entries of a project by a look at its text, fast enough for a key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from celeryize.reading import read_file

# Folders of other people's code, and how much of a tree is looked at.
FOREIGN = {"node_modules", "venv", "env", "site-packages", "static", "media", "migrations"}
DEPTH = 5
MOST_FOLDERS = 2000
LARGEST = 500_000

TASK = re.compile(
    r"^@(?:[\w.]+\.)?(?:shared_task|task)\b.*?^(?:async )?def (\w+)", re.MULTILINE | re.DOTALL
)
ENTRY = re.compile(r"^\s+[\"']([^\"'\n]+)[\"']\s*:\s*(?:\{|dict\()", re.MULTILINE)
NESTED = {"options", "args", "kwargs", "default"}
APP_FILES = {"apps.py", "models.py", "tasks.py", "admin.py"}


def find_names(start: Path, *, reads: bool = True) -> tuple[list[str], list[str], list[str]]:
    """The apps, the tasks as `app.task`, and the entries of the schedule; without `reads` the apps
    alone, for which no file is read."""
    apps: set[str] = set()
    tasks: set[str] = set()
    entries: set[str] = set()
    root = _root_of(start.resolve())
    for folder, files in _folders(root):
        label = folder.name
        if folder.name == "tasks":
            label = folder.parent.name
        if APP_FILES & set(files) and (folder / "__init__.py").exists():
            apps.add(folder.name)
        for name in files if reads else ():
            text = _text_of(f"{folder}/{name}")
            if "task" in text and ("celery" in text or name == "tasks.py"):
                tasks |= {f"{label}.{found}" for found in TASK.findall(text)}
            lower = text.lower()
            if "beat_schedule" in lower:
                part = text[lower.index("beat_schedule") :]
                entries |= {name for name in ENTRY.findall(part) if name not in NESTED}
    return sorted(apps - {"tasks"}), sorted(tasks), sorted(entries)


def _root_of(start: Path) -> Path:
    """The folder of manage.py, from a folder in the project upwards."""
    for folder in (start, *start.parents):
        if (folder / "manage.py").exists():
            return folder
    return start


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder with its Python files, nearest first."""
    waiting = [(root, 0)]
    for seen, (folder, depth) in enumerate(waiting):
        if seen > MOST_FOLDERS:
            return
        files: list[str] = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    if entry.name.startswith((".", "__pycache__")) or entry.name in FOREIGN:
                        continue
                    if entry.name.endswith(".py"):
                        files.append(entry.name)
                    elif depth < DEPTH and entry.is_dir(follow_symlinks=False):
                        waiting.append((Path(entry.path), depth + 1))
        except OSError:
            continue
        yield folder, sorted(files)


def _text_of(file: str) -> str:
    """The text of a file that may be of interest; a large one holds data."""
    try:
        # a pipe with the name of a module must not stop the shell
        data = read_file(file, largest=LARGEST)
    except OSError:
        return ""
    # an entry of a schedule names its task; `in` is much faster than a pattern
    if b"task" not in data:
        return ""
    return data.decode("utf-8", "replace")
