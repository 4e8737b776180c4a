"""The lines that send a task, right for its signature and for the project."""

from __future__ import annotations

import re

from celeryize.commands.task.parameters import Parameter
from celeryize.commands.task.words import camel_case, snake_case
from celeryize.detect.apps import App
from celeryize.detect.models import Model, find_model
from celeryize.detect.project import Project


def call_lines(
    project: Project,
    app: App,
    function: str,
    parameters: tuple[Parameter, ...],
    model: Model | None,
    *,
    is_django: bool = False,
) -> tuple[str, ...]:
    """The lines that send the task.

    Where an instance is the subject, a transaction is likely, and the worker must not be faster
    than its commit.
    """
    arguments: list[str] = []
    after_commit = model is not None
    for parameter in parameters:
        if parameter.default is not None:
            continue
        subject = _model_of(project, app, parameter, model)
        if subject is None:
            arguments.append(parameter.name)
            continue
        after_commit = True
        arguments.append(key_argument(f"{snake_case(subject.name)}.pk", parameter))
    sent = ", ".join(arguments)
    if is_django:
        if not after_commit:
            return (f"{function}.enqueue({sent})",)
        return (
            "from django.db import transaction",
            f"transaction.on_commit(lambda: {function}.enqueue({sent}))",
        )
    if after_commit:
        return lines_after_commit(project, function, sent)
    return (f"{function}.delay({sent})",)


def key_argument(key: str, parameter: Parameter) -> str:
    """A primary key as the argument of a parameter: one of another type arrives as str only if sent
    as str.
    """
    if parameter.annotation == "str":
        return f"str({key})"
    return key


def lines_after_commit(project: Project, function: str, arguments: str) -> tuple[str, ...]:
    """The lines that send a task after the commit: `delay_on_commit` came with Celery 5.4."""
    # it is a method of Celery's Django task class, which an own task class replaces
    version = project.celery_version
    own_task_class = "task_cls" in project.celery[0].constructor
    if (version is None or version >= (5, 4)) and not own_task_class:
        return (f"{function}.delay_on_commit({arguments})",)
    return (
        "from django.db import transaction",
        f"transaction.on_commit(lambda: {function}.delay({arguments}))",
    )


def _model_of(
    project: Project, app: App, parameter: Parameter, model: Model | None
) -> Model | None:
    """The model whose key a parameter takes, known by its name: `doctor_id` is that of Doctor."""
    match = re.fullmatch(r"(?:(\w+)_)?(?:id|pk)", parameter.name)
    if match is None:
        return None
    if model and match[1] in (None, snake_case(model.name)):
        return model
    return find_model(project.modules, app, camel_case(match[1] or ""))
