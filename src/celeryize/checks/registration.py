"""Which tasks a worker registers, and why it does not register the others: decided here and nowhere
else.

`celeryize verify` reports the reasons as findings (unregistered.py), `celeryize tasks` as remarks
(task_table.py). Both take the sentence from here, so that they agree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from celeryize.checks import imported, wiring
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.imported import failure_text, failures, place
from celeryize.detect.apps import App
from celeryize.model import Where
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.probe.report import Failure, ImportedTask

# Where one of these finds something, it explains why every task is missing.
CAUSES = {
    "celery.E001": imported.project_does_not_start,
    "celery.E002": imported.nothing_to_import_with,
    "celery.E003": imported.worker_does_not_start,
    "celery.E037": wiring.discovers_in_a_text,
    "celery.E038": wiring.discovers_no_package,
    "celery.E040": wiring.app_before_settings,
    "celery.E130": wiring.configurations_not_set_up,
}
# What imports modules whose names are no literals.
LOADERS = re.compile(
    r"\bpkgutil\b|\bimportlib\b|\bimport_module\b|\b__import__\b|\bautodiscover_modules\b"
    r"|\bimport_submodules\b|\bimport_string\b"
)
STARTING = frozenset({"start", "settings", "setup", "app"})


class Reason(StrEnum):
    """Why a worker does not register a task."""

    WORKER_FAILS = "the worker itself does not start as it should"
    IMPORT_FAILS = "its module cannot be imported"
    NAME_TAKEN = "another task has its name"
    NO_DISCOVERY = "autodiscover_tasks() is never called"
    NOT_INSTALLED = "the app is not in INSTALLED_APPS"
    NOT_IMPORTED = "nothing imports its module"
    MODULE_NAME = "the module has another name"
    SHADOWED = "the package tasks/ hides tasks.py"
    NOT_EXPORTED = "the package tasks/ does not import it"
    UNKNOWN = "nothing in the code explains it"


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A task that a worker does not register, why, the sentence that says so, and what would
    help."""

    task: Task
    reason: Reason
    message: str
    hint: str = ""


@lru_cache(maxsize=1)
def unregistered_tasks(facts: Facts) -> tuple[Unregistered, ...]:
    """Every task of the project's code that a worker does not register, with one reason each.

    After an import, the worker's registry is the truth. Without one, only what the code shows for
    certain is reported.
    """
    if not facts.project.celery:
        return ()
    return tuple(_unregistered_tasks(facts))


def _unregistered_tasks(facts: Facts) -> Iterator[Unregistered]:
    registry = worker_registry(facts)
    cause = None
    if registry is not None:
        cause = _common_cause(facts)
    clashes = dict(name_clashes(facts))
    for task in facts.tasks:
        if task.holder or not task.code.module or task.code.function_of(task.node):
            continue
        if registry is not None and registry.find(task) is not None:
            continue
        if cause is not None:
            yield Unregistered(task, Reason.WORKER_FAILS, cause)
            continue
        found = _explained_by_import(facts, task, clashes) or _explained_by_code(facts, task)
        if found is None and registry is not None and _is_certain_to_run(facts, task):
            found = _not_registered(task, Reason.UNKNOWN, _last_guess(facts))
        if found is not None:
            yield found


def _common_cause(facts: Facts) -> str | None:
    """The first finding that explains why tasks are missing, whichever they are."""
    # in the order of the ids: the first failure explains the later ones
    for run in CAUSES.values():
        for occurrence in run(facts):
            return occurrence.message
    return None


def _last_guess(facts: Facts) -> str:
    """What may explain a missing task where nothing does for certain."""
    for occurrence in wiring.settings_module_not_set(facts):
        return occurrence.message
    return "nothing in the code explains why"


def _is_certain_to_run(facts: Facts, task: Task) -> bool:
    """Whether importing the module surely registers the task where we would find it.

    A decorator below Celery's may hide the place of the function and give it another name. Where
    the worker has nothing of that module at all, that does not matter.
    """
    if task.is_conditional:
        return False
    if not task.below:
        return True
    assert facts.worker is not None
    return not any(one.module == task.code.module for one in facts.worker.tasks)


@lru_cache(maxsize=1)
def left_without_worker(facts: Facts) -> Mapping[str, Unregistered]:
    """The names that tasks of the code would have, and that no worker registers."""
    unregistered = unregistered_tasks(facts)
    tasks = {one.task for one in unregistered}
    # another task may have the name, and is registered
    names = {task.name for task in facts.tasks if task not in tasks}
    if facts.worker is not None:
        names |= {task.name for task in facts.worker.tasks}
    return {one.task.name: one for one in unregistered if one.task.name not in names}


def would_be(facts: Facts, one: Unregistered, name: str) -> bool:
    """Whether a task gets a name once its file is called as discovery expects it."""
    task = one.task
    package, _, _ = task.code.module.rpartition(".")
    if one.reason is not Reason.MODULE_NAME or task.name != f"{task.code.module}.{task.node.name}":
        return False
    return name in {f"{package}.{usual}.{task.node.name}" for usual in facts.tasks.discovered_names}


# What the worker has registered


@dataclass(frozen=True, eq=False)
class WorkerRegistry:
    """The registered tasks of the worker import, found by the place or the name of a task."""

    root: PurePosixPath
    by_place: Mapping[tuple[str, int], ImportedTask]
    by_name: Mapping[str, ImportedTask]
    places: frozenset[tuple[str, int]]

    def find(self, task: Task) -> ImportedTask | None:
        """The registration of a task; None where there is none."""
        file = str(self.root / task.code.path)
        for line in task.lines:
            if (file, line) in self.by_place:
                return self.by_place[file, line]
        found = self.by_name.get(task.name)
        # a wrapper hides where its function is; but what another function of ours has is not this
        # task's
        if found is None or (found.file or "", found.line or 0) in self.places:
            return None
        return found


@lru_cache(maxsize=1)
def worker_registry(facts: Facts) -> WorkerRegistry | None:
    """The registry of the worker import; None where there was no import, or it did not get that
    far."""
    worker = facts.worker
    if worker is None or worker.app is None:
        return None
    if any(failure.phase in STARTING for failure in worker.failures):
        return None
    root = PurePosixPath(facts.project.root.resolve().as_posix())
    places = {(str(root / task.code.path), line) for task in facts.tasks for line in task.lines}
    return WorkerRegistry(
        root,
        {(task.file, task.line): task for task in worker.tasks if task.file and task.line},
        {task.name: task for task in worker.tasks},
        frozenset(places),
    )


# Two tasks of one name


def name_clashes(facts: Facts) -> Iterator[tuple[Task, Where]]:
    """Each task whose name another one has, with the place of that one: the registered, or the
    first."""
    registry = worker_registry(facts)
    named: dict[str, list[Task]] = {}
    for task in facts.tasks:
        if task.name and not task.is_conditional:
            named.setdefault(task.name, []).append(task)
    for tasks in named.values():
        # without a registry, the first one is as good a guess as any
        kept = tasks[0]
        for task in tasks:
            if registry is not None and registry.find(task) is not None:
                kept = task
                break
        for task in tasks:
            if task is not kept and not _are_alternatives(facts, task, kept):
                yield task, kept.where


def _are_alternatives(facts: Facts, one: Task, other: Task) -> bool:
    """Whether a process imports the module of one task or that of the other: in the branches of an
    `if`, or where the first cannot be imported."""
    wanted = {one.code.module, other.code.module}
    if len(wanted) < 2:
        return False
    for code in facts.code.relevant:
        branches = [(node.body, node.orelse) for node in code.of(ast.If)]
        for node in code.of(ast.Try):
            handled = [inner for handler in node.handlers for inner in handler.body]
            branches.append(([*node.body, *node.orelse], handled))
        for body, other_body in branches:
            first = _imports_in(facts, code, body) & wanted
            rest = _imports_in(facts, code, other_body) & wanted
            if first and rest and first != rest:
                return True
    return False


def _imports_in(facts: Facts, code: Code, body: Sequence[ast.stmt]) -> set[str]:
    """The modules that a branch imports."""
    found: set[str] = set()
    for statement in body:
        for node in code.within(statement):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = facts.modules.absolute(node, code.path)
                found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def name_taken(name: str, where: Where | None) -> str:
    """The sentence about a task whose name another one has."""
    return f"the task name {name} is already taken by {where or 'another task'}"


# The reasons


def _variable_of_app(facts: Facts) -> str:
    return facts.project.celery[0].variable if facts.project.celery else "app"


def _not_registered(task: Task, reason: Reason, why: str, hint: str = "") -> Unregistered:
    return Unregistered(task, reason, f"{task.node.name} is not registered: {why}", hint)


def _is_in_failure(failure: Failure, path: PurePosixPath) -> bool:
    """Whether an exception went through a file."""
    end = f"/{path}"
    in_frames = any(f"{end}:" in frame for frame in failure.frames)
    return in_frames or (failure.where is not None and failure.where[0].endswith(end))


def _explained_by_import(
    facts: Facts, task: Task, clashes: Mapping[Task, Where]
) -> Unregistered | None:
    """The reason that the worker import shows: its module fails, or another task has its name."""
    for failure in failures(facts, "tasks"):
        # the exception may be raised deeper, in a module that this one imports
        if _is_in_failure(failure, task.code.path):
            return Unregistered(task, Reason.IMPORT_FAILS, failure_text(failure))
        # or above, in a module that would import this one
        failing = [path for path in facts.code.files if _is_in_failure(failure, path)]
        if facts.code.is_imported_by(task.code.module, failing):
            return Unregistered(task, Reason.IMPORT_FAILS, failure_text(failure))
    if facts.worker is None:
        return None
    if task in clashes:
        message = name_taken(task.name, clashes[task])
        return Unregistered(task, Reason.NAME_TAKEN, message, "Give it another name=.")
    for other in facts.worker.tasks:
        if other.name == task.name:
            message = name_taken(task.name, place(facts, other.file, other.line))
            return Unregistered(task, Reason.NAME_TAKEN, message, "Give it another name=.")
    return None


def _explained_by_code(facts: Facts, task: Task) -> Unregistered | None:
    """The reason that the code shows; None where it shows none for certain."""
    found = _reason_in_code(facts, task)
    # asked last: it may read every file
    if found is None or _is_imported(facts, task.code.module):
        return None
    # what a loop imports is known after an import only
    if facts.worker is None and _is_loaded_by_loop(facts, task):
        return None
    return found


def _is_loaded_by_loop(facts: Facts, task: Task) -> bool:
    """Whether code that imports modules by computed names may reach a task."""
    places = [task.code.path.parent / "__init__.py"]
    app = app_around(facts, task)
    if app is not None:
        places += [app.folder / name for name in ("__init__.py", "apps.py", "tasks/__init__.py")]
        places += [app.folder / "tasks.py"]
    if facts.app_code is not None:
        places.append(facts.app_code.path)
    for path in dict.fromkeys(places):
        code = facts.code.parsed(path)
        if code is not None and code.finds(LOADERS):
            return True
    return False


def _reason_in_code(facts: Facts, task: Task) -> Unregistered | None:
    path = task.code.path
    if not _is_discovery_called(facts):
        why = "nothing calls autodiscover_tasks() or imports its module"
        hint = "Add app.autodiscover_tasks() to the app file."
        named = discovery_named(facts)
        if named is not None:
            code, node = named
            why = f"{code.where(node)} names autodiscover_tasks, and does not call it"
            hint = "Add the parentheses there: ()."
        return _not_registered(task, Reason.NO_DISCOVERY, why, hint)
    app = app_around(facts, task)
    if app is None:
        # without an import, nobody knows what an installed library imports
        if facts.worker is None:
            return None
        why = f"{path} does not belong to an installed app, and nothing imports it"
        hint = _how_to_import(facts, task)
        return _not_registered(task, Reason.NOT_IMPORTED, why, hint)
    if app.installed and facts.worker and not facts.installs(app.name):
        return _taken_out(facts, task, app)
    if not (app.installed or facts.installs(app.name)):
        if not facts.installed_apps or (facts.worker is None and not _apps_are_literal(facts)):
            return None
        why = f"{app.name} is not in INSTALLED_APPS"
        return _not_registered(
            task, Reason.NOT_INSTALLED, why, f'Add "{app.name}" to INSTALLED_APPS.'
        )
    return _reason_in_app(facts, task, app)


def _taken_out(facts: Facts, task: Task, app: App) -> Unregistered:
    """A task of an app that the settings name, and that they have not at their end."""
    why = f"{app.name} is not in INSTALLED_APPS once the settings have run"
    for path in facts.settings.files:
        code = facts.code.parsed(path)
        for call in code.calls if code else ():
            named = [(text_of(value) or "").split(".apps.")[0] for value in call.args]
            if code and dotted(call.func) == "INSTALLED_APPS.remove" and app.name in named:
                why = f"{code.where(call)} takes {app.name} out of INSTALLED_APPS"
    hint = "Leave it in the settings that a worker runs with, or send none of its tasks there."
    return _not_registered(task, Reason.NOT_INSTALLED, why, hint)


def _reason_in_app(facts: Facts, task: Task, app: App) -> Unregistered | None:
    """Why autodiscover_tasks(), which goes through the installed apps, does not get to a task."""
    names = facts.tasks.discovered_names
    path = task.code.path
    inside = path.relative_to(app.folder)
    if inside.parts[0] in names:
        return _reason_in_package(facts, task, app)
    if len(inside.parts) > 1:
        # a module of the app may be imported by another one in ways that only an import shows
        if facts.worker is None:
            return None
        hint = "Import it in the tasks module of its app, or add its module to CELERY_IMPORTS."
        return _not_registered(task, Reason.NOT_IMPORTED, f"nothing imports {path}", hint)
    if inside.stem not in names:
        looked_for = " or ".join(f"{name}.py" for name in sorted(names))
        why = f"autodiscover_tasks() looks for {looked_for}, not {inside.name}"
        usual = sorted(names)[0]
        hint = f"Rename it to {usual}.py"
        # a second file of that name has no place there
        if (facts.project.root / app.folder / f"{usual}.py").is_file():
            hint = f"Move the task into {usual}.py"
        elif (facts.project.root / app.folder / usual).is_dir():
            hint = f"Move the task into {usual}/"
        call = f'{_variable_of_app(facts)}.autodiscover_tasks(related_name="{inside.stem}")'
        hint += f", or add {call} below the call in the app file."
        return _not_registered(task, Reason.MODULE_NAME, why, hint)
    package = app.folder / inside.stem
    if (facts.project.root / package / "__init__.py").is_file():
        why = f"the package {package}/ hides {path}"
        hint = f"Move the tasks into {package}/, or remove the package."
        return _not_registered(task, Reason.SHADOWED, why, hint)
    return None


def _reason_in_package(facts: Facts, task: Task, app: App) -> Unregistered | None:
    """Why a task inside the package `tasks/` of an app is not reached."""
    path = task.code.path
    inside = path.relative_to(app.folder)
    package = app.folder / inside.parts[0]
    init = package / "__init__.py"
    line = f"`from .{inside.with_suffix('').name} import {task.node.name}`"
    if not (facts.project.root / init).is_file():
        why = f"{package}/ has no __init__.py, so nothing imports {path}"
        return _not_registered(task, Reason.NOT_EXPORTED, why, f"Add {init} with {line}.")
    if inside.name == "__init__.py":
        return None
    return _not_registered(
        task, Reason.NOT_EXPORTED, f"{init} does not import it", f"Add {line} to {init}."
    )


def _how_to_import(facts: Facts, task: Task) -> str:
    """What brings a module that belongs to no app to the worker."""
    module = task.code.module
    package, _, last = module.rpartition(".")
    init = facts.modules.find(package) if package else None
    if last in facts.tasks.discovered_names and init is not None:
        return f'Add "{package}" to INSTALLED_APPS, or "{module}" to CELERY_IMPORTS.'
    return f'Move it into the tasks module of an app, or add "{module}" to CELERY_IMPORTS.'


def _is_discovery_called(facts: Facts) -> bool:
    if any(app.autodiscovers for app in facts.project.celery):
        return True
    return discovery_named(facts) is None and any(
        code.names("autodiscover_tasks") for code in facts.code.relevant
    )


def discovery_named(facts: Facts) -> tuple[Code, ast.Attribute] | None:
    """The line `app.autodiscover_tasks` without parentheses, where nothing else has the name."""
    found = [
        (code, node)
        for code in facts.code.relevant
        if code.names("autodiscover_tasks")
        for node in code.of(ast.Attribute, ast.Name)
        if "autodiscover_tasks" in (getattr(node, "attr", ""), getattr(node, "id", ""))
    ]
    for code, node in found[:1]:
        alone = isinstance(code.parents.get(node), ast.Expr)
        if alone and len(found) == 1 and isinstance(node, ast.Attribute):
            return code, node
    return None


def _apps_are_literal(facts: Facts) -> bool:
    """Whether INSTALLED_APPS can be read in full: a literal in one place."""
    values = list(facts.settings.named("INSTALLED_APPS"))
    if len(values) != 1 or not isinstance(values[0].value, ast.List | ast.Tuple):
        return False
    return all(text_of(element) is not None for element in values[0].value.elts)


def app_around(facts: Facts, task: Task) -> App | None:
    """The app that a task's module belongs to: the innermost."""
    by_folder = {app.folder: app for app in facts.project.apps}
    for folder in task.code.path.parents:
        if folder in by_folder:
            return by_folder[folder]
    return None


def _is_imported(facts: Facts, module: str) -> bool:
    """Whether a worker imports a module when it starts: by name, or through one that it surely
    imports."""
    if facts.settings.has_text(module):
        # CELERY_IMPORTS, CELERY_INCLUDE, or a list that one of them takes in
        return True
    if facts.worker is not None:
        # the registry has been asked already: whatever imports it, a worker does not
        return False
    # `include=[...]`, `app.conf.imports`, `autodiscover_tasks(["shop.jobs"])`
    parents = {module, module.rpartition(".")[0]}
    if facts.app_code is not None:
        texts = {text_of(node) for node in ast.walk(facts.app_code.source.tree)}
        if parents & texts:
            return True
    return facts.code.imports_module(module)
