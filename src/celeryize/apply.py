"""The only module that writes to the user's project: all of a change or nothing of it, and back
again.

    with applied(plan.edits, root=project.root, command="init"):
        report = verify(project)
        report.raise_if_worse_than(baseline)     # raising here puts every byte and every mode back

The order makes it safe against `kill -9` and power cuts: the journal, then all new bytes into
temporary files, then one rename per file, then one rename that turns the journal into the newest
entry of the history. Whoever finds a journal takes it back (`recover`).
"""

from __future__ import annotations

import difflib
import errno
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch, CeleryizeError, Conflict, WriteFailed
from celeryize.journal import (
    AnotherRun,
    Change,
    Kept,
    Written,
    advice,
    begin,
    failing_for,
    finish,
    forget,
    is_unfinished,
    keep,
    load_done,
    load_newest,
    load_unfinished,
    locked,
    remove,
    state_dir,
    sync_folder,
    write_file,
)
from celeryize.model import Edit, Where

__all__ = ["Change", "applied", "last_change", "recover", "state_dir", "undo_edits", "undone"]


@contextmanager
def applied(edits: Sequence[Edit], *, root: Path, command: str) -> Iterator[None]:
    """Write `edits`; leaving the block normally keeps them, leaving it by any exception rolls them
    back.

    `command` is the user's word for the change, such as "init"; undo shows it again. Raises, with
    nothing changed: Conflict (a file is not `before`), CannotPatch (a path leads out of `root`),
    WriteFailed (the system refuses), AnotherRun (a second celeryize is writing). A file that
    somebody else saved during the block stays as it was saved; the exception then carries a note
    (PEP 678) that says so.
    """
    edits = [edit for edit in edits if edit.before != edit.after]
    if not edits:
        yield
        return
    root = root.resolve()
    with locked(root) as state, _carried_out(_planned(edits, root, command), root, state):
        yield


def recover(root: Path) -> str | None:
    """Roll back a change that was interrupted; a sentence for the screen, None if there was nothing
    to do.

    A journal whose run is still alive is left alone. Raises WriteFailed if the system refuses; the
    journal is then kept for the next try.
    """
    if not is_unfinished(state_dir(root)):
        return None
    root = root.resolve()
    try:
        with locked(root) as state:
            change = load_unfinished(state)
            if change is None:
                return None
            left = _take_back(change, root, state)
    except AnotherRun:
        return None
    return "; ".join([f"an interrupted `{change.command}` was rolled back", *left])


def last_change(root: Path) -> Change | None:
    """The newest change of the project that is not undone yet."""
    return load_newest(state_dir(root))


def changes(root: Path) -> tuple[Change, ...]:
    """What celeryize did to the project and is not undone, newest first."""
    return tuple(load_done(state_dir(root)))


def undo_edits(change: Change, root: Path) -> tuple[Edit, ...]:
    """The edits that take `change` back; files that are back already do not appear.

    Raises Conflict, with a diff, for the files that were changed since.
    """
    root = root.resolve()
    now = {edit.path: _read(edit.path, root) for edit in change.edits}
    back = [edit for edit in change.edits if now[edit.path] != edit.before]
    _refuse_changed(
        ((edit.path, edit.after, now[edit.path]) for edit in back),
        since=f"`{change.command}` wrote it",
        hint="Nothing was undone. Remove your edit, shown in the diff, and undo again.",
    )
    return tuple(Edit(edit.path, before=edit.after, after=edit.before) for edit in back)


@contextmanager
def undone(change: Change, *, root: Path) -> Iterator[None]:
    """Undo `change`, the newest of the history, and drop it there; block and errors are as in
    `applied`.

    Folders that the change made are removed if nothing else is in them.
    """
    root = root.resolve()
    with locked(root) as state:
        if load_newest(state) != change:
            raise Conflict(
                f"`{change.command}` is no longer the last change", hint="Run the command again."
            )
        plan = _planned(undo_edits(change, root), root, f"undo {change.command}", undo_of=change)
        with _carried_out(plan, root, state):
            yield


@contextmanager
def _carried_out(change: Change, root: Path, state: Path) -> Iterator[None]:
    if is_unfinished(state):
        raise CeleryizeError(
            "an interrupted change has to be rolled back first",
            hint="Run the command again to do so.",
        )
    finishing = False
    try:
        begin(state, change)
        _write(change, root)
        yield
        finishing = True
        finish(state, change)
    except BaseException as error:
        # The disk knows better than this frame how far we came: without a journal there is nothing
        # to take back, because the change has not begun, or because it is done.
        if is_unfinished(state):
            for sentence in _take_back(change, root, state):
                error.add_note(sentence)
        elif finishing:
            error.add_note(f"It came too late: `{change.command}` is done.")
        raise


def _planned(
    edits: Sequence[Edit], root: Path, command: str, undo_of: Change | None = None
) -> Change:
    """The change that the edits make of the disk as it is; refuses what cannot be written
    safely."""
    _refuse_changed((edit.path, edit.before, _read(edit.path, root)) for edit in edits)
    modes = {}
    if undo_of:
        modes = {file.edit.path: file.kept for file in undo_of.files}
    # a name that no file of the user has, and that says whose it is
    token = os.urandom(4).hex()
    targets: dict[Path, Edit] = {}
    files = []
    for index, edit in enumerate(edits):
        target = _target(edit.path, root)
        # two paths may lead to one file through a symlink
        if target in targets:
            raise CannotPatch(
                f"{edit.path} and {targets[target].path} are the same file", where=Where(edit.path)
            )
        targets[target] = edit
        files.append(
            Written(
                edit, Kept.of(target) or modes.get(edit.path), f".celeryize-{token}-{index}.tmp"
            )
        )
    for target, edit in targets.items():
        # A rename would replace a read-only file without asking.
        if edit.before is not None and not os.access(target, os.W_OK):
            with failing_for(edit.path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    gone = {target for target, edit in targets.items() if edit.after is None}
    return Change(
        command,
        tuple(files),
        made=_missing_folders([target for target in targets if target not in gone], root),
        removed=_emptied_folders(undo_of.made, gone, root) if undo_of else (),
        undoes=undo_of.number if undo_of else 0,
    )


def _write(change: Change, root: Path) -> None:
    for folder in change.made:
        with failing_for(folder):
            os.mkdir(root / folder)
            # a new name is only safe once its folder is on the disk
            sync_folder((root / folder).parent)
    # All bytes before the first rename: a full disk is found while every file is still the old one.
    for file in change.files:
        if file.edit.after is not None:
            with failing_for(file.edit.path):
                temp = _target(file.edit.path, root).with_name(file.temp)
                write_file(temp, file.edit.after, mode=0o666, kept=file.kept)
    for file in change.files:
        edit = file.edit
        target = _target(edit.path, root)
        _refuse_changed([(edit.path, edit.before, _read(edit.path, root))])
        with failing_for(edit.path):
            _put_in_place(file, target)
            sync_folder(target.parent)
    for folder, _ in change.removed:
        with failing_for(folder):
            _remove_folder(root / folder)


def _put_in_place(file: Written, target: Path) -> None:
    """Let a file have its new bytes, or go, in one step. Raises Conflict, and keeps it, if it was
    saved just now.

    A second name of the old file shows what an editor wrote into it after the last check; where the
    file system has no second names, that check has to do.
    """
    edit, temp, aside = file.edit, target.with_name(file.temp), _aside(file, target)
    if edit.before is None:
        try:
            os.link(temp, target)
        except FileExistsError:
            # it was there a moment ago: deleted again or not, somebody else is at it
            _refuse_changed([(edit.path, None, _load(target) or b"")])
        except OSError:
            os.replace(temp, target)
        else:
            os.unlink(temp)
        return
    # from here on an editor that saves writes into a file that we can still see
    with suppress(OSError):
        os.link(target, aside)
    if edit.after is None:
        os.unlink(target)
    else:
        os.replace(temp, target)
    saved = _load(aside)
    if saved is not None and saved != edit.before:
        os.replace(aside, target)
        _refuse_changed([(edit.path, edit.before, saved)])
    remove(aside)


def _aside(file: Written, target: Path) -> Path:
    """The second name of the old file, while the new one takes its place."""
    return target.with_name(f"{file.temp}.old")


def _take_back(change: Change, root: Path, state: Path) -> list[str]:
    """Put back everything that a begun change may have written; a sentence for each file that is
    left alone.

    Raises WriteFailed with the first refusal of the system, after having tried every file.
    """
    refusals: list[tuple[PurePosixPath, OSError]] = []
    sentences = []
    for folder, mode in reversed(change.removed):
        with _collecting(refusals, folder), suppress(CannotPatch):
            real = _target(folder, root)
            if not real.is_dir():
                os.mkdir(real)
            os.chmod(real, mode)
    for file in reversed(change.files):
        with _collecting(refusals, file.edit.path):
            sentences += _put_back(file, root, state)
    for folder in reversed(change.made):
        with _collecting(refusals, folder), suppress(CannotPatch):
            _remove_folder(_target(folder, root))
    if refusals:
        path, error = refusals[0]
        raise WriteFailed(
            f"{path} cannot be put back: {error.strerror}",
            hint=f"{advice(error)}; the next celeryize command restores it. "
            f"The journal is in {state}.",
            where=Where(path),
        ) from error
    forget(state)
    return sentences


def _put_back(file: Written, root: Path, state: Path) -> list[str]:
    """Give a file its bytes and mode from before, unless somebody else gave it bytes that are not
    ours."""
    edit = file.edit
    try:
        target = _target(edit.path, root)
        temp, aside = target.with_name(file.temp), _aside(file, target)
        remove(temp)
        if _load(aside) not in (None, edit.before):
            os.replace(aside, target)
        remove(aside)
        now = _load(target)
    except (CannotPatch, IsADirectoryError):
        return [_left(edit, state)]
    if now == edit.before:
        return []
    if now != edit.after:
        return [_left(edit, state)]
    if edit.before is None:
        os.unlink(target)
    else:
        write_file(temp, edit.before, mode=0o600, kept=file.kept)
        os.replace(temp, target)
    sync_folder(target.parent)
    return []


def _left(edit: Edit, state: Path) -> str:
    left = f"{edit.path} was changed by somebody else meanwhile and stays as it is now"
    if edit.before is None:
        return left
    return f"{left} (its bytes from before are in {keep(state, edit.path.name, edit.before)})"


@contextmanager
def _collecting(
    refusals: list[tuple[PurePosixPath, OSError]], path: PurePosixPath
) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        refusals.append((path, error))


def _target(path: PurePosixPath, root: Path) -> Path:
    """The file to write for `path`, inside of `root`: settings.py is often a symlink, which stays
    one."""
    try:
        real = (root / path).resolve()
    except (OSError, RuntimeError) as error:
        raise CannotPatch(
            f"{path} is a symlink that leads nowhere: {error}", where=Where(path)
        ) from error
    if path.is_absolute() or ".." in path.parts or not real.is_relative_to(root):
        raise CannotPatch(
            f"{path} leads out of the project, to {real}",
            hint="celeryize writes inside the project only; make that change manually.",
            where=Where(path),
        )
    return real


def _read(path: PurePosixPath, root: Path) -> bytes | None:
    """The bytes of a file now, None where there is none."""
    with failing_for(path, what="read"):
        return _load(_target(path, root))


def _load(target: Path) -> bytes | None:
    try:
        return target.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _missing_folders(targets: Iterable[Path], root: Path) -> tuple[PurePosixPath, ...]:
    missing = {parent for target in targets for parent in target.parents if not parent.exists()}
    return tuple(PurePosixPath(folder.relative_to(root)) for folder in sorted(missing))


def _emptied_folders(
    made: Sequence[PurePosixPath], gone: set[Path], root: Path
) -> tuple[tuple[PurePosixPath, int], ...]:
    """The folders of `made`, innermost first, with their modes, that are empty without the files
    `gone`."""
    emptied: dict[Path, int] = {}
    for folder in (_target(path, root) for path in reversed(made)):
        with failing_for(folder.relative_to(root), what="read"):
            kept = Kept.of(folder)
            inside = set()
            if kept:
                inside = {folder / name for name in os.listdir(folder)}
        if kept and inside <= {*gone, *emptied, folder / "__pycache__"}:
            emptied[folder] = kept.mode
    return tuple(
        (PurePosixPath(folder.relative_to(root)), mode) for folder, mode in emptied.items()
    )


def _remove_folder(folder: Path) -> None:
    """Remove a folder of ours, and the bytecode that Python left in it, unless somebody put more
    there."""
    cache = folder / "__pycache__"
    try:
        if os.listdir(folder) == [cache.name] and not cache.is_symlink():
            for name in sorted(os.listdir(cache)):
                if name.endswith(".pyc"):
                    os.unlink(cache / name)
            os.rmdir(cache)
        os.rmdir(folder)
        sync_folder(folder.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise


def _refuse_changed(
    files: Iterable[tuple[PurePosixPath, bytes | None, bytes | None]],
    *,
    since: str = "the change was planned",
    hint: str = "Nothing was changed. Run the command again to plan it anew.",
) -> None:
    """Raise Conflict for the files (path, expected bytes, bytes now) that are not what they should
    be."""
    changed = [(path, expected, now) for path, expected, now in files if expected != now]
    if changed:
        raise Conflict(
            f"{', '.join(str(path) for path, _, _ in changed)} changed since {since}",
            diff="".join(_diff(*file) for file in changed),
            hint=hint,
            where=Where(changed[0][0]),
        )


def _diff(path: PurePosixPath, old: bytes | None, new: bytes | None) -> str:
    """A unified diff; lines end at LF only, as for git."""
    before, now = (
        list(io.StringIO((data or b"").decode("utf-8", "backslashreplace"), newline="\n"))
        for data in (old, new)
    )
    names = (
        "/dev/null" if old is None else f"a/{path}",
        "/dev/null" if new is None else f"b/{path}",
    )
    lines = difflib.unified_diff(before, now, *names)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
