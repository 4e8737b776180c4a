"""The deployment files of a project, and the processes that they start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from celeryize.detect.modules import is_foreign
from celeryize.detect.processes import Process, Script, read_processes
from celeryize.detect.processes.scripts import read_scripts

# Whatever may start processes: what it is, its reader finds out by its text.
PROCESS_FILES = re.compile(r"Procfile.*|.*\.service|.*supervisor.*\.(conf|ini)|.*\.ya?ml")
SCRIPT_NAMES = re.compile(r".*\.(sh|bash)|[\w-]*(start|run|entry|celery|worker|beat|launch)[\w-]*")
# How deep a repository is searched.
LEVELS = 5

Folder = tuple[Path, list[str], list[str]]


def own_folders(root: Path) -> tuple[Folder, ...]:
    """The project's own folders, each with the names of its folders and files."""
    found: list[Folder] = []
    for folder, names, files in os.walk(root):
        place = Path(folder)
        depth = len(place.relative_to(root).parts)
        # os.walk only descends into what is left in this list
        names[:] = sorted(n for n in names if depth < LEVELS and not is_foreign(place / n))
        found.append((place, names, sorted(files)))
    return tuple(found)


def matching_files(folders: tuple[Folder, ...], pattern: re.Pattern[str]) -> Iterator[Path]:
    """The files of some folders whose names match."""
    for place, _, files in folders:
        yield from (place / name for name in files if pattern.fullmatch(name))


def find_scripts(root: Path, folders: tuple[Folder, ...]) -> tuple[Script, ...]:
    """The lines of shell scripts that start a worker or Beat."""
    return tuple(read_scripts(root, matching_files(folders, SCRIPT_NAMES)))


def find_processes(root: Path) -> tuple[Process, ...]:
    """What the deployment files below `root` start; of files that no reader understands,
    nothing."""
    folders = own_folders(root)
    scripts = find_scripts(root, folders)
    return tuple(read_processes(root, matching_files(folders, PROCESS_FILES), scripts))
