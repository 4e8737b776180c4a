"""Whether the project, as it would be, works: what the reports of its two imports must show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from celeryize.model import Finding, Severity, Where

if TYPE_CHECKING:
    from celeryize.probe.report import Failure, ImportedEntry, ImportedTask, ImportReport

MISSING = re.compile(r"No module named '([^']+)'")
# Of the settings that init writes, the one that is Django's own and not for app.conf.
DJANGO_TASKS = "TASKS"


class Verdict(StrEnum):
    """The outcome of a proof. NOT_RUN is never a success: it says what is missing."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Proof:
    """A verdict, a sentence, the new errors, and the errors that were there before the change."""

    verdict: Verdict
    summary: str = ""
    findings: tuple[Finding, ...] = ()
    before: tuple[str, ...] = ()
    read_from_disk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """A setting as it was written: its value, unless one of `variables` is in the environment."""

    name: str
    value: object
    variables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What the change promises: the one app, the settings that it wrote, the tasks that it adds.

    `options` are the attributes that the (first) added task has to have, `undiscovered` why a
    worker may not find it, `gone` the tasks that it removes, `entry` and `entry_gone` the one entry
    of the Beat schedule that it changes, `entries` those that may change. `sent` is the task that
    Beat will send, wherever its entry is kept. `needs` are the modules that it has the project
    import, and that may have to be installed first.
    `values` are those of the settings that were written, `suspect` what may change one; `replaced`
    are those of them that had another value before. `task_backends` are the packages of which one
    has to be the default backend in TASKS, where that is among the settings.
    """

    module: str
    variable: str
    settings: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    options: tuple[tuple[str, object], ...] = ()
    undiscovered: str = ""
    gone: tuple[str, ...] = ()
    entry: str | None = None
    entry_gone: str | None = None
    sent: str | None = None
    entries: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    values: tuple[WrittenValue, ...] = ()
    suspect: str = ""
    replaced: frozenset[str] = frozenset()
    task_backends: frozenset[str] = frozenset()


def judge(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    expected: Expected,
    root: Path,
    *,
    remedy: str,
) -> Proof:
    """The proof of a change from the import reports (worker, web) without and with it.

    `remedy` is what is done, or happens next, where a library is not installed.
    Only new errors stop a change.
    """
    worker, _ = after
    missing = _missing_modules(before, after, expected)
    if missing and not worker.failures_of("Timeout", "Crash"):
        python = f"the project's interpreter (Python {worker.python_version or '?'})"
        reason = f"{' and '.join(missing)} cannot be imported in {python}"
        return Proof(Verdict.NOT_RUN, f"{reason}; {remedy}")
    new = _new_failures(before, after, root) + _changed_web_settings(before[1], after[1])
    old = tuple(dict.fromkeys(_in_words(f, root) for report in before for f in report.failures))
    if not new and old and not worker.installed_apps:
        reason = "the project does not import without the change either"
        return Proof(Verdict.NOT_RUN, reason, (), old)
    findings = [*new, *_broken_promises(before, after, expected, failing=bool(new))]
    disk = tuple(dict.fromkeys(path for report in after for path in report.read_from_disk))
    if findings:
        summary = count_new_errors(len(findings))
        return Proof(Verdict.FAILED, summary, tuple(findings), old, disk)
    return Proof(Verdict.PASSED, _passed_summary(worker, expected), (), old, disk)


def _new_failures(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    root: Path,
) -> list[Finding]:
    """The exceptions that are raised with the change and not without it.

    What a worker cannot import today, a web process may not meet yet.
    """
    failures = []
    for then, now in zip(before, after, strict=True):
        known = {_failure_key(failure) for failure in then.failures}
        failures += [failure for failure in now.failures if _failure_key(failure) not in known]
    # both imports usually fail for the same reason: it is shown once
    return list(dict.fromkeys(_failure_finding(failure, root) for failure in failures))


def _changed_web_settings(before: ImportReport, after: ImportReport) -> list[Finding]:
    """The web entries that would have other settings than now; what fails already says nothing."""
    known = {entry.module: entry for entry in before.entry_points if entry.failure is None}
    found = []
    for entry in after.entry_points:
        now = known.get(entry.module)
        if now is None or now.settings_module is None:
            continue
        if entry.failure is not None:
            message = f"a web server could not import {entry.module} any more: "
            message += f"{entry.failure.type}: {entry.failure.message}"
            found.append(_make_error("proof.E014", message))
        elif (entry.settings_module, entry.debug) != (now.settings_module, now.debug):
            message = f"a web process of {entry.module} would have the settings "
            message += f"{entry.settings_module} (DEBUG {entry.debug}), "
            message += f"and has {now.settings_module} (DEBUG {now.debug})"
            hint = "Importing the app sets DJANGO_SETTINGS_MODULE before the web entry does."
            found.append(_make_error("proof.E014", message, hint))
    return found


def _broken_promises(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    expected: Expected,
    *,
    failing: bool,
) -> list[Finding]:
    """What the change promises and the reports do not show."""
    worker, _ = after
    findings: list[Finding] = []
    if not failing:
        # where something fails, wrong wiring is only a consequence
        findings += _check_wiring(before, after, expected)
    findings += _check_settings(worker, expected)
    findings += _check_second_block(before, expected)
    findings += _check_registry(before[0], worker, expected)
    findings += _check_django_tasks(after, expected)
    for report in after:
        findings += _check_options(report, expected)
    return findings + _check_schedule(before[0], worker, expected)


def count_new_errors(count: int) -> str:
    """`1 new error`, `2 new errors`."""
    if count == 1:
        return f"{count} new error"
    return f"{count} new errors"


def _missing_modules(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    expected: Expected,
) -> list[str]:
    """What the change needs and the interpreter does not have."""
    worker, _ = after
    missing = []
    if not worker.django_importable:
        missing.append("django")
    if not worker.celery_importable:
        missing.append("celery")
    messages = {failure.message for report in after for failure in report.failures}
    for name in expected.needs:
        if any(f"No module named '{name}'" in message for message in messages):
            missing.append(name)
    return list(dict.fromkeys([*missing, *_new_client_modules(before, after)]))


def _new_client_modules(
    before: tuple[ImportReport, ImportReport], after: tuple[ImportReport, ImportReport]
) -> list[str]:
    """What the client of a broker imports and cannot find, where the broker is new: an extra of
    Celery brings it, such as `packaging` by celery[redis], and its own library alone does not."""
    known = {_failure_key(failure) for report in before for failure in report.failures}
    found: dict[str, None] = {}
    for report in after:
        for failure in report.failures_of("ModuleNotFoundError"):
            named = MISSING.search(failure.message)
            if not named or failure.phase != "broker" or _failure_key(failure) in known:
                continue
            package = named[1].partition(".")[0]
            # Celery is there: no installation adds a module to it
            if package not in {"celery", "kombu"}:
                found[package] = None
    return list(found)


def _passed_summary(worker: ImportReport, expected: Expected) -> str:
    versions = ", ".join(
        f"{name} {worker.versions[key]}"
        for key, name in (("celery", "Celery"), ("django", "Django"))
        if worker.versions.get(key)
    )
    own = [task for task in worker.tasks if not task.name.startswith("celery.")]
    parts = [
        f"imported as a worker and as a web process (Python {worker.python_version}, {versions})",
        f"one app, {expected.module}:{expected.variable}",
    ]
    if expected.settings:
        count = len(expected.settings)
        parts.append(f"{count} setting{'' if count == 1 else 's'} in effect")
    if worker.broker_transport:
        parts.append(f"broker transport {worker.broker_transport}")
    parts.append(f"{len(own)} task{'' if len(own) == 1 else 's'} registered")
    if DJANGO_TASKS in expected.settings and worker.django_tasks:
        parts.append(f"{len(worker.django_tasks)} of them Django's")
    return "; ".join(parts)


def _check_wiring(
    before: tuple[ImportReport, ImportReport],
    after: tuple[ImportReport, ImportReport],
    expected: Expected,
) -> list[Finding]:
    """The worker finds the expected app, and a web process binds @shared_task to it, unless it is
    a running set-up that does without."""
    worker, web = after
    found: list[Finding] = []
    spelled = f"{expected.module}:{expected.variable}"
    if worker.app is None or worker.app.module != expected.module:
        seen = "no app"
        if worker.app:
            seen = f"{worker.app.module}:{worker.app.variable}"
        found.append(_make_error("proof.E001", f"the worker finds {seen} instead of {spelled}"))
    if len(worker.apps_active) > 1:
        found.append(
            _make_error(
                "proof.E002",
                f"there are several Celery apps: {', '.join(map(str, worker.apps_active))}",
                "Keep one: take the other Celery(...) out, and have its tasks use @shared_task.",
            )
        )
    as_before = before[0].app and before[1].current_app_main == web.current_app_main
    if worker.app and web.current_app_main != worker.app.main and not as_before:
        found.append(
            _make_error(
                "proof.E003",
                f"web processes bind @shared_task to {web.current_app_main!r}, not to "
                f"{worker.app.main!r}",
                "The project package has to import the app.",
            )
        )
    return found


def _check_settings(worker: ImportReport, expected: Expected) -> list[Finding]:
    """Each line that was written is what `app.conf` holds."""
    found = []
    for name in expected.settings:
        if name not in worker.settings_values:
            found.append(_make_error("proof.E004", f"{name} does not reach the Django settings"))
            continue
        key = name.removeprefix("CELERY_").lower()
        value = worker.settings_values[name]
        changed = _changed_value(worker, expected, name)
        if changed is not None:
            found.append(changed)
            continue
        # written, read by Django, and yet overridden on the way to the app
        if name == DJANGO_TASKS:
            continue
        if key in worker.conf and worker.conf[key] != value:
            found.append(
                _make_error(
                    "proof.E005",
                    f"{name} is {value!r} in the settings, but {worker.conf[key]!r} in app.conf",
                )
            )
    return found


def _check_second_block(
    before: tuple[ImportReport, ImportReport], expected: Expected
) -> list[Finding]:
    """What the untouched project has already, though its text does not show it: a block of ours
    would override it."""
    known = {name for report in before for name in report.settings_values}
    hidden = [name for name in expected.settings if name in known - expected.replaced]
    if not hidden:
        return []
    names = ", ".join(hidden[:3]) + (", ..." if len(hidden) > 3 else "")
    message = f"the settings have {names} already, in a way that their text does not show: "
    message += "lines of ours would override what the project has"
    hint = expected.suspect or "Look for code that sets them, and add there what is missing."
    return [_make_error("proof.E016", message, hint)]


def _changed_value(worker: ImportReport, expected: Expected, name: str) -> Finding | None:
    """A setting that is not what was written, though its variable is not in the environment."""
    for written in expected.values:
        if written.name != name or {name, *written.variables} & set(worker.environment):
            continue
        seen = worker.settings_values[name]
        if _as_json(written.value) != seen:
            message = f"{name} was written as {written.value!r}, but is {seen!r} in the settings"
            return _make_error("proof.E015", message, expected.suspect)
    return None


def _as_json(value: object) -> object:
    """A literal as an import report has it."""
    if isinstance(value, dict):
        return {str(key): _as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(inner) for inner in value]
    return value


def _check_registry(before: ImportReport, after: ImportReport, expected: Expected) -> list[Finding]:
    """No task is lost, and the promised ones are there."""
    names = {task.name for task in after.tasks}
    # a change may only remove what it says it removes
    lost = sorted({task.name for task in before.tasks} - names - set(expected.gone))
    missing = sorted(name for name in expected.tasks if _promised(after.tasks, name) is None)
    return [
        *(
            _make_error("proof.E006", f"the task {name} would no longer be registered")
            for name in lost
        ),
        *(
            _make_error(
                "proof.E007",
                f"the task {name} is not registered",
                expected.undiscovered,
            )
            for name in missing
        ),
    ]


def _promised(tasks: Sequence[ImportedTask], name: str) -> ImportedTask | None:
    """The task that was promised: by its name or, of an app that names its tasks itself
    (`gen_task_name`), by its module and its function."""
    module, _, function = name.rpartition(".")
    there = [task for task in tasks if task.name == name]
    there += [t for t in tasks if t.module == module and t.name.rpartition(".")[2] == function]
    return next(iter(there), None)


def _check_django_tasks(
    after: tuple[ImportReport, ImportReport], expected: Expected
) -> list[Finding]:
    """Each task of django.tasks is registered on the app, in the worker and in a web process."""
    if DJANGO_TASKS not in expected.settings:
        return []
    return [
        *_other_backend(after[0], expected),
        *_unregistered_django_tasks(after),
    ]


def _other_backend(worker: ImportReport, expected: Expected) -> list[Finding]:
    """The default backend that the settings end up with, where it is none of Celery's."""
    value = worker.settings_values.get(DJANGO_TASKS)
    default = value.get("default") if isinstance(value, dict) else None
    path = default.get("BACKEND") if isinstance(default, dict) else None
    packages = expected.task_backends
    if path is None or not packages or str(path).partition(".")[0] in packages:
        return []
    message = f"TASKS has the backend {path} in the settings, which sends nothing to Celery"
    hint = expected.suspect or "Look for code that sets it after the line that names Celery's."
    return [_make_error("proof.E015", message, hint)]


def _unregistered_django_tasks(after: tuple[ImportReport, ImportReport]) -> list[Finding]:
    return [
        _make_error(
            "proof.E017",
            f"the Django task {task.name} is not registered on the app ({report.mode})",
            f"It is sent by {task.backend}. A worker finds the tasks of a module that Celery "
            "discovers: tasks.py of an installed app.",
        )
        for report in after
        for task in report.django_tasks
        if task.registered is None
    ]


def _check_options(report: ImportReport, expected: Expected) -> list[Finding]:
    """The added task is bound to the app, in this import, and has exactly the options asked for."""
    found = []
    # chunk tasks beside it have options of their own
    for task in [_promised(report.tasks, name) for name in expected.tasks[:1]]:
        if task is None:
            continue
        if not task.bound_to_ours:
            found.append(
                _make_error(
                    "proof.E008",
                    f"{task.name} is bound to the app {task.app_main!r} ({report.mode})",
                )
            )
        for name, value in expected.options:
            if task.options.get(name) != value:
                seen = task.options.get(name)
                found.append(
                    _make_error(
                        "proof.E009",
                        f"{task.name} has {name}={seen!r}, not {value!r} ({report.mode})",
                    )
                )
    return found


def _check_schedule(before: ImportReport, after: ImportReport, expected: Expected) -> list[Finding]:
    """The schedule is the old one, plus or less exactly the promised entry, which Beat can send."""
    found = [*_changed_entries(before, after, expected), *_misled_entries(before, after, expected)]
    new = {entry.name: entry for entry in after.beat_schedule}
    if expected.entry_gone in new:
        message = f"the entry {expected.entry_gone} is still in the Beat schedule"
        found.append(_make_error("proof.E011", message))
    if expected.entry is None:
        # an entry in the database is not seen by an import, its task is
        if expected.sent and expected.sent not in {task.name for task in after.tasks}:
            found.append(_unregistered_entry(expected.sent, after))
        return found
    entry = new.get(expected.entry)
    if entry is None:
        message = f"the entry {expected.entry} does not reach Beat"
        found.append(_make_error("proof.E011", message, _why_unread(after)))
    elif not entry.registered:
        found.append(_unregistered_entry(entry.task or "", after))
    elif entry.problem:
        hint = ""
        if "argument" in entry.problem:
            hint = "Its arguments are --args '[...]' and --kwargs '{...}'."
        message = f"the entry {entry.name} cannot be sent: {entry.problem}"
        found.append(_make_error("proof.E013", message, hint))
    return found


def _why_unread(report: ImportReport) -> str:
    """What keeps the schedule of the settings from the app, as the import shows it."""
    app = report.app
    line = 'config_from_object("django.conf:settings", namespace="CELERY")'
    if app is None:
        return "`celeryize verify` shows what is wrong with the app."
    name = app.variable or "app"
    if app.config_source is None:
        return (
            f"The app does not read the settings: put {name}.{line} below the line that builds it."
        )
    if app.namespace != "CELERY":
        said = f"namespace={app.namespace!r}"
        return f"The app reads the settings with {said}: write {name}.{line}."
    return "Other code sets the schedule of the app: `celeryize verify` names it."


def _changed_entries(
    before: ImportReport, after: ImportReport, expected: Expected
) -> list[Finding]:
    """The entries that the change would touch without having promised it."""
    old = {entry.name: _entry_content(entry) for entry in before.beat_schedule}
    new = {entry.name: _entry_content(entry) for entry in after.beat_schedule}
    touched = {expected.entry, expected.entry_gone, *expected.entries}
    if "CELERY_BEAT_SCHEDULE" in expected.settings:
        # Celery before 5.7 did not see a schedule under its old name: its entries may appear
        touched |= new.keys() - old.keys()
    return [
        _make_error("proof.E010", f"the entry {name} of the Beat schedule would change")
        for name in sorted(old.keys() | new.keys())
        if name not in touched and old.get(name) != new.get(name)
    ]


def _misled_entries(before: ImportReport, after: ImportReport, expected: Expected) -> list[Finding]:
    """The entries that may change, and that would name another task, which is not registered."""
    old = {entry.name: entry.task for entry in before.beat_schedule}
    registered = {task.name for task in after.tasks if not task.name.startswith("celery.")}
    # of a worker that does not start, nothing is known
    if not registered:
        return []
    return [
        _make_error("proof.E012", f"no task {entry.task} is registered for the entry {entry.name}")
        for entry in after.beat_schedule
        if entry.name in expected.entries
        and entry.task not in {None, old.get(entry.name), *registered}
        and not str(entry.task).startswith("celery.")
    ]


def _entry_content(entry: ImportedEntry) -> tuple[str | None, ...]:
    return entry.task, entry.schedule, str(entry.args), str(entry.kwargs), str(entry.options)


def _unregistered_entry(task: str, after: ImportReport) -> Finding:
    message = f"no task {task} is registered: Beat would keep sending a task "
    message += "that no worker can run"
    return _make_error("proof.E012", message, _names_like(task, after))


def _names_like(task: str, after: ImportReport) -> str:
    """What to write instead of a task that is not registered."""
    import difflib

    # the same module alone makes nobody mean another task
    own = task.rpartition(".")[2]
    parts = {t.name: t.name.rpartition(".")[2] for t in after.tasks}
    alike = [name for name, part in parts.items() if difflib.get_close_matches(own, [part], 1, 0.6)]
    near = difflib.get_close_matches(task, alike, 3, 0.5)
    hint = f"Did you mean {', '.join(near)}? "
    if not near:
        hint = "`celeryize tasks` lists the registered ones. "
    return hint + "With --create, the task is written, too."


def _make_error(identifier: str, message: str, hint: str = "") -> Finding:
    return Finding(identifier, Severity.ERROR, message, hint)


def _failure_finding(failure: Failure, root: Path) -> Finding:
    return Finding(
        "proof.E000",
        Severity.ERROR,
        f"{failure.type}: {failure.message} (while loading the {failure.phase})",
        where=_place_of(failure, root),
        excerpt="\n".join(failure.frames),
    )


def _in_words(failure: Failure, root: Path) -> str:
    where = _place_of(failure, root)
    return f"{f'{where}: ' if where else ''}{failure.type}: {failure.message}"


def _place_of(failure: Failure, root: Path) -> Where | None:
    if failure.where is None:
        return None
    file, line = failure.where
    path = Path(file)
    shown = file
    if path.is_relative_to(root):
        shown = path.relative_to(root).as_posix()
    return Where(PurePosixPath(shown), line)


def _failure_key(failure: Failure) -> tuple[str, str]:
    return failure.type, failure.message
