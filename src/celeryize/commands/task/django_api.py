"""`add-task --api django`: a task of django.tasks, which TASKS sends to Celery.

@task(queue_name="photos")
def resize(photo_id: int) -> None: ...
"""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from celeryize.commands.task.parameters import Parameter
from celeryize.commands.task.request import Request
from celeryize.detect.django_tasks import (
    DECORATORS,
    DEFAULT_ALIAS,
    DEFAULT_QUEUE,
    TaskBackend,
    decorator_name,
    read_backends,
)
from celeryize.detect.modules import bound_names
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch, UsageError
from celeryize.patch.source import python_literal

# Of the options of the command line, those that only a task of Celery has, as they are spelled.
OF_CELERY = {
    "bind": "--bind",
    "max_retries": "--max-retries",
    "default_retry_delay": "--default-retry-delay",
    "retry_on": "--retry-on",
    "backoff": "--backoff",
    "backoff_max": "--backoff-max",
    "jitter": "--jitter",
    "time_limit": "--time-limit",
    "soft_time_limit": "--soft-time-limit",
    "rate_limit": "--rate-limit",
    "name": "--name",
    "ignore_result": "--ignore-result",
    "acks_late": "--acks-late",
    "expires": "--expires",
    "decorator": "--decorator",
    "trigger": "--trigger",
}
# What django.tasks takes as an argument. Source: django.utils.json.normalize_json of 6.0.
PLAIN_TYPES = frozenset({"str", "int", "float", "bool", "list", "dict", "None", "Any", "Optional"})
# Source: django/tasks/base.py of 6.0.
PRIORITIES = range(-100, 101)


def check_django_request(project: Project, request: Request) -> None:
    """Raise UsageError for what a task of Django does not have, CannotPatch where TASKS does not
    send it to Celery.
    """
    given = [
        option
        for name, option in OF_CELERY.items()
        if getattr(request, name) not in (None, False, ())
        or (name in {"jitter", "acks_late"} and getattr(request, name) is not None)
    ]
    if given:
        raise UsageError(
            f"{', '.join(given)} {'is' if len(given) == 1 else 'are'} of Celery: a task of "
            "django.tasks has a queue and a priority alone",
            hint="Leave out --api django: a task of Celery has them.",
        )
    if request.kind == "batch":
        raise UsageError(
            "--kind batch sends its chunks as tasks of Celery",
            hint="Leave out --api django, or choose another kind.",
        )
    if request.priority is not None and request.priority not in PRIORITIES:
        raise UsageError("a priority of django.tasks is -100 to 100", hint="The default is 0.")
    backend = _backend_of(project)
    if backend is None:
        return
    queue = request.queue or DEFAULT_QUEUE
    allowed = backend.queues
    if allowed is None:
        allowed = (DEFAULT_QUEUE,)
    # an empty list allows every name
    if allowed and queue not in allowed:
        raise UsageError(
            f"TASKS allows no queue {queue}: importing the task would raise InvalidTask",
            hint=f'Add it to "QUEUES" in TASKS, which has {", ".join(allowed)}.',
        )


def check_types(parameters: tuple[Parameter, ...]) -> None:
    """Raise UsageError for a type that django.tasks cannot send."""
    for parameter in parameters:
        names = {
            node.id
            for node in ast.walk(ast.parse(parameter.annotation or "None", mode="eval"))
            if isinstance(node, ast.Name)
        }
        other = sorted(names - PLAIN_TYPES)
        if other:
            raise UsageError(
                f"{parameter.name}: django.tasks sends what JSON has, and no {', '.join(other)}",
                hint="Pass a str, int or list, or leave out --api django: Celery sends it.",
            )


def registered_name(project: Project, name: str) -> str:
    """The name that the backend registers a task under."""
    backend = _backend_of(project)
    if backend is not None and backend.path.startswith("django_tasks_fennel"):
        return f"django_tasks:{name}"
    return name


def django_decorator(project: Project, path: PurePosixPath) -> tuple[str, str]:
    """`task`, under the name that the module has for it already, and the import it needs."""
    tree = project.modules.tree(path)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    bindings = bound_names(project.modules, path, imports)
    for name in bindings:
        if decorator_name(ast.Name(name), bindings) in DECORATORS:
            return name, ""
    taken = {*bindings} | {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    if "task" in taken:
        return "django_task", "from django.tasks import task as django_task"
    return "task", "from django.tasks import task"


def django_options(request: Request) -> dict[str, str]:
    """The decorator's keyword arguments, as Python."""
    found: dict[str, str] = {}
    if request.queue and request.queue != DEFAULT_QUEUE:
        found["queue_name"] = python_literal(request.queue)
    if request.priority:
        found["priority"] = str(request.priority)
    return found


def _backend_of(project: Project) -> TaskBackend | None:
    """The backend of TASKS; None where code computes it, which the proof then judges.

    Raises CannotPatch where it does not send to Celery.
    """
    settings = project.settings
    where = settings.assigned.get("TASKS")
    hint = "Run `celeryize init --django-tasks` first."
    if where is None:
        raise CannotPatch(
            "TASKS is not set, so a task of Django would run inside the request", hint=hint
        )
    for node in ast.walk(project.modules.tree(where.path)):
        match node:
            case ast.Assign(targets=[ast.Name(id="TASKS")], value=value):
                backend = (read_backends(value) or {}).get(DEFAULT_ALIAS)
                if backend is None or not backend.path or backend.sends_to_celery:
                    return backend
                raise CannotPatch(
                    f"TASKS has the backend {backend.path}, so a task of Django would not be "
                    "sent to Celery",
                    hint=hint,
                    where=where,
                )
    return None
