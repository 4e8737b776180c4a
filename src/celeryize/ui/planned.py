"""A plan for a person: what was recognised, the diff, the steps, the proof, and the end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.errors import CannotPatch, CeleryizeError, Conflict, Declined, Exit, Unproved
from celeryize.model import Finding, NextStep, Plan, Status, Todo, Where
from celeryize.probe.proof import Proof, Verdict
from celeryize.ui.found import SEVERITY_COLOURS, link_of
from celeryize.ui.text import Piece, display_width, render, safe
from celeryize.ui.voice import Voice
from celeryize.urls import redacted

if TYPE_CHECKING:
    from celeryize.detect.project import Project, Recognised
    from celeryize.live import StepResult
    from celeryize.ui.recap import Change

STATUS_COLOURS = {
    Status.CREATE: "green",
    Status.UPDATE: "yellow",
    Status.IDENTICAL: "dim",
    Status.DELETE: "red",
    Status.MANUAL: "cyan",
}
# Identical to what, a person would ask.
STATUS_WORDS = {Status.IDENTICAL: "unchanged"}
STEP_COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
# How an ending is told: its text, what introduces the next steps, the style.
ENDINGS = {
    "done": ("Done.", "Next:", "bold green"),
    "nothing to do": ("Nothing to do.", "To start it:", "bold green"),
    "manual steps": (
        "Nothing was written: what is left are the manual steps above.",
        "After them:",
        "bold yellow",
    ),
}
NOT_WRITTEN = ("Nothing was written.", "After applying the change, run:", "bold")
MASKED = "passwords are shown as ***; the files have the real ones."
SAME_ANSWERS = "The same answers in one line, to change or to run (--yes asks nothing):"
# Begins what of a line of a diff goes on below it.
CONTINUED = "  ... "
INDENT = "  "
# Before the question: more steps than that are only counted.
MOST_AHEAD = 3
AHEAD = " for you, with the lines to paste once it is written:"
AHEAD_COUNTED = (
    " for you, shown with the lines to paste once it is written (--dry-run shows them now)."
)
# The longest value of a fact that others are aligned with.
MIDDLE = 44


def say_project(voice: Voice, project: Project) -> None:
    """What was recognised, a line each, and where it was read."""
    facts = project.recognised()
    if project.interpreter.is_unused:
        # one of the project's own may be meant, and celeryize's would be shown
        facts = tuple(fact for fact in facts if fact.label != "interpreter")
    width = max(len(fact.label) for fact in facts)
    middle = _middle_of(voice.talk.width, width, facts)
    hang = " " * (width + 4)
    for fact in facts:
        pieces = [Piece(f"  {fact.label:<{width}}  "), Piece(fact.value)]
        if fact.where:
            gap = " " * (max(0, middle - display_width(fact.value)) + 2)
            pieces += [Piece(gap), Piece(fact.where, "dim")]
        voice.say_pieces(pieces, hang=hang)


def _middle_of(columns: int | None, width: int, facts: Sequence[Recognised]) -> int:
    """How wide the column of the values is: as wide as the longest, as far as no place breaks that
    would not break in a narrower one."""
    values = {display_width(fact.value) for fact in facts}
    if columns is None:
        return min(MIDDLE, max(values))

    def broken(middle: int) -> int:
        used = [
            max(middle, display_width(fact.value)) + display_width(fact.where) for fact in facts
        ]
        return sum(width + 6 + each > columns for each in used)

    least = min(map(broken, values))
    return max(value for value in values if broken(value) == least)


def say_steps(voice: Voice, plan: Plan, root: Path | None, changes: Sequence[Change] = ()) -> None:
    """What happens to each file, then the notes; with the `changes`, how many lines of it."""
    sizes = {change.path: change.size for change in changes}
    digits = max(map(len, sizes.values()), default=0)
    if plan.steps:
        voice.say()
    width = max((display_width(str(step.path)) for step in plan.steps), default=0)
    hang = " " * (11 + width + 2)
    if digits:
        hang += " " * (digits + 2)
    if voice.talk.width is not None and len(hang) > voice.talk.width * 3 // 5:
        hang = " " * 13
    for step in plan.steps:
        path = str(step.path)
        # a file that is not there yet, or not any more, cannot be opened
        link = ""
        if step.status in {Status.UPDATE, Status.IDENTICAL}:
            link = link_of(Where(step.path), root)
        gap = " " * (width - display_width(path))
        if digits:
            gap += f"  {sizes.get(step.path, ''):>{digits}}"
        pieces = [
            Piece(f"{STATUS_WORDS.get(step.status, step.status):>9}", STATUS_COLOURS[step.status]),
            Piece("  "),
            Piece(path, link=link),
            Piece(f"{gap}  "),
            Piece(step.what, "dim"),
        ]
        voice.say_pieces(pieces, hang=hang)
    for note in plan.notes:
        voice.say()
        say_note(voice, note)


def say_note(voice: Voice, text: str) -> None:
    """One sentence that must not be missed, and need not be read twice."""
    if text in voice.notes:
        return
    voice.notes.add(text)
    voice.say_pieces([Piece("note: ", "bold yellow"), Piece(text)], always=True, hang="      ")


def say_diff(voice: Voice, diff: bytes, *, whole_lines: bool = False) -> None:
    """A patch in colours, without what only git needs; with `whole_lines`, as it can be pasted."""
    width = None if whole_lines else voice.talk.width
    for line, style in _lines_of_diff(diff, width):
        voice.say_line(line, style, always=True)
    text = diff.decode("utf-8", "replace")
    if redacted(text) != text:
        say_note(voice, MASKED)


def page_diff(voice: Voice, diff: bytes) -> None:
    """The patch once more, in the pager of the user, who had no time to read it; without one, and
    where the answer is not for the screen, as it was."""
    if not voice.out.is_terminal:
        say_diff(voice, diff)
        return
    # only for who asks for it
    import pydoc

    lines = _lines_of_diff(diff, voice.out.width)
    text = "".join(f"{render([Piece(line, style)], voice.out)}\n" for line, style in lines)
    # as git does it: less shows colours only then
    os.environ.setdefault("LESS", "-R")
    pydoc.pager(text)


def _lines_of_diff(diff: bytes, width: int | None) -> Iterator[tuple[str, str]]:
    """The lines of a patch that a person reads, each with its style."""
    for line in diff.decode("utf-8", "replace").split("\n")[:-1]:
        if line.startswith(("diff ", "index ", "new file", "deleted file")):
            continue
        style = DIFF_COLOURS.get(line[:1], "")
        if line.startswith(("---", "+++")):
            style = "bold"
        # a terminal would go back to the start of the line
        for part in _parts_of_line(safe(line.rstrip("\r")), width):
            yield part, style


def _parts_of_line(line: str, width: int | None) -> Iterator[str]:
    """A line of a diff, broken between words where the terminal would break it inside of one."""
    while width is not None and display_width(line) > width:
        # a word without an end stays whole
        at = line.rfind(" ", width // 2, width)
        if at < 0:
            break
        yield line[:at]
        line = CONTINUED + line[at + 1 :]
    yield line


def say_proof(voice: Voice, proof: Proof, root: Path | None) -> None:
    """The outcome of the import proof."""
    voice.say()
    match proof.verdict:
        case Verdict.PASSED:
            _say_verdict(voice, "proved: ", "green", proof.summary, always=False)
        case Verdict.FAILED:
            _say_verdict(voice, "the proof failed: ", "red", proof.summary, always=True)
        case Verdict.NOT_RUN:
            _say_verdict(voice, "not proved: ", "yellow", proof.summary, always=True)
        case Verdict.SKIPPED:
            _say_verdict(voice, "not proved: ", "yellow", "nothing was imported", always=False)
    say_findings(voice, proof.findings, root)
    for line in proof.before:
        voice.say(f"  pre-existing error: {line}", "dim", always=True, hang="    ")


def _say_verdict(voice: Voice, head: str, style: str, text: str, *, always: bool) -> None:
    pieces = [Piece(head, f"bold {style}"), Piece(text)]
    voice.say_pieces(pieces, always=always, hang=" " * min(len(head), 12))


def say_findings(voice: Voice, findings: Iterable[Finding], root: Path | None) -> None:
    """Findings with their place, excerpt and hint."""
    for finding in findings:
        style = SEVERITY_COLOURS[finding.severity]
        pieces = [Piece("  "), Piece(f"{finding.severity} {finding.id}", style), Piece("  ")]
        if finding.where:
            pieces += [Piece(f"{finding.where}", "bold", link_of(finding.where, root)), Piece(": ")]
        voice.say_pieces([*pieces, Piece(finding.message)], always=True, hang="      ")
        for line in finding.excerpt.splitlines():
            voice.say_line(f"      {line}", "dim", always=True)
        if finding.hint:
            voice.say(f"      {finding.hint}", always=True, hang="      ")


def say_step_result(voice: Voice, result: StepResult) -> None:
    """A step of the live proof, with the lines of the log that explain a failure."""
    failed = result.outcome == "failed"
    pieces = [
        Piece(f"{result.outcome:>9}", STEP_COLOURS[result.outcome]),
        Piece(f"  {result.what}  "),
        Piece(f"{result.seconds:.1f} s", "dim"),
    ]
    voice.say_pieces(pieces, always=failed, hang=" " * 11)
    for line in result.log:
        voice.say_line(f"             {line}", "dim", always=True)


def say_todos(voice: Voice, todos: Sequence[Todo]) -> None:
    """The manual steps with the lines to paste."""
    for todo in todos:
        _say_todo(voice, todo)
        say_snippet(voice, todo.snippet)


def say_todos_ahead(voice: Voice, todos: Sequence[Todo]) -> None:
    """The manual steps that decide the question, and how many others there are: the lines to paste
    come once, at the end."""
    needed = [todo for todo in todos if todo.needed]
    for todo in needed:
        _say_todo(voice, todo)
    others = [todo for todo in todos if not todo.needed]
    if not others:
        return
    more = "more " if needed else ""
    count = f"{len(others)} {more}manual steps"
    if len(others) == 1:
        count = f"1 {more}manual step"
    voice.say()
    if len(others) > MOST_AHEAD:
        voice.say_pieces(
            [Piece(count, "bold cyan"), Piece(AHEAD_COUNTED)], always=True, hang=INDENT
        )
        return
    voice.say_pieces([Piece(count, "bold cyan"), Piece(AHEAD)], always=True, hang=INDENT)
    for todo in others:
        voice.say(f"  {todo.what}{_place_of(todo)}", always=True, hang=INDENT * 2)


def _say_todo(voice: Voice, todo: Todo) -> None:
    """What a manual step is, and why."""
    voice.say()
    head = [Piece("manual step: ", "bold cyan"), Piece(f"{todo.what}{_place_of(todo)}")]
    voice.say_pieces(head, always=True, hang=INDENT)
    if todo.why:
        voice.say(f"  {todo.why}", always=True, hang=INDENT)


def _place_of(todo: Todo) -> str:
    return f" ({todo.path})" if todo.path else ""


def say_snippet(voice: Voice, snippet: str) -> None:
    """Lines to paste."""
    for line in snippet.rstrip("\n").splitlines():
        voice.say_line(f"    {line}".rstrip(), always=True)


def say_end(
    voice: Voice,
    outcome: str,
    next_steps: Sequence[str | NextStep],
    lines: tuple[str, str],
    unproved: str,
) -> None:
    """How it ended, what to type next, and the lines that do it again and undo it."""
    command_line, undo = lines
    text, then, style = ENDINGS.get(outcome, NOT_WRITTEN)
    if outcome == "done" and unproved:
        text, style = f"Written, not proved: {unproved}.", "bold yellow"
    voice.say()
    # nothing was done, so there is nothing that a quiet run has to say
    silent = voice.quiet and outcome == "nothing to do"
    if silent:
        return
    if next_steps:
        text = f"{text} {then}"
    voice.say(text, style, always=True)
    for step in next_steps:
        _say_next(voice, step)
    if outcome == "done":
        say_command(voice, "To undo:", undo)
        if command_line:
            # alone on its line, to be copied by a triple click
            voice.say("To repeat without questions:", "dim")
            voice.say_line(f"  {command_line}")


def _say_next(voice: Voice, step: str | NextStep) -> None:
    """A step with its lines, which are never wrapped: they are there to be pasted."""
    if isinstance(step, str):
        voice.say_line(f"  {step}", always=True)
        return
    end = ":" if step.lines else "."
    voice.say(f"  {step.what}{end}", "dim", always=True, hang=INDENT)
    for line in step.lines:
        voice.say_line(f"    {line}", "bold", always=True)


def say_command(voice: Voice, head: str, command: str) -> None:
    """A command behind its head, or on a line of its own where both do not fit."""
    if voice.talk.width is not None and len(head) + 1 + len(command) > voice.talk.width:
        voice.say(head, "dim")
        voice.say_line(f"  {command}")
        return
    voice.say_pieces([Piece(f"{head} ", "dim"), Piece(command)], hang=None)


def say_error(voice: Voice, error: CeleryizeError, root: Path | None = None) -> None:
    """What is wrong, where, the next step, and the lines to paste."""
    voice.say(always=True)
    if isinstance(error, Conflict) and error.snippet:
        # long: what is wrong, and what to do, has to be below it to be seen
        _say_patch(voice, "The patch that undoes it manually:", error.snippet)
        _say_patch(voice, "What was edited since:", error.diff)
    if isinstance(error, Unproved) and error.brief:
        voice.say_pieces(
            [Piece("error: ", "bold red"), Piece(error.brief)], always=True, hang=INDENT
        )
        _say_notes(voice, error)
        say_same_answers(voice, error.same_answers)
        return
    if isinstance(error, Declined):
        voice.say(error.message, always=True)
        say_same_answers(voice, error.same_answers)
        return
    place, message = _place_and_message(error)
    pieces = [Piece("error: ", "bold red")]
    if place:
        pieces += [Piece(place, "bold", link_of(error.where, root)), Piece(": ")]
    # what another program said comes below the first line, as it is
    message, _, log = message.partition("\n")
    voice.say_pieces([*pieces, Piece(message)], always=True, hang=INDENT)
    for line in log.splitlines():
        voice.say_line(f"    {line}".rstrip(), always=True)
    if error.hint:
        voice.say(f"  {error.hint}", always=True, hang=INDENT)
    if isinstance(error, CannotPatch):
        say_snippet(voice, error.snippet)
    if isinstance(error, Conflict) and not error.snippet:
        voice.say_line(error.diff.rstrip("\n"), always=True)
    _say_notes(voice, error)
    if error.exit_code is Exit.REFUSED:
        voice.say("Nothing was written.", always=True)
    say_same_answers(voice, error.same_answers)


def say_same_answers(voice: Voice, command: str) -> None:
    """The command that gives the answers of this run again, alone on its line to be copied."""
    if command:
        voice.say(SAME_ANSWERS, always=True, hang=INDENT)
        voice.say_line(f"  {command}", always=True)


def _say_patch(voice: Voice, head: str, patch: str) -> None:
    voice.say(head, "bold", always=True)
    say_diff(voice, patch.rstrip("\n").encode() + b"\n", whole_lines=True)
    voice.say(always=True)


def _say_notes(voice: Voice, error: CeleryizeError) -> None:
    """What was added on the way up: what was rolled back, what was not."""
    for note in getattr(error, "__notes__", ()):
        voice.say(note, "yellow", always=True)


def _place_and_message(error: CeleryizeError) -> tuple[str, str]:
    """The place, unless the message contains it already, and the message."""
    if error.where is None or str(error.where) in error.message:
        return "", error.message
    return str(error.where), error.message.removeprefix(f"{error.where.path} ")


def format_message(error: CeleryizeError) -> str:
    """The message behind its place; a message that contains the place already is left alone."""
    place, message = _place_and_message(error)
    if not place:
        return message
    return f"{place}: {message}"
