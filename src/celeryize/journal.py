"""What is remembered outside of the project: the lock, the journal of the change under way, the
history.

    <state>/lock                  held while celeryize writes; released when its process dies
    <state>/journal.json          a change that has begun: the next run rolls it back
    <state>/history/000007.json   a change that is done: the journal under another name
    <state>/kept/                 earlier bytes of files that were saved by somebody else meanwhile

Nothing here is in the tree of the project, so that a command leaves nothing there but its change.
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

from celeryize.errors import CeleryizeError, WriteFailed
from celeryize.model import Edit, Where

if sys.platform != "win32":
    import fcntl

FORMAT = 1
REMEMBERED = 20
TEMPORARY = re.compile(r"\.celeryize-[0-9a-f]{8}-[0-9]+\.tmp")


class AnotherRun(CeleryizeError):
    """A second celeryize holds the lock of the project."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file keeps when its bytes change: mode (permission bits) and owner."""

    mode: int
    uid: int
    gid: int

    @classmethod
    def of(cls, file: Path) -> Kept | None:
        """Those of `file`; None where there is none."""
        try:
            found = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)


@dataclass(frozen=True, slots=True)
class Written:
    """One edit and what is needed to write it or to take it back.

    `kept` is None for a new file with the default mode; `temp` is the name, beside the target, of
    the file that holds the new bytes until the rename.
    """

    edit: Edit
    kept: Kept | None
    temp: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one command did, or is doing, to the project. Paths are relative to its root.

    `made` are the folders it makes, outermost first; `removed` those it removes, innermost first,
    with their modes. `number` is the place in the history, from 1; an undo has in `undoes` the
    place that it undoes.
    """

    command: str
    files: tuple[Written, ...]
    made: tuple[PurePosixPath, ...] = ()
    removed: tuple[tuple[PurePosixPath, int], ...] = ()
    undoes: int = 0
    number: int = 0

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits alone."""
        return tuple(file.edit for file in self.files)


def state_dir(root: Path) -> Path:
    """The folder that remembers the changes of the project in `root`; it need not exist.

    In the git directory (of this work tree or submodule: gitrepository-layout(5)) where there is
    one, by the path of `root` in the work tree, so that both can be moved together; else as the XDG
    base directory specification has it.
    """
    root = root.resolve()
    for folder in (root, *root.parents):
        found = _git_dir(folder)
        if found:
            if folder == root:
                return found / "celeryize"
            return found / "celeryize" / _key(root.relative_to(folder))
    try:
        home = Path(os.environ.get("XDG_STATE_HOME", ""))
        # The specification: https://specifications.freedesktop.org/basedir-spec/
        # A relative path is to be ignored, says the specification.
        base = home if home.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise WriteFailed(
            "there is no home directory for celeryize's journal",
            hint="Set XDG_STATE_HOME to a folder of yours, then run the command again.",
        ) from error
    return base / "celeryize" / _key(root)


@contextmanager
def locked(root: Path) -> Iterator[Path]:
    """Hold the lock of the project; gives the state folder, which exists then.

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
    with failing_for(state):
        _make(state / "history")
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AnotherRun(
                    "another celeryize is writing in this project",
                    hint="Wait until it is done, then run the command again.",
                ) from error
        yield state
    finally:
        os.close(lock)


def is_unfinished(state: Path) -> bool:
    """Whether a change has begun and was neither finished nor rolled back."""
    return (state / "journal.json").exists()


def load_unfinished(state: Path) -> Change | None:
    """The change that has begun, if any. Raises CeleryizeError where it cannot be understood."""
    if is_unfinished(state):
        return _load(state / "journal.json")
    return None


def begin(state: Path, change: Change) -> None:
    """Have the journal on the disk, for good, before the first byte of the project changes."""
    journal = state / "journal.json"
    draft = state / "journal.json.new"
    with failing_for(journal):
        remove(draft)
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
        for old in [entry] if change.undoes else _entries(state)[:-REMEMBERED]:
            os.unlink(old)


def forget(state: Path) -> None:
    """Drop the journal of a change that was rolled back."""
    with failing_for(state / "journal.json"):
        remove(state / "journal.json")
        sync_folder(state)


def load_done(state: Path) -> Iterator[Change]:
    """The changes that are done and not undone, newest first. Raises CeleryizeError where one is
    garbled."""
    for entry in reversed(_entries(state)):
        change = _load(entry)
        if not change.undoes:
            yield replace(change, number=int(entry.stem))


def load_newest(state: Path) -> Change | None:
    """The newest change that is done and not undone. Raises CeleryizeError where it cannot be
    understood."""
    return next(load_done(state), None)


def keep(state: Path, name: str, data: bytes) -> Path:
    """Keep a copy of `data` in the state folder and give its place; the same bytes are kept
    once."""
    import hashlib

    copy = state / "kept" / f"{hashlib.sha256(data).hexdigest()[:8]}-{name}"
    _make(copy.parent)
    remove(copy)
    write_file(copy, data, mode=0o600)
    sync_folder(copy.parent)
    return copy


def write_file(file: Path, data: bytes, *, mode: int, kept: Kept | None = None) -> None:
    """Write a file that does not exist yet and have it on the disk; `kept` overrides `mode` and the
    umask."""
    descriptor = os.open(
        file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode
    )
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if kept:
            made = os.fstat(descriptor)
            if (made.st_uid, made.st_gid) != (kept.uid, kept.gid):
                # Root in a container keeps the file the user's; anybody else may not give files
                # away.
                with suppress(PermissionError):
                    os.chown(file, kept.uid, kept.gid)
            os.chmod(file, kept.mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def remove(file: Path) -> None:
    """Remove a file that may already be deleted."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(file)


@contextmanager
def failing_for(path: Path | PurePosixPath, *, what: str = "written") -> Iterator[None]:
    """Turn an OSError of the block into WriteFailed, which names `path` and the reason of the
    system."""
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
    """The git directory of the work tree `folder`: `.git`, or the place that a file `.git`
    names."""
    found = folder / ".git"
    if found.is_file():
        try:
            word, _, place = found.read_text("utf-8", "surrogateescape").partition(":")
        except OSError:
            return None
        if word != "gitdir":
            return None
        found = (folder / place.strip()).resolve()
    if (found / "HEAD").is_file():
        return found
    return None


def _key(path: Path) -> str:
    import hashlib

    return hashlib.sha256(os.fsencode(path.as_posix())).hexdigest()[:16]


def _make(folder: Path) -> None:
    """Make a folder, and those above it, that only this user can read."""
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    sync_folder(folder.parent)


def _entries(state: Path) -> list[Path]:
    """The files of the history, oldest first."""
    return sorted((state / "history").glob("[0-9]*.json"), key=lambda entry: int(entry.stem))


def _dump(change: Change) -> bytes:
    files = [
        {
            "path": str(file.edit.path),
            "before": _text(file.edit.before),
            "after": _text(file.edit.after),
            "kept": asdict(file.kept) if file.kept else None,
            "temp": file.temp,
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
    }
    return json.dumps(record, indent=1).encode()


def _load(file: Path) -> Change:
    try:
        record = json.loads(file.read_bytes())
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}, not {FORMAT}")
        return Change(
            command=record["command"],
            files=tuple(
                Written(
                    Edit(_inside(item["path"]), _bytes(item["before"]), _bytes(item["after"])),
                    Kept(**item["kept"]) if item["kept"] else None,
                    _temporary(item["temp"]),
                )
                for item in record["files"]
            ),
            made=tuple(_inside(folder) for folder in record["made"]),
            removed=tuple((_inside(folder), mode) for folder, mode in record["removed"]),
            undoes=record["undoes"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CeleryizeError(
            f"{file} cannot be understood: {error}",
            hint="Check what changed in the project, fix what is wrong, then delete that file.",
        ) from error


def _inside(text: str) -> PurePosixPath:
    """A path below the root: a git directory that came with somebody's archive may hold any
    journal."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text} leads out of the project")
    return path


def _temporary(name: str) -> str:
    if not TEMPORARY.fullmatch(name):
        raise ValueError(f"{name} is not a temporary file of ours")
    return name


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    return b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    if text is None:
        return None
    return b64decode(text)
