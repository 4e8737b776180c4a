"""The view for people: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.checks.outcome import VerifyOutcome, by_file
from celeryize.diff import unified
from celeryize.errors import CannotPatch, CeleryizeError, Conflict, Exit
from celeryize.model import Finding, HistoryRow, Plan, Severity, Status, Todo
from celeryize.printable import printable
from celeryize.probe.proof import Proof, Verdict
from celeryize.ui.streams import save_text, write_stream
from celeryize.ui.view import NoTerminal
from celeryize.urls import redacted

# Only the types: what starts processes or parses code would slow down every command.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.checks.task_table import TaskRow
    from celeryize.detect.project import Project
    from celeryize.formats import Rule
    from celeryize.live import StepResult
    from celeryize.live.stop_report import RehearsedStop
    from celeryize.probe.report import ImportedEntry

# Columns of a table that goes into a file or a pipe: wide enough to keep a task on its line.
PIPED_WIDTH = 200
# With one of these findings nothing could be imported.
NOT_IMPORTABLE = {"celery.E001", "celery.E002"}
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
STATUS_COLOURS = {
    Status.CREATE: "green",
    Status.UPDATE: "yellow",
    Status.IDENTICAL: "dim",
    Status.DELETE: "red",
    Status.MANUAL: "cyan",
}
SEVERITY_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
LOG_COLOURS = {"web": "green", "worker": "cyan", "beat": "yellow", "dev": "bold"}
BAD_STOPS = frozenset({"lost", "stuck", "killed", "not proved"})
# What only changes colours: kept in the logs of processes.
COLOURED = re.compile(r"(\x1b\[[0-9;]*m)")
STEP_COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}
DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
DEPTHS = {
    "static": "read",
    "import": "read and imported as a worker and as a web process",
    "live": "read, imported, and run",
}


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def forget_typed_ahead() -> None:
    """Drop what was typed before a question was asked: it was not meant as the answer."""
    if not sys.stdin.isatty():
        return
    # Windows has no termios; there the question takes what is there
    try:
        import termios
    except ImportError:
        return
    termios.tcflush(sys.stdin, termios.TCIFLUSH)


class Screen:
    """Shows lines and asks questions.

    `quiet` leaves out all but problems and the answer; `verbose` adds what was read.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, interactive: bool | None = None
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        if interactive is None:
            interactive = is_interactive()
        self.interactive = interactive
        # of a quiet run: shown before the question, which nobody should answer blindly
        self._unseen_diff = b""
        self._log_lock = threading.Lock()
        # of a verification: shown below the findings
        self._project: Project | None = None
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._colour = sys.stderr.isatty() and not plain
        self._answer_colour = sys.stdout.isatty() and not plain

    def say(self, text: str = "", style: str = "", *, always: bool = False) -> None:
        """One line of talk, on stderr."""
        if not self.quiet or always:
            write_stream(sys.stderr, self.paint(printable(redacted(text)), style) + "\n")

    def answer(self, text: str, style: str = "") -> None:
        """A line of the answer, on stdout."""
        shown = printable(redacted(text))
        if style and shown and self._answer_colour:
            shown = _in_colour(shown, style)
        write_stream(sys.stdout, shown + "\n")

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where the terminal has colours."""
        if not (style and self._colour and text):
            return text
        return _in_colour(text, style)

    # -- the project and the plan

    def show_project(self, project: Project, *, later: bool = False) -> None:
        """What was recognised, a line each, and where it was read; `later`: below the findings."""
        if later and not self.verbose:
            self._project = project
            return
        facts = project.recognised()
        width = max(len(fact.label) for fact in facts)
        # one long path should not push all places to the right
        middle = min(44, max(len(fact.value) for fact in facts))
        for fact in facts:
            place = self.paint(fact.where, "dim")
            self.say(f"  {fact.label:<{width}}  {fact.value:<{middle}}  {place}".rstrip())

    def show_note(self, text: str) -> None:
        """One sentence that must not be missed."""
        self.say(f"note: {text}", "yellow", always=True)

    def show_line(self, text: str = "") -> None:
        """A line that is always shown."""
        self.say(text, always=True)

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """What happens to each file, and the notes; before them the diff, where it is wanted."""
        # the diff first: the steps, just above the question, are its summary
        if plan.edits and (with_diff or self.verbose):
            if self.quiet:
                self._unseen_diff = unified(plan.edits)
            else:
                self.say()
                self._show_diff(unified(plan.edits))
        if plan.steps:
            self.say()
        width = max((len(str(step.path)) for step in plan.steps), default=0)
        for step in plan.steps:
            status = self.paint(f"{step.status:>9}", STATUS_COLOURS[step.status])
            self.say(f"{status}  {step.path!s:<{width}}  {self.paint(step.what, 'dim')}")
        for note in plan.notes:
            self.say()
            self.show_note(note)

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The patch on stdout, byte for byte, for `git apply`."""
        if Path.cwd() != root.resolve():
            # git silently skips what is above the folder that it runs in
            self.show_note(f"the paths of the patch start at {root}: run git apply there")
        patch = unified(plan.edits)
        if sys.stdout.isatty():
            # a terminal obeys what a file only holds
            write_stream(sys.stdout, printable(patch.decode("utf-8", "backslashreplace")))
            return
        # bytes beside text: what was written as text has to be out first
        sys.stdout.flush()
        sys.stdout.buffer.write(patch)
        sys.stdout.buffer.flush()

    def show_proof(self, proof: Proof) -> None:
        """The outcome of the import proof."""
        self.say()
        match proof.verdict:
            case Verdict.PASSED:
                self.say(f"proved: {proof.summary}", "green")
            case Verdict.FAILED:
                self.say(f"the proof failed: {proof.summary}", "red", always=True)
            case Verdict.NOT_RUN:
                self.say(f"not proved: {proof.summary}", "yellow", always=True)
            case Verdict.SKIPPED:
                self.say("not proved: nothing was imported", "yellow")
        self.show_findings(proof.findings)
        for line in proof.before:
            self.say(f"  pre-existing error: {line}", "dim", always=True)

    def show_findings(self, findings: Iterable[Finding]) -> None:
        """Findings with their place, excerpt and hint."""
        for finding in findings:
            label = self.paint(
                f"{finding.severity} {finding.id}", SEVERITY_COLOURS[finding.severity]
            )
            place = ""
            if finding.where:
                place = f"{finding.where}: "
            self.say(f"  {label}  {place}{finding.message}", always=True)
            for line in finding.excerpt.splitlines():
                self.say(f"      {line}", "dim", always=True)
            if finding.hint:
                self.say(f"      {finding.hint}", always=True)

    def show_preview(self, lines: Sequence[str]) -> None:
        """When an entry runs: headings in bold, the runs below them indented."""
        self.say()
        for line in lines:
            style = "bold"
            if line.startswith(" "):
                style = ""
            self.say(line, style)

    # -- the questions

    def confirm(self, question: str) -> bool:
        """Ask with No as the default; end of file means no. Raises NoTerminal without a person."""
        if not self.interactive:
            raise NoTerminal(
                "there is no terminal to ask on; nothing was written",
                hint="Pass --yes to write, or --dry-run to see the patch.",
            )
        if self._unseen_diff:
            self._show_diff(self._unseen_diff)
        write_stream(sys.stderr, f"\n{self.paint(question, 'bold')} [y/N] ")
        forget_typed_ahead()
        answer = sys.stdin.readline()
        if not answer:
            # end of file leaves the cursor behind the question
            write_stream(sys.stderr, "\n")
        return answer.strip().lower() in {"y", "yes"}

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Ask for one of a numbered list. Raises NoTerminal for an answer that is not in it."""
        write_stream(sys.stderr, f"{self.paint(question, 'bold')}\n")
        for number, option in enumerate(options, start=1):
            self.say(f"  {number}  {option}", always=True)
        write_stream(sys.stderr, f"[1-{len(options)}] ")
        forget_typed_ahead()
        answer = sys.stdin.readline().strip()
        if answer not in {str(number) for number in range(1, len(options) + 1)}:
            raise NoTerminal(
                f"invalid choice {answer!r}", hint="Type one of the numbers, or pass -C DIR."
            )
        return int(answer) - 1

    # -- the answers

    def show_tasks(self, rows: Sequence[TaskRow]) -> None:
        """The registered tasks as a table on stdout, then those that are not, with the reason."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        width = None
        if not sys.stdout.isatty():
            width = PIPED_WIDTH
        out = Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)
        head = ("task", "signature", "queue", "limits", "retries", "schedule", "where")
        table = Table(*head, box=box.SIMPLE)
        for row in rows:
            if row.registered:
                table.add_row(*(Text(cell, overflow="fold") for cell in _task_cells(row)))
        if table.row_count:
            out.print(table)
        for row in rows:
            if row.remark:
                self.answer(f"{row.name} ({row.where}): {row.remark}")
        if not rows:
            self.answer("no tasks: `celeryize add-task APP.TASK` writes the first one")

    def show_schedule(
        self, entries: Sequence[ImportedEntry], zone: str, *, complete: bool = True
    ) -> None:
        """The entries as a table, each with its next run.

        `complete`: there are no others, so an empty table means an empty schedule.
        """
        del zone
        head = ("entry", "task", "schedule", "next run", "options", "problem")
        self.table(head, map(_entry_cells, entries))
        if complete:
            self._mention_an_empty_schedule(entries)

    def show_runs(self, entries: Sequence[ImportedEntry], zone: str, within: str) -> None:
        """All runs as a table, in order of time."""
        del zone
        from celeryize.pictures import format_moment

        runs = sorted((run, entry.name) for entry in entries for run in entry.runs)
        if not runs:
            self.answer(f"nothing runs in the next {within}")
        self.table(("when", "entry"), [(format_moment(run), name) for run, name in runs])
        self._mention_an_empty_schedule(entries)

    def show_timeline(self, entries: Sequence[ImportedEntry], zone: str) -> None:
        """A line of 48 half hours for each entry, and the minute in which most runs start."""
        from celeryize import pictures

        runs = pictures.runs_by_entry(entries)
        width = max(map(len, runs), default=0)
        hours = "".join(f"{hour:<6}" for hour in range(0, 24, 3))
        self.answer(f"{'':<{width}}  {hours}  ({zone})")
        for name, times in runs.items():
            self.answer(f"{name:<{width}}  {pictures.text_timeline(times)}")
        busiest = pictures.busiest_minute(runs)
        if busiest:
            minute, count = busiest
            self.answer(f"Busiest minute: {minute}, {counted(count, 'run')}.")
        self._mention_an_empty_schedule(entries)

    def _mention_an_empty_schedule(self, entries: Sequence[ImportedEntry]) -> None:
        if not entries:
            self.say("The schedule is empty. celeryize add-schedule adds an entry.")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table on stdout, as wide as needed; without a terminal, tabs between the columns."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        # for cut and awk
        if not sys.stdout.isatty():
            lines = ["\t".join(row) for row in rows]
            if lines:
                self.answer("\n".join(lines))
            return
        shown = Table(box=None, pad_edge=False)
        for name in head:
            shown.add_column(name, overflow="fold")
        # Text, not str: a name such as "[red]" must not be read as markup
        for row in rows:
            shown.add_row(*(Text(printable(redacted(cell))) for cell in row))
        Console(markup=False, highlight=False, emoji=False).print(shown)

    def show_templates(self, rows: Sequence[tuple[str, str]]) -> None:
        """A line for each template, with the project's own file where there is one."""
        for name, own in rows:
            self.answer(f"{name}  {own}".rstrip())

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """The checks, a line each, or all that their docstrings say."""
        for check in checks:
            fixable = ""
            if check.fixable:
                fixable = " (fixable)"
            self.answer(f"{check.id:<12} {check.severity:<8} {check.title}{fixable}")
            if in_full:
                self._answer_sections(check)

    def _answer_sections(self, check: Check) -> None:
        for head, body in check.sections:
            lines = (f"    {line.strip()}" for line in body.splitlines())
            self.answer(f"\n{head}:\n" + "\n".join(lines))

    def show_step(self, result: StepResult) -> None:
        """A step of the live proof, with the lines of the log that explain a failure."""
        failed = result.outcome == "failed"
        outcome = self.paint(f"{result.outcome:>9}", STEP_COLOURS[result.outcome])
        seconds = self.paint(f"{result.seconds:.1f} s", "dim")
        self.say(f"{outcome}  {result.what}  {seconds}", always=failed)
        for line in result.log:
            self.say(f"             {line}", "dim", always=True)

    def show_stops(self, stops: Sequence[RehearsedStop]) -> None:
        """A block for each process: how it is stopped, and a line for each result."""
        for stop in stops:
            scaled = stop.results[0].scaled
            self.say(f"  {stop.name} ({stop.where}): {stop.how}")
            for result in stop.results:
                bad = str(result.outcome) in BAD_STOPS
                style = "red" if bad else "green"
                outcome = str(result.outcome)
                if outcome == "stuck":
                    outcome = f"stuck for {stop.visibility_timeout:g} s"
                mode = result.acknowledged
                took = f"  {result.seconds:.1f} s{', killed' if result.killed else ''}"
                line = f"{self.paint(f'{outcome:>9}', style)}  {mode}"
                self.say(line.rstrip() + self.paint(took, "dim"), always=bad)
                for text in result.log:
                    self.say(f"             {text}", "dim", always=True)
            if stop.change:
                self.say(f"             to change it: {stop.change}", always=True)
            times = f"task {stop.task:g} s as {scaled.task:g} s"
            if stop.soft:
                times += f", soft timeout {stop.soft:g} s as {scaled.soft:g} s"
            times += f", grace {stop.grace:g} s as {scaled.grace:g} s"
            self.say(f"             scaled, their order kept: {times}", "dim")

    def show_log(self, process: str, line: str) -> None:
        """The line behind its name, whole, so that two processes do not share a line."""
        name = f"{process:<6} |"
        # the colours of the process itself stay on a terminal, and nothing else that it obeys
        if self._answer_colour:
            name = _in_colour(name, LOG_COLOURS.get(process, "dim"))
            shown = "".join(
                part if COLOURED.fullmatch(part) else printable(part)
                for part in COLOURED.split(redacted(line))
            )
        else:
            shown = printable(COLOURED.sub("", redacted(line)))
        with self._log_lock:
            write_stream(sys.stdout, f"{name} {shown}\n")

    def show_verified(
        self, verified: VerifyOutcome, *, form: str = "text", beside_patch: bool = False
    ) -> None:
        """The findings by file, the versions, and how many there are of each kind."""
        if beside_patch:
            return
        if form != "text":
            from celeryize.formats import FORMATS

            ran = verified.examination.ran
            self.answer(FORMATS[form](verified.findings, ran, rules_of(ran)))
            return
        # said first, because it explains most of what follows
        if any(finding.id in NOT_IMPORTABLE for finding in verified.findings):
            self.say()
            self.say(
                "The project does not start here; the other findings rest on its code alone.",
                "bold red",
                always=True,
            )
        self._answer_findings(verified.findings)
        self._say_facts(verified)
        if self.verbose:
            for one in verified.examination.silenced:
                place = one.finding.where or ""
                self.say(f"  silenced {one.finding.id} {place}: {one.reason}", "dim")
        if verified.findings:
            self.answer("")
        self.answer(summary_line(verified))

    def _say_facts(self, verified: VerifyOutcome) -> None:
        """What the findings rest on, below them."""
        if verified.findings:
            self.say()
        if self._project:
            self.show_project(self._project)
            self._project = None
        if verified.versions:
            versions = (f"{name} {version}" for name, version in verified.versions.items())
            self.say("  versions      " + ", ".join(versions))

    def _answer_findings(self, found: Iterable[Finding]) -> None:
        """A block for each finding; what is true for all of a check is told with its first."""
        from celeryize.checks.check import CHECKS

        told: set[str] = set()
        for _, findings in by_file(found):
            for finding in findings:
                self.answer("")
                self._answer_finding(finding)
                check = CHECKS.get(finding.id)
                if check and check.id not in told:
                    sections = dict(check.sections)
                    self.answer(f"    what happens: {first_sentence(sections['What happens'])}")
                    self.answer(f"    why: {first_sentence(sections['Why'])}")
                if finding.hint:
                    fixable = " (fixable)" if finding.fixable else ""
                    self.answer(f"    do: {finding.hint}{fixable}")
                elif check:
                    self.answer(f"    do: {first_sentence(dict(check.sections)['Fix'])}")
                if check and check.id not in told:
                    self.answer(f"    more: celeryize verify --explain {check.id}", "dim")
                told.add(finding.id)

    def _answer_finding(self, finding: Finding) -> None:
        """`path:line: id message`, to which editors and terminals jump, and the line itself."""
        place = finding.where or "the project"
        style = SEVERITY_COLOURS[finding.severity]
        self.answer(f"{place}: {finding.id} {finding.message}", style)
        for text in finding.excerpt.splitlines():
            self.answer(f"    | {text}", "dim")

    def save_answer(self, file: Path, text: str, *, overwrite: bool) -> None:
        """Write the file, and say so."""
        save_text(file, text, overwrite=overwrite)
        self.say(f"written: {file}", always=True)

    # -- the end

    def show_todos(self, todos: Sequence[Todo]) -> None:
        """The manual steps with the lines to paste."""
        for todo in todos:
            place = ""
            if todo.path:
                place = f" ({todo.path})"
            self.say()
            self.say(f"manual step: {todo.what}{place}", "cyan", always=True)
            if todo.why:
                self.say(f"  {todo.why}", always=True)
            self._show_snippet(todo.snippet)

    def show_end(
        self,
        outcome: str,
        next_steps: Sequence[str],
        command_line: str = "",
        unproved: str = "",
    ) -> None:
        """How it ended, what to type next, how to undo it."""
        self.say()
        match outcome:
            case "done" if unproved:
                text, then, style = f"Written, not proved: {unproved}.", "Next:", "bold yellow"
            case "done":
                text, then, style = "Done.", "Next:", "bold green"
            case "nothing to do":
                text, then, style = "Nothing to do.", "To start it:", "bold green"
            case _:
                text, then, style = (
                    "Nothing was written.",
                    "After applying the change, run:",
                    "bold",
                )
        if next_steps:
            text = f"{text} {then}"
        self.say(text, style, always=True)
        for step in next_steps:
            self.say(f"  {step}", always=True)
        if outcome == "done":
            self.say("To undo: celeryize undo", "dim")
            if command_line:
                self.say(f"To repeat without questions: {command_line}", "dim")

    def show_fixes(
        self, outcome: str, fixed: Sequence[Finding], left: Sequence[tuple[Finding, str]]
    ) -> None:
        """How it ended; what was fixed and left is in the plan that was shown before."""
        del fixed, left
        self.show_end(outcome, ())

    def show_undo(self, outcome: str, summary: str) -> None:
        """One sentence."""
        self.say(f"\n{outcome}: {summary}", "green", always=True)

    def show_history(self, rows: Sequence[HistoryRow], *, truncated: bool) -> None:
        """A line for each change, with its files below it."""
        for row in rows:
            self.answer(f"{row.number:>3}  {row.command}  ({row.state})")
            for path in row.files:
                self.answer(f"       {path}")
        if not rows:
            self.answer("There is no change of celeryize to undo.")
        if truncated:
            self.say("Older changes are no longer remembered.", "dim")

    def show_error(self, error: CeleryizeError) -> None:
        """What is wrong, where, the next step, and the lines to paste."""
        self.say(always=True)
        self.say(f"error: {format_message(error)}", "red", always=True)
        if error.hint:
            self.say(f"  {error.hint}", always=True)
        if isinstance(error, CannotPatch):
            self._show_snippet(error.snippet)
        if isinstance(error, Conflict):
            self.say(error.diff.rstrip("\n"), always=True)
        # added on the way up: what was rolled back, what was not
        for note in getattr(error, "__notes__", ()):
            self.say(note, "yellow", always=True)
        if error.exit_code is Exit.REFUSED:
            self.say("Nothing was written.", always=True)

    def show_interruption(self, notes: Sequence[str]) -> None:
        """That Ctrl-C ended the command, and in which state the project is."""
        self.say("\n" + "\n".join(["Interrupted.", *notes]), always=True)

    def show_bug(self, version: str, command: str, log: str) -> None:
        """A bug of ours, with the lines to report."""
        self.say(
            "\nThis is a bug in celeryize; the project is as it was. Please report these lines:",
            "red",
            always=True,
        )
        self.say(f"celeryize {version} {command}\n{log}", always=True)

    def finish(self, command: str, status: str, exit_code: Exit) -> None:
        """A person has seen all of it already."""

    def _show_snippet(self, snippet: str) -> None:
        for line in snippet.rstrip("\n").splitlines():
            self.say(f"    {line}".rstrip(), always=True)

    def _show_diff(self, diff: bytes) -> None:
        for line in diff.decode("utf-8", "replace").split("\n")[:-1]:
            # what only git needs
            if line.startswith(("diff ", "index ", "new file", "deleted file")):
                continue
            style = DIFF_COLOURS.get(line[:1], "")
            if line.startswith(("---", "+++")):
                style = "bold"
            # a terminal would go back to the start of the line
            self.say(line.rstrip("\r"), style, always=True)


def counted(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}s"


def format_message(error: CeleryizeError) -> str:
    """The message behind its place; a message that contains the place already is left alone."""
    if error.where is None or str(error.where) in error.message:
        return error.message
    return f"{error.where}: {error.message.removeprefix(f'{error.where.path} ')}"


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
    text += f"{len(verified.examination.ran)} checks, {_depth_of(verified)}"
    if verified.examination.silenced:
        text += f"; {len(verified.examination.silenced)} silenced"
    fixable = sum(finding.fixable for finding in verified.findings)
    if fixable:
        text += f"; {fixable} fixable: celeryize verify --fix"
    return text


def _depth_of(verified: VerifyOutcome) -> str:
    """How deep the verification went, and on which broker."""
    if any(finding.id in NOT_IMPORTABLE for finding in verified.findings):
        return "read; importing it failed"
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


def _in_colour(text: str, style: str) -> str:
    codes = ";".join(COLOURS[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def _task_cells(row: TaskRow) -> tuple[str, ...]:
    retries = ""
    if row.max_retries is not None:
        retries = f"{row.max_retries}"
    if row.retries_on:
        retries += f" on {', '.join(row.retries_on)}"
    entries = ", ".join(row.scheduled_by)
    where = str(row.where or "")
    return (row.name, row.signature, row.queue or "", row.limits, retries, entries, where)


def _entry_cells(entry: ImportedEntry) -> tuple[str, ...]:
    from celeryize.pictures import format_moment

    next_run = ""
    if entry.runs:
        next_run = format_moment(entry.runs[0])
    options = ", ".join(f"{key}={value}" for key, value in dict(entry.options or {}).items())
    problem = entry.problem or ""
    if not (problem or entry.registered):
        problem = "no such task"
    return (entry.name, entry.task or "", entry.schedule, next_run, options, problem)
