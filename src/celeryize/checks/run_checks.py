"""Running the checks: which ones, in which order, and what is silenced."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from celeryize.checks import (
    amazon,
    arguments,
    bodies,
    calls,
    canvas,
    clients,
    command_lines,
    commits,
    configuration,
    containers,
    definitions,
    deployment,
    direct_calls,
    django_tasks,
    entries,
    environments,
    giving_up,
    handles,
    images,
    imported,
    installed,
    instances,
    joined_urls,
    killing,
    lacking,
    left_out,
    leftovers,
    limits,
    locks,
    misnamed,
    options,
    patience,
    rebound,
    receivers,
    refused,
    results,
    retrying,
    routing,
    rows,
    schedule,
    sending,
    services,
    settings,
    side_by_side,
    signals,
    stale_locks,
    start_files,
    stopping,
    stops,
    stores,
    supervision,
    taken_literally,
    task_classes,
    tasks,
    testing,
    threads,
    undecorated,
    unread,
    unregistered,
    waiting,
    wiring,
)
from celeryize.checks.check import CHECKS, Check, Fix, Occurrence
from celeryize.checks.facts import Facts
from celeryize.checks.halves import (
    MANY_READ,
    is_worth_it,
    run_in_halves,
    run_pieces,
    second_process,
)
from celeryize.checks.outcome import CheckResults, PossibleFix, Silenced
from celeryize.errors import UsageError
from celeryize.model import Finding, Severity

# The order of the families is the order in which their checks run: causes before effects.
FAMILIES = (
    imported,
    wiring,
    undecorated,
    unregistered,
    settings,
    patience,
    misnamed,
    configuration,
    refused,
    joined_urls,
    stores,
    amazon,
    start_files,
    routing,
    limits,
    tasks,
    definitions,
    rebound,
    task_classes,
    bodies,
    leftovers,
    locks,
    threads,
    receivers,
    signals,
    retrying,
    giving_up,
    handles,
    waiting,
    schedule,
    entries,
    rows,
    direct_calls,
    calls,
    results,
    sending,
    services,
    django_tasks,
    commits,
    instances,
    arguments,
    options,
    canvas,
    testing,
    deployment,
    clients,
    lacking,
    installed,
    stale_locks,
    command_lines,
    taken_literally,
    unread,
    stopping,
    supervision,
    containers,
    images,
    side_by_side,
    environments,
    left_out,
    killing,
    stops,
)
# How many further lines a grouped finding names.
MANY_LINES = 8
IGNORE = re.compile(r"#\s*celeryize:\s*ignore\[([\w., ]+)\]")


def all_checks() -> tuple[Check, ...]:
    """Every check, causes before effects."""
    order = [family.__name__ for family in FAMILIES]
    # a check that others explain runs after them, also where those are explained themselves
    return tuple(
        sorted(CHECKS.values(), key=lambda c: (_explained_by(c), order.index(c.run.__module__)))
    )


def _explained_by(check: Check) -> int:
    """How long the longest chain of checks is that explain this one."""
    return max((_explained_by(CHECKS[name]) + 1 for name in check.unless), default=0)


# How alike two ids of checks are that are the same one, mistyped.
ALIKE = 0.85


def check_named(identifier: str) -> Check:
    """The check of an id, with or without `celery.`. Raises UsageError for one that does not
    exist."""
    full = full_id(identifier)
    if full not in CHECKS:
        raise UsageError(
            f"there is no check {identifier}",
            hint=f"{_near_check(full)}`celeryize verify --list` names them all.",
        )
    return CHECKS[full]


def _near_check(full: str) -> str:
    """`Did you mean celery.W440? ` for E440, W44 or W4400; nothing for what is like no id."""
    by_tail = {name.rpartition(".")[2]: name for name in CHECKS}
    tail = full.rpartition(".")[2]
    # the severity is easily mistaken, and the number is not
    same = [name for found, name in by_tail.items() if found[1:] == tail[1:]]
    begins = [name for found, name in sorted(by_tail.items()) if tail and found.startswith(tail)]
    close = [by_tail[found] for found in difflib.get_close_matches(tail, by_tail, 1, ALIKE)]
    near = [*same, *begins, *close]
    return f"Did you mean {near[0]}? " if near else ""


def full_id(identifier: str) -> str:
    """`W014` or `w014` as `celery.W014`."""
    tail = identifier.strip().rpartition(".")[2].upper()
    return f"celery.{tail}"


def run_checks(
    facts: Facts,
    *,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    silence: Mapping[str, str] | None = None,
) -> CheckResults:
    """Run the checks over the facts. `silence` maps ids to reasons."""
    # an unknown id is an error before anything runs
    wanted = {check_named(i).id for i in only}
    skipped = {check_named(i).id for i in skip}
    reasons = {check_named(i).id: reason for i, reason in (silence or {}).items()}
    found: list[Finding] = []
    silenced: list[Silenced] = []
    fixes: list[PossibleFix] = []
    ran: list[str] = []
    for check, occurrences in _answers(facts, skipped):
        if occurrences is None:
            found.append(_undecided(check))
            continue
        if wanted and check.id not in wanted:
            continue
        ran.append(check.id)
        shown: list[Finding] = []
        for occurrence in occurrences:
            finding = _make_finding(check, occurrence, facts)
            # a silenced finding is counted, but neither shown nor fixed
            reason = reasons.get(check.id) or _ignore_reason(check, occurrence, facts)
            if reason:
                silenced.append(Silenced(finding, reason))
                continue
            shown.append(finding)
            if occurrence.fix is not None:
                fixes.append(PossibleFix(finding, occurrence.fix))
        if check.grouped:
            shown = _group_by_file(shown)
        found += shown
    found = [finding for finding in found if not _is_told_there(finding, found)]
    return CheckResults(tuple(found), tuple(silenced), tuple(ran), tuple(fixes))


def _answers(facts: Facts, skipped: set[str]) -> Iterator[tuple[Check, list[Occurrence] | None]]:
    """Each check that no other finding explains, with what it finds; None where code that is nested
    thousands of levels deep kept it from an answer."""
    possible = [c for c in all_checks() if c.id not in skipped and not _lacks_facts(c, facts)]
    known = _run_ahead(possible, facts)
    seen: set[str] = set()
    for check in possible:
        if seen & set(check.unless):
            continue
        # what explains another finding is looked for even where it is not asked for
        try:
            found = known[check.id] if check.id in known else _occurrences_of(check, facts)
        except RecursionError:
            yield check, None
            continue
        if found:
            seen.add(check.id)
        yield check, found


def _run_ahead(checks: Sequence[Check], facts: Facts) -> dict[str, list[Occurrence]]:
    """What the checks find, by their ids, where two processes are sooner done than one."""
    # an import keeps a second processor busy already
    if facts.worker is not None:
        return {}
    # in families, which ask for the same facts
    order = [family.__name__ for family in FAMILIES]
    related = sorted(checks, key=lambda check: order.index(check.run.__module__))
    work = {check.id: partial(_occurrences_of, check, facts) for check in related}
    if not is_worth_it(len(facts.code.test_files), MANY_READ):
        return _in_two_processes(work, facts)
    # the tests are read, which takes a while, before anything of the code is parsed
    early = [check.id for check in related if check.run.__module__ == testing.__name__]
    pieces = [(name, work.pop(name)) for name in early]
    with second_process(lambda: run_pieces(pieces)) as second:
        known = _in_two_processes(work, facts)
    return known | second.found


def _in_two_processes(
    work: Mapping[str, Callable[[], list[Occurrence]]], facts: Facts
) -> dict[str, list[Occurrence]]:
    if not is_worth_it(len(facts.code.relevant)):
        return {}
    # before the fork, which then has them
    _ = facts.tasks.all, facts.settings.assignments
    return run_in_halves(work)


def _occurrences_of(check: Check, facts: Facts) -> list[Occurrence]:
    return list(dict.fromkeys(check.run(facts)))


def _is_told_there(finding: Finding, found: list[Finding]) -> bool:
    """Whether a finding at the same place says better what this one says."""
    if finding.id not in CHECKS or finding.where is None:
        return False
    better = CHECKS[finding.id].unless_there
    return any(other.id in better and other.where == finding.where for other in found)


def _lacks_facts(check: Check, facts: Facts) -> bool:
    """Whether nothing was imported (--static), or nothing was stopped, that a check looks at."""
    return (check.imports and facts.worker is None) or (check.stops and facts.stops is None)


def _undecided(check: Check) -> Finding:
    message = f"{check.id} could not be decided: some code is nested too deeply"
    return Finding("celery.W007", Severity.WARNING, message, "Look at it yourself.")


def _group_by_file(findings: list[Finding]) -> list[Finding]:
    """The first finding of each file, with the lines of the others: one fact is told once."""
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        files.setdefault(str(finding.where.path) if finding.where else "", []).append(finding)
    grouped = []
    for first, *others in files.values():
        lines = sorted({str(o.where.line) for o in others if o.where}, key=int)
        if lines:
            message = f"{first.message} (and {len(others)} more in this file: line"
            message += f"{'s' if len(lines) > 1 else ''} {', '.join(lines[:MANY_LINES])}"
            message += ", ...)" if len(lines) > MANY_LINES else ")"
            first = replace(first, message=message)
        grouped.append(first)
    return grouped


def _make_finding(check: Check, occurrence: Occurrence, facts: Facts) -> Finding:
    excerpt = occurrence.excerpt
    if excerpt is None:
        excerpt = ""
        if occurrence.where:
            excerpt = facts.code.line(occurrence.where)
    fixable = isinstance(occurrence.fix, Fix)
    return Finding(
        check.id,
        check.severity,
        occurrence.message,
        occurrence.hint,
        occurrence.where,
        excerpt,
        fixable,
    )


def _ignore_reason(check: Check, occurrence: Occurrence, facts: Facts) -> str:
    """The comment that silences a check on the line of a finding, or an empty text."""
    if occurrence.where is None:
        return ""
    match = IGNORE.search(facts.code.line(occurrence.where))
    if match is None:
        return ""
    if check.id in set(_full_ids(match[1])):
        return f"ignored at {occurrence.where}"
    return ""


def _full_ids(text: str) -> Iterator[str]:
    return (full_id(part) for part in text.split(",") if part.strip())
