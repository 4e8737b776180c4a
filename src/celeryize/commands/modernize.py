"""`celeryize init --modernize`: the names of before Celery 4 become today's, in the settings of all environments.

What is renamed to what is celery.app.defaults' own table (checks/names.py). Names that merely could be Celery's,
such as S3_BUCKET or ENABLE_UTC, are the project's own and stay.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from celeryize.celery_facts import OLD_NAMES
from celeryize.commands.gaps import namespaced
from celeryize.commands.lines_to_paste import WholePlan, headed, lines_of
from celeryize.detect.project import Project
from celeryize.detect.settings import settings_classes, settings_files
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Status, Step, Todo, Where
from celeryize.patch.rename import BY_NAME, assigned, rename
from celeryize.patch.source import Source

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
    """The project with its settings under today's names, what was done, and what stays with the user."""

    project: Project
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    todos: tuple[Todo, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Use:
    """A line outside of the settings that goes by old names, and that line with the new ones."""

    where: Where
    old: tuple[str, ...]
    line: str


def left_old(project: Project) -> Modernized:
    """The project as it is; that its settings have old names, which --modernize would rename, is told."""
    old = {name: where for name, where in project.settings.assigned.items() if name in TODAY}
    app = project.celery[0] if project.celery else None
    if not old or (app and not app.reads_django_settings):
        return Modernized(project)
    there = sorted(old, key=lambda name: (str(old[name].path), old[name].line or 0))
    told = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
    return Modernized(
        project,
        notes=(
            f"{old[there[0]]}: {told}: names of before Celery 4, which most versions do not read in an app with a "
            "namespace. `celeryize init --modernize` renames them.",
        ),
    )


def modernize(project: Project, draft: Draft, *, partial: bool = False) -> Modernized:
    """Rename the old names in the settings. Nothing happens where there are none.

    Raises CannotPatch where the app would not read the new names (no `namespace="CELERY"`), where a name is used
    in a way that a rename would break, and, unless `partial`, where other code goes by an old name.
    """
    files = {path: _source(draft, path) for path in settings_files(project.layout, project.modules)}
    classes = {path: settings_classes(source.tree) for path, source in files.items()}
    there: dict[str, Where] = {}
    for path, source in files.items():
        for name, node in assigned(source, classes[path]).items():
            there.setdefault(name, source.where(node))
    notes = [
        f"{where}: {name} is gone since Celery 4 and has no successor; it is left as it is."
        for name, where in there.items()
        if REMOVED.fullmatch(name)
    ]
    names: dict[str, str] = {}
    for name in there:
        new = TODAY.get(name)
        if new is None:
            continue
        if new in there or new in names.values():
            other = there.get(new) or there[next(old for old, taken in names.items() if taken == new)]
            notes.append(f"{there[name]}: {name} is left as it is, because {new} is set, too ({other}).")
        else:
            names[name] = new
    if not names:
        return Modernized(project, notes=tuple(notes))
    steps = []
    for path, source in files.items():
        after = rename(source, names, classes[path])
        if after != source:
            draft.write(path, after.encode())
            here = [f"{old} -> {new}" for old, new in names.items() if old in assigned(source, classes[path])]
            steps.append(Step(path, Status.UPDATE, f"today's names: {', '.join(here) or 'where they are used'}"))
    renamed = "\n".join(lines_of(draft.edits()))
    _require_namespace(project, names, there, renamed)
    uses = list(_uses(project, names, files))
    if uses and not partial:
        others = [headed(use.where.path, f"in place of line {use.where.line}", use.line) for use in uses]
        raise WholePlan(
            f"{uses[0].where}: code outside of the settings goes by the old name {uses[0].old[0]}",
            hint="Paste these lines; or let --partial rename the settings, and show the rest.",
            snippet="\n".join([*others, renamed]),
            where=uses[0].where,
        )
    return Modernized(
        _renamed(project, names),
        tuple(steps),
        tuple(notes),
        tuple(
            Todo(
                f"use {', '.join(names[old] for old in use.old)}, in place of line {use.where.line}",
                f"It goes by {', '.join(use.old)}, which is renamed.",
                f"{use.line.strip()}\n",
                use.where.path,
            )
            for use in uses
        ),
        tuple(_in_effect(project, names)),
    )


def _in_effect(project: Project, names: dict[str, str]) -> Iterator[str]:
    """The new names whose values app.conf has to hold: of this environment, and left alone by the app file."""
    own = {name for app in project.celery for name, _ in app.conf_writes}
    own |= {f"{name}_url" if name == "broker" else name for app in project.celery for name in app.constructor}
    for old, new in names.items():
        if old in project.settings.assigned and not {"update", new.removeprefix("CELERY_").lower()} & own:
            yield new


def _source(draft: Draft, path: PurePosixPath) -> Source:
    source = Source.decode(path, draft.read(path) or b"")
    _ = source.tree
    return source


def _require_namespace(project: Project, names: dict[str, str], there: dict[str, Where], renamed: str) -> None:
    """Raise CannotPatch where the app does not read CELERY_* from the settings, with what would be needed."""
    app = project.celery[0] if project.celery else None
    if app is None or app.reads_django_settings:
        return
    example = next(iter(names))
    if app.config_source != "django.conf:settings":
        raise CannotPatch(
            f"{app.where}: the app does not read the Django settings, so {names[example]} would have no effect",
            hint='It would need app.config_from_object("django.conf:settings", namespace="CELERY").',
            where=app.where,
        )
    call, line = namespaced(project.modules.source(app.where.path), app)
    raise WholePlan(
        f'{call}: the app has no namespace="CELERY", so {names[example]} would have no effect',
        hint=f"It needs the namespace and today's names: {example} ({there[example]}) counts without it only.",
        snippet=line and f"{headed(call.path, f'in place of line {call.line}', line)}\n{renamed}",
        where=call,
    )


def _uses(project: Project, names: dict[str, str], files: dict[PurePosixPath, Source]) -> Iterator[_Use]:
    """Where other code of the project reads an old name off the settings, imports it, or overrides it."""
    seen: set[PurePosixPath] = set(files)
    wanted = re.compile("|".join(names).encode())
    for base in project.layout.paths:
        for path in project.modules.python_files(base, DEPTH):
            if path in seen or not wanted.search((project.root / path).read_bytes()):
                continue
            seen.add(path)
            source = project.modules.source(path)
            if source is None:
                continue
            uses = _goes_by(source, names, project, frozenset(files))
            places = sorted((source.line_of(at), at, old) for at, old in uses)
            for number in dict.fromkeys(line for line, _, _ in places):
                text, start = _line(source, number), source.line_starts[number - 1]
                here = [(at - start, old) for line, at, old in places if line == number]
                for at, old in reversed(here):
                    text = text[:at] + names[old] + text[at + len(old) :]
                yield _Use(Where(path, number), tuple(dict.fromkeys(old for _, old in here)), text)


def _known_as(source: Source, project: Project, files: frozenset[PurePosixPath]) -> frozenset[str]:
    """The spellings under which a module, or a fixture of its tests, knows the settings."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            module = project.modules.absolute(node, source.path)
            for alias in node.names:
                of_django = module == "django.conf" and alias.name == "settings"
                if of_django or project.modules.find(f"{module}.{alias.name}") in files:
                    found.add(alias.asname or alias.name)
        elif isinstance(node, ast.Import):
            found |= {a.asname or a.name for a in node.names if project.modules.find(a.name) in files}
        elif isinstance(node, ast.arg) and node.arg == "settings":
            found.add("settings")
    return frozenset(found)


def _goes_by(
    source: Source, names: dict[str, str], project: Project, files: frozenset[PurePosixPath]
) -> Iterator[tuple[int, str]]:
    """Each use of an old name off the settings: where the name starts, and the name."""
    settings = _known_as(source, project, files)
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(attr=old, value=value) if old in names and ast.unparse(value) in settings:
                yield source.end(node) - len(old), old
            case ast.Call(func=ast.Name(id=function), args=[value, ast.Constant(value=str(old)) as name, *_]):
                if function in BY_NAME and old in names and ast.unparse(value) in settings:
                    yield source.end(name) - 1 - len(old), old
            case ast.Call(func=func, keywords=keywords):
                if ast.unparse(func).rsplit(".", 1)[-1] in {"override_settings", "modify_settings", "settings"}:
                    yield from ((source.start(k), k.arg) for k in keywords if k.arg in names)
            case ast.ImportFrom(names=aliases):
                if project.modules.find(project.modules.absolute(node, source.path)) in files:
                    yield from ((source.start(a), a.name) for a in aliases if a.name in names)


def _line(source: Source, number: int) -> str:
    end = source.line_starts[number] if number < len(source.line_starts) else len(source.text)
    return source.text[source.line_starts[number - 1] : end].rstrip("\r\n")


def _renamed(project: Project, names: dict[str, str]) -> Project:
    """The project as it is once its settings have today's names."""
    settings = project.settings
    return replace(
        project,
        settings=replace(
            settings,
            assigned={names.get(name, name): where for name, where in settings.assigned.items()},
            visible=frozenset(names.get(name, name) for name in settings.visible),
            overridden=frozenset(names.get(name, name) for name in settings.overridden),
        ),
    )
