"""The plan of `celeryize verify --fix`: every certain fix of the findings, and what is left, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.checks.check import Fix, Unsure
from celeryize.checks.outcome import PossibleFix
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.model import Finding, Plan, Status, Step
from celeryize.patch.source import Source, Splice


@dataclass(frozen=True, slots=True)
class Fixing:
    """The plan, the findings that it puts right, those that it leaves and why, and Beat's entries it means."""

    plan: Plan
    fixed: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    entries: frozenset[str]


def plan(project: Project, fixes: Sequence[PossibleFix]) -> Fixing:
    """Put the fixes of each file together; one that does not go with those before it is left."""
    draft = project.draft()
    files: dict[PurePosixPath, tuple[Source, tuple[Splice, ...]]] = {}
    steps: dict[Fix, Step] = {}
    fixed: list[Finding] = []
    left: list[tuple[Finding, str]] = []
    for finding, fix in ((possible.finding, possible.fix) for possible in fixes):
        if isinstance(fix, Unsure):
            left.append((finding, fix.why))
            continue
        if fix not in steps:
            try:
                now = files.get(fix.path) or (Source.decode(fix.path, draft.read(fix.path) or b""), ())
                source, splices = now[0], (*now[1], *fix.splices)
                draft.write(fix.path, source.splice(*splices).encode())
            except (CannotPatch, ValueError) as refusal:
                left.append((finding, str(refusal)))
                continue
            files[fix.path] = source, splices
            status = Status.UPDATE if (project.root / fix.path).exists() else Status.CREATE
            steps[fix] = Step(fix.path, status, fix.what)
        fixed.append(finding)
    notes = tuple(f"{finding.where or finding.id}: {finding.id} is left to you: {why}" for finding, why in left)
    entries = frozenset(name for fix in steps for name in fix.entries)
    return Fixing(Plan(draft.edits(), tuple(steps.values()), (), notes), tuple(fixed), tuple(left), entries)
