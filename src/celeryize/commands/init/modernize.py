"""`celeryize init --modernize`: rename pre-Celery 4 settings to their current names.

What is renamed to what is celery.app.defaults' own table (checks/names.py). Names that merely could
be Celery's, such as S3_BUCKET or ENABLE_UTC, belong to the project and stay.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NoReturn

from celeryize.celery_facts import OLD_NAMES, SETTING_NAMES
from celeryize.commands.init.lines_to_paste import WholePlan, headed, lines_of
from celeryize.commands.init.missing_broker import line_with_namespace
from celeryize.commands.init.modernize_code import modernize_code, typed_names
from celeryize.commands.init.namespace import add_namespace
from celeryize.detect.project import Project
from celeryize.detect.settings import settings_classes, settings_files
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where
from celeryize.patch.beat_schedule import merge_schedules
from celeryize.patch.rename import BY_NAME, assigned, rename
from celeryize.patch.source import Source
from celeryize.reading import read_file

TODAY = {
    old: f"CELERY_{new.upper()}"
    for old, new in OLD_NAMES.items()
    if old.startswith(("BROKER_", "CELERYD_", "CELERYBEAT_", "CELERY_"))
}
# https://docs.celeryq.dev/en/stable/history/whatsnew-4.0.html#removed-features
REMOVED = re.compile(
    r"CELERY_(SEND_TASK_ERROR_EMAILS|TASK_ERROR_WHITELIST)|CELERYMON_\w+|CELERYD_LOG_(FILE|LEVEL)"
)
DEPTH = 8


@dataclass(frozen=True, slots=True)
class Modernized:
    """The project with its settings under their current names, and the names whose values app.conf
    has to hold.
    """

    project: Project
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Use:
    """A line outside of the settings that uses old names, and that line with the new ones."""

    where: Where
    old: tuple[str, ...]
    line: str


def report_old_names(project: Project, draft: Draft) -> Modernized:
    """The project as it is, with a note where its settings have old names, which --modernize would
    rename.
    """
    old = {name: where for name, where in project.settings.assigned.items() if name in TODAY}
    app = None
    if project.celery:
        app = project.celery[0]
    if not old or (app and not app.reads_django_settings):
        return Modernized(project)
    # in the order of the files, so that the first one is where a reader starts
    there = sorted(old, key=lambda name: (str(old[name].path), old[name].line or 0))
    listed = ", ".join(there[:3])
    if len(there) > 3:
        listed += f" and {len(there) - 3} more"
    draft.add_note(
        f"{old[there[0]]}: {listed}: pre-Celery 4 names, which most versions do not read in an app "
        "with a namespace. `celeryize init --modernize` renames them."
    )
    return Modernized(project)


def modernize(project: Project, draft: Draft, *, partial: bool = False) -> Modernized:
    """Rename the old names in the settings. Nothing happens where there are none.

    Raises CannotPatch where the app would not read the new names (no `namespace="CELERY"`), where a
    name is used in a way that a rename would break, and, unless `partial`, where other code uses an
    old name.
    """
    files = {
        path: _parsed_source(draft, path)
        for path in settings_files(project.layout, project.modules)
    }
    classes = {path: settings_classes(source.tree) for path, source in files.items()}
    there: dict[str, Where] = {}
    for path, source in files.items():
        for name, node in assigned(source, classes[path]).items():
            there.setdefault(name, source.where(node))
    _merge_schedules(files, there, draft)
    _name_typos(there, draft)
    names = _names_to_rename(there, draft)
    project = _with_namespace(project, draft, names)
    if not names:
        wrote = modernize_code(project, draft, partial=partial)
        return Modernized(_with_names(project, wrote))
    for path, source in files.items():
        after = rename(source, names, classes[path])
        if after != source:
            here = assigned(source, classes[path])
            renamed = [f"{old} -> {new}" for old, new in names.items() if old in here]
            what = ", ".join(renamed) or "where they are used"
            draft.write(path, after, f"current names: {what}")
    lines = "\n".join(lines_of(draft.edits()))
    _require_namespace(project, names, there, lines)
    effective = tuple(_in_effect(project, names))
    uses = list(_find_uses(project, names, files))
    if uses and not partial:
        _refuse_uses(uses, lines)
    for use in uses:
        new = ", ".join(names[old] for old in use.old)
        draft.add_todo(
            Todo(
                f"use {new}, in place of line {use.where.line}",
                f"It uses {', '.join(use.old)}, which is renamed.",
                f"{use.line.strip()}\n",
                use.where.path,
                needed=True,
            )
        )
    project = _with_new_names(project, names)
    wrote = modernize_code(project, draft, partial=partial)
    return Modernized(_with_names(project, wrote), effective)


def _merge_schedules(
    files: dict[PurePosixPath, Source], there: dict[str, Where], draft: Draft
) -> None:
    """The entries of CELERYBEAT_SCHEDULE in a CELERY_BEAT_SCHEDULE that the same file has."""
    old, new = "CELERYBEAT_SCHEDULE", "CELERY_BEAT_SCHEDULE"
    if not {old, new} <= there.keys():
        return
    for path, source in files.items():
        after = merge_schedules(source, old, new)
        if after.text != source.text:
            draft.write(path, after, f"the entries of {old} in {new}")
            files[path] = after
            del there[old]
            return


def _name_typos(there: dict[str, Where], draft: Draft) -> None:
    """A note for each name that is nearly one of Celery's."""
    known = frozenset(TODAY) | frozenset(TODAY.values())
    known |= frozenset(f"CELERY_{name.upper()}" for name in SETTING_NAMES)
    own = {name: where for name, where in there.items() if not REMOVED.fullmatch(name)}
    for sentence in typed_names(own, known):
        draft.add_note(sentence)


def _with_namespace(project: Project, draft: Draft, names: dict[str, str]) -> Project:
    """The project with an app that reads CELERY_* settings: one that reads the Django settings
    without a namespace gets it, because the names have one now.
    """
    if not project.celery or not names:
        return project
    app = project.celery[0]
    if app.reads_django_settings or app.config_source != "django.conf:settings" or app.namespace:
        return project
    try:
        add_namespace(draft, app)
    except CannotPatch:
        # it is refused below, with the lines
        return project
    first = replace(app, namespace="CELERY")
    return replace(project, celery=(first, *project.celery[1:]))


def _with_names(project: Project, names: tuple[str, ...]) -> Project:
    """The project with settings that were written."""
    if not names:
        return project
    settings = project.settings
    where = Where(settings.file)
    return replace(
        project,
        settings=replace(
            settings,
            assigned={**settings.assigned, **dict.fromkeys(names, where)},
            taken=settings.taken | set(names),
        ),
    )


def _names_to_rename(there: dict[str, Where], draft: Draft) -> dict[str, str]:
    """The new name of each old one that can be renamed; a note for each of the others."""
    for name, where in there.items():
        if REMOVED.fullmatch(name):
            draft.add_note(
                f"{where}: {name} was removed in Celery 4 and has no successor; "
                "it is left as it is."
            )
    names: dict[str, str] = {}
    # who takes a new name first keeps it: the other is reported
    holders = dict(there)
    for name, where in there.items():
        new = TODAY.get(name)
        if new is None:
            continue
        if new in holders:
            draft.add_note(
                f"{where}: {name} is left as it is, because {new} is set, too ({holders[new]})."
            )
        else:
            names[name] = new
            holders[new] = where
    return names


def _refuse_uses(uses: list[_Use], lines: str) -> NoReturn:
    """Raise WholePlan for code outside of the settings that uses an old name, with the lines to
    paste.
    """
    first = uses[0]
    others = [
        headed(use.where.path, f"in place of line {use.where.line}", use.line) for use in uses
    ]
    raise WholePlan(
        f"{first.where}: code outside of the settings uses the old name {first.old[0]}",
        hint="Paste these lines; or let --partial rename the settings, and show the rest.",
        snippet="\n".join([*others, lines]),
        where=first.where,
    )


def _in_effect(project: Project, names: dict[str, str]) -> Iterator[str]:
    """The new names whose values app.conf has to hold: of this environment, and left alone by the
    app file.
    """
    own = {name for app in project.celery for name, _ in app.conf_writes}
    own |= {
        f"{name}_url" if name == "broker" else name
        for app in project.celery
        for name in app.constructor
    }
    for old, new in names.items():
        if (
            old in project.settings.assigned
            and not {"update", new.removeprefix("CELERY_").lower()} & own
        ):
            yield new


def _parsed_source(draft: Draft, path: PurePosixPath) -> Source:
    """The source of a file whose syntax tree can be read.

    Raises CannotPatch at once where it cannot.
    """
    source = draft.source(path)
    _ = source.tree
    return source


def _require_namespace(
    project: Project, names: dict[str, str], there: dict[str, Where], renamed: str
) -> None:
    """Raise CannotPatch where the app does not read CELERY_* from the settings, with what would be
    needed.
    """
    if project.celery:
        app = project.celery[0]
    else:
        app = None
    if app is None or app.reads_django_settings:
        return
    example = next(iter(names))
    if app.config_source != "django.conf:settings":
        raise CannotPatch(
            f"{app.where}: the app does not read the Django settings, "
            f"so {names[example]} would have no effect",
            hint="It would need "
            'app.config_from_object("django.conf:settings", namespace="CELERY").',
            where=app.where,
        )
    call, line = line_with_namespace(project.modules.source(app.where.path), app)
    raise WholePlan(
        f'{call}: the app has no namespace="CELERY", so {names[example]} would have no effect',
        hint=f"It needs the namespace and the current names: {example} ({there[example]}) "
        "is read without it only.",
        snippet=line and f"{headed(call.path, f'in place of line {call.line}', line)}\n{renamed}",
        where=call,
    )


def _find_uses(
    project: Project, names: dict[str, str], files: dict[PurePosixPath, Source]
) -> Iterator[_Use]:
    """Where other code of the project reads an old name off the settings, imports it, or overrides
    it.
    """
    seen: set[PurePosixPath] = set(files)
    # most files of a project name none of them, and are not parsed for it
    wanted = re.compile("|".join(names).encode())
    for base in project.layout.paths:
        for path in project.modules.python_files(base, DEPTH):
            if path in seen or not wanted.search(read_file(project.root / path)):
                continue
            seen.add(path)
            source = project.modules.source(path)
            if source is None:
                continue
            uses = _used_names(source, names, project, frozenset(files))
            places = sorted((source.line_of(at), at, old) for at, old in uses)
            for number in dict.fromkeys(line for line, _, _ in places):
                text, start = _line_text(source, number), source.line_starts[number - 1]
                here = [(at - start, old) for line, at, old in places if line == number]
                # last first, so that the columns of those before stay valid
                for at, old in reversed(here):
                    text = text[:at] + names[old] + text[at + len(old) :]
                yield _Use(Where(path, number), tuple(dict.fromkeys(old for _, old in here)), text)


def _known_as(source: Source, project: Project, files: frozenset[PurePosixPath]) -> frozenset[str]:
    """The names that the settings have in a module, or as a fixture of its tests."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            module = project.modules.absolute(node, source.path)
            for alias in node.names:
                of_django = module == "django.conf" and alias.name == "settings"
                if of_django or project.modules.find(f"{module}.{alias.name}") in files:
                    found.add(alias.asname or alias.name)
        elif isinstance(node, ast.Import):
            found |= {
                a.asname or a.name for a in node.names if project.modules.find(a.name) in files
            }
        elif isinstance(node, ast.arg) and node.arg == "settings":
            found.add("settings")
    return frozenset(found)


def _used_names(
    source: Source, names: dict[str, str], project: Project, files: frozenset[PurePosixPath]
) -> Iterator[tuple[int, str]]:
    """Each use of an old name off the settings: where the name starts, and the name."""
    settings = _known_as(source, project, files)
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(attr=old, value=value) if (
                old in names and ast.unparse(value) in settings
            ):
                yield source.end(node) - len(old), old
            case ast.Call(
                func=ast.Name(id=function), args=[value, ast.Constant(value=str(old)) as name, *_]
            ):
                if function in BY_NAME and old in names and ast.unparse(value) in settings:
                    yield source.end(name) - 1 - len(old), old
            case ast.Call(func=func, keywords=keywords):
                if ast.unparse(func).rsplit(".", 1)[-1] in {
                    "override_settings",
                    "modify_settings",
                    "settings",
                }:
                    yield from ((source.start(k), k.arg) for k in keywords if k.arg in names)
            case ast.ImportFrom(names=aliases):
                if project.modules.find(project.modules.absolute(node, source.path)) in files:
                    yield from ((source.start(a), a.name) for a in aliases if a.name in names)


def _line_text(source: Source, number: int) -> str:
    if number < len(source.line_starts):
        end = source.line_starts[number]
    else:
        end = len(source.text)
    return source.text[source.line_starts[number - 1] : end].rstrip("\r\n")


def _with_new_names(project: Project, names: dict[str, str]) -> Project:
    """The project as it is once its settings have their current names."""
    settings = project.settings
    return replace(
        project,
        settings=replace(
            settings,
            assigned={names.get(name, name): where for name, where in settings.assigned.items()},
            taken=frozenset(names.get(name, name) for name in settings.taken),
            visible=frozenset(names.get(name, name) for name in settings.visible),
            overridden=frozenset(names.get(name, name) for name in settings.overridden),
        ),
    )
