"""Worker and Beat as systemd units, made from the unit of the web process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.commands.worker.sections import add_lines
from celeryize.commands.worker.target import Target, choose_web, plain_name
from celeryize.commands.worker.wanted import REMAP, Job, shell_line
from celeryize.commands.worker.web import bin_of, folder_of, runner_of
from celeryize.detect.processes.process import Process
from celeryize.detect.processes.sections import SYSTEMD_GRACE, sections_of
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.reading import read_text

# What a worker has in common with the web process.
SHARED = (
    "User",
    "Group",
    "SupplementaryGroups",
    "DynamicUser",
    "WorkingDirectory",
    "EnvironmentFile",
    "Environment",
    "PassEnvironment",
    "UMask",
    "LimitNOFILE",
    "LoadCredential",
)
HARDENING = ("NoNewPrivileges=true", "PrivateTmp=true", "PrivateDevices=true", "ProtectSystem=full")
# Names of units that say nothing about the project.
GENERIC = frozenset({"gunicorn", "uvicorn", "daphne", "uwsgi", "web", "django", "app", "server"})


def plan_systemd(target: Target) -> None:
    """Plan the units beside that of the web process; units that are there are completed."""
    for process in target.workers:
        _adopt(target, process)
    jobs = target.missing_jobs()
    if not jobs:
        return
    web = choose_web(target)
    target.note(f"{web.process.where.path}: the web service is {web.process.name} ({web.why}).")
    path = web.process.where.path
    text = read_text(target.root / path)
    prefix = _prefix_of(target, web.process)
    for job in jobs:
        _write_unit(target, target.path / f"{prefix}-{job.name}.service", prefix, job, path, text)


def new_systemd(target: Target) -> None:
    """Units for a project that has none: its places are guessed, and said."""
    prefix = plain_name(target.project)
    home = f"/srv/{prefix}"
    folder = "/".join(part for part in (home, target.wanted.folder) if part)
    text = (
        f"[Service]\nUser={prefix}\nGroup={prefix}\nWorkingDirectory={folder}\n"
        f"EnvironmentFile=-/etc/{prefix}/environment\n"
        f"ExecStart={home}/.venv/bin/gunicorn\n"
    )
    for job in target.wanted.jobs:
        name = target.path / f"{prefix}-{job.name}.service"
        _write_unit(target, name, prefix, job, name, text)
    target.note(
        f"The units are for a project in {home} with its environment in {home}/.venv, run by the "
        f"user {prefix}: adapt them, then copy them to /etc/systemd/system."
    )


def _write_unit(
    target: Target, path: PurePosixPath, prefix: str, job: Job, web: PurePosixPath, text: str
) -> None:
    if target.draft.read(path) is not None:
        raise CannotPatch(
            f"{path} is there, and it starts no {job.subcommand}",
            hint="Rename it, then run the command again.",
            where=Where(path),
        )
    lines = [*_unit_lines(target, job, web, text), "", "[Service]"]
    lines += [*_service_lines(target, prefix, job, web, text), "", "[Install]"]
    lines.append("WantedBy=multi-user.target")
    what = "the worker as a unit" if not job.is_beat else "Beat as a unit"
    target.draft.write(path, ("\n".join(lines) + "\n").encode(), what)


def _unit_lines(target: Target, job: Job, web: PurePosixPath, text: str) -> Iterator[str]:
    yield "[Unit]"
    kind = "Celery Beat" if job.is_beat else "Celery worker"
    yield f"Description={kind} of {target.project}"
    found = [
        f"{key}={item.text}"
        for name, _, pairs in sections_of(web, text)
        for key, item in pairs
        if name == "Unit" and key in {"After", "Wants"} and ".socket" not in item.text
    ]
    yield from found or ["Wants=network-online.target", "After=network-online.target"]


def _service_lines(
    target: Target, prefix: str, job: Job, web: PurePosixPath, text: str
) -> Iterator[str]:
    wanted = target.wanted
    pairs = [
        (key, item)
        for name, _, found in sections_of(web, text)
        for key, item in found
        if name == "Service"
    ]
    yield "Type=exec"
    for key, item in pairs:
        if key in SHARED:
            yield f"{key}={item.text}"
    for name, value in wanted.stop_variables(job):
        yield f"Environment={name}={value}"
    start = next((item.text for key, item in pairs if key == "ExecStart"), "")
    web_process = Process("systemd", "web", tuple(start.split()), Where(web))
    schedule = f"/var/lib/{prefix}-beat/celerybeat-schedule"
    words = wanted.celery_words(job, schedule, folder=folder_of(web_process), host="%%h")
    program = bin_of(web_process)
    if not program and not runner_of(web_process):
        program = _folder_of_program(start)
    command = (*runner_of(web_process), f"{program}{words[0]}", *words[1:])
    yield f"ExecStart={shell_line(command)}"
    if job.is_beat and not wanted.database:
        yield f"StateDirectory={prefix}-beat"
    yield "KillMode=mixed"
    yield f"TimeoutStopSec={wanted.grace}"
    yield "Restart=always"
    yield "RestartSec=5"
    yield from HARDENING


def _folder_of_program(start: str) -> str:
    """The folder of an absolute program, with its slash; systemd wants one."""
    program = start.split()[0] if start.split() else ""
    folder = program.lstrip("-@:+!").rpartition("/")[0]
    return f"{folder}/" if folder else ""


def _prefix_of(target: Target, web: Process) -> str:
    """What the names of the units begin with: what that of the web process does."""
    stem = re.sub(r"[-_.](?:web|gunicorn|uvicorn|webserver|django|app)$", "", web.name[:-8])
    if stem in GENERIC:
        stem = plain_name(target.project)
    return stem


def _adopt(target: Target, process: Process) -> None:
    """Complete a unit that runs Celery already, by lines that it lacks."""
    path, wanted = process.where.path, target.wanted
    if process.options.get("Type") and process.options["Type"].text in {"forking", "oneshot"}:
        target.todo(
            Todo(
                f"{path} starts Celery in the background",
                "systemd cannot watch it, nor stop it safely: start it in the foreground.",
                "Type=exec\nKillMode=mixed\n",
                path,
            )
        )
        return
    lines = []
    is_worker = process.subcommand == "worker"
    if is_worker and wanted.soft is not None and process.variable(REMAP) is None:
        lines.append(f"Environment={REMAP}=SIGQUIT")
    if is_worker and "KillMode" not in process.options:
        lines.append("KillMode=mixed")
    if is_worker and process.stop_where is None and wanted.grace >= SYSTEMD_GRACE:
        lines.append(f"TimeoutStopSec={wanted.grace}")
    if "Restart" not in process.options:
        lines.append("Restart=always")
    if process.stop is not None and process.stop_where and process.stop <= (wanted.soft or 0):
        target.todo(
            Todo(
                f"TimeoutStopSec of {path} is {process.stop:g} s ({process.stop_where})",
                f"The soft shutdown needs {wanted.soft} s before the worker is killed.",
                f"TimeoutStopSec={wanted.grace}\n",
                path,
            )
        )
    if not lines:
        target.draft.keep(path, "it is complete")
        return
    text = target.draft.source(path).text
    new = add_lines(path, text, "Service", lines)
    target.draft.write(path, new.encode("utf-8"), "what it lacks for a safe stop")
