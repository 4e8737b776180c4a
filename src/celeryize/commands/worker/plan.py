"""`celeryize add-worker`: worker and Beat in the deployment files, settings and health to match."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts, read_facts
from celeryize.checks.lacking import results_to_clear
from celeryize.commands.worker.bases import find_bases
from celeryize.commands.worker.compose import new_compose, plan_compose
from celeryize.commands.worker.env_file import find_env_file
from celeryize.commands.worker.files import DeploymentFile, find_files, is_unknown_worker
from celeryize.commands.worker.kubernetes import new_kubernetes, plan_kubernetes
from celeryize.commands.worker.paste import lines_to_paste
from celeryize.commands.worker.platform_lines import what_to_paste
from celeryize.commands.worker.platforms import (
    WORDS,
    find_platform,
    started_by_platforms,
    without_procfiles,
)
from celeryize.commands.worker.procfile import new_procfile, plan_procfile
from celeryize.commands.worker.request import KINDS, Request, check_request
from celeryize.commands.worker.routes import report_unconsumed
from celeryize.commands.worker.supervisor import new_supervisor, plan_supervisor
from celeryize.commands.worker.systemd import new_systemd, plan_systemd
from celeryize.commands.worker.target import Target
from celeryize.commands.worker.timing import plan_timing
from celeryize.commands.worker.wanted import MARGIN, REMAP, Wanted
from celeryize.commands.worker.watch import plan_health
from celeryize.commands.worker.web import find_web, program_words
from celeryize.commands.worker.wishes import LONGEST, default_queue_of, wanted_processes
from celeryize.detect.processes.process import Process
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Plan, Where

# The kinds whose health checks are written without being asked.
PROBED = frozenset({"compose", "kubernetes"})
NEW_FILES = {
    "compose": "compose.yaml",
    "procfile": "Procfile",
    "systemd": "deploy",
    "kubernetes": "k8s/celery.yaml",
    "supervisor": "supervisord.conf",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of deployment file: what plans a worker in one that is there, and what makes a new
    one."""

    plan: Callable[[Target], None]
    new: Callable[[Target], None]


PLANS = {
    "compose": Kind(plan_compose, new_compose),
    "procfile": Kind(plan_procfile, new_procfile),
    "systemd": Kind(plan_systemd, new_systemd),
    "kubernetes": Kind(plan_kubernetes, new_kubernetes),
    "supervisor": Kind(plan_supervisor, new_supervisor),
}


def plan(project: Project, request: Request) -> Plan:
    """The edits of all deployment files of the project, or of one kind.

    Raises UsageError, or CannotPatch where no file can be edited: then with the lines to paste.
    """
    check_request(request)
    if not project.celery:
        raise CannotPatch(
            "this project has no Celery app yet", hint="Set it up first: celeryize init."
        )
    facts = read_facts(project)
    draft = project.draft()
    found = find_files(project.root, project.base)
    files = [file for file in found if request.to in {None, file.kind}]
    if request.to is None:
        files = without_procfiles(files, facts, request, draft)
        if not files:
            _keep_platform_files(project, facts, request, draft)
            return draft.plan()
    skipped: list[DeploymentFile] = []
    if request.to and not request.service and all(file.skipped for file in files):
        # a file for the documentation, say: the project itself has none of the kind
        skipped, files = files, []
    kinds = {file.kind for file in files} or {request.to or ""}
    health = request.health
    if health is None:
        health = bool(kinds & PROBED)
    patience = _patience_of(files)
    wanted, timing = wanted_processes(project, facts, request, health=health, patience=patience)
    if files:
        _plan_files(project, draft, files, wanted, request, facts)
    else:
        _plan_new(project, draft, wanted, request, facts, skipped)
    if draft.edits():
        plan_timing(project, draft, timing)
    if health and _uses_health(draft):
        plan_health(project, draft)
    report_unconsumed(facts, draft, wanted)
    _report_less_time(draft, files, wanted)
    if request.beat is None and wanted.beat is None:
        _report_no_beat(facts, draft, files)
    return draft.plan()


def _patience_of(files: list[DeploymentFile]) -> float | None:
    """The least time that a worker has for its tasks at a stop, of those for which a file says one;
    None also where a Procfile is among the files, whose platform has its own."""
    if any(file.kind == "procfile" for file in files):
        return None
    workers = (one for file in files for one in file.processes if one.subcommand == "worker")
    said = [_time_at_stop(one) for one in workers if one.stop_where is not None]
    return min((seconds for seconds in said if seconds is not None), default=None)


def _time_at_stop(process: Process) -> float | None:
    """The seconds until a process is killed; systemd has a word for no end."""
    item = process.options.get("TimeoutStopSec")
    if item is not None and item.text.strip() == "infinity":
        return LONGEST
    return process.stop


def _report_less_time(draft: Draft, files: list[DeploymentFile], wanted: Wanted) -> None:
    """A note for a worker that had more time for its tasks at a stop than the soft shutdown."""
    if wanted.soft is None:
        return
    mark = REMAP.encode()
    changed = {
        edit.path
        for edit in draft.edits()
        if (edit.after or b"").count(mark) > (edit.before or b"").count(mark)
    }
    for process in (one for file in files for one in file.processes):
        seconds = _time_at_stop(process)
        if process.subcommand != "worker" or process.where.path not in changed:
            continue
        if process.stop_where is None or seconds is None or seconds - MARGIN <= wanted.soft:
            continue
        draft.add_note(
            f"{process.name} has {seconds:g} s for its tasks at a stop ({process.stop_where}), of "
            f"which {wanted.soft} are used with {REMAP}: where tasks take longer, raise "
            f"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT to {seconds - MARGIN:g}."
        )


def _keep_platform_files(project: Project, facts: Facts, request: Request, draft: Draft) -> None:
    """A step for the file of a platform that starts all that is wanted. Raises CannotPatch where
    something is missing."""
    started = started_by_platforms(facts)
    wanted, _ = wanted_processes(project, facts, request, health=False)
    there = {process.subcommand for process in started}
    # which queues a worker of theirs is for is not compared
    missing = tuple(job for job in wanted.jobs if job.subcommand not in there or request.queues)
    if missing:
        workers = tuple(job for job in missing if not job.is_beat)
        beat = wanted.beat if wanted.beat in missing else None
        raise _no_file(project, replace(wanted, workers=workers, beat=beat), started)
    for process in started:
        what = WORDS[str(process.subcommand)]
        draft.keep(process.where.path, f"line {process.where.line} starts {what}")


def _no_file(project: Project, wanted: Wanted, started: Sequence[Process]) -> CannotPatch:
    """That there is no deployment file; where the file of a platform is, with what goes there,
    beside what it starts already."""
    what = (
        "no deployment file was found: no compose file, Procfile, systemd unit, Kubernetes "
        "manifest or supervisor program"
    )
    if started:
        there = WORDS[str(started[0].subcommand)]
        absent = " and ".join(dict.fromkeys(WORDS[job.subcommand] for job in wanted.jobs))
        what = f"{started[0].where} starts {there}, and no file starts {absent}"
    kinds = ", ".join(KINDS)
    platform = find_platform(project.root)
    if platform is None or not platform.processes:
        return CannotPatch(what, hint=f"Make one with --to KIND, which is one of {kinds}.")
    todo, steps, lines = what_to_paste(project, platform, wanted)
    message, hint = todo, f"{steps} Another kind of file: --to KIND, one of {kinds}. The lines:"
    if started:
        message, hint = what, f"{todo}. {hint}"
    return CannotPatch(message, hint=hint.strip(), snippet=lines)


def _report_no_beat(facts: Facts, draft: Draft, files: list[DeploymentFile]) -> None:
    """A note where no Beat is added, and one will be missed: for the entries that are still to
    come, or for results that nothing else deletes."""
    if any(process.subcommand == "beat" for file in files for process in file.processes):
        return
    results = results_to_clear(facts)
    if results is not None:
        draft.add_note(
            "no Beat is added, because the schedule has no entry; but the results in the database "
            f"({results.where}) are deleted by a task that only Beat sends: pass --beat."
        )
    elif facts.settings.first("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE") is not None:
        draft.add_note(
            "no Beat is added, because the schedule has no entry yet: after the first "
            "`celeryize add-schedule`, run add-worker again; or pass --beat now."
        )


def _plan_files(
    project: Project,
    draft: Draft,
    files: list[DeploymentFile],
    wanted: Wanted,
    request: Request,
    facts: Facts,
) -> None:
    """Plan each file; one that cannot be edited is a manual step beside the others."""
    refusals: list[CannotPatch] = []
    done = 0
    passed_over: list[DeploymentFile] = []
    bases = find_bases(project.root, files)
    for file in files:
        if file.path in bases and not _has_celery(file) and not request.service:
            why = f"it is the base of what {bases[file.path]} starts"
            passed_over.append(replace(file, skipped=file.skipped or why))
            continue
        if _is_passed_over(file, files, request):
            passed_over.append(file)
            continue
        siblings = _siblings_of(project, file, files)
        try:
            if file.refusal:
                raise file.refusal
            target = _target_of(project, draft, file, wanted, request, facts)
            target = replace(
                target,
                siblings=siblings,
                overrides=_overrides_of(file, files),
                called=_worker_names(file, files),
            )
            if file.path in bases or _is_left_to_another(project, file, files):
                target = replace(target, wanted=replace(wanted, workers=(), beat=None))
            PLANS[file.kind].plan(target)
            done += 1
        except CannotPatch as refusal:
            refusals.append(_with_lines(project, refusal, file, wanted))
    if refusals and not done:
        raise refusals[0]
    if not done:
        reasons = "; ".join(f"{file.path}: {file.skipped}" for file in passed_over[:4])
        raise CannotPatch(
            f"no deployment file has a web process that a worker can be made from ({reasons})",
            hint="Name the service: --service NAME; or make a new file: --to KIND, one of "
            f"{', '.join(KINDS)}. The lines, to be adapted:",
            snippet=_lines_for(project, passed_over[0], wanted),
            where=Where(passed_over[0].path),
        )
    for manual in refusals:
        draft.add_manual(manual)
    _report_kept(draft, passed_over, request)


def _report_kept(draft: Draft, passed_over: list[DeploymentFile], request: Request) -> None:
    """A note for each reason why files stay as they are."""
    reasons_of: dict[str, list[str]] = {}
    changed = {edit.path for edit in draft.edits()}
    for file in passed_over:
        if file.path not in changed:
            why = file.skipped or f"it has no service {request.service}"
            reasons_of.setdefault(why, []).append(str(file.path))
    for why, paths in reasons_of.items():
        draft.add_note(_note_of_kept(why, paths))


def _has_celery(file: DeploymentFile) -> bool:
    """Whether a file starts a worker or Beat, whose lines may lack something."""
    return any(process.subcommand in {"worker", "beat"} for process in file.processes)


def _note_of_kept(why: str, paths: list[str]) -> str:
    """Why some files stay as they are, in one sentence for all of them."""
    if len(paths) == 1:
        return f"{paths[0]} stays as it is: {why}."
    return f"These stay as they are: {', '.join(paths)}. Of each: {why}."


def _is_passed_over(file: DeploymentFile, files: list[DeploymentFile], request: Request) -> bool:
    """Whether a file needs no worker: by itself or, with --service, without that service."""
    if request.service is None:
        return bool(file.skipped)
    having = [one for one in files if any(p.name == request.service for p in one.processes)]
    # a service of the base and of its override is that of the base
    having = [one for one in having if one.base is None] or having
    return bool(having) and file not in having


def _is_left_to_another(
    project: Project, file: DeploymentFile, files: list[DeploymentFile]
) -> bool:
    """Whether new processes go into another file of the folder: that with the web process, or that
    which the file is an override of."""
    if file.base is not None:
        return True
    if file.kind in {"procfile", "systemd"} or find_web(project.root, list(file.processes)):
        return False
    return any(
        other.kind == file.kind
        and other.path.parent == file.path.parent
        and not other.skipped
        and bool(find_web(project.root, list(other.processes)))
        for other in files
    )


def _siblings_of(
    project: Project, file: DeploymentFile, files: list[DeploymentFile]
) -> tuple[Process, ...]:
    """The processes of the files that are applied together with a file.

    That is: those of its folder; of compose files, those that only add to the one with the web
    service.
    """
    found: list[Process] = []
    for other in files:
        if other is file or other.kind != file.kind or other.path.parent != file.path.parent:
            continue
        if file.kind == "compose" and find_web(project.root, list(other.processes)):
            continue
        found += other.processes
    return tuple(found)


def _worker_names(file: DeploymentFile, files: list[DeploymentFile]) -> tuple[str, ...]:
    """How the workers of the other compose files are called that call their services as this one.

    A file for production beside one for development, say.
    """
    names = {process.name for process in file.processes}
    return tuple(
        process.name
        for other in files
        if other is not file and other.kind == file.kind == "compose" and not other.skipped
        if any(process.name in names for process in other.processes)
        for process in other.processes
        if process.subcommand == "worker"
    )


def _overrides_of(file: DeploymentFile, files: list[DeploymentFile]) -> tuple[PurePosixPath, ...]:
    """The compose files that may add to the services of another one: those of its folder, and those
    elsewhere that are known to."""
    return tuple(
        other.path
        for other in files
        if other.kind == file.kind == "compose"
        and other is not file
        and (file.path.parent == other.path.parent or other.base == file.path)
        and other.refusal is None
        and other.processes
    )


def _lines_for(project: Project, file: DeploymentFile, wanted: Wanted) -> str:
    """The lines to paste into a file, whose programs are where its other processes have them."""
    like = [web.process for web in find_web(project.root, list(file.processes))]
    like = like or [process for process in file.processes if is_unknown_worker(process)]
    programs = {program_words(project.root, process) for process in like}
    # of several, nobody knows which one it is about
    if len(programs) == 1:
        return lines_to_paste(file.kind, wanted, programs.pop())
    return lines_to_paste(file.kind, wanted)


def _with_lines(
    project: Project, refusal: CannotPatch, file: DeploymentFile, wanted: Wanted
) -> CannotPatch:
    """The refusal with the lines to paste, whatever it was about: behind those of its own, which
    are for a service that is there."""
    if refusal.snippet:
        return CannotPatch(
            refusal.message,
            hint=f"{refusal.hint.rstrip(':')}; then the new processes, to be adapted:",
            snippet=f"{refusal.snippet.rstrip()}\n\n{_lines_for(project, file, wanted)}",
            where=refusal.where or Where(file.path),
        )
    return CannotPatch(
        refusal.message,
        hint=f"{refusal.hint.rstrip('.')}. The lines, to be adapted:".lstrip(". "),
        snippet=_lines_for(project, file, wanted),
        where=refusal.where or Where(file.path),
    )


def _plan_new(
    project: Project,
    draft: Draft,
    wanted: Wanted,
    request: Request,
    facts: Facts,
    skipped: list[DeploymentFile],
) -> None:
    """A new file of the kind that was asked for; `skipped` are those that get no worker."""
    kind = request.to or ""
    path = project.base / NEW_FILES[kind]
    if kind != "procfile":
        path = PurePosixPath(NEW_FILES[kind])
    if kind != "systemd" and draft.read(path) is not None:
        why = next((file.skipped for file in skipped if file.path == path), "")
        raise CannotPatch(
            f"{path} is there, and no worker is added to it: "
            f"{why or 'it is not known what it starts'}",
            hint="Name the service that the worker is to be like, if it has none yet: "
            "--service NAME. The lines, to be adapted:",
            snippet=lines_to_paste(kind, wanted),
            where=Where(path),
        )
    file = DeploymentFile(kind, path, "", ())
    target = _target_of(project, draft, file, wanted, request, facts)
    found = find_env_file(facts) if kind == "compose" else None
    if found is not None:
        env_file, shown = found
        target = replace(target, env_file=str(env_file))
        if shown != env_file:
            draft.add_note(f"{path} reads {env_file}: make it from {shown}, if it is not there.")
    PLANS[kind].new(target)


def _target_of(
    project: Project,
    draft: Draft,
    file: DeploymentFile,
    wanted: Wanted,
    request: Request,
    facts: Facts,
) -> Target:
    return Target(
        project.root,
        file.path,
        file.kind,
        file.text,
        file.processes,
        wanted,
        draft,
        web_name=request.service,
        web_command=_web_command(project),
        declared=frozenset(project.dependencies.declared),
        default_queue=default_queue_of(facts),
        project=project.root.name,
        others=file.others,
    )


def _web_command(project: Project) -> str:
    """The command of the web process in a file that is made anew."""
    for entry in project.web:
        if entry.path.name == "wsgi.py":
            return f"gunicorn {entry.module} --bind 0.0.0.0:8000"
    return "python manage.py runserver 0.0.0.0:8000"


def _uses_health(draft: Draft) -> bool:
    """Whether a planned file probes the heartbeats."""
    return any(
        re.search(rb"celery-(?:worker|beat)-alive", edit.after or b"") for edit in draft.edits()
    )
