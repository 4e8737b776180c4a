"""The CELERY_* block as text: what a profile sets for a broker, in the project's style."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from celeryize.brokers import (
    Option,
    find_broker,
    find_result_backend,
    url_of_broker,
    url_of_result_backend,
)
from celeryize.commands.init.answers import DATA_FOLDER, Answers
from celeryize.commands.init.celery_fit import celery_for_settings
from celeryize.detect.project import Project
from celeryize.detect.settings import Reader, ReaderKind
from celeryize.model import Where
from celeryize.patch.source import python_literal
from celeryize.render import snippet
from celeryize.urls import holds_password

# Names of packages that say nothing about the project: two projects on one broker would share them.
GENERIC = frozenset(
    {
        "app",
        "apps",
        "backend",
        "conf",
        "config",
        "core",
        "django",
        "mysite",
        "project",
        "server",
        "site",
    }
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A value as Python, and the imports it needs.

    `secret` is a URL with a password: the environment has to hold it, for the code does not.
    """

    code: str
    imports: tuple[str, ...] = ()
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The settings as text, the imports they need, and the settings that hold a password, with
    their values. Their variables are named as they are, behind `prefix`.
    """

    text: str
    imports: tuple[str, ...]
    secrets: tuple[tuple[str, str], ...]
    prefix: str = ""


def render_block(
    project: Project, answers: Answers, celery: tuple[int, int] | None = None
) -> Block:
    """The settings block of these answers; `celery` is the version that it is written for, by
    default the one of the project.
    """
    settings = project.settings
    broker = find_broker(answers.broker)
    by_name = broker is not None and answers.broker == broker.name
    # Messages in a folder are for development: there is no other environment to read the URL from.
    in_folder = broker is not None and broker.in_folder and by_name
    reader = settings.reader
    if answers.profile == "minimal" or in_folder:
        reader = Reader(ReaderKind.LITERAL)
    else:
        reader = reader_of_environment(reader)
    folder = _data_folder(project)
    broker_url = url_of_broker(answers.broker)
    default = ""
    if by_name:
        default = default_of_url(project, reader, broker_url)
    url = url_expression(reader, "CELERY_BROKER_URL", broker_url, default)
    backend = _result_backend(project, reader, answers, folder)
    # a URL of a folder names the folder itself, so the options of ours do not fit it
    options: tuple[Option, ...] = ()
    if broker is not None and (by_name or not broker.in_folder):
        options = broker.options_of(answers.profile)
    imports = [*reader_imports(reader)]
    if in_folder:
        imports += folder.imports
    imports += [*backend.imports, *url.imports]
    if celery is None:
        celery = celery_for_settings(project, answers.broker, answers.result_backend)
    key_prefix = python_literal(f"{_own_name(project)}:")
    context = {
        "in_folder": in_folder,
        "typed": project.style.typed,
        "broker_url": url.code,
        "result_backend_url": backend.code,
        "data_path": str(project.base / DATA_FOLDER),
        "beat": answers.beat and "CELERY_BEAT_SCHEDULE" not in settings.assigned,
        "time_zone": _time_zone(project),
        "celery": celery,
        "queue": python_literal(_own_name(project)),
        "key_prefix": key_prefix,
        "has_logging": "LOGGING" in settings.visible,
        "options": [
            {
                "name": option.name,
                "comment": option.comment,
                "value": _option_value(option, reader, key_prefix, folder.code),
            }
            for option in options
        ],
        "options_beside_url": broker is not None and broker.needs_options,
        "quorum_queues": broker is not None and broker.quorum_queues,
        "remote_control": broker is None or broker.has_remote_control,
        "backend_is_redis": _is_redis_backend(answers.result_backend),
    }
    secrets = {"CELERY_BROKER_URL": url.secret, "CELERY_RESULT_BACKEND": backend.secret}
    return Block(
        text=snippet(f"settings/{answers.profile}.py.jinja", **context),
        imports=tuple(dict.fromkeys(imports)),
        secrets=tuple((name, secret) for name, secret in secrets.items() if secret),
        prefix=reader.prefix,
    )


def assigned_names(block: str) -> tuple[str, ...]:
    """The names that a settings block assigns at its top level."""
    body = ast.parse(block).body
    targets = [t for n in body if isinstance(n, ast.Assign) for t in n.targets]
    targets += [n.target for n in body if isinstance(n, ast.AnnAssign)]
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


def reader_of_environment(reader: Reader) -> Reader:
    """The project's way to read the environment; os.environ where it has none."""
    if reader.kind is ReaderKind.LITERAL:
        return replace(reader, kind=ReaderKind.OS, call="os.environ.get")
    return reader


def reader_imports(reader: Reader) -> tuple[str, ...]:
    """The imports that reading the environment needs.

    A library's reader is in the settings already, unless they borrow it from another file.
    """
    if reader.kind is ReaderKind.OS and reader.call.startswith("os."):
        return ("import os",)
    return reader.imports


def url_expression(reader: Reader, name: str, url: str, default: str = "") -> Expression:
    """The expression for a URL: read from the environment, or a literal.

    `default` is Python for what is taken without the variable; empty: the URL itself. A password is
    never a literal.
    """
    variable = python_literal(reader.prefix + name)
    if not holds_password(url):
        return Expression(reader.read(variable, default or python_literal(url)))
    # without a default, so that a missing variable is an error and not another broker
    if reader.kind in {ReaderKind.LITERAL, ReaderKind.OS, ReaderKind.HELPER}:
        return Expression(f"os.environ[{variable}]", ("import os",), url)
    return Expression(f"{reader.call}({variable})", (), url)


def default_of_url(project: Project, reader: Reader, url: str) -> str:
    """What a URL of Redis defaults to: the project's own REDIS_URL, or host and port, where it has
    them.

    Empty for another URL, and where there is none.
    """
    if url != url_of_broker("redis"):
        return ""
    literal = python_literal(url)
    # what an environment sets later, above this file, would not be in the URL
    if "REDIS_URL" in project.settings.visible - project.settings.overridden:
        if _has_value(project, "REDIS_URL"):
            return "REDIS_URL"
        return f"REDIS_URL or {literal}"
    if reader.knows_redis and reader.kind is not ReaderKind.LITERAL:
        return reader.read(python_literal("REDIS_URL"), literal)
    return _url_of_parts(project)


def _url_of_parts(project: Project) -> str:
    """The URL of the project's own REDIS_HOST and REDIS_PORT; empty where there is no host, or a
    password that belongs into it."""
    settings = project.settings
    own = {name for name in settings.assigned if name.startswith("REDIS")}
    # a password or TLS belongs into the URL, too, and what an environment sets above this file
    # would not be in it
    if own & settings.overridden or any(re.search("PASS|SSL|TLS", name) for name in own):
        return ""

    def known(name: str) -> bool:
        return name in settings.visible and _has_value(project, name)

    if not known("REDIS_HOST"):
        return ""
    port = "6379"
    if known("REDIS_PORT"):
        port = "{REDIS_PORT}"
    return f'f"redis://{{REDIS_HOST}}:{port}/0"'


def _has_value(project: Project, name: str) -> bool:
    """Whether a setting has a text in every environment: a literal, or a default that is one."""
    where = project.settings.assigned.get(name)
    for node in project.modules.tree(where.path).body if where else ():
        if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name):
            continue
        match node.value:
            case (
                ast.Constant(value=value)
                | ast.Call(
                    keywords=[*_, ast.keyword(arg="default", value=ast.Constant(value=value))]
                )
                | ast.Call(args=[_, ast.Constant(value=value)])
            ):
                return bool(value)
            # without a default the variable has to be there
            case ast.Subscript():
                return True
            case ast.Call(args=[_], keywords=[], func=func):
                return "get" not in ast.unparse(func)
            case ast.JoinedStr():
                return True
    return False


def _result_backend(
    project: Project, reader: Reader, answers: Answers, folder: Expression
) -> Expression:
    """The expression for the result backend; no code where there is none."""
    if answers.result_backend == "file":
        return Expression(f'"file://" + str({folder.code} / "results")', folder.imports)
    value = url_of_result_backend(answers.result_backend, url_of_broker(answers.broker))
    if not value:
        return Expression("")
    default = ""
    if answers.result_backend == "redis" and answers.broker in {"redis", "rabbitmq"}:
        default = default_of_url(project, reader, value)
    return url_expression(reader, "CELERY_RESULT_BACKEND", value, default)


def _option_value(option: Option, reader: Reader, key_prefix: str, data_folder: str) -> str:
    value = option.value.format(key_prefix=key_prefix, data_folder=data_folder)
    if option.variable:
        return reader.read(python_literal(option.variable), value)
    return value


def _is_redis_backend(result_backend: str) -> bool:
    backend = find_result_backend(result_backend)
    return backend is not None and backend.name == "redis"


def _own_name(project: Project) -> str:
    """A name that another project on the same broker hardly has.

    Half of all packages are called config.
    """
    name = project.package.name.split(".")[0]
    if name not in GENERIC:
        return name
    folder = project.root.name.lower()
    return re.sub(r"\W+", "-", folder, flags=re.ASCII).strip("-") or name


def _time_zone(project: Project) -> str:
    """The expression for CELERY_TIMEZONE.

    Empty where Celery follows TIME_ZONE, as each environment sets it.
    """
    settings = project.settings
    if settings.split or "TIME_ZONE" in settings.overridden:
        return ""
    # for certain: a name that a star import may bring ends in a NameError where it does not
    if "TIME_ZONE" in settings.visible:
        return "TIME_ZONE"
    return ""


def _data_folder(project: Project) -> Expression:
    """The expression for the folder of messages, always below the folder of manage.py."""
    settings = project.settings
    where = settings.assigned.get("BASE_DIR")
    if where and "BASE_DIR" in settings.visible and _is_base_dir(project, where):
        return Expression(f'BASE_DIR / "{DATA_FOLDER}"')
    # from the settings file up to the folder of manage.py
    levels = len(settings.file.relative_to(project.base).parts) - 1
    return Expression(
        f'Path(__file__).resolve().parents[{levels}] / "{DATA_FOLDER}"',
        ("from pathlib import Path",),
    )


def _is_base_dir(project: Project, where: Where) -> bool:
    """Whether `BASE_DIR = Path(__file__).resolve().parent.parent` is the folder of manage.py."""
    source = project.modules.source(where.path)
    if source is None:
        return False
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BASE_DIR":
            match = re.fullmatch(
                r"(?:pathlib\.)?Path\(__file__\)\.(?:resolve|absolute)\(\)((?:\.parent)+)",
                ast.unparse(node.value),
            )
            if match:
                folder = where.path
                for _ in range(match[1].count(".parent")):
                    folder = folder.parent
                return folder == project.base
    return False
