"""The deployment files of a project, and the processes that they start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.detect.layout import is_manage
from celeryize.detect.modules import is_foreign
from celeryize.detect.owners import is_of_others
from celeryize.detect.processes import Process, Script, read_processes
from celeryize.detect.processes.scripts import read_scripts
from celeryize.reading import readable_text

# Whatever may start processes: what it is, its reader finds out by its text.
PROCESS_FILES = re.compile(r"Procfile.*|.*\.service|.*\.(conf|ini)|.*\.ya?ml|fly([._-].*)?\.toml")
SCRIPT_NAMES = re.compile(r".*\.(sh|bash)|[\w-]*(start|run|entry|celery|worker|beat|launch)[\w-]*")
SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*[,\]]\s*=?\s*[\"'](\w+)")
# How deep a repository is searched.
LEVELS = 5
HERE = PurePosixPath()

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


def folders_of_others(
    root: Path, base: PurePosixPath, folders: tuple[Folder, ...]
) -> dict[Path, Path]:
    """The folders of other Django projects of the repository, each with their manage.py.

    `base` is the folder of our own. A project inside ours has its own folder; one beside it, all up
    to the folder that has both: `lab02/` of lab01/app/manage.py and lab02/app/manage.py.
    """
    own = (root / base).parts
    found: dict[Path, Path] = {}
    for place, _, files in folders:
        parts = place.parts
        if "manage.py" not in files or own[: len(parts)] == parts:
            continue
        if not is_manage(place / "manage.py"):
            continue
        common = next(
            (n for n, pair in enumerate(zip(parts, own, strict=False)) if pair[0] != pair[1]),
            len(parts),
        )
        found[Path(*parts[: common + 1])] = place / "manage.py"
    return found


def manages_of_others(
    root: Path, base: PurePosixPath, folders: tuple[Folder, ...]
) -> tuple[Path, ...]:
    """The manage.py of the other Django projects, also of those whose folder has ours inside."""
    found = [*folders_of_others(root, base, folders).values()]
    own = root / base
    for place, _, files in folders:
        if place != own and own.is_relative_to(place) and "manage.py" in files:
            manage = place / "manage.py"
            # one that only starts the project inside has no package of its own
            module = SETTINGS.search(readable_text(manage))
            if module and (place / module[1]).is_dir() and is_manage(manage):
                found.append(manage)
    return tuple(found)


def without_others(
    root: Path, base: PurePosixPath, folders: tuple[Folder, ...]
) -> tuple[Folder, ...]:
    """The folders of a repository without those of other Django projects."""
    others = folders_of_others(root, base, folders)
    if not others:
        return folders
    return tuple(
        folder for folder in folders if others.keys().isdisjoint((folder[0], *folder[0].parents))
    )


def matching_files(folders: tuple[Folder, ...], pattern: re.Pattern[str]) -> Iterator[Path]:
    """The files of some folders whose names match."""
    for place, _, files in folders:
        yield from (place / name for name in files if pattern.fullmatch(name))


def find_scripts(root: Path, folders: tuple[Folder, ...]) -> tuple[Script, ...]:
    """The lines of shell scripts that start a worker or Beat."""
    return tuple(read_scripts(root, matching_files(folders, SCRIPT_NAMES)))


def find_processes(root: Path, base: PurePosixPath = HERE) -> tuple[Process, ...]:
    """What the deployment files below `root` start; of files that no reader understands,
    nothing, and nothing of another Django project than that in `base`."""
    everything = own_folders(root)
    folders = without_others(root, base, everything)
    scripts = find_scripts(root, folders)
    others = manages_of_others(root, base, everything)
    return tuple(
        process
        for process in read_processes(root, matching_files(folders, PROCESS_FILES), scripts)
        if not is_of_others(root, base, others, process)
    )
