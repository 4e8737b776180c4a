"""Worker and Beat as programs of supervisor, made from the program of the web process."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.commands.worker.sections import add_lines, append_to_value, value_lines
from celeryize.commands.worker.target import (
    Target,
    app_of,
    choose_model,
    free_names,
    note_of_web,
    report_front,
)
from celeryize.commands.worker.wanted import REMAP, Job, shell_line
from celeryize.commands.worker.web import folder_of, program_words
from celeryize.detect.processes.process import Process
from celeryize.detect.processes.sections import is_true, sections_of
from celeryize.model import Todo

SHARED = ("directory", "user", "umask", "autostart", "redirect_stderr")
LOGS = ("stdout_logfile", "stderr_logfile")


def plan_supervisor(target: Target) -> None:
    """Plan the programs behind that of the web process; programs that are there are completed."""
    text = target.text
    for process in target.adopted_workers():
        text = _adopt(target, text, process)
    jobs = target.missing_jobs()
    if jobs:
        chosen = choose_model(target)
        target.note(note_of_web(chosen))
        model = chosen.process
        report_front(target, model)
        prefix = _prefix_of(model.name)
        taken = {name.removeprefix(prefix) for name in target.names}
        for job in reversed(free_names(jobs, taken)):
            lines = ["", f"[program:{prefix}{job.name}]"]
            lines += _program_lines(target, model, job)
            text = add_lines(target.path, text, f"program:{model.name}", lines)
            target.what.insert(0, f"[program:{prefix}{job.name}]")
        _report_groups(target, model.name)
    if text != target.text:
        target.write(text)
    elif not target.todos:
        target.keep("its worker is complete")


def new_supervisor(target: Target) -> None:
    """A configuration for a project that has none."""
    text = "[supervisord]\nnodaemon=true\n"
    web = Process("supervisor", "web", tuple(target.web_command.split()), target.web_place())
    folder = target.wanted.home
    for job in target.wanted.jobs:
        lines = [f"[program:{job.name}]", *_program_lines(target, web, job)]
        if folder:
            lines.insert(2, f"directory={folder}")
        text += "\n" + "\n".join(lines) + "\n"
        target.what.append(f"[program:{job.name}]")
    target.write(text)


def _program_lines(target: Target, web: Process, job: Job) -> Iterator[str]:
    wanted = target.wanted
    words = wanted.celery_words(
        job, "/tmp/celerybeat-schedule", folder=folder_of(web), host="%%h", app=app_of(web)
    )
    command = (*program_words(target.root, web), *words[1:])
    yield f"command={shell_line(command)}"
    for key in SHARED:
        if key in web.options:
            yield f"{key}={web.options[key].text}"
    yield from _environment_lines(target, web, job)
    yield "autorestart=true"
    yield f"stopwaitsecs={wanted.grace}"
    yield "stopasgroup=false"
    yield "killasgroup=true"
    for key in LOGS:
        item = web.options.get(key)
        if item and item.text.startswith("/dev/"):
            yield f"{key}={item.text}"
            yield f"{key}_maxbytes=0"
        elif item:
            name = f"{_prefix_of(web.name)}{job.name}"
            yield f"{key}={_log_of(item.text, web.name, name)}"


def _environment_lines(target: Target, web: Process, job: Job) -> Iterator[str]:
    """The variables of the web process and those for the stop: in one line, or on a line each
    where they are so."""
    more = [
        f'{name}="{value}"'
        for name, value in target.wanted.stop_variables(job)
        if name not in web.environment
    ]
    item = web.options.get("environment")
    if item is None:
        if more:
            yield f"environment={','.join(more)}"
        return
    margin, lines = value_lines(target.text, item) if item.where.path == target.path else ("", [])
    if len(lines) < 2:
        sign = ", " if ", " in item.text else ","
        yield f"environment={sign.join([_environment_for(item.text, job), *more])}"
        return
    kept = [line for line in (_environment_for(line, job) for line in lines) if line]
    first, *rest = [f"{line}," for line in (*kept, *more)]
    shown = [f"environment={first}", *(margin + line for line in rest)]
    yield from (*shown[:-1], shown[-1].rstrip(","))


def _environment_for(text: str, job: Job) -> str:
    """The variables of another program, without that for the stop of a worker where it is Beat."""
    if job.is_beat:
        text = re.sub(rf"(?:^|,)\s*{REMAP}=(?:\"[^\"]*\"|'[^']*'|[^,]*)", "", text)
    return text.strip().strip(",")


def _log_of(path: str, old: str, new: str) -> str:
    """A log file beside that of the web process, or of the worker that is there."""
    folder, slash, name = path.rpartition("/")
    for word in (old, "worker"):
        if word in name:
            return f"{folder}{slash}{name.replace(word, new)}"
    stem, dot, ending = name.partition(".")
    if stem == "celery":
        return f"{folder}{slash}{stem}-{new}{dot}{ending}"
    return f"{folder}{slash}{new}-{name}"


def _prefix_of(web: str) -> str:
    """`shop-` of the program `shop-web`."""
    match = re.match(
        r"(.+[-_])(?:celery|worker|beat|web|gunicorn|uwsgi|django|app|server|site)$", web
    )
    return match[1] if match else ""


def _report_groups(target: Target, web: str) -> None:
    """A manual step where the web process is in a group, which lists its programs."""
    for name, where, pairs in sections_of(target.path, target.text, indented=True):
        listed = dict(pairs).get("programs")
        if name.startswith("group:") and listed and web in re.split(r"\s*,\s*", listed.text):
            target.todo(
                Todo(
                    f"the new programs in [{name}] ({where})",
                    f"{web} is in that group; supervisorctl addresses the others by their names.",
                    f"programs={listed.text},...\n",
                    target.path,
                )
            )


def _adopt(target: Target, text: str, process: Process) -> str:
    """The text with what a program that runs Celery lacks."""
    wanted = target.wanted
    if process.subcommand != "worker":
        return text
    lines = []
    if "stopwaitsecs" not in process.options:
        lines.append(f"stopwaitsecs={wanted.grace}")
    elif process.stop is not None and process.stop <= (wanted.soft or 0):
        _must_change(target, process, "stopwaitsecs", str(wanted.grace))
    together = process.options.get("stopasgroup")
    if together is None:
        lines.append("stopasgroup=false")
    elif is_true(together.text):
        _must_change(target, process, "stopasgroup", "false")
    if "killasgroup" not in process.options:
        lines.append("killasgroup=true")
    if wanted.soft is not None and process.variable(REMAP) is None:
        if "environment" in process.options:
            section = f"program:{process.name}"
            more = f'{REMAP}="SIGQUIT"'
            text = append_to_value(target.path, text, section, "environment", more)
            target.what.append(f"{REMAP} for {process.name}")
        else:
            lines.append(f'environment={REMAP}="SIGQUIT"')
    if lines:
        text = add_lines(target.path, text, f"program:{process.name}", lines)
        target.what.append(f"what {process.name} lacks for a safe stop")
    return text


def _must_change(target: Target, process: Process, key: str, value: str) -> None:
    """A manual step: a value that has to be another one."""
    target.todo(
        Todo(
            f"{key} of [program:{process.name}] ({process.options[key].where})",
            "Lines are only added; this one has to change, or running tasks are lost at a stop.",
            f"{key}={value}\n",
            target.path,
        )
    )
