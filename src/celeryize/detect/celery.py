"""The Celery app that a project has already: found by what it is, whatever its file is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.layout import Layout
from celeryize.detect.modules import Modules
from celeryize.detect.package import Package
from celeryize.detect.settings import Settings
from celeryize.model import Where
from celeryize.patch.nodes import walk
from celeryize.patch.source import Source
from celeryize.reading import read_file

DEPTH = 6
# Where the app is, when it is neither beside the settings nor in the project package.
USUAL = ("*/celery*.py", "*/celery/*.py", "*/*/celery.py")
# By its bytes, because parsing is what takes time: every spelling has these letters.
WORD = b"elery"
# Celery(...), class Own(Celery), Celery as C, C = celery.Celery, app = make_app()
BUILDS_APP = re.compile(
    r"Celery\s*\(|\(\s*(?:\w+\.)*Celery\b|Celery\s+as\s|=\s*(?:\w+\.)*Celery\b|CeleryApp"
    r"|(?m:^\w*(?:app|celery)\w*\s*(?::[^=\n]+)?=\s*(?:\w+\.)*\w*(?:app|celery)\w*\()",
    re.IGNORECASE,
)


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
    # the package whose `__init__.py` binds the app, so that `celery -A` finds it there
    holder: str | None = None

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
        del package
        parent, _, name = self.module.rpartition(".")
        if parent and name == "celery":
            return parent
        if self.variable in {"app", "celery"}:
            return self.holder or self.module
        return f"{self.module}:{self.variable}"

    def is_started_by(self, spec: str, modules: Modules) -> bool:
        """Whether `celery -A spec` finds this app, by the rules of Celery's own find_app."""
        name, _, variable = spec.partition(":")
        if variable:
            return (name, variable) == (self.module, self.variable) or name == self.holder
        places = {self.module, f"{self.module}.{self.variable}", self.holder}
        if name in places or f"{name}.celery" == self.module:
            return True
        # a package, or a module, that has the app by an import
        return any(
            _binding_of(modules, place, self.module, self.variable)
            for place in (name, f"{name}.celery")
        )


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
        for app in _apps_at(modules, path, settings, package):
            found.setdefault(app.where, app)
    if not found and everywhere:
        for path in _whole_tree(layout, modules):
            for app in _apps_at(modules, path, settings, package):
                found.setdefault(app.where, app)
    return tuple(found.values())


def builds_app(text: str) -> bool:
    """Whether a module may build a Celery app, by its text.

    The pattern is asked of the lines that have one of its two words, each with the line above it
    (`class Own(` and `Celery,`): over a whole file it is slower than a parser.
    """
    before = ""
    for line in text.split("\n"):
        lowered = line.lower()
        if ("celery" in lowered or "app" in lowered) and BUILDS_APP.search(f"{before}\n{line}"):
            return True
        before = line
    return False


def _whole_tree(layout: Layout, modules: Modules) -> Iterator[PurePosixPath]:
    """The files below manage.py that say Celery; tests and examples are left out."""
    for base in layout.paths:
        for path in modules.files_with(base, DEPTH, WORD):
            if not {"tests", "test", "docs", "examples"} & set(path.parts):
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
        for path in modules.files_with(folder, depth, WORD):
            if path not in seen:
                seen.add(path)
                yield path
    for base in layout.paths:
        place = modules.root / base
        for entry in sorted(file for pattern in USUAL for file in place.glob(pattern)):
            path = PurePosixPath(entry.relative_to(modules.root).as_posix())
            if path not in seen and modules.mentions(path, WORD):
                seen.add(path)
                yield path


def _imported_files(modules: Modules, source: Source) -> Iterator[PurePosixPath]:
    for node in walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            module = modules.absolute(node, source.path)
            for name in (module, *(f"{module}.{alias.name}" for alias in node.names)):
                path = None
                if name:
                    path = modules.find(name)
                if path is not None:
                    yield path


def _apps_at(
    modules: Modules, path: PurePosixPath, settings: Settings, package: Package | None
) -> Iterator[CeleryApp]:
    """The apps that a file builds. Most files that say Celery build none, and are not parsed."""
    if builds_app(modules.raw(path).decode("utf-8", "replace")):
        source = modules.source(path)
        if source is not None:
            yield from _apps_in(modules, source, settings, package)


def _apps_in(
    modules: Modules, source: Source, settings: Settings, package: Package | None
) -> Iterator[CeleryApp]:
    """The apps that a module builds for itself: what a function keeps to itself is none."""
    classes = celery_classes(source.tree)
    factories = dict(_factories(source.tree, classes))
    factories |= _imported_factories(modules, source)
    if not (classes or factories):
        return
    for node in _module_statements(source.tree.body):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=variable), *_], value=ast.Call(func=func) as call)
                | ast.AnnAssign(target=ast.Name(id=variable), value=ast.Call(func=func) as call)
            ):
                spelled = ast.unparse(func)
                if spelled in classes:
                    yield _describe_app(modules, source, settings, package, variable, call)
                elif spelled in factories:
                    yield _describe_built_app(
                        modules, source, settings, package, variable, factories[spelled]
                    )


def _module_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported; functions and classes are left out."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from _module_statements(getattr(node, part, ()))
        for handler in getattr(node, "handlers", ()):
            yield from _module_statements(handler.body)


def module_names(tree: ast.Module) -> set[str]:
    """The names that a module binds when it is imported."""
    found: set[str] = set()
    for node in _module_statements(tree.body):
        found |= _assigned_names(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


@dataclass(frozen=True, slots=True)
class _Factory:
    """A function that returns a new app: the local variable and the call that builds it."""

    function: ast.FunctionDef
    variable: str
    call: ast.Call


def _factories(tree: ast.Module, classes: set[str]) -> Iterator[tuple[str, _Factory]]:
    """The functions of a module that build an app and return it."""
    for node in _every_function(tree) if classes else ():
        built: dict[str, ast.Call] = {}
        for inner in walk(node):
            match inner:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func) as call) if (
                    ast.unparse(func) in classes
                ):
                    built[name] = call
                case ast.Return(value=ast.Name(id=name)) if name in built:
                    yield node.name, _Factory(node, name, built[name])
                case ast.Return(value=ast.Call(func=func) as call) if ast.unparse(func) in classes:
                    yield node.name, _Factory(node, "", call)


def _every_function(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _imported_factories(modules: Modules, source: Source) -> dict[str, _Factory]:
    """The factories of other modules of the project that a module imports by name."""
    found: dict[str, _Factory] = {}
    called = {
        ast.unparse(node.value.func)
        for node in _module_statements(source.tree.body)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    }
    for node in _module_statements(source.tree.body):
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            if (alias.asname or alias.name) not in called:
                continue
            path = modules.find(modules.absolute(node, source.path))
            origin = modules.source(path) if path else None
            if origin is None or not builds_app(origin.text):
                continue
            there = dict(_factories(origin.tree, celery_classes(origin.tree)))
            if alias.name in there:
                found[alias.asname or alias.name] = there[alias.name]
    return found


def _describe_built_app(
    modules: Modules,
    source: Source,
    settings: Settings,
    package: Package | None,
    variable: str,
    factory: _Factory,
) -> CeleryApp:
    """An app that a function has built: it is configured in the function, or after the call."""
    inside = _configuration_of(factory.function, factory.variable, source)
    after = _configuration_of(source.tree, variable, source)
    return _make_app(modules, source, settings, package, variable, factory.call, (inside, after))


def celery_classes(tree: ast.Module) -> set[str]:
    """The spellings under which a module knows the class Celery, its own subclasses included."""
    names: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.ImportFrom(
                module="celery" | "celery.app" | "celery.app.base", names=aliases, level=0
            ):
                names |= {a.asname or a.name for a in aliases if a.name == "Celery"}
            # a Celery class of the project's own, imported from another module
            case ast.ImportFrom(names=aliases):
                names |= {
                    a.asname or a.name for a in aliases if a.name.endswith(("CeleryApp", "Celery"))
                }
            case ast.Import(names=aliases):
                names |= {
                    f"{a.asname or a.name}.Celery"
                    for a in aliases
                    if a.name in {"celery", "celery.app", "celery.app.base"}
                }
    # only now, because a subclass may be defined above the import of its base
    for node in walk(tree):
        match node:
            case ast.ClassDef(name=name, bases=bases):
                if any(ast.unparse(base) in names for base in bases):
                    names.add(name)
            # Celery = celery.Celery
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value
            ):
                if ast.unparse(value) in names:
                    names.add(name)
    return names


@dataclass(frozen=True, slots=True)
class _Configuration:
    """The calls that configure an app, and what is written into its conf."""

    config: ast.Call | None
    discover: ast.Call | None
    writes: tuple[tuple[str, Where], ...]


def _describe_app(
    modules: Modules,
    source: Source,
    settings: Settings,
    package: Package | None,
    variable: str,
    call: ast.Call,
) -> CeleryApp:
    found = _configuration_of(source.tree, variable, source)
    return _make_app(modules, source, settings, package, variable, call, (found,))


def _configuration_of(tree: ast.AST, variable: str, source: Source) -> _Configuration:
    """How the app of a variable is configured below a node."""
    config: ast.Call | None = None
    discover: ast.Call | None = None
    writes: list[tuple[str, Where]] = []
    for node in walk(tree):
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
    return _Configuration(config, discover, tuple(writes))


def _make_app(
    modules: Modules,
    source: Source,
    settings: Settings,
    package: Package | None,
    variable: str,
    call: ast.Call,
    found: tuple[_Configuration, ...],
) -> CeleryApp:
    config = next((one.config for one in found if one.config), None)
    discover = next((one.discover for one in found if one.discover), None)
    # a file outside of every root is imported by its own name
    module = modules.name_of(source.path) or source.path.stem
    place = source.where(call)
    if call not in walk(source.tree):
        # a factory of another module: the app is where it is bound
        place = next(
            source.where(node)
            for node in _module_statements(source.tree.body)
            if variable in _assigned_names(node)
        )
    imported, holder = _imported_at_start(modules, settings, package, module, variable)
    return CeleryApp(
        module=module,
        variable=variable,
        where=place,
        name=_text_value(call.args[0]) if call.args else _text_value(_keyword_value(call, "main")),
        config_source=_config_source(config),
        namespace=_text_value(
            _keyword_value(config, "namespace")
            or (config.args[3] if config and len(config.args) > 3 else None)
        ),
        autodiscovers=discover is not None,
        related_name=_text_value(_keyword_value(discover, "related_name")),
        conf_writes=tuple(write for one in found for write in one.writes),
        constructor=tuple(k.arg for k in call.keywords if k.arg),
        imported=imported,
        holder=holder,
    )


def _assigned_names(node: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


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
) -> tuple[Where | None, str | None]:
    """Where a web process comes to import the app, and the package that then holds it.

    That is the project package, or an installed app that leads to it: its package, its AppConfig,
    its models.
    """
    parents = module.split(".")[:-1]
    above = [".".join(parents[:length]) for length in range(len(parents), 0, -1)]
    packages = [package.name] if package else []
    packages += [
        name
        for name in above
        if any(entry == name or entry.startswith(f"{name}.") for entry in settings.installed_apps)
    ]
    # importing `shop.settings.local` runs `shop/__init__.py`
    parts = settings.module.split(".")[:-1]
    packages += [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    holder = next(
        (
            name
            for name in dict.fromkeys((*above, *packages))
            if _binding_of(modules, name, module, variable)
        ),
        None,
    )
    # an app whose AppConfig builds the Celery app
    for entry in settings.installed_apps:
        if entry == module or entry.startswith(f"{module}."):
            return settings.installed_apps_where, holder
    for name in dict.fromkeys(packages):
        found = _imported_by(modules, name, module, variable)
        if found:
            return found, holder
    return _imported_by_an_app(modules, settings, module, variable), holder


def _imported_by_an_app(
    modules: Modules, settings: Settings, module: str, variable: str
) -> Where | None:
    """Where an installed app imports the Celery app while Django starts: in its apps.py, also in
    ready(), or in its models."""
    tail = module.rpartition(".")[2]
    for entry in settings.installed_apps:
        # "shop.apps.ShopConfig" and "shop" are the same app
        name = entry.partition(".apps.")[0]
        folder = modules.folder(name)
        if folder is None:
            continue
        for file in ("__init__.py", "apps.py", "models.py", "models/__init__.py"):
            path = folder / file
            try:
                text = read_file(modules.root / path)
            except OSError:
                continue
            if tail.encode() not in text:
                continue
            source = modules.source(path)
            found = source and _import_in(modules, source, module, variable)
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
    return _import_in(modules, source, module, variable)


def _import_in(modules: Modules, source: Source, module: str, variable: str) -> Where | None:
    """The first import of the app, or of its module, in a file."""
    for node in _running_nodes(source.tree):
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


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes below a node, less what only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)


def _binding_of(modules: Modules, place: str, module: str, variable: str) -> bool:
    """Whether a package or module has the app as a name of its own, by an import."""
    path = modules.find(place)
    source = modules.source(path) if path else None
    if source is None or not path:
        return False
    return any(
        isinstance(node, ast.ImportFrom)
        and modules.absolute(node, path) == module
        and any(alias.name in {variable, "*"} for alias in node.names)
        for node in _module_statements(source.tree.body)
    )
