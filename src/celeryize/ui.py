"""Everything a person or a program sees: the answer on stdout, the talk on stderr, JSON beside it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from celeryize.checks.outcome import VerifyOutcome, by_file
from celeryize.diff import unified
from celeryize.errors import CannotPatch, CeleryizeError, Conflict, Exit
from celeryize.model import Finding, Plan, Severity, Status, Todo
from celeryize.probe.proof import Proof, Verdict
from celeryize.urls import redacted

# What starts processes or parses code is not loaded for the sake of its types: it costs at every start.
if TYPE_CHECKING:
    from celeryize.checks.check import Check
    from celeryize.checks.task_table import TaskRow
    from celeryize.detect.project import Project
    from celeryize.live import StepResult
    from celeryize.probe.report import ImportedEntry

SCHEMA = 1
# Columns of a table that goes into a file or a pipe: wide enough to keep a task on its line.
PIPED_WIDTH = 200
BROKEN = {"celery.E001", "celery.E002"}
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
STATUS_COLOURS = {
    Status.CREATE: "green",
    Status.UPDATE: "yellow",
    Status.IDENTICAL: "dim",
    Status.DELETE: "red",
    Status.MANUAL: "cyan",
}
SEVERITY_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
OUTCOME_COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}


class NoTerminal(CeleryizeError):
    """There is a question and nobody to ask."""


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Screen:
    """The view for people. `quiet` leaves out all but problems and the answer; `verbose` adds what was read."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, interactive: bool | None = None) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.interactive = is_interactive() if interactive is None else interactive
        self._colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "", style: str = "", *, always: bool = False) -> None:
        """One line of talk."""
        if not self.quiet or always:
            _write(sys.stderr, self.paint(redacted(text), style) + "\n")

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where the terminal has colours."""
        if not (style and self._colour and text):
            return text
        return f"\x1b[{';'.join(COLOURS[s] for s in style.split())}m{text}\x1b[0m"

    def show_project(self, project: Project) -> None:
        """What was recognised, a line each, and where it was read."""
        lines = project.recognised()
        width = max(len(line.label) for line in lines)
        middle = min(44, max(len(line.value) for line in lines))
        for line in lines:
            self.say(f"  {line.label:<{width}}  {line.value:<{middle}}  {self.paint(line.where, 'dim')}".rstrip())

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """What happens to each file, and the notes; the diff before them, if asked for or with --verbose."""
        if plan.edits and (with_diff or self.verbose) and not self.quiet:
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
            self.say(f"note: {note}", "yellow", always=True)

    def show_todos(self, todos: Sequence[Todo]) -> None:
        """The manual steps with the lines to paste."""
        for todo in todos:
            self.say()
            where = f" ({todo.path})" if todo.path else ""
            self.say(f"by hand: {todo.what}{where}", "cyan", always=True)
            if todo.why:
                self.say(f"  {todo.why}", always=True)
            self._show_snippet(todo.snippet)

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
            self.say(f"  was there before: {line}", "dim", always=True)

    def show_step(self, result: StepResult) -> None:
        """A step of the live proof, with the lines of the log that tell why it failed."""
        failed = result.outcome == "failed"
        outcome = self.paint(f"{result.outcome:>9}", OUTCOME_COLOURS[result.outcome])
        self.say(f"{outcome}  {result.what}  {self.paint(f'{result.seconds:.1f} s', 'dim')}", always=failed)
        for line in result.log:
            self.say(f"             {line}", "dim", always=True)

    def show_findings(self, findings: Iterable[Finding]) -> None:
        """Findings with their place, excerpt and hint."""
        for finding in findings:
            where = f"{finding.where}: " if finding.where else ""
            label = self.paint(f"{finding.severity} {finding.id}", SEVERITY_COLOURS[finding.severity])
            self.say(f"  {label}  {where}{finding.message}", always=True)
            for line in finding.excerpt.splitlines():
                self.say(f"      {line}", "dim", always=True)
            if finding.hint:
                self.say(f"      {finding.hint}", always=True)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table on stdout, as wide as it needs to be; without a terminal, tabs between the columns."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        if not sys.stdout.isatty():
            lines = ["\t".join(row) for row in rows]
            if lines:
                self.answer("\n".join(lines))
            return
        shown = Table(box=None, pad_edge=False)
        for name in head:
            shown.add_column(name, overflow="fold")
        for row in rows:
            shown.add_row(*(Text(redacted(cell)) for cell in row))
        Console(markup=False, highlight=False, emoji=False).print(shown)

    def show_preview(self, lines: Sequence[str]) -> None:
        """When an entry runs."""
        self.say()
        for line in lines:
            self.say(line, "" if line.startswith(" ") else "bold")

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """The checks, a line each, or all that their docstrings say."""
        for check in checks:
            fixable = " (fixable)" if check.fixable else ""
            self.answer(f"{check.id:<12} {check.severity:<8} {check.title}{fixable}")
            for head, body in check.sections if in_full else ():
                self.answer(f"\n{head}:\n" + "\n".join(f"    {line.strip()}" for line in body.splitlines()))

    def show_verified(self, verified: VerifyOutcome) -> None:
        """The findings by file, the versions, and how many there are of each kind."""
        if verified.versions:
            self.say("  versions      " + ", ".join(f"{name} {v}" for name, v in verified.versions.items()))
        groups = by_file(verified.findings)
        if any(finding.id in BROKEN for finding in verified.findings):
            self.say()
            self.say(
                "The project does not start here; what else follows is what its code alone tells.",
                "bold red",
                always=True,
            )
        for path, findings in groups:
            self.answer(f"\n{path or 'the project'}")
            for finding in findings:
                self._answer_finding(finding)
        for one in verified.examination.silenced if self.verbose else ():
            self.say(f"  silenced {one.finding.id} {one.finding.where or ''}: {one.reason}", "dim")
        self.answer(("\n" if groups else "") + _summary(verified))

    def _answer_finding(self, finding: Finding) -> None:
        line = f"{finding.where.line}: " if finding.where and finding.where.line else ""
        self.answer(f"  {finding.severity:<7} {finding.id:<11} {line}{finding.message}")
        for text in finding.excerpt.splitlines():
            self.answer(f"      | {text}")
        hint = " ".join(part for part in (finding.hint, "(fixable)" if finding.fixable else "") if part)
        if hint:
            self.answer(f"      {hint}")

    def show_note(self, text: str) -> None:
        """One sentence that must not be missed."""
        self.say(f"note: {text}", "yellow", always=True)

    def show_end(self, status: str, next_steps: Sequence[str], command_line: str = "") -> None:
        """How it ended, what to type next, how to take it back."""
        self.say()
        match status:
            case "done":
                self.say("Done. Next:" if next_steps else "Done.", "bold green", always=True)
            case "nothing to do":
                self.say("Nothing to do." + (" To start it:" if next_steps else ""), "bold green", always=True)
            case _:
                self.say("Nothing was written." + (" Once it is:" if next_steps else ""), "bold", always=True)
        for step in next_steps:
            self.say(f"  {step}", always=True)
        if status == "done":
            self.say("To take it back: celeryize undo", "dim")
            if command_line:
                self.say(f"The same without questions: {command_line}", "dim")

    def confirm(self, question: str) -> bool:
        """Ask with No as the default; end of file means no. Raises NoTerminal where nobody can be asked."""
        if not self.interactive:
            raise NoTerminal(
                "there is no terminal to ask on; nothing was written",
                hint="Pass --yes to write, or --dry-run to see the patch.",
            )
        _write(sys.stderr, f"\n{self.paint(question, 'bold')} [y/N] ")
        answer = sys.stdin.readline()
        if not answer:
            _write(sys.stderr, "\n")
        return answer.strip().lower() in {"y", "yes"}

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Ask for one of a numbered list. Raises NoTerminal where the answer is none of the numbers."""
        _write(sys.stderr, f"{self.paint(question, 'bold')}\n")
        for number, option in enumerate(options, start=1):
            self.say(f"  {number}  {option}", always=True)
        _write(sys.stderr, f"[1-{len(options)}] ")
        answer = sys.stdin.readline().strip()
        if answer not in {str(number) for number in range(1, len(options) + 1)}:
            raise NoTerminal(f"{answer or 'nothing'} is none of them", hint="Type its number, or pass -C DIR.")
        return int(answer) - 1

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The patch on stdout, byte for byte, for `git apply`."""
        if Path.cwd() != root.resolve():
            # git leaves out, without a word, what lies above the folder that it runs in
            self.show_note(f"the paths of the patch start at {root}: run git apply there")
        sys.stdout.flush()
        sys.stdout.buffer.write(unified(plan.edits))
        sys.stdout.buffer.flush()

    def answer(self, text: str) -> None:
        """A line of the answer, on stdout."""
        _write(sys.stdout, redacted(text) + "\n")

    def show_tasks(self, rows: Sequence[TaskRow]) -> None:
        """The registered tasks as a table on stdout, then those that are not, each with the reason."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        width = None if sys.stdout.isatty() else PIPED_WIDTH
        out = Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)
        table = Table("task", "signature", "queue", "limits", "retries", "schedule", "where", box=box.SIMPLE)
        for row in rows:
            if row.registered:
                retries = f"{row.max_retries}" + (f" on {', '.join(row.retries_on)}" if row.retries_on else "")
                plan = ", ".join(row.scheduled_by)
                cells = (row.name, row.signature, row.queue or "", row.limits, retries, plan, str(row.where or ""))
                table.add_row(*(Text(cell, overflow="fold") for cell in cells))
        if table.row_count:
            out.print(table)
        for row in rows:
            if row.remark:
                self.answer(f"{row.name} ({row.where}): {row.remark}")
        if not rows:
            self.answer("no tasks: `celeryize add-task APP.TASK` writes the first one")

    def show_error(self, error: CeleryizeError) -> None:
        """What is wrong, where, the next step, and the lines to paste."""
        self.say()
        self.say(f"error: {told(error)}", "red", always=True)
        if error.hint:
            self.say(f"  {error.hint}", always=True)
        if isinstance(error, CannotPatch):
            self._show_snippet(error.snippet)
        if isinstance(error, Conflict):
            self.say(error.diff.rstrip("\n"), always=True)
        for note in getattr(error, "__notes__", ()):
            self.say(note, "yellow", always=True)
        if error.exit_code is Exit.REFUSED:
            self.say("Nothing was written.", always=True)

    def _show_snippet(self, snippet: str) -> None:
        for line in snippet.rstrip("\n").splitlines():
            self.say(f"    {line}" if line else "", always=True)

    def _show_diff(self, diff: bytes) -> None:
        for line in diff.decode("utf-8", "replace").split("\n")[:-1]:
            if line.startswith(("diff ", "index ", "new file", "deleted file")):
                continue
            style = "bold" if line.startswith(("---", "+++")) else ""
            style = style or {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            self.say(line.rstrip("\r"), style)


class Machine:
    """The view for programs: one JSON document on stdout at the end, nothing else."""

    interactive = False

    def __init__(self) -> None:
        self.document: dict[str, object] = {}

    def show_plan(self, plan: Plan, *, with_diff: bool) -> None:
        """Keep the plan; a program always gets the diff."""
        del with_diff
        self.document["steps"] = [
            {"path": str(s.path), "status": str(s.status), "what": s.what} for s in plan.steps
        ]
        self.document["diff"] = unified(plan.edits).decode("utf-8", "replace")
        self.document["todos"] = [
            {"what": t.what, "why": t.why, "snippet": t.snippet, "path": str(t.path) if t.path else None}
            for t in plan.todos
        ]
        self.document["notes"] = list(plan.notes)

    def show_project(self, project: Project) -> None:
        """Keep what was recognised."""
        self.document["project"] = {
            line.label: {"value": line.value, "read_from": line.where} for line in project.recognised()
        }

    def show_preview(self, lines: Sequence[str]) -> None:
        """Keep the preview."""
        self.document["preview"] = list(lines)

    def show_checks(self, checks: Sequence[Check], *, in_full: bool) -> None:
        """Keep the checks; a program always gets all of them."""
        del in_full
        self.document["checks"] = [
            {
                "id": c.id,
                "severity": str(c.severity),
                "title": c.title,
                "fixable": c.fixable,
                **dict(c.sections),
            }
            for c in checks
        ]

    def show_verified(self, verified: VerifyOutcome) -> None:
        """Keep the findings and what they rest on."""
        self.document["depth"] = verified.depth
        self.document["versions"] = verified.versions
        self.document["tasks"] = verified.tasks
        self.document["checks_run"] = list(verified.examination.ran)
        self.document["counts"] = {str(severity): verified.count(severity) for severity in Severity}
        self.document["findings"] = [
            finding_json(f) for _, findings in by_file(verified.findings) for f in findings
        ]
        self.document["silenced"] = [
            {**finding_json(one.finding), "reason": one.reason} for one in verified.examination.silenced
        ]

    def show_note(self, text: str) -> None:
        """Keep a sentence about what happened before the run."""
        self.document["recovered"] = text

    def show_proof(self, proof: Proof) -> None:
        """Keep the proof."""
        self.document["proof"] = {
            "verdict": str(proof.verdict),
            "summary": proof.summary,
            "findings": [finding_json(f) for f in proof.findings],
            "before": list(proof.before),
        }

    def show_step(self, result: StepResult) -> None:
        """Keep a step of the live proof."""
        steps = self.document.setdefault("live", [])
        assert isinstance(steps, list)
        steps.append(
            {
                "step": result.step,
                "outcome": str(result.outcome),
                "what": result.what,
                "seconds": round(result.seconds, 3),
                "log": list(result.log),
            }
        )

    def confirm(self, question: str) -> bool:
        """A program is not asked: it passes --yes."""
        raise NoTerminal(
            f"--json never asks ({question}); nothing was written",
            hint="Pass --yes to write, or --dry-run to see the patch.",
        )

    def choose(self, question: str, options: Sequence[str]) -> int:
        """A program is not asked: it passes -C."""
        raise NoTerminal(f"--json never asks ({question})", hint=f"Pass -C with one of: {', '.join(options)}.")

    def write_diff(self, plan: Plan, root: Path) -> None:
        """The diff is in the document already."""

    def finish(self, command: str, status: str, exit_code: Exit, **more: object) -> None:
        """Write the document."""
        document = {
            "schema": SCHEMA,
            "command": command,
            "status": status,
            "exit_code": int(exit_code),
            **self.document,
            **more,
        }
        # Before the encoding: behind it the quotes and newlines, at which a URL ends, are others.
        text = json.dumps(_without_passwords(document), indent=2, ensure_ascii=False, default=str)
        _write(sys.stdout, text + "\n")


def _without_passwords(value: object) -> object:
    """The parts of a document with the passwords of URLs as asterisks."""
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: _without_passwords(part) for key, part in value.items()}
        case list() | tuple():
            return [_without_passwords(part) for part in value]
    return value


def _summary(verified: VerifyOutcome) -> str:
    """One line: what was checked and how it came out."""
    counts = [
        f"{n} {severity}{'s' if n > 1 and severity != Severity.INFO else ''}"
        for severity in Severity
        if (n := verified.count(severity))
    ]
    deep = {
        "static": "",
        "import": " and imported as a worker and as a web process",
        "live": ", imported, and run",
    }
    how = "read" + deep[verified.depth]
    if verified.broker == "filesystem":
        how += " on a broker of files (on yours: --broker configured)"
    elif verified.broker:
        how += " on the configured broker"
    if any(f.id in BROKEN for f in verified.findings):
        how = "read; importing it failed"
    tasks = f"{verified.tasks} task{'' if verified.tasks == 1 else 's'}"
    silenced = len(verified.examination.silenced)
    fixable = sum(f.fixable for f in verified.findings)
    more = f"; {silenced} silenced" if silenced else ""
    more += f"; {fixable} fixable: celeryize verify --fix" if fixable else ""
    return (
        f"{', '.join(counts) or 'Nothing is wrong'}: {tasks}, {len(verified.examination.ran)} checks, {how}{more}"
    )


def write_file(file: Path, text: str) -> None:
    """A file that the user named for an answer; not part of the project, so no journal."""
    try:
        file.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise CeleryizeError(f"{file} cannot be written: {error.strerror}", hint="Name another file.") from error


def told(error: CeleryizeError) -> str:
    """The message behind its place; a message that names the place itself says it once."""
    if error.where is None or str(error.where) in error.message:
        return error.message
    return f"{error.where}: {error.message.removeprefix(f'{error.where.path} ')}"


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding as JSON."""
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "message": finding.message,
        "hint": finding.hint,
        "path": str(finding.where.path) if finding.where else None,
        "line": finding.where.line if finding.where else None,
        "excerpt": finding.excerpt,
        "fixable": finding.fixable,
    }


def entry_json(entry: ImportedEntry) -> dict[str, object]:
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
        "per_day": entry.per_day,
    }


def task_json(row: TaskRow) -> dict[str, object]:
    """A task as JSON."""
    return {
        "name": row.name,
        "path": str(row.where.path) if row.where else None,
        "line": row.where.line if row.where else None,
        "registered": row.registered,
        "remark": row.remark,
        "signature": row.signature,
        "queue": row.queue,
        "time_limit": row.time_limit,
        "soft_time_limit": row.soft_time_limit,
        "max_retries": row.max_retries,
        "retries_on": list(row.retries_on),
        "scheduled_by": list(row.scheduled_by),
    }


def error_json(error: CeleryizeError) -> dict[str, object]:
    """An error as JSON."""
    return {
        "message": error.message,
        "hint": error.hint,
        "path": str(error.where.path) if error.where else None,
        "line": error.where.line if error.where else None,
        "snippet": getattr(error, "snippet", ""),
        "diff": getattr(error, "diff", ""),
    }


def _write(stream: TextIO, text: str) -> None:
    """Write what the stream's encoding can hold; a user's file may hold anything."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
