"""The Celery app that a project has already: found by what it is, whatever its file is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.layout import Layout
from celeryize.detect.modules import Modules
from celeryize.detect.package import Package
from celeryize.detect.settings import Settings
from celeryize.model import Where
from celeryize.patch.source import Source

DEPTH = 6


@dataclass(frozen=True, slots=True)
class CeleryApp:
    """An instance of Celery built in the project, and how it is configured."""

    module: str
    variable: str
    where: Where
    name: str | None
    config_source: str | None
    namespace: str | None
    autodiscovers: bool
    related_name: str | None
    conf_writes: tuple[tuple[str, Where], ...]
    constructor: tuple[str, ...]
    imported: Where | None

    @property
    def reads_django_settings(self) -> bool:
        """Whether a CELERY_* line in the Django settings has any effect on it."""
        return (
            self.config_source == "django.conf:settings"
            and (self.namespace or "").rstrip("_") == "CELERY"
        )

    def spec(self, package: str) -> str:
        """What `celery -A` is given: the package where Celery finds the app by itself, else the
        module."""
        if self.module == f"{package}.celery" or (
            self.imported and self.variable in {"app", "celery"}
        ):
            return package
        if self.variable in {"app", "celery"}:
            return self.module
        return f"{self.module}:{self.variable}"


def find_celery(
    layout: Layout,
    modules: Modules,
    settings: Settings,
    package: Package | None,
    *,
    everywhere: bool,
) -> tuple[CeleryApp, ...]:
    """Every Celery app built where the settings, manage.py or the package `__init__` lead to;
    usually 0 or 1.

    `everywhere` (Celery is declared, or configured) searches the whole tree below manage.py if that
    finds none.
    """
    # the likely places first: walking the whole tree is slow in big projects
    found: dict[Where, CeleryApp] = {}
    for path in _likely_places(layout, modules, settings, package):
        # by its bytes, because parsing is what takes time: every spelling has these letters
        if not modules.mentions(path, b"elery"):
            continue
        source = modules.source(path)
        # `Celery(...)`, `class ClinicCelery(Celery)`: most files that say Celery build no app, and
        # a walk is dear
        if source is None or not ("Celery(" in source.text or "(Celery" in source.text):
            continue
        for app in _apps_in(modules, source, settings, package):
            found.setdefault(app.where, app)
    if not found and everywhere:
        for path in _whole_tree(layout, modules):
            source = modules.source(path)
            for app in _apps_in(modules, source, settings, package) if source else ():
                found.setdefault(app.where, app)
    return tuple(found.values())


def _whole_tree(layout: Layout, modules: Modules) -> Iterator[PurePosixPath]:
    """The files below manage.py that build a Celery app, recognised by their bytes; tests and
    examples are left out."""
    for base in layout.paths:
        for path in modules.python_files(base, DEPTH):
            if not {"tests", "test", "docs", "examples"} & set(path.parts):
                try:
                    text = (modules.root / path).read_bytes()
                except OSError:
                    continue
                if b"Celery(" in text and b"import" in text:
                    yield path


def _likely_places(
    layout: Layout, modules: Modules, settings: Settings, package: Package | None
) -> Iterator[PurePosixPath]:
    seen: set[PurePosixPath] = set()
    folders = [(settings.file.parent, 0)]
    if package is not None:
        folders.insert(0, (package.folder, 2))
        init = modules.source(package.init)
        for path in _imported_files(modules, init) if init else ():
            folders.append((path.parent, 0))
    folders += [(base, 0) for base in layout.paths]
    # each file once, in the order of likelihood
    for folder, depth in folders:
        for path in modules.python_files(folder, depth):
            if path not in seen:
                seen.add(path)
                yield path
    for base in layout.paths:
        for entry in sorted((modules.root / base).glob("*/celery*.py")):
            path = PurePosixPath(entry.relative_to(modules.root).as_posix())
            if path not in seen:
                seen.add(path)
                yield path


def _imported_files(modules: Modules, source: Source) -> Iterator[PurePosixPath]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            module = modules.absolute(node, source.path)
            for name in (module, *(f"{module}.{alias.name}" for alias in node.names)):
                path = None
                if name:
                    path = modules.find(name)
                if path is not None:
                    yield path


def _apps_in(
    modules: Modules, source: Source, settings: Settings, package: Package | None
) -> Iterator[CeleryApp]:
    classes = celery_classes(source.tree)
    if not classes:
        return
    for node in ast.walk(source.tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=variable)], value=ast.Call(func=func) as call)
                | ast.AnnAssign(target=ast.Name(id=variable), value=ast.Call(func=func) as call)
            ) if ast.unparse(func) in classes:
                yield _describe_app(modules, source, settings, package, variable, call)


def celery_classes(tree: ast.Module) -> set[str]:
    """The spellings under which a module knows the class Celery, its own subclasses included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(
                module="celery" | "celery.app" | "celery.app.base", names=aliases, level=0
            ):
                names |= {a.asname or a.name for a in aliases if a.name == "Celery"}
            # a Celery class of the project's own, imported from another module
            case ast.ImportFrom(names=aliases):
                names |= {
                    a.asname or a.name
                    for a in aliases
                    if a.name.endswith("CeleryApp") or a.name == "Celery"
                }
            case ast.Import(names=aliases):
                names |= {f"{a.asname or a.name}.Celery" for a in aliases if a.name == "celery"}
    # only now, because a subclass may be defined above the import of its base
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base) in names for base in node.bases
        ):
            names.add(node.name)
    return names


def _describe_app(
    modules: Modules,
    source: Source,
    settings: Settings,
    package: Package | None,
    variable: str,
    call: ast.Call,
) -> CeleryApp:
    config: ast.Call | None = None
    discover: ast.Call | None = None
    writes: list[tuple[str, Where]] = []
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)) if (
                name == variable
            ):
                if attr == "config_from_object":
                    config = node
                elif attr == "autodiscover_tasks":
                    discover = discover or node
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Attribute(value=ast.Name(id=name), attr="conf"))]
            ):
                if name == variable:
                    writes.append((ast.unparse(node.targets[0]).split(".")[-1], source.where(node)))
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id=name), attr="conf"), attr="update"
                )
            ):
                if name == variable:
                    writes.append(("update", source.where(node)))
    # a file outside of every root is imported by its own name
    module = modules.name_of(source.path) or source.path.stem
    return CeleryApp(
        module=module,
        variable=variable,
        where=source.where(call),
        name=_text_value(call.args[0]) if call.args else _text_value(_keyword_value(call, "main")),
        config_source=_config_source(config),
        namespace=_text_value(
            _keyword_value(config, "namespace")
            or (config.args[3] if config and len(config.args) > 3 else None)
        ),
        autodiscovers=discover is not None,
        related_name=_text_value(_keyword_value(discover, "related_name")),
        conf_writes=tuple(writes),
        constructor=tuple(k.arg for k in call.keywords if k.arg),
        imported=_imported_at_start(modules, settings, package, module, variable),
    )


def _config_source(call: ast.Call | None) -> str | None:
    """`django.conf:settings`, also where the settings object itself is handed over; else as
    spelled."""
    if call is None or not call.args:
        return None
    spelled = _text_value(call.args[0]) or ast.unparse(call.args[0])
    if spelled == "settings":
        return "django.conf:settings"
    return spelled


def _keyword_value(call: ast.Call | None, name: str) -> ast.expr | None:
    if call:
        return next((k.value for k in call.keywords if k.arg == name), None)
    return None


def _text_value(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def _imported_at_start(
    modules: Modules, settings: Settings, package: Package | None, module: str, variable: str
) -> Where | None:
    """Where a web process comes to import the app: the project package, or an installed app that
    leads to it."""
    # an app whose AppConfig builds the Celery app
    for entry in settings.installed_apps:
        if entry == module or entry.startswith(f"{module}."):
            return settings.installed_apps_where
    packages = []
    if package:
        packages = [package.name]
    parents = module.split(".")[:-1]
    packages += [
        name
        for name in (".".join(parents[:length]) for length in range(len(parents), 0, -1))
        if any(entry == name or entry.startswith(f"{name}.") for entry in settings.installed_apps)
    ]
    for name in dict.fromkeys(packages):
        found = _imported_by(modules, name, module, variable)
        if found:
            return found
    return None


def _imported_by(modules: Modules, package: str, module: str, variable: str) -> Where | None:
    """Where a package's `__init__.py` imports the app, or the module that builds it."""
    path = modules.find(package)
    source = None
    if path and path.name == "__init__.py":
        source = modules.source(path)
    if source is None:
        return None
    if modules.name_of(source.path) == module:
        return Where(source.path, 1)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            base = modules.absolute(node, source.path)
            names = {alias.name for alias in node.names}
            if (base == module and names & {variable, "*"}) or module in {
                f"{base}.{n}" for n in names
            }:
                return source.where(node)
        elif isinstance(node, ast.Import) and module in {alias.name for alias in node.names}:
            return source.where(node)
    return None
