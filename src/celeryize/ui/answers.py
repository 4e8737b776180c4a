"""The answers of the commands that only show something: tasks, entries, runs, the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from celeryize.model import HistoryRow
from celeryize.ui.tables import Table
from celeryize.ui.text import Piece
from celeryize.ui.voice import Voice

if TYPE_CHECKING:
    from celeryize.checks.task_table import TaskRow
    from celeryize.probe.report import ImportedEntry

# Of a timeline in a file or a pipe: a name stays on its line.
WIDE = 200
HISTORY_COLOURS = {"as written": "green"}


def answer_tasks(voice: Voice, rows: Sequence[TaskRow]) -> None:
    """The registered tasks as a table, then those that are not, with the reason."""
    head = ("task", "signature", "queue", "limits", "retries", "schedule", "where")
    cells = [_task_cells(row) for row in rows if row.registered]
    extra = ("limits", "retries", "where", "schedule", "queue", "signature")
    voice.answer_table(Table(head, cells, extra))
    for row in rows:
        if row.remark:
            place = f" ({row.where})" if row.where else ""
            pieces = [Piece(row.name, "bold yellow"), Piece(f"{place}: {row.remark}")]
            voice.answer_pieces(pieces, hang="    ")
    if not rows:
        voice.answer("No tasks yet. celeryize add-task APP.TASK writes the first one.", hang="")


def answer_schedule(voice: Voice, entries: Sequence[ImportedEntry]) -> None:
    """The entries as a table, each with its schedule in words and its next run."""
    head = ("entry", "task", "schedule", "next run", "options", "problem")
    extra = ("options", "problem", "next run", "task")
    voice.answer_table(Table(head, [_entry_cells(entry) for entry in entries], extra, ("problem",)))


def answer_runs(voice: Voice, entries: Sequence[ImportedEntry], within: str) -> None:
    """All runs as a table, in order of time."""
    from celeryize.pictures import format_moment

    runs = sorted((run, entry.name) for entry in entries for run in entry.runs)
    if not runs and entries:
        voice.answer(f"Nothing runs in the next {within}.")
    voice.answer_table(Table(("when", "entry"), [(format_moment(run), name) for run, name in runs]))
    _say_intervals(voice, entries)


def _say_intervals(voice: Voice, entries: Sequence[ImportedEntry]) -> None:
    """That the times of intervals are no promise."""
    from celeryize.schedule_words import first_run_words

    names = [entry.name for entry in entries if entry.runs and first_run_words(entry.schedule)]
    if names:
        voice.say(f"Counted from now, and by Beat from its start: {', '.join(names)}.", "dim")


def say_empty_schedule(voice: Voice, entries: Sequence[ImportedEntry]) -> None:
    """That there are no entries, and what adds one."""
    if not entries:
        voice.say("The schedule is empty. celeryize add-schedule adds an entry.")


def answer_history(voice: Voice, rows: Sequence[HistoryRow], *, truncated: bool) -> None:
    """A line for each change, with its files below it."""
    for row in rows:
        style = HISTORY_COLOURS.get(row.state, "yellow")
        head = [
            Piece(f"{row.number:>3}  "),
            Piece(row.command, "bold"),
            Piece("  ("),
            Piece(row.state, style),
            Piece(")"),
        ]
        voice.answer_pieces(head)
        for path in row.files:
            voice.answer(f"       {path}")
    if not rows:
        voice.answer("There is no change of celeryize to undo.")
    if truncated:
        voice.say("Older changes are no longer remembered.", "dim")


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
    from celeryize.schedule_words import first_run_words, schedule_words

    next_run = ""
    if entry.runs:
        next_run = first_run_words(entry.schedule) or format_moment(entry.runs[0])
    options = ", ".join(f"{key}={value}" for key, value in dict(entry.options or {}).items())
    problem = entry.problem or ""
    if not (problem or entry.registered):
        problem = "no such task"
    words = schedule_words(entry.schedule)
    return (entry.name, entry.task or "", words, next_run, options, problem)


def answer_timeline(voice: Voice, entries: Sequence[ImportedEntry], zone: str) -> None:
    """A line of half hours from now on for each entry, and the minute in which most runs start."""
    from datetime import UTC, datetime

    from celeryize.pictures import make_timeline, text_timeline

    if not entries:
        return
    timeline = make_timeline(entries, zone, datetime.now(UTC))
    for line in text_timeline(timeline, voice.out.width or WIDE):
        voice.answer(line)
    _say_intervals(voice, entries)
