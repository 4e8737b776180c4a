"""The only module that writes to the user's project: all of a change or nothing of it, and back
again.

    with applied(plan.edits, root=project.root, command="init"):
        report = verify(project)
        report.raise_if_worse_than(baseline)     # raising here puts every byte and every mode back
 The order makes it safe against `kill -9` and power cuts: the journal, then all new bytes into
temporary files, then one rename per file, then one rename that turns the journal into the newest
entry of the history. Whoever finds a journal rolls it back (`recover`).
"""

from __future__ import annotations

import difflib
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch, CeleryizeError, Conflict, WriteFailed
from celeryize.exchange import (
    SavedMeanwhile,
    aside_of,
    create_file,
    is_torn,
    load_file,
    remove_file,
    replace_file,
    take_file_away,
    write_through,
)
from celeryize.formatting import differs_in_formatting_only
from celeryize.git import is_committed
from celeryize.journal import (
    AnotherRun,
    Change,
    Generated,
    Kept,
    Place,
    Written,
    advice,
    begin,
    drop,
    failing_for,
    finish,
    forget,
    is_truncated,
    is_unfinished,
    keep,
    load_done,
    load_unfinished,
    locked,
    refuse_foreign_state,
    state_dir,
    sync_folder,
    write_file,
)
from celeryize.later_edits import LaterEdit, find_later_edits
from celeryize.model import Edit, Where
from celeryize.reversal import Clash, is_taken_back, take_back
from celeryize.urls import redacted

# No file is other than it is on the disk.
UNTOUCHED: Mapping[PurePosixPath, bytes | None] = {}
# What a block gets where there is nothing to write, and so nothing to lock.
NO_LOCK = -1
# The end of a hint, for the newest change.
FORGET = "drop the change from the history: celeryize undo --forget"
# Edits of a file that are named where an undo is refused.
SHOWN_EDITS = 5
PLANNED = "the change was planned"
PLAN_AGAIN = "Nothing was changed. Run the command again to plan it anew."

__all__ = [
    "Change",
    "applied",
    "forget_change",
    "interrupted_change",
    "last_change",
    "load_history",
    "not_kept",
    "recover",
    "refuse_other_place",
    "state_dir",
    "state_since",
    "undo_edits",
    "undone",
]


# Says of which changes an undo is not: those of another project of the repository.
Passed = Callable[[Change], bool]


class Since(StrEnum):
    """What became of a file since a change wrote it."""

    AS_WRITTEN = "as written"
    BACK = "already as before"
    REFORMATTED = "reformatted"
    EDITED = "edited elsewhere"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class FileSince:
    """One file of a change, what became of it, and its bytes now (None: there is none).

    `undone` are its bytes without the change, with later edits; `clash` says why there are none.
    """

    edit: Edit
    since: Since
    now: bytes | None
    undone: bytes | None = None
    clash: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The changes that are done and not undone, newest first; `truncated`: there were older
    ones.
    """

    changes: tuple[Change, ...]
    truncated: bool


@contextmanager
def applied(
    edits: Sequence[Edit],
    *,
    root: Path,
    command: str,
    generated: Sequence[PurePosixPath] = (),
    stays: str = "",
) -> Iterator[int]:
    """Write `edits`; leaving the block normally keeps them, any exception rolls them back.

    `command` is the user's word for the change, such as "init"; undo shows it again. Raises, with
    nothing changed: Conflict (a file is not `before`), CannotPatch (a path leads out of `root`),
    WriteFailed (the system refuses), AnotherRun (a second celeryize is writing). A file that
    somebody else saved during the block stays as it was saved; the exception then carries a note
    (PEP 678) that says so.

    `generated` are files that a program may rewrite during the block (a package manager its lock
    file): they belong to the change and to its undo. `stays` is what an undo does not bring back.
    The block gets the descriptor that holds the lock: a process that has it, too, keeps it held.
    """
    edits = [edit for edit in edits if edit.before != edit.after]
    if not edits:
        yield NO_LOCK
        return
    root = root.resolve()
    with locked(root) as (state, lock):
        change = replace(_planned(edits, root, command), stays=stays)
        if generated:
            change = replace(change, generated=_before_generating(generated, root))
        with _carried_out(change, root, state):
            yield lock


def interrupted_change(root: Path) -> str | None:
    """A sentence for the screen where a change of this project was interrupted; nothing is written.

    None also where that cannot be read: a command that writes says so.
    """
    try:
        state = state_dir(root)
        refuse_foreign_state(state, root)
        change = load_unfinished(state)
        if change is None or _belongs_elsewhere(change, root.resolve()):
            return None
        with locked(root.resolve()):
            return (
                f"`{change.command}` was interrupted; the next command that may write rolls it back"
            )
    except (CeleryizeError, OSError):
        return None


def recover(root: Path) -> str | None:
    """Roll back a change that was interrupted; a sentence for the screen, None if there was nothing
    to do.

    A journal whose run is still alive is left alone, and so is what the user has committed or saved
    since. Raises WriteFailed if the system refuses (the journal is then kept for the next try),
    NotTrusted, and CeleryizeError for a journal that is for another folder.
    """
    root = root.resolve()
    state = state_dir(root)
    refuse_foreign_state(state, root)
    if not is_unfinished(state):
        return None
    try:
        with locked(root) as (state, _):
            change = load_unfinished(state)
            if change is None:
                return None
            _refuse_elsewhere(change, root, state)
            committed = _committed(change, root)
            if committed:
                finish(state, change)
                return (
                    f"`{change.command}` was interrupted, and {', '.join(committed)} was committed "
                    "since: nothing was rolled back (celeryize undo shows what it would undo)"
                )
            left = _roll_back(change, root, state)
    except AnotherRun:
        return None
    return "; ".join([f"an interrupted `{change.command}` was rolled back", *left])


def _belongs_elsewhere(change: Change, root: Path) -> bool:
    return change.place is not None and change.place.is_elsewhere(root)


def _refuse_elsewhere(change: Change, root: Path, state: Path) -> None:
    if change.place is not None and change.place.is_elsewhere(root):
        raise CeleryizeError(
            f"`{change.command}` was interrupted in {change.place.path}, "
            "whose journal this folder shares",
            hint=f"Run any celeryize command there first, or delete {state / 'journal.json'}.",
        )


def _committed(change: Change, root: Path) -> list[str]:
    """The files of a change that git has, in its newest commit, as the change wrote them."""
    found = []
    for edit in change.edits:
        try:
            now = load_file(root / edit.path)
        except OSError:
            # a folder, or what may not be read, is nothing that the change wrote
            continue
        if now is not None and now == edit.after and is_committed(root, edit.path, now):
            found.append(str(edit.path))
    return found


def not_kept(edits: Iterable[Edit], root: Path) -> tuple[str, ...]:
    """What an edited file will not keep, or changes elsewhere, a sentence each.

    To be said before anything is written.
    """
    sentences = []
    for edit in edits:
        kept = (
            Kept.of(root / edit.path)
            if edit.before is not None and edit.after is not None
            else None
        )
        if kept is not None and kept.links > 1:
            sentences.append(
                f"{edit.path} is a hard link: one file with {kept.links} names, and it changes "
                "under each of them"
            )
        if kept is None or os.name == "nt" or os.geteuid() == 0 or kept.links > 1:
            continue
        if kept.uid != os.geteuid():
            sentences.append(
                f"{edit.path} belongs to another user (uid {kept.uid}) and will belong to you"
            )
        elif kept.gid not in {os.getegid(), *os.getgroups()}:
            sentences.append(
                f"{edit.path} belongs to a group that you are not in (gid {kept.gid}) "
                "and will lose it"
            )
    return tuple(sentences)


def never(change: Change) -> bool:
    """Passes over no change of the history."""
    del change
    return False


def last_change(root: Path, passed: Passed = never) -> Change | None:
    """The newest change of the project that is not undone yet. Raises NotTrusted.

    `passed` are the changes of another project of the repository.
    """
    state = state_dir(root)
    refuse_foreign_state(state, root)
    change = _newest(state, passed)
    if change is not None:
        refuse_other_place(change, root, "the last change")
    return change


def refuse_other_place(change: Change, root: Path, which: str) -> None:
    """Raise CeleryizeError for a change that was made in another folder than `root`."""
    if change.place is not None and change.place.is_elsewhere(root.resolve()):
        raise CeleryizeError(
            f"{which}, `{change.command}`, was made in {change.place.path}",
            hint="Undo it there: this folder is a copy of it, or shares its git directory.",
        )


def _newest(state: Path, passed: Passed) -> Change | None:
    return next((change for change in load_done(state) if not passed(change)), None)


def written_at(change: Change, root: Path) -> float:
    """When a change of the history was written, in seconds as files have them."""
    return (state_dir(root) / "history" / f"{change.number:06}.json").stat().st_mtime


def load_history(root: Path) -> History:
    """What celeryize did to the project and is not undone, newest first. Raises NotTrusted."""
    state = state_dir(root)
    refuse_foreign_state(state, root)
    return History(tuple(load_done(state)), is_truncated(state))


def forget_change(change: Change, root: Path, passed: Passed = never) -> None:
    """Drop `change`, the newest of the history, without touching a file of the project."""
    with locked(root.resolve()) as (state, _):
        if _newest(state, passed) != change:
            raise Conflict(
                f"another change came after `{change.command}`", hint="Run the command again."
            )
        drop(state, change)


def state_since(
    change: Change, root: Path, without: Mapping[PurePosixPath, bytes | None] = UNTOUCHED
) -> tuple[FileSince, ...]:
    """What became of each file since `change` wrote it: git may have moved, a formatter may have
    run. `without` has the files that will be otherwise once later changes are undone.
    """
    root = root.resolve()
    found = []
    for file in change.files:
        path = file.edit.path
        now = without[path] if path in without else _read(path, root)
        found.append(_file_since(file, now, root))
    return tuple(found)


def _file_since(file: Written, now: bytes | None, root: Path) -> FileSince:
    edit = file.edit
    since = _since(edit, now)
    was_file = file.linked is False
    if was_file and since is not Since.BACK and now is not None and (root / edit.path).is_symlink():
        # what it leads to is a file of the user's
        clash = "was written as a file, and is a symlink now"
        return FileSince(edit, Since.CHANGED, now, clash=clash)
    if since is not Since.CHANGED or now is None:
        return FileSince(edit, since, now, undone=edit.before)
    try:
        undone = take_back(edit.path, edit.before, edit.after, now)
    except Clash as clash:
        if is_taken_back(edit.path, edit.before, edit.after, now):
            return FileSince(edit, Since.BACK, now)
        return FileSince(edit, since, now, clash=str(clash))
    if undone == now:
        # all of it was taken out already
        return FileSince(edit, Since.BACK, now)
    return FileSince(edit, Since.EDITED, now, undone)


def _since(edit: Edit, now: bytes | None) -> Since:
    if now == edit.before:
        return Since.BACK
    if now == edit.after:
        return Since.AS_WRITTEN
    if now is None:
        return Since.GONE
    if edit.after is not None and differs_in_formatting_only(edit.path, edit.after, now):
        return Since.REFORMATTED
    return Since.CHANGED


def undo_edits(
    change: Change, root: Path, without: Mapping[PurePosixPath, bytes | None] = UNTOUCHED
) -> tuple[Edit, ...]:
    """The edits that undo `change`, with `without` as in `state_since`; files that are back already
    do not appear.

    A file that was only reformatted since gets its bytes from before; one that was edited away
    from the change keeps these edits. Raises Conflict for the files that were changed otherwise,
    with a diff of what was done to them since, and the patch that undoes them manually.
    """
    files = state_since(change, root, without)
    changed = [file for file in files if file.since in {Since.CHANGED, Since.GONE}]
    if changed:
        raise _cannot_undo(changed, change.command)
    return tuple(
        Edit(file.edit.path, before=file.now, after=file.undone)
        for file in files
        if file.since is not Since.BACK
    )


def _cannot_undo(files: Sequence[FileSince], command: str) -> Conflict:
    """The error for files whose later edits cannot be separated from the change."""
    edits = [file.edit for file in files]
    names = ", ".join(str(edit.path) for edit in edits)
    reasons = "".join(f"\n{line}" for file in files for line in _reasons_of(file))
    hint = (
        "Revert your edit; or, in your editor, remove the lines with a - in the first patch above "
        "(also where you have edited them) and put back those with a +. Then `celeryize undo` "
        f"again. If that does not help, {FORGET}"
    )
    if command.startswith("celeryize add-task"):
        # its body was there to be written
        hint = (
            "To take the task away with what you wrote into it, delete all of it in "
            f"{names}, then `celeryize undo` again. To keep it, {FORGET}"
        )
    by_hand = (_diff(edit.path, edit.after, edit.before) for edit in edits)
    return Conflict(
        f"{names} changed since `{command}` wrote it{reasons}",
        diff="".join(_diff(file.edit.path, file.edit.after, file.now) for file in files),
        # the edit is in the lines of the patch, so no program can apply it
        hint=hint,
        snippet="".join(by_hand).rstrip("\n"),
        where=Where(edits[0].path),
    )


def _reasons_of(file: FileSince) -> Iterator[str]:
    """Why a file cannot be undone, and the lines in the way: as written, and as they are now."""
    if file.now is None:
        yield f"{file.edit.path} is gone"
    if not file.clash:
        return
    yield f"{file.edit.path} {file.clash}"
    edits = find_later_edits(file.edit.before, file.edit.after, file.now)
    for edit in edits[:SHOWN_EDITS]:
        yield from _lines_of(file.edit.path, edit)
    if len(edits) > SHOWN_EDITS:
        yield f"and {len(edits) - SHOWN_EDITS} more edits of this file"


def _lines_of(path: PurePosixPath, edit: LaterEdit) -> Iterator[str]:
    """An edit in words; a password in a URL is not shown."""
    place = f"{path}:{edit.line}"
    written, now = redacted(edit.written), redacted(edit.now)
    if not now:
        yield f"{place} lacks what was written: {written}"
    elif not written:
        yield f"{place} has, and it was not written: {now}"
    else:
        yield f"{place} was written as: {written}"
        yield f"{place} has now: {now}"


@contextmanager
def undone(
    change: Change,
    *,
    root: Path,
    edits: Sequence[Edit] | None = None,
    passed: Passed = never,
) -> Iterator[None]:
    """Undo `change`, the newest of the history, and drop it there; block and errors are as in
    `applied`. `edits` are those of `undo_edits` that the user has seen: a file that was saved
    since is then a Conflict.

    Folders that the change made are removed if nothing else is in them.
    """
    root = root.resolve()
    with locked(root) as (state, _):
        if _newest(state, passed) != change:
            raise Conflict(
                f"another change came after `{change.command}`", hint="Run the command again."
            )
        if edits is None:
            edits = undo_edits(change, root)
        plan = _planned(edits, root, f"undo {change.command}", undo_of=change)
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
        if change.generated:
            change = _with_generated(change, root)
            begin(state, change)
        finishing = True
        finish(state, change)
    except BaseException as error:
        # The disk knows better than this frame how far we came: without a journal there is nothing
        # to roll back, because the change has not begun, or because it is done.
        if is_unfinished(state):
            for sentence in _roll_back(change, root, state):
                error.add_note(sentence)
        elif finishing:
            error.add_note(f"It came too late: `{change.command}` is done.")
        raise


def _planned(
    edits: Sequence[Edit], root: Path, command: str, undo_of: Change | None = None
) -> Change:
    """The change that the edits make of the disk as it is; refuses what cannot be written
    safely.
    """
    _refuse_changed((edit.path, edit.before, _read(edit.path, root)) for edit in edits)
    modes = {file.edit.path: file.kept for file in undo_of.files} if undo_of else {}
    token = os.urandom(4).hex()
    targets: dict[Path, Edit] = {}
    files = []
    for index, edit in enumerate(edits):
        target = _target(edit.path, root)
        if target in targets:
            raise CannotPatch(
                f"{edit.path} and {targets[target].path} are the same file", where=Where(edit.path)
            )
        targets[target] = edit
        files.append(
            Written(
                edit,
                Kept.of(target) or modes.get(edit.path),
                f".celeryize-{token}-{index}.tmp",
                (root / edit.path).is_symlink(),
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
        place=Place.of(root),
    )


def _write(change: Change, root: Path) -> None:
    for folder in change.made:
        with failing_for(folder):
            os.mkdir(root / folder)
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
            try:
                _put_in_place(file, target, old=edit.before, new=edit.after)
            except SavedMeanwhile as saved:
                raise _conflict([(edit.path, edit.before, saved.found)]) from None
            sync_folder(target.parent)
    for folder, _ in change.removed:
        with failing_for(folder):
            _remove_folder(root / folder)


def _put_in_place(file: Written, target: Path, *, old: bytes | None, new: bytes | None) -> None:
    """Let `target` have its `new` bytes, which the temporary file holds, or go, in one step.

    Forwards, and backwards with both exchanged. Raises SavedMeanwhile, with the file kept as it was
    saved.
    """
    temp = target.with_name(file.temp)
    complete = _complete(temp)
    if new is None:
        take_file_away(target, aside_of(complete), expected=old or b"")
        return
    if old is None:
        create_file(temp, target)
        return
    if file.kept and file.kept.links > 1:
        write_through(target, expected=old, data=new)
        remove_file(temp)
        return
    # From here on the file beside the target is either whole, or the old one: a recovery can tell.
    os.replace(temp, complete)
    replace_file(complete, target, expected=old, data=new)


def _complete(temp: Path) -> Path:
    """The name of a temporary file that is written to its end."""
    return temp.with_name(f"{temp.name}.new")


def _roll_back(change: Change, root: Path, state: Path) -> list[str]:
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
    rewritten = {file.path for file in change.generated}
    for generated in change.generated:
        with _collecting(refusals, generated.path), suppress(CannotPatch):
            _restore_generated(generated, root, state)
    for file in reversed(change.files):
        if file.edit.path in rewritten:
            continue
        with _collecting(refusals, file.edit.path):
            sentences += _put_back(file, root, state)
    for folder in reversed(change.made):
        with _collecting(refusals, folder), suppress(CannotPatch):
            _remove_folder(_target(folder, root))
    if refusals:
        path, error = refusals[0]
        raise WriteFailed(
            f"{path} cannot be restored: {error.strerror}",
            hint=f"{advice(error)}; the next celeryize command restores it. "
            f"The journal is in {state}.",
            where=Where(path),
        ) from error
    forget(state)
    return sentences


def _before_generating(paths: Sequence[PurePosixPath], root: Path) -> tuple[Generated, ...]:
    """The files that a program may rewrite, as they are before our own edits of them."""
    token = os.urandom(4).hex()
    return tuple(
        Generated(
            path,
            _read(path, root),
            Kept.of(_target(path, root)),
            f".celeryize-{token}-{index}.tmp",
        )
        for index, path in enumerate(dict.fromkeys(paths))
    )


def _with_generated(change: Change, root: Path) -> Change:
    """The change with what a program has made of its files: that is what an undo has to find."""
    rewritten = {generated.path for generated in change.generated}
    files = [
        _as_it_is(file, root) if file.edit.path in rewritten else file for file in change.files
    ]
    known = {file.edit.path for file in files}
    for generated in change.generated:
        now = _read(generated.path, root)
        if generated.path not in known and now != generated.before:
            edit = Edit(generated.path, generated.before, now)
            files.append(Written(edit, generated.kept, generated.temp))
    return replace(change, files=tuple(files), generated=())


def _as_it_is(file: Written, root: Path) -> Written:
    """A written file with the bytes that it has now."""
    now = _read(file.edit.path, root)
    return replace(file, edit=replace(file.edit, after=now))


def _restore_generated(file: Generated, root: Path, state: Path) -> None:
    """Give a file its bytes from before a program rewrote it; a copy of the others is kept."""
    target = _target(file.path, root)
    temp = target.with_name(file.temp)
    remove_file(temp)
    now = load_file(target)
    if now == file.before:
        return
    if now is not None:
        keep(state, target.name, now)
    if file.before is None:
        remove_file(target)
    else:
        write_file(temp, file.before, mode=0o600, kept=file.kept)
        os.replace(temp, target)
    sync_folder(target.parent)


def _put_back(file: Written, root: Path, state: Path) -> list[str]:
    """Give a file its bytes and mode from before, unless somebody else gave it bytes that are not
    ours.
    """
    edit = file.edit
    try:
        target = _target(edit.path, root)
        temp = target.with_name(file.temp)
        remove_file(temp)
        sentences = _give_back_saves(file, target, state)
        now = load_file(target)
    except (CannotPatch, IsADirectoryError):
        return [_left(edit, state)]
    if now == edit.before:
        return sentences
    if now != edit.after and not _is_half_written(file, now):
        return [*sentences, _left(edit, state)]
    if edit.before is not None:
        write_file(temp, edit.before, mode=0o600, kept=file.kept)
    try:
        _put_in_place(file, target, old=now, new=edit.before)
    except SavedMeanwhile:
        remove_file(temp)
        return [*sentences, _left(edit, state)]
    sync_folder(target.parent)
    return sentences


def _is_half_written(file: Written, now: bytes | None) -> bool:
    """Whether a file with several names was being written, in either direction, when the run was
    killed.
    """
    before, after = file.edit.before, file.edit.after
    if not file.kept or file.kept.links < 2 or now is None or before is None or after is None:
        return False
    return is_torn(now, old=before, new=after) or is_torn(now, old=after, new=before)


def _give_back_saves(file: Written, target: Path, state: Path) -> list[str]:
    """Remove the files that a killed run left beside the target; what somebody saved there gets its
    name back.
    """
    complete = _complete(target.with_name(file.temp))
    sentences = []
    for holder in (complete, aside_of(complete)):
        found = load_file(holder)
        if found not in (None, file.edit.before, file.edit.after):
            ours = (None, file.edit.before, file.edit.after)
            if load_file(target) in ours:
                os.replace(holder, target)
            else:
                copy = keep(state, target.name, found or b"")
                sentences.append(
                    f"two versions of {file.edit.path} were saved meanwhile: "
                    f"the other one is in {copy}"
                )
        remove_file(holder)
    return sentences


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
    one.
    """
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
        return load_file(_target(path, root))


def _missing_folders(targets: Iterable[Path], root: Path) -> tuple[PurePosixPath, ...]:
    missing = {parent for target in targets for parent in target.parents if not parent.exists()}
    return tuple(PurePosixPath(folder.relative_to(root)) for folder in sorted(missing))


def _emptied_folders(
    made: Sequence[PurePosixPath], gone: set[Path], root: Path
) -> tuple[tuple[PurePosixPath, int], ...]:
    """The folders of `made`, innermost first, with their modes, that are empty without the files
    `gone`.
    """
    emptied: dict[Path, int] = {}
    for folder in (_target(path, root) for path in reversed(made)):
        with failing_for(folder.relative_to(root), what="read"):
            kept = Kept.of(folder)
            inside = {folder / name for name in os.listdir(folder)} if kept else set()
        if kept and inside <= {*gone, *emptied, folder / "__pycache__"}:
            emptied[folder] = kept.mode
    return tuple(
        (PurePosixPath(folder.relative_to(root)), mode) for folder, mode in emptied.items()
    )


def _remove_folder(folder: Path) -> None:
    """Remove a folder of ours, and the bytecode that Python left in it, unless somebody put more
    there.
    """
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
    since: str = PLANNED,
    hint: str = PLAN_AGAIN,
) -> None:
    """Raise Conflict for the files (path, expected bytes, bytes now) that are not what they should
    be.
    """
    changed = [(path, expected, now) for path, expected, now in files if expected != now]
    if changed:
        raise _conflict(changed, since=since, hint=hint)


def _conflict(
    changed: Sequence[tuple[PurePosixPath, bytes | None, bytes | None]],
    *,
    since: str = PLANNED,
    hint: str = PLAN_AGAIN,
) -> Conflict:
    """The error for files (path, expected bytes, bytes now) that are not what they should be."""
    return Conflict(
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
