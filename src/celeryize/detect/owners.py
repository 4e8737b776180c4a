"""Whose a process is, where several Django projects of a repository share a deployment file.

beta-worker: build: ./beta, or working_dir: /code/beta, or command: celery -A beta ...   ->  beta/
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from celeryize.detect.processes import Process
from celeryize.reading import readable_text

# The folder that a command changes to, and the module that a server is given.
CHANGES = re.compile(r"(?:\bcd|--chdir|--directory|--project|--app-dir)[\s=]+([^\s;&|]+)")
ENTRY = re.compile(r"(?<![\w./-])([A-Za-z_]\w*)(?:\.\w+)*\.(?:wsgi|asgi)(?:[:\s]|$)")
# What folders are called in containers, whatever is in them.
ANYWHERE = frozenset({"app", "src", "code", "srv", "web", "project", "backend", "server"})


def is_of_others(root: Path, base: PurePosixPath, others: Iterable[Path], process: Process) -> bool:
    """Whether a process of a file that several Django projects share is another one's: by the
    folder that it is built from or changes to, else by the package that it starts, else by its
    name.

    `others` are the manage.py of the other projects.
    """
    homes = [manage.parent for manage in others]
    if not homes:
        return False
    own = root / base
    for folder in _folders_named(root, process):
        decided = _decided_by(folder, own, homes)
        if decided is not None:
            return decided
    package = _package_of(process)
    if package and any(_has_package(home, package, own) for home in homes):
        return not _has_package(own, package, *homes) or _is_called_otherwise(
            root, process, package, own, homes
        )
    return False


def _dockerfile_names(root: Path, process: Process, folder: str) -> bool:
    """Whether the Dockerfile of a service names a folder, which its image may be made of."""
    beside = root / process.where.path.parent
    context = process.options.get("context") or process.options.get("build")
    named = process.options.get("dockerfile")
    path = beside / (context.text if context else ".") / (named.text if named else "Dockerfile")
    return re.search(rf"(?<![\w-]){re.escape(folder)}(?![\w-])", readable_text(path)) is not None


def _decided_by(folder: Path, own: Path, homes: list[Path]) -> bool | None:
    """Whether a process that is of a folder is another project's; None where that is open, as in a
    folder that has more than one of the projects."""
    around = [home for home in (own, *homes) if folder.is_relative_to(home)]
    if not around:
        return None
    # one of two may be inside the other
    nearest = max(around, key=lambda home: len(home.parts))
    if any(other != nearest and other.is_relative_to(nearest) for other in (own, *homes)):
        # the folder of a project that has another one inside may be built for both
        return _is_built_apart(own, nearest)
    return nearest != own


def _is_built_apart(own: Path, outer: Path) -> bool | None:
    """Whether what is built from the outer project's folder is not ours: ours has its own image."""
    if own != outer and (own / "Dockerfile").is_file():
        return True
    return None


def _folders_named(root: Path, process: Process) -> Iterator[Path]:
    """The folders of the repository that a process is of, the most certain first: what it changes
    to, is built from, gets as a volume; then where in a container or on a server it runs."""
    line = process.shell_text or " ".join(process.words)
    changed = CHANGES.findall(line)
    if process.celery:
        changed.append(process.celery.option("--workdir") or "")
    beside = root / process.where.path.parent
    for text in (*changed, *_built_from(process), *_scripts_of(process)):
        place = Path(os.path.normpath(beside / text))
        if text and place.is_dir() and place.is_relative_to(root):
            yield place
    places = [*changed, process.folder or "", process.variable("PYTHONPATH") or ""]
    for text in places:
        if text.startswith("/"):
            yield from _ends_of(root, PurePosixPath(text))


def _built_from(process: Process) -> Iterator[str]:
    """The folders that a service of a compose file names, from the folder of that file."""
    options = process.options
    if process.kind == "render" and "rootDir" in options:
        yield options["rootDir"].text
    if process.kind != "compose":
        return
    context = options.get("context") or options.get("build")
    folder = context.text if context else ""
    if "dockerfile" in options and "/" in options["dockerfile"].text:
        yield str(PurePosixPath(folder, options["dockerfile"].text).parent)
    yield folder
    for name in ("extends_file", "env_file"):
        if name in options:
            yield str(PurePosixPath(options[name].text.split()[0]).parent)
    for volume in options["volumes"].text.split() if "volumes" in options else ():
        if volume.startswith("."):
            yield volume.partition(":")[0]


def _scripts_of(process: Process) -> Iterator[str]:
    """The folders of the scripts that its command names."""
    for word in process.words[:2]:
        if "/" in word and not word.startswith("/"):
            yield str(PurePosixPath(word).parent)


def _ends_of(root: Path, path: PurePosixPath) -> Iterator[Path]:
    """The folder of the repository that a path elsewhere ends with: `/code/beta` is beta/."""
    parts = path.parts[1:]
    for index in range(1, len(parts)):
        place = root.joinpath(*parts[index:])
        if place.is_dir() and not (index == len(parts) - 1 and parts[-1] in ANYWHERE):
            yield place


def _package_of(process: Process) -> str:
    """The package that a process starts: that of its Celery app, or of its WSGI or ASGI module."""
    app = process.celery.option("-A", "--app") if process.celery else None
    if app is None:
        match = ENTRY.search(process.shell_text or " ".join(process.words))
        app = match[1] if match else ""
    return re.split(r"[.:]", app)[0]


def _has_package(folder: Path, name: str, *homes: Path) -> bool:
    """Whether a folder has a package or module that is not the folder of one of some projects."""
    place = folder / name
    if place in homes:
        return False
    return place.is_dir() or place.with_suffix(".py").is_file()


def _is_called_otherwise(
    root: Path, process: Process, package: str, own: Path, homes: list[Path]
) -> bool:
    """Whether a process is another project's whose package is called like ours: it, or what it is
    built as, has the name of that project's folder, or it needs no folder to find the outer one."""
    target = process.options.get("target")
    words = {*re.split(r"[-_.]", process.name), *re.split(r"[-_.]", target.text if target else "")}
    if own.name in words:
        return False
    if any(home.name in words for home in homes):
        return True
    outer = [
        home for home in homes if own.is_relative_to(home) and _has_package(home, package, own)
    ]
    return bool(outer) and not _dockerfile_names(root, process, own.name)
