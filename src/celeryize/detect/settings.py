"""Which settings file is the one for every environment, and how it reads its environment
variables."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.environment_readers import Reader, ReaderKind, find_reader
from celeryize.detect.layout import Layout, settings_named_by
from celeryize.detect.modules import Modules
from celeryize.detect.settings_flow import (
    certain_names,
    is_ignored,
    override_line,
    taken_whole,
)
from celeryize.errors import NoProject
from celeryize.model import Where
from celeryize.patch.components import include_calls
from celeryize.patch.nodes import walk
from celeryize.patch.source import every_statement
from celeryize.reading import read_file

__all__ = ["Reader", "ReaderKind", "Settings", "find_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the project. A block in `file` takes effect in each of `environments`.

    `assigned` are the names that the named module ends up with, `visible` those that a line of the
    block can use in every environment, `overridden` those that an environment above `file` assigns
    anew. `taken` are those that a block must not assign: every environment has them, or the block
    would override them. `others` are the environments that do not have `file`.
    """

    module: str
    where: Where | None
    file: PurePosixPath
    environments: tuple[str, ...]
    reachable: tuple[PurePosixPath, ...]
    reader: Reader
    assigned: dict[str, Where]
    visible: frozenset[str]
    overridden: frozenset[str]
    taken: frozenset[str]
    installed_apps: tuple[str, ...]
    installed_apps_where: Where | None
    class_based: Where | None
    split: Where | None
    last: Where | None
    others: tuple[str, ...]
    # why the settings could not be found, where a command can do without them
    unknown: str = ""


def find_settings(layout: Layout, modules: Modules) -> Settings:
    """Follow the settings modules that manage.py, wsgi.py and asgi.py name to the file they share.

    Raises NoProject if the named module is not in the project.
    """
    named = modules.find(layout.settings)
    if named is None:
        place = ""
        if layout.settings_where:
            place = f" ({layout.settings_where})"
        raise NoProject(
            f"settings module {layout.settings}{place} not found in the project",
            hint="Create it, perhaps from its example file, or pass --settings MODULE.",
            where=layout.settings_where,
        )
    entries = _entry_modules(layout, modules, named)
    chains = _chains_of(layout, modules, entries)
    chain, shared = _shared_files(layout, modules, chains)
    file = _file_of_block(modules, named, shared)
    reachable = tuple(chain)
    apps, apps_where = _installed_apps(modules, reachable)
    tree = modules.tree(file)
    class_based, split = _class_based(tree, file), _split_include(tree, file)
    everywhere = tuple(dict.fromkeys(path for other in chains.values() for path in other))
    reader = find_reader(
        modules, file, reachable, new_file=split is not None, everywhere=everywhere
    )
    kept = (_must_stay_last(tree, file, reader), _loaded_over(modules, file, reader))
    last = min(filter(None, kept), key=lambda place: place.line or 0, default=None)
    before = last.line if last else None
    environments = tuple(sorted(name for name, chain in chains.items() if file in chain))
    others = tuple(
        sorted(
            name
            for name, other in chains.items()
            if file not in other
            and not _FOR_TESTS.search(name)
            and any(_sets_apps(modules.tree(p)) for p in other)
        )
    )
    assigned = _assigned_names(modules, reachable)
    return Settings(
        module=layout.settings,
        where=layout.settings_where,
        file=file,
        environments=environments,
        reachable=reachable,
        reader=reader,
        assigned=assigned,
        overridden=frozenset(_assigned_names(modules, _files_above(modules, file, chains))),
        visible=_visible_names(modules, file, class_based, before),
        taken=(
            frozenset(assigned)
            if class_based or split
            else _taken_names(modules, file, [entries[name] for name in environments], before)
        ),
        installed_apps=apps,
        installed_apps_where=apps_where,
        class_based=class_based,
        split=split,
        last=last,
        others=others,
    )


def _chains_of(
    layout: Layout, modules: Modules, entries: dict[str, PurePosixPath]
) -> dict[str, list[PurePosixPath]]:
    """Each settings module with everything that it star-imports, nearest first.

    wsgi.py may name a module that holds no settings any more: it says nothing about where they are.
    """
    chains = {name: _import_chain(modules, path) for name, path in entries.items()}
    return {
        n: c
        for n, c in chains.items()
        if n == layout.settings or any(_sets_apps(modules.tree(p)) for p in c)
    }


def _shared_files(
    layout: Layout, modules: Modules, chains: dict[str, list[PurePosixPath]]
) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The chain of the settings that count, and its files that all environments have.

    Where they share nothing, they are those of the chain.
    """
    chain = chains[layout.settings]
    inside = {n: c for n, c in chains.items() if n.startswith(f"{layout.settings}.")}
    if inside and not any(_sets_apps(modules.tree(p)) for p in chain):
        # an empty settings package: an environment variable names a module in it
        chain = next(iter(inside.values()))
        chains = inside
    shared = [p for p in chain if all(p in other for other in chains.values())]
    return chain, shared or chain


def _file_of_block(
    modules: Modules, named: PurePosixPath, shared: list[PurePosixPath]
) -> PurePosixPath:
    """The file, of those that all environments have, that the settings belong into."""
    # include() runs the components in the named file: a block at its end sees them all
    if _split_include(modules.tree(named), named):
        return named
    with_apps = [p for p in shared if _sets_apps(modules.tree(p))]
    # the class that the classes of all environments inherit from
    for path in with_apps:
        if _class_based(modules.tree(path), path):
            return path
    certain = _certain_files(modules, shared[0])
    return next((p for p in with_apps if p in certain), shared[0])


def _certain_files(modules: Modules, start: PurePosixPath) -> set[PurePosixPath]:
    """The file, and those that it star-imports at every start: not under a condition that leaves
    the settings without them.
    """
    found = {start}
    todo = [start]
    while todo:
        path = todo.pop()
        nested = list(_split_components(modules, path))
        for node in modules.tree(path).body:
            if isinstance(node, ast.If) and not node.orelse:
                continue
            for inner in walk(node) if isinstance(node, ast.If | ast.Try) else (node,):
                if isinstance(inner, ast.ImportFrom) and inner.names[0].name == "*":
                    target = modules.find(modules.absolute(inner, path))
                    if target is not None and not is_ignored(modules.root, target):
                        nested.append(target)
        nested += taken_whole(modules, path)
        todo += [p for p in nested if p not in found]
        found |= set(nested)
    return found


def _loaded_over(modules: Modules, file: PurePosixPath, reader: Reader) -> Where | None:
    """The statement in the middle of the file that loads a local file over what is above it."""
    needed = frozenset[str]()
    # os is imported at the top for the block, if need be
    if reader.call and not reader.call.startswith("os.") and not reader.imports:
        needed = frozenset({reader.call.split(".")[0]})
    line = override_line(modules, file, needed)
    if line is None:
        return None
    return Where(file, line)


def _visible_names(
    modules: Modules, file: PurePosixPath, class_based: Where | None, before: int | None
) -> frozenset[str]:
    """The names that a line of the block can use, in every environment."""
    found = certain_names(modules, file, before=before)
    if class_based is None:
        return found
    body = next(n for n in modules.tree(file).body if n.lineno == class_based.line)
    assert isinstance(body, ast.ClassDef)
    own = {name for name, n in _name_assignments(modules.tree(file)) if n in body.body}
    return found | own


def _taken_names(
    modules: Modules,
    file: PurePosixPath,
    environments: list[PurePosixPath],
    before: int | None,
) -> frozenset[str]:
    """The names that a block in `file` must not assign."""
    certain = [certain_names(modules, path) for path in environments]
    everywhere = frozenset.intersection(*certain) if certain else frozenset()
    # what is above the block, under whatever condition, would be overridden by it
    above = [file]
    for path in above:
        for node in every_statement(modules.tree(path)):
            late = path == file and before is not None and node.lineno >= before
            if late or not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
                continue
            target = modules.find(modules.absolute(node, path))
            if target is not None and target not in above:
                above.append(target)
        above += [p for p in taken_whole(modules, path) if p not in above]
    return everywhere | frozenset(_assigned_names(modules, tuple(above)))


def unknown_settings(layout: Layout, why: str) -> Settings:
    """The settings of a project of which nothing is known; `why` says so to the user."""
    return Settings(
        module="",
        where=None,
        file=layout.manage,
        environments=(),
        reachable=(),
        reader=Reader(ReaderKind.LITERAL),
        assigned={},
        visible=frozenset(),
        overridden=frozenset(),
        installed_apps=(),
        installed_apps_where=None,
        class_based=None,
        split=None,
        last=None,
        others=(),
        taken=frozenset(),
        unknown=why,
    )


def settings_files(layout: Layout, modules: Modules) -> tuple[PurePosixPath, ...]:
    """The settings files of all environments: what manage.py, wsgi.py and asgi.py name, and what
    those take in."""
    named = modules.find(layout.settings)
    entries = {}
    if named:
        entries = _entry_modules(layout, modules, named)
    return tuple(
        dict.fromkeys(path for entry in entries.values() for path in _import_chain(modules, entry))
    )


def files_of_module(modules: Modules, module: str) -> tuple[PurePosixPath, ...]:
    """The file of a settings module and all that it star-imports; none where it is not there."""
    path = modules.find(module)
    if path is None:
        return ()
    return tuple(_import_chain(modules, path))


def names_assigned_in(modules: Modules, files: tuple[PurePosixPath, ...]) -> frozenset[str]:
    """The upper-case names that settings files assign."""
    return frozenset(_assigned_names(modules, files))


def settings_classes(tree: ast.Module) -> frozenset[str]:
    """The settings classes of a file of django-configurations, with the mixins that they build
    on."""
    found: set[str] = set()
    if "configurations" in {n.split(".")[0] for n in _imported_modules(tree)}:
        for node in tree.body:
            bases = set()
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(b) for b in node.bases}
            if isinstance(node, ast.ClassDef) and (
                bases & found or any("Configuration" in b for b in bases)
            ):
                found.add(node.name)
        # mixins have no Configuration among their bases: they are known by who builds on them
        for node in reversed(tree.body):
            if isinstance(node, ast.ClassDef) and node.name in found:
                found |= {ast.unparse(b) for b in node.bases if isinstance(b, ast.Name)}
    return frozenset(found)


def _imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in every_statement(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


# Settings of tests may do without Celery.
_FOR_TESTS = re.compile(r"(?:^|[._])(tests?|testing|ci)(?:[._]|$)")
# A chain of base classes longer than this is not followed.
_DEEPEST_BASES = 6


def _files_above(
    modules: Modules, file: PurePosixPath, chains: dict[str, list[PurePosixPath]]
) -> tuple[PurePosixPath, ...]:
    """The settings files that star-import `file`, of all environments."""
    below = set(_import_chain(modules, file))
    return tuple(
        dict.fromkeys(
            p for chain in chains.values() if file in chain for p in chain if p not in below
        )
    )


def constant(modules: Modules, settings: Settings, name: str) -> object:
    """The value of a setting that is a plain literal; None where it is not set, or is computed."""
    where = settings.assigned.get(name)
    for node in modules.tree(where.path).body if where else ():
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=value)) if (
                found == name
            ):
                return value
    return None


def strings_of(modules: Modules, settings: Settings, name: str) -> list[str]:
    """The names in a setting that is a collection of strings, of calls such as Queue("x"), or of
    such keys."""
    where = settings.assigned.get(name)
    found: list[str] = []
    for node in modules.tree(where.path).body if where else ():
        if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name):
            continue
        value = node.value
        keys = value.keys if isinstance(value, ast.Dict) else getattr(value, "elts", [])
        for element in keys:
            first = element
            if isinstance(element, ast.Call) and element.args:
                first = element.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.append(first.value)
    return found


def _entry_modules(
    layout: Layout, modules: Modules, named: PurePosixPath
) -> dict[str, PurePosixPath]:
    """Every module that somebody may start Django with, by name.

    That is: what manage.py, wsgi.py and asgi.py name, and the siblings of a settings package that,
    like the named one, star-import another module of it (`production.py` beside `local.py`).
    """
    entries = {layout.settings: named}
    package = layout.settings.split(".")[0]
    folder = None
    if "." in layout.settings:
        folder = modules.folder(package)
    places = [p for p in (folder, layout.base, named.parent, named.parent.parent) if p is not None]
    # wsgi.py is beside urls.py, beside manage.py, or beside the settings
    others = [name for name, _ in layout.environments]
    for place in dict.fromkeys(places):
        for file in ("wsgi.py", "asgi.py"):
            if (modules.root / place / file).is_file():
                others += [name for name, _ in settings_named_by(modules, place / file)]
    others += _alternative_modules(modules, named)
    for name in others:
        path = modules.find(name)
        if path is not None:
            entries[name] = path
    return entries | _sibling_modules(modules, named, entries)


def _sibling_modules(
    modules: Modules, named: PurePosixPath, entries: dict[str, PurePosixPath]
) -> dict[str, PurePosixPath]:
    """The other environments of a settings package, by name.

    production.py is nowhere named but in the environment of the server.
    """
    if not _is_settings_package(modules, named):
        return {}
    siblings = list(modules.python_files(named.parent, 0))
    # what an environment star-imports is a base, not an environment of its own
    reached = {p for path in entries.values() for p in _import_chain(modules, path)[1:]}
    empty = named.name == "__init__.py" and not _has_settings(modules, named)
    if empty:
        # what its modules set is all that there is
        reached |= {p for sibling in siblings for p in _import_chain(modules, sibling)[1:]}
    found = {}
    for sibling in siblings:
        module = modules.name_of(sibling)
        if not module or sibling in reached or sibling == named:
            continue
        based = any(p in reached for p in _import_chain(modules, sibling)[1:])
        if based or (empty and _has_settings(modules, sibling)):
            found[module] = sibling
    return found


def _has_settings(modules: Modules, path: PurePosixPath) -> bool:
    """Whether a settings module, with what it star-imports, sets INSTALLED_APPS."""
    return any(_sets_apps(modules.tree(p)) for p in _import_chain(modules, path))


def _alternative_modules(modules: Modules, path: PurePosixPath) -> list[str]:
    """The modules of which an `if` in a settings package star-imports one."""
    found = [
        modules.absolute(statement, path)
        for node in modules.tree(path).body
        if isinstance(node, ast.If)
        for statement in walk(node)
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"
    ]
    # a single one is an addition to the settings, and no choice; so are several, where the
    # applications are there without them
    certain = _certain_files(modules, path)
    if len(set(found)) < 2 or any(_sets_apps(modules.tree(p)) for p in certain):
        return []
    return found


def _is_settings_package(modules: Modules, named: PurePosixPath) -> bool:
    return named.name == "__init__.py" or len(_import_chain(modules, named)) > 1


def _import_chain(modules: Modules, start: PurePosixPath) -> list[PurePosixPath]:
    """The file and every module it star-imports, nearest first (breadth first)."""
    chain = [start]
    # the list grows while it is read
    for path in chain:
        for node in every_statement(modules.tree(path)):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                found = modules.find(modules.absolute(node, path))
                if found is not None and found not in chain:
                    chain.append(found)
        chain += [p for p in _split_components(modules, path) if p not in chain]
        chain += [p for p in taken_whole(modules, path) if p not in chain]
        chain += [p for p in _class_modules(modules, path) if p not in chain]
    return chain


def _class_modules(modules: Modules, path: PurePosixPath) -> list[PurePosixPath]:
    """The modules that a file imports a settings class of django-configurations from."""
    found = []
    for node in modules.tree(path).body:
        if not isinstance(node, ast.ImportFrom) or node.names[0].name == "*":
            continue
        # a class by its name: nothing is parsed for a constant or a function
        names = [a.name for a in node.names if a.name[:1].isupper() and not a.name.isupper()]
        if not names:
            continue
        target = modules.find(modules.absolute(node, path))
        if target is None or target == path:
            continue
        data = read_file(modules.root / target)
        names = [name for name in names if f"class {name}(".encode() in data]
        if any(_is_settings_class(modules, target, name, 0) for name in names):
            found.append(target)
    return found


def _is_settings_class(modules: Modules, path: PurePosixPath, name: str, depth: int) -> bool:
    """Whether a class of a module inherits from django-configurations, through other modules."""
    if depth > _DEEPEST_BASES:
        return False
    tree = modules.tree(path)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            bases = [ast.unparse(base).split(".")[0] for base in node.bases]
            if name in settings_classes(tree):
                return True
            return any(_is_settings_class(modules, path, base, depth + 1) for base in bases)
        if isinstance(node, ast.ImportFrom):
            target = modules.find(modules.absolute(node, path))
            for alias in node.names:
                if target and target != path and (alias.asname or alias.name) == name:
                    return _is_settings_class(modules, target, alias.name, depth + 1)
    return False


def _split_components(modules: Modules, path: PurePosixPath) -> list[PurePosixPath]:
    """The files that split_settings' `include()` of a settings file takes in; its patterns are
    relative to it."""
    if _split_include(modules.tree(path), path) is None:
        return []
    found: list[PurePosixPath] = []
    for node in walk(modules.tree(path)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.endswith(".py")
        ):
            folder = modules.root / path.parent
            with contextlib.suppress(ValueError, NotImplementedError):
                matches = sorted(folder.glob(node.value))
                found += [PurePosixPath(p.relative_to(modules.root).as_posix()) for p in matches]
    return found


def _sets_apps(tree: ast.Module) -> bool:
    """Whether a module sets INSTALLED_APPS, and does not only add to it."""
    return any(
        name == "INSTALLED_APPS" and not isinstance(n, ast.AugAssign)
        for name, n in _name_assignments(tree)
    )


def _name_assignments(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in every_statement(tree):
        # `A = B = 1` and `A, B = 1, 2` assign both names
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign):
            targets = [node.target]
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            for name in names:
                if isinstance(name, ast.Name) and isinstance(node, ast.stmt):
                    yield name.id, node


def _assigned_names(modules: Modules, paths: tuple[PurePosixPath, ...]) -> dict[str, Where]:
    """Every upper-case name that the settings assign, anywhere, with the first place (base
    first)."""
    return {
        name: Where(path, node.lineno)
        for path in paths
        for name, node in reversed(list(_name_assignments(modules.tree(path))))
        if name.isupper()
    }


def _installed_apps(
    modules: Modules, paths: tuple[PurePosixPath, ...]
) -> tuple[tuple[str, ...], Where | None]:
    """The entries of INSTALLED_APPS that can be read without running the settings."""
    values: dict[str, list[str]] = {}
    where: Where | None = None

    def strings(node: ast.expr) -> list[str]:
        match node:
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                return [s for e in elts for s in strings(e)]
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Name(id=name):
                return values.get(name, [])
            case ast.Attribute():
                # `Base.INSTALLED_APPS.default` of a class-based project
                known = [part for part in ast.unparse(node).split(".") if part in values]
                if known:
                    return values[known[0]]
                return []
            case ast.BinOp(left=left, right=right):
                return strings(left) + strings(right)
            case ast.Starred(value=value) | ast.Call(args=[value]):
                return strings(value)
        return []

    # in the order in which Python runs them: the base first
    for path in reversed(paths):
        for node in every_statement(modules.tree(path)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = strings(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    values[name] = strings(value)
                case ast.AugAssign(target=ast.Name(id=name), value=value):
                    values[name] = values.get(name, []) + strings(value)
                case ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(
                            value=ast.Name(id=name), attr="append" | "extend" | "insert"
                        ),
                        args=[*_, arg],
                    )
                ):
                    values[name] = values.get(name, []) + strings(arg)
                    continue
                case _:
                    continue
            if name == "INSTALLED_APPS":
                where = where or Where(path, node.lineno)
    return tuple(dict.fromkeys(values.get("INSTALLED_APPS", []))), where


def untold(modules: Modules, settings: Settings) -> Where | None:
    """The first statement that may define settings whose names are not in the text."""
    for path in settings.reachable:
        for node in every_statement(modules.tree(path)):
            unknown = (
                isinstance(node, ast.ImportFrom)
                and node.names[0].name == "*"
                and modules.find(modules.absolute(node, path)) is None
            )
            if unknown or (
                isinstance(node, ast.Expr | ast.Assign) and _BY_CODE.search(ast.unparse(node))
            ):
                return Where(path, node.lineno)
    return None


def chooses_by_code(modules: Modules, module: str) -> bool:
    """Whether a settings module takes in another one by code: `exec(f"from .{ENV} import *")`,
    `import_module(...)`. What it ends up with is in no text."""
    path = modules.find(module)
    source = modules.source(path) if path else None
    return source is not None and bool(_TAKES_BY_CODE.search(ast.unparse(source.tree)))


_TAKES_BY_CODE = re.compile(r"\b(exec|execfile|import_module|__import__)\(")
_BY_CODE = re.compile(
    r"\b(exec|execfile|globals|locals|vars|setattr)\(|(?<!getLogger\()__name__"
    r"|\bdynaconf\b|\bDynaconf\b|modules\["
)


def _runs_code(node: ast.stmt) -> bool:
    """Whether a statement runs a file here, or writes into the names of the module."""
    return bool(re.search(r"\bexec\(|\b(locals|globals|vars)\(\)", ast.unparse(node)))


def _class_based(tree: ast.Module, path: PurePosixPath) -> Where | None:
    """The first settings class of django-configurations, where a module-level block would be
    ignored."""
    imports = [n for n in tree.body if isinstance(n, ast.ImportFrom | ast.Import)]
    if not any("configurations" in ast.unparse(n) for n in imports):
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            "Configuration" in ast.unparse(b) for b in node.bases
        ):
            return Where(path, node.lineno)
    return None


def _split_include(tree: ast.Module, path: PurePosixPath) -> Where | None:
    """The call of split_settings' `include`, if the settings are made of components."""
    calls = include_calls(tree)
    if calls:
        return Where(path, calls[0].lineno)
    return None


def _must_stay_last(tree: ast.Module, path: PurePosixPath, reader: Reader) -> Where | None:
    """The statement at the end of the file that has to stay there: a local override, heroku's
    settings, exec.

    It is the first of the trailing statements that take their effect from being last.
    """
    found: ast.stmt | None = None
    needed = reader.call.partition(".")[0]
    used: set[str] = set()
    for node in reversed(tree.body):
        prepares = found and (_imports_for(node, found) or _prepares(node, used - {needed}))
        if not _overrides_names(node) and not prepares:
            break
        found = node
        used |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    if found:
        return Where(path, found.lineno)
    return None


def _imports_for(node: ast.stmt, following: ast.stmt) -> bool:
    """Whether an import is there for the statement that follows it, `import django_heroku`
    above its call.

    What a block of ours may use, `os` and the rest of the standard library, stays above the block.
    """
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return False
    names = {
        (alias.asname or alias.name).split(".")[0] for alias in node.names
    } - sys.stdlib_module_names
    return any(isinstance(n, ast.Name) and n.id in names for n in walk(following))


def _prepares(node: ast.stmt, used: set[str]) -> bool:
    """Whether a statement only computes what the statements after it use: the path of a local file,
    say. It is no setting."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in used and not name.isupper()
    return False


def _overrides_names(node: ast.stmt) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Try(body=body, orelse=orelse):
            return any(_overrides_names(n) for n in [*body, *orelse])
        case ast.If(body=body):
            return any(
                isinstance(n, ast.ImportFrom | ast.Try) and _overrides_names(n) for n in body
            ) or _runs_code(node)
        case ast.With() | ast.For():
            return _runs_code(node)
        case ast.Expr(value=ast.Call() as call):
            return _runs_code(node) or "__name__" in ast.unparse(call)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            # the names that are there when it runs: ours have to be among them
            return bool(re.search(r"\b(dir|globals|locals|vars)\(", ast.unparse(node)))
        case ast.Assign(value=ast.Call() as call):
            return "dynaconf" in ast.unparse(call).lower()
        case ast.Delete():
            # `del os`: a block below it could not use that name
            return True
    return False
