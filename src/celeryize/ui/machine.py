"""The view for programs: one JSON document on stdout; its schemas are in docs/schema/."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from celeryize.diff import unified
from celeryize.errors import CeleryizeError, Exit
from celeryize.model import Finding, HistoryRow, NextStep, Plan, Severity, Todo, Where
from celeryize.ui.streams import save_text, write_stream
from celeryize.ui.view import NoTerminal, Question
from celeryize.urls import redacted

# Only the types: what starts processes or parses code would slow down every command.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.checks.outcome import VerifyOutcome
    from celeryize.checks.task_table import TaskRow
    from celeryize.detect.project import Project
    from celeryize.live import StepResult
    from celeryize.live.stop import StopResult
    from celeryize.live.stop_report import RehearsedStop
    from celeryize.probe.proof import Proof
    from celeryize.probe.report import ImportedEntry

# Raised with every change of a key, so that a program can tell the documents apart.
SCHEMA = 2


class Machine:
    """Keeps what it is shown, writes the document at the end, and answers no question."""

    interactive = False

    def __init__(self) -> None:
        self.document: dict[str, object] = {}

    def working(self, what: str) -> AbstractContextManager[None]:
        """A program waits for the document."""
        del what
        return nullcontext()

    def tell_progress(self, line: str) -> None:
        """A program waits for the document."""

    def know_root(self, root: Path) -> None:
        """A program makes no links."""

    def show_project(self, project: Project, *, later: bool = False) -> None:
        """Keep what was recognised."""
        del later
        self.document["project"] = {
            fact.key: {"value": fact.value, "source": fact.where} for fact in project.recognised()
        }

    def show_note(self, text: str) -> None:
        """Keep a sentence about what happened before the run."""
        self._append("messages", text)

    def show_line(self, text: str = "") -> None:
        """A program takes no tour."""

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """Keep the plan; a program always gets the diff."""
        del with_diff
        # The texts of a plan are for people; a program goes by path and status.
        self.document["steps"] = [
            {"path": str(step.path), "status": str(step.status), "summary": step.what}
            for step in plan.steps
        ]
        self.document["diff"] = unified(plan.edits).decode("utf-8", "replace")
        self.show_todos(plan.todos)
        self.document["notes"] = list(plan.notes)

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The diff is in the document already."""

    def show_proof(self, proof: Proof) -> None:
        """Keep the proof."""
        self.document["proof"] = {
            "verdict": str(proof.verdict),
            "summary": proof.summary,
            "findings": [finding_document(finding) for finding in proof.findings],
            "pre_existing_errors": list(proof.before),
        }

    def show_test(self, path: str) -> None:
        """Keep the module of the test that passed."""
        self.document["passed_test"] = path

    def show_preview(self, lines: Sequence[str]) -> None:
        """Keep the preview."""
        self.document["preview"] = list(lines)

    def confirm(self, question: str) -> bool:
        """A program is not asked: it passes --yes."""
        raise NoTerminal(
            f"--json never asks ({question}); nothing was written",
            hint="Pass --yes to write, or --dry-run to see the patch.",
        )

    def choose(self, question: str, options: Sequence[str]) -> int:
        """A program is not asked: it passes -C."""
        raise NoTerminal(
            f"--json never asks ({question})", hint=f"Pass -C with one of: {', '.join(options)}."
        )

    def ask(self, question: Question) -> str:
        """A program is not asked: the default counts."""
        return question.default

    def show_tasks(self, rows: Sequence[TaskRow]) -> None:
        """Keep the tasks."""
        self.document["tasks"] = [task_document(row) for row in rows]

    def show_schedule(
        self, entries: Sequence[ImportedEntry], zone: str, *, complete: bool = True
    ) -> None:
        """Keep the entries; what is missing is among the messages."""
        del complete
        self.document["time_zone"] = zone
        self.document["entries"] = [entry_document(entry) for entry in entries]

    def show_runs(self, entries: Sequence[ImportedEntry], zone: str, within: str) -> None:
        """Keep the entries, which hold their runs."""
        del within
        self.show_schedule(entries, zone)

    def show_timeline(self, entries: Sequence[ImportedEntry], zone: str) -> None:
        """Keep the entries: a program draws its own picture."""
        self.show_schedule(entries, zone)

    def show_templates(self, rows: Sequence[tuple[str, str]]) -> None:
        """Keep the templates; `path` is null where the project has none of its own."""
        self.document["templates"] = [{"name": name, "path": own or None} for name, own in rows]

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """Keep the checks; a program always gets all of them."""
        del in_full
        self.document["checks"] = [check_document(check) for check in checks]

    def show_step(self, result: StepResult) -> None:
        """Keep a step of the live proof."""
        step = {
            "name": result.step,
            "outcome": str(result.outcome),
            "summary": result.what,
            # more digits would only be noise
            "seconds": round(result.seconds, 3),
            "log": list(result.log),
        }
        self._append("live_steps", step)

    def show_stops(self, stops: Sequence[RehearsedStop]) -> None:
        """Keep every result, with the times of the project and those of the rehearsal."""
        self.document["stops"] = [stop_document(stop) for stop in stops]

    def show_log(self, process: str, line: str) -> None:
        """What runs until it is interrupted has no document."""

    def show_verified(
        self, verified: VerifyOutcome, *, form: str = "text", beside_patch: bool = False
    ) -> None:
        """Keep the findings and what they rest on; the document is a form of its own."""
        del form, beside_patch
        # in the order in which a person sees them
        from celeryize.checks.outcome import by_file

        self.document["depth"] = verified.depth
        self.document["versions"] = verified.versions
        self.document["task_count"] = verified.tasks
        self.document["checks_run"] = list(verified.examination.ran)
        self.document["counts"] = {str(level): verified.count(level) for level in Severity}
        self.document["findings"] = [
            finding_document(finding)
            for _, findings in by_file(verified.findings)
            for finding in findings
        ]
        self.document["silenced"] = [
            {**finding_document(one.finding), "reason": one.reason}
            for one in verified.examination.silenced
        ]

    def save_answer(self, file: Path, text: str, *, overwrite: bool) -> None:
        """Write the file, and keep its name."""
        save_text(file, text, overwrite=overwrite)
        self._append("files", str(file))

    def show_todos_ahead(self, todos: Sequence[Todo]) -> None:
        """Nothing: the document has the manual steps already."""

    def show_todos(self, todos: Sequence[Todo]) -> None:
        """Keep the manual steps."""
        self.document["manual_steps"] = [todo_document(todo) for todo in todos]

    def show_end(
        self,
        outcome: str,
        next_steps: Sequence[str | NextStep],
        command_line: str = "",
        unproved: str = "",
        undo: str = "celeryize undo",
    ) -> None:
        """Keep what comes next; the outcome is the status of the document."""
        del outcome, unproved, undo
        self.document["next_steps"] = list(lines_of(next_steps))
        self.document["command_line"] = command_line

    def show_fixes(
        self,
        outcome: str,
        fixed: Sequence[Finding],
        left: Sequence[tuple[Finding, str]],
        undo: str = "celeryize undo",
    ) -> None:
        """Keep what was fixed and what was left."""
        del undo
        self.document["outcome"] = outcome
        self.document["fixed"] = [finding_document(finding) for finding in fixed]
        self.document["not_fixed"] = [
            {**finding_document(finding), "reason": reason} for finding, reason in left
        ]

    def show_undo(self, outcome: str, summary: str) -> None:
        """Keep the sentence; the outcome is the status of the document."""
        del outcome
        self.document["summary"] = summary

    def show_history(self, rows: Sequence[HistoryRow], *, truncated: bool) -> None:
        """Keep the changes."""
        self.document["summary"] = ""
        self.document["truncated"] = truncated
        self.document["changes"] = [
            {
                "number": row.number,
                "command": row.command,
                "files": [str(path) for path in row.files],
                "state": row.state,
            }
            for row in rows
        ]

    def show_error(self, error: CeleryizeError) -> None:
        """Keep the error."""
        self.document["error"] = error_document(error)

    def show_interruption(self, notes: Sequence[str], same_answers: str = "") -> None:
        """Keep in which state the project is; a program was asked nothing."""
        del same_answers
        self.document["notes"] = list(notes)

    def show_bug(self, version: str, command: str, log: str) -> None:
        """Keep the log, and write it to stderr as well: there a person looks for it."""
        from celeryize.ui.screen import Screen

        self.document["log"] = log
        Screen(quiet=True, interactive=False).show_bug(version, command, log)

    def finish(self, command: str, status: str, exit_code: Exit) -> None:
        """Write the document."""
        head = {
            "schema": SCHEMA,
            "command": command,
            "status": status,
            "exit_code": int(exit_code),
        }
        write_stream(sys.stdout, render_document({**head, **self.document}) + "\n")

    def _append(self, key: str, value: object) -> None:
        kept = self.document.setdefault(key, [])
        assert isinstance(kept, list)
        kept.append(value)


def lines_of(steps: Sequence[str | NextStep]) -> Iterator[str]:
    """The lines to paste of the next steps, without what they are for."""
    for step in steps:
        if isinstance(step, str):
            yield step
        else:
            yield from step.lines


def stop_document(stop: RehearsedStop) -> dict[str, object]:
    """A rehearsed stop in JSON; times in seconds."""
    scaled = stop.results[0].scaled
    return {
        "service": stop.name,
        "role": stop.role,
        "kind": stop.kind,
        **place_document(stop.where),
        "stopped_by": stop.how,
        "times": {"task": stop.task, "soft": stop.soft, "grace": stop.grace},
        "scaled": {"task": scaled.task, "soft": scaled.soft, "grace": scaled.grace},
        "visibility_timeout": stop.visibility_timeout,
        "change": stop.change or None,
        "acknowledged_by_default": stop.default if stop.role == "worker" else None,
        "results": [_result_document(result) for result in stop.results],
        "results_of_longer_task": [_result_document(result) for result in stop.longer],
    }


def _result_document(result: StopResult) -> dict[str, object]:
    return {
        "acknowledged": result.mode or None,
        "verdict": str(result.outcome),
        "seconds": round(result.seconds, 1),
        "killed": result.killed,
        "log": list(result.log),
    }


def render_document(document: dict[str, object]) -> str:
    """The document as text, without the passwords of URLs."""
    # Before the encoding: behind it the quotes and newlines, at which a URL ends, are others.
    return json.dumps(hide_passwords(document), indent=2, ensure_ascii=False, default=str)


def hide_passwords(value: object) -> object:
    """The parts of a document with the passwords of URLs as asterisks."""
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: hide_passwords(part) for key, part in value.items()}
        case list() | tuple():
            return [hide_passwords(part) for part in value]
    return value


def place_document(where: Where | None) -> dict[str, object]:
    """The two keys of a place; both null where there is none."""
    if where is None:
        return {"path": None, "line": None}
    return {"path": str(where.path), "line": where.line}


def finding_document(finding: Finding) -> dict[str, object]:
    """A finding as JSON."""
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "message": finding.message,
        "hint": finding.hint,
        **place_document(finding.where),
        "excerpt": finding.excerpt,
        "fixable": finding.fixable,
    }


def check_document(check: Check) -> dict[str, object]:
    """A check as JSON: its sections are keys, `what_happens` for "What happens"."""
    # the headings are fixed, so the keys are as well
    sections = {head.lower().replace(" ", "_"): body for head, body in check.sections}
    return {
        "id": check.id,
        "severity": str(check.severity),
        "title": check.title,
        "fixable": check.fixable,
        **sections,
    }


def todo_document(todo: Todo) -> dict[str, object]:
    """A manual step as JSON."""
    path = None
    if todo.path:
        path = str(todo.path)
    return {"summary": todo.what, "reason": todo.why, "snippet": todo.snippet, "path": path}


def entry_document(entry: ImportedEntry) -> dict[str, object]:
    """An entry of the Beat schedule as JSON."""
    return {
        "name": entry.name,
        "task": entry.task,
        "schedule": entry.schedule,
        "args": entry.args,
        "kwargs": entry.kwargs,
        "options": entry.options,
        "registered": entry.registered,
        "problem": entry.problem,
        "runs": list(entry.runs),
        "runs_per_day": entry.per_day,
    }


def task_document(row: TaskRow) -> dict[str, object]:
    """A task as JSON."""
    return {
        "name": row.name,
        **place_document(row.where),
        "registered": row.registered,
        "remark": row.remark,
        "signature": row.signature,
        "queue": row.queue,
        "time_limit": row.time_limit,
        "soft_time_limit": row.soft_time_limit,
        "max_retries": row.max_retries,
        "retry_exceptions": list(row.retries_on),
        "schedule_entries": list(row.scheduled_by),
    }


def error_document(error: CeleryizeError) -> dict[str, object]:
    """An error as JSON."""
    # only some errors of the family have lines to paste, or a difference
    return {
        "message": error.message,
        "hint": error.hint,
        **place_document(error.where),
        "snippet": getattr(error, "snippet", ""),
        "diff": getattr(error, "diff", ""),
    }
