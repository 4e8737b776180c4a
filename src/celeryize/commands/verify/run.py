"""The run of `celeryize verify`: read the code, import it, run the checks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from celeryize.commands.options import RunOptions
from celeryize.commands.start_up import IMPORTING, start_up
from celeryize.commands.verify.options import VerifyOptions
from celeryize.detect.answers import configured
from celeryize.errors import CeleryizeError, Exit
from celeryize.model import Finding, Severity
from celeryize.ui.view import View

# The checks are loaded while the project's interpreter loads its libraries.
if TYPE_CHECKING:
    from celeryize.checks.facts import Facts
    from celeryize.checks.outcome import CheckResults, VerifyOutcome
    from celeryize.detect.project import Project
    from celeryize.live import Broker, LiveReport
    from celeryize.probe.report import ImportReport
    from celeryize.probe.run import Prober

# How Celery writes the broker that it takes where none is set.
DEFAULT_BROKER = "amqp://guest:**@"


def run(options: RunOptions, view: View, chosen: VerifyOptions) -> VerifyOutcome:
    """Check a project, and show the findings.

    With --static no interpreter is started and nothing is imported; with --live a real worker and
    a real Beat are started, on a private queue.
    """
    given = options
    options = without_interpreter(options, chosen)
    # tasks and command lines can be read where the settings cannot be found
    lenient = chosen.static and options.settings is None
    with start_up(
        options, view, imports=not chosen.static, may_lack_settings=lenient, brief=True
    ) as (project, prober):
        view.show_project(_as_shown(project, options, given), later=True)
        with view.working("checking your project"):
            facts = gather_facts(project, prober, view)
        if chosen.stop:
            _refuse_no_stop(project, facts)
        report = None
        if chosen.live:
            report = _run_live(project, facts, view, options, chosen)
        # after the live proof: what a stop does is shown next to the end
        if chosen.stop:
            facts = _prove_stops(project, facts, view, chosen)
        with view.working("checking your project"):
            results = examine_project(project, facts, chosen)
    verified = summarise(facts, results, chosen, report)
    view.show_verified(verified, form=chosen.form)
    return verified


def show_checks(view: View, explained: str | None) -> None:
    """Show every check by its title or, with an id, all about that one."""
    from celeryize.checks.run_checks import all_checks, check_named

    if explained:
        view.show_checks([check_named(explained)], in_full=True)
    else:
        view.show_checks(all_checks(), in_full=False)


def without_interpreter(options: RunOptions, chosen: VerifyOptions) -> RunOptions:
    """With --static our own interpreter counts: no manager is asked for the project's."""
    if chosen.static and not options.python:
        return replace(options, python=sys.executable)
    return options


def _as_shown(project: Project, options: RunOptions, given: RunOptions) -> Project:
    """The project without an interpreter that is ours, and not its own."""
    if options == given:
        return project
    return replace(project, interpreter=replace(project.interpreter, is_unused=True))


def gather_facts(project: Project, prober: Prober | None, view: View) -> Facts:
    """What the checks look at. The code is read while the project is imported."""
    from celeryize.checks.facts import read_facts

    facts = read_facts(project)
    if prober:
        # they are computed on first use: do it now, while the interpreter works
        _ = facts.tasks.all, facts.settings.assignments
        # all checks are loaded, and what they find in the text is kept, while it works on
        examine_project(project, facts, VerifyOptions())
        with view.working(IMPORTING):
            facts = facts.with_imports(*prober.baseline())
    return facts


def examine_project(project: Project, facts: Facts, chosen: VerifyOptions) -> CheckResults:
    """Run the checks that were asked for."""
    from celeryize.checks.run_checks import run_checks

    silence = silenced_checks(project)
    return run_checks(facts, only=chosen.only, skip=chosen.skip, silence=silence)


def _refuse_no_stop(project: Project, facts: Facts) -> None:
    """Raise CeleryizeError where there is nothing to stop, before anything takes long."""
    from celeryize.commands.verify.stop import refuse_no_process

    if not project.celery:
        raise CeleryizeError(
            "there is no Celery app in this project to stop",
            hint="Create one with `celeryize init`.",
        )
    refuse_no_process(facts)


def _prove_stops(project: Project, facts: Facts, view: View, chosen: VerifyOptions) -> Facts:
    """The facts with what a stop does, which is shown, too."""
    from celeryize.commands.verify.stop import run_stop

    stops = run_stop(project, facts, view, configured=chosen.broker == "configured")
    view.show_stops(stops)
    return facts.with_stops(stops)


def _run_live(
    project: Project, facts: Facts, view: View, options: RunOptions, chosen: VerifyOptions
) -> LiveReport:
    """The live proof; it knows from the import which tasks a worker has to register."""
    from celeryize.commands.verify.live import run_live

    # known already: the live proof does not have to import the project again
    registered: set[str] = set()
    if facts.worker:
        registered = {task.name for task in facts.worker.tasks}
    broker: Broker = "filesystem"
    if chosen.broker == "configured":
        broker = "configured"
    return run_live(
        project,
        view,
        registered=lambda: registered,
        broker=broker,
        timeout=options.timeout,
    )


def summarise(
    facts: Facts,
    results: CheckResults,
    chosen: VerifyOptions,
    live: LiveReport | None = None,
) -> VerifyOutcome:
    """The outcome of the checks, and the exit code that it asks for."""
    from celeryize.checks.outcome import VerifyOutcome

    stops = ""
    if facts.stops:
        from celeryize.live.stop_report import verdict_of

        stops = verdict_of(facts.stops)
    broker, url = "", ""
    if live:
        broker, url = live.broker, live.url
        failed = _failed_step(live)
        results = replace(
            results,
            findings=(*failed, *results.findings),
            ran=(*results.ran, *(finding.id for finding in failed)),
        )
    # the registry knows more tasks than the code: those of installed packages
    tasks = len(facts.tasks)
    if facts.worker and facts.worker.tasks:
        tasks = len(facts.worker.tasks)
    return VerifyOutcome(
        results,
        chosen.depth,
        _imported_versions(facts.worker, facts.web),
        tasks,
        _exit_code(results.findings, strict=chosen.strict),
        broker,
        frozenset(sight.mode for sight in (facts.worker, facts.web) if sight and sight.failures),
        tuple(_absent_parts(facts, tasks)),
        stops,
        url,
    )


def _absent_parts(facts: Facts, tasks: int) -> Iterator[str]:
    """What is not there yet, where nothing is wrong with what is there."""
    if not facts.project.celery:
        return
    if not tasks:
        yield "a task (celeryize add-task)"
    # what starts the project decides only where the checks have seen no worker
    if any(command.subcommand == "worker" for command in facts.deployment.commands):
        return
    from celeryize.commands.init.production import files_without_worker

    if files := files_without_worker(facts.project):
        yield f"a worker in {files} (celeryize add-worker)"


def _failed_step(report: LiveReport) -> tuple[Finding, ...]:
    """The first failed step of a live proof as a finding: the later ones fail because of it."""
    step = next((step for step in report.steps if step.outcome == "failed"), None)
    if step is None:
        return ()
    hint = "The lines above are from the log of the process."
    if report.broker == "configured":
        hint += f" {_question_of_broker(report.url)} Without --broker configured none is needed."
    message = f"the live proof failed: {step.what}"
    return (Finding(f"live.{step.step}", Severity.ERROR, message, hint),)


def _question_of_broker(url: str) -> str:
    """What to look at where the proof on the project's own broker failed."""
    if not url:
        return "Is the broker running, and CELERY_BROKER_URL correct?"
    if "%2F%2F" in url:
        # kombu reads what has no scheme as the host of its default
        return f"Celery reads the broker as {url}: the URL has no ://, as in redis://."
    if url.startswith(DEFAULT_BROKER):
        return f"The broker was {url}: is CELERY_BROKER_URL set? That is what Celery takes without."
    return f"The broker was {url}: does it run, and is CELERY_BROKER_URL correct?"


def _exit_code(findings: Iterable[Finding], *, strict: bool) -> Exit:
    failing = {Severity.ERROR}
    if strict:
        failing.add(Severity.WARNING)
    if any(finding.severity in failing for finding in findings):
        return Exit.FINDINGS
    return Exit.DONE


def silenced_checks(project: Project) -> dict[str, str]:
    """`[tool.celeryize] silence`: the reasons by id. Raises CeleryizeError where one is missing."""
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


def _imported_versions(*sights: ImportReport | None) -> dict[str, str]:
    """The versions of what was imported; those of the worker come first."""
    found: dict[str, str] = {}
    for sight in sights:
        if sight and sight.python_version:
            found = {"python": sight.python_version, **sight.versions, **found}
    return found
