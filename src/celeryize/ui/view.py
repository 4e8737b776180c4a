"""The one way in which commands show and ask: `Screen` for people, `Machine` for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from celeryize.errors import CeleryizeError, Exit

# Only the types: what starts processes or parses code would slow down every command.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.checks.outcome import VerifyOutcome
    from celeryize.checks.task_table import TaskRow
    from celeryize.detect.project import Project
    from celeryize.live import StepResult
    from celeryize.live.stop_report import RehearsedStop
    from celeryize.model import Finding, HistoryRow, NextStep, Plan, Todo
    from celeryize.probe.proof import Proof
    from celeryize.probe.report import ImportedEntry


class NoTerminal(CeleryizeError):
    """There is a question and nobody to ask."""


class GoBack(Exception):
    """The person wants to answer the question before this one again."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to choose, and what it means."""

    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the flag that answers it, too, and what can be chosen.

    `other` is the choice of a text of one's own, such as "another URL ..."; `problem_of` says what
    is wrong with such a text, or nothing. Without choices a text is asked for, and `example` shows
    what it looks like; where it is `optional`, an empty line means the default. With
    `has_way_back`, it is not the first in a row.
    """

    text: str
    flag: str
    choices: tuple[Choice, ...]
    default: str
    other: str = ""
    example: str = ""
    optional: bool = False
    problem_of: Callable[[str], str] | None = None
    has_way_back: bool = False


class Asker(Protocol):
    """What asks a person: a view, or a row of questions of one."""

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""

    def ask(self, question: Question) -> str:
        """The value of the chosen answer, or a text of the user's own. Raises GoBack."""


class View(Protocol):
    """What a command shows and asks. No command knows which of the two views it has."""

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""

    # -- while it works

    def working(self, what: str) -> AbstractContextManager[None]:
        """Say what is going on, where somebody watches: nothing is silent for long."""

    def tell_progress(self, line: str) -> None:
        """What a program that runs for us says."""

    # -- the project and the plan

    def know_root(self, root: Path) -> None:
        """Where the places that are shown start from."""

    def show_project(self, project: Project, *, later: bool = False) -> None:
        """What was recognised, a line for each fact."""

    def show_note(self, text: str) -> None:
        """One sentence that must not be missed."""

    def show_line(self, text: str = "") -> None:
        """A line of a tour: what happens now."""

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """The steps, the notes, and the diff where the user has to decide about it."""

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The patch, byte for byte; its paths start at `root`."""

    def show_proof(self, proof: Proof) -> None:
        """What the import of the planned project found."""

    def show_test(self, path: str) -> None:
        """The test of a new task has passed."""

    def show_preview(self, lines: Sequence[str]) -> None:
        """When an entry of the schedule runs."""

    # -- the questions

    def confirm(self, question: str) -> bool:
        """Ask the one question. Raises NoTerminal where there is nobody to ask."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Which of the options it is, from 0. Raises NoTerminal without a usable answer."""

    def ask(self, question: Question) -> str:
        """The value of the chosen answer, or a text of the user's own. Raises GoBack."""

    # -- the answers

    def show_tasks(self, rows: Sequence[TaskRow]) -> None:
        """The registered tasks, then those that are not, each with the reason."""

    def show_schedule(
        self, entries: Sequence[ImportedEntry], zone: str, *, complete: bool = True
    ) -> None:
        """The entries of the Beat schedule with their next runs."""

    def show_runs(self, entries: Sequence[ImportedEntry], zone: str, within: str) -> None:
        """All runs of the entries within a duration, in order of time."""

    def show_timeline(self, entries: Sequence[ImportedEntry], zone: str) -> None:
        """The runs of the next 24 hours as a picture."""

    def show_templates(self, rows: Sequence[tuple[str, str]]) -> None:
        """The templates by name, with the file of the project that overrides the built-in one."""

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """The checks, a line each, or all that their docstrings say."""

    def show_step(self, result: StepResult) -> None:
        """A step of the live proof that has come to its end."""

    def show_stops(self, stops: Sequence[RehearsedStop]) -> None:
        """What a stop has done to the tasks of each process."""

    def show_log(self, process: str, line: str) -> None:
        """A line of a process that runs, with the name of the process; from any thread."""

    def show_verified(
        self, verified: VerifyOutcome, *, form: str = "text", beside_patch: bool = False
    ) -> None:
        """The findings; `form` is text, or one of those in formats.py, for other programs.

        `beside_patch`: stdout holds a patch already, and nothing may stand beside it.
        """

    def save_answer(self, file: Path, text: str, *, overwrite: bool) -> None:
        """An answer as the file that the user named; a file that is not ours needs `overwrite`."""

    # -- the end

    def show_todos_ahead(self, todos: Sequence[Todo]) -> None:
        """The manual steps before the question: what decides it, and how many others there are."""

    def show_todos(self, todos: Sequence[Todo]) -> None:
        """The manual steps, each with the lines to paste."""

    def show_end(
        self,
        outcome: str,
        next_steps: Sequence[str | NextStep],
        command_line: str = "",
        unproved: str = "",
        undo: str = "celeryize undo",
    ) -> None:
        """How a writer ended, what to type next, and the command that does the same again.

        `unproved` says why what was written is not proved; `undo` is the line that undoes it.
        """

    def show_fixes(
        self,
        outcome: str,
        fixed: Sequence[Finding],
        left: Sequence[tuple[Finding, str]],
        undo: str = "celeryize undo",
    ) -> None:
        """How `verify --fix` ended: what it fixed, and what it left, each with the reason."""

    def show_undo(self, outcome: str, summary: str) -> None:
        """How an undo ended, in one sentence."""

    def show_history(self, rows: Sequence[HistoryRow], *, truncated: bool) -> None:
        """What can be undone, newest first; `truncated`: older changes are no longer remembered."""

    def show_error(self, error: CeleryizeError) -> None:
        """What is wrong, where, the next step, and the lines to paste."""

    def show_interruption(self, notes: Sequence[str], same_answers: str = "") -> None:
        """That Ctrl-C ended the command, and in which state the project is.

        `same_answers` is the command that gives the answers of this run again.
        """

    def show_bug(self, version: str, command: str, log: str) -> None:
        """A bug of celeryize, with the lines to report."""

    def finish(self, command: str, status: str, exit_code: Exit) -> None:
        """The very last call: a program gets its document now."""
