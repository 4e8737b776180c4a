"""The run of `celeryize verify --fix`: run_checks, plan the certain fixes, prove, carry out, and examine again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from celeryize.checks.facts import Facts, read_facts
from celeryize.checks.outcome import CheckResults, VerifyOutcome
from celeryize.checks.run_checks import run_checks
from celeryize.commands import fix
from celeryize.commands.carry_out import Outcome, Result, View, carry_out
from celeryize.commands.opening import Opening, opened, target_of
from celeryize.commands.verify import silence, verified
from celeryize.detect.project import Project, load_project
from celeryize.errors import Unproved
from celeryize.model import Finding
from celeryize.probe.proof import Expected, Proof, Verdict, count_new_errors, judge
from celeryize.probe.report import ImportReport
from celeryize.probe.run import Prober


class FixView(View, Opening, Protocol):
    """What the command shows and asks."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """How it ended: what was put right, what was left and why, and how the project is now."""

    result: Result
    fixed: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    now: VerifyOutcome


def run(
    start: Path,
    view: FixView,
    *,
    static: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    strict: bool = False,
    settings: str | None = None,
    python: str | None = None,
    package: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    timeout: float = 60,
) -> Fixed:
    """Put right what verify finds and what is certain. `static` imports nothing, so it proves the edits only.

    Raises Unproved where a finding would still be there, or where the project would be worse than before.
    """
    python = python or (sys.executable if static else None)
    with opened(
        start, view, settings=settings, python=python, package=package, look_inside=not static, timeout=timeout
    ) as (project, prober):
        before = read_facts(project)
        # the code is read while the project is imported
        _ = before.tasks.all, before.settings.assignments
        if prober:
            before = before.with_imports(*prober.baseline())

        def examined(facts: Facts) -> CheckResults:
            return run_checks(facts, only=only, skip=skip, silence=silence(project))

        first = examined(before)
        fixing = fix.plan(project, first.fixes)
        seen: list[tuple[ImportReport, ImportReport]] = []

        def prove(*, written: bool) -> Proof:
            assert prober is not None
            proof, after = _proved(project, prober, fixing, written=written)
            seen.append(after)
            return proof

        again: list[tuple[Facts, CheckResults]] = []

        @contextmanager
        def examined_again() -> Iterator[None]:
            """Once the files are written: every finding that was to go is gone, or all is taken back."""
            yield
            now = load_project(start, settings=settings, python=python, package=package)
            facts = read_facts(now)
            if seen:
                facts = facts.with_imports(*seen[-1])
            again.append((facts, examined(facts)))
            _hold(fixing.fixed, again[0][1].findings)

        result = carry_out(
            fixing.plan,
            root=project.root,
            command="celeryize verify --fix",
            view=view,
            prove=prove if prober else None,
            dry_run=dry_run,
            yes=yes,
            installing=examined_again(),
        )
        facts, examination = again[0] if again else (before, first)
        depth = "static" if static else "import"
        done = fixing.fixed if result.outcome is Outcome.DONE else ()
        return Fixed(result, done, fixing.left, verified(facts, examination, depth, strict))


def _proved(
    project: Project, prober: Prober, fixing: fix.Fixing, *, written: bool
) -> tuple[Proof, tuple[ImportReport, ImportReport]]:
    """The proof that nothing is worse than before, and the looks it rests on.

    An entry of the schedule may appear: its setting had no effect before.
    """
    before = prober.baseline()
    after = prober.prove(() if written else fixing.plan.edits, project.root, target_of(project))
    app = project.celery[0] if project.celery else None
    known = {entry.name for entry in before[0].beat_schedule}
    appeared = {entry.name for entry in after[0].beat_schedule} - known
    expected = Expected(app.module if app else "", app.variable if app else "", entries=fixing.entries | appeared)
    sync = project.dependencies.sync
    proof = judge(before, after, expected, project.root, fix=sync)
    if proof.verdict is not Verdict.FAILED:
        return proof, after
    old = set(judge(before, before, expected, project.root, fix=sync).findings)
    new = tuple(finding for finding in proof.findings if finding not in old)
    if new:
        return replace(proof, summary=count_new_errors(len(new)), findings=new), after
    return Proof(Verdict.PASSED, "imported, and nothing is worse than before", before=proof.before), after


def _hold(fixed: Sequence[Finding], now: Sequence[Finding]) -> None:
    """Raises Unproved for a finding that was to be fixed and is still there."""
    there = {(finding.id, finding.message) for finding in now}
    for finding in fixed:
        if (finding.id, finding.message) in there:
            raise Unproved(
                f"the fix did not put {finding.id} right: {finding.message}",
                hint="The change was taken back. Leave this one out with --skip.",
                where=finding.where,
            )
