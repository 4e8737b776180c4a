"""The decorator of a task: which one the project uses, its options, and how it is written."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from celeryize.commands.task.kinds import find_kind
from celeryize.commands.task.request import Request
from celeryize.detect.project import Project
from celeryize.detect.tasks import prefers_app_task
from celeryize.errors import UsageError
from celeryize.patch.imports import gives
from celeryize.patch.source import is_identifier, python_literal
from celeryize.spelling import did_you_mean

# The formatters' default: what fits in it, they put on one line.
LINE_LENGTH = 88
# The retries of a kind that retries by itself.
KIND_RETRIES = 5


def choose_decorator(project: Project, path: PurePosixPath, request: Request) -> tuple[str, str]:
    """`shared_task`, or the project's own `app.task` where all its tasks have that.

    And the import it needs.
    """
    celery = project.celery[0]
    own = f"{celery.variable}.task"
    # a new task looks like its neighbours
    habit = "shared_task"
    if prefers_app_task(project.modules, project.apps, project.celery):
        habit = own
    chosen = request.decorator or habit
    if chosen == "shared_task":
        return _shared_task(project, path)
    if chosen not in {own, "app.task"}:
        raise UsageError(f"unknown decorator {chosen}", hint=f"Use shared_task or {own}.")
    return _app_task(project, path)


def find_retries(project: Project, request: Request) -> tuple[list[str], list[str]]:
    """The exceptions of autoretry_for as spelled in the module, and their imports.

    Raises UsageError.
    """
    names: list[str] = []
    imports: list[str] = []
    wanted = request.retry_on
    if not wanted and not request.bind:
        wanted = find_kind(request.kind).retries_for(project.dependencies.declared)
    for name in wanted:
        spelled, line = _exception_class(name)
        names.append(spelled)
        imports.append(line)
    return names, [line for line in imports if line]


def decorator_options(
    request: Request, retries: list[str], declared: Collection[str]
) -> dict[str, str]:
    """The decorator's keyword arguments, as Python, in the order in which people write them.

    `declared` are the dependencies of the project.
    """
    kind = find_kind(request.kind)
    # of a kind that retries by itself
    implied = bool(kind.retry_on and retries and not request.retry_on)
    failures = kind.failures_for(declared) if implied else ()
    max_retries = request.max_retries
    if max_retries is None and implied:
        max_retries = KIND_RETRIES
    found = {
        "name": _text_literal(request.name),
        "bind": _flag_literal(request.bind),
        "autoretry_for": _tuple_literal(retries),
        "dont_autoretry_for": _tuple_literal(failures),
        "max_retries": _number_literal(max_retries),
        "default_retry_delay": _number_literal(request.default_retry_delay),
        "retry_backoff": _flag_literal(request.backoff or implied),
        "retry_backoff_max": _number_literal(request.backoff_max),
        "retry_jitter": _bool_literal(request.jitter),
        "time_limit": _number_literal(request.time_limit),
        "soft_time_limit": _number_literal(request.soft_time_limit),
        "rate_limit": _text_literal(request.rate_limit),
        "queue": _text_literal(request.queue),
        "priority": _number_literal(request.priority),
        "expires": _number_literal(request.expires),
        "ignore_result": _flag_literal(request.ignore_result),
        "acks_late": _bool_literal(request.acks_late),
    }
    return {name: value for name, value in found.items() if value is not None}


def format_decorator(decorator: str, options: dict[str, str]) -> str:
    """The decorator with its options, as a formatter breaks them."""
    if not options:
        return decorator
    line = f"{decorator}({', '.join(f'{k}={v}' for k, v in options.items())})"
    if len(line) < LINE_LENGTH:
        return line
    inner = "".join(f"    {k}={v},\n" for k, v in options.items())
    return f"{decorator}(\n{inner})"


def format_signature(function: str, parameters: list[str]) -> str:
    """The parameters between the parentheses, as a formatter breaks them."""
    line = ", ".join(parameters)
    if len(f"def {function}({line}) -> None:") <= LINE_LENGTH:
        return line
    return "\n" + "".join(f"    {parameter},\n" for parameter in parameters)


def _app_task(project: Project, path: PurePosixPath) -> tuple[str, str]:
    """`app.task` under the name that the module has for the app already, else with its import."""
    celery = project.celery[0]
    if path == celery.where.path:
        return f"{celery.variable}.task", ""
    for node in project.modules.tree(path).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        module = project.modules.absolute(node, path)
        for alias in node.names:
            if (module, alias.name) == (celery.module, celery.variable):
                return f"{alias.asname or alias.name}.task", ""
    return f"{celery.variable}.task", f"from {celery.module} import {celery.variable}"


def _shared_task(project: Project, path: PurePosixPath) -> tuple[str, str]:
    """`shared_task` under the name that the module has for it already, else with its import."""
    for node in project.modules.tree(path).body:
        for module, name, alias in gives(node):
            if (module, name) == ("celery", "shared_task"):
                return alias or name, ""
            if (module, name) == ("", "celery"):
                return f"{alias or name}.shared_task", ""
    return "shared_task", "from celery import shared_task"


def _exception_class(name: str) -> tuple[str, str]:
    """An exception class as spelled in the module, and its import. Raises UsageError."""
    if not all(map(is_identifier, name.split("."))):
        raise UsageError(
            f"{name} is not an exception class",
            hint="For example requests.RequestException, ConnectionError.",
        )
    module, _, leaf = name.rpartition(".")
    if not module:
        kind = getattr(builtins, name, None)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            near = did_you_mean(name, _builtin_exceptions())
            raise UsageError(
                f"Python has no exception {name}",
                hint=f"{near}Others are written with their module: smtplib.SMTPException.",
            )
        return name, ""
    if "." in module:
        return leaf, f"from {module} import {leaf}"
    return name, f"import {module}"


def _builtin_exceptions() -> list[str]:
    """The exceptions that need no import."""
    return [
        name
        for name, kind in vars(builtins).items()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    ]


def _text_literal(value: str | None) -> str | None:
    if not value:
        return None
    return python_literal(value)


def _flag_literal(value: bool) -> str | None:
    """`True`, or nothing: False is the default of every option that this is for."""
    if value:
        return "True"
    return None


def _bool_literal(value: bool | None) -> str | None:
    """`True` or `False`, or nothing where neither was said."""
    if value is None:
        return None
    return str(value)


def _number_literal(value: int | None) -> str | None:
    if value is None:
        return None
    return str(value)


def _tuple_literal(names: Sequence[str]) -> str | None:
    if not names:
        return None
    if len(names) == 1:
        return f"({names[0]},)"
    return f"({', '.join(names)})"
