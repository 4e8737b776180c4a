"""The outcome of a verification, for the screen and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from celeryize.errors import Exit
from celeryize.model import Finding, Severity

# The screen shows what this holds at the end of every command; the checks are for verify alone.
if TYPE_CHECKING:
    from celeryize.checks.check import Fix, Unsure

# The order in which findings are shown.
RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that the project has silenced, and why."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class PossibleFix:
    """A finding, and what `--fix` does about it, or why it does nothing."""

    finding: Finding
    fix: Fix | Unsure


@dataclass(frozen=True, slots=True)
class CheckResults:
    """What the checks found, what was silenced, which checks ran, and what `--fix` knows to do."""

    findings: tuple[Finding, ...]
    silenced: tuple[Silenced, ...]
    ran: tuple[str, ...]
    fixes: tuple[PossibleFix, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """The outcome: what was found, silenced, and the facts that it rests on."""

    examination: CheckResults
    depth: str
    versions: dict[str, str]
    tasks: int
    exit_code: Exit
    # of a live proof: "filesystem" or "configured"
    broker: str = ""
    # "worker" or "web": an exception of the project ended this import
    failed_imports: frozenset[str] = frozenset()
    # what a project with Celery usually has, and this one has not yet, each with its command
    absent: tuple[str, ...] = ()
    # what the stop proof says of all processes, without a full stop
    stops: str = ""
    # of a live proof on the configured broker, without its password
    broker_url: str = ""

    @property
    def status(self) -> str:
        """The outcome in a word."""
        if self.exit_code:
            return "findings"
        return "done"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the checks."""
        return self.examination.findings

    def count(self, severity: Severity) -> int:
        """How many findings have a severity."""
        return sum(f.severity is severity for f in self.findings)


def by_file(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings grouped by their file: the file with the worst first, and in a file the worst
    first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(str(finding.where.path) if finding.where else "", []).append(finding)
    for group in groups.values():
        group.sort(key=lambda f: (RANK[f.severity], (f.where.line or 0) if f.where else 0, f.id))
    return sorted(groups.items(), key=lambda item: (RANK[item[1][0].severity], item[0]))
