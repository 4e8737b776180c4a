"""The project's own Python code: which files there are, and each of them parsed at most once."""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

from celeryize.checks.facts.literals import Function
from celeryize.checks.facts.names import Comprehension, Local, local_names
from celeryize.detect.modules import FOREIGN, Bindings, Modules, bound_names
from celeryize.detect.project import Project
from celeryize.model import Where
from celeryize.patch.nodes import child_nodes, nodes_below
from celeryize.patch.source import Source
from celeryize.reading import list_folder, read_file

Found = TypeVar("Found")
Node = TypeVar("Node", bound=ast.AST)
# A file without any of these words cannot hold a mistake that a check knows.
RELEVANT = re.compile(
    rb"celery|CELERY|shared_task|crontab|\.delay\b|\.apply_async\b|delay_on_commit"
    rb"|tasks? import |import tasks|@[\w.]+\.(?:periodic_)?task\b|\.a?enqueue\b|django.tasks"
)
# One of these is in whatever RELEVANT finds. To look for a text is much faster than for a pattern,
# and most files have none of them.
HINTS = (b"task", b"elery", b"ELERY", b"crontab", b"delay", b".apply_async", b"enqueue")
TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$")
# Folders for copies of libraries, by convention.
VENDORED = frozenset(
    {"vendor", "vendors", "vendored", "_vendor", "_vendored", "extlib", "ext_libs"}
)
# A file that tells a copy of the library from a folder of the project with the same name.
LIBRARY_MARKS: Mapping[str, tuple[str, ...]] = {
    "celery": ("app/base.py", "apps/worker.py"),
    "kombu": ("transport/virtual", "messaging.py"),
    "billiard": ("pool.py",),
    "amqp": ("connection.py",),
    "vine": ("promises.py",),
    "redis": ("client.py",),
    "djcelery": ("loaders.py",),
    "djkombu": ("models.py",),
    "django": ("core/management",),
    "django_celery_beat": ("schedulers.py",),
    "django_celery_results": ("backends",),
}
# How many folders below the root modules are looked for; os.walk calls itself for each before 3.12.
MODULE_DEPTH = 100
# How many folders below a root are searched for the uses of a name.
DEPTH = 20
# A text that is longer than this names nothing.
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Code:
    """One parsed file of the project, with its nodes sorted by what the checks ask for most."""

    path: PurePosixPath
    module: str
    source: Source
    parents: Mapping[ast.AST, ast.AST]
    calls: tuple[ast.Call, ...]
    functions: tuple[Function, ...]
    classes: tuple[ast.ClassDef, ...]
    assigns: tuple[ast.Assign | ast.AnnAssign | ast.AugAssign, ...]
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    # what each imported name stands for: a module, or a module and a name in it
    imported: Bindings
    # those that more than one import binds
    imported_twice: frozenset[str]
    _by_kind: Mapping[type[ast.AST], Sequence[Any]]
    # what several checks ask for, computed once
    _called: dict[str, list[ast.Call]] = field(default_factory=dict, compare=False)
    _within: dict[ast.AST, tuple[ast.AST, ...]] = field(default_factory=dict, compare=False)
    _assigned: dict[ast.AST, Mapping[str, list[ast.expr] | None]] = field(
        default_factory=dict, compare=False
    )
    _local: dict[ast.AST, Local] = field(default_factory=dict, compare=False)
    _bare: list[str] = field(default_factory=list, compare=False)
    _names: list[frozenset[str]] = field(default_factory=list, compare=False)

    def has(self, *texts: str) -> bool:
        """Whether what runs has one of these texts: neither a comment nor a docstring counts."""
        # most files have none of them, which is known at once
        if not any(text in self.source.text for text in texts):
            return False
        return any(text in self.bare for text in texts)

    def finds(self, pattern: re.Pattern[str]) -> bool:
        """Whether a pattern finds something in what runs: see `has`."""
        return bool(pattern.search(self.source.text) and pattern.search(self.bare))

    def names(self, *words: str) -> bool:
        """Whether one of these is a name in the code: a variable, an attribute, an argument, an
        import, or a whole text, as getattr() and a key of os.environ are given it."""
        if not any(word in self.source.text for word in words):
            return False
        if not self._names:
            self._names.append(frozenset(_names_in(self)))
        return not self._names[0].isdisjoint(words)

    @property
    def bare(self) -> str:
        """The text less its comments and the strings that are statements of their own, which are
        docstrings, or code that somebody has put out of use."""
        if not self._bare:
            self._bare.append(_without_remarks(self.source, self._by_kind.get(ast.Expr, ())))
        return self._bare[0]

    def of(self, *kinds: type[Node]) -> Iterator[Node]:
        """The nodes of some kinds, kind by kind in the order of ast.walk()."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    def calls_of(self, *names: str) -> Iterator[ast.Call]:
        """The calls of what has one of these last names: `on_commit(...)`, `x.on_commit(...)`."""
        if not self._called and self.calls:
            for call in self.calls:
                match call.func:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        self._called.setdefault(name, []).append(call)
                    case _:
                        self._called.setdefault("", []).append(call)
        found = [call for name in names for call in self._called.get(name, ())]
        yield from sorted(found, key=_position_of)

    def within(self, node: ast.AST) -> tuple[ast.AST, ...]:
        """A node and all nodes below it, in the order of walk(), less contexts and
        operators; kept for the next check."""
        if node not in self._within:
            self._within[node] = tuple(nodes_below(node))
        return self._within[node]

    def assigned_in(self, function: Function) -> Mapping[str, list[ast.expr] | None]:
        """What each name of a function is assigned; None where something else binds it, too."""
        if function not in self._assigned:
            self._assigned[function] = _assigned_values(self.within(function))
        return self._assigned[function]

    def binder_of(self, node: ast.AST, name: str) -> tuple[ast.AST, Local] | None:
        """The innermost function, lambda or comprehension around a node that binds a name."""
        for outer in self.around(node):
            if not isinstance(outer, Function | ast.Lambda | Comprehension):
                continue
            if outer not in self._local:
                self._local[outer] = local_names(outer)
            if self._local[outer].binds(name):
                return outer, self._local[outer]
        return None

    def where(self, node: ast.AST) -> Where:
        """The place of a node."""
        return self.source.where(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, from the nearest to the module."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def at_top(self, node: ast.AST) -> bool:
        """Whether a node runs when the module is imported."""
        return not any(isinstance(outer, Function | ast.Lambda) for outer in self.around(node))

    def function_of(self, node: ast.AST) -> Function | None:
        """The function around a node, if any."""
        return next((outer for outer in self.around(node) if isinstance(outer, Function)), None)


@dataclass(frozen=True, eq=False)
class CodeFacts:
    """The Python files of a project. The caches make sure that none is parsed twice."""

    project: Project
    settings_files: tuple[PurePosixPath, ...]
    _codes: dict[PurePosixPath, Code | None] = field(default_factory=dict)
    _outer: dict[PurePosixPath, Bindings] = field(default_factory=dict)
    _once: dict[str, object] = field(default_factory=dict)

    def once(self, key: str, compute: Callable[[], Found]) -> Found:
        """What `compute` finds in the files, computed by the first check that asks under `key`."""
        if key not in self._once:
            self._once[key] = compute()
        return cast("Found", self._once[key])

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Every Python file of the project's own that is not a test, in the order of its name."""
        return tuple(PurePosixPath(path) for path in self._own_files if not TESTS.search(path))

    @cached_property
    def test_files(self) -> tuple[PurePosixPath, ...]:
        """The files of the project's tests, and the settings that they have of their own."""
        return tuple(PurePosixPath(path) for path in self._own_files if TESTS.search(path))

    @cached_property
    def _own_files(self) -> tuple[str, ...]:
        root = self.project.root
        found: set[str] = set()
        for base in self.project.modules.roots:
            start = str(root / base)
            for folder, names, files in os.walk(start):
                # what a folder is shows in what it holds, which has just been listed
                if folder != start and _is_copy(Path(folder), [*names, *files]):
                    names.clear()
                    continue
                inside = os.path.relpath(folder, root).replace(os.sep, "/")
                # os.walk only descends into what is left in this list
                names[:] = [name for name in names if not _is_named_foreign(name)]
                if inside.count("/") >= MODULE_DEPTH:
                    names.clear()
                found.update(f"{inside}/{file}" for file in files if file.endswith(".py"))
        return tuple(sorted(path.removeprefix("./") for path in found))

    @cached_property
    def relevant(self) -> tuple[Code, ...]:
        """The files that mention Celery, and those of the settings, parsed."""
        paths = dict.fromkeys([*self._mentioning, *self.settings_files])
        codes = (self.parsed(path) for path in paths)
        return tuple(code for code in codes if code is not None)

    @cached_property
    def _mentioning(self) -> tuple[PurePosixPath, ...]:
        return tuple(path for path in self.files if _is_relevant(self._read_bytes(path)))

    def has_management_command(self, name: str) -> bool:
        """Whether the project has a `manage.py` command of its own of this name."""
        end = f"management/commands/{name}.py"
        return any(path.as_posix().endswith(end) for path in self.files)

    def parsed(self, path: PurePosixPath) -> Code | None:
        """A file, parsed; None where it cannot be."""
        if path not in self._codes:
            modules = self.project.modules
            source = modules.source(path)
            code = None
            if source:
                code = read_code(source, modules)
            self._codes[path] = code
        return self._codes[path]

    def bindings(self, path: PurePosixPath) -> Bindings:
        """What each imported name of a file stands for: a module, or a module and a name in it."""
        code = self.parsed(path)
        if code:
            return code.imported
        return {}

    def imported_as(self, code: Code, node: ast.AST, name: str) -> tuple[str, str | None] | None:
        """What a name stands for at a node, if an import that counts there has bound it."""
        # nearly all names are no imported ones, which is known at once
        if name not in code.imported:
            return None
        binder = code.binder_of(node, name)
        if binder is None:
            return self._outer_bindings(code).get(name)
        local = binder[1]
        if name in local.values or name not in local.imports:
            return None
        return bound_names(self.project.modules, code.path, local.imports[name]).get(name)

    def _outer_bindings(self, code: Code) -> Bindings:
        """What the imports of a file bind in the module itself, not in one of its functions."""
        if code.path not in self._outer:
            outer = [node for node in code.imports if code.function_of(node) is None]
            found = dict(bound_names(self.project.modules, code.path, outer))
            for node in code.imports:
                function = code.function_of(node)
                # `global celery_app` makes an import in a function one of the module
                if function is not None and _declares_global(function):
                    found.update(bound_names(self.project.modules, code.path, [node]))
            self._outer[code.path] = found
        return self._outer[code.path]

    def text(self, path: PurePosixPath) -> str:
        """The text of a file, whether it can be parsed or not."""
        return self._read_bytes(path).decode("utf-8", "replace")

    @cached_property
    def unreadable(self) -> tuple[PurePosixPath, ...]:
        """The files that mention Celery, and those of the settings, that cannot be parsed."""
        paths = dict.fromkeys([*self._mentioning, *self.settings_files])
        return tuple(path for path in paths if self.parsed(path) is None)

    def has(self, path: PurePosixPath, *texts: str) -> bool:
        """Whether what runs in a file has one of these texts; True for one of them in a file that
        cannot be parsed."""
        # to parse is what takes time
        data = self._read_bytes(path)
        if not any(text.encode() in data for text in texts):
            return False
        code = self.parsed(path)
        return code is None or code.has(*texts)

    def line(self, where: Where) -> str:
        """The text of a line of the project."""
        if where.line is None:
            return ""
        lines = self._read_bytes(where.path).decode("utf-8", "replace").split("\n")
        if where.line <= len(lines):
            return lines[where.line - 1].strip()
        return ""

    def count_uses(self, name: str) -> int:
        """How often a name occurs in the project's Python files, tests included."""
        word = re.compile(rf"\b{re.escape(name)}\b".encode("utf-8", "surrogateescape"))
        modules = self.project.modules
        paths = {path for base in modules.roots for path in modules.python_files(base, DEPTH)}
        paths |= set(self.settings_files)
        return sum(len(word.findall(self._read_bytes(path))) for path in paths)

    def is_library(self, folder: PurePosixPath) -> bool:
        """Whether a folder of the project is a copy of a library, and no code of its own."""
        return _is_not_ours(self.project.root / folder)

    @cached_property
    def own_packages(self) -> frozenset[str]:
        """The first parts of the names of the project's own modules."""
        name_of = self.project.modules.name_of
        # the files of a package have its name in theirs; those of no package have their own
        packages = {path.parent: name_of(path.with_name("__init__.py")) for path in self.files}
        names = (packages[path.parent] or name_of(path) or "" for path in self.files)
        return frozenset(name.split(".")[0] for name in names) - {""}

    def imports_module(self, module: str) -> bool:
        """Whether any file of the project imports a module, by whatever spelling."""
        if module in self._imported_names:
            return True
        # the bytes of most files rule it out; parsing is what takes time
        tail = re.escape(module.rpartition(".")[2])
        mention = re.compile(
            rf"\bimport\b[^\n]*\b{tail}\b|\b{tail}\s+import\b".encode("utf-8", "surrogateescape")
        )
        candidates = (path for path in self.files if mention.search(self._read_bytes(path)))
        return any(module in self._imports_of(path) for path in candidates)

    def is_imported_by(self, module: str, paths: Iterable[PurePosixPath]) -> bool:
        """Whether one of these files imports a module, or something from it."""
        tail = re.escape(module.rpartition(".")[2])
        mention = re.compile(rf"\b{tail}\b".encode("utf-8", "surrogateescape"))
        # the bytes of most files rule it out; parsing is what takes time
        candidates = (path for path in paths if mention.search(self._read_bytes(path)))
        own = self.project.modules.find(module)
        return any(module in self._imports_of(path) for path in candidates if path != own)

    @cached_property
    def _imported_names(self) -> frozenset[str]:
        """Every module, and every name in one, that a file which mentions Celery imports."""
        return frozenset(name for code in self.relevant for name in self._imports_of(code.path))

    def _imports_of(self, path: PurePosixPath) -> set[str]:
        found: set[str] = set()
        code = self.parsed(path)
        # not the bindings: of two star imports, or of `import a.b` and `import a.c`, those have one
        for node in code.imports if code else ():
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
                continue
            module = self.project.modules.absolute(node, path)
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
        return found

    def raw(self, path: PurePosixPath) -> bytes:
        """The bytes of a file, without parsing it; none where it cannot be read."""
        return self._read_bytes(path)

    def _read_bytes(self, path: PurePosixPath) -> bytes:
        """The bytes of a file; none where it cannot be read."""
        known = self.project.modules.seen(path)
        if known is not None:
            return known
        try:
            # to join two paths as texts takes a third of the time, for thousands of files
            return read_file(f"{self._root}{path}")
        except OSError:
            return b""

    @cached_property
    def _root(self) -> str:
        return f"{self.project.root}{os.sep}"


def _without_remarks(source: Source, statements: Iterable[ast.Expr]) -> str:
    """The text less its comments and the strings that are statements."""
    spans = [
        (source.start(node.value), source.end(node.value))
        for node in statements
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    if "#" in source.text:
        spans += _comments_in(source)
    kept: list[str] = []
    done = 0
    for start, end in sorted(spans):
        kept.append(source.text[done:start])
        # the lines keep their numbers
        kept.append("\n" * source.text.count("\n", start, end))
        done = max(done, end)
    return "".join([*kept, source.text[done:]])


def _comments_in(source: Source) -> list[tuple[int, int]]:
    """The spans of the comments; none where the reader of this Python does not get through."""
    starts = source.line_starts
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                begin = starts[token.start[0] - 1] + token.start[1]
                found.append((begin, begin + len(token.string)))
    except (tokenize.TokenError, SyntaxError):
        return []
    return found


def _names_in(code: Code) -> Iterator[str]:
    """Every name of a file, and every text that may be one."""
    for name in code.of(ast.Name):
        yield name.id
    for attribute in code.of(ast.Attribute):
        yield attribute.attr
    for alias in code.of(ast.alias):
        yield from alias.name.split(".")
    for keyword in code.of(ast.keyword):
        yield keyword.arg or ""
    for node in code.of(ast.ImportFrom):
        yield from (node.module or "").split(".")
    for constant in code.of(ast.Constant):
        if isinstance(constant.value, str) and len(constant.value) < LONGEST_NAME:
            if not isinstance(code.parents.get(constant), ast.Expr):
                yield constant.value
    yield from (function.name for function in code.functions)


def _is_relevant(data: bytes) -> bool:
    return any(hint in data for hint in HINTS) and RELEVANT.search(data) is not None


def _is_not_ours(folder: Path) -> bool:
    """Whether a folder holds other people's code: an environment, or a library that was copied."""
    entries = [entry.name for entry in list_folder(folder)]
    return _is_named_foreign(folder.name) or _is_copy(folder, entries)


def _is_named_foreign(name: str) -> bool:
    return name.startswith((".", "__")) or name in FOREIGN or name in VENDORED


def _is_copy(folder: Path, entries: Sequence[str]) -> bool:
    """Whether what a folder holds tells a library that was copied, or a virtual environment."""
    if any((folder / mark).exists() for mark in LIBRARY_MARKS.get(folder.name, ())):
        return True
    # what pip leaves beside the packages that it installs into a folder
    return any(name == "pyvenv.cfg" or name.endswith(".dist-info") for name in entries)


def _assigned_values(nodes: Sequence[ast.AST]) -> Mapping[str, list[ast.expr] | None]:
    values: dict[str, list[ast.expr]] = {}
    stored: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, ast.arg):
            # a parameter has a value that the function does not show
            stored[node.arg] += 1
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            stored[node.id] += 1
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            # `except OSError as result`, `case User() as result`
            stored[node.name] += 1
    # the name of each assignment is a Store, too: what is stored more often is bound elsewhere
    return {
        name: values.get(name, []) if count == len(values.get(name, [])) else None
        for name, count in stored.items()
    }


def read_code(source: Source, modules: Modules) -> Code:
    """Walk a file once and sort its nodes."""
    parents: dict[ast.AST, ast.AST] = {}
    by_kind: dict[type[ast.AST], list[Any]] = defaultdict(list)
    todo: list[ast.AST] = [source.tree]
    # the list grows while it is read
    for node in todo:
        by_kind[node.__class__].append(node)
        for child in child_nodes(node):
            parents[child] = node
            todo.append(child)
    imports = _in_order(by_kind, ast.Import, ast.ImportFrom)
    return Code(
        path=source.path,
        module=modules.name_of(source.path) or "",
        source=source,
        parents=parents,
        calls=_in_order(by_kind, ast.Call),
        functions=_in_order(by_kind, ast.FunctionDef, ast.AsyncFunctionDef),
        classes=_in_order(by_kind, ast.ClassDef),
        assigns=_in_order(by_kind, ast.Assign, ast.AnnAssign, ast.AugAssign),
        imports=imports,
        imported=bound_names(modules, source.path, imports),
        imported_twice=_bound_twice(imports),
        _by_kind=by_kind,
    )


def _bound_twice(imports: Iterable[ast.Import | ast.ImportFrom]) -> frozenset[str]:
    names = Counter(
        alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names
    )
    return frozenset(name for name, count in names.items() if count > 1)


def _in_order(by_kind: Mapping[type[ast.AST], list[Any]], *kinds: type[ast.AST]) -> tuple[Any, ...]:
    found = [node for kind in kinds for node in by_kind.get(kind, ())]
    return tuple(sorted(found, key=_position_of))


def is_visible(code: Code, node: ast.AST, name: str, definition: ast.AST) -> bool:
    """Whether a name at a node means a definition of the same file, and nothing more local."""
    binder = code.binder_of(node, name)
    if binder is None:
        return True
    scope, local = binder
    return name not in local.values | local.imports.keys() and scope in code.around(definition)


def _declares_global(function: Function) -> bool:
    return any(isinstance(node, ast.Global) for node in function.body)


def _position_of(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset
