"""`celeryize init --modernize` beside the settings: code, dependency, command lines, variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.celery_versions import Range, is_pinned, range_of
from celeryize.commands.init.celery_fit import CeleryFit, Habit, fit_celery
from celeryize.commands.init.dependency import refresh_locks
from celeryize.commands.init.modernize_left import add_left_commands
from celeryize.commands.init.settings_place import write_settings
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.patch.beat_schedule import add_entry, find_home
from celeryize.patch.dependencies import Entry, Form, Requirement, entries
from celeryize.patch.dependencies.raised_pin import raise_celery
from celeryize.patch.djcelery import without_djcelery
from celeryize.patch.old_celery import Periodic, modern_module
from celeryize.patch.old_command_lists import modern_lists
from celeryize.patch.old_commands import modern_command
from celeryize.reading import read_file
from celeryize.urls import redacted

DEPTH = 8
_MENTIONS = re.compile(rb"celery")
SCHEDULE = "CELERY_BEAT_SCHEDULE"
# What Celery brings itself, in the versions that fit it: a pin of these years keeps it old.
_BROUGHT = ("kombu", "billiard", "amqp", "vine", "anyjson", "django-celery", "librabbitmq")
_FILES = (
    "Procfile*",
    "*compose*.y*ml",
    "*ockerfile*",
    "*.sh",
    "*.service",
    "*.conf",
    "*.ini",
    "Makefile",
)
_FOLDERS = ("", "deploy", "docker", "compose", "bin", "scripts", "etc", "conf", "ops", "systemd")
_ENV_FILES = (".env*", ".envs/**/.*", "*.env", "*compose*.y*ml")
_VERSION = re.compile(
    r"(?i)^(\s*celery\s*(?:\[[^\]]*\])?)\s*[<>=!~][^,;#\s]*(?:\s*,\s*[<>=!~][^,;#\s]*)*"
)
_MANAGED = re.compile(r"^[^#]*manage\.py\s+celery")
_OLD_VARIABLE = re.compile(
    r"^\s*-?\s*[\"']?(?:export\s+)?(BROKER_URL|CELERYD_\w+|CELERYBEAT_\w+)\b"
)


@dataclass(frozen=True, slots=True)
class _Planning:
    """What write_settings needs of a plan in the making."""

    project: Project
    draft: Draft


def modernize_code(project: Project, draft: Draft, *, partial: bool) -> tuple[str, ...]:
    """Rewrite what Celery 5 does not have any more; the names of the settings that were written.

    Raises CannotPatch for what has no heir, unless `partial`, where it becomes a manual step.
    """
    periodic: list[tuple[str, Periodic]] = []
    for path in _python_files(project):
        source = draft.source(path)
        try:
            plain = without_djcelery(source)
            modern = modern_module(plain)
        except CannotPatch as refusal:
            if not partial:
                raise
            draft.add_manual(refusal)
            continue
        if modern.source.text != source.text:
            draft.write(path, modern.source, "imports and decorators of Celery 5")
        module = project.modules.name_of(path) or ".".join(path.with_suffix("").parts)
        periodic += [(module, found) for found in modern.periodic]
    wrote = _schedule_periodic(project, draft, periodic, partial=partial)
    _modernize_dependency(project, draft, partial=partial)
    _modernize_commands(project, draft)
    _name_variables(project, draft)
    return wrote


def _python_files(project: Project) -> Iterator[PurePosixPath]:
    seen: set[PurePosixPath] = set()
    for base in project.layout.paths:
        for path in project.modules.python_files(base, DEPTH):
            if path in seen or not _MENTIONS.search(read_file(project.root / path)):
                continue
            seen.add(path)
            if project.modules.source(path) is not None:
                yield path


def _schedule_periodic(
    project: Project, draft: Draft, found: list[tuple[str, Periodic]], *, partial: bool
) -> tuple[str, ...]:
    """An entry of the schedule for each periodic task; the setting that was written, if any."""
    wrote: tuple[str, ...] = ()
    for module, task in found:
        name = task.name or f"{module}.{task.function}"
        options = f'\n        "options": {task.options},' if task.options else ""
        entry = (
            f'"{name}": {{\n        "task": "{name}",\n'
            f'        "schedule": {task.schedule},{options}\n    }}'
        )
        files = dict.fromkeys((project.settings.file, *project.settings.reachable))
        try:
            home = find_home([draft.source(path) for path in files], SCHEDULE, entry)
            if home is None:
                block = f"{SCHEDULE} = {{\n    {entry},\n}}\n"
                write_settings(_Planning(project, draft), block, task.imports, f"runs {name}")
                wrote = (SCHEDULE,)
                continue
            flat = entry.replace("\n    ", "\n")
            after = add_entry(home, name, flat, task.imports)
            draft.write(home.source.path, after, f"runs {name}")
        except CannotPatch as refusal:
            if not partial:
                raise
            draft.add_manual(refusal)
    return wrote


def _modernize_dependency(project: Project, draft: Draft, *, partial: bool) -> None:
    """A Celery that fits in the place of an old pin, without the pins of what it brings."""
    dependencies = project.dependencies
    path, declared = dependencies.file, dependencies.declared
    if path is None or "celery" not in declared:
        return
    data = draft.read(path) or b""
    there = entries(data, dependencies.form)
    if "celery" not in there or not _is_old(range_of(there["celery"].text)):
        return
    gone = _pins_of_old(there)
    try:
        fit = fit_celery(_without_pins(project))
        if dependencies.form is Form.REQUIREMENTS:
            after = _raised(data.decode(), there, fit, gone).encode()
        else:
            wanted = _wanted(there["celery"].text, fit, gone)
            after = raise_celery(data, path, dependencies.form, wanted, gone)
    except (CannotPatch, UnicodeDecodeError) as refusal:
        if isinstance(refusal, UnicodeDecodeError):
            refusal = CannotPatch(f"{path} is not UTF-8", hint="Raise it manually.")
        if not partial and dependencies.form is Form.REQUIREMENTS:
            raise refusal from None
        draft.add_manual(refusal)
        return
    words = f"celery {fit.newest.latest}"
    if gone:
        texts = ", ".join(there[name].text for name in gone)
        words += f", which brings its own in the place of {texts}"
    draft.write(path, after, words)
    if fit.note:
        draft.add_note(fit.note)
    refresh_locks(project, draft)


def _pins_of_old(there: Mapping[str, Entry]) -> list[str]:
    """The names of what is declared for the old Celery alone."""
    return [
        name
        for name, entry in there.items()
        if name in _BROUGHT or (name == "redis" and _is_old_redis(range_of(entry.text)))
    ]


def _wanted(text: str, fit: CeleryFit, gone: list[str]) -> Requirement:
    """Celery in the versions that fit, pinned where it was, with the extra that brings redis."""
    extras = ("redis",) if "redis" in gone else ()
    habit = Habit.OPEN
    if is_pinned(text):
        habit = Habit.PINS
    return fit.on(Requirement("celery", extras), habit)


def _raised(text: str, there: Mapping[str, Entry], fit: CeleryFit, gone: list[str]) -> str:
    """A requirements file with a Celery that fits, and without the requirements of `gone`."""
    lines = text.split("\n")
    entry = there["celery"]
    version = f">={fit.lower}"
    if "==" in entry.text:
        version = f"=={fit.newest.latest}"
    elif fit.upper:
        version += f",<{fit.upper}"
    line = _VERSION.sub(rf"\g<1>{version}", lines[entry.line - 1])
    # the extra has the redis that this Celery takes
    if "redis" in gone and "[" not in entry.text:
        line = re.sub(r"(?i)^(\s*celery)", r"\1[redis]", line)
    lines[entry.line - 1] = line
    for name in sorted(gone, key=lambda one: -there[one].line):
        del lines[there[name].line - 1]
    return "\n".join(lines)


def _without_pins(project: Project) -> Project:
    """The project without the pins that go with the old Celery."""
    declared = {
        name: text
        for name, text in project.dependencies.declared.items()
        if name not in _BROUGHT and name != "redis"
    }
    return replace(project, dependencies=replace(project.dependencies, declared=declared))


def _is_old(found: Range) -> bool:
    return found.high is not None and found.high <= (5,)


def _is_old_redis(found: Range) -> bool:
    return found.high is not None and found.high <= (4, 5, 2)


def _modernize_commands(project: Project, draft: Draft) -> None:
    """Command lines of Celery 3 in the files that start processes."""
    app = project.package.name
    if project.celery:
        app = project.start_spec(project.celery[0])
    told: set[Where] = set()
    for path in _files(project, _FILES):
        data = draft.read(path)
        if data is None or not _MENTIONS.search(data):
            continue
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        lines = [modern_command(line, app) for line in modern_lists(text, app).split("\n")]
        after = "\n".join(lines)
        if after != text:
            draft.write(path, after.encode(), "command lines of Celery 5")
        for number, line in enumerate(lines, start=1):
            if _MANAGED.search(line):
                told.add(Where(path, number))
                draft.add_todo(
                    Todo(
                        f"start Celery by its own command in line {number}",
                        "manage.py has no such command without django-celery.",
                        f"celery -A {app} worker\n",
                        path,
                        needed=True,
                    )
                )
    add_left_commands(project, draft, app, frozenset(told))


def _name_variables(project: Project, draft: Draft) -> None:
    """A note for each line of an environment that sets a variable by an old name."""
    for path in _files(project, _ENV_FILES):
        try:
            text = read_file(project.root / path).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(text.split("\n"), start=1):
            found = _OLD_VARIABLE.match(line)
            if found:
                draft.add_note(
                    f"{path}:{number}: {redacted(line.strip())} is a variable, and keeps its name: "
                    "the settings read it by that one. To rename it, change both."
                )


def _files(project: Project, patterns: tuple[str, ...]) -> list[PurePosixPath]:
    """The files of these names beside manage.py, at the root, and in folders for deployment."""
    found: dict[PurePosixPath, None] = {}
    for base in dict.fromkeys((project.root, project.root / project.base)):
        for folder in _FOLDERS:
            for pattern in patterns:
                for file in sorted((base / folder).glob(pattern)):
                    if file.is_file() and file.stat().st_size < 200_000:
                        path = PurePosixPath(file.relative_to(project.root).as_posix())
                        found.setdefault(path)
    return list(found)


def typed_names(names: Mapping[str, Where], known: frozenset[str]) -> Iterator[str]:
    """A sentence for each name that looks like an old one and is none: a typo has no effect."""
    from difflib import get_close_matches

    for name, where in names.items():
        if not name.startswith(("CELERYD_", "CELERYBEAT_", "CELERY_", "BROKER_")):
            continue
        if name in known:
            continue
        near = get_close_matches(name, known, 1, 0.9)
        if near:
            yield (
                f"{where}: {name} is no setting of Celery and has no effect; probably {near[0]} "
                "is meant. It is left as it is."
            )
