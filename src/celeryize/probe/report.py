"""What an import of the project has shown: frozen values made of the answers of inside.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception of the project: in which phase, where (absolute file, line), with its last
    project frames."""

    type: str
    message: str
    phase: str
    where: tuple[str, int] | None = None
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedApp:
    """The Celery app that `-A` finds, and the module and variable that hold it."""

    main: str | None
    module: str | None
    variable: str | None
    namespace: str | None
    config_source: str | None


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """A registered task; `options` are the attributes that its class sets itself."""

    name: str
    module: str
    file: str | None
    line: int | None
    signature: str
    options: Mapping[str, Any]
    app_main: str | None
    bound_to_ours: bool
    queue: str | None


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
        tasks=tuple(ImportedTask(**task) for task in answer["tasks"]),
        beat_schedule=tuple(ImportedEntry(**entry) for entry in answer["beat_schedule"]),
        apps_active=tuple(answer["apps_active"]),
        installed_apps=tuple(answer.get("installed_apps", ())),
        environment=tuple(answer.get("environment", ())),
        warnings=tuple(answer["warnings"]),
        read_from_disk=tuple(answer.get("read_from_disk", ())),
        output=output,
        **plain,
    )


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
