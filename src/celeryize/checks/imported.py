"""What only an import of the project shows: exceptions, missing libraries, differing registries."""

from __future__ import annotations

import ast
import difflib
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from celeryize.checks.check import Occurrence, check
from celeryize.checks.demanded import demanded_variables
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.missing_names import hint_for_name
from celeryize.detect.install_line import install_line
from celeryize.detect.web_entries import VARIABLE
from celeryize.model import Where
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.probe.report import EntryPoint, Failure


def place(facts: Facts, file: str | None, line: int | None) -> Where | None:
    """An absolute path and a line as a place in the project."""
    if file is None:
        return None
    path = Path(file)
    # the import reports real paths, the project may be reached through a symlink
    root = facts.project.root.resolve()
    return Where(
        PurePosixPath(path.relative_to(root).as_posix() if path.is_relative_to(root) else file),
        line,
    )


# Exceptions that the code itself causes, wherever it runs.
CODE_ERRORS = frozenset(
    {
        "AttributeError",
        "ImportError",
        "IndentationError",
        "ModuleNotFoundError",
        "NameError",
        "SyntaxError",
        "TypeError",
        "ZeroDivisionError",
    }
)
# What Celery 5 removed, and its replacement; Source: docs.celeryq.dev, history/whatsnew-5.0.
REMOVED = {
    "celery.task": "use `from celery import shared_task`",
    "celery.decorators": "use `from celery import shared_task`",
    "celery.task.schedules": "use celery.schedules",
    "celery.task.control": "use app.control",
    "celery.task.sets": "use celery.group",
    "celery.contrib.batches": "it is the library celery-batches now",
    "celery.contrib.methods": "use a plain function that makes the object",
    "celery.five": "Python 3 needs none of it",
    "celery.utils.encoding": "use kombu.utils.encoding",
    "celery.utils.timeutils": "use celery.utils.time",
    "celery.utils.mail": "send the mail in a receiver of the signal task_failure",
    "celery.datastructures": "use billiard.einfo for ExceptionInfo",
    "djcelery": (
        "django-celery-beat and django-celery-results replace it; Celery has built-in Django "
        "support"
    ),
}
# The names in celery.task and celery.decorators that have another heir than shared_task.
REMOVED_NAMES = {
    "periodic_task": "it has no successor: write an entry of CELERY_BEAT_SCHEDULE",
    "PeriodicTask": "it has no successor: write an entry of CELERY_BEAT_SCHEDULE",
    "crontab": "use celery.schedules.crontab",
    "Task": "use celery.Task, and register it with app.register_task()",
    "current": "use celery.current_task",
    "chord": "use celery.chord",
    "group": "use celery.group",
    "subtask": "use celery.signature",
    "TaskSet": "use celery.group",
}


def removed_hint(module: str, name: str = "") -> str:
    """What took the place of a module, or of a name in it, that Celery 5 no longer has."""
    inside = module
    while inside not in REMOVED:
        inside = inside.rpartition(".")[0]
        if not inside:
            return ""
    # celery.task.control has a revoke of its own
    if inside in {"celery.task", "celery.decorators", "celery.task.sets"}:
        return REMOVED_NAMES.get(name, REMOVED[inside])
    return REMOVED[inside]


# What a line of the project imports from a module, by the last frame that led to an exception.
TAKEN = re.compile(r"from\s+([\w.]+)\s+import\s+\(?\s*(\w+)")


def _hint_for_missing(facts: Facts, failure: Failure) -> str:
    """What to do about a module that is not there: Celery removed it, or it is not installed."""
    missing = _missing_module(failure)
    taken = [m.groups() for frame in failure.frames for m in TAKEN.finditer(frame)]
    for module, name in reversed([(missing, ""), *taken]):
        if module == missing or module.startswith(f"{missing}."):
            removed = removed_hint(module, name)
            if removed:
                return f"Removed in Celery 5: {removed}"
    if missing.split(".")[0] in facts.code.own_packages:
        meant = _module_beside(facts, missing) or "Correct the import."
        return f"The project has no module {missing}. {meant}"
    close = difflib.get_close_matches(missing, sorted(facts.code.own_packages), 1, 0.8)
    if close:
        return f"Did you mean {close[0]}?"
    python = facts.project.interpreter.path
    if missing == "django.tasks":
        version = facts.worker.versions.get("django", "") if facts.worker else ""
        return f"django.tasks came with Django 6.0, and {python} has Django {version}."
    return f"If it is a library, install it for {python}, or name another interpreter: --python."


def _exception_occurrence(facts: Facts, failure: Failure, message: str = "") -> Occurrence:
    """An exception of the project as an occurrence, with the frames of the project that led to
    it."""
    hint = ""
    where = place(facts, *failure.where) if failure.where else None
    if failure.type == "ModuleNotFoundError":
        hint = _hint_for_missing(facts, failure)
        # without a frame of the project, the place is the task that Celery happened to work on
        if not failure.frames:
            where = _place_of_name(facts, _missing_module(failure)) or where
    elif "Incorrect timezone setting" in failure.message:
        setting = facts.settings.first("TIME_ZONE")
        where = where or (setting.where if setting else None)
        hint = zone_hint(failure.message.rpartition(" ")[2])
    elif "settings are not configured" in failure.message and facts.project.celery:
        app = facts.project.celery[0]
        where = where or app.where
        # what the web process runs with, a worker should, too
        served = [entry.names[0] for entry in facts.project.web if entry.certain]
        module = (served or [facts.project.settings.module])[0]
        hint = (
            f'Put os.environ.setdefault("{VARIABLE}", "{module}") into'
            f" {app.where.path}, above Celery()."
        )
    elif CIRCULAR.search(failure.message):
        hint = _import_to_move(facts, failure)
    elif hint_for_name(facts, failure):
        hint = hint_for_name(facts, failure)
    elif _known_hint(failure):
        hint = _known_hint(failure)
    elif failure.missing_variable:
        variables = _unset_variables(facts, [(None, failure)])
        exported = " ".join(f"{name}=..." for name in variables)
        hint = (
            f"Set {_joined(variables)} where you run this, as the project is started with it: "
            f"`export {exported}`, then `celeryize verify`."
        )
    message = message or f"{failure.type}: {_first_line(failure)}"
    return Occurrence(message, where, hint, "\n".join(failure.frames))


# What Python says where two modules import each other; "most likely" is its own doubt.
CIRCULAR = re.compile(r"partially initialized module|circular import")
FRAME = re.compile(r"(.+):(\d+) in <module>: ")


def _import_to_move(facts: Facts, failure: Failure) -> str:
    """The import of a circle that can go into a function: of the last ones that led to the
    exception, the first whose names nothing at the top of its module needs."""
    for frame in reversed(failure.frames):
        found = FRAME.match(frame)
        where = place(facts, found[1], int(found[2])) if found else None
        code = facts.code.parsed(where.path) if where and not where.path.is_absolute() else None
        for node in code.imports if code and where else ():
            if code is None or where is None or node.lineno != where.line or not code.at_top(node):
                continue
            names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            users = _functions_using(code, names)
            if users is not None:
                inside = f"{users[0]}()" if users else "the function that uses it"
                return f"Move `{ast.unparse(node)}` ({where}) into {inside}."
    return "Two modules import each other: move one of the imports into the function that uses it."


def _functions_using(code: Code, names: set[str]) -> list[str] | None:
    """The functions that use names; None where the module needs them when it is imported."""
    users: list[str] = []
    for node in code.of(ast.Name):
        if node.id not in names:
            continue
        function = code.function_of(node)
        # a decorator, a default or an annotation is looked up when the function is defined
        if function is None or not any(node in code.within(line) for line in function.body):
            return None
        users.append(function.name)
    return list(dict.fromkeys(users))


# A large city of each abbreviation that settings are given.
PLACES = {
    "CEST": "Europe/Berlin",
    "EEST": "Europe/Athens",
    "WEST": "Europe/Lisbon",
    "BST": "Europe/London",
    "MSK": "Europe/Moscow",
    "EDT": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MDT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "BRT": "America/Sao_Paulo",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "SGT": "Asia/Singapore",
    "AEST": "Australia/Sydney",
}


def zone_hint(name: str) -> str:
    """The time zone that a misspelt one means."""
    # CEST is the summer of many places, and near to EST by its letters alone
    if re.fullmatch(r"[A-Z]{2,5}(?:[+-]\d+)?", name):
        return (
            f"{name} is an abbreviation, and no zone. Write one of its places, such as"
            f" {PLACES.get(name, 'Europe/Paris')}."
        )
    zones = sorted(zoneinfo.available_timezones())
    # a city alone, or a name in other letters: Berlin, europe/berlin
    spelled = name.strip().replace(" ", "_").lower()
    same = [zone for zone in zones if f"/{zone}".lower().endswith(f"/{spelled}")]
    close = same or difflib.get_close_matches(name, zones, 1, 0.7)
    if close:
        return f"Did you mean {close[0]}?"
    return "Write a name of the time zone database, such as Europe/Paris."


def _first_line(failure: Failure) -> str:
    return failure.message.partition("\n")[0]


def _known_hint(failure: Failure) -> str:
    """What to do about an exception whose words are known; empty for any other."""
    return next((hint for words, hint in KNOWN_WORDS.items() if words in failure.message), "")


# What to do, by a part of the message.
KNOWN_WORDS = {
    "Signal receiver must accept keyword arguments": "Give the function **kwargs, too.",
    "install the ephem library": "Install ephem, and declare it: solar schedules need it.",
    "Could not find backend": "Install the package of the backend that TASKS names, or correct it.",
    "Error loading psycopg": "Install psycopg, the driver of PostgreSQL, where you run this.",
    "Error loading MySQLdb": "Install mysqlclient, the driver of MySQL, where you run this.",
}


def _missing_module(failure: Failure) -> str:
    match = re.search(r"No module named '([\w.]+)'", failure.message)
    return match[1] if match else ""


def _place_of_name(facts: Facts, module: str) -> Where | None:
    """Where the settings name a module, or something inside it, in a text: in INSTALLED_APPS,
    say."""
    for path in facts.settings.files if module else ():
        code = facts.code.parsed(path)
        for node in ast.walk(code.source.tree) if code else ():
            text = text_of(node) or ""
            if code and (text == module or text.startswith(f"{module}.")):
                return code.where(node)
    return None


def failure_text(failure: Failure) -> str:
    """The sentence about a tasks module that cannot be imported, in `verify` and in `tasks`."""
    return f"a tasks module cannot be imported: {failure.type}: {failure.message}"


def failures(facts: Facts, *phases: str) -> Iterator[Failure]:
    """The failures of both imports in some phases, each once."""
    seen: set[tuple[str, str]] = set()
    for report in (facts.worker, facts.web):
        for failure in report.failures if report else ():
            if failure.phase in phases and (failure.type, failure.message) not in seen:
                seen.add((failure.type, failure.message))
                yield failure


def is_absent(facts: Facts) -> bool:
    """Whether the interpreter has no Django or no Celery: then nothing can be imported."""
    worker = facts.worker
    return worker is not None and not (worker.django_importable and worker.celery_importable)


@check("celery.E001", imports=True, unless_there=("celery.E230",))
def project_does_not_start(facts: Facts) -> Iterator[Occurrence]:
    """The project itself does not start.

    What happens: Neither a worker nor a web process starts.
    How it looks: The exception that is shown, with the project's last lines that led to it.
    Why: The settings, an app or a model raises when it is imported, hangs, or ends the interpreter.
    Fix: Run `python manage.py check`, and fix what it shows.
    Source: the import itself
    """
    worker, web = facts.worker, facts.web
    if worker is None or web is None or is_absent(facts):
        return
    # the web import is the simpler one: what fails there is not about Celery
    both = {(f.type, f.message) for f in web.failures if f.phase in {"start", "settings", "setup"}}
    for failure in web.failures:
        if (failure.type, failure.message) in both:
            both.discard((failure.type, failure.message))
            yield _exception_occurrence(facts, failure)


@check("celery.E005", imports=True, unless=("celery.E001", "celery.E002"))
def urls_do_not_load(facts: Facts) -> Iterator[Occurrence]:
    """The URLs of the project cannot be imported.

    What happens: The web process answers each request with an error, and a worker does not start.
    How it looks: The exception that is shown.
    Why: The first request imports ROOT_URLCONF, and with it the views. So does a worker, when it
        starts, for Django's system checks.
    Fix: Run `python manage.py check`, and fix what it shows.
    Source: the import itself; celery/fixups/django.py, validate_models
    """
    for failure in failures(facts, "urls"):
        if not _is_of_this_machine(facts, failure):
            yield _exception_occurrence(facts, failure)


@check("celery.W009", imports=True, unless=("celery.E001", "celery.E002", "celery.E120"))
def web_entry_does_not_start(facts: Facts) -> Iterator[Occurrence]:
    """What a web server imports cannot be imported: wsgi.py or asgi.py with its own settings.

    What happens: The web process does not start with these settings, nor does a worker that has
        them; and nothing of them was looked at.
    How it looks: The exception that is shown, when gunicorn or uvicorn imports wsgi.py.
    Why: wsgi.py names other settings than manage.py, those of production mostly, which nobody
        imports in development.
    Fix: python -c "import PACKAGE.wsgi" without DJANGO_SETTINGS_MODULE, and fix what it shows.
    Source: the import itself
    """
    for entry in _unimportable_entries(facts):
        assert entry.failure is not None
        if not _is_of_this_machine(facts, entry.failure):
            yield Occurrence(
                f"{entry.module} cannot be imported as a web server does it: "
                f"{entry.failure.type}: {_first_line(entry.failure)}",
                _place_of(facts, entry.failure),
                "Fix that, or look with these settings: --settings MODULE.",
            )


@check("celery.I011", imports=True, unless=("celery.E001", "celery.E002"), brief=True)
def web_entry_not_looked_at(facts: Facts) -> Iterator[Occurrence]:
    """The settings that wsgi.py or asgi.py names were not imported: this machine lacks something.

    What happens: Nothing, here. What only these settings say was read, and not imported.
    How it looks: (nothing)
    Why: They read a variable, or import a library, that only production has.
    Fix: Run celeryize verify where they can be imported, with --settings MODULE.
    Source: the import itself
    """
    unset = [
        (entry, entry.failure)
        for entry in (facts.web.entry_points if facts.web else ())
        if entry.failure is not None and entry.failure.missing_variable
    ]
    for entry in _unimportable_entries(facts):
        assert entry.failure is not None
        if entry.failure.missing_variable or not _is_of_this_machine(facts, entry.failure):
            continue
        yield Occurrence(
            f"not imported: {entry.module}: {entry.failure.type}: {_first_line(entry.failure)}",
            _place_of(facts, entry.failure),
            "Install what it needs, or leave it so: its settings were read.",
            "",
        )
    if unset:
        # short: it is there at every run, on most machines
        yield Occurrence(
            f"not imported: {', '.join(entry.module for entry, _ in unset)}",
            _place_of(facts, unset[0][1]),
            f"For that, set {_joined(_unset_variables(facts, unset))}.",
            "",
        )


def _joined(names: Sequence[str]) -> str:
    *most, last = names
    if not most:
        return last
    return f"{', '.join(most)} and {last}"


def _unset_variables(
    facts: Facts, unset: Sequence[tuple[EntryPoint, Failure] | tuple[None, Failure]]
) -> list[str]:
    """The variables that failures name, and the further ones that the same settings demand."""
    starts: list[PurePosixPath] = []
    for entry, failure in unset:
        names = [entry.settings_module] if entry else []
        served = [one.names for one in facts.project.web if entry and one.module == entry.module]
        names += [name for one in served for name in one]
        starts += [path for name in names if name and (path := facts.modules.find(name))]
        where = _place_of(facts, failure)
        if where is not None and not where.path.is_absolute():
            starts.append(where.path)
    missing = [failure.missing_variable for _, failure in unset]
    return list(dict.fromkeys([*missing, *demanded_variables(facts, starts)]))


def _place_of(facts: Facts, failure: Failure) -> Where | None:
    if failure.where is None:
        return None
    return place(facts, *failure.where)


def _unimportable_entries(facts: Facts) -> list[EntryPoint]:
    """The first entry point of each failure, of those that were imported on their own."""
    found: dict[tuple[str, str], EntryPoint] = {}
    for entry in facts.web.entry_points if facts.web else ():
        if entry.failure is not None:
            found.setdefault((entry.failure.type, entry.failure.message), entry)
    return list(found.values())


def _is_of_this_machine(facts: Facts, failure: Failure) -> bool:
    """Whether a failure says that a variable, a declared library or a server is missing here."""
    if failure.missing_variable or failure.type not in CODE_ERRORS:
        return True
    name = _missing_module(failure).split(".")[0].lower().replace("_", "-")
    if not name:
        return False
    dependencies = facts.project.dependencies
    # django-storages brings storages
    declared = {*dependencies.declared, *dependencies.left}
    return any(name in other for other in declared)


@check("celery.E002", imports=True)
def nothing_to_import_with(facts: Facts) -> Iterator[Occurrence]:
    """Django or Celery is missing in the project's interpreter.

    What happens: Nothing starts there; only the code itself can be checked.
    How it looks: ModuleNotFoundError: No module named 'celery'
    Why: The dependencies are not installed, or another interpreter is the right one.
    Fix: Install the dependencies, or name the interpreter with --python.
    Source: the import itself
    """
    if not is_absent(facts):
        return
    assert facts.worker is not None
    # an interpreter that crashed has not got as far as looking for them
    if facts.worker.failures_of("Timeout", "Crash"):
        return
    there = {"django": facts.worker.django_importable, "celery": facts.worker.celery_importable}
    names = " and ".join(name for name, found in there.items() if not found)
    install = install_line(facts.project)
    yield Occurrence(
        f"{names} cannot be imported by {facts.project.interpreter.path}",
        None,
        f"Install the dependencies (`{install}`), or name another interpreter: --python."
        if install
        else "",
    )


@check(
    "celery.E003",
    imports=True,
    unless=("celery.E001", "celery.E002", "celery.E020", "celery.E453"),
    unless_there=("celery.E301",),
)
def worker_does_not_start(facts: Facts) -> Iterator[Occurrence]:
    """The worker cannot import the app or the settings, while the web process can.

    What happens: The worker does not start.
    How it looks: The exception that is shown, with the project's last lines that led to it.
    Why: The worker starts without manage.py: the app file comes first, then the settings, then the
        apps.
    Fix: See the exception; most often something imports models, or reads settings, too early.
    Source: the import itself
    """
    for failure in facts.worker.failures if facts.worker else ():
        if failure.phase in {"start", "settings", "setup", "app", "finalize"}:
            if not _is_our_spec(facts, failure):
                found = _exception_occurrence(facts, failure)
                # where the zone is written, E301 says it better
                zone = _zone_of(facts, failure)
                if zone is not None:
                    found = replace(found, where=zone)
                yield found


def _zone_of(facts: Facts, failure: Failure) -> Where | None:
    """The place of the CELERY_TIMEZONE that an exception is about."""
    for setting in facts.settings.named("CELERY_TIMEZONE"):
        zone = text_of(setting.value)
        if zone and failure.type == "ZoneInfoNotFoundError" and zone in failure.message:
            return setting.where
    return None


def _is_our_spec(facts: Facts, failure: Failure) -> bool:
    """Whether only the name that we gave to `-A` was wrong, and not the project."""
    if failure.phase != "app" or failure.frames or not facts.project.celery:
        return False
    spec = facts.project.celery[0].spec(facts.project.package.name)
    # a project that starts its worker by the same name has the same problem
    started = {command.option("-A", "--app") for command in facts.deployment.commands}
    named = spec.partition(":")[0]
    return spec not in started and named in failure.message


@check("celery.W003", imports=True, unless=("celery.E001", "celery.E002", "celery.E003"))
def app_not_found(facts: Facts) -> Iterator[Occurrence]:
    """The app could not be found under the name that celeryize gave it.

    What happens: Only the code was checked; the tasks and the settings of a worker were not seen.
    How it looks: (nothing: the project may be fine)
    Why: The worker's app was looked for as `celery -A ...` does, and is not found that way.
    Fix: Start the worker with the name that is shown, to see whether it is found.
    Source: celery/app/utils.py, find_app
    """
    for failure in facts.worker.failures if facts.worker else ():
        if _is_our_spec(facts, failure):
            spec = facts.project.celery[0].spec(facts.project.package.name)
            yield Occurrence(
                f"the app was not found as -A {spec}: {failure.type}: {failure.message}",
                facts.project.celery[0].where,
                "What only an import shows was not checked.",
            )


@check(
    "celery.E030",
    imports=True,
    unless=(
        "celery.E001",
        "celery.E002",
        "celery.E003",
        "celery.E037",
        "celery.E038",
        "celery.E120",
        "celery.E453",
    ),
)
def tasks_module_fails(facts: Facts) -> Iterator[Occurrence]:
    """A tasks module cannot be imported.

    What happens: The worker does not start; manage.py does not notice.
    How it looks: The exception that is shown, with the project's last lines that led to it.
    Why: Only a worker imports the tasks modules; `manage.py check` does not.
    Fix: See the exception.
    Source: the import itself, each module on its own
    """
    # a name in CELERY_IMPORTS that is no module is reported where it is written (E678)
    named = [message for _, message, _ in bad_imports(facts)]
    for failure in failures(facts, "tasks"):
        missing = re.search(r"No module named '([\w.]+)'", failure.message)
        if missing and not failure.frames and any(f" {missing[1]}," in m for m in named):
            continue
        yield _exception_occurrence(facts, failure, failure_text(failure))


def _import_lists(facts: Facts) -> Iterator[tuple[Code, str, ast.expr]]:
    """What names modules for the worker: the settings, and the argument of Celery()."""
    for setting in facts.settings.named("CELERY_IMPORTS", "CELERY_INCLUDE"):
        yield setting.code, setting.name, setting.value
    for keyword in facts.app_call.keywords if facts.app_call else ():
        if keyword.arg == "include" and facts.app_code is not None:
            yield facts.app_code, "Celery(include=...)", keyword.value


def _module_meant(facts: Facts, name: str) -> str:
    """The module of the project that a misspelt name means, as a hint."""
    known = {facts.modules.name_of(path) or "" for path in facts.code.files}
    close = difflib.get_close_matches(name, sorted(known), 1, 0.8)
    return f"Did you mean {close[0]}?" if close else ""


def _module_beside(facts: Facts, name: str) -> str:
    """The module of the same package that a misspelt one means, as a hint."""
    package, _, tail = name.rpartition(".")
    known = (facts.modules.name_of(path) or "" for path in facts.code.files)
    beside = {one.rpartition(".")[2]: one for one in known if one.rpartition(".")[0] == package}
    close = difflib.get_close_matches(tail, sorted(beside), 1, 0.75)
    return f"Did you mean {beside[close[0]]}?" if close else ""


def bad_imports(facts: Facts) -> Iterator[tuple[Where, str, str]]:
    """The names of CELERY_IMPORTS and CELERY_INCLUDE that are no module: place, message, hint.

    Only of the project's own packages is it known which modules there are.
    """
    for code, written, value in _import_lists(facts):
        elements = [value]
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            elements = value.elts
        for element in elements:
            name = text_of(element)
            if not name or name.split(".")[0] not in facts.code.own_packages:
                continue
            if facts.modules.find(name) is not None or facts.modules.folder(name) is not None:
                continue
            where = code.where(element)
            module, _, tail = name.rpartition(".")
            path = facts.modules.find(module) if module else None
            if path is None:
                yield where, f"{written} names {name}, but there is no such module", ""
            elif re.search(rf"\b{re.escape(tail)}\b", facts.code.text(path)):
                message = f"{written} names {name}, which is not a module but in {path}"
                yield where, message, f'Write "{module}".'
            else:
                message = f"{written} names {name}, but {module} has no such module"
                yield where, message, _module_meant(facts, name)


@check(
    "celery.E091",
    imports=True,
    unless=("celery.E001", "celery.E002", "celery.E003"),
    unless_there=("celery.E738",),
)
def handler_failed(facts: Facts) -> Iterator[Occurrence]:
    """A signal handler raises, and Celery swallows it.

    What happens: The handler has no effect: periodic tasks are missing, logging is not set up.
    How it looks: (nothing)
    Why: Signal.send catches exceptions and only logs them, before logging is set up.
    Fix: on_after_finalize instead of on_after_configure; or CELERY_BEAT_SCHEDULE.
    Source: https://github.com/celery/celery/issues/3589
    """
    for failure in failures(facts, "signal"):
        text = f"{failure.type}: {failure.message}"
        yield _exception_occurrence(facts, failure, f"swallowed in a signal handler: {text}")


@check("celery.E191", imports=True, unless=("celery.E190", "celery.E030", "celery.E120"))
def registered_twice(facts: Facts) -> Iterator[Occurrence]:
    """A function is registered under two names, or two functions under one name.

    What happens: The caller sends one name, the worker knows the other: NotRegistered. Of two
        functions with one name, the first one wins.
    How it looks: DuplicateTaskNameWarning, or: Received unregistered task of type
        'apps.shop.tasks.add'.
    Why: The module is imported under two paths (such as `shop.tasks` and `apps.shop.tasks`); or a
        decorator below Celery's gives all of its functions the name of its wrapper.
    Fix: One import path everywhere; or an explicit name=.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-naming-and-relative-imports
    """
    if facts.worker is None:
        return
    for warning in facts.worker.warnings:
        if warning["type"] == "DuplicateTaskNameWarning":
            message = str(warning["message"])
            kept = next((t for t in facts.worker.tasks if repr(t.name) in message), None)
            if kept is None:
                yield Occurrence(message.partition("\n")[0], None, "Give one of them a name=.")
                continue
            hint = "Give one of them a name=."
            # a decorator below Celery's that returns a function of its own
            if "<locals>" in message:
                hint = _wraps_hint(facts, place(facts, kept.file, kept.line))
            yield Occurrence(
                f"two functions are registered as {kept.name}, and only the first one runs",
                place(facts, kept.file, kept.line),
                hint,
            )
    # one function under two names is one module under two import paths
    by_place: dict[tuple[str, int], list[str]] = {}
    for task in facts.worker.tasks:
        if task.file and task.line and "site-packages" not in task.file:
            by_place.setdefault((task.file, task.line), []).append(task.name)
    for (file, line), names in sorted(by_place.items()):
        if len({name.rpartition(".")[2] for name in names}) == 1 and len(names) > 1:
            yield Occurrence(
                f"one function is registered as {' and as '.join(sorted(names))}: its module is "
                "imported twice",
                place(facts, file, line),
                "Use one import path.",
            )


def _wraps_hint(facts: Facts, where: Where | None) -> str:
    """Where @functools.wraps belongs, with the names of the decorator whose wrapper is at a
    place."""
    code = facts.code.parsed(where.path) if where else None
    for function in code.functions if code and where else ():
        lines = [function.lineno, *(one.lineno for one in function.decorator_list)]
        around = code.function_of(function) if code else None
        if around is None or where is None or where.line not in lines:
            continue
        parameters = [one.arg for one in (*around.args.posonlyargs, *around.args.args)]
        called = {dotted(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)}
        wrapped = [name for name in parameters if name in called] or parameters[:1]
        if wrapped:
            return (
                f"Write @functools.wraps({wrapped[0]}) above `def {function.name}` in the "
                f"decorator {around.name}, or give each a name=."
            )
    return "Write @functools.wraps(...) above the wrapper in the decorator below, or a name=."


@check(
    "celery.E043",
    imports=True,
    unless=("celery.E001", "celery.E003", "celery.E030", "celery.E120", "celery.E040"),
)
def worker_lacks_task(facts: Facts) -> Iterator[Occurrence]:
    """A web process knows a task that the worker does not.

    What happens: The task is sent, and each worker discards it.
    How it looks: Received unregistered task of type '...'. The message has been ignored and
        discarded.
    Why: The worker finds its tasks without manage.py and without the URLs, and imports less.
    Fix: Put the task into the tasks module of an installed app.
    Source: both imports, compared
    """
    if (
        facts.worker is None
        or facts.web is None
        or facts.worker.app is None
        or facts.worker.failures
    ):
        return
    known = {task.name for task in facts.worker.tasks}
    static = {task.name for task in facts.tasks}
    for task in facts.web.tasks:
        # tasks of the project's own code are reported with the reason that they are missing
        if task.name not in known and task.name not in static:
            yield Occurrence(
                f"the worker does not know {task.name}", place(facts, task.file, task.line)
            )
