"""The project's Python modules, found by name as its interpreter would find them, read at most
once."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.nodes import walk
from celeryize.patch.source import Source
from celeryize.reading import file_mentions, is_file, is_folder, read_file, scan_folder

# Bytes in the name of a file, less `.py`, on the usual file systems.
LONGEST = 252

# The names that the imports of a file bind: to a module, or to a module and a name in it.
Bindings = Mapping[str, tuple[str, str | None]]


class Modules:
    """Looks up modules below `roots` (relative to `root`, in the order of sys.path); imports
    nothing."""

    def __init__(self, root: Path, roots: tuple[PurePosixPath, ...]) -> None:
        self.root = root
        self.roots = roots
        self._sources: dict[PurePosixPath, Source | None] = {}
        # the folders of the installed apps, by which the project itself names what is in them
        self._packages: dict[PurePosixPath, str] = {}
        self._names: dict[PurePosixPath, str | None] = {}
        self._files: dict[str, PurePosixPath | None] = {}
        self._bytes: dict[PurePosixPath, bytes] = {}
        self._held: dict[tuple[str, bytes], bool] = {}
        self._with: dict[tuple[PurePosixPath, int, bytes], list[PurePosixPath]] = {}
        self._longest_first = sorted(roots, key=lambda root: -len(root.parts))

    def look_below(self, roots: tuple[PurePosixPath, ...]) -> None:
        """Learn more folders in which Python finds modules: those that the settings add."""
        if roots:
            self.roots += roots
            self._longest_first = sorted(self.roots, key=lambda root: -len(root.parts))
            self._names.clear()
            self._files.clear()

    def find(self, name: str) -> PurePosixPath | None:
        """The file of a dotted module name (`__init__.py` for a package), or None."""
        if name not in self._files:
            self._files[name] = self._find_file(name)
        return self._files[name]

    def _find_file(self, name: str) -> PurePosixPath | None:
        parts = _name_parts(name)
        for base in self.roots if parts else ():
            stem = base.joinpath(*parts)
            # a package before a module of the same name, as in Python
            for candidate in (stem / "__init__.py", stem.parent / f"{stem.name}.py"):
                if (self.root / candidate).is_file():
                    return candidate
        return None

    def folder(self, name: str) -> PurePosixPath | None:
        """The folder of a dotted package name, with or without an `__init__.py`."""
        parts = _name_parts(name)
        for base in self.roots if parts else ():
            candidate = base.joinpath(*parts)
            if (self.root / candidate).is_dir():
                return candidate
        return None

    def name_packages(self, packages: Mapping[PurePosixPath, str]) -> None:
        """Learn under which names the project imports some of its folders (INSTALLED_APPS).

        A file below two roots has two names: `src/shop` is `shop` where src is on sys.path, and
        yet `src.shop` in a project that imports it so. Celery makes a task's name of that.
        """
        self._packages = dict(packages)
        self._names.clear()
        # the roots that these names go by come first, then the others; of each the longest
        used = {
            base
            for folder, name in packages.items()
            for base in self.roots
            if base.joinpath(*name.split(".")) == folder
        }
        self._longest_first.sort(key=lambda root: (root not in used, -len(root.parts)))

    def name_of(self, path: PurePosixPath) -> str | None:
        """The dotted name of a file as the project imports it, or None below no root."""
        if path not in self._names:
            self._names[path] = self._find_name(path)
        return self._names[path]

    def _find_name(self, path: PurePosixPath) -> str | None:
        for folder in path.parents:
            if folder in self._packages:
                return _dotted(self._packages[folder], path.relative_to(folder))
        for base in self._longest_first:
            if path.is_relative_to(base):
                return _dotted("", path.relative_to(base))
        return None

    def source(self, path: PurePosixPath) -> Source | None:
        """The parsed file, or None where it is absent or cannot be read as today's Python."""
        if path not in self._sources:
            self._sources[path] = self._load_source(path)
        return self._sources[path]

    def mentions(self, path: PurePosixPath, word: bytes) -> bool:
        """Whether a file holds some bytes; False where it cannot be read."""
        known = self.seen(path) or self._bytes.get(path)
        if known is None:
            return file_mentions(self.root / path, word)
        return word in known

    def seen(self, path: PurePosixPath) -> bytes | None:
        """The bytes that a file had when it was parsed; None for one that was not."""
        source = self._sources.get(path)
        if source:
            return source.encode()
        return None

    def tree(self, path: PurePosixPath) -> ast.Module:
        """The syntax tree of a file; an empty one where it cannot be read."""
        source = self.source(path)
        if source:
            return source.tree
        return ast.Module(body=[], type_ignores=[])

    def python_files(self, folder: PurePosixPath, depth: int) -> Iterator[PurePosixPath]:
        """The Python files of a folder and `depth` levels below, in the order of their names."""
        for entry in _python_entries(str(self.root / folder), depth):
            yield self._relative(entry)

    def files_with(self, folder: PurePosixPath, depth: int, word: bytes) -> list[PurePosixPath]:
        """Those of python_files() that hold some bytes; read once for each word.

        Of thousands of files a handful does, and no other one is even given a path.
        """
        asked = (folder, depth, word)
        if asked not in self._with:
            entries = _python_entries(str(self.root / folder), depth)
            found = (self._relative(entry) for entry in entries if self._holds(entry.path, word))
            self._with[asked] = list(found)
        return self._with[asked]

    def _holds(self, file: str, word: bytes) -> bool:
        """Whether a file holds some bytes; one of several folders that are asked for is read
        once."""
        if (file, word) not in self._held:
            self._held[file, word] = file_mentions(file, word)
        return self._held[file, word]

    def raw(self, path: PurePosixPath) -> bytes:
        """The bytes of a file, those that were read before where it was; none of one that cannot be
        read."""
        known = self.seen(path)
        if known is not None:
            return known
        if path not in self._bytes:
            try:
                self._bytes[path] = read_file(self.root / path)
            except OSError:
                return b""
        return self._bytes[path]

    def _relative(self, entry: os.DirEntry[str]) -> PurePosixPath:
        return PurePosixPath(Path(entry.path).relative_to(self.root).as_posix())

    def absolute(self, node: ast.ImportFrom, importer: PurePosixPath) -> str:
        """The absolute dotted name that `from ... import` names in the file `importer`."""
        if not node.level:
            return node.module or ""
        package = (self.name_of(importer) or "").split(".")
        if importer.name != "__init__.py":
            package = package[:-1]
        # each further dot is one package up
        package = package[: len(package) - (node.level - 1)]
        return ".".join([*package, *([node.module] if node.module else [])])

    def refusal(self, path: PurePosixPath) -> CannotPatch | None:
        """Why a file cannot be read as Python; None where it can, or where it is absent."""
        try:
            _ = Source.decode(path, read_file(self.root / path)).tree
        except OSError:
            return None
        except CannotPatch as refusal:
            return refusal
        return None

    def _load_source(self, path: PurePosixPath) -> Source | None:
        data = self._bytes.pop(path, None)
        try:
            source = Source.decode(path, read_file(self.root / path) if data is None else data)
            _ = source.tree
        except (OSError, CannotPatch):
            return None
        return source


def _python_entries(folder: str, depth: int) -> Iterator[os.DirEntry[str]]:
    """The Python files of a folder and `depth` levels below; other people's folders are left out,
    though not the one that was asked for."""
    for entry in scan_folder(folder):
        if entry.name.endswith(".py") and is_file(entry):
            yield entry
        elif depth and is_folder(entry) and not is_foreign(Path(entry.path)):
            yield from _python_entries(entry.path, depth - 1)


def _dotted(package: str, inside: PurePosixPath) -> str:
    """The dotted name of a file in a package."""
    parts = inside.with_suffix("").parts
    if parts[-1:] == ("__init__",):
        parts = parts[:-1]
    if package:
        parts = (package, *parts)
    return ".".join(parts)


def _name_parts(name: str) -> list[str]:
    """The parts of a dotted name; none for what no import finds: a path, a gap, more than a file
    system holds."""
    parts = name.split(".")
    if "/" in name or "" in parts or len(name.encode("utf-8", "replace")) > LONGEST:
        return []
    return parts


def bound_names(
    modules: Modules, path: PurePosixPath, imports: Iterable[ast.Import | ast.ImportFrom]
) -> Bindings:
    """What the import statements of a file bind its names to."""
    found: dict[str, tuple[str, str | None]] = {}
    for node in imports:
        if isinstance(node, ast.ImportFrom):
            module = modules.absolute(node, path)
            for alias in node.names:
                found[alias.asname or alias.name] = (module, alias.name)
            continue
        for alias in node.names:
            if alias.asname:
                found[alias.asname] = (alias.name, None)
            else:
                # `import a.b` binds `a`
                head = alias.name.split(".")[0]
                found[head] = (head, None)
    return found


def called_modules(modules: Modules, source: Source) -> Iterator[Source]:
    """The modules of the project from which a file imports a function that it calls."""
    called = {
        ast.unparse(node.func).split(".")[0]
        for node in walk(source.tree)
        if isinstance(node, ast.Call)
    }
    for node in walk(source.tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = modules.absolute(node, source.path)
        for alias in node.names:
            if (alias.asname or alias.name) not in called:
                continue
            # `from config.env import prepare`, `from config import env`
            for name in (base, f"{base}.{alias.name}"):
                path = modules.find(name)
                helper = modules.source(path) if path else None
                if helper is not None:
                    yield helper


def imports_package(modules: Modules, path: PurePosixPath, package: str) -> bool:
    """Whether importing a file imports a package of the project, itself or through others.

    An import in a function counts, too: the function may run at once.
    """
    waiting = [path]
    for file in waiting:
        # the packages that a module is in run before it
        names = [modules.name_of(file) or ""]
        for node in ast.walk(modules.tree(file)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = modules.absolute(node, file)
                names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                found = modules.find(".".join(parts[:end]))
                if found is not None and found not in waiting:
                    waiting.append(found)
    init = modules.find(package)
    return init in waiting


def is_foreign(folder: Path) -> bool:
    """Whether a folder holds other people's code: hidden, node_modules, a virtual environment.

    A folder that this user may not enter holds no code that runs here: a database's data, say.
    """
    if folder.name.startswith((".", "__")) or folder.name in FOREIGN:
        return True
    try:
        return (folder / "pyvenv.cfg").exists()
    except OSError:
        return True


FOREIGN = frozenset(
    {"node_modules", "site-packages", "venv", "env", "dist", "build", "migrations", "static"}
)
