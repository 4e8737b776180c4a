"""What a verification found, for a person: the findings, the checks, the line at the end."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from celeryize.checks.outcome import RANK, VerifyOutcome, by_file
from celeryize.model import Finding, Severity, Where
from celeryize.ui.text import Piece, display_width, render
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
# However low the screen is, the worst finding is repeated.
LEAST_AGAIN = 3
MORE = " ..."
LONG_WORD = 16
Line = tuple[list[Piece], str | None]


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
            new = check is not None and not check.brief and check.id not in told
            for label, text, style in _lines_of(finding, check, new=new):
                pieces = [Piece(INDENT), Piece(f"{label}: ", "bold"), Piece(text, style)]
                voice.answer_pieces(pieces, hang=INDENT * 2)
            told.add(finding.id)


def answer_worst_again(
    voice: Voice, found: Sequence[Finding], root: Path | None, room: int
) -> None:
    """What to do, for a screen that the findings have scrolled off, in at most `room` lines: the
    worst ones with their fix, then the others with a line each."""
    ordered = [finding for _, findings in by_file(found) for finding in findings]
    ordered.sort(key=lambda finding: RANK[finding.severity])
    severity = ordered[0].severity
    if severity is Severity.INFO:
        return
    ordered = [finding for finding in ordered if finding.severity is not Severity.INFO]
    counts = [
        counted(number, str(each))
        for each in (Severity.ERROR, Severity.WARNING)
        if (number := sum(finding.severity is each for finding in ordered))
    ]
    voice.answer()
    head = f"{', '.join(counts)}, shown above in full:"
    voice.answer(head, f"bold {SEVERITY_COLOURS[severity]}")
    # two lines are the head and the one above it
    shown = _fitting_lines(voice, ordered, root, max(room - 2, LEAST_AGAIN))
    for pieces, hang in (line for lines in shown for line in lines):
        voice.answer_pieces(pieces, hang=hang)
    if len(shown) < len(ordered):
        voice.answer(f"  and {len(ordered) - len(shown)} more above", "dim")


def _fitting_lines(
    voice: Voice, findings: Sequence[Finding], root: Path | None, room: int
) -> list[list[Line]]:
    """The lines of the first findings, as many as fit: each of the worst in full where the others
    of their severity still have a line each, then the less bad ones, where all fit."""
    worst = sum(finding.severity is findings[0].severity for finding in findings)
    chosen = [[_cut(voice, _head_of(finding, root, "  "))] for finding in findings]
    for index, finding in enumerate(findings):
        longer = [*chosen[:index], _lines_again(finding, root), *chosen[index + 1 :]]
        needed, left = longer, room
        if index < worst:
            # the line that counts the others
            needed, left = longer[:worst], room - (len(findings) > worst)
        # the first one is worth more than the last; a shorter one behind it may still fit
        if index and sum(_height(voice, lines) for lines in needed) > left:
            continue
        chosen = longer
    heights = [_height(voice, lines) for lines in chosen]
    if sum(heights) > room:
        # one line says how many are left out
        while len(heights) > 1 and sum(heights) > room - 1:
            heights.pop()
    return chosen[: len(heights)]


def _lines_again(finding: Finding, root: Path | None) -> list[Line]:
    """A finding with what to do about it."""
    from celeryize.checks.check import CHECKS

    lines: list[Line] = [(_head_of(finding, root, "  "), f"  {INDENT}")]
    for label, text, style in _lines_of(finding, CHECKS.get(finding.id), new=False):
        pieces = [Piece(f"  {INDENT}"), Piece(f"{label}: ", "bold"), Piece(text, style)]
        lines.append((pieces, f"  {INDENT * 2}"))
    return lines


def _height(voice: Voice, lines: Sequence[Line]) -> int:
    return sum(render(pieces, voice.out, hang).count("\n") + 1 for pieces, hang in lines)


def _cut(voice: Voice, pieces: list[Piece]) -> Line:
    """A finding in one line: its message as far as it fits, up to a whole word."""
    width = voice.out.width
    taken = sum(display_width(piece.text) for piece in pieces[:-1])
    message = pieces[-1].text
    if width is not None and taken + display_width(message) > width:
        room = message[: max(0, width - taken - len(MORE))]
        words = room.rpartition(" ")[0]
        # a dotted name may fill the line
        if len(room) - len(words) > LONG_WORD:
            words = room
        message = words + MORE
    return [*pieces[:-1], Piece(message)], None


def _answer_place(voice: Voice, finding: Finding, root: Path | None) -> None:
    """`path:line: id message`, to which editors and terminals jump, and the line itself."""
    _answer_head(voice, finding, root)
    for text in finding.excerpt.splitlines():
        voice.answer(f"{INDENT}| {text}", "dim")


def _answer_head(voice: Voice, finding: Finding, root: Path | None, *, indent: str = "") -> None:
    voice.answer_pieces(_head_of(finding, root, indent), hang=indent + INDENT)


def _head_of(finding: Finding, root: Path | None, indent: str) -> list[Piece]:
    style = SEVERITY_COLOURS[finding.severity]
    place = Piece(str(finding.where or "the project"), "bold", link_of(finding.where, root))
    message = Piece(f" {finding.message}")
    return [Piece(indent), place, Piece(": "), Piece(finding.id, style), message]


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
            voice.answer(f"{INDENT}{line}", hang=INDENT)


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
    if verified.stops:
        text += f"; {verified.stops[0].lower()}{verified.stops[1:]}"
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
        return f"{depth} on the configured broker {verified.broker_url}".rstrip()
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
