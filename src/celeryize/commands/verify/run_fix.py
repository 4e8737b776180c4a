"""The run of `celeryize verify --fix`: examine, fix what is safe, prove, examine again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.commands.options import RunOptions, WriteOptions, undo_line
from celeryize.commands.start_up import start_up
from celeryize.commands.verify import fix
from celeryize.commands.verify.options import VerifyOptions
from celeryize.commands.verify.run import (
    examine_project,
    gather_facts,
    summarise,
    without_interpreter,
)
from celeryize.commands.writing.carry_out import Around, WriteOutcome, WriteResult
from celeryize.commands.writing.runner import Planned, write_planned
from celeryize.detect.project import Project, load_project
from celeryize.errors import Exit, Unproved
from celeryize.model import Finding
from celeryize.probe.proof import Expected, Proof, Verdict, count_new_errors, judge
from celeryize.ui.view import View

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts
    from celeryize.checks.outcome import CheckResults, VerifyOutcome
    from celeryize.probe.report import ImportReport


@dataclass(frozen=True, slots=True)
class Fixed:
    """How it ended: what was fixed, what was left and why, and how the project is now."""

    result: WriteResult
    fixed: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    now: VerifyOutcome

    @property
    def status(self) -> str:
        """The outcome in a word."""
        if self.exit_code:
            return "findings"
        return "done"

    @property
    def exit_code(self) -> Exit:
        """That of the findings; with --check, of a project that has something to fix."""
        return max(self.result.exit_code, self.now.exit_code)


def run(options: RunOptions, write: WriteOptions, view: View, chosen: VerifyOptions) -> Fixed:
    """Fix what verify finds, where that is safe. With --static only the edits are proved.

    Raises Unproved where a finding would remain, or the project would be worse than before.
    """
    options = without_interpreter(options, chosen)
    start = start_up(options, view, imports=not chosen.static, writes=write.writes)
    with start as (project, prober):
        with view.working("checking your project"):
            facts = gather_facts(project, prober, view)
            examination = examine_project(project, facts, chosen)
        fixing = fix.plan(project, examination.fixes)
        again = _SecondExamination(options, chosen, fixing, view)
        planned = _with_proof(project, fixing, again)
        written = write_planned(planned, project, prober, write, view)
        if again.facts and again.examination:
            facts, examination = again.facts, again.examination
        fixed: tuple[Finding, ...] = ()
        if written.result.outcome is WriteOutcome.DONE:
            fixed = fixing.fixed
        now = summarise(facts, examination, chosen)
    view.show_fixes(written.result.outcome, fixed, fixing.left, undo_line(options))
    # of a dry run, the patch and nothing else is on stdout
    view.show_verified(now, beside_patch=write.dry_run)
    return Fixed(written.result, fixed, fixing.left, now)


class _SecondExamination:
    """Once the files are written: a finding that was fixed is gone, or all is rolled back."""

    def __init__(
        self, options: RunOptions, chosen: VerifyOptions, fixing: fix.Fixing, view: View
    ) -> None:
        self.facts: Facts | None = None
        self.examination: CheckResults | None = None
        self._options = options
        self._chosen = chosen
        self._fixing = fixing
        self._view = view
        self._imports: tuple[ImportReport, ImportReport] | None = None

    def imported(self, imports: tuple[ImportReport, ImportReport]) -> None:
        """Keep the last imports of the planned project: it is what is on the disk afterwards."""
        self._imports = imports

    @contextmanager
    def around_write(self) -> Iterator[None]:
        """Examine the written project. Raises Unproved for a finding that is still there."""
        yield
        with self._view.working("checking what was written"):
            self._examine()
        if self.examination is not None:
            _raise_if_unfixed(self._fixing.fixed, self.examination.findings)

    def _examine(self) -> None:
        options = self._options
        # anew, because the facts of a project are frozen
        project = load_project(
            options.start,
            settings=options.settings,
            python=options.python,
            package=options.package,
        )
        facts = gather_facts(project, None, self._view)
        if self._imports:
            facts = facts.with_imports(*self._imports)
        self.facts = facts
        self.examination = examine_project(project, facts, self._chosen)


def _with_proof(project: Project, fixing: fix.Fixing, again: _SecondExamination) -> Planned:
    """The plan, which promises that nothing is worse than before."""
    expected = Expected("", "", entries=fixing.entries)
    if project.celery:
        app = project.celery[0]
        expected = replace(expected, module=app.module, variable=app.variable)
    return Planned(
        fixing.plan,
        "celeryize verify --fix",
        expected,
        judge=_judge_fixes,
        imported=again.imported,
        around=Around(lambda _: again.around_write()),
    )


def _judge_fixes(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    expected: Expected,
    root: Path,
    *,
    remedy: str,
) -> Proof:
    """The proof that nothing is worse than before.

    An entry of the schedule may appear: its setting had no effect before.
    """
    # Beat's entries of a setting that Celery did not see before are new to it
    known = {entry.name for entry in before[0].beat_schedule}
    appeared = {entry.name for entry in after[0].beat_schedule} - known
    expected = replace(expected, entries=expected.entries | appeared)
    proof = judge(before, after, expected, root, remedy=remedy)
    if proof.verdict is not Verdict.FAILED:
        return proof
    # what a project without a fix fails already is not the fault of the fixes
    old = set(judge(before, before, expected, root, remedy=remedy).findings)
    new = tuple(finding for finding in proof.findings if finding not in old)
    if not new:
        return Proof(
            Verdict.PASSED, "imported, and nothing is worse than before", before=proof.before
        )
    return replace(proof, summary=count_new_errors(len(new)), findings=new)


def _raise_if_unfixed(fixed: Sequence[Finding], now: Sequence[Finding]) -> None:
    """Raises Unproved for a finding that was to be fixed and is still there."""
    remaining = {(finding.id, finding.message) for finding in now}
    for finding in fixed:
        if (finding.id, finding.message) in remaining:
            raise Unproved(
                f"the fix did not resolve {finding.id}: {finding.message}",
                hint="The change was rolled back. Leave this one out with --skip.",
                where=finding.where,
            )
