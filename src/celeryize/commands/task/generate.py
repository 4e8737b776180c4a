"""The code of a task: request and project become a template's context; its text is checked."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from celeryize.commands.task.decorator import (
    LINE_LENGTH,
    choose_decorator,
    decorator_options,
    find_retries,
    format_decorator,
    format_signature,
)
from celeryize.commands.task.django_api import (
    check_django_request,
    check_types,
    django_decorator,
    django_options,
    registered_name,
)
from celeryize.commands.task.hidden_names import refuse_shadows, taken_names
from celeryize.commands.task.kinds import Kind, find_kind, kind_names
from celeryize.commands.task.parameters import Parameter, check_address, parse_parameters
from celeryize.commands.task.place import is_circular, model_import, named_model
from celeryize.commands.task.related import Address, find_address
from celeryize.commands.task.request import Request, check_request, within_settings
from celeryize.commands.task.sending import call_lines
from celeryize.commands.task.words import sentence_case, snake_case, split_imports
from celeryize.detect.apps import App
from celeryize.detect.models import Model
from celeryize.detect.project import Project
from celeryize.detect.tasks import find_tasks
from celeryize.errors import CeleryizeError, UsageError
from celeryize.patch.source import python_literal
from celeryize.render import task_template, task_templates

# How long the lock of a task without a time limit holds.
LOCK_SECONDS = 600
# The options of a task that tries again.
RETRYING = frozenset(
    {
        "autoretry_for",
        "dont_autoretry_for",
        "max_retries",
        "default_retry_delay",
        "retry_backoff",
        "retry_backoff_max",
        "retry_jitter",
    }
)
# What makes a logger of the standard library: Python's own, and Celery's.
LOGGERS = frozenset({"getLogger", "get_task_logger"})
SIZE = re.compile(r"size|chunk|batch|limit")
RECIPIENT = re.compile(r"mail|recipient|address|^to$|_to$")
# Stands in the mail of a task without a parameter, until the user replaces it.
EXAMPLE_ADDRESS = "someone@example.org"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a test is about: the function, its module, its code and kind, the model it works on.

    `key` is the parameter that takes the model's primary key.
    """

    function: str
    path: PurePosixPath
    code: str
    imports: tuple[str, ...]
    kind: str
    model: Model | None
    key: str
    # a task of django.tasks, which cannot be called as a function
    is_django: bool = False
    # the relation of the model that has the address
    related: str = ""


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
class _Decorated:
    """The decorator of the task and its options, as Python, with the imports of both."""

    name: str
    options: dict[str, str]
    retries: bool
    # the exceptions are those of the kind, and not of the command line
    implied: bool
    imports: tuple[str, ...]
    # of the task of one chunk
    chunk_options: dict[str, str] = field(default_factory=dict)


def generate_task(
    project: Project,
    request: Request,
    app: App,
    function: str,
    path: PurePosixPath,
    templates: Path | None,
) -> Generated:
    """The task `function` for the module `path`.

    Raises UsageError, or CeleryizeError for a broken template.
    """
    if request.is_django:
        check_django_request(project, request)
    kind = find_kind(request.kind)
    model = _model_of_request(project, app, request, kind)
    parameters = parse_parameters(request.parameters, kind, model)
    # after the model and the parameters: a wrong name is the likelier mistake
    check_request(request, _known_kinds(templates))
    if request.is_django:
        check_types(parameters)
    request = within_settings(project, request)
    decorated = _decorate_task(project, path, request)
    key = next((p.name for p in parameters if p.name.endswith(("_id", "_pk", "pk", "id"))), "")
    if request.body_from is None:
        _check_model_is_used(model, kind)
    _check_key(model, kind, key)
    address = _address_of(project, model, kind)
    check_address(kind, model, parameters)
    registered = request.name or f"{project.modules.name_of(path)}.{function}"
    if request.is_django:
        registered = registered_name(project, registered)
    if request.name:
        _refuse_taken_name(project, registered, path, function)
    top_import, local_import = _model_imports(project, app, path, model, kind)
    libraries = _libraries(project, request)
    imports = [line for p in parameters for line in p.imports]
    imports += [*decorated.imports, *kind.imports_for(libraries), top_import]
    imports += _imports_of_options(request, typed=project.style.typed)
    taken = taken_names(project.modules.tree(path), function, parameters)
    context = {
        **taken.spelled,
        **_decorator_context(request, function, parameters, decorated, typed=project.style.typed),
        **_body_context(function, parameters, model, libraries),
        **_address_context(project, path, model, address),
        "lock": request.lock,
        # its name in templates that were copied before
        "idempotent": request.lock,
        "lock_seconds": request.time_limit or LOCK_SECONDS,
        "lock_name": python_literal(f"{registered}:"),
        "local_import": local_import,
        "key": key,
    }
    rendered = task_template(request.kind, templates, request.body_from, **context)
    template = str(request.body_from or f"task/{request.kind}")
    code, template_imports = _check_template(rendered, function, template)
    if request.body_from is None:
        refuse_shadows(project.modules.tree(path), function, code)
    imports = _without_unused([*imports, *template_imports], kind.imports_for(libraries), code)
    imports = taken.imports_for(code, imports, kind.imports_for(libraries))
    call = call_lines(project, app, function, parameters, model, is_django=request.is_django)
    return Generated(
        app=app,
        function=function,
        code=code,
        imports=tuple(dict.fromkeys(line for line in imports if line)),
        registered=registered,
        options=() if request.is_django else tuple(decorated.options.items()),
        path=path,
        call=(f"from {project.modules.name_of(path)} import {function}", *call),
        subject=Subject(
            function,
            path,
            code,
            tuple(imports),
            request.kind,
            model,
            key,
            is_django=request.is_django,
            related=str(context["relation"]),
        ),
        parameters=parameters,
    )


def _without_unused(imports: list[str], of_kind: tuple[str, ...], code: str) -> list[str]:
    """`imports` without those of the kind that `code` does not use. What a template imports
    itself stays."""
    unused = [line for line in of_kind if not _is_used(line, code)]
    return [line for line in imports if line not in unused]


def _is_used(line: str, code: str) -> bool:
    """Whether code may use an import of a kind: a body that catches nothing names no module of
    errors."""
    module = line.removeprefix("import ")
    return module == line or f"{module}." in code


def _imports_of_options(request: Request, *, typed: bool) -> list[str]:
    """What --lock and --bind need."""
    imports = []
    if request.lock:
        imports.append("from django.core.cache import cache")
    if request.bind and typed:
        imports.append("from typing import Any")
    return imports


def _known_kinds(templates: Path | None) -> tuple[str, ...]:
    """The built-in kinds, and those that templates of the project's own add."""
    own = (name.removeprefix("task/") for name in task_templates(templates))
    names = [name for name in own if name != "base"]
    return tuple(dict.fromkeys((*kind_names(), *names)))


def _model_of_request(project: Project, app: App, request: Request, kind: Kind) -> Model | None:
    if request.model is not None:
        return named_model(project, app, request.model)
    if kind.needs_model:
        raise UsageError(f"--kind {kind.name} needs a model", hint="Name it: --model APP.MODEL.")
    return None


def _check_model_is_used(model: Model | None, kind: Kind) -> None:
    """Raise UsageError for a model that the built-in body of the kind would not mention."""
    if model is not None and not kind.uses_model:
        raise UsageError(
            f"--model has no effect with --kind {kind.name}, which works on no model",
            hint="Leave --kind out for a task that loads an instance of the model.",
        )


def _check_key(model: Model | None, kind: Kind, key: str) -> None:
    """Raise UsageError where no parameter brings the row that the kind works on."""
    if model is not None and kind.takes_key and not key:
        raise UsageError(
            f"no parameter holds the key of {model.name}",
            hint=f"Add {snake_case(model.name)}_id:{model.key_type}.",
        )


def _refuse_taken_name(
    project: Project, registered: str, path: PurePosixPath, function: str
) -> None:
    """Raise UsageError where another task has the name that was asked for."""
    word = registered.rpartition(".")[2]
    for other in find_tasks(project.modules, project.apps, project.celery, word):
        same = (other.where.path, other.function) == (path, function)
        if other.name == registered and not same:
            raise UsageError(
                f"{other.where} registers a task as {registered} already; "
                "Celery would keep one of the two",
                hint="Choose another --name, or another name for the function.",
            )


def _decorate_task(project: Project, path: PurePosixPath, request: Request) -> _Decorated:
    if request.is_django:
        name, line = django_decorator(project, path)
        return _Decorated(name, django_options(request), False, False, (line,))
    name, line = choose_decorator(project, path, request)
    retries, imports = find_retries(project, request)
    options = decorator_options(request, retries, project.dependencies.declared)
    # the task of one chunk has a name of its own, and no self
    of_chunk = {k: v for k, v in options.items() if k not in {"bind", "name"}}
    if request.kind == "batch":
        # tried again, the first would send the chunks that it has sent already
        options = {k: v for k, v in options.items() if k not in RETRYING}
    implied = bool(retries) and not request.retry_on
    return _Decorated(name, options, bool(retries), implied, (line, *imports), of_chunk)


def _model_imports(
    project: Project, app: App, path: PurePosixPath, model: Model | None, kind: Kind
) -> tuple[str, str]:
    """The import of the model at the top of the module, or inside of the task where it would be
    circular.
    """
    if model is None or not kind.uses_model:
        return "", ""
    line = model_import(project, app, model)
    if is_circular(project, path, model):
        return "", line
    return line, ""


def _decorator_context(
    request: Request,
    function: str,
    parameters: tuple[Parameter, ...],
    decorated: _Decorated,
    *,
    typed: bool,
) -> dict[str, object]:
    """What a template needs to write the head of the task."""
    spelled = [str(p) for p in parameters]
    if request.bind:
        # the class of a task is generic for some type checkers, and unknown to others
        spelled.insert(0, "self: Any" if typed else "self")
    return {
        "decorator": format_decorator(decorated.name, decorated.options),
        "chunk_decorator": format_decorator(decorated.name, decorated.chunk_options),
        "name": function,
        "title": sentence_case(function),
        "signature": format_signature(function, spelled),
        "names": ", ".join(p.name for p in parameters),
        "bind": request.bind,
        "autoretry": decorated.retries,
        "implied": decorated.implied,
    }


def _libraries(project: Project, request: Request) -> frozenset[str]:
    """The libraries of the body: the declared ones, and those whose exceptions it retries on."""
    named = {name.partition(".")[0] for name in request.retry_on if "." in name}
    return frozenset({*project.dependencies.declared, *named})


def _body_context(
    function: str,
    parameters: tuple[Parameter, ...],
    model: Model | None,
    libraries: frozenset[str],
) -> dict[str, object]:
    """What a template needs to write the body: the parameters and the model by the roles they have
    in it.
    """
    # a parameter's role is known by its name and type
    addresses = [p.name for p in parameters if p.name == "url" or p.name.endswith("_url")]
    # a number of another name is not the length of a chunk
    sizes = [p.name for p in parameters if p.annotation == "int" and SIZE.search(p.name)]
    texts = [p.name for p in parameters if p.annotation == "str"]
    # the one that is called an address goes before another text
    texts.sort(key=lambda name: RECIPIENT.search(name) is None)
    found: dict[str, object] = {
        "model": "",
        "row": "row",
        "pk_type": "int",
        "message": python_literal("Hello"),
        "recipient": next(iter(texts), python_literal(EXAMPLE_ADDRESS)),
    }
    if model:
        row = snake_case(model.name)
        found = {
            "model": model.name,
            "row": row,
            "pk_type": model.key_type,
            "message": f'f"Hello {{{row}}}"',
            "recipient": f"{row}.{model.email_field or 'email'}",
        }
    return {
        **found,
        "size": next(iter(sizes), "500"),
        "requests": "requests" in libraries,
        "url": next(iter(addresses), '"https://example.org/"'),
        "subject": python_literal(sentence_case(function)),
    }


def _address_of(project: Project, model: Model | None, kind: Kind) -> Address | None:
    """Where the mail goes to, of a model that is mailed. Raises UsageError."""
    if model is None or not kind.needs_email_field:
        return None
    return find_address(project, model)


def _address_context(
    project: Project, path: PurePosixPath, model: Model | None, address: Address | None
) -> dict[str, object]:
    """What a template needs for an address that a row of another model has."""
    found: dict[str, object] = {"relation": "", "can_lack": False, "logger": ""}
    if model is None or address is None or address.relation is None:
        return found
    row = snake_case(model.name)
    owner = f"{row}.{address.relation.field}"
    return {
        "relation": address.relation.field,
        "can_lack": address.relation.is_null,
        "logger": _logger_of(project.modules.tree(path)),
        "recipient": f"{row}.{address.path}",
        "message": f'f"Hello {{{owner}}}"',
    }


def _logger_of(tree: ast.Module) -> str:
    """The logger that a module has, else an expression for it."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)) if (
                ast.unparse(func).rpartition(".")[2] in LOGGERS
            ):
                return name
    return "logging.getLogger(__name__)"


def unused_parameters(task: Generated) -> list[str]:
    """The parameters that the body of a task does not use."""
    tree = ast.parse(task.code)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return [parameter.name for parameter in task.parameters if parameter.name not in used]


def _check_template(rendered: str, function: str, template: str) -> tuple[str, list[str]]:
    """What a template gave: the definitions, and the imports that stand before them.

    Raises CeleryizeError where it is not valid Python, or does not define the task.
    """
    text = "\n".join(line.rstrip() for line in rendered.strip("\n").split("\n")) + "\n"
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        number = getattr(error, "lineno", None) or 1
        line = text.split("\n")[number - 1].strip()[:LINE_LENGTH]
        reason = "it cannot be parsed"
        if isinstance(error, SyntaxError):
            reason = error.msg
        raise CeleryizeError(
            f"the template {template} does not give valid Python: {reason}: {line}",
            hint="Fix the template, or remove it to use the built-in one.",
        ) from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in body):
        raise CeleryizeError(
            f"the template {template} defines no function {function}",
            hint="Write `def {{ name }}(...)` in it.",
        )
    return split_imports(text)
