"""The runs of `celeryize add-schedule` and `remove-schedule`: what is proved, and the preview."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from celeryize.commands.options import RunOptions, WriteOptions, repeated_command, typed_request
from celeryize.commands.schedule import plan as add
from celeryize.commands.schedule.questions import ask_missing, ask_removed
from celeryize.commands.start_command import start_steps, worker_variables
from celeryize.commands.start_up import ImportRequest
from celeryize.commands.writing.runner import Planned, Written, keeping_answers, run_writer
from celeryize.detect.candidates import starts_project
from celeryize.detect.project import Project
from celeryize.errors import NoCelery, UsageError
from celeryize.model import NextStep, Plan
from celeryize.patch.nodes import walk
from celeryize.probe.proof import Expected, Proof
from celeryize.ui.view import View

# Backends whose old results only Beat deletes.
KEEPS_RESULTS = re.compile(r"""['"](?:django-db|db\+|database|file://|mongodb)""")

# Processes, sockets and temporary folders are loaded only by what imports the project.
if TYPE_CHECKING:
    from celeryize.probe.report import ImportedEntry, ImportReport


def add_schedule(
    options: RunOptions, write: WriteOptions, view: View, given: add.Request
) -> Written:
    """Add an entry to the schedule; its next runs are shown before the question."""

    def planned(project: Project) -> Planned:
        if not project.celery:
            raise NoCelery
        request = ask_missing(project, given, view, in_full=write.asks)
        command_line = _repeating(request, given, options, write)
        with keeping_answers(command_line):
            note = _misfit(project, request, certain=write.imports_project)
            plan = add.plan(project, request)
        if note:
            plan = replace(plan, notes=(*plan.notes, note))
        app = project.celery[0]
        sent = add.with_registered_name(project, request).task
        entry: str | None = request.name
        if _is_in_database(project, plan):
            # only a migration puts it there, so an import does not show it yet
            entry = None
        imports = ImportRequest()
        if write.imports_project:
            from celeryize.probe.run import Preview

            imports = ImportRequest(preview=Preview(request.name))

        def imported(sights: tuple[ImportReport, ImportReport]) -> None:
            view.show_preview(_preview_lines(sights[0], request.name, request.when.words))

        def next_steps(proof: Proof) -> tuple[NextStep, ...]:
            del proof
            beat = "Start Beat, or restart it: it reads the schedule when it starts"
            titles = (beat, "A worker runs what Beat sends")
            spec, variables = project.start_spec(app), worker_variables(project)
            steps = start_steps(project, spec, ("beat", "worker"), variables, titles)
            return (*steps, *_deployment_steps(project))

        return Planned(
            plan,
            f"celeryize add-schedule {request.name}",
            Expected(app.module, app.variable, entry=entry, sent=sent),
            imports,
            imported=imported,
            next_steps=next_steps,
            command_line=command_line,
            read_by_path=_is_in_component(project, plan),
        )

    return run_writer(options, write, view, planned)


def _misfit(project: Project, request: add.Request, *, certain: bool) -> str:
    """Why the task cannot be called with what the entry gives it, as a note; empty where it can.

    Raises UsageError instead where it is `certain`: what is not to be proved is not refused.
    """
    from celeryize.commands.schedule.arguments import check_arguments, find_task

    task = find_task(project, request)
    try:
        if task is not None:
            check_arguments(task, request)
    except UsageError as error:
        if certain:
            raise
        return f"{error.message}. {error.hint}"
    return ""


def _note_on_last(project: Project, entry: str) -> str:
    """What the last entry leaves: a Beat that sends nothing, and where it is started."""
    last = f"{entry} is the last entry"
    if _beat_deletes_results(project):
        return f"{last}: Beat then sends nothing but celery.backend_cleanup, for old results."
    last = f"{last}: Beat then runs an empty schedule"
    places = _places_of_beat(project)
    if not places:
        return f"{last}, and need not be started any more."
    return f"{last}, and can be left out of the deployment: {', '.join(places)}."


def _beat_deletes_results(project: Project) -> bool:
    """Whether the results are kept where nothing but Beat's own daily entry deletes old ones.

    Source: celery/beat.py, Scheduler.install_default_entries; supports_autoexpire of each backend.
    """
    where = project.settings.assigned.get("CELERY_RESULT_BACKEND")
    source = project.modules.source(where.path) if where else None
    for node in walk(source.tree) if source else ():
        if isinstance(node, ast.Assign) and where and node.lineno == where.line:
            return bool(KEEPS_RESULTS.search(ast.unparse(node.value)))
    return False


def _places_of_beat(project: Project) -> list[str]:
    """What starts Beat in the deployment files, as the name of a process and its place."""
    if not _may_have_deployment(project):
        return []
    from celeryize.checks.facts import read_facts

    processes = read_facts(project).deployment.processes
    found = [one for one in processes if one.celery and one.celery.subcommand == "beat"]
    return [f"{one.name} ({one.where})" for one in found]


def _may_have_deployment(project: Project) -> bool:
    folders = {project.root, project.root / project.base}
    return any(starts_project(folder) for folder in folders)


def _deployment_steps(project: Project) -> tuple[NextStep, ...]:
    """The step that writes Beat beside the worker of the deployment files, which have none."""
    if not _may_have_deployment(project):
        return ()
    # most projects have no such file: what reads them is loaded here alone
    from celeryize.checks.facts import read_facts
    from celeryize.checks.lacking import worker_without_beat

    worker = worker_without_beat(read_facts(project))
    if worker is None:
        return ()
    title = f"Write Beat beside the worker of {worker.where.path}, or no entry is ever sent there"
    return (NextStep(title, ("celeryize add-worker",)),)


def _repeating(
    request: add.Request, given: add.Request, options: RunOptions, write: WriteOptions
) -> str:
    """The command that does the same without a question; none where nothing was asked."""
    if request == given:
        return ""
    words = ["add-schedule", request.name, request.task, *request.timed]
    words += typed_request(request, {"name", "task", "when", "timed"})
    return repeated_command(words, options, write)


def remove_schedule(options: RunOptions, write: WriteOptions, view: View, name: str) -> Written:
    """Remove an entry from the schedule."""

    def planned(project: Project) -> Planned:
        if not project.celery:
            raise NoCelery
        meant = name or ask_removed(add.entry_names(project), view)
        removal = add.plan_removal(project, meant)
        typed = ""
        if not name:
            typed = repeated_command(["remove-schedule", removal.entry], options, write)
        app = project.celery[0]
        expected = Expected(app.module, app.variable, entry_gone=removal.entry)
        changes = removal.plan
        title = "Restart Beat, which sends the entry until then"
        if removal.is_last:
            note = _note_on_last(project, removal.entry)
            changes = replace(changes, notes=(*changes.notes, note))
            title = "Stop Beat, which sends the entry until then; or restart it"

        def next_steps(proof: Proof) -> tuple[NextStep, ...]:
            del proof
            titles = (title,)
            spec, variables = project.start_spec(app), worker_variables(project)
            return start_steps(project, spec, ("beat",), variables, titles)

        return Planned(
            changes,
            f"celeryize remove-schedule {removal.entry}",
            expected,
            next_steps=next_steps,
            command_line=typed,
            read_by_path=_is_in_component(project, removal.plan),
        )

    return run_writer(options, write, view, planned)


def _is_in_database(project: Project, plan: Plan) -> bool:
    """Whether the entry is in a migration: neither the settings nor the app file is written."""
    # the files in which a schedule in code can be
    homes = {*project.settings.reachable, project.settings.file, project.celery[0].where.path}
    return not any(edit.path in homes for edit in plan.edits)


def _is_in_component(project: Project, plan: Plan) -> bool:
    """Whether the entry is in a file that split_settings' `include()` reads by its path."""
    settings = project.settings
    components = {*settings.reachable} - {settings.file} if settings.split else set()
    return any(edit.path in components for edit in plan.edits)


def _preview_lines(sight: ImportReport, name: str, words: str) -> list[str]:
    """In words, the next runs with their UTC offset, and what a change of the clocks does."""
    from celeryize.pictures import format_moment
    from celeryize.schedule_words import first_run_words

    entry = next((e for e in sight.beat_schedule if e.name == name), None)
    # the proof says what is wrong with an entry that is not there
    if entry is None or not entry.runs:
        return []
    per_day = ""
    if entry.per_day and entry.per_day > 1:
        per_day = f", {entry.per_day:g} times a day"
    first = first_run_words(entry.schedule)
    if first:
        # no zone, and no moment that anybody knows
        return [f"{name}: {words}{per_day}", f"  the first run: {first}"]
    return [
        f"{name}: {words}{per_day} ({sight.timezone})",
        *(f"  {format_moment(run)}" for run in entry.runs),
        *_clock_change_lines(entry),
    ]


def _clock_change_lines(entry: ImportedEntry) -> list[str]:
    return [
        f"  {_clock_change_words(change['at'], change['runs'])}"
        for change in entry.changes
        if change["affected"]
    ]


def _clock_change_words(at: str, runs: Sequence[str]) -> str:
    """What an entry does in the night in which the clocks are changed, with the offsets from UTC:
    one time of day may come twice.
    """
    from celeryize.pictures import format_moment

    day = format_moment(at)[:14]
    times = [format_moment(run)[15:] for run in runs]
    if not times:
        return f"On {day} the clocks change, and it does not run then."
    if len(times) == 1:
        return f"On {day} the clocks change, and it runs once then, at {times[0]}."
    return f"On {day} the clocks change, and it runs {len(times)} times then: {', '.join(times)}."
