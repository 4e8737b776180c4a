"""What settings files have in every environment: which names are set, and what is optional."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import Modules
from celeryize.reading import read_text

_EXPORTS = re.compile(r"\b(globals|locals|vars|setattr)\(")
# "Do not add settings below this line", "keep this at the end of the file"; not indented.
_NOTHING_AFTER = re.compile(
    r"(?mi)^#.*\b(?:"
    r"(?:do not|don['’]?t|never|nothing|no(?: more)?)\b.*\b(?:after|below|beneath)\b"
    # Vim reads its line at the end of a file alone
    r"|vim?: *(?:set? )?\w+="
    r"|(?:keep|must|should|stay|leave|has to|always)\b.*\b(?:end|bottom) of (?:the|this) "
    r"(?:file|module|settings))\b"
)
_LOADS = re.compile(r"\b(exec|execfile)\(|\bglobals\(\)\.update\(")


def certain_names(
    modules: Modules,
    path: PurePosixPath,
    *,
    before: int | None = None,
    seen: frozenset[PurePosixPath] = frozenset(),
) -> frozenset[str]:
    """The names that a module has in every environment, at its end or above line `before`."""
    if path in seen:
        return frozenset()
    found = _names_of(modules, path, modules.tree(path).body, before, seen | {path})
    for other in taken_whole(modules, path):
        found |= certain_names(modules, other, seen=seen | {path})
    return frozenset(found)


def taken_whole(modules: Modules, path: PurePosixPath) -> list[PurePosixPath]:
    """The modules whose settings a file exports by code: `globals().update(vars(base))`.

    Nothing for a file that has INSTALLED_APPS of its own.
    """
    source = modules.source(path)
    if source is None or not _EXPORTS.search(source.text):
        return []
    tree = source.tree
    if _assigns(tree.body, "INSTALLED_APPS"):
        return []
    found = []
    for node in tree.body:
        names: Iterable[str] = ()
        if isinstance(node, ast.ImportFrom):
            package = modules.absolute(node, path)
            names = [f"{package}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            module = modules.find(name)
            if module is not None and _assigns(modules.tree(module).body, "INSTALLED_APPS"):
                found.append(module)
    return found


def is_ignored(root: Path, path: PurePosixPath) -> bool:
    """Whether git ignores a file: then it is not in every environment.

    Reads the .gitignore files above it, with `*`, `**`, `/` and `!`, and not the user's own.
    """
    ignored = False
    # the outermost first: an inner file may take a file back
    for folder in reversed(path.parents):
        try:
            lines = read_text(root / folder / ".gitignore").splitlines()
        except OSError:
            continue
        relative = path.relative_to(folder)
        for line in lines:
            pattern = line.strip()
            negated = pattern.startswith("!")
            if pattern and not pattern.startswith("#") and _is_matched(relative, pattern):
                ignored = not negated
    return ignored


def override_line(modules: Modules, path: PurePosixPath, needed: frozenset[str]) -> int | None:
    """The line of the statement, in the middle of a settings file, that loads a local file over
    what is above it, or after which a comment wants nothing; None: there is none, or `needed`
    names come only after it.
    """
    body = modules.tree(path).body
    half = _first_half(body)
    lines = [node.lineno for node in body[half:] if _loads_local(modules, path, node)]
    if half:
        lines += _closed_lines(modules, path, body, (body[half - 1].end_lineno or 0) + 1)
    if not lines or not needed <= certain_names(modules, path, before=min(lines)):
        return None
    return min(lines)


def _closed_lines(
    modules: Modules, path: PurePosixPath, body: Sequence[ast.stmt], start: int
) -> Iterator[int]:
    """The lines, from `start` on, of the comments that want nothing after them."""
    source = modules.source(path)
    for match in _NOTHING_AFTER.finditer(source.text) if source else ():
        line = match.string.count("\n", 0, match.start()) + 1
        # a line of a text in several lines is no comment
        inside = any(node.lineno < line <= (node.end_lineno or 0) for node in body)
        if line >= start and not inside:
            yield line


def _first_half(body: Sequence[ast.stmt]) -> int:
    """The index behind INSTALLED_APPS, or else behind the first half of the settings.

    A local file that is loaded before that is a base: what follows overrides it.
    """
    settings = []
    for index, node in enumerate(body):
        names = _targets_of(node)
        if "INSTALLED_APPS" in names:
            return index + 1
        if any(name.isupper() for name in names):
            settings.append(index)
    if settings:
        return settings[len(settings) // 2] + 1
    return len(body)


def _loads_local(modules: Modules, path: PurePosixPath, node: ast.stmt) -> bool:
    """Whether a statement loads settings that not every environment has."""
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            target = modules.find(modules.absolute(node, path))
            return target is not None and is_ignored(modules.root, target)
        case ast.Try(body=body):
            return any(_is_star(n) or _loads_local(modules, path, n) for n in body)
        case ast.If(body=body, orelse=[]):
            return any(_loads_local(modules, path, n) or _is_star(n) for n in body)
        case ast.With() | ast.Expr():
            return bool(_LOADS.search(ast.unparse(node)))
    return False


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def _names_of(
    modules: Modules,
    path: PurePosixPath,
    body: Sequence[ast.stmt],
    before: int | None,
    seen: frozenset[PurePosixPath],
) -> set[str]:
    """The names that a list of statements binds, whichever way it takes."""
    found: set[str] = set()
    for node in body:
        if before is not None and node.lineno >= before:
            break

        def inside(statements: Sequence[ast.stmt]) -> set[str]:
            return _names_of(modules, path, statements, before, seen)

        match node:
            case ast.ImportFrom() if _is_star(node):
                target = modules.find(modules.absolute(node, path))
                if target is not None and not is_ignored(modules.root, target):
                    found |= _exported(modules, target, seen)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in names}
            case ast.If(body=first, orelse=second) if second:
                found |= inside(first) & inside(second)
            case ast.Try(body=first, handlers=handlers, orelse=second, finalbody=last):
                ways = [inside(h.body) for h in handlers if not _gives_up(h.body)]
                found |= set.intersection(inside([*first, *second]), *ways) | inside(last)
            case ast.With(body=first):
                found |= inside(first)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case _:
                found |= _targets_of(node)
    return found


def _exported(modules: Modules, target: PurePosixPath, seen: frozenset[PurePosixPath]) -> set[str]:
    """The names that a star import takes out of a module."""
    names = certain_names(modules, target, seen=seen)
    lists = [n for n in modules.tree(target).body if "__all__" in _targets_of(n)]
    if lists:
        values = [getattr(node, "value", None) for node in lists]
        listed = [e for value in values for e in getattr(value, "elts", [])]
        names &= {e.value for e in listed if isinstance(e, ast.Constant)}
    return {name for name in names if not name.startswith("_")}


def _gives_up(body: Sequence[ast.stmt]) -> bool:
    """Whether an exception handler ends the program, so that it is no way to go on."""
    last = body[-1]
    return isinstance(last, ast.Raise) or ast.unparse(last).startswith(("sys.exit", "exit("))


def _targets_of(node: ast.stmt) -> set[str]:
    """The names that an assignment binds."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif (isinstance(node, ast.AnnAssign) and node.value is not None) or isinstance(
        node, ast.AugAssign
    ):
        targets = [node.target]
    found: set[str] = set()
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        found |= {part.id for part in parts if isinstance(part, ast.Name)}
    return found


def _assigns(body: Sequence[ast.stmt], name: str) -> bool:
    return any(name in _targets_of(node) for node in body)


def _is_matched(path: PurePosixPath, pattern: str) -> bool:
    """Whether a pattern of .gitignore matches a path relative to its folder, or a folder of it."""
    pattern = pattern.removeprefix("!").rstrip("/").removeprefix("**/")
    anchored = "/" in pattern
    pattern = pattern.removeprefix("/")
    for place in (path, *list(path.parents)[:-1]):
        if fnmatch.fnmatchcase(str(place) if anchored else place.name, pattern):
            return True
    return False
