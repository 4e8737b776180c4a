"""Where an existing set-up configures its broker; if nowhere, the place that fits its style.

app.config_from_object("django.conf:settings", namespace="CELERY")   CELERY_BROKER_URL, settings
app.config_from_object("django.conf:settings")                       BROKER_URL, settings
app.config_from_object("config.celeryconfig")                        broker_url, that module
app.conf.update(timezone="UTC")                                      app.conf.broker_url, app file
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from celeryize.brokers import BROKERS, find_broker
from celeryize.celery_facts import OLD_NAMES, SETTING_NAMES
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.settings import settings_files, untold
from celeryize.detect.settings_flow import is_ignored
from celeryize.detect.variables import texts_of_name
from celeryize.detect.web_settings import own_settings_files
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.imports import add_import
from celeryize.patch.source import Source, fitted, insertion, statements
from celeryize.urls import holds_password

# Celery needs no broker where it runs tasks eagerly; anything else that decides it is a broker_*
# setting.
DECIDES = re.compile(
    r"broker_(url|read_url|write_url|host|transport|backend)\b|\bbroker *=|always_eager *=", re.I
)

_NAMES_URL = re.compile(r"(?i)^(celery_)?broker(_(read_|write_)?url)?$")


class Style(StrEnum):
    """Where an existing set-up keeps Celery's configuration."""

    SETTINGS = "the Django settings"
    MODULE = "a module of its own"
    APP_FILE = "the app file"


@dataclass(frozen=True, slots=True)
class MissingBroker:
    """No broker is configured: where it would be set, and under which name."""

    style: Style
    path: PurePosixPath
    name: str


def find_missing_broker(project: Project, app: CeleryApp) -> MissingBroker | str | None:
    """Where the broker is missing.

    None where one is configured, and a sentence where the code does not show it. Raises CannotPatch
    where the settings name a broker that the app, without a namespace, does not read.
    """
    settings = project.settings
    config = config_module(project, app)
    # any file that names a broker decides, whichever environment it belongs to
    for path in _files_that_decide(project, app, config):
        found = _find_decision(project.modules.source(path), app, settings.file)
        if found is not None:
            return None
    # settings that run code may set a broker in a way that the text does not show
    where = untold(project.modules, settings) or _configured_by_code(
        project.modules.source(app.where.path), app
    )
    if where is not None:
        return f"No broker is configured as a literal; {where} may set one in code."
    if app.config_source == "django.conf:settings":
        prefix = ""
        if app.namespace:
            prefix = f"{app.namespace.rstrip('_')}_"
        # set, but ignored: a second one under the old name would confuse the reader
        if (
            not prefix
            and "CELERY_BROKER_URL" in settings.assigned
            and not settings.assigned.keys() & OLD_NAMES.keys()
        ):
            raise _without_namespace(project, app)
        return MissingBroker(Style.SETTINGS, settings.file, f"{prefix}BROKER_URL")
    if config is not None:
        source = project.modules.source(config)
        if source:
            names = _top_level_names(source.tree)
        else:
            names = set()
        prefix = ""
        if app.namespace:
            prefix = f"{app.namespace.rstrip('_')}_"
        # old names are in capitals, current ones in small letters: a module has one of the two
        upper = bool(prefix) or any(
            name in OLD_NAMES or name.startswith("CELERY") for name in names
        )
        return MissingBroker(Style.MODULE, config, f"{prefix}BROKER_URL" if upper else "broker_url")
    if app.config_source is None:
        return MissingBroker(Style.APP_FILE, app.where.path, f"{app.variable}.conf.broker_url")
    return (
        f"{app.where}: the app is configured by {app.config_source}, "
        "which was not searched for a broker. "
        "Without one, and without the variable CELERY_BROKER_URL, "
        "Celery falls back to amqp://localhost."
    )


def _files_that_decide(
    project: Project, app: CeleryApp, config: PurePosixPath | None
) -> Iterator[PurePosixPath]:
    """The files that may name the broker, `config` among them; not what git ignores: that is on one
    machine, and decides nothing for the others, unless all of the project is ignored."""
    settings = project.settings
    files = dict.fromkeys(
        (
            app.where.path,
            *settings.reachable,
            *settings_files(project.layout, project.modules),
            *own_settings_files(project.modules, app),
            *([config] if config is not None else []),
        )
    )
    is_ours = is_ignored(project.root, settings.file)
    for path in files:
        if is_ours or not is_ignored(project.root, path):
            yield path


def broker_in_use(project: Project) -> str:
    """The broker of an existing project: the one that its code names, that of Celery's extra, else
    Celery's default.

    The library redis alone says nothing: it may be there for the cache.
    """
    for url in _named_brokers(project):
        broker = find_broker(url)
        if broker is not None and not holds_password(url):
            return broker.name if url == broker.url else url
    declared = project.dependencies.declared.get("celery", "")
    for broker in BROKERS:
        if broker.extra and re.search(rf"\[[^\]]*\b{broker.extra}\b", declared):
            return broker.name
    return "rabbitmq"


def _named_brokers(project: Project) -> Iterator[str]:
    """The URLs that the configuration of the first app gives to a broker, under whatever name: in
    small letters, too, which Django does not read, but a person has meant."""
    app = project.celery[0]
    files = dict.fromkeys((app.where.path, *project.settings.reachable))
    config = config_module(project, app)
    if config is not None:
        files[config] = None
    for path in files:
        for node in ast.walk(project.modules.tree(path)):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value)
                    | ast.keyword(arg=str(name), value=value)
                ) if _NAMES_URL.search(name):
                    pass
                case _:
                    continue
            texts = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]
            yield from (text for text in texts if isinstance(text, str) and "://" in text)


def lower_case_settings(project: Project) -> dict[str, Where]:
    """The settings of Celery that are in small letters, as Django reads none."""
    found = {}
    for path in project.settings.reachable:
        for node in project.modules.tree(path).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if name.startswith("celery_"):
                    if name.removeprefix("celery_") in SETTING_NAMES:
                        found[name] = Where(path, node.lineno)
    return found


def add_after_configuration(
    source: Source, app: CeleryApp, line: str, imports: list[str]
) -> Source:
    """The app file with one line more below the last one that builds or configures the app.

    Raises CannotPatch, with the line, where the app is not built at the top level.
    """
    lines = [app.where.line, *(where.line for _, where in app.conf_writes)]
    # the statements that build or configure the app; conf_writes may be inside of a function
    own = [
        n
        for n in source.tree.body
        if any(n.lineno <= (at or 0) <= (n.end_lineno or 0) for at in lines)
    ]
    if not all(isinstance(n, ast.Assign | ast.AnnAssign | ast.Expr) for n in own):
        built = next(
            n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and _builds_app(n, app)
        )
        last = built.end_lineno or built.lineno
        there = source.text[source.line_starts[last - 1] :].splitlines()[0]
        margin = " " * built.col_offset
        # only what the module does not import already
        imports = [needed for needed in imports if add_import(source, needed)]
        raise CannotPatch(
            f"{app.where}: no broker is configured, "
            "and the app is not built at the top level of its module",
            hint="Set it right below where the app is built.",
            snippet="\n".join([there, *(f"{margin}{text}" for text in [*imports, line])]),
            where=Where(source.path, last),
            in_place=True,
        )
    offset = source.after_line(own[-1])
    if source.text[:offset].endswith("\n"):
        lead = ""
    else:
        lead = source.newline
    text = fitted(source, offset, f"{line}\n")
    splices = [s for needed in imports for s in add_import(source, needed)]
    return source.splice(*splices, insertion(offset, lead + text, statements(line)))


def _find_decision(source: Source | None, app: CeleryApp, settings: PurePosixPath) -> Where | None:
    """The first line of code that names a broker.

    An app without a namespace ignores CELERY_BROKER_URL.
    """
    for number, line in enumerate(source.text.splitlines() if source else (), start=1):
        code = line.split("#")[0]
        if not app.namespace and app.config_source == "django.conf:settings":
            code = re.sub(r"\bCELERY_BROKER_\w+", "", code)
        if DECIDES.search(code):
            return Where(source.path if source else settings, number)
    return None


def _builds_app(node: ast.stmt, app: CeleryApp) -> bool:
    return (
        isinstance(node, ast.Assign | ast.AnnAssign)
        and node.value is not None
        and node.value.lineno == app.where.line
    )


def _configured_by_code(source: Source | None, app: CeleryApp) -> Where | None:
    """What configures the app in a way that cannot be read off: a variable, a loader, a call's
    result.
    """
    if {"config_source", "changes", "loader"} & set(app.constructor):
        return app.where
    for node in ast.walk(source.tree) if source else ():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="config_from_envvar")):
                known = name != app.variable
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id=name), attr="conf"), attr="update"
                )
            ):
                known = name != app.variable or not (
                    any(k.arg is None for k in node.keywords)
                    or any(not isinstance(a, ast.Dict) for a in node.args)
                )
            case ast.Call(keywords=keywords) if node.lineno == app.where.line:
                known = all(k.arg for k in keywords)
            case _:
                continue
        if source is not None and not known:
            return source.where(node)
    return None


def _top_level_names(tree: ast.Module) -> set[str]:
    targets = [t for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def config_module(project: Project, app: CeleryApp) -> PurePosixPath | None:
    """The file of `config_from_object("config.celeryconfig")`, also where the module itself is
    handed over.
    """
    spelled = app.config_source
    if spelled is None or spelled == "django.conf:settings":
        return None
    found = project.modules.find(spelled)
    source = project.modules.source(app.where.path)
    for node in ast.walk(source.tree) if source and found is None else ():
        if isinstance(node, ast.ImportFrom):
            module = project.modules.absolute(node, app.where.path)
            for alias in node.names:
                if (alias.asname or alias.name) == spelled:
                    found = project.modules.find(f"{module}.{alias.name}")
    return found


def _without_namespace(project: Project, app: CeleryApp) -> CannotPatch:
    where = project.settings.assigned["CELERY_BROKER_URL"]
    call, line = line_with_namespace(project.modules.source(app.where.path), app)
    return CannotPatch(
        f'{call}: the app has no namespace="CELERY", so CELERY_BROKER_URL ({where}) has no effect',
        hint="Give it the namespace: this line, in place of that one.",
        snippet=line,
        where=call,
        in_place=True,
    )


def line_with_namespace(source: Source | None, app: CeleryApp) -> tuple[Where, str]:
    """The place of `config_from_object(...)` and its line with the namespace.

    No line where it has several.
    """
    for node in ast.walk(source.tree) if source else ():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="config_from_object")):
                if name != app.variable or source is None:
                    continue
                if node.lineno != node.end_lineno or app.namespace is not None:
                    return source.where(node), ""
                start = source.line_starts[node.lineno - 1]
                end = source.end(node) - 1 - start
                line = source.text[start:].splitlines()[0]
                joint = ", "
                if line[:end].rstrip().endswith(","):
                    joint = " "
                return source.where(node), f'{line[:end]}{joint}namespace="CELERY"{line[end:]}\n'
    return app.where, ""


def url_in_settings(project: Project, app: CeleryApp, key: str) -> str:
    """The URL that a setting of Celery has, or defaults to, in the Django settings: enough of it to
    know the library; otherwise empty."""
    if not app.reads_django_settings:
        return ""
    name = key.upper()
    if app.namespace:
        name = f"{app.namespace}_{name}"
    where = project.settings.assigned.get(name)
    source = project.modules.source(where.path) if where else None
    if source is None:
        return ""
    texts = texts_of_name(source, name)
    return next((text for text in texts if ":" in text), "")


def literal_argument(project: Project, app: CeleryApp, keyword: str) -> str:
    """The URL that `Celery(broker="...", backend="...")` is given as a literal; otherwise empty."""
    source = project.modules.source(app.where.path)
    for node in ast.walk(source.tree) if source else ():
        if isinstance(node, ast.Call) and node.lineno == app.where.line:
            for given in node.keywords:
                if given.arg == keyword and isinstance(given.value, ast.Constant):
                    return str(given.value.value or "")
    return ""
