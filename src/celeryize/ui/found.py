"""What a verification found, for a person: the findings, the checks, the line at the end."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from celeryize.checks.outcome import VerifyOutcome, by_file
from celeryize.model import Finding, Severity, Where
from celeryize.ui.text import Piece
from celeryize.ui.voice import Voice

# Only the types: the checks are loaded by what runs them.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.formats import Rule

# With one of these findings nothing could be imported.
NOT_IMPORTABLE = {"celery.E001", "celery.E002"}
SEVERITY_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
DEPTHS = {
    "static": "read",
    "import": "read and imported as a worker and as a web process",
    "live": "read, imported, and run",
}
INDENT = "    "
# A screen has 24 lines, and a message may take two.
MOST_AGAIN = 5


def answer_findings(voice: Voice, found: Iterable[Finding], root: Path | None) -> None:
    """A block for each finding; what is true for all of a check is told with its first.

    `root` is the project's, where it is known: places become links.
    """
    from celeryize.checks.check import CHECKS

    told: set[str] = set()
    for _, findings in by_file(found):
        for finding in findings:
            voice.answer()
            _answer_place(voice, finding, root)
            check = CHECKS.get(finding.id)
            new = check is not None and check.id not in told
            for label, text, style in _lines_of(finding, check, new=new):
                pieces = [Piece(INDENT), Piece(f"{label}: ", "bold"), Piece(text, style)]
                voice.answer_pieces(pieces, hang=INDENT * 2)
            told.add(finding.id)


def answer_worst_again(voice: Voice, found: Sequence[Finding], root: Path | None) -> None:
    """The worst findings, a place and a message each, for a screen that they have scrolled off."""
    worst = [finding for _, findings in by_file(found) for finding in findings]
    severity = worst[0].severity
    worst = [finding for finding in worst if finding.severity is severity]
    if severity is Severity.INFO:
        return
    voice.answer()
    head = f"{counted(len(worst), str(severity))}, from above:"
    voice.answer(head, f"bold {SEVERITY_COLOURS[severity]}")
    for finding in worst[:MOST_AGAIN]:
        _answer_head(voice, finding, root, indent="  ")
    if len(worst) > MOST_AGAIN:
        voice.answer(f"  and {len(worst) - MOST_AGAIN} more", "dim")


def _answer_place(voice: Voice, finding: Finding, root: Path | None) -> None:
    """`path:line: id message`, to which editors and terminals jump, and the line itself."""
    _answer_head(voice, finding, root)
    for text in finding.excerpt.splitlines():
        voice.answer(f"{INDENT}| {text}", "dim")


def _answer_head(voice: Voice, finding: Finding, root: Path | None, *, indent: str = "") -> None:
    style = SEVERITY_COLOURS[finding.severity]
    place = Piece(str(finding.where or "the project"), "bold", link_of(finding.where, root))
    message = Piece(f" {finding.message}")
    pieces = [Piece(indent), place, Piece(": "), Piece(finding.id, style), message]
    voice.answer_pieces(pieces, hang=indent + INDENT)


def _lines_of(
    finding: Finding, check: Check | None, *, new: bool
) -> Iterator[tuple[str, str, str]]:
    """The lines below a finding: a label, a text, its style."""
    sections: dict[str, str] = {}
    if check is not None:
        sections = dict(check.sections)
    if new:
        yield "what happens", first_sentence(sections["What happens"]), ""
        yield "why", first_sentence(sections["Why"]), ""
    if finding.hint:
        fixable = " (fixable)" if finding.fixable else ""
        yield "do", f"{finding.hint}{fixable}", ""
    elif check is not None:
        yield "do", first_sentence(sections["Fix"]), ""
    if new:
        yield "more", f"celeryize verify --explain {finding.id}", "dim"


def link_of(where: Where | None, root: Path | None) -> str:
    """The address of a place, for terminals that can open it; empty where it has none."""
    if where is None or root is None:
        return ""
    address = f"file://{socket.gethostname()}{quote(os.fsencode(root / where.path))}"
    if where.line is not None:
        return f"{address}#{where.line}"
    return address


def answer_checks(voice: Voice, checks: Sequence[Check], *, in_full: bool) -> None:
    """The checks, a line each, or all that their docstrings say."""
    for check in checks:
        fixable = ""
        if check.fixable:
            fixable = " (fixable)"
        head = [
            Piece(f"{check.id:<12}", "bold"),
            Piece(f" {check.severity:<8}", SEVERITY_COLOURS[check.severity]),
            Piece(f" {check.title}{fixable}"),
        ]
        voice.answer_pieces(head, hang=INDENT if in_full else " " * 22)
        if in_full:
            _answer_sections(voice, check)


def _answer_sections(voice: Voice, check: Check) -> None:
    for head, body in check.sections:
        voice.answer()
        voice.answer(f"{head}:", "bold")
        for line in body.splitlines():
            voice.answer(f"{INDENT}{line.strip()}", hang=INDENT)


def summary_line(verified: VerifyOutcome) -> str:
    """One line: what was checked and how it came out."""
    counts = []
    for severity in Severity:
        number = verified.count(severity)
        if number and severity is Severity.INFO:
            counts.append(f"{number} info")
        elif number:
            counts.append(counted(number, str(severity)))
    tasks = counted(verified.tasks, "task")
    text = f"{', '.join(counts) or 'Nothing is wrong'}: {tasks}, "
    text += f"{counted(len(verified.examination.ran), 'check')}, {_depth_of(verified)}"
    if verified.examination.silenced:
        text += f"; {len(verified.examination.silenced)} silenced"
    fixable = sum(finding.fixable for finding in verified.findings)
    if fixable:
        text += f"; {fixable} fixable: celeryize verify --fix"
    return text


def summary_style(verified: VerifyOutcome) -> str:
    """The style of that line: that of the worst finding, or green."""
    for severity in Severity:
        if verified.count(severity):
            return f"bold {SEVERITY_COLOURS[severity]}"
    return "bold green"


def _depth_of(verified: VerifyOutcome) -> str:
    """How deep the verification went, and on which broker."""
    if any(finding.id in NOT_IMPORTABLE for finding in verified.findings):
        return "read; importing it failed"
    # what did not come to its end is not said to have been run
    if any(finding.id.startswith("live.") for finding in verified.findings):
        return f"{_imports_of(verified)}; the live proof failed"
    depth = DEPTHS[verified.depth]
    if verified.depth == "import":
        depth = _imports_of(verified)
    if verified.broker == "filesystem":
        return f"{depth} on a filesystem broker (on yours: --broker configured)"
    if verified.broker:
        return f"{depth} on the configured broker"
    return depth


def _imports_of(verified: VerifyOutcome) -> str:
    """Which of the two imports went through."""
    match sorted(verified.failed_imports):
        case []:
            return DEPTHS["import"]
        case ["web"]:
            return "read and imported as a worker; the web import failed"
        case ["worker"]:
            return "read and imported as a web process; the worker import failed"
        case _:
            return "read; both imports failed"


def rules_of(ran: Iterable[str]) -> dict[str, Rule]:
    """What other programs are told about the checks that ran."""
    from celeryize.checks.check import CHECKS
    from celeryize.formats import Rule

    rules = {}
    for check in (CHECKS[identifier] for identifier in ran if identifier in CHECKS):
        # a page is broken where its source is; a program wants lines
        sections = {head: " ".join(body.split()) for head, body in check.sections}
        text = f"{sections['What happens']} {sections['Why']}"
        rules[check.id] = Rule(check.id, check.title, text, sections["Fix"], check.severity)
    return rules


def first_sentence(text: str) -> str:
    """The first sentence of a section of a page, in one line."""
    line = " ".join(text.split())
    match = re.match(r".*?[a-z0-9)\]`'\"]{2}[.](?=\s+[A-Z]|$)", line)
    return match[0] if match else line


def counted(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}s"
