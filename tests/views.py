"""A view for tests that keeps what it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from celeryize.detect.project import Project
from celeryize.model import Plan
from celeryize.probe.proof import Proof
from celeryize.ui.view import Question


class Recorder:
    """Shows nothing, answers `answer`, keeps what tests look at."""

    interactive = False

    def __init__(self, *, answer: bool = True) -> None:
        self.answer = answer
        self.plans: list[Plan] = []
        self.proofs: list[Proof] = []
        self.projects: list[Project] = []
        self.notes: list[str] = []
        self.previews: list[list[str]] = []
        self.steps: list[object] = []
        self.tests: list[str] = []
        self.asked: list[list[str]] = []

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        self.plans.append(plan)

    def show_proof(self, proof: Proof) -> None:
        self.proofs.append(proof)

    def know_root(self, root: Path) -> None:
        self.root = root

    def show_test(self, path: str) -> None:
        self.tests.append(path)

    def show_project(self, project: Project, *, later: bool = False) -> None:
        self.projects.append(project)

    def show_preview(self, lines: list[str]) -> None:
        self.previews.append(lines)

    def show_step(self, result: object) -> None:
        self.steps.append(result)

    def show_note(self, text: str) -> None:
        self.notes.append(text)

    def confirm(self, question: str) -> bool:
        return self.answer

    def choose(self, question: str, options: Sequence[str]) -> int:
        self.asked.append(list(options))
        return len(options) - 1

    def ask(self, question: Question) -> str:
        return question.default

    def working(self, what: str) -> AbstractContextManager[None]:
        return nullcontext()

    def write_diff(self, plan: Plan, root: Path) -> None:
        self.plans.append(plan)

    def _ignore(self, *values: object, **named: object) -> None:
        """What no test looks at: what the commands return says the same."""

    tell_progress = show_line = show_tasks = show_schedule = show_runs = show_timeline = (
        show_templates
    ) = _ignore
    show_checks = show_verified = save_answer = show_todos = show_todos_ahead = show_end = (
        show_fixes
    ) = _ignore
    show_stops = show_log = _ignore
    show_history = show_undo = show_error = show_interruption = show_bug = finish = _ignore
