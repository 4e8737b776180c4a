"""The run of a writer: start up, plan, prove, carry out, show what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from celeryize.commands.options import RunOptions, WriteOptions, undo_line, with_project
from celeryize.commands.start_up import IMPORTING, OWN_APP, ImportRequest, start_up, target_of
from celeryize.commands.writing.carry_out import (
    Around,
    WriteOutcome,
    WriteResult,
    carry_out,
)
from celeryize.detect.install_line import install_line
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError, Exit, Interrupted
from celeryize.model import Edit, NextStep, Plan, Todo
from celeryize.probe.proof import Expected, Proof, Verdict, judge
from celeryize.ui.view import View

if TYPE_CHECKING:
    from celeryize.probe.report import ImportReport
from celeryize.probe.run import Prober, Target


class Judge(Protocol):
    """Judges a change by the imports (worker, web) without it and with it."""

    def __call__(
        self,
        before: tuple[ImportReport, ImportReport],
        after: tuple[ImportReport, ImportReport],
        expected: Expected,
        root: Path,
        *,
        remedy: str,
    ) -> Proof:
        """The proof; `remedy` is for a library that is not installed."""


def no_steps(proof: Proof) -> tuple[NextStep, ...]:
    """The next steps of a writer that has none."""
    del proof
    return ()


def nothing_imported(imports: tuple[ImportReport, ImportReport]) -> None:
    """What a writer does with the imports of a proof that it does not need itself."""
    del imports


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and all that its run needs to know about it."""

    plan: Plan
    # as it was typed, for the journal: an undo names it
    command: str
    # what a proof imports, what it has to find, and who judges it
    expected: Expected
    request: ImportRequest = OWN_APP
    judge: Judge = judge
    # the command that installs the dependencies, where it is not the project's own
    install_command: str = ""
    # gets the imports (worker, web) of the planned project, before they are judged
    imported: Callable[[tuple[ImportReport, ImportReport]], None] = nothing_imported
    # entered once the files are written: install, run a test; raises to roll the write back
    around: Around | None = None
    # makes a throw-away environment with what the plan declares, in which the plan is proved
    trial: Callable[[], AbstractContextManager[Path]] | None = None
    # the project reads what is written by its path, so the proof comes after the write
    read_by_path: bool = False
    # what a user types next, and what would do the same again without a question
    next_steps: Callable[[Proof], tuple[str | NextStep, ...]] = no_steps
    command_line: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """How a writer ended, and what the user does next."""

    result: WriteResult
    todos: tuple[Todo, ...]
    next_steps: tuple[str | NextStep, ...]
    command_line: str = ""

    @property
    def status(self) -> str:
        """The outcome, as a word."""
        return self.result.outcome

    @property
    def exit_code(self) -> Exit:
        """The exit code of the command."""
        return self.result.exit_code


def run_writer(
    options: RunOptions,
    write: WriteOptions,
    view: View,
    plan: Callable[[Project], Planned],
    *,
    brief: bool = True,
    request: ImportRequest = OWN_APP,
) -> Written:
    """Plan a change of the project and carry it out; the only path of a writer to the disk.

    `request` is what the import of the untouched project is asked for.

    Raises what `plan` raises, Unproved where the planned project does not work, Declined after a
    no.
    """
    opened = start_up(
        options,
        view,
        imports=write.imports_project,
        brief=brief,
        request=request,
        writes=write.writes,
    )
    with opened as (project, prober):
        with view.working("planning the change"):
            planned = plan(project)
        written = write_planned(planned, project, prober, write, view)
    steps = tuple(with_project(step, options) for step in written.next_steps)
    written = replace(written, next_steps=steps)
    show_written(written, view, undo_line(options))
    return written


def write_planned(
    planned: Planned, project: Project, prober: Prober | None, write: WriteOptions, view: View
) -> Written:
    """Carry out a plan of a project that is open already. Without a prober it is not proved."""
    prove = None
    if prober is not None:
        prove = _ImportProof(planned, project, prober, view)
        if planned.read_by_path:
            # nothing is proved before the write, but the untouched project must have been imported
            with view.working(IMPORTING):
                prober.baseline()
    with keeping_answers(planned.command_line):
        result = carry_out(
            planned.plan,
            root=project.root,
            command=planned.command,
            view=view,
            write=write,
            prove=prove,
            around=planned.around,
            read_by_path=planned.read_by_path,
        )
    next_steps = planned.next_steps(result.proof)
    return Written(result, planned.plan.todos, next_steps, planned.command_line)


def _remedy_for_absence(planned: Planned, project: Project) -> str:
    """What is done where a library is not installed, or happens next."""
    command = planned.install_command or install_line(project)
    if not command:
        return "install it, then `celeryize verify`"
    if planned.around is not None and planned.around.installs:
        return f"`{command}` is run next, and then it is proved"
    return f"`{command}`, then `celeryize verify`"


@contextmanager
def keeping_answers(command_line: str) -> Iterator[None]:
    """Have an error that comes after questions show the command that gives the same answers.

    After four questions, neither a no to the fifth, nor Ctrl-C, nor a refusal must cost them.
    """
    try:
        yield
    except CeleryizeError as error:
        error.same_answers = command_line
        raise
    except KeyboardInterrupt as error:
        # its notes say what was written already
        if command_line and not hasattr(error, "__notes__"):
            raise Interrupted(command_line) from error
        raise


# How a command ends that has nothing to write, and yet is not all there is to do.
MANUAL_STEPS = "manual steps"


def show_written(written: Written, view: View, undo: str) -> None:
    """Show the manual steps, what comes next, and the line that would undo it."""
    outcome = written.result.outcome
    ending: str = outcome
    if outcome is WriteOutcome.NOTHING_TO_DO and written.todos:
        ending = MANUAL_STEPS
    try:
        view.show_todos(written.todos)
        unproved = _why_unproved(written.result.proof)
        view.show_end(ending, written.next_steps, written.command_line, unproved, undo)
    except KeyboardInterrupt as error:
        if outcome is WriteOutcome.DONE:
            error.add_note(f"The change was already written; to undo it: {undo}")
        raise


def _why_unproved(proof: Proof) -> str:
    """Why what was written is not proved, and what would prove it; empty where it is."""
    if proof.verdict is Verdict.SKIPPED:
        return "nothing was imported. `celeryize verify` does it"
    if proof.verdict is not Verdict.NOT_RUN:
        return ""
    if not proof.before:
        return proof.summary
    first = f"{proof.summary}: {proof.before[0]}"
    return f"{first}. Once it imports, `celeryize verify` proves the change"


@dataclass(frozen=True, slots=True)
class _ImportProof:
    """The proof of a plan: what an import of the planned project shows, judged."""

    planned: Planned
    project: Project
    prober: Prober
    view: View

    def __call__(self, *, written: bool) -> Proof:
        planned, project = self.planned, self.project
        with self.view.working(IMPORTING):
            before = self.prober.baseline()
        # once it is written the tree itself is imported, without an overlay
        edits = planned.plan.edits
        if written:
            edits = ()
        what = "importing it with the planned changes"
        if written:
            what = "importing it as it is written"
        target = target_of(project, planned.request)
        if planned.trial is not None and not written:
            after = self._in_trial(planned.trial, edits, target, what)
        else:
            with self.view.working(what):
                after = self.prober.prove(edits, project.root, target)
        planned.imported(after)
        remedy = _remedy_for_absence(planned, project)
        proof = planned.judge(before, after, planned.expected, project.root, remedy=remedy)
        if planned.trial is not None and not written and proof.verdict is Verdict.PASSED:
            proof = replace(proof, summary=f"{proof.summary}; in a throw-away environment")
        return proof

    def _in_trial(
        self,
        trial: Callable[[], AbstractContextManager[Path]],
        edits: tuple[Edit, ...],
        target: Target,
        what: str,
    ) -> tuple[ImportReport, ImportReport]:
        """The imports of the planned project by the interpreter of a throw-away environment."""
        with (
            trial() as python,
            Prober(replace(target, python=python)) as prober,
            self.view.working(what),
        ):
            return prober.prove(edits, self.project.root)
