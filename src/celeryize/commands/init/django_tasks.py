"""`init --django-tasks`: Django's own tasks (6.0 and later) are sent to Celery, by TASKS.

TASKS = {"default": {"BACKEND": "django_tasks_celery.CeleryBackend", ...}}
CELERY_RESULT_EXTENDED = True
"""

from __future__ import annotations

import ast
from dataclasses import replace

from celeryize.celery_versions import Range, range_of
from celeryize.commands.init.celery_fit import Habit, habit_of
from celeryize.commands.init.dependency import refresh_locks
from celeryize.commands.init.settings_place import write_settings
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.commands.init.written_values import written_values
from celeryize.detect.django_tasks import (
    CELERY_BACKENDS,
    DEFAULT_QUEUE,
    find_django_tasks,
    read_backends,
)
from celeryize.detect.project import Project, installed_version
from celeryize.detect.python_version import declared_python
from celeryize.detect.settings import constant, settings_files, strings_of
from celeryize.detect.tasks_setting import TASKS, TasksValue, not_to_celery, tasks_values
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies import Requirement, declare
from celeryize.patch.source import python_literal
from celeryize.render import snippet

# What the package takes. Source: the metadata of django-tasks-celery 0.1.1 on PyPI.
PACKAGE = "django-tasks-celery"
PACKAGE_VERSION = "0.1.1"
# before 1.0 each minor version may break what was
PACKAGE_BELOW = "0.2"
DJANGO = Range((6,), (7,))
PYTHON_FROM = (3, 12)
CELERY_FROM = (5, 4)
EXTENDED = "CELERY_RESULT_EXTENDED"


def refuse_unfit(project: Project) -> None:
    """Raise CannotPatch where Django, Python or Celery is one that the backend does not take."""
    declared = project.dependencies.declared.get("django", "")
    python = project.interpreter.path
    # the folder of an older one is written with a capital letter
    installed = installed_version(python, "django") or installed_version(python, "Django")
    said = range_of(declared)
    where = project.dependencies.where
    needs = f"--django-tasks needs Django 6.0 or newer, which has django.tasks ({PACKAGE} "
    needs += f"{PACKAGE_VERSION}: Django 6.x)"
    hint = "Move the project to Django 6.0 first. Until then `celeryize add-task` writes tasks of "
    hint += "Celery, which need nothing from Django."
    if not said.overlaps(DJANGO):
        raise CannotPatch(f"{needs}; the project declares {declared}", hint=hint, where=where)
    certain = said.low is not None and said.low >= (6,)
    if not certain and installed is None:
        spelled = f"declares {declared}" if declared else "does not declare which Django it has"
        raise CannotPatch(
            f"{needs}; the project {spelled}, and its interpreter has none",
            hint="Declare Django>=6.0, or name the interpreter that has it: --python PATH.",
            where=where,
        )
    if not certain and installed is not None and not (6, 0) <= installed < (7, 0):
        major, minor = installed
        raise CannotPatch(
            f"{needs}; {python} has Django {major}.{minor}",
            hint=hint,
            where=where,
        )
    runs_on = declared_python(project.root, project.base)
    if runs_on is not None and runs_on.exact and runs_on.version < PYTHON_FROM:
        raise CannotPatch(
            f"{PACKAGE} needs Python 3.12 or newer, as Django 6.0 does; the project runs on "
            f"Python {runs_on.text}",
            hint="Move the project to a newer Python first.",
            where=runs_on.where,
        )
    celery = project.dependencies.declared.get("celery", "")
    if celery and not range_of(celery).overlaps(Range(CELERY_FROM, (6,))):
        raise CannotPatch(
            f"{PACKAGE} needs Celery 5.4 or newer; the project declares {celery}",
            hint="Raise that requirement first.",
            where=Where(where.path) if where else None,
        )


def tasks_block(project: Project, module: str, variable: str, *, extended: bool) -> str:
    """The lines of the settings; `extended`: with CELERY_RESULT_EXTENDED."""
    queues = ", ".join(python_literal(name) for name in queue_names(project))
    return snippet(
        "settings/django_tasks.py.jinja",
        queues=f"[{queues}]",
        app=python_literal(f"{module}.{variable}"),
        extended=extended,
    )


def block_of_set_up(setup: Setup, wiring: Wiring, names: tuple[str, ...]) -> str:
    """The lines for a project that gets Celery in the same plan, whose block sets `names`.

    Empty where TASKS is as it should be. Raises CannotPatch where it is something else.
    """
    if is_done(setup.project):
        return ""
    taken = {*names, *setup.project.settings.assigned, *setup.project.settings.taken}
    extended = EXTENDED not in taken
    return tasks_block(setup.project, wiring.module, wiring.variable, extended=extended)


def queue_names(project: Project) -> tuple[str, ...]:
    """The queues that a Django task may name: `default`, which is Celery's own default queue, and
    each other one that a worker of the project consumes.
    """
    # loaded here: the facts are read for this option alone
    from celeryize.checks.facts import read_facts

    usual = constant(project.modules, project.settings, "CELERY_TASK_DEFAULT_QUEUE") or "celery"
    names = strings_of(project.modules, project.settings, "CELERY_TASK_QUEUES")
    for worker in read_facts(project).deployment.workers:
        given = worker.option("-Q", "--queues") or ""
        names += [name.strip() for name in given.split(",")]
    # what a shell fills in is no name
    own = [name for name in names if name and name != usual and not set(name) & set("$`{}")]
    return tuple(dict.fromkeys((DEFAULT_QUEUE, *own)))


def is_done(project: Project) -> bool:
    """Whether TASKS has a backend of Celery already. Raises CannotPatch for another one."""
    values = _shared_values(project)
    if not values:
        return False
    other = not_to_celery(values)
    if other is None:
        return True
    path = other.backend.path
    named = f"with the backend {path}" if path else "in a way that code computes"
    app = project.celery[0] if project.celery else None
    module = app.module if app else f"{project.package.name}.celery"
    variable = app.variable if app else "app"
    extended = EXTENDED not in {*project.settings.assigned, *project.settings.taken}
    in_place = len(values) == 1 and other.alone
    hint = "Put these lines in its place, or remove it, and run the command again."
    if not in_place:
        lines = dict.fromkeys(str(value.where) for value in values)
        hint = f"Remove what sets it ({', '.join(lines)}), and run the command again; or put these "
        hint += "lines at the end of the file instead."
    raise CannotPatch(
        f"TASKS is set already, {named}, and may be meant that way",
        hint=hint,
        snippet=tasks_block(project, module, variable, extended=extended),
        where=other.where,
        in_place=in_place,
    )


def needed_by_tasks(project: Project) -> frozenset[str]:
    """The settings that the results of Django's tasks need, where TASKS sends them to Celery."""
    for found in _shared_values(project):
        backends = read_backends(found.value) if found.value else None
        every = (found.backend, *(backends or {}).values())
        if any(backend.sends_to_celery for backend in every):
            return frozenset({EXTENDED})
    return frozenset()


def add_to_existing(setup: Setup, wiring: Wiring) -> Wiring:
    """TASKS, and what it needs, beside a set-up that is there."""
    project = setup.project
    if is_done(project):
        values = _shared_values(project)
        setup.draft.keep(values[0].where.path, "TASKS: Django's tasks go to Celery")
        _report_extended(setup)
        # the proof loads what is there, as it does with what is written
        wiring = replace(
            wiring,
            wrote=tuple(dict.fromkeys((*wiring.wrote, TASKS))),
            replaced=wiring.replaced | {TASKS},
        )
    else:
        extended = not _has_setting(setup, wiring, EXTENDED)
        block = tasks_block(project, wiring.module, wiring.variable, extended=extended)
        _refuse_moved_place(setup, block)
        by_path = write_settings(setup, block, (), "TASKS: Django's tasks go to Celery")
        wiring = with_block(wiring, block)
        wiring = replace(
            wiring,
            read_by_path=wiring.read_by_path or by_path,
            values=(*wiring.values, *written_values(project, block)),
        )
        report_state(setup)
        report_overrides(setup)
        _report_extended(setup)
    declare_backend(setup)
    return wiring


def with_block(wiring: Wiring, block: str) -> Wiring:
    """The wiring with the settings of a block, which a proof has to find."""
    names = [
        target.id
        for node in ast.parse(block).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return replace(wiring, wrote=tuple(dict.fromkeys((*wiring.wrote, *names))))


def report_state(setup: Setup) -> None:
    """The notes: how young the package is, and what a person can rely on."""
    draft = setup.draft
    draft.add_note(
        f"{PACKAGE} {PACKAGE_VERSION} is a young package of one author (Beta, Django 6.x, Python "
        "3.12 or newer); neither Django nor Celery has a backend of their own. Celery's options "
        "(retries, time limits of a task, canvas, Beat) belong to @shared_task, which stays beside "
        "it."
    )
    if setup.answers.result_backend == "none":
        draft.add_note(
            "Without a result backend a Django task runs, but get_result() and refresh() do not "
            "work: --result-backend redis, for example."
        )
    count = len(find_django_tasks(setup.project))
    if count:
        noun = "task" if count == 1 else "tasks"
        draft.add_note(
            f"{count} Django {noun} found. Until now they ran inside the request "
            "(ImmediateBackend); from now on a worker has to run."
        )


def declare_backend(setup: Setup) -> None:
    """Declare the package of the backend; a file that cannot be edited is a manual step."""
    draft, dependencies = setup.draft, setup.project.dependencies
    if any(name in dependencies.declared for name in CELERY_BACKENDS.values()):
        return
    need = _requirement(habit_of(setup.project))
    if dependencies.file is None:
        draft.add_manual(
            CannotPatch(
                "no file declares the project's dependencies",
                hint=f"Declare {need}.",
                snippet=f"{need}\n",
            )
        )
        return
    data = draft.read(dependencies.file) or b""
    try:
        after = declare(data, dependencies.file, dependencies.form, need, dependencies.group)
    except CannotPatch as refusal:
        draft.add_manual(refusal)
        return
    if after == data:
        return
    fresh = all(edit.path != dependencies.file for edit in draft.edits())
    draft.write(dependencies.file, after, f"declares {need}")
    # where Celery is declared in the same run, the lock has its manual step already
    if fresh:
        refresh_locks(setup.project, setup.draft)


def _requirement(habit: Habit) -> Requirement:
    """The package, with its version written as the project writes its own requirements."""
    need = Requirement(PACKAGE, (), PACKAGE_VERSION)
    match habit:
        case Habit.PINS:
            return replace(need, lower="", pin=PACKAGE_VERSION)
        case Habit.SERIES:
            return replace(need, lower="", pin=f"{PACKAGE_VERSION.rpartition('.')[0]}.*")
        case Habit.BOUNDS:
            return replace(need, upper=PACKAGE_BELOW)
        case Habit.COMPATIBLE:
            return replace(need, compatible=True)
        case Habit.OPEN:
            return need


def _report_extended(setup: Setup) -> None:
    """A note where the project has decided against what results need."""
    project = setup.project
    if constant(project.modules, project.settings, EXTENDED) is False:
        setup.draft.add_note(
            f"{project.settings.assigned[EXTENDED]}: {EXTENDED} is False, and stays; get_result() "
            "of a Django task needs True."
        )


def _has_setting(setup: Setup, wiring: Wiring, name: str) -> bool:
    settings = setup.project.settings
    return name in {*wiring.wrote, *settings.assigned, *settings.taken}


def _refuse_moved_place(setup: Setup, block: str) -> None:
    """Raise CannotPatch where an earlier step has moved the line above which the block belongs."""
    settings = setup.project.settings
    if settings.last is None and settings.class_based is None:
        return
    if any(edit.path == settings.file for edit in setup.draft.edits()):
        raise CannotPatch(
            f"{settings.file} is changed by another step of this plan, too",
            hint="Run `celeryize init` first, then `celeryize init --django-tasks`.",
            snippet=block,
            where=Where(settings.file),
        )


def _shared_values(project: Project) -> list[TasksValue]:
    """What sets TASKS in the settings of all environments, in its order."""
    found = _all_values(project)
    shared = [value for value in found if value.where.path == project.settings.file]
    if shared or TASKS not in project.settings.taken:
        return shared
    first = found[0].where.path if found else None
    return [value for value in found if value.where.path == first]


def report_overrides(setup: Setup) -> None:
    """A note for each environment that has a TASKS of its own, such as that of the tests."""
    for value in _all_values(setup.project):
        if value.where.path != setup.project.settings.file:
            path = value.backend.path or "a value that code computes"
            setup.draft.add_note(f"{value.where}: TASKS is set there, too ({path}), and stays.")


def _all_values(project: Project) -> list[TasksValue]:
    settings = project.settings
    files = (settings.file, *settings.reachable, *settings_files(project.layout, project.modules))
    return [value for path in dict.fromkeys(files) for value in tasks_values(project.modules, path)]
