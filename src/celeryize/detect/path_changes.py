"""The folders that Python code puts on sys.path, as far as its literals tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import Modules
from celeryize.patch.nodes import walk
from celeryize.reading import is_file, is_folder

# `APPS = ROOT / "apps"`, `ROOT = os.path.join(HERE, "..")`: names are followed this far.
_DEEPEST = 3
# Where the packages of a library are, from the root of its repository.
_OF_LIBRARIES = (PurePosixPath("."), PurePosixPath("src"))
# One of these is in whatever puts a folder on sys.path.
_PATH_WORDS = (b"sys", b"addsitedir")


def added_parts(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """The literal parts of each folder that is put on sys.path: ("apps",) for `BASE / "apps"`.

    Without the parts that lead upwards: what they start from is not a literal.
    """
    for node in walk(tree):
        for folder in _added_expressions(node):
            parts = tuple(_literal_parts(folder, tree, _DEEPEST))
            if parts:
                yield parts


def folders_with_apps(
    modules: Modules, files: Sequence[PurePosixPath], entries: Sequence[str]
) -> tuple[PurePosixPath, ...]:
    """The folders in which installed apps are that no other folder of sys.path has.

    `entries` is INSTALLED_APPS, `files` the settings, which may put a folder on sys.path. The
    repository itself counts, too: an example project imports the library that it belongs to, which
    is installed in its environment. A folder without an app of the project, such as that of
    vendored libraries, is not the project's own code.
    """
    lost = {entry.partition(".")[0] for entry in entries if not _is_found(modules, entry)}
    found: dict[PurePosixPath, None] = {}
    places = [
        folder
        for file in files
        if lost and any(modules.mentions(file, word) for word in _PATH_WORDS)
        for parts in added_parts(modules.tree(file))
        if (folder := _folder_of(modules.root, file, parts))
    ]
    for place in (*places, *_OF_LIBRARIES):
        here = {name for name in lost if is_file(modules.root / place / name / "__init__.py")}
        if here and place not in modules.roots:
            found[place] = None
            lost -= here
    return tuple(found)


def _added_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The folders that one node adds: `sys.path.insert(0, X)`, `sys.path += [X]`,
    `sys.path[:0] = [X]`, `site.addsitedir(X)`."""
    match node:
        case ast.Call(func=ast.Attribute(attr="insert" | "append" | "extend") as func) if (
            _is_path(func.value) and node.args
        ):
            yield from _items(node.args[-1])
        case ast.Call(func=ast.Attribute(attr="addsitedir") | ast.Name(id="addsitedir")) if (
            node.args
        ):
            yield node.args[0]
        case (
            ast.AugAssign(target=target, value=value) | ast.Assign(targets=[target], value=value)
        ) if _is_path(target) or (isinstance(target, ast.Subscript) and _is_path(target.value)):
            yield from _items(value)


def _is_path(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path"


def _items(value: ast.expr) -> Iterator[ast.expr]:
    """The items of a list, of `[X] + sys.path`, or the one value itself."""
    match value:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            yield from items
        case ast.BinOp(left=left, op=ast.Add(), right=right) if any(
            isinstance(side, ast.List) or _is_path(side) for side in (left, right)
        ):
            yield from _items(left)
            yield from _items(right)
        case _ if not _is_path(value):
            yield value


def _literal_parts(value: ast.expr, tree: ast.Module, depth: int) -> Iterator[str]:
    """The texts of a path, in order; those of the names in it that the file assigns once."""
    for node in _in_order(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (part for part in node.value.split("/") if part not in {"", ".", ".."})
        elif isinstance(node, ast.Name) and depth:
            assigned = [
                statement.value
                for statement in tree.body
                if isinstance(statement, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == node.id for t in statement.targets)
            ]
            if len(assigned) == 1:
                yield from _literal_parts(assigned[0], tree, depth - 1)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, as they are written: ast.walk goes level by level."""
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _folder_of(root: Path, file: PurePosixPath, parts: tuple[str, ...]) -> PurePosixPath | None:
    """The folder with these parts that is nearest to a file, upwards; None where there is none."""
    for parent in file.parents:
        if is_folder((root / parent).joinpath(*parts)):
            return parent.joinpath(*parts)
    return None


def _is_found(modules: Modules, entry: str) -> bool:
    return modules.folder(entry.partition(".")[0]) is not None or modules.find(entry) is not None
