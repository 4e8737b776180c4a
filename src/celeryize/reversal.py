"""Taking a change of a file back while later edits of the file are kept: a three-way reversal.

The base is what was written, ours is what is there now, theirs is what was there before. Lines
are taken out only where they stand as they were written, one behind the other; everything else
keeps its bytes. Then the result is proved: Python has the same syntax tree but for those lines,
and no name is lost that is still used; YAML, JSON and TOML hold the values that the three versions
give. In doubt it clashes.
"""

from __future__ import annotations

import ast
import difflib
import fnmatch
import json
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from celeryize.reading import parse_toml

# Files whose lines mean the same whatever stands beside them.
LINE_FILES = ("*requirements*.txt", "*.in", "Procfile*", ".gitignore", ".dockerignore", ".env*")
# What a package manager has written has to agree with itself as a whole.
LOCK_FILES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
ABSENT = object()
WORD = re.compile(rb"[A-Za-z_][\w-]*")


class Clash(Exception):
    """A change cannot be taken back alone; the text says why, behind the name of the file."""


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Lines `start` to `stop` of what is there now, for those of before from `first` to `last`."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Gone:
    """Lines that somebody has taken out; `is_clean`: what was around them stands together now."""

    lines: tuple[Any, ...]
    is_clean: bool


@dataclass(frozen=True, slots=True)
class _Reversal:
    """What is to be replaced; `touches`: an edit stands directly beside it. `gone` are lines of
    what was written that somebody has taken out already, a hunk and no less."""

    hunks: tuple[_Hunk, ...]
    touches: bool
    gone: tuple[_Gone, ...] = ()


def take_back(
    path: PurePosixPath, before: bytes | None, written: bytes | None, now: bytes
) -> bytes | None:
    """The file as it is now without what was written into it; None where nothing of it is left.

    Raises Clash.
    """
    if path.name in LOCK_FILES:
        raise Clash("is rewritten as a whole by the package manager")
    by_line = any(fnmatch.fnmatch(path.name, pattern) for pattern in LINE_FILES)
    if written is None:
        raise Clash("was removed by it, and is there again")
    if before is None and not by_line:
        if _has_nothing_else(written, now):
            return None
        raise Clash("was made by it, and edited since")
    old = _split_lines(before or b"")
    base, ours = _split_lines(written), _split_lines(now)
    reversal = _reversed(old, base, ours)
    prove = _PROOFS.get(path.suffix)
    if reversal.touches and not by_line and prove is None:
        raise Clash("has an edit directly beside its lines")
    result = _assemble(reversal, old, ours)
    if reversal.gone and not _are_gone(reversal, before or b"", result):
        raise Clash("has an edit in its lines")
    if prove is not None and not by_line:
        prove(_Versions(before or b"", written, now, result), reversal)
    if before is None and not result.strip():
        return None
    return result


def _has_nothing_else(written: bytes, now: bytes) -> bool:
    """Whether a file has lines of what was written alone, in their order: nothing but blank lines
    has come, so nobody's work goes with it."""
    left = iter(_split_lines(written))
    return all(line in left for line in _split_lines(now) if line.strip())


def _are_gone(reversal: _Reversal, before: bytes, result: bytes) -> bool:
    """Whether the lines that somebody has taken out are not there, moved or edited."""
    known, left = set(WORD.findall(before)), set(WORD.findall(result))
    for gone in reversal.gone:
        came = set(WORD.findall(b"".join(gone.lines))) - known
        # without a word of their own, nothing would tell an edit of them
        if came & left or not (came or gone.is_clean):
            return False
    return True


def is_taken_back(
    path: PurePosixPath, before: bytes | None, written: bytes | None, now: bytes
) -> bool:
    """Whether somebody has taken the change back already, and edited the file elsewhere: the
    change could be made again.
    """
    if before is None:
        return False
    # a line of ours that was moved, and edited, is still there
    came = set(WORD.findall(written or b"")) - set(WORD.findall(before))
    if came & set(WORD.findall(now)):
        return False
    try:
        take_back(path, written, before, now)
    except Clash:
        return False
    return True


def _split_lines(data: bytes) -> list[bytes]:
    """Lines that end at LF only."""
    # not splitlines(), which also splits at carriage returns
    *whole, rest = data.split(b"\n")
    lines = [line + b"\n" for line in whole]
    return [*lines, rest] if rest else lines


def _reversed(
    old: Sequence[Hashable], base: Sequence[Hashable], ours: Sequence[Hashable]
) -> _Reversal:
    """Where the changes from `old` to `base` stand in `ours`. Raises Clash where one of them stands
    there in part.
    """
    places = _places(base, ours)
    hunks = []
    touches = False
    gone: list[_Gone] = []
    changes = difflib.SequenceMatcher(None, old, base, autojunk=False).get_opcodes()
    for tag, first, last, start, stop in changes:
        if tag == "equal":
            continue
        above = places.get(start - 1, -1) if start else -1
        below = places.get(stop, -1) if stop < len(base) else len(ours)
        if start == stop:
            if (start and above < 0) or below != above + 1:
                raise Clash("has an edit where lines were taken out of it")
            hunks.append(_Hunk(below, below, first, last))
            continue
        here = [places.get(line, -1) for line in range(start, stop)]
        if first == last and set(here) == {-1}:
            is_clean = (above >= 0 or not start) and below == above + 1
            gone.append(_Gone(tuple(base[start:stop]), is_clean))
            continue
        if here[0] < 0 or here != list(range(here[0], here[0] + len(here))):
            raise Clash("has an edit in its lines")
        touches = touches or above != here[0] - 1 or below != here[-1] + 1
        hunks.append(_Hunk(here[0], here[-1] + 1, first, last))
    return _Reversal(tuple(hunks), touches, tuple(gone))


def _places(base: Sequence[Hashable], ours: Sequence[Hashable]) -> dict[int, int]:
    """The position in `ours` of each line of `base` that is still there."""
    matcher = difflib.SequenceMatcher(None, base, ours, autojunk=False)
    return {
        block.a + offset: block.b + offset
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }


def _assemble(reversal: _Reversal, old: list[bytes], ours: list[bytes]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for hunk in reversal.hunks:
        pieces += ours[position : hunk.start]
        restored = old[hunk.first : hunk.last]
        if restored and hunk.stop < len(ours) and not restored[-1].endswith(b"\n"):
            # the file had no newline at its end, and this is no longer its end
            restored = [*restored[:-1], restored[-1] + _newline_of(ours[hunk.start])]
        pieces += restored
        position = hunk.stop
    return b"".join(pieces + ours[position:])


def _newline_of(line: bytes) -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"


# --- the proofs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Versions:
    before: bytes
    written: bytes
    now: bytes
    result: bytes


def _prove_python(versions: _Versions, reversal: _Reversal) -> None:
    """Raise Clash unless the result is the present module without what stands in our lines."""
    if versions.now.count(b"\r") != versions.now.count(b"\r\n"):
        # Python counts such lines, and a diff does not
        raise Clash("has a carriage return within a line")
    try:
        now, result = ast.parse(versions.now), ast.parse(versions.result)
        before = ast.parse(versions.before)
        same = _outline(now, _taken_lines(reversal)) == _outline(result, _restored_lines(reversal))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Clash("cannot be read as Python without its lines") from None
    if not same:
        raise Clash("has an edit that belongs to its lines")
    bound_now, bound_then = _bound_names(now), _bound_names(result)
    first_uses = _first_uses(result)
    known = _first_uses(before).keys()
    needed = [
        name
        for name, count in bound_now.items()
        # what the file used before the change has its meaning from elsewhere
        if bound_then[name] < count and name in first_uses and name not in known
        if not _is_bound_above(result, name, first_uses[name])
    ]
    if needed:
        raise Clash(f"has later code that uses {', '.join(sorted(needed))}, which came with it")
    most = bound_now | _bound_names(before)
    if twice := sorted(name for name, count in bound_then.items() if count > most[name]):
        raise Clash(f"has got another {', '.join(twice)} since")


def _first_uses(tree: ast.Module) -> dict[str, int]:
    """The names that a module reads, adds to or deletes, or has as a text (`globals()["X"]`), with
    the first line of each.
    """
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        name, target = "", node.target if isinstance(node, ast.AugAssign) else node
        if isinstance(target, ast.Name) and (target is not node or not _is_store(target)):
            name = target.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
        if name:
            line = getattr(node, "lineno", 0)
            found[name] = min(line, found.get(name, line))
    return found


def _is_store(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _is_bound_above(tree: ast.Module, name: str, line: int) -> bool:
    """Whether a statement of the module itself binds a name, under no condition, before a line."""
    return any(
        node.lineno < line and name in _names_of_statement(node)
        for node in tree.body
        if not isinstance(node, ast.If | ast.Try | ast.For | ast.While | ast.AugAssign)
    )


def _names_of_statement(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    inner = (child for target in targets if target is not None for child in ast.walk(target))
    found = [child.id for child in inner if isinstance(child, ast.Name) and _is_store(child)]
    return found + _names_of(node)


def _taken_lines(reversal: _Reversal) -> frozenset[int]:
    """The lines, from 1, that go."""
    return frozenset(line + 1 for hunk in reversal.hunks for line in range(hunk.start, hunk.stop))


def _restored_lines(reversal: _Reversal) -> frozenset[int]:
    """The lines of the result, from 1, that come back."""
    found: set[int] = set()
    shift = 0
    for hunk in reversal.hunks:
        start = hunk.start + shift
        found.update(range(start + 1, start + 1 + hunk.last - hunk.first))
        shift += (hunk.last - hunk.first) - (hunk.stop - hunk.start)
    return frozenset(found)


def _outline(node: Any, lines: frozenset[int]) -> Any:
    """A syntax tree as tuples, without the nodes that are wholly in some lines."""
    if isinstance(node, list):
        return [_outline(child, lines) for child in node if not _is_within(child, lines)]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [
            (_outline(key, lines), _outline(value, lines))
            for key, value in pairs
            if not (_is_within(value, lines) and (key is None or _is_within(key, lines)))
        ]
    if not isinstance(node, ast.AST):
        return (type(node).__name__, repr(node))
    fields = [(name, _outline(child, lines)) for name, child in ast.iter_fields(node)]
    return (type(node).__name__, fields)


def _is_within(node: Any, lines: frozenset[int]) -> bool:
    if not isinstance(node, ast.AST) or not hasattr(node, "lineno"):
        return False
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    end = getattr(node, "end_lineno", None) or start
    return all(line in lines for line in range(start, end + 1))


def _bound_names(tree: ast.Module) -> Counter[str]:
    """The names that the statements of a module bind, and how often."""
    # `x += 1` needs x, and the variable of a comprehension is its own
    apart = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign | ast.comprehension)
        for inner in ast.walk(node.target)
    }
    nodes = (node for node in _module_level(tree) if id(node) not in apart)
    return Counter(name for node in nodes for name in _names_of(node))


def _module_level(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module outside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _module_level(child)


def _names_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    return []


def _prove_yaml(versions: _Versions, _: _Reversal) -> None:
    import yaml

    try:
        # BaseLoader: every scalar is text, and no tag makes an object
        _prove_values(versions, lambda data: list(yaml.load_all(data, Loader=yaml.BaseLoader)))
    except (yaml.YAMLError, RecursionError):
        raise Clash("cannot be read as YAML without its lines") from None


def _prove_toml(versions: _Versions, _: _Reversal) -> None:
    _prove_text(versions, parse_toml, "TOML")


def _prove_json(versions: _Versions, _: _Reversal) -> None:
    _prove_text(versions, json.loads, "JSON")


def _prove_text(versions: _Versions, load: Any, kind: str) -> None:
    try:
        _prove_values(versions, lambda data: load(data.decode()))
    except (ValueError, RecursionError):
        raise Clash(f"cannot be read as {kind} without its lines") from None


def _prove_values(versions: _Versions, load: Any) -> None:
    """Raise Clash unless the result holds what the values of the three versions give."""
    wanted = _merged_values(load(versions.before), load(versions.written), load(versions.now))
    result = load(versions.result)
    if result != wanted:
        raise Clash("has an edit that belongs to its lines")
    # services, volumes and networks; what is below them is nobody else's
    went = set(_keys_of(load(versions.now))) - set(_keys_of(result))
    gone = {keys[-1] for keys in went if len(keys) <= 2}
    later = _words_of(result) - _words_of(load(versions.before))
    named = sorted(gone & {part for word in later for part in re.split(r"[:/@\s]", word)})
    if named:
        raise Clash(f"has later lines that name {', '.join(named)}, which came with it")


def _keys_of(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of a document, each with those above it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*above, str(key))
            yield from _keys_of(inner, (*above, str(key)))
    for inner in _items_of(value):
        yield from _keys_of(inner, above)


def _words_of(value: Any) -> set[str]:
    """The texts of a document, and its keys below the first two levels, which name their own."""
    keys = {keys[-1] for keys in _keys_of(value) if len(keys) > 2}
    return keys | set(_texts_of(value))


def _texts_of(value: Any) -> Iterator[str]:
    """The texts of a document that are no keys."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else _items_of(value):
        yield from _texts_of(inner)


def _items_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _merged_values(before: Any, written: Any, now: Any) -> Any:
    if now == written:
        return before
    if now == before or before == written:
        return now
    if all(isinstance(value, dict) for value in (before, written, now)):
        merged = {
            key: _merged_values(*(value.get(key, ABSENT) for value in (before, written, now)))
            for key in {**before, **written, **now}
        }
        return {key: value for key, value in merged.items() if value is not ABSENT}
    if all(isinstance(value, list) for value in (before, written, now)):
        return _merged_lists(before, written, now)
    raise Clash("has an edit of a value that it set")


def _merged_lists(before: list[Any], written: list[Any], now: list[Any]) -> list[Any]:
    if len(before) == len(written) == len(now):
        # the documents of a file, for one
        return [_merged_values(*three) for three in zip(before, written, now, strict=True)]
    reversal = _reversed(*(list(map(_as_key, values)) for values in (before, written, now)))
    merged: list[Any] = []
    position = 0
    for hunk in reversal.hunks:
        merged += now[position : hunk.start] + before[hunk.first : hunk.last]
        position = hunk.stop
    return merged + now[position:]


def _as_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


_PROOFS = {
    ".py": _prove_python,
    ".yml": _prove_yaml,
    ".yaml": _prove_yaml,
    ".toml": _prove_toml,
    ".json": _prove_json,
}
