"""Worker and Beat as systemd units, made from the unit of the web process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from celeryize.commands.worker.sections import add_lines
from celeryize.commands.worker.target import (
    Target,
    app_of,
    choose_model,
    note_of_web,
    plain_name,
    report_front,
)
from celeryize.commands.worker.wanted import REMAP, Job, shell_line
from celeryize.commands.worker.web import find_web, folder_of, program_words
from celeryize.detect.processes.process import Process
from celeryize.detect.processes.sections import SYSTEMD_GRACE, read_unit, sections_of
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.reading import read_text

# `%i` and its like; `%%` is a percent sign.
SPECIFIER = re.compile(r"%(.)")
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
GENERIC = re.compile(
    r"gunicorn|uvicorn|daphne|uwsgi|web|django|app|server|(?:celery[-_]?)?worker\w*|celeryd?"
)
STEM_END = re.compile(
    r"[-_.](?:web|gunicorn|uvicorn|webserver|django|app|celeryd?|(?:celery[-_]?)?worker\w*)$"
)


def plan_systemd(target: Target) -> None:
    """Plan the units beside that of the web process; units that are there are completed."""
    for process in target.adopted_workers():
        _adopt(target, process)
    jobs = target.missing_jobs()
    if not jobs:
        return
    model = choose_model(target)
    path = model.process.where.path
    target.note(note_of_web(model))
    report_front(target, model.process)
    text = read_text(target.root / path)
    prefix = _prefix_of(target, model.process)
    templated = _is_templated(target.root, model.process, text)
    for job in jobs:
        _write_unit(target, prefix, job, model.process, text, templated=templated)
    if templated:
        _note_of_templates(target, prefix, jobs, model.process)


def new_systemd(target: Target) -> None:
    """Units for a project that has none: its places are guessed, and said."""
    prefix = plain_name(target.project)
    home = f"/srv/{prefix}"
    folder = "/".join(part for part in (home, target.wanted.home) if part)
    text = (
        f"[Service]\nUser={prefix}\nGroup={prefix}\nWorkingDirectory={folder}\n"
        f"EnvironmentFile=-/etc/{prefix}/environment\n"
        f"ExecStart={home}/.venv/bin/gunicorn\n"
    )
    web = next(read_unit(target.path / f"{prefix}.service", text))
    for job in target.wanted.jobs:
        _write_unit(target, prefix, job, web, text, templated=False)
    target.note(
        f"The units are for a project in {home} with its environment in {home}/.venv, run by the "
        f"user {prefix}: adapt them, then copy them to /etc/systemd/system."
    )


def _note_of_templates(target: Target, prefix: str, jobs: tuple[Job, ...], model: Process) -> None:
    """Which instances there have to be of units that are templates."""
    names = " and ".join(f"{prefix}-{job.name}@NAME" for job in jobs)
    note = f"{model.where.path} is a template, so what is new is one, too: enable {names} "
    note += f"for each NAME that {model.name.partition('@')[0]}@NAME runs for."
    if any(job.is_beat for job in jobs):
        note += " Where several share one database, start Beat for one of them only."
    target.note(note)


def _write_unit(
    target: Target, prefix: str, job: Job, model: Process, text: str, *, templated: bool
) -> None:
    """Write the unit of a job, like that of the model, whose text is given."""
    sign = "@" if templated else ""
    path = target.path / f"{prefix}-{job.name}{sign}.service"
    if target.draft.read(path) is not None:
        raise CannotPatch(
            f"{path} is there, and it starts no {job.subcommand}",
            hint="Rename it, then run the command again.",
            where=Where(path),
        )
    # the state of each instance is its own
    state = f"{prefix}-beat-%i" if templated else f"{prefix}-beat"
    # what waits for its instance has no place in a unit that has none
    unit = [line for line in _unit_lines(target, job, model, text) if sign or not _is_own(line)]
    lines = [*unit, "", "[Service]"]
    lines += [*_service_lines(target, state, job, model, text), "", "[Install]"]
    lines.append("WantedBy=multi-user.target")
    what = "the worker as a unit" if not job.is_beat else "Beat as a unit"
    target.draft.write(path, ("\n".join(lines) + "\n").encode(), what)


def _is_templated(root: Path, model: Process, text: str) -> bool:
    """Whether what is taken over from a unit depends on its instance."""
    taken = [*_shared_lines(model, text), *_program_of(root, model), folder_of(model)]
    return model.name.endswith("@.service") and any(_is_own(line) for line in taken)


def _is_own(line: str) -> bool:
    """Whether a line is another one for each instance of a template."""
    return bool({"i", "I"} & set(SPECIFIER.findall(line)))


def _as_model(model: Process, line: str) -> str:
    """A line of the model as it is understood in the model: its name and instance spelled out."""
    name = model.name.removesuffix(".service")
    stem, sign, instance = name.partition("@")
    values = {"p": stem, "P": stem, "j": stem.rpartition("-")[2], "J": stem.rpartition("-")[2]}
    if sign and not instance:
        values |= {"n": f"{stem}@%i.service", "N": f"{stem}@%i"}
    else:
        values |= {"n": f"{name}.service", "N": name, "i": instance, "I": instance}
    return SPECIFIER.sub(lambda match: values.get(match[1], match[0]), line)


def _shared_lines(model: Process, text: str) -> Iterator[str]:
    """The lines of the model that a worker has, too."""
    for name, _, found in sections_of(model.where.path, text):
        for key, item in found:
            if name == "Service" and key in SHARED:
                yield _as_model(model, f"{key}={item.text}")


def _unit_lines(target: Target, job: Job, model: Process, text: str) -> Iterator[str]:
    yield "[Unit]"
    kind = "Celery Beat" if job.is_beat else "Celery worker"
    yield f"Description={kind} of {target.project}"
    found = [
        _as_model(model, f"{key}={item.text}")
        for name, _, pairs in sections_of(model.where.path, text)
        for key, item in pairs
        if name == "Unit" and key in {"After", "Wants"} and ".socket" not in item.text
    ]
    yield from found or ["Wants=network-online.target", "After=network-online.target"]


def _service_lines(
    target: Target, state: str, job: Job, model: Process, text: str
) -> Iterator[str]:
    wanted = target.wanted
    yield "Type=exec"
    for line in _shared_lines(model, text):
        # Beat has no tasks that a stop has to wait for
        key, _, value = line.partition("=")
        if not (key == "Environment" and value.strip("\"'").startswith(f"{REMAP}=")):
            yield line
    for name, value in wanted.stop_variables(job):
        yield f"Environment={name}={value}"
    start = shell_line((*_program_of(target.root, model), *_words_of(target, state, job, model)))
    yield f"ExecStart={_as_model(model, start)}"
    if job.is_beat and not wanted.database:
        yield f"StateDirectory={state}"
    yield "KillMode=mixed"
    yield f"TimeoutStopSec={wanted.grace}"
    yield "Restart=always"
    yield "RestartSec=5"
    yield from HARDENING


def _words_of(target: Target, state: str, job: Job, model: Process) -> tuple[str, ...]:
    """The words behind the program."""
    schedule = f"/var/lib/{state}/celerybeat-schedule"
    words = target.wanted.celery_words(
        job, schedule, folder=folder_of(model), host="%%h", app=app_of(model)
    )
    return words[1:]


def _program_of(root: Path, model: Process) -> tuple[str, ...]:
    """The words up to `celery`; systemd wants the path of the first."""
    words = program_words(root, model)
    if len(words) == 1 and "/" not in words[0]:
        return (f"{_folder_of_program(' '.join(model.words))}{words[0]}",)
    return words


def _folder_of_program(start: str) -> str:
    """The folder of an absolute program, with its slash."""
    program = start.split()[0] if start.split() else ""
    folder = program.lstrip("-@:+!").rpartition("/")[0]
    return f"{folder}/" if folder else ""


def _prefix_of(target: Target, model: Process) -> str:
    """What the names of the units begin with: what that of the web process, or the model, does."""
    webs = [web.process for web in find_web(target.root, list(target.processes))]
    for process in (*webs[:1], model):
        stem = STEM_END.sub("", process.name.removesuffix(".service").partition("@")[0])
        if not GENERIC.fullmatch(stem):
            return stem
    return plain_name(target.project)


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
