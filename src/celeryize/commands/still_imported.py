"""What an undo removes, and code that was written since needs: said before the question.

from doctors.tasks import remind     an import of it
settings.CELERY_BROKER_URL           a setting
"doctors.tasks.remind"               its dotted name: an entry of Beat, send_task()
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import Modules
from celeryize.errors import CannotPatch
from celeryize.model import Edit, Where
from celeryize.patch.nodes import dotted
from celeryize.patch.source import Source

# Folders of a project below its root that are looked through.
DEPTH = 8
# More would hide the question.
MOST_NOTES = 5


@dataclass(frozen=True, slots=True)
class _Lost:
    """What an edit removes from a module: some of its names, or the whole of it."""

    path: PurePosixPath
    names: frozenset[str]
    whole: bool

    @property
    def settings(self) -> frozenset[str]:
        """The names that a settings object may have."""
        return frozenset(name for name in self.names if name.isupper())

    @property
    def words(self) -> frozenset[str]:
        """What a file has that needs any of it: the name of the module, or a setting."""
        return self.settings | {self.path.stem}

    def is_module(self, name: str) -> bool:
        """Whether a dotted name means this module: roots of sys.path may be below the root."""
        parts = self.path.with_suffix("").parts
        if self.path.name == "__init__.py":
            parts = self.path.parent.parts
        wanted = tuple(name.split("."))
        # a bare `tasks` is the module of that name at the top, not one in any app
        return parts[-len(wanted) :] == wanted and (len(wanted) > 1 or len(parts) == 1)


def still_imported(edits: Sequence[Edit], root: Path) -> tuple[str, ...]:
    """A sentence for each import that would fail once the edits are made."""
    lost = [gone for edit in edits if (gone := _lost_by(edit)) is not None]
    if not lost:
        return ()
    after = {edit.path: edit.after for edit in edits}
    modules = Modules(root, (PurePosixPath(),))
    notes = [
        note
        for path in modules.python_files(PurePosixPath(), DEPTH)
        for note in _notes_of(path, after, modules, lost)
    ]
    if len(notes) > MOST_NOTES:
        more = len(notes) - MOST_NOTES
        return (*notes[:MOST_NOTES], f"{more} more lines like that would fail.")
    return tuple(notes)


def _lost_by(edit: Edit) -> _Lost | None:
    if edit.path.suffix != ".py":
        return None
    gone = _names_of(edit.path, edit.before) - _names_of(edit.path, edit.after)
    if not gone and edit.after is not None:
        return None
    return _Lost(edit.path, gone, edit.after is None)


def _names_of(path: PurePosixPath, data: bytes | None) -> frozenset[str]:
    """What a module defines at its top level; a file that cannot be read defines nothing."""
    try:
        body = Source.decode(path, data or b"").tree.body
    except CannotPatch:
        return frozenset()
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name for node in body if isinstance(node, definitions)}
    for node in body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return frozenset(names)


def _notes_of(
    path: PurePosixPath,
    after: dict[PurePosixPath, bytes | None],
    modules: Modules,
    lost: Sequence[_Lost],
) -> Iterator[str]:
    """A sentence for each line of a file, as it will be, that needs what is lost."""
    tree = _tree_after(path, after, modules, lost)
    if tree is None:
        return
    for where, what, gone in _uses_in(path, tree, modules, lost):
        yield f"{where} imports {what} from {gone.path}, which this removes: change that line, too."
    for where, what, gone in _names_in(path, tree, modules, lost):
        yield f"{where} uses {what} of {gone.path}, which this removes: change that line, too."


def _tree_after(
    path: PurePosixPath,
    after: dict[PurePosixPath, bytes | None],
    modules: Modules,
    lost: Sequence[_Lost],
) -> ast.Module | None:
    """A file as it will be; None for one that does not name anything that is lost."""
    if path in after:
        text = after[path]
    elif any(modules.mentions(path, word.encode()) for gone in lost for word in gone.words):
        source = modules.source(path)
        text = source.encode() if source else None
    else:
        return None
    if text is None:
        return None
    try:
        return Source.decode(path, text).tree
    except CannotPatch:
        return None


def _names_in(
    path: PurePosixPath, tree: ast.Module, modules: Modules, lost: Sequence[_Lost]
) -> Iterator[tuple[Where, str, _Lost]]:
    """The settings, attributes of modules and dotted names in a file that are lost."""
    for node in ast.walk(tree):
        for gone in lost:
            match node:
                case ast.Attribute(value=ast.Name(id="settings"), attr=name, ctx=ast.Load()) if (
                    name in gone.settings and not _is_set_elsewhere(name, gone, modules)
                ):
                    yield Where(path, node.lineno), f"settings.{name}", gone
                case ast.Attribute(attr=name, ctx=ast.Load()) if (
                    name in gone.names and gone.is_module(dotted(node.value))
                ):
                    yield Where(path, node.lineno), dotted(node), gone
                case ast.Constant(value=str(text)) if _is_dotted_name(text, gone):
                    yield Where(path, node.lineno), f'"{text}"', gone


def _is_dotted_name(text: str, gone: _Lost) -> bool:
    """Whether a text is the dotted name of something that is lost, such as that of a task."""
    module, _, name = text.rpartition(".")
    return bool(module) and name in gone.names and gone.is_module(module)


def _is_set_elsewhere(name: str, gone: _Lost, modules: Modules) -> bool:
    """Whether another file assigns a setting: that of another environment, or a base of it."""
    assigned = re.compile(rf"^\s*{re.escape(name)}\s*[:=]", re.M)
    for path in modules.python_files(PurePosixPath(), DEPTH):
        if path == gone.path or not modules.mentions(path, name.encode()):
            continue
        source = modules.source(path)
        if source is not None and assigned.search(source.text):
            return True
    return False


def _uses_in(
    path: PurePosixPath,
    tree: ast.Module,
    modules: Modules,
    lost: Sequence[_Lost],
) -> Iterator[tuple[Where, str, _Lost]]:
    """The imports of a file of what is lost."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        for gone in lost:
            for what in _imported(node, path, modules, gone):
                yield Where(path, node.lineno), what, gone
            if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
                continue
            if gone.is_module(modules.absolute(node, path)):
                for name in sorted(_unbound_uses(tree) & gone.names):
                    yield Where(path, node.lineno), name, gone


def _unbound_uses(tree: ast.Module) -> set[str]:
    """The names that a module uses, and binds nowhere itself: a star import may bring them."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound


def _imported(
    node: ast.Import | ast.ImportFrom, path: PurePosixPath, modules: Modules, gone: _Lost
) -> Iterator[str]:
    """What a statement imports of a module that loses something."""
    if isinstance(node, ast.Import):
        if gone.whole:
            yield from (alias.name for alias in node.names if gone.is_module(alias.name))
        return
    module = modules.absolute(node, path)
    for alias in node.names:
        whole = gone.whole and (gone.is_module(module) or gone.is_module(f"{module}.{alias.name}"))
        if whole or (gone.is_module(module) and alias.name in gone.names):
            yield alias.name
