"""Worker and Beat as lines of a Procfile (Heroku, honcho, foreman).

web: gunicorn config.wsgi            web: gunicorn config.wsgi
                              ->     worker: REMAP_SIGTERM=SIGQUIT celery -A config worker -l INFO
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.broker import Server
from celeryize.commands.worker.platforms import find_platform, start_on
from celeryize.commands.worker.target import (
    Target,
    app_of,
    choose_model,
    free_names,
    report_front,
    report_server,
)
from celeryize.commands.worker.wanted import REMAP, Job, shell_line
from celeryize.commands.worker.web import bin_of, find_web, folder_of, kept_front
from celeryize.detect.command import SHELL_FORM
from celeryize.detect.processes.process import Process
from celeryize.detect.processes.procfile import GRACE, read_procfile
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.patch.yaml_edit import newline_of

BEAT_FILE = "/tmp/celerybeat-schedule"
CD = re.compile(r"^\s*(cd\s+\S+\s*&&\s*)")
# `worker: cd src && A=b uv run celery `: a simple command.
LINE = re.compile(
    r"[\w-]+:\s*(?P<cd>cd\s+\S+\s*&&\s*)?(?P<assigned>(?:\w+=\S*\s+)*)"
    r"(?P<runner>[^&|;<>()]*?(?<![\w.-])celery\s)"
)
# What a project has that is made for Heroku.
HEROKU_FILES = ("app.json", "heroku.yml", "runtime.txt", ".python-version")
HEROKU_LIBRARIES = frozenset({"django-heroku", "django-on-heroku"})
REMAPPED = re.compile(rf"(?<!\S){REMAP}=\S*\s+")
# Where the simple command begins that runs Celery: behind the last sign of the shell.
BEGINS = re.compile(r".*(?:&&|\|\||;|\|)\s*")


def plan_procfile(target: Target) -> None:
    """Plan the lines of one Procfile."""
    text = target.text
    _check_grace(target)
    for process in target.adopted_workers():
        if process.subcommand == "worker":
            text = _remap(target, text, process)
    jobs = target.missing_jobs()
    if jobs:
        taken = target.names
        lines = [_line_of(target, job) for job in free_names(jobs, taken)]
        web = _web_of(target)
        if web is not None and not target.workers:
            report_front(target, web)
        text = _appended(target, text, lines)
        names = [line.partition(":")[0] for line in lines]
        target.what.append(", ".join(f"{name}:" for name in names))
        _report_platform(target, names)
    if text != target.text:
        target.write(text)
    elif not target.todos:
        target.keep("its worker is complete")


def new_procfile(target: Target) -> None:
    """A Procfile for a project that has none."""
    command = target.web_command.replace(" --bind 0.0.0.0:8000", "").replace("0.0.0.0:8000", "")
    folder = _folder_from(target, target.wanted.home)
    if folder:
        command = command.replace("gunicorn ", f"gunicorn --chdir {shlex.quote(folder)} ", 1)
    lines = [f"web: {command.strip()}\n", *(_line_of(target, job) for job in target.wanted.jobs)]
    target.what.append("web, worker" + (" and Beat" if target.wanted.beat else ""))
    report_server(target)
    _report_platform(target, [job.name for job in target.wanted.jobs])
    target.write("".join(lines))


def is_heroku(root: Path, declared: Iterable[str]) -> bool:
    """Whether the Procfile at the root is that of Heroku, by the files and libraries beside it."""
    if find_platform(root) is not None:
        return False
    return any((root / name).is_file() for name in HEROKU_FILES) or bool(
        HEROKU_LIBRARIES & set(declared)
    )


def _report_platform(target: Target, names: list[str]) -> None:
    """A note of what a Procfile cannot say: that the new processes run, and where the broker is."""
    if is_development(target.path):
        return
    parts, there = [], "on Heroku"
    if not (is_heroku(target.root, target.declared) and target.path == PurePosixPath("Procfile")):
        there = "there"
        kinds = "process types" if len(names) > 1 else "process type"
        start = start_on(find_platform(target.root), names)
        target.note(
            f"{target.path}: your platform has to run the new {kinds} ({', '.join(names)}): "
            f"{start}."
        )
    server, backend = target.wanted.broker, _unset_backend(target)
    if server.host_variable:
        parts.append(f"{server.host_variable} has to be set {there}, to the host of the broker")
    elif server.kind or server.variables:
        # `REDIS_URL`, which a platform sets by itself, may be read where the first is not there
        parts.append(f"{_names_of_url(server)} has to be set {there}, to the URL of the broker")
    if backend is not None:
        parts.append(
            f"{_names_of_url(backend)} has to be set {there}, to the URL of the result backend: "
            "without it every .delay() fails"
        )
    if parts:
        target.note(f"{target.path}: {', and '.join(parts)}.{_redis_of_heroku(target, there)}")


def _names_of_url(server: Server) -> str:
    """The variables of which one has to be set."""
    others = [name for name in server.variables[1:] if name.endswith("URL")]
    return " or ".join([server.variable, *others])


def _unset_backend(target: Target) -> Server | None:
    """The result backend whose variable has to be set beside that of the broker; None where the
    same variable gives both, or where it is elsewhere than on the machine itself without any."""
    backend = target.wanted.backend
    if backend is None or not backend.variables or not backend.is_local:
        return None
    if target.wanted.broker.variable in backend.variables:
        return None
    return backend


def _redis_of_heroku(target: Target, there: str) -> str:
    """What Heroku's Redis gives, and what Celery asks of its URL."""
    servers = [target.wanted.broker, target.wanted.backend]
    if there != "on Heroku" or all(server is None or server.kind != "redis" for server in servers):
        return ""
    return (
        " Heroku's Redis gives the URL as REDIS_URL; a URL with rediss:// needs "
        "?ssl_cert_reqs=none at its end, because Heroku signs the certificate itself."
    )


def _line_of(target: Target, job: Job) -> str:
    """The line of a job: like that of a worker which is there, else in the folder and with the
    runner of the web process."""
    like = _line_like_worker(target, job)
    if like:
        return like
    prefix, folder, program = "", "", ""
    runner: tuple[str, ...] = ()
    web = _web_of(target)
    if web is not None:
        line = target.text.split("\n")[(web.where.line or 1) - 1].partition(":")[2]
        match = CD.match(line)
        prefix = match[1] if match else ""
        folder = "" if prefix else folder_of(web)
        front = kept_front(target.root, web)
        program, runner = bin_of(web) or front.folder, front.words
    if not prefix and not folder:
        # what starts the web process has its own way to the code
        home = target.wanted.home if web is None else target.wanted.folder
        folder = _folder_from(target, home)
    words = target.wanted.celery_words(job, BEAT_FILE, folder=folder, host="%h")
    given = "".join(f"{name}={value} " for name, value in target.wanted.stop_variables(job))
    command = shell_line((*runner, f"{program}{words[0]}", *words[1:]))
    return f"{job.name}: {prefix}{given}{command}\n"


def _folder_from(target: Target, folder: str) -> str:
    """A folder of the repository as seen from the Procfile; empty for its own."""
    seen = os.path.relpath(folder or ".", str(target.path.parent))
    return "" if seen == "." else seen


def _web_of(target: Target) -> Process | None:
    """The web process: by its name, else by what it runs."""
    found = find_web(target.root, list(target.processes))
    named = [p for p in target.processes if p.name == (target.web_name or "web")]
    if named:
        return named[0]
    return found[0].process if found else None


def _line_like_worker(target: Target, job: Job) -> str:
    """The line of a job like that of a worker of the file; empty where none is a simple command."""
    if not target.workers:
        return ""
    model = choose_model(target).process
    match = LINE.match(target.text.split("\n")[(model.where.line or 1) - 1])
    if match is None or not model.celery:
        return ""
    folder = "" if match["cd"] else folder_of(model)
    words = target.wanted.celery_words(job, BEAT_FILE, folder=folder, host="%h", app=app_of(model))
    # Beat has no tasks that a stop has to wait for
    before = REMAPPED.sub("", f"{match['assigned']}{match['runner']}")
    given = "".join(f"{name}={value} " for name, value in target.wanted.stop_variables(job))
    return f"{job.name}: {match['cd'] or ''}{given}{before}{shell_line(words[1:])}\n"


def _appended(target: Target, text: str, lines: list[str]) -> str:
    """The text with some lines at its end. Raises CannotPatch unless it has exactly these more."""
    newline = newline_of(text)
    body = text
    if body and not body.endswith("\n"):
        body += newline
    new = body + "".join(lines).replace("\n", newline)
    if text and not text.endswith("\n"):
        new = new.removesuffix(newline)
    _prove(target.path, text, new, len(lines))
    return new


def _remap(target: Target, text: str, process: Process) -> str:
    """The text whose worker gets SIGQUIT for SIGTERM, by an assignment in front of its command."""
    if process.variable(REMAP) is not None or target.wanted.soft is None:
        return text
    if target.exported((REMAP,)):
        return text
    lines = text.split("\n")
    index = (process.where.line or 1) - 1
    head, sign, command = lines[index].partition(":")
    match = SHELL_FORM.search(command)
    if match is None or process.shell:
        target.todo(
            Todo(
                f"{REMAP} for {process.name}",
                "Its worker is started in a way that an assignment cannot be put in front of.",
                f"{REMAP}=SIGQUIT\n",
                target.path,
            )
        )
        return text
    begins = BEGINS.match(command[: match.start()])
    offset = begins.end() if begins else len(command) - len(command.lstrip())
    changed = f"{command[:offset]}{REMAP}=SIGQUIT {command[offset:]}"
    lines[index] = head + sign + changed
    new = "\n".join(lines)
    _prove(target.path, text, new, 0)
    target.what.append(f"{REMAP} for {process.name}")
    return new


def _check_grace(target: Target) -> None:
    """A manual step where the soft shutdown takes longer than Heroku waits."""
    soft = target.wanted.soft
    if soft is not None and soft >= GRACE:
        target.todo(
            Todo(
                f"the soft shutdown takes {soft} s, and Heroku kills after {GRACE:g} s",
                "What runs is lost then. Lower the setting, or ignore this elsewhere than Heroku.",
                "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n",
                target.path,
            )
        )


def _prove(path: PurePosixPath, before: str, after: str, added: int) -> None:
    """Raise CannotPatch unless the processes are the old ones, and some at the end."""
    old = [process.name for process in read_procfile(path, before)]
    new = [process.name for process in read_procfile(path, after)]
    rest = iter(after)
    if new[: len(old)] != old or len(new) != len(old) + added or not all(c in rest for c in before):
        raise CannotPatch(f"{path}: the lines would change another process", where=Where(path))
