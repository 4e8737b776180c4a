"""The one path of all writers: show the plan, prove it, ask once, write all of it, say what comes next."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from celeryize.apply import applied
from celeryize.errors import CeleryizeError, Exit, Unproved
from celeryize.model import Plan, Status, Todo
from celeryize.probe.proof import Proof, Verdict


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    NOTHING_TO_DO = "nothing to do"
    WOULD_CHANGE = "would change"


class View(Protocol):
    """What a run shows and asks; ui.py has one for people and one for programs."""

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """The steps, the notes, and the diff where the user has to decide about it."""

    def show_proof(self, proof: Proof) -> None:
        """What the import of the planned project found."""

    def confirm(self, question: str) -> bool:
        """Ask the one question; raises CeleryizeError where there is nobody to ask."""

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The patch on stdout; its paths start at `root`."""


class Prove(Protocol):
    """Looks at the project with the planned bytes, or, once they are written, as it is."""

    def __call__(self, *, written: bool) -> Proof:
        """The proof; `written` says that the plan is on the disk now."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a writer did, for the screen and for --json."""

    outcome: Outcome
    exit_code: Exit
    proof: Proof


@dataclass(frozen=True, slots=True)
class Ended:
    """How a writer ended, and what the user does next."""

    result: Result
    todos: tuple[Todo, ...]
    next_steps: tuple[str, ...]
    command_line: str = ""


class SaidNo(CeleryizeError):
    """The user declined; nothing was written."""


def carry_out(
    plan: Plan,
    *,
    root: Path,
    command: str,
    view: View,
    prove: Prove | None,
    dry_run: bool = False,
    check: bool = False,
    yes: bool = False,
    installing: AbstractContextManager[None] | None = None,
    read_by_path: bool = False,
) -> Result:
    """Carry out a plan. `prove=None` skips the proof; `installing` is entered once the files are
    written, and left by the exception if the proof fails then. `read_by_path`: the project reads what the plan
    writes by its path, where no overlay reaches, so it is proved once it is written.

    Raises Unproved where the planned project has errors that the untouched one has not, SaidNo after a no.
    """
    if not plan.edits:
        view.show_plan(plan, with_diff=False)
        if check and any(step.status is Status.MANUAL for step in plan.steps):
            return Result(Outcome.WOULD_CHANGE, Exit.FINDINGS, Proof(Verdict.SKIPPED))
        return Result(Outcome.NOTHING_TO_DO, Exit.DONE, Proof(Verdict.SKIPPED))
    if check:
        view.show_plan(plan, with_diff=True)
        return Result(Outcome.WOULD_CHANGE, Exit.FINDINGS, Proof(Verdict.SKIPPED))
    view.show_plan(plan, with_diff=not (yes or dry_run))
    proof = _before_writing(prove, read_by_path)
    view.show_proof(proof)
    _hold(proof, "nothing was written")
    if dry_run:
        view.write_diff(plan, root)
        return Result(Outcome.WOULD_CHANGE, Exit.DONE, proof)
    if not yes and not view.confirm("Write these changes?"):
        raise SaidNo("You said no.")
    with applied(plan.edits, root=root, command=command), installing or nullcontext():
        if prove and (proof.read_from_disk or installing or read_by_path):
            proof = prove(written=True)
            view.show_proof(proof)
            _hold(proof, "the change was taken back")
    return Result(Outcome.DONE, Exit.DONE, proof)


def _before_writing(prove: Prove | None, read_by_path: bool) -> Proof:
    """The proof through the overlay; no verdict where the project reads planned files by their paths."""
    if prove is None:
        return Proof(Verdict.SKIPPED)
    proof = Proof(Verdict.NOT_RUN) if read_by_path else prove(written=False)
    if read_by_path or (proof.verdict is Verdict.FAILED and proof.read_from_disk):
        names = ", ".join(Path(path).name for path in proof.read_from_disk) or "a new file"
        return Proof(
            Verdict.NOT_RUN,
            f"the project reads {names} by its path: proved once it is written, and taken back if that fails",
            read_from_disk=proof.read_from_disk,
        )
    return proof


def _hold(proof: Proof, what: str) -> None:
    if proof.verdict is Verdict.FAILED:
        worst = proof.findings[0]
        raise Unproved(
            f"the project would not work with these changes: {worst.message}",
            hint=worst.hint or f"See above; {what}.",
            where=worst.where,
        )
