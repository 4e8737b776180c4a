"""The view for people: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.checks.outcome import VerifyOutcome
from celeryize.diff import unified
from celeryize.errors import CeleryizeError, Exit
from celeryize.model import Finding, HistoryRow, NextStep, Plan, Todo
from celeryize.printable import printable
from celeryize.probe.proof import Proof
from celeryize.ui import answers, found, planned, running
from celeryize.ui.streams import read_line, save_text, write_stream
from celeryize.ui.terminal import rows
from celeryize.ui.text import Piece, render
from celeryize.ui.view import NoTerminal, Question
from celeryize.ui.voice import Voice

# Only the types: what starts processes or parses code would slow down every command.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.checks.task_table import TaskRow
    from celeryize.detect.project import Project
    from celeryize.live import StepResult
    from celeryize.live.stop_report import RehearsedStop
    from celeryize.probe.report import ImportedEntry
    from celeryize.ui.recap import Change

# Below the findings: the line that counts them with an empty one above, and the prompt.
LINES_AROUND = 4
# What is taken for an answer of the one question; Enter alone is the no.
YES = ("y", "yes")
NO = ("n", "no", "", "q", "quit", "exit")
# What shows the diff again.
AGAIN = "d"
UNCLEAR = "  Type y to write, or n (or Enter alone) to leave the project as it is."
KEPT = "Your answers are then shown in one line, to change one."
# The question, with an empty line above it.
LINES_OF_QUESTION = 2


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
    """Shows lines and asks questions; what a line looks like is in the modules beside this one.

    `quiet` leaves out all but problems and the answer; `verbose` adds what was read.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, interactive: bool | None = None
    ) -> None:
        self._voice = Voice(quiet=quiet, verbose=verbose)
        if interactive is None:
            interactive = is_interactive()
        self.interactive = interactive
        # --no-input, and not a missing terminal
        self._never_asks = interactive is False and is_interactive()
        # there are answers to lose
        self._has_asked = False
        # shown once more to who asks for it
        self._diff = b""
        # of a quiet run: shown before the question, which nobody should answer blindly
        self._unseen_diff = b""
        # said again above the question where the diff, and the steps below it, have scrolled off
        self._changes: tuple[Change, ...] = ()
        self._diff_at = self._steps_at = 0
        self._todos = 0
        # the lines of the manual steps
        self._pasted: set[str] = set()
        # where places are, for links
        self._root: Path | None = None
        # of a verification, it is shown below the findings
        self._project: Project | None = None
        self._project_is_due = False

    # -- while it works

    def working(self, what: str) -> AbstractContextManager[None]:
        """Say what is going on, where somebody watches."""
        if self._voice.quiet or not self._voice.talk.is_terminal:
            from contextlib import nullcontext

            return nullcontext()
        return self._voice.progress.working(what)

    def tell_progress(self, line: str) -> None:
        """The last line of a program that runs for us."""
        self._voice.progress.tell(line)

    # -- the project and the plan

    def know_root(self, root: Path) -> None:
        """From here on, places are links."""
        self._root = root

    def show_project(self, project: Project, *, later: bool = False) -> None:
        """What was recognised, a line each; `later`: below the findings."""
        self._project = project
        self._project_is_due = later and not self._voice.verbose
        if not self._project_is_due:
            planned.say_project(self._voice, project)

    def show_note(self, text: str) -> None:
        """One sentence that must not be missed."""
        planned.say_note(self._voice, text)

    def show_line(self, text: str = "") -> None:
        """A line that is always shown."""
        self._voice.say_line(text, always=True)

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """What happens to each file, and the notes; before them the diff, where it is wanted."""
        # the diff first: the steps, just above the question, are its summary
        if plan.edits and (with_diff or self._voice.verbose):
            from celeryize.ui.recap import changes_of

            self._changes = changes_of(plan)
            diff = unified(plan.edits_to_read)
            self._diff = diff
            self._diff_at = self._voice.lines
            if self._voice.quiet:
                self._unseen_diff = diff
            else:
                self._voice.say()
                planned.say_diff(self._voice, diff)
            self._steps_at = self._voice.lines
        planned.say_steps(self._voice, plan, self._root, self._changes)

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The patch on stdout, byte for byte, for `git apply`."""
        if Path.cwd() != root.resolve():
            # git silently skips what is above the folder that it runs in
            self.show_note(f"the paths of the patch start at {root}: run git apply there")
        patch = unified(plan.edits_to_read)
        with self._voice.progress.writing():
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
        planned.say_proof(self._voice, proof, self._root)

    def show_test(self, path: str) -> None:
        """One line: the test is the proof of a person who asked for it."""
        pieces = [Piece("tested: ", "bold green"), Piece(f"the test in {path} passes")]
        self._voice.say()
        self._voice.say_pieces(pieces, hang="        ")

    def show_preview(self, lines: Sequence[str]) -> None:
        """When an entry runs: headings in bold, the runs below them indented."""
        self._voice.say()
        for line in lines:
            style = "bold"
            if line.startswith(" "):
                style = ""
            self._voice.say(line, style, hang="    ")

    # -- the questions

    def confirm(self, question: str) -> bool:
        """Ask with No as the default; end of file means no. Raises NoTerminal without a person."""
        if not self.interactive:
            why = "there is no terminal to ask on"
            if self._never_asks:
                why = "with --no-input nobody is asked, and there is a question"
            raise NoTerminal(why, hint="Pass --yes to write, or --dry-run to see the patch.")
        if self._unseen_diff:
            planned.say_diff(self._voice, self._unseen_diff)
            self._steps_at = self._diff_at
        self._recall_changes()
        prompt = render([Piece(question, "bold"), Piece(" [y/N] ")], self._voice.talk, hang="")
        answer = self._read_answer(f"\n{prompt}")
        while answer and answer.strip().lower() not in {*YES, *NO}:
            if self._diff and answer.strip().lower() == AGAIN:
                planned.page_diff(self._voice, self._diff)
            else:
                # a command that was pasted, a key that did nothing
                unclear = f"{UNCLEAR} {KEPT}" if self._has_asked else UNCLEAR
                self._voice.say(unclear, "red", always=True, hang="  ")
            answer = self._read_answer(prompt)
        if not answer:
            # end of file leaves the cursor behind the question
            write_stream(sys.stderr, "\n")
        return answer.strip().lower() in YES

    def _recall_changes(self) -> None:
        """Say how much changes where the diff has scrolled off; where its steps have, too, a line
        for each file."""
        height = rows(sys.stderr)
        shown = self._voice.lines - self._diff_at + LINES_OF_QUESTION
        if not self._changes or height is None or shown <= height:
            return
        from celeryize.ui import recap

        self._voice.say(always=True)
        # with the line that is said in any case
        below = self._voice.lines - self._steps_at + LINES_OF_QUESTION + 1
        todos = 0
        if below > height:
            recap.say_recap(self._voice, self._changes, height, planned.STATUS_COLOURS)
            todos = self._todos
        self._voice.say(recap.total_of(self._changes, todos), "dim", always=True)
        self._changes = ()

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Ask for one of a numbered list. Raises NoTerminal for an answer that is not in it."""
        self._voice.say(question, "bold", always=True)
        for number, option in enumerate(options, start=1):
            self._voice.say_line(f"  {number}  {option}", always=True)
        answer = self._read_answer(f"[1-{len(options)}] ").strip()
        if answer not in {str(number) for number in range(1, len(options) + 1)}:
            raise NoTerminal(
                f"invalid choice {answer!r}", hint="Type one of the numbers, or pass -C DIR."
            )
        return int(answer) - 1

    def ask(self, question: Question) -> str:
        """Ask for one of the choices of a question, or for a text of one's own."""
        from celeryize.ui.questions import ask_question

        self._has_asked = True
        with self._voice.progress.paused():
            return ask_question(question, self._voice.talk)

    def _read_answer(self, prompt: str) -> str:
        with self._voice.progress.paused():
            write_stream(sys.stderr, prompt)
            forget_typed_ahead()
            return read_line(sys.stdin)

    # -- the answers

    def show_tasks(self, rows: Sequence[TaskRow]) -> None:
        """The registered tasks as a table on stdout, then those that are not, with the reason."""
        answers.answer_tasks(self._voice, rows)

    def show_schedule(
        self, entries: Sequence[ImportedEntry], zone: str, *, complete: bool = True
    ) -> None:
        """The entries as a table, each with its next run.

        `complete`: there are no others, so an empty table means an empty schedule.
        """
        del zone
        answers.answer_schedule(self._voice, entries)
        if complete:
            answers.say_empty_schedule(self._voice, entries)

    def show_runs(self, entries: Sequence[ImportedEntry], zone: str, within: str) -> None:
        """All runs as a table, in order of time."""
        del zone
        answers.answer_runs(self._voice, entries, within)
        answers.say_empty_schedule(self._voice, entries)

    def show_timeline(self, entries: Sequence[ImportedEntry], zone: str) -> None:
        """A line of 48 half hours for each entry, and the minute in which most runs start."""
        answers.answer_timeline(self._voice, entries, zone)
        answers.say_empty_schedule(self._voice, entries)

    def show_templates(self, rows: Sequence[tuple[str, str]]) -> None:
        """A line for each template, with the project's own file where there is one."""
        for name, own in rows:
            self._voice.answer(f"{name}  {own}".rstrip())

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """The checks, a line each, or all that their docstrings say."""
        found.answer_checks(self._voice, checks, in_full=in_full)

    def show_step(self, result: StepResult) -> None:
        """A step of the live proof, with the lines of the log that explain a failure."""
        planned.say_step_result(self._voice, result)

    def show_stops(self, stops: Sequence[RehearsedStop]) -> None:
        """A block for each process: its stop, what became of its tasks, and what that means."""
        # it loads what starts processes, which no other command needs
        from celeryize.ui import stopping

        stopping.say_stops(self._voice, stops)

    def show_log(self, process: str, line: str) -> None:
        """The line behind its name, whole, so that two processes do not share a line."""
        running.answer_log(self._voice, process, line)

    def show_verified(
        self, verified: VerifyOutcome, *, form: str = "text", beside_patch: bool = False
    ) -> None:
        """The findings by file, the versions, and how many there are of each kind."""
        if beside_patch:
            return
        if form != "text":
            from celeryize.formats import FORMATS

            ran = verified.examination.ran
            self._voice.answer(FORMATS[form](verified.findings, ran, found.rules_of(ran)))
            return
        # said first, because it explains most of what follows
        if any(finding.id in found.NOT_IMPORTABLE for finding in verified.findings):
            self._voice.say()
            self._voice.say(
                "The project does not start here; the other findings rest on its code alone.",
                "bold red",
                always=True,
            )
        first = self._voice.lines
        found.answer_findings(self._voice, verified.findings, self._root)
        if not verified.findings or self._voice.verbose:
            # below findings they would push these off the screen
            self._say_facts(verified)
        if self._voice.verbose:
            for one in verified.examination.silenced:
                place = one.finding.where or ""
                self._voice.say(f"  silenced {one.finding.id} {place}: {one.reason}", "dim")
        if verified.findings:
            self._answer_again(verified, self._voice.lines - first)
            self._voice.answer()
        self._voice.answer(found.summary_line(verified), found.summary_style(verified), hang="")
        if verified.absent and not verified.findings:
            self._voice.say(f"Not there yet: {'; '.join(verified.absent)}.", "yellow")

    def _answer_again(self, verified: VerifyOutcome, shown: int) -> None:
        """Repeat the worst findings where so many lines do not fit on the terminal."""
        if not self._voice.out.is_terminal:
            return
        height = rows(sys.stdout)
        if height is None or shown + LINES_AROUND <= height:
            return
        summary = [Piece(found.summary_line(verified))]
        below = render(summary, self._voice.out, "").count("\n") + LINES_AROUND - 1
        found.answer_worst_again(self._voice, verified.findings, self._root, height - below)

    def _say_facts(self, verified: VerifyOutcome) -> None:
        """What the findings rest on, below them."""
        is_shown = self._project is not None and not self._project_is_due
        if verified.findings:
            self._voice.say()
        if self._project and not is_shown:
            planned.say_project(self._voice, self._project)
            self._project_is_due = False
        # a row of that table, and lost far below it
        if verified.versions and (self._voice.verbose or not is_shown):
            versions = (f"{name} {version}" for name, version in verified.versions.items())
            self._voice.say("  versions       " + ", ".join(versions), hang=" " * 17)

    def save_answer(self, file: Path, text: str, *, overwrite: bool) -> None:
        """Write the file, and say so."""
        save_text(file, text, overwrite=overwrite)
        self._voice.say(f"written: {file}", always=True)

    # -- the end

    def show_todos_ahead(self, todos: Sequence[Todo]) -> None:
        """The manual steps in short; all of their lines come at the end."""
        self._todos = len(todos)
        planned.say_todos_ahead(self._voice, todos)

    def show_todos(self, todos: Sequence[Todo]) -> None:
        """The manual steps with the lines to paste."""
        self._pasted = {todo.snippet.strip() for todo in todos}
        planned.say_todos(self._voice, todos)

    def show_end(
        self,
        outcome: str,
        next_steps: Sequence[str | NextStep],
        command_line: str = "",
        unproved: str = "",
        undo: str = "celeryize undo",
    ) -> None:
        """How it ended, what to type next, how to undo it."""
        # what a manual step says is not said again
        next_steps = [step for step in next_steps if not self._is_pasted(step)]
        planned.say_end(self._voice, outcome, next_steps, (command_line, undo), unproved)

    def _is_pasted(self, step: str | NextStep) -> bool:
        lines = step.lines if isinstance(step, NextStep) else (step,)
        return bool(lines) and all(line in self._pasted for line in lines)

    def show_fixes(
        self,
        outcome: str,
        fixed: Sequence[Finding],
        left: Sequence[tuple[Finding, str]],
        undo: str = "celeryize undo",
    ) -> None:
        """How it ended; what was fixed and left is in the plan that was shown before."""
        del fixed, left
        self.show_end(outcome, (), undo=undo)

    def show_undo(self, outcome: str, summary: str) -> None:
        """One sentence."""
        pieces = [Piece(f"{outcome}: ", "bold green"), Piece(summary)]
        self._voice.say(always=True)
        self._voice.say_pieces(pieces, always=True, hang="  ")

    def show_history(self, rows: Sequence[HistoryRow], *, truncated: bool) -> None:
        """A line for each change, with its files below it."""
        answers.answer_history(self._voice, rows, truncated=truncated)

    def show_error(self, error: CeleryizeError) -> None:
        """What is wrong, where, the next step, and the lines to paste."""
        planned.say_error(self._voice, error, self._root)

    def show_interruption(self, notes: Sequence[str], same_answers: str = "") -> None:
        """That Ctrl-C ended the command, and in which state the project is."""
        self._voice.say(always=True)
        for text in ("Interrupted.", *notes):
            self._voice.say(text, always=True)
        planned.say_same_answers(self._voice, same_answers)

    def show_bug(self, version: str, command: str, log: str) -> None:
        """A bug of ours, with the lines to report."""
        self._voice.say(always=True)
        text = "This is a bug in celeryize; the project is as it was. Please report these lines:"
        self._voice.say(text, "red", always=True)
        self._voice.say_line(f"celeryize {version} {command}\n{log}", always=True)

    def finish(self, command: str, status: str, exit_code: Exit) -> None:
        """A person has seen all of it already."""

    def answer(self, text: str) -> None:
        """A line of the answer."""
        self._voice.answer(text)
