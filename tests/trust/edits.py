"""Insertions into every Python file of the standard library and of the installed packages.

What must hold is told here without the editors' own proof: every old byte is there, in order; the file parses;
its statements are the old ones and the planned ones; the same edit again changes nothing; taking the insertion
out gives the old tree.
"""

from __future__ import annotations

import ast
import random
import sysconfig
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch, CeleryizeError
from celeryize.patch.beat_schedule import Home, add_entry, remove_entry
from celeryize.patch.collection import Literal, append_element
from celeryize.patch.definitions import add_definitions, remove_definitions
from celeryize.patch.imports import add_import, gives
from celeryize.patch.package_init import import_app
from celeryize.patch.ready import IMPORT, METHOD, import_signals
from celeryize.patch.settings import add_attributes, add_block
from celeryize.patch.source import Source, every_statement
from tests.trust.ground import SEED, Tally

BLOCK = """# What a worker does with a task.
ZZ_BROKER_URL = os.environ.get("ZZ_BROKER_URL", "redis://localhost:6379/0")
ZZ_OPTIONS = {
    "a": 1,
    'b "c"': [],
}
"""
TASK = '@shared_task(bind=True)\ndef zz_task(self, x: int = 1) -> None:\n    """Work."""\n    print(x)\n'
ENTRY = '"zz": {\n    "task": "shop.tasks.zz",\n    "schedule": crontab(hour=3),\n}'
CRONTAB = "from celery.schedules import crontab"
MERGED = (
    "import os",
    "from typing import Any",
    "from os import path as zz_path",
    "from . import zz",
)
# Of each literal's kind, so many places in one file.
PLACES = 2

Edit = Callable[[Source], Source]


def files() -> list[Path]:
    """The standard library, and the packages that are installed beside us."""
    own = Path(sysconfig.get_path("stdlib")).rglob("*.py")
    installed = Path(sysconfig.get_path("purelib")).rglob("*.py")
    return [*sorted(p for p in own if "site-packages" not in p.parts), *sorted(installed)]


def run(*, most: int | None, workers: int) -> Tally:
    """All editors on all files; with `most`, on so many of them."""
    chosen = files()
    if most:
        chosen = random.Random(SEED).sample(chosen, most)
    tally = Tally("edits", "insertions tried")
    with ProcessPoolExecutor(workers) as pool:
        for tried, refused, losses in pool.map(attack_file, chosen, chunksize=20):
            tally.tried += tried
            tally.refused += refused
            tally.losses += losses
    return tally


def attack_file(path: Path) -> tuple[int, int, list[str]]:
    """All editors on one file: tried, refused, losses."""
    return attack(PurePosixPath(path.name), path.read_bytes(), str(path))


def attack(path: PurePosixPath, data: bytes, case: str) -> tuple[int, int, list[str]]:
    """All editors on the bytes of one file."""
    tried = refused = 0
    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = Source.decode(path, data)
            edits = list(_edits(source))
        except CeleryizeError:
            return 1, 1, []
        for name, edit, planned, again in edits:
            tried += 1
            try:
                after = edit(source)
                after.encode()
            except CeleryizeError:
                refused += 1
                continue
            except Exception as error:
                losses.append(f"{case}: {name}: {error!r}")
                continue
            losses += [f"{case}: {name}: {wrong}" for wrong in _wrong(source, data, after, planned)]
            losses += [f"{case}: {name}: {wrong}" for wrong in again(source, after, edit)]
    return tried, refused, losses


def _edits(
    source: Source,
) -> Iterator[tuple[str, Edit, str, Callable[[Source, Source, Edit], Iterator[str]]]]:
    """Each edit by name, with the statements it adds to the module, and what else must hold of it.

    An edit within a statement adds none: `_within` looks for it there.
    """
    body = source.tree.body
    yield (
        "block",
        lambda s: add_block(s, BLOCK, ["import os"]),
        f"import os\n{BLOCK}",
        _nothing_else,
    )
    if body:
        line = body[-1].lineno
        yield "block above", lambda s: add_block(s, BLOCK, [], line), BLOCK, _nothing_else
    package = 'from .celery import app as celery_app\n__all__ = ("celery_app",)\n'
    yield "package import", lambda s: import_app(s, "celery"), package, _twice
    for line_ in MERGED:
        yield line_, lambda s, line_=line_: s.splice(*add_import(s, line_)), line_, _twice
    task_imports = ["from celery import shared_task", "from zz_mail import zz_send"]
    planned = "\n".join([*task_imports, TASK])
    yield "task", lambda s: add_definitions(s, TASK, task_imports), planned, _taken_out
    signals = lambda s: import_signals(s)  # noqa: E731
    yield "signals", signals, "", lambda b, a, e: _within(b, a, e, {METHOD, IMPORT})
    for node in [n for n in body if isinstance(n, ast.ClassDef)][:PLACES]:
        attributes = lambda s, node=node: add_attributes(s, BLOCK, [], node.lineno)  # noqa: E731
        yield (
            f"attributes at {node.lineno}",
            attributes,
            "",
            lambda b, a, e: _within(b, a, e, {BLOCK}),
        )
    chosen = random.Random(len(source.text))
    for kind in (ast.List, ast.Tuple, ast.Set, ast.Dict):
        found = [n for n in ast.walk(source.tree) if isinstance(n, kind) and _is_plain(n)]
        for literal in chosen.sample(found, min(PLACES, len(found))):
            where = f"in the {kind.__name__} at {literal.lineno}:{literal.col_offset}"
            if isinstance(literal, ast.Dict):
                entry = lambda s, n=literal: add_entry(Home(s, n), "zz", ENTRY, [])  # noqa: E731
                yield (
                    f"entry {where}",
                    entry,
                    "",
                    lambda b, a, e, n=literal: _one_more(b, a, n, ENTRY),
                )
            element = lambda s, n=literal: s.splice(*append_element(s, n, _element(n)))  # noqa: E731
            yield (
                f"element {where}",
                element,
                "",
                lambda b, a, e, n=literal: _one_more(b, a, n, _element(n)),
            )


def _element(literal: ast.AST) -> str:
    return '"zz": 1' if isinstance(literal, ast.Dict) else '"zz"'


def _is_plain(node: ast.AST) -> bool:
    """Whether a literal is a value: neither the target of an assignment, nor a subscript without parentheses."""
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _wrong(source: Source, data: bytes, after: Source, planned: str) -> Iterator[str]:
    """What does not hold of every edit."""
    written = after.encode()
    remaining = iter(written)
    if not all(byte in remaining for byte in data):
        yield "an old byte is gone"
    if Source.decode(source.path, written).text != after.text:
        yield "its bytes are read otherwise"
    if len(newlines(written) - newlines(data)) and newlines(data):
        yield "a newline that the file does not have"
    if planned and not _is_planned(
        _old_parts(source), _parts(after.tree), _parts(ast.parse(planned))
    ):
        yield "the tree is another one"
    if planned and _exported(after.tree) != _exported(source.tree):
        allowed = {*_assigned(ast.parse(planned)), *_exported(ast.parse(planned))}
        kept = [name for name in _exported(after.tree) if name not in allowed]
        if kept != [name for name in _exported(source.tree) if name not in allowed]:
            yield "__all__ is another one"


def _exported(tree: ast.Module) -> list[str]:
    """The texts in what is assigned to `__all__`, or added to it."""
    return [
        str(inner.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        if "__all__" in ast.unparse(node).partition("=")[0]
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]


def _assigned(tree: ast.Module) -> set[str]:
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def newlines(data: bytes) -> set[bytes]:
    """The kinds of newline in a file."""
    crlf = data.count(b"\r\n")
    return {*([b"\r\n"] if crlf else []), *([b"\n"] if data.count(b"\n") > crlf else [])}


@lru_cache(1)
def _old_parts(source: Source) -> list[str]:
    return _parts(source.tree)


def _parts(tree: ast.Module) -> list[str]:
    """The statements of a module as text, an import of two names as two."""
    found = []
    for node in tree.body:
        given = sorted(gives(node))
        found += [f"import {name}" for name in given] if given else [ast.dump(node)]
    return found


def _is_planned(old: list[str], new: list[str], planned: list[str]) -> bool:
    """Whether the new statements are the old ones in their order, and the planned ones."""
    if any("'__all__'" in part for part in old):
        # It has grown, by the names that are planned: _wrong() compares what is in it.
        old, new, planned = (
            [part for part in parts if "'__all__'" not in part] for parts in (old, new, planned)
        )
    rest = iter(new)
    added = Counter(new) - Counter(old)
    return (
        added <= Counter(planned) and set(planned) <= set(new) and all(part in rest for part in old)
    )


def _nothing_else(before: Source, after: Source, edit: Edit) -> Iterator[str]:
    yield from ()


def _twice(before: Source, after: Source, edit: Edit) -> Iterator[str]:
    if edit(Source.decode(after.path, after.encode())) != after:
        yield "twice is not once"


def _taken_out(before: Source, after: Source, edit: Edit) -> Iterator[str]:
    yield from _twice(before, after, edit)
    try:
        back = remove_definitions(after, before.text, after.text)
    except CannotPatch as error:
        yield f"it cannot be taken out: {error.message}"
        return
    if Counter(_parts(back.tree)) != Counter(_parts(before.tree)):
        yield "without the task it is another module"


def _within(before: Source, after: Source, edit: Edit, texts: set[str]) -> Iterator[str]:
    """One class or function has the statements of one of the texts more, and nothing else is new."""
    more = Counter(map(_head, every_statement(after.tree))) - Counter(
        map(_head, every_statement(before.tree))
    )
    planned = [Counter(map(_head, every_statement(ast.parse(text)))) for text in texts]
    if after != before and more not in planned:
        yield f"the tree is another one: {list(more)[:3]}"


def _head(node: ast.stmt) -> str:
    """A statement without the statements in it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return f"{type(node).__name__} {node.name}"
    return type(node).__name__ if hasattr(node, "body") else ast.dump(node)


def _one_more(before: Source, after: Source, literal: Literal, element: str) -> Iterator[str]:
    """The literal at its place has the element more, and no other node is new; an entry can go again."""
    found = _like(after, literal)[_like(before, literal).index(literal)]
    if element == ENTRY:
        try:
            back = remove_entry(Home(after, found), "zz")
        except CannotPatch as error:
            yield f"it cannot be taken out: {error.message}"
            return
        if ast.dump(back.tree) != _dumped(before):
            yield "without the entry it is another module"
    wanted = ast.parse(f"{{{element}}}", mode="eval").body
    for part in ("keys", "values", "elts"):
        if hasattr(literal, part):
            last = getattr(found, part).pop()
            if ast.dump(last) != ast.dump(getattr(wanted, part)[0]):
                yield f"the last element is {ast.unparse(last)}"
    if ast.dump(after.tree) != _dumped(before):
        yield "the tree is another one"


@lru_cache(1)
def _dumped(source: Source) -> str:
    return ast.dump(source.tree)


def _like(source: Source, literal: Literal) -> list[Literal]:
    """The literals of this kind that begin where it does: `(a, b), c` holds another one there."""
    return [n for n in ast.walk(source.tree) if type(n) is type(literal) and _at(n) == _at(literal)]


def _at(node: ast.AST) -> tuple[int, int]:
    return node.lineno, node.col_offset  # type: ignore[attr-defined]
