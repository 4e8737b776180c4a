"""The run of `celeryize verify`: read the code, look at it from inside, check, and say what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from celeryize.checks.examine import examine
from celeryize.checks.facts import Facts
from celeryize.checks.verified import Verified
from celeryize.commands.opening import Opening, opened
from celeryize.detect.answers import configured
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError, Exit
from celeryize.model import Finding, Severity
from celeryize.probe import Sight


class VerifyView(Opening, Protocol):
    """What verify shows while it runs."""


def run(
    start: Path,
    view: VerifyView,
    *,
    static: bool = False,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    strict: bool = False,
    settings: str | None = None,
    python: str | None = None,
    package: str | None = None,
    timeout: float = 60,
) -> Verified:
    """Check the project around `start`. `static` starts no interpreter and imports nothing."""
    # without a look, no manager is asked for its environment
    python = python or (sys.executable if static else None)
    with ExitStack() as stack:
        project, prober = stack.enter_context(
            opened(
                start,
                view,
                settings=settings,
                python=python,
                package=package,
                look_inside=not static,
                timeout=timeout,
            )
        )
        facts = Facts(project)
        _ = facts.tasks, facts.settings, facts.entries
        if prober:
            facts.worker, facts.web = prober.baseline()
        examination = examine(facts, only=only, skip=skip, silence=_silence(project))
    findings = examination.findings
    return Verified(
        examination,
        "static" if static else "import",
        _versions(facts.worker, facts.web),
        len(facts.worker.tasks) if facts.worker and facts.worker.tasks else len(facts.tasks),
        _exit_code(findings, strict=strict),
    )


def _exit_code(findings: Iterable[Finding], *, strict: bool) -> Exit:
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return Exit.FINDINGS if any(f.severity in bad for f in findings) else Exit.DONE


def _silence(project: Project) -> dict[str, str]:
    """`[tool.celeryize] silence`: ids and the reason of each. Raises CeleryizeError where a reason is missing."""
    table = configured(project.root, project.root / project.base).get("silence", {})
    if not isinstance(table, dict):
        raise CeleryizeError(
            "[tool.celeryize] silence is not a table",
            hint='Write: silence = {"celery.W060" = "why this is fine here"}',
        )
    for identifier, reason in table.items():
        if not isinstance(reason, str) or not reason.strip():
            raise CeleryizeError(
                f"[tool.celeryize] silences {identifier} without a reason",
                hint=f'Write: silence = {{"{identifier}" = "why this is fine here"}}',
            )
    return {str(identifier): reason for identifier, reason in table.items()}


def _versions(*sights: Sight | None) -> dict[str, str]:
    """The versions of what was imported."""
    found: dict[str, str] = {}
    for sight in sights:
        if sight and sight.python_version:
            found = {"python": sight.python_version, **sight.versions, **found}
    return found
