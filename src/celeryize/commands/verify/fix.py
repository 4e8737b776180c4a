"""The plan of `celeryize verify --fix`: the safe fixes, and what is left, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.checks.check import Fix, Unsure
from celeryize.checks.outcome import PossibleFix
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.model import Finding, Plan
from celeryize.patch.source import Source, Splice


@dataclass(frozen=True, slots=True)
class Fixing:
    """The plan, the findings that it fixes, and those that it leaves, each with the reason.

    `entries` are the entries of the Beat schedule that it means to change.
    """

    plan: Plan
    fixed: tuple[Finding, ...]
    left: tuple[tuple[Finding, str], ...]
    entries: frozenset[str]


def plan(project: Project, fixes: Sequence[PossibleFix]) -> Fixing:
    """Put the fixes of each file together; one that conflicts with those before it is left."""
    combined = _CombinedFixes(project)
    fixed: list[Finding] = []
    left: list[tuple[Finding, str]] = []
    for possible in fixes:
        if isinstance(possible.fix, Unsure):
            left.append((possible.finding, possible.fix.why))
            continue
        # an overlap with an earlier fix is not an error: the next run fixes what is left
        try:
            combined.add(possible.fix)
        except (CannotPatch, ValueError) as refusal:
            left.append((possible.finding, str(refusal)))
        else:
            fixed.append(possible.finding)
    for finding, reason in left:
        place = finding.where or finding.id
        combined.draft.add_note(f"{place}: {finding.id} is left to you: {reason}")
    entries = frozenset(name for fix in combined.fixes for name in fix.entries)
    return Fixing(combined.draft.plan(), tuple(fixed), tuple(left), entries)


class _CombinedFixes:
    """The fixes so far: each file is spliced anew from its original with all of its fixes."""

    def __init__(self, project: Project) -> None:
        self.draft = project.draft()
        self.fixes: set[Fix] = set()
        self._files: dict[PurePosixPath, tuple[Source, tuple[Splice, ...]]] = {}

    def add(self, fix: Fix) -> None:
        """Add a fix. Raises CannotPatch or ValueError, and adds nothing, where it overlaps."""
        if fix in self.fixes:
            # several findings of one mistake have the same fix
            return
        source, before = self._files.get(fix.path) or (self.draft.source(fix.path), ())
        splices = (*before, *fix.splices)
        self.draft.write(fix.path, source.splice(*splices), fix.what)
        self._files[fix.path] = source, splices
        self.fixes.add(fix)
