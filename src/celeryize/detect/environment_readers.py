"""How settings read the environment: os.environ, a library, or a helper of the project's own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from celeryize.detect.modules import Modules
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk
from celeryize.patch.source import every_statement

_OS_CALLS = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv"})
_ENVIRON_CLASSES = frozenset({"environ.Env", "environ.FileAwareEnv"})
# A chain of re-exports longer than this is not followed.
_DEEPEST = 4
# Variables that a platform sets, whatever prefix the project has for its own.
_PLATFORM = frozenset(
    {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "HOME", "HOSTNAME", "PATH", "PORT", "REDIS_URL"}
)
_FEWEST = 3


class ReaderKind(StrEnum):
    """How settings get at the environment."""

    LITERAL = "plain literals"
    OS = "os.environ"
    ENVIRON = "django-environ"
    DECOUPLE = "python-decouple"
    ENVIRONS = "environs"
    HELPER = "a helper of the project"


@dataclass(frozen=True, slots=True)
class Reader:
    """The project's way to read a variable: `call` is the callable as the settings file spells
    it.

    `imports` are the statements that bring it into a file that does not have it yet. `prefix` is
    what all variables of the project begin with. `knows_redis`: it reads REDIS_URL somewhere.
    """

    kind: ReaderKind
    call: str = ""
    where: Where | None = None
    imports: tuple[str, ...] = ()
    prefix: str = ""
    knows_redis: bool = False

    def read(self, name: str, default: str) -> str:
        """The expression that reads `name`; both arguments are Python already."""
        match self.kind:
            case ReaderKind.LITERAL:
                return default
            case ReaderKind.OS | ReaderKind.HELPER:
                return f"{self.call}({name}, {default})"
            case ReaderKind.ENVIRON | ReaderKind.DECOUPLE | ReaderKind.ENVIRONS:
                return f"{self.call}({name}, default={default})"


def find_reader(
    modules: Modules,
    file: PurePosixPath,
    chain: Sequence[PurePosixPath],
    *,
    new_file: bool,
    everywhere: Sequence[PurePosixPath] = (),
) -> Reader:
    """How `file` reads the environment, by what it does most; a tie goes to the library over
    `os`. `chain` are the other settings files, which decide where this one reads nothing, and
    `everywhere` those of all environments.

    With `new_file`, the lines go into a file of their own, which needs the imports of the reader.
    """
    best = Reader(ReaderKind.LITERAL)
    if not new_file:
        best = _reader_of(modules, file)
    if best.kind is ReaderKind.LITERAL:
        best = _borrowed_reader(modules, file, chain)
    read = {path: tuple(_variables(modules, path)) for path in {file, *chain, *everywhere}}
    names = [name for path in dict.fromkeys((file, *chain)) for name in read[path]]
    redis = any("REDIS_URL" in variables for variables in read.values())
    return replace(best, prefix=_prefix_of(names), knows_redis=redis)


def _reader_of(modules: Modules, file: PurePosixPath) -> Reader:
    """The reader that a file uses most; plain literals where it uses none."""
    source = modules.source(file)
    if source is None:
        return Reader(ReaderKind.LITERAL)
    callables = _callables_in(modules, file, _DEEPEST)
    uses: Counter[Reader] = Counter()
    first: dict[Reader, Where] = {}
    for node in walk(source.tree):
        found = _reader_in(node, callables, source.tree)
        if found is not None:
            uses[found] += 1
            first.setdefault(found, source.where(node))
    # nothing reads the environment: so do we
    if not uses:
        return Reader(ReaderKind.LITERAL)
    # a project that has a library, or a helper, for it uses os.environ by exception
    library = [reader for reader in uses if reader.kind is not ReaderKind.OS]
    best = max(library or uses, key=lambda reader: uses[reader])
    return replace(best, where=first[best])


def _borrowed_reader(
    modules: Modules, file: PurePosixPath, chain: Sequence[PurePosixPath]
) -> Reader:
    """The reader of the other settings files, where this one can import what they import."""
    found: Counter[Reader] = Counter()
    for path in chain:
        reader = _reader_of(modules, path)
        if path == file or reader.kind is ReaderKind.LITERAL:
            continue
        if reader.kind is ReaderKind.OS:
            continue
        line = _import_line(modules, path, reader.call)
        if line:
            found[replace(reader, where=None, imports=(line,))] += 1
    if not found:
        return Reader(ReaderKind.LITERAL)
    return max(found, key=lambda reader: found[reader])


def _import_line(modules: Modules, path: PurePosixPath, name: str) -> str:
    """The absolute import that gives a settings file the name; empty where it makes it itself."""
    for node in every_statement(modules.tree(path)):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"from {node.module} import {ast.unparse(alias)}"
    return ""


def readers_in(modules: Modules, path: PurePosixPath) -> dict[str, ReaderKind]:
    """The names in a settings file that read the environment through a library or a helper."""
    return _callables_in(modules, path, _DEEPEST)


def _reader_in(node: ast.AST, callables: dict[str, ReaderKind], tree: ast.Module) -> Reader | None:
    """The reader that an expression uses; None where it does not read the environment."""
    if not isinstance(node, ast.Call | ast.Subscript):
        return None
    spelled = dotted(node.func if isinstance(node, ast.Call) else node.value)
    head = spelled.split(".")[0]
    if head in callables and isinstance(node, ast.Call):
        # env.read_env() loads a file
        if spelled.endswith("read_env"):
            return None
        return Reader(callables[head], head)
    if head in {"environ", "getenv"} and head not in _imported_from(tree, "os"):
        return None
    if spelled in _OS_CALLS:
        return Reader(ReaderKind.OS, spelled)
    if spelled == "os.environ":
        return Reader(ReaderKind.OS, "os.environ.get")
    return None


def _callables_in(
    modules: Modules, path: PurePosixPath, depth: int, wanted: AbstractSet[str] | None = None
) -> dict[str, ReaderKind]:
    """The names in a file that read the environment through a library or a helper.

    Imports are followed for `wanted` names alone: those that the file calls with a variable's name.
    """
    kinds: dict[str, ReaderKind] = {}
    tree = modules.tree(path)
    if wanted is None:
        wanted = _called_like_readers(tree)
    for node in every_statement(tree):
        match node:
            case ast.ImportFrom(module="decouple", names=names, level=0):
                kinds |= {
                    a.asname or a.name: ReaderKind.DECOUPLE for a in names if a.name == "config"
                }
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=func))
            ):
                kind = _kind_of_class(dotted(func), tree)
                if kind is not None:
                    kinds[name] = kind
            case ast.FunctionDef(name=name) if _is_helper(node):
                kinds[name] = ReaderKind.HELPER
            case ast.ImportFrom() if depth:
                kinds |= _imported_callables(modules, path, node, depth, wanted)
    if kinds:
        lost = _rebound_names(tree, kinds)
        kinds = {name: kind for name, kind in kinds.items() if name not in lost}
    return kinds


def _rebound_names(tree: ast.Module, kinds: Collection[str]) -> set[str]:
    """The readers that the module gives another meaning, at least under a condition: `for env in
    ("dev", "prod")`, `if TESTING: env = None`.
    """
    found: set[str] = set()
    # the lines at which readers are made, and at which imports bind a name
    made: dict[str, int] = {}
    imported: dict[str, int] = {}
    waiting: list[ast.AST] = list(tree.body)
    for node in waiting:
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                # a function that reads the environment is a reader itself
                if name in kinds and not (isinstance(node, ast.FunctionDef) and _is_helper(node)):
                    found.add(name)
                continue
            case ast.Lambda():
                continue
            case ast.ExceptHandler(name=str(name)) if name in kinds:
                found.add(name)
            case ast.alias(name=name, asname=asname):
                imported[asname or name] = node.lineno
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=func))
            ) if _kind_of_class(dotted(func), tree) is not None:
                # the reader itself: made a second time, it still reads
                made[name] = node.lineno
                continue
            case ast.AnnAssign(value=None):
                continue
            case ast.Name(id=name, ctx=ast.Store()) if name in kinds:
                found.add(name)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # its names are its own
                continue
        waiting += ast.iter_child_nodes(node)
    return found | {name for name, line in made.items() if imported.get(name, 0) > line}


def _called_like_readers(tree: ast.Module) -> set[str]:
    """The first parts of what is called with a text in capitals: `env` in `env.bool("DEBUG")`."""
    found = set()
    for node in walk(tree):
        match node:
            case ast.Call(func=func, args=[ast.Constant(value=str(text)), *_]) if text.isupper():
                found.add(dotted(func).partition(".")[0])
    return found


def _imported_callables(
    modules: Modules,
    path: PurePosixPath,
    node: ast.ImportFrom,
    depth: int,
    wanted: AbstractSet[str],
) -> dict[str, ReaderKind]:
    """The readers that an import of another module of the project brings."""
    star = node.names[0].name == "*"
    names = {alias.name for alias in node.names if (alias.asname or alias.name) in wanted}
    if star:
        names = set(wanted)
    if not names:
        return {}
    found = modules.find(modules.absolute(node, path))
    if found is None or found == path:
        # `from config.env import env`, of a module that is not here
        return {
            alias.asname or alias.name: ReaderKind.ENVIRON
            for alias in node.names
            if alias.name == "env"
        }
    there = _callables_in(modules, found, depth - 1, names)
    if star:
        return {name: kind for name, kind in there.items() if not name.startswith("_")}
    return {
        alias.asname or alias.name: there[alias.name] for alias in node.names if alias.name in there
    }


def _kind_of_class(made: str, tree: ast.Module) -> ReaderKind | None:
    """The library whose class is called; None for another call."""
    if made in _ENVIRON_CLASSES:
        return ReaderKind.ENVIRON
    if made in {"Env", "environs.Env", "FileAwareEnv"}:
        if made in _imported_from(tree, "environs") or made.startswith("environs"):
            return ReaderKind.ENVIRONS
        return ReaderKind.ENVIRON
    if made in {"AutoConfig", "Config"} and _imported_from(tree, "decouple"):
        return ReaderKind.DECOUPLE
    if made in {"decouple.AutoConfig", "decouple.Config"}:
        return ReaderKind.DECOUPLE
    return None


def _is_helper(node: ast.FunctionDef) -> bool:
    """Whether a function is `get_env(name, default)`: it reads a variable and returns its text.

    What it returns has to be the text as it is: a path, a list or a number is something else.
    """
    arguments = [argument.arg for argument in node.args.args]
    if len(arguments) < 2 or "default" not in arguments[1] or node.args.vararg:
        return False
    # what else it takes has to be optional: our call passes two
    if len(node.args.defaults) < len(arguments) - 2 or None in node.args.kw_defaults:
        return False
    values: dict[str, list[ast.expr]] = {arguments[1]: []}
    returned: list[ast.expr] = []
    found = False
    for inner in walk(node):
        match inner:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values.setdefault(name, []).append(value)
            case ast.Return(value=value) if value is not None:
                returned.append(value)
        found = found or _reads_variable(inner, arguments[0])

    def is_text(value: ast.expr, depth: int = 3) -> bool:
        match value:
            case ast.Constant(value=str() | None):
                return True
            case ast.Name(id=name):
                return bool(depth) and all(is_text(v, depth - 1) for v in values.get(name, [value]))
            case ast.BoolOp(values=parts):
                return all(is_text(part, depth) for part in parts)
            case ast.IfExp(body=first, orelse=second):
                return is_text(first, depth) and is_text(second, depth)
        return _reads_variable(value, arguments[0])

    # one that only raises without the variable has no use for our default
    used = [*returned, *(v for assigned in values.values() for v in assigned)]
    gives_default = any(
        isinstance(part, ast.Name) and part.id == arguments[1]
        for value in used
        for part in walk(value)
    )
    return found and gives_default and all(is_text(value) for value in returned)


def _reads_variable(node: ast.AST, name: str) -> bool:
    """Whether an expression is `os.environ.get(name, ...)` or `os.environ[name]`."""
    match node:
        case ast.Call(func=func, args=[ast.Name(id=first), *_]):
            return first == name and dotted(func) in _OS_CALLS
        case ast.Subscript(value=value, slice=ast.Name(id=first)):
            return first == name and dotted(value) in {"os.environ", "environ"}
    return False


def _variables(modules: Modules, path: PurePosixPath) -> Iterator[str]:
    """The variables that a settings file reads, with whatever it reads them."""
    tree = modules.tree(path)
    callables = _callables_in(modules, path, _DEEPEST)
    for node in walk(tree):
        if _reader_in(node, callables, tree) is None:
            continue
        first = node.slice if isinstance(node, ast.Subscript) else None
        if isinstance(node, ast.Call) and node.args:
            first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _prefix_of(names: Sequence[str]) -> str:
    """What the names of all variables begin with, up to an underscore; empty: nothing."""
    own = set(names) - _PLATFORM
    heads = {name.partition("_")[0] for name in own if "_" in name}
    if len(own) < _FEWEST or len(heads) != 1 or any("_" not in name for name in own):
        return ""
    return f"{heads.pop()}_"


def _imported_from(tree: ast.Module, module: str) -> set[str]:
    return {
        alias.asname or alias.name
        for node in every_statement(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }
