"""`celeryize undo`: undo the last change, or all, byte for byte; edits made elsewhere are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from celeryize.apply import (
    Change,
    FileSince,
    Passed,
    Since,
    forget_change,
    interrupted_change,
    last_change,
    load_history,
    never,
    recover,
    state_since,
    undo_edits,
    undone,
)
from celeryize.commands.installed_since import keep_installed
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.still_imported import still_imported
from celeryize.commands.undo_all import UndoOfAll, carry_out, plan_undo_of_all
from celeryize.commands.writing.carry_out import WriteOutcome
from celeryize.detect.deployment import folders_of_others, own_folders
from celeryize.detect.layout import find_manage_above, find_root
from celeryize.errors import Declined, Exit, UsageError
from celeryize.git import is_committed
from celeryize.model import Edit, HistoryRow, Plan, Status, Step
from celeryize.ui.view import View

NOTHING = "there is no change of celeryize to undo"
# So many lines that come back are shown, the others counted.
MOST_LINES = 3


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """`listed`: show what can be undone. `forget`: drop the last change, and leave the files.
    `of_all`: undo every change."""

    listed: bool = False
    forget: bool = False
    of_all: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """How an undo ended, and a sentence about it."""

    status: WriteOutcome
    summary: str
    exit_code: Exit = Exit.DONE


NO_OPTIONS = UndoOptions()


def run(
    options: RunOptions, write: WriteOptions, view: View, chosen: UndoOptions = NO_OPTIONS
) -> Undone:
    """Undo the last change. Raises Conflict where a file has changed since, Declined after a no,
    UsageError for options that contradict each other."""
    if chosen.of_all and chosen.forget:
        raise UsageError(
            "--all undoes the changes, and --forget leaves their files as they are",
            hint="Pass one of the two.",
        )
    root = find_root(options.start)
    view.know_root(root)
    if chosen.listed:
        return _list_history(root, view)
    ended = _undo_interrupted(root, write)
    if ended is not None and chosen.of_all and write.writes:
        # it was the last one of them
        view.show_note(ended.summary)
        ended = None
    if ended is None:
        passed = _changes_of_others(root, options.start)
        if chosen.forget:
            ended = _forget_last_change(root, write, view, passed)
        elif chosen.of_all:
            ended = _undo_all_changes(root, write, view, passed)
        else:
            ended = _undo_last_change(root, write, view, passed)
    view.show_undo(ended.status, ended.summary)
    return ended


def _changes_of_others(root: Path, start: Path) -> Passed:
    """Says which changes are wholly in other Django projects of the repository; none are where the
    user stands above all of them."""
    manage = find_manage_above(start)
    changes = load_history(root).changes
    if manage is None or not changes:
        return never
    base = PurePosixPath(manage.parent.relative_to(root.resolve()).as_posix())
    # the newest is the usual one: the tree need not be searched
    if base.parts and _is_within(changes[0], [base]):
        return never
    others = folders_of_others(root.resolve(), base, own_folders(root.resolve()))
    folders = [PurePosixPath(folder.relative_to(root.resolve()).as_posix()) for folder in others]
    return partial(_is_within, folders=folders)


def _is_within(change: Change, folders: Sequence[PurePosixPath]) -> bool:
    """Whether all files of a change are in some folders."""
    return all(any(edit.path.is_relative_to(folder) for folder in folders) for edit in change.edits)


def _say_passed(change: Change | None, root: Path, view: View) -> None:
    """A note where the newest change of the repository is another project's, and stays."""
    newest = load_history(root).changes[:1]
    if newest and (change is None or newest[0].number != change.number):
        view.show_note(
            f"`{newest[0].command}` of another project in this repository "
            f"({newest[0].edits[0].path}) is newer, and stays: undo is for the project you are in."
        )


def _list_history(root: Path, view: View) -> Undone:
    """Show the changes that can be undone, newest first, and what became of each."""
    history = load_history(root)
    rows = [_row_of(change, root) for change in history.changes]
    view.show_history(rows, truncated=history.truncated)
    return Undone(WriteOutcome.DONE, "")


def _row_of(change: Change, root: Path) -> HistoryRow:
    files = state_since(change, root)
    count = Counter(file.since for file in files)
    if len(count) == 1:
        state = str(files[0].since)
    else:
        state = ", ".join(f"{number} {since}" for since, number in sorted(count.items()))
    paths = tuple(file.edit.path for file in files)
    return HistoryRow(change.number, change.command, paths, state)


def _undo_interrupted(root: Path, write: WriteOptions) -> Undone | None:
    """An interrupted command is the last one: its rollback is the whole undo."""
    if not write.writes:
        interrupted = interrupted_change(root)
        if interrupted is None:
            return None
        return Undone(WriteOutcome.WOULD_CHANGE, interrupted, _exit_code(write))
    repaired = recover(root)
    if repaired is None:
        return None
    return Undone(WriteOutcome.DONE, repaired)


def _undo_last_change(root: Path, write: WriteOptions, view: View, passed: Passed) -> Undone:
    change = last_change(root, passed)
    _say_passed(change, root, view)
    if change is None:
        return Undone(WriteOutcome.NOTHING_TO_DO, _nothing_left(root))
    files = state_since(change, root)
    if all(file.since is Since.BACK for file in files):
        # git has restored them, or another branch is checked out: the change may come back
        return Undone(
            WriteOutcome.NOTHING_TO_DO,
            f"the files of `{change.command}` are as they were before it already, by git perhaps. "
            "If it is on another branch, it can be undone there. If it is gone for good, "
            "`celeryize undo --forget` drops it from the history, and undo goes on to the change "
            "before it",
        )
    kept = keep_installed(change, undo_edits(change, root), root)
    edits = kept.edits
    notes = (*kept.notes, *still_imported(edits, root))
    if change.stays:
        notes = (change.stays, *notes)
    notes = (*_brought_back(change, edits), *notes, *_older_changes(change, root, passed))
    stays = frozenset(file.edit.path for file in files) - {edit.path for edit in edits}
    plan = Plan(edits, tuple(_step_of(file, stays) for file in files), notes=notes)
    view.show_plan(plan, with_diff=write.asks)
    if write.check:
        return Undone(WriteOutcome.WOULD_CHANGE, f"`{change.command}` can be undone", Exit.FINDINGS)
    if write.dry_run:
        view.write_diff(plan, root)
        return Undone(WriteOutcome.WOULD_CHANGE, f"`{change.command}` would be undone")
    if not write.yes and not view.confirm(f"Undo `{change.command}`?"):
        raise Declined("Nothing was changed.")
    committed = _has_committed(edits, root)
    with undone(change, root=root, edits=edits, passed=passed):
        # all of it is done on entering; there is nothing to prove
        pass
    edited = [file.edit.path for file in files if file.since is Since.EDITED]
    summary = f"`{change.command}` is undone{_kept_edits(edited)}"
    if committed:
        summary += "; it is in a commit, so commit this, too"
    return Undone(WriteOutcome.DONE, summary)


def _undo_all_changes(root: Path, write: WriteOptions, view: View, passed: Passed) -> Undone:
    """Undo every change, newest first, after one question about all of them."""
    newest = last_change(root, passed)
    _say_passed(newest, root, view)
    if newest is None:
        return Undone(WriteOutcome.NOTHING_TO_DO, _nothing_left(root))
    of_all = plan_undo_of_all(root, passed)
    if not of_all.undos:
        view.show_plan(of_all.plan, with_diff=False)
        return Undone(WriteOutcome.NOTHING_TO_DO, NOTHING)
    view.show_plan(of_all.plan, with_diff=write.asks)
    what, back = _words_of_all(of_all)
    if write.check:
        return Undone(WriteOutcome.WOULD_CHANGE, f"{what} can be undone{back}", Exit.FINDINGS)
    if write.dry_run:
        view.write_diff(of_all.plan, root)
        return Undone(WriteOutcome.WOULD_CHANGE, f"{what} would be undone{back}")
    if not write.yes and not view.confirm(f"Undo {what}{back}?"):
        raise Declined("Nothing was changed.")
    committed = _has_committed(of_all.edits, root)
    carry_out(of_all, root, passed)
    are_undone = "is undone" if len(of_all.undos) == 1 else "are undone"
    summary = f"{what} {are_undone}{back}{_kept_edits(sorted(of_all.edited))}"
    if load_history(root).truncated:
        summary += "; older changes are no longer remembered"
    if committed:
        summary += "; they are in a commit, so commit this, too"
    return Undone(WriteOutcome.DONE, summary)


def _words_of_all(of_all: UndoOfAll) -> tuple[str, str]:
    """What is undone, in words, and how far back that goes: to the oldest change."""
    oldest, _ = of_all.undos[-1]
    if len(of_all.undos) == 1:
        return f"`{oldest.command}`", ""
    return f"all {len(of_all.undos)} changes", f", back to before `{oldest.command}`"


def _has_committed(edits: Sequence[Edit], root: Path) -> bool:
    """Whether something that an undo takes away is in a commit."""
    written = ((edit.path, edit.before) for edit in edits)
    return any(is_committed(root, path, data) for path, data in written if data is not None)


def _older_changes(change: Change, root: Path, passed: Passed) -> list[str]:
    """A note where there are changes below this one, which may be what the user is after."""
    numbers = [one.number for one in load_history(root).changes if not passed(one)]
    older = len(numbers) - 1 - numbers.index(change.number)
    if not older:
        return []
    text, what = f"{older} older changes stay", "them"
    if older == 1:
        text, what = "1 older change stays", "it"
    return [
        f"{text} (`celeryize undo --list` shows {what}, `celeryize undo --all` undoes {what}, "
        "too). To leave this change as it is and undo the one before it: `celeryize undo "
        "--forget`, then `celeryize undo`."
    ]


def _brought_back(change: Change, edits: Sequence[Edit]) -> list[str]:
    """A note with the lines that the change had replaced, a mistake that it fixed for one; not
    where it was made to remove them."""
    if change.command.startswith("celeryize remove-"):
        return []
    fixed = change.command.startswith("celeryize verify")
    # the answers and the requirement are not what somebody looks for
    code = [edit for edit in edits if fixed or edit.path.suffix == ".py"]
    lines = [(edit.path, line) for edit in code for line in _lines_back(edit)]
    shown = [f"{line}  ({path})" for path, line in lines[:MOST_LINES]]
    if fixed and not shown:
        # what was missing is missing again
        files = ", ".join(str(edit.path) for edit in edits)
        return [f"undo brings back the mistakes that `{change.command}` fixed in {files}"]
    if not shown:
        return []
    more = len(lines) - len(shown)
    if more:
        shown.append("1 more line" if more == 1 else f"{more} more lines")
    return [f"undo brings back what `{change.command}` replaced: {'; '.join(shown)}"]


def _lines_back(edit: Edit) -> list[str]:
    """The lines that an undo puts into a file, but for blank ones; of a whole file, none."""
    if edit.before is None or edit.after is None:
        return []
    there = {line.strip() for line in edit.before.splitlines()}
    found = (line.strip() for line in edit.after.splitlines())
    return [line.decode("utf-8", "replace") for line in found if line and line not in there]


def _kept_edits(edited: Sequence[PurePosixPath]) -> str:
    """What the user finds in the files that were edited since, for the end of a sentence."""
    if not edited:
        return ""
    return f"; kept your later edits in {', '.join(map(str, edited))}"


def _forget_last_change(root: Path, write: WriteOptions, view: View, passed: Passed) -> Undone:
    """Drop the last change from the history; its files stay as they are."""
    change = last_change(root, passed)
    _say_passed(change, root, view)
    if change is None:
        return Undone(WriteOutcome.NOTHING_TO_DO, _nothing_left(root))
    if not write.writes:
        summary = f"`{change.command}` would be forgotten"
        return Undone(WriteOutcome.WOULD_CHANGE, summary, _exit_code(write))
    question = f"Forget `{change.command}`? Its files stay as they are, and it cannot be undone."
    if not write.yes and not view.confirm(question):
        raise Declined("Nothing was changed: it can still be undone.")
    forget_change(change, root, passed)
    return Undone(WriteOutcome.DONE, f"`{change.command}` is forgotten; its files stay")


def _nothing_left(root: Path) -> str:
    if load_history(root).truncated:
        return f"{NOTHING}; older changes are no longer remembered"
    return NOTHING


def _exit_code(write: WriteOptions) -> Exit:
    """For --check, that something would change is a finding."""
    if write.check:
        return Exit.FINDINGS
    return Exit.DONE


def _step_of(file: FileSince, stays: frozenset[PurePosixPath]) -> Step:
    """What the undo does with one file."""
    path = file.edit.path
    if file.since is Since.BACK:
        return Step(path, Status.IDENTICAL, "already as it was before")
    if path in stays:
        return Step(path, Status.IDENTICAL, "stays as it is now (see below)")
    if file.since is Since.EDITED and file.undone is not None:
        return Step(path, Status.UPDATE, "loses this change only, and keeps your later edits")
    what, status = "as it was before", _status_of(file.edit)
    if file.since is Since.EDITED or status is Status.DELETE:
        what, status = "was not there before", Status.DELETE
    if file.since is Since.REFORMATTED:
        what = f"{what}; it was reformatted since"
    return Step(path, status, what)


def _status_of(edit: Edit) -> Status:
    """What undoing an edit does with its file."""
    if edit.before is None:
        return Status.DELETE
    if edit.after is None:
        return Status.CREATE
    return Status.UPDATE
