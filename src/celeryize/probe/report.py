"""What an import of the project has shown: frozen values made of the answers of inside.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The words of django-environ, environs, python-decouple, and of helpers in books and templates.
ABOUT_VARIABLES = re.compile(r"environment variable|envvar|\benv(ironment)? var\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception of the project: in which phase, where (absolute file, line), with its last
    project frames."""

    type: str
    message: str
    phase: str
    where: tuple[str, int] | None = None
    frames: tuple[str, ...] = ()

    @property
    def missing_variable(self) -> str:
        """The environment variable whose absence this reports, or an empty string.

        Of os.environ["X"], and of the libraries and helpers whose message speaks of it.
        """
        name = re.search(r"\b[A-Z][A-Z0-9_]+\b", self.message)
        if name is None:
            return ""
        from_mapping = self.type == "KeyError" and any("environ" in f for f in self.frames[-1:])
        if from_mapping or ABOUT_VARIABLES.search(self.message):
            return name[0]
        return ""


@dataclass(frozen=True, slots=True)
class ImportedApp:
    """The Celery app that `-A` finds, and the module and variable that hold it."""

    main: str | None
    module: str | None
    variable: str | None
    namespace: str | None
    config_source: str | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function; `kind` is inspect.Parameter's, such as KEYWORD_ONLY."""

    name: str
    kind: str
    default: bool


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """A registered task.

    `options` are the attributes that its class sets itself; `attributes` are those in effect, from
    its class, its options or the settings. `parameters` are those of `run`, without self; None
    where Python cannot say. `route_problem` is what choosing its queue raises; `hidden_by` the type
    of what a decorator above the task's own has left under its name.
    """

    name: str
    module: str
    file: str | None
    line: int | None
    signature: str
    options: Mapping[str, Any]
    app_main: str | None
    bound_to_ours: bool
    queue: str | None
    parameters: tuple[Parameter, ...] | None = None
    bound: bool = False
    class_based: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    route_problem: str | None = None
    hidden_by: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedDjangoTask:
    """A task of django.tasks. `backend` is the class that it is sent by, `alias` its key in TASKS;
    `registered` is the name under which the Celery app has it, or None.
    """

    name: str
    file: str
    line: int
    queue: str
    alias: str
    backend: str
    registered: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that the project tried to reach while it was imported: "broker" or "result
    backend".

    Nothing was reached: imports are kept offline. `where` is the deepest line of the project:
    absolute file, line.
    """

    what: str
    phase: str
    where: tuple[str, int]


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """wsgi.py or asgi.py, imported as a web server does: the settings that the web process then
    has.

    `failure` says why it could not be imported.
    """

    module: str
    settings_module: str | None
    debug: bool | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A function of the project that a signal of Celery calls; `sent` are the arguments that the
    signal has.
    """

    signal: str
    name: str
    file: str
    line: int
    parameters: tuple[Parameter, ...] | None
    sent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Configured:
    """A value of app.conf that is not Celery's default; `source` is a Django setting, or "app" for
    code.
    """

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class ImportedEntry:
    """An entry of the Beat schedule in effect; `schedule` is its repr.

    `problem` is what Beat, or sending, would raise. With a preview: the next `runs` (ISO, in the
    app's zone), how many a day, and the clock `changes` (`at`, `runs`, `affected`).
    """

    name: str
    task: str | None
    schedule: str
    args: Any
    kwargs: Any
    options: Any
    registered: bool = False
    queue: str | None = None
    problem: str | None = None
    runs: tuple[str, ...] = ()
    per_day: float | None = None
    changes: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The report of one import. `mode` is "worker" or "web"; absent facts were not reached."""

    mode: str
    python_version: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    django_importable: bool = False
    celery_importable: bool = False
    failures: tuple[Failure, ...] = ()
    app: ImportedApp | None = None
    current_app_main: str | None = None
    apps_active: tuple[str | None, ...] = ()
    tasks: tuple[ImportedTask, ...] = ()
    django_tasks: tuple[ImportedDjangoTask, ...] = ()
    conf: Mapping[str, Any] = field(default_factory=dict)
    settings_values: Mapping[str, Any] = field(default_factory=dict)
    installed_apps: tuple[str, ...] = ()
    timezone: str | None = None
    scheduler: str | None = None
    broker_transport: str | None = None
    backend: str | None = None
    beat_schedule: tuple[ImportedEntry, ...] = ()
    environment: tuple[str, ...] = ()
    warnings: tuple[Mapping[str, Any], ...] = ()
    read_from_disk: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    configuration: Mapping[str, Configured] = field(default_factory=dict)
    queues: tuple[str, ...] = ()
    output: str = ""
    seconds: float = 0.0

    def failures_of(self, *types: str) -> tuple[Failure, ...]:
        """The failures of some types, e.g. Timeout."""
        return tuple(f for f in self.failures if f.type in types)


def read_report(answer: Mapping[str, Any], output: str) -> ImportReport:
    """The report in one answer of inside.py."""
    plain = {name: value for name, value in answer.items() if name in _PLAIN}
    app = answer.get("app")
    return ImportReport(
        mode=answer["mode"],
        failures=tuple(read_failure(failure) for failure in answer["failures"]),
        app=ImportedApp(**app) if app else None,
        tasks=tuple(_read_task(task) for task in answer["tasks"]),
        django_tasks=tuple(ImportedDjangoTask(**t) for t in answer.get("django_tasks", ())),
        beat_schedule=tuple(ImportedEntry(**entry) for entry in answer["beat_schedule"]),
        apps_active=tuple(answer["apps_active"]),
        installed_apps=tuple(answer.get("installed_apps", ())),
        environment=tuple(answer.get("environment", ())),
        warnings=tuple(answer["warnings"]),
        read_from_disk=tuple(answer.get("read_from_disk", ())),
        attempts=tuple(_read_attempt(attempt) for attempt in answer.get("attempts", ())),
        entry_points=tuple(_read_entry_point(point) for point in answer.get("entry_points", ())),
        receivers=tuple(_read_receiver(receiver) for receiver in answer.get("receivers", ())),
        configuration={
            name: Configured(**value) for name, value in answer.get("configuration", {}).items()
        },
        queues=tuple(answer.get("queues", ())),
        output=output,
        **plain,
    )


def _read_parameters(found: list[Mapping[str, Any]] | None) -> tuple[Parameter, ...] | None:
    if found is None:
        return None
    return tuple(Parameter(**parameter) for parameter in found)


def _read_task(task: Mapping[str, Any]) -> ImportedTask:
    return ImportedTask(**{**task, "parameters": _read_parameters(task["parameters"])})


def _read_attempt(attempt: Mapping[str, Any]) -> Attempt:
    file, line = attempt["where"]
    return Attempt(attempt["what"], attempt["phase"], (file, line))


def _read_entry_point(point: Mapping[str, Any]) -> EntryPoint:
    failure = point["failure"]
    return EntryPoint(**{**point, "failure": read_failure(failure) if failure else None})


def _read_receiver(receiver: Mapping[str, Any]) -> Receiver:
    found = {
        "parameters": _read_parameters(receiver["parameters"]),
        "sent": tuple(receiver["sent"]),
    }
    return Receiver(**{**receiver, **found})


def read_failure(failure: Mapping[str, Any]) -> Failure:
    """The Failure of its JSON."""
    where = failure["where"]
    return Failure(
        failure["type"],
        failure["message"],
        failure["phase"],
        (where[0], where[1]) if where else None,
        tuple(failure["frames"]),
    )


# The facts that are taken over as they are.
_PLAIN = frozenset(
    {
        "python_version",
        "versions",
        "django_importable",
        "celery_importable",
        "current_app_main",
        "conf",
        "settings_values",
        "timezone",
        "scheduler",
        "broker_transport",
        "backend",
        "seconds",
    }
)
