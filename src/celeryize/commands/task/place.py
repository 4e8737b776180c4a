"""Which app and module a task belongs to, and which model it is about."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence
from pathlib import PurePosixPath

from celeryize.commands.task.parameters import check_identifier
from celeryize.detect.apps import App
from celeryize.detect.django_tasks import find_django_tasks
from celeryize.detect.models import DJANGO_AUTH, DJANGO_USER, Model, find_model, model_names
from celeryize.detect.project import Project
from celeryize.detect.tasks import DefinedTask, find_tasks
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Where
from celeryize.patch.source import is_identifier
from celeryize.spelling import did_you_mean

# How a setting, and the command line, name it.
AUTH_USER = "auth.User"


def find_app(project: Project, name: str) -> App:
    """The app of a label or dotted path. Raises UsageError with the near ones."""
    found = [app for app in project.apps if name in (app.name, app.label)]
    if len(found) == 1:
        return found[0]
    known = sorted({n for app in project.apps for n in (app.label, app.name)})
    near = difflib.get_close_matches(name, known, 3, 0.5) or known
    message = f"there is no app {name} in this project"
    if found:
        message = f"several apps are called {name}"
    hint = "Create one: manage.py startapp."
    if near:
        hint = f"Did you mean {', '.join(near)}?"
    raise UsageError(message, hint=hint)


def named_task(project: Project, target: str) -> tuple[App, str]:
    """The app and the task's name of `APP.TASK`. Raises UsageError with what to write."""
    place, _, function = target.rpartition(".")
    if not place:
        raise UsageError(
            f"{target!r} has no app label",
            hint="Write APP.TASK, for example doctors.send_welcome_email.",
        )
    check_identifier(function, "the task's name")
    return find_app(project, _without_module(project, place)), function


def with_app_label(project: Project, text: str) -> str:
    """`APP.TASK` of a text; a bare `charge` is the one task of that name in the project.

    Raises UsageError where there is none, or more than one.
    """
    if "." in text:
        return text
    known = owned_tasks(project)
    meant = sorted({f"{app.label}.{text}" for task, app in known.items() if task.function == text})
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(
            f"several tasks are called {text}", hint=f"Write one of {', '.join(meant)}."
        )
    near = did_you_mean(text, {task.function for task in known})
    raise UsageError(
        f"no task of this project is called {text}",
        hint=f"{near}`celeryize tasks` lists the tasks.",
    )


def owned_tasks(project: Project) -> dict[DefinedTask, App]:
    """The tasks that belong to an app of the project, with that app."""
    return {task: app for task in _all_tasks(project) if (app := _owner_of(project, task))}


def _all_tasks(project: Project) -> list[DefinedTask]:
    """The tasks of Celery, and those of django.tasks."""
    tasks = list(find_tasks(project.modules, project.apps, project.celery))
    django = find_django_tasks(project)
    return [*tasks, *(DefinedTask(task.function, task.where, task.name) for task in django)]


def _owner_of(project: Project, task: DefinedTask) -> App | None:
    """The innermost app whose folder holds a task."""
    owners = [app for app in project.apps if task.where.path.is_relative_to(app.folder)]
    return max(owners, key=lambda app: len(app.folder.parts), default=None)


def _without_module(project: Project, place: str) -> str:
    """`doctors.tasks` as `doctors`, whatever the tasks modules of this project are called."""
    related = None
    if project.celery:
        related = project.celery[0].related_name
    for name in ("tasks", related):
        if name and place.endswith(f".{name}"):
            return place.removesuffix(f".{name}")
    return place


def registered_name(project: Project, text: str, *, is_new: bool = False) -> str:
    """The name that Celery gives the task of a text: `doctors.remind`, `doctors.tasks.remind`.

    A text that names no task and no app of the project is a name already, of a library's task
    perhaps. With `is_new` the task is about to be added, and is not looked for outside of its app.
    Raises UsageError where several tasks may be meant.
    """
    place, _, function = text.rpartition(".")
    # an app with names of its own for its tasks: only an import knows them
    if any(project.modules.mentions(app.where.path, b"gen_task_name") for app in project.celery):
        return text
    if not place:
        return _named_alone(_tasks_of(project, project.apps, function), text)
    names = {place, _without_module(project, place)}
    owners = tuple(app for app in project.apps if names & {app.name, app.label})
    # a name begins with its app nearly always: the files of all others need not be read then
    inside = _tasks_of(project, owners, function)
    if not owners or any(task.name == text for task in inside):
        return text
    meant = _name_in_apps(inside, owners, text)
    if meant:
        return meant
    others = tuple(app for app in project.apps if app not in owners and not is_new)
    if any(task.name == text for task in _tasks_of(project, others, function)):
        return text
    # no such task yet: the name that `add-task` would give it
    if len(owners) == 1 and is_identifier(function):
        path, _ = place_of(project, owners[0], function)
        return f"{project.modules.name_of(path)}.{function}"
    return text


def _name_in_apps(tasks: Sequence[DefinedTask], apps: tuple[App, ...], text: str) -> str:
    """The name of the one task of this function in the first app that has any; empty without."""
    function = text.rpartition(".")[2]
    for app in apps:
        found = [task for task in tasks if task.where.path.is_relative_to(app.folder)]
        meant = sorted({task.name for task in found if task.function == function})
        if len(meant) > 1:
            raise UsageError(
                f"{text} may be any of {', '.join(meant)}", hint="Write one of these names."
            )
        if meant:
            return meant[0]
    return ""


def _tasks_of(project: Project, apps: tuple[App, ...], function: str) -> tuple[DefinedTask, ...]:
    """The tasks of some apps in files that hold the name of a function."""
    return find_tasks(project.modules, apps, project.celery, function)


def _named_alone(tasks: Sequence[DefinedTask], text: str) -> str:
    """The name of the one task whose function has this name; the text where there is none."""
    meant = sorted({task.name for task in tasks if task.function == text})
    if len(meant) > 1:
        raise UsageError(
            f"{text} may be any of {', '.join(meant)}", hint="Write one of these names."
        )
    return meant[0] if meant else text


def place_of(
    project: Project, app: App, function: str
) -> tuple[PurePosixPath, PurePosixPath | None]:
    """The module that the task belongs to, and the package `__init__.py` that has to import it."""
    related = "tasks"
    if project.celery:
        related = project.celery[0].related_name or "tasks"
    package = app.folder / related
    if not (project.root / package).is_dir():
        return package.parent / f"{related}.py", None
    init = package / "__init__.py"
    if not (project.root / init).is_file():
        raise CannotPatch(
            f"{package} has no __init__.py, so Celery never imports what is in it",
            hint=f"Create {init}, importing the tasks of its modules.",
            where=Where(package),
        )
    # a package whose __init__.py holds the tasks is a module in another place
    if any(isinstance(n, ast.FunctionDef) for n in project.modules.tree(init).body):
        return init, None
    return package / f"{function}.py", init


def django_user(project: Project) -> Model | None:
    """Django's own user, where the project has it: installed, and not replaced by another model."""
    labels = {app.label for app in project.apps}
    has_other = "AUTH_USER_MODEL" in project.settings.assigned
    if has_other or "auth" in labels or DJANGO_AUTH not in project.settings.installed_apps:
        return None
    return DJANGO_USER


def named_model(project: Project, app: App, text: str) -> Model:
    """The model of `APP.MODEL`, or of `MODEL` in `app`. Raises UsageError with the near ones."""
    place, _, name = text.rpartition(".")
    owner = app
    if (user := django_user(project)) and text == AUTH_USER:
        return user
    if place:
        owner = find_app(project, place)
    found = find_model(project.modules, owner, name)
    if found is not None:
        return found
    names = model_names(project.modules, owner)
    near = difflib.get_close_matches(name, names, 3, 0.5) or names
    hint = "Check --model."
    if near:
        hint = f"Did you mean {', '.join(near)}?"
    raise UsageError(f"{owner.name} has no model {name}", hint=hint)


def model_import(project: Project, app: App, model: Model) -> str:
    """The import of a model for the tasks of `app`, relative where both are in one folder."""
    module = model.module
    # from a module of a tasks package, a relative import would start one folder deeper
    is_package = (project.root / app.folder / "tasks").is_dir()
    if model.app.folder == app.folder and not is_package:
        module = module.removeprefix(app.name)
    return f"from {module} import {model.name}"


def is_circular(project: Project, path: PurePosixPath, model: Model) -> bool:
    """Whether the module of the model imports the tasks: each would then wait for the other."""
    tasks = project.modules.name_of(path) or ""
    for node in ast.walk(project.modules.tree(model.path)):
        if isinstance(node, ast.ImportFrom):
            module = project.modules.absolute(node, model.path)
            if tasks in {module, *(f"{module}.{alias.name}" for alias in node.names)}:
                return True
        elif isinstance(node, ast.Import) and tasks in {alias.name for alias in node.names}:
            return True
    return False
