"""The requirements files of a folder, what they include, and which of them a tool has compiled."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from celeryize.model import Where
from celeryize.patch.dependencies import Entry, Form, entries
from celeryize.patch.dependencies.requirements import (
    command_of,
    compiled_by_uv,
    constraints,
    includes,
    installs_project,
    is_compiled,
)
from celeryize.reading import is_file, is_folder, list_folder, read_file

_SUFFIXES = (".in", ".txt", ".pip")
_FOLDER = re.compile(r"req(s|uire(s|ments?))?$", re.IGNORECASE)
_FILE = re.compile(
    r"(req(s|uire(s|ments?))?)([-_.].*)?\.(in|txt|pip)$|.*[-_.]requirements\.(in|txt)$"
)
_SHARED = re.compile(r"\b(base|common|core|shared|main|default|all)\b")
_PLAIN = re.compile(r"\brequire(s|ments?)\.\w+$")
_DEVELOPERS = re.compile(r"dev|local|test|lint|doc|\bci\b")
_PRODUCTION = re.compile(r"prod|deploy|live|stag|heroku")
_DEVELOPERS_RANK, _PRODUCTION_RANK = 3, 4
_SCRIPT = re.compile(
    r"(?i)(.*dockerfile.*|containerfile|.*\.sh|makefile|justfile|procfile|.*\.ya?ml|tox\.ini)$"
)
_INSTALLED = re.compile(r"pip3?\s+install\b[^\n;&|]*?(?:-r|--requirement)[\s=]*[\"']?([\w./-]+)")
# folders that hold no declaration of the project, and how deep the others are searched
_NEVER = re.compile(
    r"\.|node_modules$|v?env$|site-packages$|static|media|locale|templates$|tests?$"
)
_DEEPEST = 3
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Compilation:
    """A file that pip-compile, or `uv pip compile`, makes of another one.

    `command` is what its head names, to be run in `folder`; empty where it names none that does
    this.
    """

    source: PurePosixPath
    target: PurePosixPath
    by_uv: bool
    command: tuple[str, ...] = ()
    folder: PurePosixPath = field(default_factory=PurePosixPath)


@dataclass(frozen=True, slots=True)
class RequirementsFile:
    """One file a person writes: what it declares, and what those declare that it is installed with.

    `constraints` are the versions that a `-c` file has for what is installed with it, each with the
    place of its line. `compilations` are those that a change of it makes stale, its own first; none
    where it is not compiled itself.
    """

    path: PurePosixPath
    own: Mapping[str, Entry]
    related: Mapping[str, str]
    compilations: tuple[Compilation, ...] = ()
    installs_project: bool = False
    constraints: Mapping[str, tuple[str, Where]] = field(default_factory=dict)


def requirements_files(
    root: Path, folder: PurePosixPath, also: Sequence[PurePosixPath] = ()
) -> list[RequirementsFile]:
    """The requirements files in and below `folder`, the one that all environments share first.

    Files that they include are among them wherever they lie in `root`, and so are those of `also`.
    A compiled file is left out if what it is made from is there; else it stays, because it is then
    the only one.
    """
    read = _read_files(root, [*_named_files(root, folder), *also])
    included = {path: _included_files(path, data) & read.keys() for path, data in read.items()}
    targets = {path: _compiled_file(path, read) for path in read}
    compiled = {target for target in targets.values() if target is not None}
    found = []
    for path, data in read.items():
        # a tool writes this file: the next compilation would lose our line
        if path in compiled:
            continue
        found.append(
            RequirementsFile(
                path,
                entries(data, Form.REQUIREMENTS),
                _related_requirements(path, included, read, compiled),
                _compilations_of(path, targets, included, read),
                installs_project(data),
                _constraints_of(root, path, included, read),
            )
        )
    # the file that most others include is the one that all environments share
    users = {path: sum(path in others for others in included.values()) for path in read}
    # of files that do not include each other, the one that the project's own scripts install
    installed = frozenset[PurePosixPath]()
    if len(found) > 1 and not any(users.values()):
        installed = files_in_scripts(root, folder)
    return sorted(
        found,
        key=lambda file: (
            -users[file.path],
            file.path not in installed or is_for_developers(file.path),
            _rank_of(file.path),
            file.path,
        ),
    )


def compiled_from_pyproject(
    root: Path, folder: PurePosixPath
) -> dict[PurePosixPath, tuple[str, ...]]:
    """The requirements files that a tool made of the folder's pyproject.toml, each with the
    command that its head names."""
    found = {}
    for path in _named_files(root, folder):
        if path.suffix != ".txt":
            continue
        try:
            command = command_of(read_file(root / path))
        except OSError:
            continue
        if "pyproject.toml" in command or command[:2] == ("uv", "export"):
            found[path] = command
    return found


def distant_files(root: Path, folder: PurePosixPath) -> list[PurePosixPath]:
    """The files below `folder` that declare Django, wherever and whatever they are called.

    The last resort, for dependencies/pip/base.in and its like: this walks the tree.
    """
    found: list[PurePosixPath] = []
    todo = [(root / folder, 0)]
    while todo:
        place, depth = todo.pop()
        for file in _list_folder(place):
            if file.is_dir():
                if depth < _DEEPEST and not _NEVER.match(file.name):
                    todo.append((file, depth + 1))
            elif (
                file.suffix in _SUFFIXES
                and "constraint" not in file.name
                and _declares_django(file)
            ):
                found.append(PurePosixPath(file.relative_to(root).as_posix()))
    return sorted(found, key=lambda path: (len(path.parts), path))


def files_in_scripts(root: Path, folder: PurePosixPath) -> frozenset[PurePosixPath]:
    """The files that `pip install -r` names in the project's own scripts and container files."""
    found: set[PurePosixPath] = set()
    for file in _list_folder(root / folder):
        if not _SCRIPT.match(file.name) or not file.is_file():
            continue
        text = read_file(file).decode("utf-8", "replace")
        for named in _INSTALLED.findall(text):
            # /app/requirements.txt in a container is requirements.txt here
            parts = PurePosixPath(named).parts
            for start in range(len(parts)):
                path = folder.joinpath(*parts[start:])
                if (root / path).is_file():
                    found.add(path)
                    break
    return frozenset(found)


def _list_folder(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _declares_django(file: Path) -> bool:
    try:
        data = read_file(file)
    except OSError:
        return False
    return b"django" in data[:_LONGEST].lower() and "django" in entries(data, Form.REQUIREMENTS)


def _read_files(root: Path, named: Sequence[PurePosixPath]) -> dict[PurePosixPath, bytes]:
    """Path (relative to `root`) and bytes of every file that counts, includes followed."""
    todo = sorted(named)
    found: dict[PurePosixPath, bytes] = {}
    while todo:
        path = todo.pop(0)
        if path in found:
            continue
        try:
            found[path] = read_file(root / path)
        except OSError:
            continue
        # included files count wherever they are
        todo += sorted(_included_files(path, found[path]))
    return found


def _named_files(root: Path, folder: PurePosixPath) -> list[PurePosixPath]:
    """The files whose name, or whose folder's name, says that they are requirements."""
    here = list_folder(root / folder)
    folders = [child for child in here if _FOLDER.match(child.name)]
    # requirements/source/base.in
    folders += [inner for child in folders for inner in list_folder(child) if is_folder(inner)]
    below = [file for child in folders for file in list_folder(child) if file.suffix in _SUFFIXES]
    files = [file for file in here if _FILE.match(file.name)] + below
    return [PurePosixPath(file.relative_to(root).as_posix()) for file in files if is_file(file)]


def _included_files(path: PurePosixPath, data: bytes) -> set[PurePosixPath]:
    """What a file includes, inside the project, relative to its root."""
    named = {PurePosixPath(posixpath.normpath(path.parent / name)) for name in includes(data)}
    return {name for name in named if ".." not in name.parts and not name.is_absolute()}


def _compiled_file(
    path: PurePosixPath, read: Mapping[PurePosixPath, bytes]
) -> PurePosixPath | None:
    """The compiled file of a .in, which is beside it or mentions its name."""
    if path.suffix != ".in":
        return None
    beside = path.with_suffix(".txt")
    if beside in read:
        return beside
    named = re.compile(rf"(?m)^#.*\b{re.escape(path.name)}\b".encode())
    return next((p for p in sorted(read) if is_compiled(read[p]) and named.search(read[p])), None)


def _compilations_of(
    path: PurePosixPath,
    targets: Mapping[PurePosixPath, PurePosixPath | None],
    included: Mapping[PurePosixPath, set[PurePosixPath]],
    read: Mapping[PurePosixPath, bytes],
) -> tuple[Compilation, ...]:
    """What is compiled of a file, and then of those that include it, or what it is compiled to."""
    target = targets[path]
    if target is None:
        return ()
    found = [_compilation(path, target, read[target])]
    for other, made in sorted(targets.items()):
        if made is None or other == path:
            continue
        near = _include_closure(other, included)
        near |= {_beside(other, name) for name in constraints(read[other])}
        if near & {path, target}:
            found.append(_compilation(other, made, read[made]))
    return tuple(found)


def _beside(path: PurePosixPath, name: str) -> PurePosixPath:
    """What a line of a file names."""
    return PurePosixPath(posixpath.normpath(path.parent / name))


def _compilation(source: PurePosixPath, target: PurePosixPath, data: bytes) -> Compilation:
    by_uv = compiled_by_uv(data)
    command = command_of(data)
    for folder in source.parents:
        here = str(source.relative_to(folder))
        there = posixpath.relpath(target, folder)
        # without an output it is beside its source
        named = re.compile(rf"(?:--output-file=|-o=?)?{re.escape(there)}")
        outputs = [word for word in command if named.fullmatch(word)]
        if here in command and (outputs or target == source.with_suffix(".txt")):
            return Compilation(source, target, by_uv, command, folder)
    return Compilation(source, target, by_uv)


def _constraints_of(
    root: Path,
    path: PurePosixPath,
    included: Mapping[PurePosixPath, set[PurePosixPath]],
    read: Mapping[PurePosixPath, bytes],
) -> dict[str, tuple[str, Where]]:
    """The versions that constraints files have, each with the place of its line: those that a file
    or one that is installed with it names, and constraints.txt beside it."""
    named: dict[PurePosixPath, None] = {}
    for member in sorted(_family_of(path, included)):
        for name in constraints(read[member]):
            named[PurePosixPath(posixpath.normpath(member.parent / name))] = None
    for folder in dict.fromkeys((path.parent, PurePosixPath("."))):
        # passed to pip by a script
        named[folder / "constraints.txt"] = None
    found: dict[str, tuple[str, Where]] = {}
    for file in named:
        # outside of the project, or an address
        if ".." in file.parts or file.is_absolute():
            continue
        try:
            data = read_file(root / file)
        except OSError:
            continue
        for name, entry in entries(data, Form.REQUIREMENTS).items():
            found.setdefault(name, (entry.text, Where(file, entry.line)))
    return found


def _family_of(
    path: PurePosixPath, included: Mapping[PurePosixPath, set[PurePosixPath]]
) -> set[PurePosixPath]:
    """What a file includes, and those that include it with all that they include."""
    family = _include_closure(path, included)
    for other in included:
        if path in _include_closure(other, included):
            family |= _include_closure(other, included)
    return family


def _related_requirements(
    path: PurePosixPath,
    included: Mapping[PurePosixPath, set[PurePosixPath]],
    read: Mapping[PurePosixPath, bytes],
    compiled: set[PurePosixPath],
) -> dict[str, str]:
    """What the files declare that `path` includes, and those that include it, however
    indirectly."""
    family = _family_of(path, included)
    found: dict[str, str] = {}
    for other in sorted(family - {path} - compiled):
        for name, entry in entries(read[other], Form.REQUIREMENTS).items():
            found.setdefault(name, entry.text)
    return found


def _include_closure(
    path: PurePosixPath, included: Mapping[PurePosixPath, set[PurePosixPath]]
) -> set[PurePosixPath]:
    todo, found = [path], set[PurePosixPath]()
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += included[current]
    return found


def is_for_developers(path: PurePosixPath) -> bool:
    """Whether the name of a file says that only developers, tests or documentation install it."""
    return _rank_of(path) == _DEVELOPERS_RANK


def _rank_of(path: PurePosixPath) -> int:
    """0 for what every environment installs, up to 4 for what only production does."""
    name = re.sub(r"[-_]", ".", path.name.lower())
    ranks = (
        (_DEVELOPERS_RANK, _DEVELOPERS),
        (_PRODUCTION_RANK, _PRODUCTION),
        (0, _SHARED),
        (1, _PLAIN),
    )
    return next((rank for rank, pattern in ranks if pattern.search(name)), 2)
