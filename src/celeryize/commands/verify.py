"""The run of `celeryize verify`: read the code, look at it from inside, check, and say what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from celeryize.commands.opening import Opening, opened
from celeryize.detect.answers import configured
from celeryize.errors import CeleryizeError, Exit
from celeryize.model import Finding, Severity

if TYPE_CHECKING:
    from celeryize.checks.facts import Facts
    from celeryize.checks.outcome import CheckResults, VerifyOutcome
    from celeryize.detect.project import Project
    from celeryize.live import Broker, LiveReport, StepResult
    from celeryize.probe.report import ImportReport


class VerifyView(Opening, Protocol):
    """What verify shows while it runs."""

    def show_step(self, result: StepResult) -> None:
        """A step of the live proof that has come to its end."""


def run(
    start: Path,
    view: VerifyView,
    *,
    static: bool = False,
    live: bool = False,
    broker: Broker = "filesystem",
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    strict: bool = False,
    settings: str | None = None,
    python: str | None = None,
    package: str | None = None,
    timeout: float = 60,
) -> VerifyOutcome:
    """Check the project around `start`. `static` starts no interpreter and imports nothing.

    `live` goes on to a real worker and a real Beat, on a queue of their own at `broker`.
    """
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
        # loaded while the project's interpreter loads its libraries
        from celeryize.checks.facts import read_facts
        from celeryize.checks.run_checks import run_checks

        facts = read_facts(project)
        # the code is read while the project is imported
        _ = facts.tasks.all, facts.settings.assignments
        if prober:
            facts = facts.with_imports(*prober.baseline())
        examination = run_checks(facts, only=only, skip=skip, silence=silence(project))
        report = None
        if live:
            from celeryize.commands.live import run_live

            known = {task.name for task in facts.worker.tasks} if facts.worker else set()
            report = run_live(project, view, registered=lambda: known, broker=broker, timeout=timeout)
    return verified(facts, examination, "static" if static else "live" if live else "import", strict, report)


def verified(
    facts: Facts, examination: CheckResults, depth: str, strict: bool = False, live: LiveReport | None = None
) -> VerifyOutcome:
    """The outcome of an examination, and the exit code that it asks for."""
    from celeryize.checks.outcome import VerifyOutcome

    failed = _failed_step(live) if live else ()
    examination = replace(
        examination,
        findings=(*failed, *examination.findings),
        ran=(*examination.ran, *(finding.id for finding in failed)),
    )
    return VerifyOutcome(
        examination,
        depth,
        _versions(facts.worker, facts.web),
        len(facts.worker.tasks) if facts.worker and facts.worker.tasks else len(facts.tasks),
        _exit_code(examination.findings, strict=strict),
        live.broker if live else "",
    )


def _failed_step(report: LiveReport) -> tuple[Finding, ...]:
    """The first step of a live proof that failed, as a finding: the later ones fail because of it."""
    from celeryize.live import StepOutcome

    step = next((step for step in report.steps if step.outcome is StepOutcome.FAILED), None)
    if step is None:
        return ()
    hint = "The lines above are the process's own."
    if report.broker == "configured":
        hint += " Is the broker running, and CELERY_BROKER_URL right? Without --broker configured none is needed."
    return (Finding(f"live.{step.step}", Severity.ERROR, f"the live proof failed: {step.what}", hint),)


def _exit_code(findings: Iterable[Finding], *, strict: bool) -> Exit:
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return Exit.FINDINGS if any(f.severity in bad for f in findings) else Exit.DONE


def silence(project: Project) -> dict[str, str]:
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


def _versions(*sights: ImportReport | None) -> dict[str, str]:
    """The versions of what was imported."""
    found: dict[str, str] = {}
    for sight in sights:
        if sight and sight.python_version:
            found = {"python": sight.python_version, **sight.versions, **found}
    return found
