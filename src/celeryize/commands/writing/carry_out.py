"""Carry out a plan: show it, prove it, ask once, write all of it or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

from celeryize.apply import applied, not_kept
from celeryize.commands.options import WriteOptions
from celeryize.errors import Declined, Exit, Unproved
from celeryize.model import Plan, Status, Todo
from celeryize.probe.proof import Proof, Verdict
from celeryize.ui.view import View
from celeryize.urls import redacted


class WriteOutcome(StrEnum):
    """How a writer ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    WOULD_CHANGE = "would change"


class Prove(Protocol):
    """Imports the project with the planned bytes or, once they are written, as it is."""

    def __call__(self, *, written: bool) -> Proof:
        """The proof; `written` says that the plan is on the disk now."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a writer did, and with which proof."""

    outcome: WriteOutcome
    exit_code: Exit
    proof: Proof


@dataclass(frozen=True, slots=True)
class Around:
    """What goes around a written change, such as an installation.

    `enter` gets the descriptor of the lock; its context is entered once the files are written, and
    left by the exception if the proof fails then. `generated` are files that it may rewrite, which
    then belong to the change; `stays` says what an undo does not bring back. `installs`: it
    installs the dependencies, so what is missing before is there then.
    """

    enter: Callable[[int], AbstractContextManager[None]]
    generated: tuple[PurePosixPath, ...] = ()
    stays: str = ""
    installs: bool = False


def _nothing_around(lock: int) -> AbstractContextManager[None]:
    del lock
    return nullcontext()


NOTHING = Around(_nothing_around)


def carry_out(
    plan: Plan,
    *,
    root: Path,
    command: str,
    view: View,
    write: WriteOptions,
    prove: Prove | None,
    around: Around | None = None,
    read_by_path: bool = False,
) -> WriteResult:
    """Carry out a plan of the project at `root`. `prove=None` skips the proof.

    `read_by_path`: the project reads what the plan writes by its path, where no overlay reaches, so
    it is proved once it is written, and so is a plan that has something `around` it.

    Raises Unproved where the planned project has errors that the untouched one has not, and
    Declined after a no.
    """
    if not plan.edits:
        view.show_plan(plan, with_diff=False)
        return _nothing_to_write(plan, check=write.check)
    plan = replace(plan, notes=(*plan.notes, *not_kept(plan.edits, root)))
    if write.check:
        view.show_plan(plan, with_diff=True)
        return WriteResult(WriteOutcome.WOULD_CHANGE, Exit.FINDINGS, Proof(Verdict.SKIPPED))
    # who is not asked does not need the diff, and --dry-run prints it
    view.show_plan(plan, with_diff=write.asks)
    proof = _prove_before_writing(prove, read_by_path)
    view.show_proof(proof)
    _raise_if_failed(proof, "nothing was written")
    if write.dry_run:
        view.write_diff(plan, root)
        return WriteResult(WriteOutcome.WOULD_CHANGE, Exit.DONE, proof)
    if not write.yes:
        # what is left to be done by hand is a part of what is decided
        view.show_todos_ahead(plan.todos)
        if not view.confirm("Write these changes?"):
            raise Declined("Nothing was changed.")
    more = around or NOTHING
    stays = " ".join(filter(None, (more.stays, _done_by_hand(plan.todos))))
    writing = applied(plan.edits, root=root, command=command, generated=more.generated, stays=stays)
    with writing as lock, more.enter(lock):
        # What was installed, or read by its path, only now is as it will be.
        if prove and (proof.read_from_disk or around or read_by_path):
            shown, proof = proof, prove(written=True)
            # the same once more says nothing
            if (proof.verdict, proof.summary) != (shown.verdict, shown.summary):
                view.show_proof(proof)
            _raise_if_failed(proof, "the change was rolled back", more.stays)
    return WriteResult(WriteOutcome.DONE, Exit.DONE, proof)


def _done_by_hand(todos: Sequence[Todo]) -> str:
    """What an undo does not bring back of the manual steps; empty where there are none."""
    if not todos:
        return ""
    steps = []
    for todo in todos:
        line = todo.snippet.strip()
        where = f" ({todo.path})" if todo.path else ""
        # a command, which the undo asks for once more; not a URL, which may hold a password, and
        # not one that goes somewhere from where the user is now
        if not where and line and not re.search(r"\n|=|://|^\(cd ", line):
            where = f" (`{line}`)"
        steps.append(f"{todo.what}{where}")
    # the journal keeps no password that the files do not have
    return redacted(f"Manual steps that you did for it stay: {'; '.join(steps)}.")


def _nothing_to_write(plan: Plan, *, check: bool) -> WriteResult:
    """The result of a plan without edits; for --check, a manual step is a missing change."""
    proof = Proof(Verdict.SKIPPED)
    if check and any(step.status is Status.MANUAL for step in plan.steps):
        return WriteResult(WriteOutcome.WOULD_CHANGE, Exit.FINDINGS, proof)
    return WriteResult(WriteOutcome.NOTHING_TO_DO, Exit.DONE, proof)


def _prove_before_writing(prove: Prove | None, read_by_path: bool) -> Proof:
    """The proof through the overlay; no verdict where planned files are read by their paths."""
    if prove is None:
        return Proof(Verdict.SKIPPED)
    proof = Proof(Verdict.NOT_RUN)
    if not read_by_path:
        proof = prove(written=False)
    if read_by_path or (proof.verdict is Verdict.FAILED and proof.read_from_disk):
        names = ", ".join(Path(path).name for path in proof.read_from_disk) or "a new file"
        return Proof(
            Verdict.NOT_RUN,
            f"the project reads {names} by its path: "
            "proved once it is written, and rolled back if that fails",
            read_from_disk=proof.read_from_disk,
        )
    return proof


def _raise_if_failed(proof: Proof, state: str, stays: str = "") -> None:
    """Raise Unproved for a proof that has failed; `stays` is what is not rolled back."""
    if proof.verdict is Verdict.FAILED:
        worst = proof.findings[0]
        broken = "the project would not work with these changes"
        error = Unproved(
            f"{broken}: {worst.message}",
            hint=worst.hint or f"See above; {state}.",
            where=worst.where,
        )
        error.brief = f"{broken} (see above); {state}"
        if stays:
            error.add_note(stays)
        raise error
