"""What `celeryize dev` starts: the programs, read off the project and its import."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from celeryize.commands.dev.child import Program
from celeryize.commands.start_command import start_place
from celeryize.commands.start_up import target_of
from celeryize.detect.deployment import find_processes
from celeryize.detect.layout import MANAGE
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch, CeleryizeError, UsageError
from celeryize.probe.report import ImportReport

STARTER = Path(__file__).with_name("starter.py")
DATABASE_APP = "django_celery_beat"
DATABASE_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
DEFAULT_SCHEDULER = "celery.beat:PersistentScheduler"
# Each of these costs a second or more at every start, and serves clusters of workers.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
# Pools that patch the standard library before anything else is imported.
PATCHING = frozenset({"gevent", "eventlet"})
# Where runserver listens; so many ports behind it are looked at for a free one.
WEB_PORT, NEIGHBOURS = 8000, 20
# Enough to see two tasks at once, and soon started.
CONCURRENCY = "2"


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What `celeryize dev` was asked for. `beat`: None starts it if there is a schedule."""

    web: bool = True
    beat: bool | None = None
    queues: tuple[str, ...] = ()
    pool: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """The programs of a session; `remarks` are what the user should know about the choice.

    `can_be_early`: nothing has to be patched before the libraries are imported.
    """

    worker: Program
    web: Program | None
    beat: Program | None
    remarks: tuple[str, ...]
    can_be_early: bool = True


def plan_session(
    project: Project, report: ImportReport, options: DevOptions, scratch: Path, token: str
) -> Session:
    """The programs. Raises CannotPatch without a Celery app."""
    if not project.celery:
        raise CannotPatch(
            "this project has no Celery app yet", hint="Set it up first: celeryize init."
        )
    remarks: list[str] = []
    spec = project.start_spec(project.celery[0])
    folder, paths = start_place(project, spec)
    environment = _environment_of(project)
    if paths:
        known = [*map(str, paths), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = ":".join(known)
    python = str(project.interpreter.path)
    starter = (python, "-u", str(STARTER), token, str(scratch), "late")
    celery = (*starter, "celery", "-A", spec)
    worker = Program(
        "worker",
        (*celery, "worker", "-l", "INFO", *ALONE, *_worker_words(report, options, remarks)),
        folder,
        environment,
    )
    beat = None
    scheduler = _scheduler_of(project, report)
    wanted = options.beat
    if wanted is None:
        wanted = bool(scheduler) or has_schedule(project, report)
    if wanted:
        words = ["-l", "INFO", "--pidfile=", "-s", str(scratch / "celerybeat-schedule")]
        if scheduler:
            words += ["-S", scheduler]
        beat = Program("beat", (*celery, "beat", *words), folder, environment)
    elif options.beat is None:
        remarks.append("there is no schedule, so Beat is not started")
    web = None
    if options.web:
        web = _plan_web(project, options, starter)
    patched = {options.pool, _configured_pool(report)} & PATCHING
    return Session(worker, web, beat, tuple(remarks), can_be_early=not patched)


def has_schedule(project: Project, report: ImportReport) -> bool:
    """Whether there is anything for Beat to send."""
    if report.beat_schedule or DATABASE_APP in report.installed_apps:
        return True
    if report.installed_apps:
        return False
    # the import did not get that far: as the settings read
    return any(name.endswith("BEAT_SCHEDULE") for name in project.settings.assigned)


def _scheduler_of(project: Project, report: ImportReport) -> str:
    """The scheduler for Beat's command line; empty where the settings choose it."""
    if report.scheduler and report.scheduler != DEFAULT_SCHEDULER:
        return ""
    for process in find_processes(project.root, project.base):
        command = process.celery
        if command and command.subcommand == "beat":
            named = command.option("-S", "--scheduler", "--scheduler-cls")
            if named and "$" not in named:
                return named
    # a schedule in the database, and nothing that says so: entries of the code win, as they would
    if DATABASE_APP in report.installed_apps and not report.beat_schedule:
        return DATABASE_SCHEDULER
    return ""


def _worker_words(report: ImportReport, options: DevOptions, remarks: list[str]) -> list[str]:
    words: list[str] = []
    if options.pool:
        words += ["-P", options.pool]
    many = options.pool in {"", "prefork", "processes", "threads"}
    if many and "worker_concurrency" not in report.configuration:
        words += ["-c", CONCURRENCY]
    queues = list(options.queues)
    if not queues:
        # one worker stands in for all of production's
        routed = {task.queue for task in report.tasks if task.queue}
        others = sorted(routed - set(report.queues))
        if others and report.queues:
            queues = [*report.queues, *others]
            remarks.append(f"the worker consumes all queues of the project: {', '.join(queues)}")
    if queues:
        words += ["-Q", ",".join(queues)]
    return words


def _configured_pool(report: ImportReport) -> str:
    pool = report.configuration.get("worker_pool")
    return str(pool.value) if pool else ""


def _plan_web(project: Project, options: DevOptions, starter: tuple[str, ...]) -> Program:
    manage = project.root / project.layout.manage
    words = ["runserver", "--noreload"]
    if options.port:
        words.append(str(options.port))
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        words.append("--force-color")
    folder = manage.parent
    if manage.name != MANAGE:
        # a script in bin/, or in the package, finds the project from the folder of its modules
        folder = project.root / project.base
    return Program("web", (*starter, str(manage), *words), folder, _settings_given(project))


def _environment_of(project: Project) -> dict[str, str]:
    return {**_settings_given(project), **dict(target_of(project).environment)}


def _settings_given(project: Project) -> dict[str, str]:
    """The settings that --settings, or an answer before, has chosen for all processes."""
    if project.settings.where is None:
        return {"DJANGO_SETTINGS_MODULE": project.settings.module}
    return {}


def started_early(program: Program) -> Program:
    """The same program, which imports the libraries and then waits for the word to go on."""
    words = ["early" if word == "late" else word for word in program.command[:6]]
    return replace(program, command=(*words, *program.command[6:]))


def without_banner(program: Program) -> Program:
    """The same program of Celery without its banner, which its first start has shown."""
    index = program.command.index("celery") + 1
    return replace(program, command=(*program.command[:index], "-q", *program.command[index:]))


def with_variables(session: Session, variables: Mapping[str, str]) -> Session:
    """The session with some more environment variables for each of its programs."""
    changed = {
        name: replace(program, environment={**program.environment, **variables})
        for name in ("worker", "web", "beat")
        if (program := getattr(session, name)) is not None
    }
    return replace(session, **changed)


def refuse_taken_port(project: Project, port: int | None) -> None:
    """Raises where the web server could not start: its message would scroll away in the log."""
    if port is None and _has_own_runserver(project):
        return
    wanted = port or WEB_PORT
    if not _is_taken(wanted):
        return
    free = next((n for n in range(wanted + 1, wanted + NEIGHBOURS) if not _is_taken(n)), None)
    other = f"Take another port: celeryize dev --port {free}; or" if free else "Stop it, or"
    raise CeleryizeError(
        f"port {wanted} is taken: something else listens there, maybe a runserver in another "
        "terminal",
        hint=f"{other} start no web server: celeryize dev --no-web",
    )


def _has_own_runserver(project: Project) -> bool:
    """Whether an app of the project has a runserver, which may have a port of its own."""
    own = "management/commands/runserver.py"
    return any((project.root / app.folder / own).is_file() for app in project.apps)


def _is_taken(port: int) -> bool:
    """Whether runserver could not listen on a port; it binds in the same way."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
            tried.listen()
        except PermissionError:
            return False
        except OSError:
            return True
    return False


def refuse_what_cannot_be(options: DevOptions, platform: str) -> None:
    """Raises for what this system, or this command line, cannot have."""
    if platform == "win32":
        raise CeleryizeError(
            "celeryize dev does not work on Windows: a worker there cannot be asked to finish its "
            "tasks and end",
            hint="Run `python manage.py runserver` and `celery -A config worker -P solo` in two "
            "terminals; or use WSL.",
        )
    if any(not queue or queue.startswith("-") for queue in options.queues):
        raise UsageError("--queues has an empty name", hint="Write: --queues celery,mails")
