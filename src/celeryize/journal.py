"""What is remembered outside of the project: the lock, the journal of a change, the history.

    <state>/lock                  held while celeryize writes; released when its process dies
    <state>/journal.json          a change that has begun: the next run rolls it back
    <state>/history/000007.json   a change that is done: the journal under another name
    <state>/kept/                 earlier bytes of files that were saved by somebody else meanwhile
    <state>/place.json            the folder that all this is for

Nothing here is in the tree of the project, so that a command leaves nothing there but its change. A
git directory can come with somebody's archive, or serve two folders: a state folder is used only if
it is a real folder that belongs to this user or to the owner of the project, and a journal is
followed only in the folder that it was written for.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from celeryize.errors import CeleryizeError, WriteFailed
from celeryize.exchange import remove_file
from celeryize.model import Edit, Where
from celeryize.reading import list_folder, read_file

if sys.platform != "win32":
    import fcntl

FORMAT = 2
# What 0.1.0 wrote: without the place, and without attributes and names of a file.
READABLE = {1, FORMAT}
REMEMBERED = 20
# No set-uid, set-gid or sticky bit comes out of a journal.
PERMISSIONS = 0o777
# A journal holds the bytes of some source files.
LARGEST_JOURNAL = 256 << 20
WORK_TREE = re.compile(r"^\s*worktree\s*=\s*(.+)$", re.MULTILINE | re.IGNORECASE)
TEMPORARY = re.compile(r"\.celeryize-[0-9a-f]{8}-[0-9]+\.tmp")


class AnotherRun(CeleryizeError):
    """A second celeryize holds the lock of the project."""


class NotTrusted(CeleryizeError):
    """The state folder may have been made by somebody else."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file keeps when its bytes change: mode (permission bits), owner, extended attributes
    (ACLs are some).

    `links` is the number of its names; with more than one it is written through, so that it stays
    one file.
    """

    mode: int
    uid: int
    gid: int
    attributes: tuple[tuple[str, bytes], ...] = ()
    links: int = 1

    @classmethod
    def of(cls, file: Path) -> Kept | None:
        """Those of `file`; None where there is none."""
        try:
            found = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        links = found.st_nlink if stat.S_ISREG(found.st_mode) else 1
        return cls(
            stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, _attributes(file), links
        )


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that a state belongs to: its path, and the device and inode that a rename of it
    keeps.
    """

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, root: Path) -> Place:
        """That of an existing folder."""
        found = root.stat()
        return cls(str(root), found.st_dev, found.st_ino)

    def is_same(self, other: Place) -> bool:
        """The same folder, also after it was renamed."""
        return (self.device, self.inode) == (other.device, other.inode)

    def is_elsewhere(self, root: Path) -> bool:
        """Whether this is another folder than `root`, which still exists. One that is gone was
        moved to `root`.
        """
        if self.is_same(Place.of(root)):
            return False
        try:
            return self.is_same(Place.of(Path(self.path)))
        except OSError:
            return False


def _attributes(file: Path) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes of a file, where the system has them (Linux)."""
    if not hasattr(os, "listxattr"):
        return ()
    try:
        return tuple((name, os.getxattr(file, name)) for name in sorted(os.listxattr(file)))
    except OSError:
        # a file system without them, or attributes that only root may read
        return ()


@dataclass(frozen=True, slots=True)
class Written:
    """One edit and what is needed to write it or to take it back.

    `kept` is None for a new file with the default mode; `temp` is the name, beside the target, of
    the file that holds the new bytes until the rename. `linked`: the path was a symlink when it was
    written; None where that was not remembered.
    """

    edit: Edit
    kept: Kept | None
    temp: str
    linked: bool | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """A file that a program may rewrite while a change is under way, as it was before."""

    path: PurePosixPath
    before: bytes | None
    kept: Kept | None
    temp: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one command did, or is doing, to the project. Paths are relative to its root.

    `made` are the folders it makes, outermost first; `removed` those it removes, innermost first,
    with their modes. `number` is the position in the history, from 1; an undo has in `undoes` the
    position that it undoes. `place` is the folder that it was planned for, None in what 0.1.0
    wrote.
    """

    command: str
    files: tuple[Written, ...]
    made: tuple[PurePosixPath, ...] = ()
    removed: tuple[tuple[PurePosixPath, int], ...] = ()
    undoes: int = 0
    number: int = 0
    place: Place | None = None
    # the files that a program of somebody else may rewrite during the change: lock files
    generated: tuple[Generated, ...] = ()
    # what an undo does not bring back, as a sentence
    stays: str = ""

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits alone."""
        return tuple(file.edit for file in self.files)


def state_dir(root: Path) -> Path:
    """The folder that remembers the changes of the project in `root`; it need not exist.

    In the git directory (of this work tree or submodule: gitrepository-layout(5)) where there is
    one, by the path of `root` in the work tree, so that both can be moved together; else as the XDG
    base directory specification has it. After `git init`, or a move, it is where it was before,
    found by the place it names.
    """
    root = root.resolve()
    usual = _usual_state(root)
    if _remembers_something(usual):
        return usual
    return next(
        (state for state in _other_states(root, usual) if _remembers_something(state)), usual
    )


def _remembers_something(state: Path) -> bool:
    return os.path.lexists(state / "journal.json") or bool(_entries(state))


def _other_states(root: Path, usual: Path) -> Iterator[Path]:
    """The states that name the folder `root` as theirs, or, by 0.1.0, have its path as their
    name.
    """
    try:
        here = Place.of(root)
    except OSError:
        return
    homes = [home for home in (_home_states(), usual.parent, usual) if home is not None]
    for home in dict.fromkeys(homes):
        try:
            states = sorted(home.iterdir())
        except OSError:
            continue
        for state in states:
            if state == usual or state.name in {"history", "kept"}:
                continue
            place = _load_place(state / "place.json")
            unnamed = place is None and state.name == _key(root)
            if unnamed or (place is not None and place.is_same(here)):
                yield state


def _load_place(file: Path) -> Place | None:
    """The folder that a state is for; None where that is not written, or not to be read."""
    try:
        return Place(**json.loads(read_file(file)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _home_states() -> Path | None:
    """The folder of all states that are in no git directory; None where this user has no home."""
    try:
        home = Path(os.environ.get("XDG_STATE_HOME", ""))
        # A relative path is to be ignored, says the specification.
        base = home if home.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return base / "celeryize"


def _usual_state(root: Path) -> Path:
    """Where the state of a project is made."""
    for folder in (root, *root.parents):
        found = _git_dir(folder)
        if found:
            return (
                found / "celeryize"
                if folder == root
                else found / "celeryize" / _key(root.relative_to(folder))
            )
    home = _home_states()
    if home is None:
        raise WriteFailed(
            "there is no home directory for celeryize's journal",
            hint="Set XDG_STATE_HOME to a folder of yours, then run the command again.",
        )
    return home / _key(root)


class Locked(NamedTuple):
    """The state folder of a project, and the open descriptor that holds its lock."""

    state: Path
    descriptor: int


@contextmanager
def locked(root: Path) -> Iterator[Locked]:
    """Hold the lock of the project; its state folder exists then.

    Raises AnotherRun at once if it is taken, WriteFailed if the folder cannot be made. Windows has
    no flock: there two runs at once are found by the bytes of the files only.
    """
    state = state_dir(root)
    root = root.resolve()
    if state.is_relative_to(root) and state.name == _key(root):
        raise WriteFailed(
            f"the journal would be inside the project, in {state}",
            hint="Set XDG_STATE_HOME to a folder outside of the project, then run again.",
        )
    refuse_foreign_state(state, root)
    with failing_for(state):
        _make(state / "history")
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AnotherRun(
                    "another celeryize is writing in this project",
                    hint="Wait until it is done, then run the command again.",
                ) from error
        yield Locked(state, lock)
    finally:
        os.close(lock)


def refuse_foreign_state(state: Path, root: Path) -> None:
    """Raise NotTrusted where a part of the state is a link, or belongs to somebody else.

    "Somebody else" is neither this user nor the owner of the project.
    A planted journal could otherwise say what this user writes, and a planted link where.
    """
    if sys.platform == "win32":
        return
    trusted = {os.geteuid(), root.stat().st_uid}
    names = ("", "history", "kept", "journal.json", "journal.json.new", "lock", "place.json")
    for part in (state / name if name else state for name in names):
        try:
            found = part.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            raise NotTrusted(
                f"{part} may not be read: it was probably made by another user",
                hint=f"Give it back to yourself: sudo chown -R $(id -u) {state}",
            ) from error
        if stat.S_ISLNK(found.st_mode):
            raise NotTrusted(
                f"{part} is a link, so celeryize does not follow what it says",
                hint="Look where it leads, then remove it and run the command again.",
            )
        if found.st_uid not in trusted:
            raise NotTrusted(
                f"{part} belongs to another user (uid {found.st_uid}), "
                "so celeryize does not follow what it says",
                hint=f"If that was you, sudo chown -R $(id -u) {state}. Otherwise remove it.",
            )


def is_unfinished(state: Path) -> bool:
    """Whether a change has begun and was neither finished nor rolled back."""
    return os.path.lexists(state / "journal.json")


def load_unfinished(state: Path) -> Change | None:
    """The change that has begun, if any. Raises CeleryizeError where it cannot be understood."""
    return _load(state / "journal.json") if is_unfinished(state) else None


def begin(state: Path, change: Change) -> None:
    """Have the journal on the disk, for good, before the first byte of the project changes."""
    journal = state / "journal.json"
    draft = state / "journal.json.new"
    if change.place:
        with suppress(OSError):
            _write_place(state / "place.json", change.place)
    with failing_for(journal):
        remove_file(draft)
        write_file(draft, _dump(change), mode=0o600)
        os.replace(draft, journal)
        sync_folder(state)


def finish(state: Path, change: Change) -> None:
    """Make the journal the newest entry of the history, or put it over the entry that it undoes:
    one rename.

    The change is done with the rename. What follows may fail: a power cut then leaves the journal
    or the entry, and both are whole; an entry that is an undo is passed over by `load_newest`.
    """
    entries = _entries(state)
    number = change.undoes or (int(entries[-1].stem) if entries else 0) + 1
    entry = state / "history" / f"{number:06}.json"
    with failing_for(entry):
        os.replace(state / "journal.json", entry)
    with suppress(OSError):
        sync_folder(entry.parent)
        sync_folder(state)
        if change.undoes:
            os.unlink(entry)
            return
        for old in _entries(state)[:-REMEMBERED]:
            os.unlink(old)
            # an empty file: the history knows that it once went further back
            (state / "history" / "truncated").touch(mode=0o600)


def drop(state: Path, change: Change) -> None:
    """Drop a change from the history, for good."""
    entry = state / "history" / f"{change.number:06}.json"
    with failing_for(entry):
        os.unlink(entry)
        sync_folder(entry.parent)


def is_truncated(state: Path) -> bool:
    """Whether the history once went further back than what is remembered."""
    return (state / "history" / "truncated").exists()


def forget(state: Path) -> None:
    """Drop the journal of a change that was taken back."""
    with failing_for(state / "journal.json"):
        remove_file(state / "journal.json")
        sync_folder(state)


def load_done(state: Path) -> Iterator[Change]:
    """The changes that are done and not undone, newest first. Raises CeleryizeError where one is
    garbled.
    """
    for entry in reversed(_entries(state)):
        change = _load(entry)
        if not change.undoes:
            yield replace(change, number=int(entry.stem))


def load_newest(state: Path) -> Change | None:
    """The newest change that is done and not undone. Raises CeleryizeError where it cannot be
    understood.
    """
    return next(load_done(state), None)


def keep(state: Path, name: str, data: bytes) -> Path:
    """Keep a copy of `data` in the state folder and give its place; the same bytes are kept
    once.
    """
    import hashlib

    copy = state / "kept" / f"{hashlib.sha256(data).hexdigest()[:8]}-{name}"
    _make(copy.parent)
    remove_file(copy)
    write_file(copy, data, mode=0o600)
    sync_folder(copy.parent)
    return copy


def write_file(file: Path, data: bytes, *, mode: int, kept: Kept | None = None) -> None:
    """Write a file that does not exist yet and have it on the disk; `kept` overrides `mode` and the
    umask.

    It has its final owner, mode and attributes before its first byte: secret settings are secret at
    every moment.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(file, flags, 0o600 if kept else mode)
    try:
        if kept:
            _give(descriptor, kept)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give(descriptor: int, kept: Kept) -> None:
    """Give an open, empty file the owner, the mode and the attributes of another."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (kept.uid, kept.gid):
        # Root in a container keeps the file the user's; anybody else may not give files away.
        with suppress(PermissionError):
            os.fchown(descriptor, kept.uid, kept.gid)
    os.fchmod(descriptor, kept.mode)
    # after the mode: chmod(2) changes the mask of an access control list
    for name, value in kept.attributes:
        with suppress(OSError):
            os.setxattr(descriptor, name, value)


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on the disk, where the system can do that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not know how, and say so in this way: fsync(2).
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def failing_for(path: Path | PurePosixPath, *, what: str = "written") -> Iterator[None]:
    """Turn an OSError of the block into WriteFailed, which names `path` and the reason of the
    system.
    """
    try:
        yield
    except OSError as error:
        raise WriteFailed(
            f"{path} cannot be {what}: {error.strerror}",
            hint=f"{advice(error)}, then run the command again; nothing was changed.",
            where=Where(PurePosixPath(path)),
        ) from error


def advice(error: OSError) -> str:
    """The next step after a refusal of the system, without a full stop."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "Free some space on this disk"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "Make the file and its folder writable for you"
        case _:
            return "See what is wrong with this file or its disk"


def _git_dir(folder: Path) -> Path | None:
    """The git directory of the work tree `folder`: `.git`, or the place that a file `.git` names.

    Such a file may come with somebody's archive, or with a copy of a work tree: the git directory
    has to name the folder in turn, as git writes it for work trees (`gitdir`) and submodules
    (`core.worktree`).
    """
    found = folder / ".git"
    if found.is_file():
        try:
            word, _, place = os.fsdecode(read_file(found)).partition(":")
        except OSError:
            return None
        if word != "gitdir":
            return None
        found = (folder / place.strip()).resolve()
        if folder not in _work_trees(found):
            return None
    return found if (found / "HEAD").is_file() else None


def _work_trees(git_dir: Path) -> Iterator[Path]:
    """The folders that a git directory names as its work tree."""
    with suppress(OSError, ValueError):
        yield Path(os.fsdecode(read_file(git_dir / "gitdir")).strip()).parent.resolve()
    with suppress(OSError, ValueError):
        config = os.fsdecode(read_file(git_dir / "config"))
        for place in WORK_TREE.findall(config):
            yield (git_dir / place.strip().strip('"')).resolve()


def _key(path: Path) -> str:
    import hashlib

    return hashlib.sha256(os.fsencode(path.as_posix())).hexdigest()[:16]


def _make(folder: Path) -> None:
    """Make a folder, and those above it, that only this user can look into."""
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    sync_folder(folder.parent)


def _entries(state: Path) -> list[Path]:
    """The files of the history, oldest first."""
    found = [path for path in list_folder(state / "history") if path.suffix == ".json"]
    return sorted((p for p in found if p.stem.isdecimal()), key=lambda entry: int(entry.stem))


def _write_place(file: Path, place: Place) -> None:
    """Note once which folder a state is for."""
    if _load_place(file) == place:
        return
    draft = file.with_name("place.json.new")
    remove_file(draft)
    write_file(draft, json.dumps(asdict(place)).encode(), mode=0o600)
    os.replace(draft, file)


def _dump(change: Change) -> bytes:
    files = [
        {
            "path": str(file.edit.path),
            "before": _text(file.edit.before),
            "after": _text(file.edit.after),
            "kept": _dump_kept(file.kept) if file.kept else None,
            "temp": file.temp,
            "linked": file.linked,
        }
        for file in change.files
    ]
    record = {
        "format": FORMAT,
        "command": change.command,
        "files": files,
        "made": [str(folder) for folder in change.made],
        "removed": [(str(folder), mode) for folder, mode in change.removed],
        "undoes": change.undoes,
        "generated": [
            {
                "path": str(file.path),
                "before": _text(file.before),
                "kept": _dump_kept(file.kept) if file.kept else None,
                "temp": file.temp,
            }
            for file in change.generated
        ],
        "stays": change.stays,
        "place": asdict(change.place) if change.place else None,
    }
    return json.dumps(record, indent=1).encode()


def _dump_kept(kept: Kept) -> dict[str, object]:
    attributes = [(name, _text(value)) for name, value in kept.attributes]
    return {**asdict(kept), "attributes": attributes}


def _load_kept(record: dict[str, Any] | None) -> Kept | None:
    if record is None:
        return None
    attributes = tuple(
        (str(name), b64decode(value)) for name, value in record.get("attributes", ())
    )
    numbers = {name: int(record[name]) for name in ("uid", "gid")}
    return Kept(
        int(record["mode"]) & PERMISSIONS,
        attributes=attributes,
        links=int(record.get("links", 1)),
        **numbers,
    )


def _load_generated(item: dict[str, Any]) -> Generated:
    path = _inside(item["path"])
    return Generated(
        path, _bytes(item["before"]), _load_kept(item["kept"]), _temporary(item["temp"])
    )


def _load_change_place(record: dict[str, Any] | None) -> Place | None:
    if record is None:
        return None
    return Place(str(record["path"]), int(record["device"]), int(record["inode"]))


def _load(file: Path) -> Change:
    try:
        record = json.loads(read_file(file, largest=LARGEST_JOURNAL))
        if record["format"] not in READABLE:
            raise ValueError(f"format {record['format']}, not {FORMAT}")
        return Change(
            command=str(record["command"]),
            files=tuple(
                Written(
                    Edit(_inside(item["path"]), _bytes(item["before"]), _bytes(item["after"])),
                    _load_kept(item["kept"]),
                    _temporary(item["temp"]),
                    _flag(item.get("linked")),
                )
                for item in record["files"]
            ),
            made=tuple(_inside(folder) for folder in record["made"]),
            removed=tuple(
                (_inside(folder), int(mode) & PERMISSIONS) for folder, mode in record["removed"]
            ),
            undoes=int(record["undoes"]),
            place=_load_change_place(record.get("place")),
            generated=tuple(_load_generated(item) for item in record.get("generated", ())),
            stays=str(record.get("stays", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CeleryizeError(
            f"{file} cannot be understood: {error}",
            hint="Look at what changed in the project, fix what is wrong, then delete that file.",
        ) from error


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _inside(text: str) -> PurePosixPath:
    """A path below the root: a git directory that came with somebody's archive may hold any
    journal.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text} leads out of the project")
    return path


def _temporary(name: str) -> str:
    if not TEMPORARY.fullmatch(name):
        raise ValueError(f"{name} is no temporary file of ours")
    return name


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
