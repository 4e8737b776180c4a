"""What to know about the queue of a task, and about tasks of other libraries in its module."""

from __future__ import annotations

import ast
import difflib

from celeryize.detect.project import Project
from celeryize.detect.settings import constant, strings_of
from celeryize.draft import Draft
from celeryize.errors import UsageError
from celeryize.patch.source import Source

# Other libraries whose tasks are often in a module called tasks, by the package that is imported.
OTHER_LIBRARIES = {
    "huey": "huey",
    "django_q": "django-q",
    "django_rq": "django-rq",
    "rq": "rq",
    "dramatiq": "dramatiq",
    "background_task": "django-background-tasks",
    "invoke": "invoke",
}


def report_queue(project: Project, draft: Draft, queue: str | None) -> None:
    """A note about a queue that a plain worker does not consume.

    Raises UsageError for an undeclared one.
    """
    if queue is None:
        return
    declared = strings_of(project.modules, project.settings, "CELERY_TASK_QUEUES")
    if declared and queue not in declared:
        near = difflib.get_close_matches(queue, declared, 3, 0.5) or declared
        raise UsageError(
            f"CELERY_TASK_QUEUES declares no queue {queue}, so no worker consumes it",
            hint=f"Did you mean {', '.join(near)}? Or declare it.",
        )
    default = constant(project.modules, project.settings, "CELERY_TASK_DEFAULT_QUEUE") or "celery"
    if not declared and queue != default:
        draft.add_note(
            f"A worker consumes the queue {queue} only if it is started with -Q {default},{queue}."
        )


def report_other_libraries(source: Source, draft: Draft, *, is_django: bool = False) -> None:
    """A note about a module that holds tasks of another library."""
    names: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    tops = {name.split(".")[0] for name in names}
    libraries = {library for top, library in OTHER_LIBRARIES.items() if top in tops}
    # Django's own tasks, of version 6
    if "django.tasks" in names and not is_django:
        libraries.add("django.tasks")
    owner = "Django's" if is_django else "Celery's"
    for library in sorted(libraries):
        draft.add_note(f"{source.path} also holds tasks of {library}; the new one is {owner}.")
