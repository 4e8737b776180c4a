"""`celeryize add-task`: a task that is right the first time, in the module where the worker finds it."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

from celeryize.commands.task.test_file import Subject, command_of, has_tests, test_of, with_test
from celeryize.commands.task.trigger import Trigger, receiver, signal_of
from celeryize.detect.apps import App
from celeryize.detect.models import Model, find_model, model_names
from celeryize.detect.project import Project
from celeryize.detect.settings import constant, strings_of
from celeryize.detect.tasks import find_tasks, prefers_app_task
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, CeleryizeError, UsageError
from celeryize.model import Plan, Status, Step, Where
from celeryize.patch.imports import add_import, gives
from celeryize.patch.installed_apps import install_app
from celeryize.patch.source import Source, is_identifier, python_literal
from celeryize.patch.tasks import add_task
from celeryize.render import task_template, task_templates

KINDS = ("plain", "model", "email", "http", "batch")
LOCK_SECONDS = 600
# What a task, or a queue, may be called.
NAME = re.compile(r"[\w.\-:]+")
# The formatters' default: what fits in it, they put on one line.
LINE_LENGTH = 88
# What comes back from JSON as it went in, with the import it needs (CELERY_FACTS 36).
TYPES = {
    "str": "",
    "int": "",
    "float": "",
    "bool": "",
    "list": "",
    "dict": "",
    "None": "",
    "Any": "from typing import Any",
    "Optional": "from typing import Optional",
    "UUID": "from uuid import UUID",
    "Decimal": "from decimal import Decimal",
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
    "time": "from datetime import time",
    "bytes": "",
}
INSTEAD = {
    "set": "a list",
    "frozenset": "a list",
    "tuple": "a list: JSON has no tuples, so it would arrive as one",
    "timedelta": "seconds, as an int",
    "Path": "a str",
    "complex": "two floats",
    "QuerySet": "a list of primary keys",
    "HttpRequest": "what the task needs of the request",
}
OTHER_QUEUES = {
    "huey": "huey",
    "django_q": "django-q",
    "django_rq": "django-rq",
    "rq": "rq",
    "dramatiq": "dramatiq",
    "background_task": "django-background-tasks",
    "invoke": "invoke",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for; None is "not said". Seconds everywhere."""

    target: str
    parameters: tuple[str, ...] = ()
    kind: str = "plain"
    model: str | None = None
    bind: bool = False
    max_retries: int | None = None
    default_retry_delay: int | None = None
    retry_on: tuple[str, ...] = ()
    backoff: bool = False
    backoff_max: int | None = None
    jitter: bool | None = None
    time_limit: int | None = None
    soft_time_limit: int | None = None
    rate_limit: str | None = None
    queue: str | None = None
    name: str | None = None
    priority: int | None = None
    ignore_result: bool = False
    acks_late: bool | None = None
    expires: int | None = None
    idempotent: bool = False
    decorator: str | None = None
    body_from: Path | None = None
    test: bool | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the task: name, annotation, default (Python, or None), the imports of its type."""

    name: str
    annotation: str
    default: str | None
    imports: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.annotation}" + ("" if self.default is None else f" = {self.default}")


@dataclass(frozen=True, slots=True)
class Generated:
    """A task as code, and what the proof has to find."""

    app: App
    function: str
    code: str
    imports: tuple[str, ...]
    registered: str
    options: tuple[tuple[str, str], ...]
    path: PurePosixPath
    call: tuple[str, ...]
    subject: Subject
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome of planning; `run_test` are the arguments of Python that run the test, if there is one."""

    plan: Plan
    task: Generated
    run_test: tuple[str, ...] | None


def plan(project: Project, request: Request, templates: Path | None = None) -> Added:
    """The edits that add the task. `templates` is a folder of the project's own templates.

    Raises UsageError for what cannot be meant, CannotPatch for what cannot be done safely.
    """
    if not project.celery:
        raise CannotPatch("this project has no Celery app yet", hint="Set it up first: celeryize init.")
    app, function = named_task(project, request.target)
    draft = project.draft()
    steps: list[Step] = []
    notes: list[str] = []

    def write(path: PurePosixPath, data: bytes, what: str) -> None:
        before = draft.read(path)
        draft.write(path, data)
        status = Status.CREATE if before is None else Status.IDENTICAL if before == data else Status.UPDATE
        steps.append(Step(path, status, what))

    notes += _queue(project, request.queue)
    path, reexport = place_of(project, app, function)
    task = _generate(project, request, app, function, path, templates)
    data = draft.read(path)
    source = Source.decode(path, data or b"")
    notes += _foreign(source)
    after = add_task(source, task.code, list(task.imports))
    write(path, after.encode(), f"the task {task.registered}")
    if reexport is not None:
        init = Source.decode(reexport, draft.read(reexport) or b"")
        line = f"from .{path.stem} import {function}"
        write(reexport, init.splice(*add_import(init, line)).encode(), "imports it, so that discovery finds it")
    if not app.installed:
        where = project.settings.installed_apps_where
        settings = where.path if where else project.settings.file
        text = Source.decode(settings, draft.read(settings) or b"")
        write(
            settings, install_app(text, app.name).encode(), f"{app.name} in INSTALLED_APPS, or no worker finds it"
        )
    trigger = _trigger(project, app, request)
    if trigger is not None:
        for file, changed, what in _receiver(project, app, draft, task, trigger):
            write(file, changed.encode(), what)
    run_test: tuple[str, ...] | None = None
    if has_tests(project, app) if request.test is None else request.test:
        test = test_of(project, app, task.subject, trigger)
        write(
            test.path, with_test(Source.decode(test.path, draft.read(test.path) or b""), test).encode(), "its test"
        )
        run_test = command_of(project, test)
    return Added(Plan(draft.edits(), tuple(steps), (), tuple(notes)), task, run_test)


def find_app(project: Project, name: str) -> App:
    """The app of a label or dotted path. Raises UsageError with the near ones."""
    found = [app for app in project.apps if name in (app.name, app.label)]
    if len(found) == 1:
        return found[0]
    known = sorted({n for app in project.apps for n in (app.label, app.name)})
    near = difflib.get_close_matches(name, known, 3, 0.5) or known
    said = f"several apps are called {name}" if found else f"there is no app {name} in this project"
    raise UsageError(said, hint=f"Did you mean {', '.join(near)}?" if near else "Make one: manage.py startapp.")


def named_task(project: Project, target: str) -> tuple[App, str]:
    """The app and the name of the task of `APP.TASK`. Raises UsageError with what to write instead."""
    place, _, function = target.rpartition(".")
    if not place:
        raise UsageError(f"{target} names no app", hint="Write APP.TASK, for example doctors.send_welcome_email.")
    _identifier(function, "the task's name")
    return find_app(project, place.removesuffix(".tasks")), function


def place_of(project: Project, app: App, function: str) -> tuple[PurePosixPath, PurePosixPath | None]:
    """The module the task goes into, and the package `__init__.py` that has to import it."""
    related = project.celery[0].related_name or "tasks" if project.celery else "tasks"
    package = app.folder / related
    if (project.root / package).is_dir():
        init = package / "__init__.py"
        if not (project.root / init).is_file():
            raise CannotPatch(
                f"{package} has no __init__.py, so Celery never imports what is in it",
                hint=f"Create {init}, importing the tasks of its modules.",
                where=Where(package),
            )
        defined = [n for n in project.modules.tree(init).body if isinstance(n, ast.FunctionDef)]
        return (init, None) if defined else (package / f"{function}.py", init)
    return package.parent / f"{related}.py", None


def _queue(project: Project, queue: str | None) -> list[str]:
    """A word about a queue that a plain worker does not consume. Raises UsageError for an undeclared one."""
    if queue is None:
        return []
    declared = strings_of(project.modules, project.settings, "CELERY_TASK_QUEUES")
    if declared and queue not in declared:
        near = difflib.get_close_matches(queue, declared, 3, 0.5) or declared
        raise UsageError(
            f"CELERY_TASK_QUEUES declares no queue {queue}, so no worker consumes it",
            hint=f"Did you mean {', '.join(near)}? Or declare it.",
        )
    default = constant(project.modules, project.settings, "CELERY_TASK_DEFAULT_QUEUE") or "celery"
    if declared or queue == default:
        return []
    return [f"A worker consumes the queue {queue} only if it is started with -Q {default},{queue}."]


def _trigger(project: Project, app: App, request: Request) -> Trigger | None:
    if request.trigger is None:
        return None
    signal, name = signal_of(request.trigger)
    return Trigger(signal, _named_model(project, app, name))


def _receiver(
    project: Project, app: App, draft: Draft, task: Generated, trigger: Trigger
) -> tuple[tuple[PurePosixPath, Source, str], ...]:
    """The files of the trigger. Raises UsageError where a signal cannot fill the parameters."""
    required = [p for p in task.parameters if p.default is None]
    if len(required) > 1:
        raise UsageError(
            f"{trigger.signal} knows the row alone, not {required[1].name}",
            hint="Give all but the key a default, or leave --trigger out.",
        )
    arguments = "".join("str(instance.pk)" if p.annotation == "str" else "instance.pk" for p in required)
    module = project.modules.name_of(task.path) or ""
    return receiver(
        project,
        app,
        draft,
        trigger,
        function=task.function,
        task_import=f"from {module.removeprefix(app.name)} import {task.function}",
        model_import=_model_import(project, app, trigger.model),
        call=_sending(project, task.function, arguments),
    )


def _foreign(source: Source) -> list[str]:
    """A word about a module that belongs to another queue."""
    names = set()
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    queues = {OTHER_QUEUES[n.split(".")[0]] for n in names if n.split(".")[0] in OTHER_QUEUES}
    queues |= {"django.tasks"} if "django.tasks" in names else set()
    return [f"{source.path} also holds tasks of {queue}; the new one is Celery's." for queue in sorted(queues)]


def _generate(
    project: Project, request: Request, app: App, function: str, path: PurePosixPath, templates: Path | None
) -> Generated:
    model = _model(project, app, request)
    parameters = _parameters(request, model)
    own = (name.removeprefix("task/") for name in task_templates(templates))
    _check(request, tuple(dict.fromkeys((*KINDS, *(kind for kind in own if kind != "base")))))
    request = _within_the_settings(project, request)
    imports = [line for p in parameters for line in p.imports]
    decorator_name, decorator_import = _decorator(project, path, request)
    imports.append(decorator_import)
    retries, retry_imports = _retries(project, request)
    imports += retry_imports
    options = _options(request, retries)
    row = _snake(model.name) if model else "row"
    key = next((p.name for p in parameters if p.name.endswith(("_id", "_pk", "pk", "id"))), "")
    if model is not None and request.kind in {"model", "email"} and not key:
        raise UsageError(f"no parameter holds the key of {model.name}", hint=f"Add {row}_id:{model.key_type}.")
    if model and request.kind == "email" and model.email_field is None:
        raise UsageError(
            f"{model.name} has no EmailField to send to",
            hint="Leave --model out and pass the address: recipient:str.",
        )
    imports += _kind_imports(project, request)
    local_import = ""
    if model is not None and request.kind != "plain":
        line = _model_import(project, app, model)
        local_import = line if _is_circular(project, path, model) else ""
        imports += [] if local_import else [line]
    if request.idempotent:
        imports.append("from django.core.cache import cache")
    registered = request.name or f"{project.modules.name_of(path)}.{function}"
    # A name that Celery makes of the module is nobody else's.
    for other in find_tasks(project.modules, project.apps, project.celery) if request.name else ():
        if other.name == registered and (other.where.path, other.function) != (path, function):
            raise UsageError(
                f"{other.where} registers a task as {registered} already; Celery would keep one of the two",
                hint="Choose another --name, or another name for the function.",
            )
    chunk = {k: v for k, v in options.items() if k not in {"bind", "name"}}
    context = {
        "decorator": _decorated(decorator_name, options),
        "chunk_decorator": _decorated(decorator_name, chunk),
        "name": function,
        "title": _title(function),
        "signature": _signature(function, [*(["self"] if request.bind else []), *map(str, parameters)]),
        "names": ", ".join(p.name for p in parameters),
        "bind": request.bind,
        "autoretry": bool(retries),
        "idempotent": request.idempotent,
        "lock_seconds": request.time_limit or LOCK_SECONDS,
        "lock_name": python_literal(f"{registered}:"),
        "model": model.name if model else "",
        "local_import": local_import,
        "row": row,
        "key": key,
        "pk_type": model.key_type if model else "int",
        "size": next((p.name for p in parameters if p.annotation == "int"), "500"),
        "requests": "requests" in project.dependencies.declared,
        "url": next(
            (p.name for p in parameters if p.name == "url" or p.name.endswith("_url")), '"https://example.org/"'
        ),
        "subject": python_literal(_title(function)),
        "message": f'f"Hello {{{row}}}"' if model else python_literal("Hello"),
        "recipient": _recipient(model, row, parameters),
    }
    rendered = task_template(request.kind, templates, request.body_from, **context)
    code, template_imports = _definitions(rendered, function, str(request.body_from or f"task/{request.kind}"))
    imports += template_imports
    return Generated(
        app=app,
        function=function,
        code=code,
        imports=tuple(dict.fromkeys(line for line in imports if line)),
        registered=registered,
        options=tuple(options.items()),
        path=path,
        call=(
            f"from {project.modules.name_of(path)} import {function}",
            *_call(project, app, function, parameters, model),
        ),
        subject=Subject(function, path, code, tuple(imports), request.kind, model, key),
        parameters=parameters,
    )


def _definitions(rendered: str, function: str, template: str) -> tuple[str, list[str]]:
    """What a template gave: the definitions, and the imports that stand before them.

    Raises CeleryizeError where it is no Python, or does not define the task.
    """
    text = "\n".join(line.rstrip() for line in rendered.strip("\n").split("\n")) + "\n"
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = text.split("\n")[(getattr(error, "lineno", None) or 1) - 1].strip()[:LINE_LENGTH]
        said = error.msg if isinstance(error, SyntaxError) else "it cannot be parsed"
        raise CeleryizeError(
            f"the template {template} does not give Python: {said}: {line}",
            hint="Fix the template, or remove it to use ours.",
        ) from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in body):
        raise CeleryizeError(
            f"the template {template} defines no function {function}", hint="Write `def {{ name }}(...)` in it."
        )
    imports: list[str] = []
    for index, node in enumerate(body):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            lines = text.split("\n")
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            return ("\n".join(lines[first - 1 :]) if index else text), imports
        imports.append(ast.unparse(node))
    raise AssertionError("a function is no import")


def _model(project: Project, app: App, request: Request) -> Model | None:
    if request.model is None:
        if request.kind in {"model", "batch"}:
            raise UsageError(f"--kind {request.kind} needs a model", hint="Name it: --model APP.MODEL.")
        return None
    return _named_model(project, app, request.model)


def _named_model(project: Project, app: App, text: str) -> Model:
    """The model of `APP.MODEL`, or of `MODEL` in `app`. Raises UsageError with the near ones."""
    place, _, name = text.rpartition(".")
    owner = find_app(project, place) if place else app
    found = find_model(project.modules, owner, name)
    if found is None:
        near = difflib.get_close_matches(name, model_names(project.modules, owner), 3, 0.5)
        near = near or model_names(project.modules, owner)
        raise UsageError(
            f"{owner.name} has no model {name}",
            hint=f"Did you mean {', '.join(near)}?" if near else "Check --model.",
        )
    return found


def _parameters(request: Request, model: Model | None) -> tuple[Parameter, ...]:
    found = [_parameter(text) for text in request.parameters]
    if model and request.kind in {"model", "email"} and not found:
        found = [Parameter(f"{_snake(model.name)}_id", model.key_type, None, ())]
    if request.kind == "batch" and not found:
        found = [Parameter("chunk_size", "int", "500", ())]
    if request.kind == "http" and not found:
        found = [Parameter("url", "str", None, ())]
    names = [p.name for p in found]
    if len(set(names)) < len(names) or "self" in names:
        raise UsageError("two parameters have one name", hint="`self` comes from --bind.")
    required_after_default = [
        later.name for one, later in pairwise(found) if one.default is not None and later.default is None
    ]
    if required_after_default:
        raise UsageError(
            f"{required_after_default[0]} has no default but follows one that has", hint="Move it to the front."
        )
    return tuple(found)


def _parameter(text: str) -> Parameter:
    """`name:type=default` as a Parameter. Raises UsageError with what to write instead."""
    name, colon, rest = text.partition(":")
    annotation, equals, default = rest.partition("=")
    _identifier(name, "a parameter")
    if not colon or not annotation.strip():
        raise UsageError(f"{text} has no type", hint=f"Write {name}:str, for example.")
    try:
        node = ast.parse(annotation.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"{annotation} is not a type", hint="For example str, int, list[int], UUID.") from None
    imports = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            if part.id not in TYPES:
                instead = INSTEAD.get(
                    part.id, "its primary key, as int or str: an instance is stale when it arrives"
                )
                raise UsageError(f"a task cannot be passed a {part.id}", hint=f"Pass {instead}.")
            imports.append(TYPES[part.id])
        elif not isinstance(part, _IN_TYPES) or (isinstance(part, ast.Constant) and part.value is not None):
            raise UsageError(
                f"{annotation} is not a type that JSON carries", hint="For example str, int, list[int], UUID."
            )
    value = _default(name, node, default) if equals else None
    return Parameter(name, ast.unparse(node), value, tuple(dict.fromkeys(filter(None, imports))))


_IN_TYPES = (ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr, ast.Constant, ast.Load)


def _default(name: str, annotation: ast.expr, text: str) -> str:
    """The default as Python: a literal, or, for a str, the text itself."""
    try:
        value = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        value = text
    if isinstance(annotation, ast.Name) and annotation.id == "str" and not isinstance(value, str):
        value = text
    if isinstance(value, list | dict | set):
        raise UsageError(f"{name} would share one {type(value).__name__} between all calls", hint="Use =None.")
    plain: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
    wanted = plain.get(annotation.id) if isinstance(annotation, ast.Name) else None
    if wanted and not isinstance(value, wanted):
        raise UsageError(f"{text} is no {ast.unparse(annotation)}", hint=f"Give {name} a default of its type.")
    return python_literal(value) if isinstance(value, str) else repr(value)


def _check(request: Request, kinds: tuple[str, ...]) -> None:
    """Options that contradict each other, or that Celery would ignore without a word."""
    rules = (
        (request.kind not in kinds, f"there is no kind {request.kind}", f"Choose one of {', '.join(kinds)}."),
        (
            request.max_retries is not None and not (request.retry_on or request.bind or request.kind == "http"),
            "--max-retries alone never retries: Celery retries on self.retry() or autoretry_for",
            "Add --retry-on EXCEPTION, or --bind for a body that calls self.retry().",
        ),
        (
            (request.backoff or request.backoff_max is not None or request.jitter is not None)
            and not (request.retry_on or request.kind == "http"),
            "--backoff, --backoff-max and --jitter belong to automatic retries; self.retry() ignores them",
            "Add --retry-on EXCEPTION, or use --default-retry-delay.",
        ),
        (
            request.backoff_max is not None and not (request.backoff or request.kind == "http"),
            "--backoff-max has no effect without --backoff",
            "Add --backoff.",
        ),
        (
            request.time_limit is not None
            and request.soft_time_limit is not None
            and request.soft_time_limit > request.time_limit,
            "the soft time limit is longer than the hard one: .delay() would raise ValueError",
            "Make --soft-time-limit the shorter one.",
        ),
        (
            request.rate_limit is not None and not re.fullmatch(r"\d+(\.\d+)?(/[smh])?", request.rate_limit),
            f"{request.rate_limit} is no rate: the worker would stop with KeyError",
            "Write 10/s, 10/m or 10/h.",
        ),
        (
            request.priority is not None and not 0 <= request.priority <= 9,
            "a priority is 0 to 9",
            "On Redis 0 comes first, on RabbitMQ 9 does.",
        ),
        (
            any(
                v is not None and v < 0
                for v in (request.max_retries, request.default_retry_delay, request.backoff_max)
            ),
            "a number of retries or seconds is negative",
            "Use 0 or more.",
        ),
        (
            any(v is not None and v <= 0 for v in (request.time_limit, request.soft_time_limit, request.expires)),
            "a limit of 0 seconds or less lets no task run",
            "Use 1 or more.",
        ),
        (
            request.name is not None and not NAME.fullmatch(request.name),
            f"{request.name!r} is no name for a task",
            "Use letters, digits, dots, dashes, underscores.",
        ),
        (
            request.queue is not None and not NAME.fullmatch(request.queue),
            f"{request.queue!r} is no name for a queue",
            "Use letters, digits, dots, dashes, underscores.",
        ),
    )
    for wrong, message, hint in rules:
        if wrong:
            raise UsageError(message, hint=hint)


def _within_the_settings(project: Project, request: Request) -> Request:
    """The request with a soft limit below its hard one, where the settings' own soft limit would be above it.

    Celery takes the limit that a task does not have from the settings, and refuses in .delay() if soft > hard.
    """
    soft = constant(project.modules, project.settings, "CELERY_TASK_SOFT_TIME_LIMIT")
    hard = constant(project.modules, project.settings, "CELERY_TASK_TIME_LIMIT")
    wanted = request.soft_time_limit
    if wanted is not None and request.time_limit is None and isinstance(hard, int) and wanted > hard:
        raise UsageError(
            f"the settings kill every task after {hard} seconds, before this soft limit",
            hint="Add a longer --time-limit.",
        )
    limit = request.time_limit
    if limit is not None and request.soft_time_limit is None and isinstance(soft, int) and soft > limit:
        return replace(request, soft_time_limit=max(1, limit - max(1, limit // 10)))
    return request


def _retries(project: Project, request: Request) -> tuple[list[str], list[str]]:
    """The exceptions of autoretry_for as spelled in the module, and their imports."""
    names, imports = [], []
    wanted = request.retry_on
    if request.kind == "http" and not wanted and not request.bind:
        wanted = ("requests.RequestException",) if "requests" in project.dependencies.declared else ("OSError",)
    for name in wanted:
        if not all(map(is_identifier, name.split("."))):
            raise UsageError(
                f"{name} is no exception", hint="For example requests.RequestException, ConnectionError."
            )
        module, _, leaf = name.rpartition(".")
        if not module:
            kind = getattr(builtins, name, None)
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise UsageError(
                    f"Python has no exception {name}", hint="Write it with its module: smtplib.SMTPException."
                )
            names.append(name)
        elif "." in module:
            names.append(leaf)
            imports.append(f"from {module} import {leaf}")
        else:
            names.append(name)
            imports.append(f"import {module}")
    return names, imports


def _options(request: Request, retries: list[str]) -> dict[str, str]:
    """The decorator's keyword arguments, as Python, in the order in which people write them."""
    comma = "," if len(retries) == 1 else ""
    implied = request.kind == "http" and bool(retries) and not request.retry_on
    found: dict[str, str | None] = {
        "name": python_literal(request.name) if request.name else None,
        "bind": "True" if request.bind else None,
        "autoretry_for": f"({', '.join(retries)}{comma})" if retries else None,
        "max_retries": _number(request.max_retries, 5 if implied else None),
        "default_retry_delay": _number(request.default_retry_delay),
        "retry_backoff": "True" if request.backoff or implied else None,
        "retry_backoff_max": _number(request.backoff_max),
        "retry_jitter": None if request.jitter is None else str(request.jitter),
        "time_limit": _number(request.time_limit),
        "soft_time_limit": _number(request.soft_time_limit),
        "rate_limit": python_literal(request.rate_limit) if request.rate_limit else None,
        "queue": python_literal(request.queue) if request.queue else None,
        "priority": _number(request.priority),
        "expires": _number(request.expires),
        "ignore_result": "True" if request.ignore_result else None,
        "acks_late": None if request.acks_late is None else str(request.acks_late),
    }
    return {name: value for name, value in found.items() if value is not None}


def _number(value: int | None, otherwise: int | None = None) -> str | None:
    value = otherwise if value is None else value
    return None if value is None else str(value)


def _signature(function: str, parameters: list[str]) -> str:
    """The parameters between the parentheses, as a formatter breaks them."""
    line = ", ".join(parameters)
    if len(f"def {function}({line}) -> None:") <= LINE_LENGTH:
        return line
    return "\n" + "".join(f"    {parameter},\n" for parameter in parameters)


def _decorated(decorator: str, options: dict[str, str]) -> str:
    if not options:
        return decorator
    line = f"{decorator}({', '.join(f'{k}={v}' for k, v in options.items())})"
    if len(line) < LINE_LENGTH:
        return line
    inner = "".join(f"    {k}={v},\n" for k, v in options.items())
    return f"{decorator}(\n{inner})"


def _decorator(project: Project, path: PurePosixPath, request: Request) -> tuple[str, str]:
    """`shared_task`, or the project's own `app.task` where all its tasks have that; and the import it needs."""
    celery = project.celery[0]
    own = f"{celery.variable}.task"
    habit = own if prefers_app_task(project.modules, project.apps, project.celery) else "shared_task"
    chosen = request.decorator or habit
    if chosen == "shared_task":
        for node in project.modules.tree(path).body:
            for module, name, alias in gives(node):
                if (module, name) == ("celery", "shared_task"):
                    return alias or name, ""
                if (module, name) == ("", "celery"):
                    return f"{alias or name}.shared_task", ""
        return "shared_task", "from celery import shared_task"
    if chosen not in {own, "app.task"}:
        raise UsageError(f"there is no decorator {chosen} here", hint=f"Use shared_task or {own}.")
    return own, f"from {celery.module} import {celery.variable}"


def _model_import(project: Project, app: App, model: Model) -> str:
    module = model.module
    if model.app.folder == app.folder and not (project.root / app.folder / "tasks").is_dir():
        module = module.removeprefix(app.name)
    return f"from {module} import {model.name}"


def _is_circular(project: Project, path: PurePosixPath, model: Model) -> bool:
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


def _kind_imports(project: Project, request: Request) -> list[str]:
    if request.kind == "email":
        return ["from django.core.mail import send_mail"]
    if request.kind == "http":
        requests = "requests" in project.dependencies.declared
        return ["import requests"] if requests else ["from urllib.request import urlopen"]
    return []


def _recipient(model: Model | None, row: str, parameters: tuple[Parameter, ...]) -> str:
    if model:
        return f"{row}.{model.email_field or 'email'}"
    mail = next((p.name for p in parameters if p.annotation == "str"), None)
    return mail or python_literal("someone@example.org")


def _call(
    project: Project, app: App, function: str, parameters: tuple[Parameter, ...], model: Model | None
) -> tuple[str, ...]:
    """The lines that send the task, right for this signature and this project.

    Where a row is the subject, a transaction is likely, and the worker must not be faster than its commit.
    """
    arguments = []
    after_commit = False
    for p in parameters:
        if p.default is not None:
            continue
        of = _model_of(project, app, p, model)
        after_commit |= of is not None
        value = f"{_snake(of.name)}.pk" if of else p.name
        # A key of another type arrives as this one only if it leaves as this one.
        arguments.append(f"str({value})" if of and p.annotation == "str" else value)
    sent = ", ".join(arguments)
    if not (after_commit or model):
        return (f"{function}.delay({sent})",)
    return _sending(project, function, sent)


def _sending(project: Project, function: str, arguments: str) -> tuple[str, ...]:
    """The lines that send a task after the commit: `delay_on_commit` came with Celery 5.4."""
    version = project.celery_version
    if (version is None or version >= (5, 4)) and "task_cls" not in project.celery[0].constructor:
        return (f"{function}.delay_on_commit({arguments})",)
    return ("from django.db import transaction", f"transaction.on_commit(lambda: {function}.delay({arguments}))")


def _model_of(project: Project, app: App, parameter: Parameter, model: Model | None) -> Model | None:
    """The model whose key a parameter takes, told by its name: `doctor_id` is that of Doctor."""
    match = re.fullmatch(r"(?:(\w+)_)?(?:id|pk)", parameter.name)
    if match is None:
        return None
    if model and match[1] in (None, _snake(model.name)):
        return model
    name = "".join(part.capitalize() for part in (match[1] or "").split("_"))
    return find_model(project.modules, app, name)


def _identifier(name: str, what: str) -> None:
    if not is_identifier(name):
        raise UsageError(f"{name or 'nothing'} cannot be {what}", hint="Use letters, digits and underscores.")


def _title(function: str) -> str:
    return function.replace("_", " ").strip().capitalize() or function


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
