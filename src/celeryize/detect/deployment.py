"""The deployment files of a project, and the processes that they start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from celeryize.detect.layout import is_manage
from celeryize.detect.modules import is_foreign
from celeryize.detect.processes import Process, Script, read_processes
from celeryize.detect.processes.scripts import read_scripts

# Whatever may start processes: what it is, its reader finds out by its text.
PROCESS_FILES = re.compile(r"Procfile.*|.*\.service|.*\.(conf|ini)|.*\.ya?ml")
SCRIPT_NAMES = re.compile(r".*\.(sh|bash)|[\w-]*(start|run|entry|celery|worker|beat|launch)[\w-]*")
# The folder that a command changes to, and the module that a server is given.
CHANGES = re.compile(r"(?:\bcd|--chdir|--directory|--project|--app-dir)[\s=]+([^\s;&|]+)")
ENTRY = re.compile(r"(?<![\w./-])([A-Za-z_]\w*)(?:\.\w+)*\.(?:wsgi|asgi)(?:[:\s]|$)")
BUILT_FROM = ("context", "build")
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


def is_of_others(root: Path, base: PurePosixPath, others: Iterable[Path], process: Process) -> bool:
    """Whether a process of a file that several Django projects share is another one's: by the
    folder that it is built from or changes to, else by the package that it starts.

    `others` are the manage.py of the other projects.
    """
    homes = [manage.parent for manage in others]
    if not homes:
        return False
    own = root / base
    for folder in _folders_named(root, process):
        inside = [home for home in homes if folder.is_relative_to(home)]
        # one of the two may be inside the other
        nearest = max(inside, key=lambda home: len(home.parts), default=None)
        mine = folder.is_relative_to(own)
        if nearest is not None and not (mine and own.is_relative_to(nearest)):
            return True
        if mine and own != root:
            return False
    package = _package_of(process)
    if not package or _has_package(own, package):
        return False
    return any(_has_package(home, package) for home in homes)


def _folders_named(root: Path, process: Process) -> Iterator[Path]:
    """The folders of the repository that a process is built from, or changes to."""
    beside = root / process.where.path.parent
    found = CHANGES.findall(process.shell_text or " ".join(process.words))
    if process.celery:
        found += [process.celery.option("--workdir") or ""]
    if process.kind == "compose":
        found += [process.options[key].text for key in BUILT_FROM if key in process.options]
    for text in found:
        place = Path(os.path.normpath(beside / text))
        if text and place.is_dir() and place.is_relative_to(root):
            yield place


def _package_of(process: Process) -> str:
    """The package that a process starts: that of its Celery app, or of its WSGI or ASGI module."""
    app = process.celery.option("-A", "--app") if process.celery else None
    if app is None:
        match = ENTRY.search(process.shell_text or " ".join(process.words))
        app = match[1] if match else ""
    return re.split(r"[.:]", app)[0]


def _has_package(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()


def find_processes(root: Path, base: PurePosixPath = HERE) -> tuple[Process, ...]:
    """What the deployment files below `root` start; of files that no reader understands,
    nothing, and nothing of another Django project than that in `base`."""
    everything = own_folders(root)
    folders = without_others(root, base, everything)
    scripts = find_scripts(root, folders)
    others = folders_of_others(root, base, everything).values()
    return tuple(
        process
        for process in read_processes(root, matching_files(folders, PROCESS_FILES), scripts)
        if not is_of_others(root, base, others, process)
    )
