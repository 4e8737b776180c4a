"""`celeryize remove-task`: remove what `add-task` wrote for a task, if it is unchanged."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.apply import Change, load_history
from celeryize.commands.task.place import named_task, owned_tasks, place_of
from celeryize.detect.django_tasks import django_tasks_in
from celeryize.detect.modules import Bindings, bound_names
from celeryize.detect.project import Project
from celeryize.detect.tasks import tasks_in
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Edit, Plan, Where
from celeryize.patch.definitions import defines, remove_definitions
from celeryize.patch.nodes import walk
from celeryize.patch.source import Source
from celeryize.spelling import did_you_mean

# How many folders below a root are searched for uses of a task, and how many of them are shown.
DEPTH = 20
SHOWN = 5


def plan(project: Project, target: str) -> tuple[Plan, tuple[str, ...]]:
    """The edits that remove the task, its test and its trigger.

    And the names that leave the registry. What was written is read from the history of changes.
    Raises CannotPatch where something of it was changed since, or where the task is not one of
    ours.
    """
    app, function = named_task(project, target)
    path, init = place_of(project, app, function)
    change = _find_change(project, path, function)
    draft = project.draft()
    # the task first, because it is what a refusal should be about
    for edit in sorted(change.edits, key=lambda e: e.path != path):
        # An app that is installed does no harm, and other tasks may need it by now.
        if edit.path in project.settings.reachable or edit.path.suffix != ".py":
            continue
        now = draft.read(edit.path)
        if now is None:
            continue
        after = _without_edit(edit, now, draft)
        gone = function
        if edit.path == path:
            # a task of the kind batch has a second one
            functions = (task.function for task in tasks_in(project.modules, path, project.celery))
            lost = [name for name in functions if not defines(_text_of(path, after), name)]
            gone = " and ".join(lost) or function
        if after is None:
            draft.delete(edit.path, f"held {gone} alone")
        elif after != now:
            draft.write(edit.path, after, f"without {gone}")
    registered = tuple(
        task.name
        for task in tasks_in(project.modules, path, project.celery)
        if not defines(_text_of(path, draft.read(path)), task.function)
    )
    registered += _django_names(project, path, draft)
    _refuse_scheduled(project, registered)
    _refuse_used(project, draft, function, [path, *([init] if init else [])])
    return draft.plan(), registered


def _django_names(project: Project, path: PurePosixPath, draft: Draft) -> tuple[str, ...]:
    """The names of the tasks of django.tasks that are gone, as either backend registers them."""
    left = _text_of(path, draft.read(path))
    tree, module = project.modules.tree(path), project.modules.name_of(path) or ""
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    bindings = bound_names(project.modules, path, imports)
    gone = [
        task.name
        for task in django_tasks_in(tree, path, module, bindings)
        if not defines(left, task.function)
    ]
    return (*gone, *(f"django_tasks:{name}" for name in gone))


def _refuse_scheduled(project: Project, names: tuple[str, ...]) -> None:
    """Raise CannotPatch where the settings or the app file name the task: Beat would keep sending
    it.
    """
    files = (*project.settings.reachable, *(app.where.path for app in project.celery))
    for path in dict.fromkeys(files):
        tree = project.modules.tree(path)
        uses = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in names
        ]
        if not uses:
            continue
        uses.sort(key=lambda node: node.lineno)
        lines = " and ".join(str(node.lineno) for node in uses)
        word = "line" if len(uses) == 1 else "lines"
        named = next(name for name in names if name == uses[0].value)
        commands = [f"`celeryize remove-schedule {name}`" for name in _entries_of(tree, names)]
        hint = "Remove it there first."
        if commands:
            hint = f"Remove it from the schedule first: {', '.join(commands)}."
        raise CannotPatch(
            f"{path} still names {named} ({word} {lines})",
            hint=hint,
            where=Where(path, uses[0].lineno),
        )


def _entries_of(tree: ast.Module, names: tuple[str, ...]) -> Iterator[str]:
    """The entries of a schedule that send one of these tasks, as they are typed."""
    for node in ast.walk(tree):
        for key, value in (
            zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
        ):
            values = value.values if isinstance(value, ast.Dict) else []
            sent = any(isinstance(one, ast.Constant) and one.value in names for one in values)
            if isinstance(key, ast.Constant) and sent:
                yield shlex.quote(str(key.value))


def _refuse_used(project: Project, draft: Draft, function: str, homes: list[PurePosixPath]) -> None:
    """Raise CannotPatch where code of the project still takes the task from one of its modules."""
    found: list[Where] = []
    word = function.encode()
    files = (
        f for base in project.modules.roots for f in project.modules.files_with(base, DEPTH, word)
    )
    for file in dict.fromkeys(files):
        # as the file will be: the test and the trigger go with the task
        data = draft.read(file)
        if data is None or word not in data:
            continue
        try:
            source = Source.decode(file, data)
            found += uses_in(project, source, function, homes)
        except CannotPatch:
            # a file that no Python reads imports nothing
            continue
    if found:
        places = ", ".join(str(where) for where in found[:SHOWN])
        more = f" and in {len(found) - SHOWN} more places" if len(found) > SHOWN else ""
        raise CannotPatch(
            f"the project still uses {function}: {places}{more}",
            hint="Remove it there first, then run this command again.",
            where=found[0],
        )


def uses_in(
    project: Project, source: Source, function: str, homes: list[PurePosixPath]
) -> Iterator[Where]:
    """Where a file names a task of another module, or one that is no longer defined in it."""
    nodes = list(walk(source.tree))
    if source.path == homes[0]:
        if not defines(source.text, function):
            named = (node for node in nodes if isinstance(node, ast.Name) and node.id == function)
            yield from (source.where(node) for node in named)
        return
    modules = {project.modules.name_of(home) for home in homes}
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        if isinstance(node, ast.ImportFrom) and function in {alias.name for alias in node.names}:
            if project.modules.absolute(node, source.path) not in modules:
                continue
            yield source.where(node)
    bindings = bound_names(project.modules, source.path, imports)
    reached = (n for n in nodes if isinstance(n, ast.Attribute) and n.attr == function)
    yield from (source.where(n) for n in reached if _module_meant(bindings, n.value) in modules)


def _module_meant(bindings: Bindings, node: ast.expr) -> str:
    """The module that an expression is by the imports of its file; empty for anything else."""
    head, _, rest = ast.unparse(node).partition(".")
    module, name = bindings.get(head, ("", None))
    return ".".join(part for part in (module, name, rest) if part)


def _without_edit(edit: Edit, now: bytes, draft: Draft) -> bytes | None:
    """The file without what the edit put into it; None where nothing of it is left."""
    if now == edit.after and not (edit.before is None and _is_imported_elsewhere(edit.path, draft)):
        return edit.before
    source = Source.decode(edit.path, now)
    return remove_definitions(
        source, _text_of(edit.path, edit.before), _text_of(edit.path, edit.after)
    ).encode()


def _is_imported_elsewhere(path: PurePosixPath, draft: Draft) -> bool:
    """Whether the app's configuration would still import a signals module that is removed."""
    apps = draft.read(path.parent / "apps.py") or b""
    return path.name == "signals.py" and b"signals" in apps


def _find_change(project: Project, path: PurePosixPath, function: str) -> Change:
    """The newest change that put `function` into the module `path`."""
    for change in load_history(project.root).changes:
        for edit in change.edits:
            if edit.path == path and edit.after is not None:
                before, after = _text_of(path, edit.before), _text_of(path, edit.after)
                if defines(after, function) and not defines(before, function):
                    return change
    names = [
        node.name for node in project.modules.tree(path).body if isinstance(node, ast.FunctionDef)
    ]
    if function not in names:
        raise CannotPatch(
            f"{path} has no {function}",
            hint=f"{did_you_mean(function, names)}`celeryize tasks` lists the tasks.",
            where=Where(path),
        )
    raise CannotPatch(
        f"{path} has no {function} that celeryize remembers writing",
        hint="Remove it manually, with the imports that only it needs.",
        where=Where(path),
    )


def removable_tasks(project: Project) -> list[str]:
    """The tasks that celeryize remembers writing, each as APP.TASK."""
    found = []
    for task, app in owned_tasks(project).items():
        try:
            _find_change(project, task.where.path, task.function)
        except CannotPatch:
            continue
        found.append(f"{app.label}.{task.function}")
    return found


def _text_of(path: PurePosixPath, data: bytes | None) -> str:
    return Source.decode(path, data or b"").text
