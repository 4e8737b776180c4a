"""One deployment file that gets a worker: what is in it, and what the plan says about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from celeryize.commands.worker.files import is_unknown_worker
from celeryize.commands.worker.front import front_of
from celeryize.commands.worker.wanted import Job, Wanted
from celeryize.commands.worker.web import (
    WEB,
    Web,
    bin_of,
    find_web,
    folder_of,
    kept_front,
)
from celeryize.detect.deployment import SCRIPT_NAMES, matching_files, own_folders
from celeryize.detect.processes.process import Process
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.reading import readable_text

IMAGES = re.compile(r".*[Dd]ockerfile.*|Containerfile|[\w-]*entry[\w-]*|.*\.sh")


@dataclass(frozen=True, slots=True)
class Target:
    """A file of one kind, the processes that it starts, and the draft that it is planned in.

    `web_name` is the web process that the user names.
    """

    root: Path
    path: PurePosixPath
    kind: str
    text: str
    processes: tuple[Process, ...]
    wanted: Wanted
    draft: Draft
    web_name: str | None = None
    web_command: str = ""
    # the dependencies of the project, by their names
    declared: frozenset[str] = frozenset()
    # the name of the repository, for units and programs
    project: str = ""
    # queues that workers of the file consume by their command lines; None: the default one
    default_queue: str = "celery"
    # the processes of the files that are applied together with this one
    siblings: tuple[Process, ...] = ()
    # those of other Django projects in the file: their names are taken
    others: tuple[Process, ...] = ()
    # the names of the workers in compose files that call their services as this one does
    called: tuple[str, ...] = ()
    # the compose files that may add to its services
    overrides: tuple[PurePosixPath, ...] = ()
    # the file with the variables that the settings need, for a file that is made anew
    env_file: str = ""
    # by file and service: what a file with variables that is not here has to give
    given_elsewhere: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    what: list[str] = field(default_factory=list)
    todos: list[Todo] = field(default_factory=list)

    @property
    def workers(self) -> tuple[Process, ...]:
        """The processes that run a worker or Beat."""
        return tuple(p for p in self.processes if p.subcommand in {"worker", "beat"})

    @property
    def names(self) -> set[str]:
        """The names of all processes of the file."""
        return {process.name for process in (*self.processes, *self.others)}

    def adopted_workers(self) -> tuple[Process, ...]:
        """Those that run the app of the project. Another app, which has settings of its own and no
        heartbeats, is left as it is, and said."""
        found = []
        for process in self.workers:
            app = app_of(process)
            if is_app(app, self.wanted.spec):
                found.append(process)
                continue
            self.note(
                f"{process.where.path}: {process.name} runs another Celery app ({app}, not "
                f"{self.wanted.spec}) and stays as it is."
            )
        return tuple(found)

    def missing_jobs(self) -> tuple[Job, ...]:
        """The jobs that no process of the file does yet; a worker for other queues is a worker."""
        consumed = self.consumed()
        missing = []
        for job in self.wanted.workers:
            named = queues_of(job.options, "")
            if not (consumed if named == {""} else named <= consumed):
                missing.append(job)
        running = [p for p in (*self.workers, *self.siblings) if p.celery]
        has_beat = any(p.subcommand == "beat" or _has_beat(p) for p in running)
        if self.wanted.beat and not has_beat:
            missing.append(self.wanted.beat)
        return tuple(job for job in missing if not self._may_run(job))

    def _may_run(self, job: Job) -> bool:
        """Whether a process does a job by its name, and what it runs is not known: a second one
        beside it would be one too many. It is said."""
        if job.options and queues_of(job.options, "") - {"", self.default_queue}:
            return False
        for process in (*self.processes, *self.siblings):
            if is_unknown_worker(process) and _job_by_name(process) == job.subcommand:
                what = "Beat" if job.is_beat else job.name
                self.note(
                    f"{self.path}: what {process.name} runs is not known to be Celery "
                    f"({process.where}), so no {what} is added beside it."
                )
                return True
        return False

    def consumed(self) -> set[str]:
        """The queues that the workers of the file consume."""
        found: set[str] = set()
        for process in (*self.workers, *self.siblings):
            if process.subcommand == "worker" and process.celery:
                found |= queues_of(process.celery.words, self.default_queue)
        return found

    def exported(self, variables: Iterable[str]) -> bool:
        """Whether an image or a start script sets one of some variables."""
        pattern = re.compile(rf"\b(?:{'|'.join(variables)})\s*=")
        folders = own_folders(self.root)
        files = [*matching_files(folders, IMAGES), *matching_files(folders, SCRIPT_NAMES)]
        return any(pattern.search(readable_text(path)) for path in files)

    def web_place(self) -> Where:
        """The place of a web process in a file that is made anew."""
        return Where(self.path)

    def write(self, text: str) -> None:
        """Plan the new text of the file."""
        encoded = text.encode("utf-8")
        before = self.draft.read(self.path)
        if before is not None and before.startswith(b"\xef\xbb\xbf"):
            encoded = b"\xef\xbb\xbf" + encoded
        self.draft.write(self.path, encoded, "; ".join(dict.fromkeys(self.what)) or "a worker")

    def keep(self, what: str) -> None:
        """A step for a file that stays as it is."""
        self.draft.keep(self.path, what)

    def note(self, text: str) -> None:
        """Something to know."""
        self.draft.add_note(text)

    def todo(self, todo: Todo) -> None:
        """A step that stays with the user."""
        self.todos.append(todo)
        where = Where(todo.path or self.path)
        refusal = CannotPatch(todo.what, hint=todo.why, snippet=todo.snippet, where=where)
        self.draft.add_manual(refusal)


def _job_by_name(process: Process) -> str:
    """What a process does by its name: `worker`, `beat`, or neither."""
    if "beat" in process.name:
        return "beat"
    if "scheduler" in process.name:
        # a command of the project itself may be a scheduler of another kind
        return "" if "manage.py" in " ".join(process.words) else "beat"
    return "worker"


def queues_of(words: Iterable[str], default: str) -> set[str]:
    """The queues of a worker's command line; the default one without -Q."""
    listed = list(words)
    for index, word in enumerate(listed):
        value = None
        if word in {"-Q", "--queues"} and index + 1 < len(listed):
            value = listed[index + 1]
        elif word.startswith("--queues="):
            value = word.partition("=")[2]
        elif word.startswith("-Q") and len(word) > 2:
            value = word[2:]
        if value:
            return {part.strip() for part in value.split(",") if part.strip()}
    return {default}


def choose_web(target: Target) -> Web:
    """The web process of a file. Raises CannotPatch where there is none, or more than one."""
    if target.web_name:
        for process in target.processes:
            if process.name == target.web_name:
                return Web(process, "--service")
        names = ", ".join(process.name for process in target.processes)
        raise CannotPatch(
            f"{target.path} has no service {target.web_name}", hint=f"It has {names}."
        )
    found = find_web(target.root, list(target.processes))
    if len(found) > 1:
        called = [web for web in found if web.process.name in {"web", "django", "app", "backend"}]
        if len(called) == 1:
            found = called
        elif len({origin_of(web.process) for web in found}) == 1:
            # WSGI beside ASGI, say: one image, so either tells what a worker needs
            found = (called or found)[:1]
    if not found and target.workers:
        # it has what Beat, or another worker, needs as well
        return Web(target.workers[0], "it runs Celery")
    if not found:
        raise CannotPatch(
            f"{target.path} has no process that is known to be the web process",
            hint="Name it: --service NAME. Its image, environment and volumes are taken over.",
        )
    if len(found) > 1:
        shown = ", ".join(f"{web.process.name} ({web.process.where})" for web in found)
        raise CannotPatch(
            f"{target.path} has several web processes: {shown}",
            hint=f"Name one of them: --service {found[0].process.name}",
            where=found[0].process.where,
        )
    return found[0]


def choose_model(target: Target) -> Web:
    """The process whose folder, user, image and environment the new ones share: a worker of the
    project that is there already, else the web process, which may say to its server alone where
    the project is. Raises CannotPatch as `choose_web` does."""
    beside = target.siblings if target.kind == "kubernetes" else ()
    found = [process for process in (*target.workers, *beside) if _is_model(target, process)]
    # one for some queues alone may have an image of its own
    found.sort(key=lambda process: target.default_queue not in _consumed_by(target, process))
    if target.web_name is None:
        found += _scripted_models(target)
        if found:
            return Web(found[0], "it runs Celery")
    return choose_web(target)


def _scripted_models(target: Target) -> list[Process]:
    """The workers of a compose file that a script starts, as one starts the web process of the same
    image: what the scripts do is lost either way, and the rest of a worker is nearer."""
    webs = find_web(target.root, list(target.processes)) if target.kind == "compose" else []
    origins = {
        origin_of(web.process)
        for web in webs
        if not (front_of(web.process).words or bin_of(web.process) or folder_of(web.process))
        and not WEB.search(" ".join(web.process.words))
    }
    return [
        process
        for process in target.workers
        if process.subcommand == "worker"
        and process.script is not None
        and origin_of(process) in origins
        and is_app(app_of(process), target.wanted.spec)
    ]


def _is_model(target: Target, process: Process) -> bool:
    """Whether a process is a worker of the project's app that its command alone starts, so that
    others can be started like it: a script, or `celery multi`, may do more."""
    command = process.celery
    if command is None or command.subcommand != "worker" or process.script is not None:
        return False
    kind = process.options.get("Type")
    if kind is not None and kind.text in {"forking", "oneshot"}:
        return False
    app = command.option("-A", "--app") or target.wanted.spec
    return _package_of(app) == _package_of(target.wanted.spec)


def is_app(app: str, spec: str) -> bool:
    """Whether `celery -A app` may start the app of a spec, which has more than one spelling: by its
    package or, from another folder, by its module alone. Yes where it is not known."""
    if not app or "$" in app:
        return True
    ends = {one.partition(":")[0].rpartition(".")[2] for one in (app, spec)}
    return _package_of(app) == _package_of(spec) or len(ends) == 1


def _package_of(app: str) -> str:
    return re.split(r"[.:]", app)[0]


def _consumed_by(target: Target, process: Process) -> set[str]:
    words = process.celery.words if process.celery else ()
    return queues_of(words, target.default_queue)


def app_of(model: Process) -> str:
    """What `celery -A` is given where the model runs Celery; empty for a web process."""
    command = model.celery
    return (command.option("-A", "--app") if command else None) or ""


def origin_of(process: Process) -> tuple[str, ...]:
    """What a process is made from: its image or its folder."""
    keys = ("image", "build", "context", "dockerfile", "extends", "WorkingDirectory", "directory")
    return tuple(process.options[key].text for key in keys if key in process.options)


def plain_name(text: str) -> str:
    """A text as the name of a unit, an image or a Deployment: small letters, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "app"


def note_of_web(web: Web) -> str:
    """Which process the new ones are made from, and what showed it."""
    if web.process.celery:
        path, name = web.process.where.path, web.process.name
        return f"{path}: what is new is made like {name}, which runs Celery already."
    return f"{web.process.where.path}: the web service is {web.process.name} ({web.why})."


def report_front(target: Target, model: Process) -> None:
    """A manual step for what a process runs before its program, and the new ones cannot."""
    for lost in dict.fromkeys(kept_front(target.root, model).lost):
        target.todo(
            Todo(
                f"`{lost}` of {model.name} ({model.where}) is not taken over",
                "The new processes are started without it: give them what it gives, if they need "
                "it.",
                f"{lost}\n",
                target.path,
            )
        )


def report_server(target: Target) -> None:
    """A note where the web server of a new file is not among the project's dependencies."""
    server = target.web_command.partition(" ")[0]
    if server == "gunicorn" and server not in target.declared:
        target.note(
            f"{target.path} starts the web process by {server}, which is not among your "
            f"dependencies: add {server}, or change that line."
        )


def report_home(target: Target) -> None:
    """A note where an image has to start the commands in a folder of the repository."""
    home = target.wanted.home
    if home:
        target.note(
            f"{target.path}: the commands find {target.wanted.spec} where the image starts them in "
            f"{home}/ (WORKDIR), or has that folder on PYTHONPATH."
        )


def free_names(jobs: tuple[Job, ...], taken: set[str]) -> tuple[Job, ...]:
    """The jobs under names that nothing else has: `worker`, else `celery-worker`."""
    return tuple(
        replace(job, name=f"celery-{job.name}") if job.name in taken else job for job in jobs
    )


def _has_beat(process: Process) -> bool:
    """`worker -B`: Beat inside the worker."""
    command = process.celery
    return command is not None and bool({"-B", "--beat"} & set(command.words))
