"""An app that a change put into INSTALLED_APPS, and that has models or migrations since: it stays.

Without it there, Django forgets the tables of its models.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

from celeryize.apply import Change, written_at
from celeryize.detect.modules import Modules
from celeryize.model import Edit
from celeryize.reading import read_file
from celeryize.reversal import Clash, take_back

# Folders of a project below its root that are looked through.
DEPTH = 8
NAME = re.compile(rb"[\"']([A-Za-z_][\w.]*)[\"']")
CONFIG = re.compile(r"\.apps\.\w+$")
MIGRATION = re.compile(rb"(?m)^class Migration\b")
MODEL = re.compile(rb"(?m)^class \w+\(.*Model\b")


@dataclass(frozen=True, slots=True)
class Kept:
    """The edits of an undo without what stays, and a sentence for each app that does."""

    edits: tuple[Edit, ...]
    notes: tuple[str, ...] = ()


def keep_installed(change: Change, edits: Sequence[Edit], root: Path) -> Kept:
    """The edits of an undo, less the apps that have grown models or migrations since."""
    written = {edit.path: edit for edit in change.edits if edit.path.suffix == ".py"}
    kept: list[Edit] = []
    notes: list[str] = []
    for edit in edits:
        by_change = written.get(edit.path)
        grown: dict[str, PurePosixPath] = {}
        if by_change is not None and by_change.before and by_change.after:
            names = sorted({name for _, some in _named_lines(by_change) for name in some})
            grown = _grown_since(names, root, written_at(change, root))
        if by_change is None or not grown:
            kept.append(edit)
            continue
        less = _without_hunks_of(by_change, grown.keys())
        try:
            undone = take_back(edit.path, less, by_change.after, edit.before or b"")
        except Clash:
            kept.append(edit)
            notes += [
                f"{name} goes from {edit.path}, and has {path} by now: put it back there."
                for name, path in grown.items()
            ]
            continue
        notes += [
            f"{name} stays in {edit.path}: it has {path} by now." for name, path in grown.items()
        ]
        if undone != edit.before:
            kept.append(Edit(edit.path, edit.before, undone))
    return Kept(tuple(kept), tuple(notes))


def _lines(data: bytes | None) -> list[bytes]:
    return (data or b"").splitlines(keepends=True)


def _named_lines(edit: Edit) -> Iterator[tuple[tuple[int, int, int, int], set[str]]]:
    """The places that a change made longer by names in quotes: its lines before and after."""
    old, new = _lines(edit.before), _lines(edit.after)
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        came = set(NAME.findall(b"".join(new[k:m]))) - set(NAME.findall(b"".join(old[i:j])))
        yield (i, j, k, m), {name.decode() for name in came}


def _without_hunks_of(edit: Edit, names: Collection[str]) -> bytes:
    """What was there before, with the places that hold some names as they were written."""
    old, new = _lines(edit.before), _lines(edit.after)
    result: list[bytes] = []
    position = 0
    for (i, j, k, m), came in _named_lines(edit):
        result += old[position:i]
        stays = any(name in came for name in names)
        result += new[k:m] if stays else old[i:j]
        position = j
    return b"".join(result + old[position:])


def _grown_since(names: Sequence[str], root: Path, moment: float) -> dict[str, PurePosixPath]:
    """Which names are apps of the project with models or migrations that are younger than the
    change, each with one such file."""
    found: dict[str, PurePosixPath] = {}
    if not names:
        return found
    modules = Modules(root, (PurePosixPath(),))
    folders = {path.parent for path in modules.python_files(PurePosixPath(), DEPTH)}
    for name in names:
        app = tuple(CONFIG.sub("", name).split("."))
        for folder in sorted(folders):
            table = None
            if folder.parts[-len(app) :] == app:
                table = next(_tables_in(root, folder, moment), None)
            if table is not None:
                found.setdefault(name, table)
    return found


def _tables_in(root: Path, folder: PurePosixPath, moment: float) -> Iterator[PurePosixPath]:
    """The files of an app that define its tables, and are younger than a moment; without those that
    cannot be read, such as the lock that an editor leaves, a symlink to nowhere."""
    for pattern in ("models.py", "models/*.py", "migrations/*.py"):
        for file in sorted((root / folder).glob(pattern)):
            defines = MIGRATION if file.parent.name == "migrations" else MODEL
            try:
                grown = file.stat().st_mtime > moment and defines.search(read_file(file))
            except OSError:
                continue
            if grown:
                yield PurePosixPath(file.relative_to(root).as_posix())
