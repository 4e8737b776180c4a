"""What web servers import, wsgi.py and asgi.py, and which settings the web process then has."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.candidates import STARTS_PROJECT
from celeryize.detect.layout import Layout
from celeryize.detect.modules import Modules, called_modules
from celeryize.detect.settings import Settings, constant
from celeryize.detect.variables import Assigned, assigned_in, assigned_in_text
from celeryize.model import Where
from celeryize.patch.nodes import walk
from celeryize.patch.source import Source
from celeryize.reading import is_file, list_folder, readable_text

VARIABLE = "DJANGO_SETTINGS_MODULE"
FILES = ("wsgi.py", "asgi.py", "wsgi/__init__.py", "asgi/__init__.py")
NAMED_BY = ("WSGI_APPLICATION", "ASGI_APPLICATION")
SERVER = re.compile(r"\b(gunicorn|uvicorn|daphne|hypercorn|granian|waitress-serve)\b")
SERVED = re.compile(r"(?<![\w./])([A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_]\w*")
# Functions of python-dotenv, django-dotenv, django-environ and environs.
LOADERS = frozenset({"load_dotenv", "read_dotenv", "read_env", "load_env"})


@dataclass(frozen=True, slots=True)
class WebEntry:
    """A module that a web server imports, and the settings modules that it may choose.

    `certain`: it chooses the only one of `names` wherever the variable is not set already.
    `forced`: it replaces what is set. `prelude` are the lines that choose, to be run elsewhere,
    where the choice depends on the environment and they need nothing else of the file.
    """

    module: str
    path: PurePosixPath
    names: tuple[str, ...]
    certain: bool
    forced: bool
    prelude: str | None
    where: Where
    # it names a module that is gone: a server that runs it sets the variable itself
    stale: bool = False


def find_web_entries(layout: Layout, modules: Modules, settings: Settings) -> tuple[WebEntry, ...]:
    """The wsgi and asgi modules of the site whose settings manage.py names."""
    dotenv = _dotenv_chooses(layout)
    found = []
    for path in dict.fromkeys(_entry_files(layout, modules, settings)):
        source = modules.source(path)
        module = modules.name_of(path)
        if module is None:
            continue
        if source is None:
            found.append(_read_as_text(modules, path, module))
        else:
            found.append(_describe_entry(modules, source, module, dotenv=dotenv))
    return tuple(found)


def settings_chosen_by(modules: Modules, path: PurePosixPath) -> tuple[Assigned, ...]:
    """What a file puts into DJANGO_SETTINGS_MODULE, itself or by a helper that it calls."""
    source = modules.source(path)
    if source is None:
        return ()
    found = tuple(assigned_in(source, VARIABLE))
    if found:
        return found
    for helper in called_modules(modules, source):
        found = tuple(assigned_in(helper, VARIABLE))
        if found:
            return found
    return ()


def _entry_files(layout: Layout, modules: Modules, settings: Settings) -> Iterator[PurePosixPath]:
    """What the settings name, else the files beside urls.py, beside the settings, beside
    manage.py."""
    for name in NAMED_BY:
        named = constant(modules, settings, name)
        if isinstance(named, str):
            path = modules.find(named.rpartition(".")[0])
            if path is not None:
                yield path
    parts = settings.module.split(".")[:-1]
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    folders = [modules.folder(name) for name in names]
    for folder in (*folders, *layout.paths):
        for file in FILES:
            if folder is not None and (modules.root / folder / file).is_file():
                yield folder / file
    yield from _served_files(layout, modules)


def _served_files(layout: Layout, modules: Modules) -> Iterator[PurePosixPath]:
    """The modules that the project's own command lines give to a web server, whatever they are
    called: `gunicorn server:application`."""
    for folder in dict.fromkeys((layout.root, layout.root / layout.base)):
        for file in list_folder(folder):
            if not STARTS_PROJECT.fullmatch(file.name) or not is_file(file):
                continue
            for line in readable_text(file).split("\n"):
                if line.lstrip().startswith("#") or not SERVER.search(line):
                    continue
                for name in SERVED.findall(line):
                    path = modules.find(name)
                    # another framework may be served beside it
                    if path is not None and modules.mentions(path, VARIABLE.encode()):
                        yield path


def _describe_entry(modules: Modules, source: Source, module: str, *, dotenv: bool) -> WebEntry:
    chosen = settings_chosen_by(modules, source.path)
    names = tuple(dict.fromkeys(name for one in chosen for name in one.values))
    # where nothing else names the settings, the .env file has to
    loads = (dotenv or not chosen) and loads_environment(source.tree)
    certain = bool(names) and len(names) == 1 and all(one.certain for one in chosen) and not loads
    prelude = None
    if (chosen or loads) and not certain:
        prelude = _choosing_lines(source, _helper_names(modules, source))
    where = source.where()
    if chosen:
        where = chosen[0].where
    forced = bool(chosen) and chosen[-1].forced and not loads
    stale = certain and modules.find(names[0]) is None
    return WebEntry(module, source.path, names, certain, forced, prelude, where, stale)


def _read_as_text(modules: Modules, path: PurePosixPath, module: str) -> WebEntry:
    text = readable_text(modules.root / path)
    found = list(assigned_in_text(text, VARIABLE))
    names = tuple(dict.fromkeys(name for name, _ in found))
    line = None
    if found:
        line = found[0][1]
    return WebEntry(module, path, names, len(names) == 1, False, None, Where(path, line))


def _dotenv_chooses(layout: Layout) -> bool:
    """Whether a .env file, or an example of one, sets the settings module."""
    for folder in dict.fromkeys((layout.root, layout.root / layout.base)):
        for file in sorted(folder.glob("*.env*")):
            try:
                if file.is_file() and VARIABLE in readable_text(file):
                    return True
            except OSError:
                continue
    return False


def loads_environment(tree: ast.Module) -> bool:
    """Whether a file reads a .env file."""
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in LOADERS
        for node in walk(tree)
    )


def _helper_names(modules: Modules, source: Source) -> set[str]:
    """The functions of the project that a file imports, and that choose the settings module."""
    found: set[str] = set()
    for node in source.tree.body:
        if not isinstance(node, ast.ImportFrom):
            continue
        path = modules.find(modules.absolute(node, source.path))
        helper = modules.source(path) if path else None
        if helper is not None and VARIABLE in helper.text:
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def _choosing_lines(source: Source, helpers: set[str]) -> str | None:
    """The statements of a file that choose the settings module, with what they need.

    None where they need more than imports and values of their own: the command line, the place of
    the file, a function.
    """
    wanted = [node for node in source.tree.body if _chooses(node) or _calls(node, helpers)]
    if not wanted:
        return None
    taken: list[ast.stmt] = list(wanted)
    known: set[str] = set(dir(builtins)) - {"__file__", "__name__"}
    # each name needs the statements that bind it, and these need names in turn
    for node in taken:
        for name in sorted(_free_names(node) - known):
            binding = [one for one in source.tree.body if name in _bound_names(one)]
            if name == "sys" or not binding or any(_is_definition(one) for one in binding):
                return None
            taken += [one for one in binding if one not in taken]
            known.add(name)
    lines = [
        source.segment(node)
        for node in sorted(taken, key=lambda node: node.lineno)
        if not _imports_os(node)
    ]
    return "\n".join(lines)


def _chooses(node: ast.stmt) -> bool:
    """Whether a statement at the top of a file sets the variable, or reads a .env file."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assign) and VARIABLE not in ast.unparse(
        node
    ):
        return False
    if VARIABLE in ast.unparse(node):
        return True
    return isinstance(node, ast.Expr) and loads_environment(ast.Module([node], []))


def _calls(node: ast.stmt, names: set[str]) -> bool:
    """Whether a statement is a call of one of the functions."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name in names
    return False


def _free_names(node: ast.AST) -> set[str]:
    names = [one for one in walk(node) if isinstance(one, ast.Name)]
    bound = {one.id for one in names if isinstance(one.ctx, ast.Store)}
    return {one.id for one in names if isinstance(one.ctx, ast.Load)} - bound


def _bound_names(node: ast.stmt) -> set[str]:
    """The names that a statement binds in its module."""
    found: set[str] = set()
    for inner in walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found.add(inner.id)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in inner.names}
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(inner.name)
    return found


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _imports_os(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and ast.unparse(node) == "import os"
