"""One entry more in a pyproject.toml or a Pipfile.

    [tool.poetry.dependencies]          [tool.poetry.dependencies]
    django = "^5.2"                ->   django = "^5.2"
                                        celery = {extras = ["redis"], version = "^5.4"}

The proof is tomllib's: the parsed file is the old one plus the entry. tomlkit keeps the bytes too,
but it refuses a BOM, does not say where it inserts, and takes longer to import than all of this
takes to run.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies.brackets import Brackets
from celeryize.patch.dependencies.placement import Item, place_among
from celeryize.patch.dependencies.requirement import (
    Entry,
    Form,
    Requirement,
    name_in,
    normalised,
    written,
)
from celeryize.patch.dependencies.toml_text import Path, Statement, statements, unquoted
from celeryize.patch.newlines import line_after, newline_at
from celeryize.reading import parse_toml

_PROJECT = ("project",)
_LIST = ("project", "dependencies")
_TABLES = {Form.POETRY_TABLE: ("tool", "poetry", "dependencies"), Form.PIPFILE: ("packages",)}

# Where else a requirement of the running project may stand; what only developers install does not
# count.
_LISTS = (("project", "optional-dependencies"), ("dependency-groups",))
_PDM = ("tool", "pdm", "dev-dependencies")
_DEVELOPERS_TABLES = (("tool", "poetry", "dev-dependencies"), ("dev-packages",))
_GROUPS = ("tool", "poetry", "group")
_FOR_DEVELOPERS = re.compile(r"dev|test|lint|doc|typ|ci$")


def value_at(data: bytes, *path: str) -> object:
    """What the file says at `path`; None: nothing, or a file that cannot be parsed."""
    found = _parsed(data)
    for part in path:
        if isinstance(found, dict):
            found = found.get(part)
        else:
            found = None
    return found


@lru_cache(maxsize=8)
def _parsed(data: bytes) -> object:
    """The document, which nobody changes: a dozen questions are asked of one file."""
    try:
        return parse_toml(_parse_lenient(data))
    except ValueError:
        return None


def entries(data: bytes) -> Mapping[str, Entry]:
    """The requirements of the project, its extras and its groups (not those for developers)."""
    if value_at(data) is None:
        return {}
    text = _parse_lenient(data)
    found: dict[str, Entry] = {}
    for name, written_as, offset in _find_requirements(text):
        known = found.get(normalised(name))
        # a name may be declared twice, with markers: both count for what is missing
        if known is None:
            found[normalised(name)] = Entry(written_as, text.count("\n", 0, offset) + 1)
        else:
            found[normalised(name)] = Entry(f"{known.text}, {written_as}", known.line)
    return found


def declare(
    data: bytes, path: PurePosixPath, form: Form, requirement: Requirement, group: Path = ()
) -> bytes:
    """The file with one entry more, in the list or table at `group`. Raises CannotPatch."""
    bom = b""
    if data.startswith(codecs.BOM_UTF8):
        bom = codecs.BOM_UTF8
    text, expected = _parse_document(data.removeprefix(bom), path)
    line = written(requirement, form)
    found = tuple(statements(text))
    table = _TABLES.get(form)
    if table is not None and group:
        table = group
    if table is None:
        where = group or _LIST
        listed = _table_at(expected, where[:-1], path).setdefault(where[-1], [])
        if not isinstance(listed, list):
            named = f"[{'.'.join(where[:-1])}].{where[-1]}"
            raise CannotPatch(f"{named} in {path} is not a list", where=Where(path))
        insertions, index = _into_list(text, found, line, path, where)
        listed.insert(index, unquoted(line))
    else:
        _table_at(expected, table, path).update(parse_toml(line))
        insertions = [_into_table(text, found, table, requirement.name, line)]
    after = text
    # last first, so that the offsets of those before stay valid
    for offset, inserted in sorted(insertions, reverse=True):
        after = after[:offset] + inserted + after[offset:]
    # tomllib is the judge: the document has to be the old one and exactly this entry
    if not _reads_back(after, expected):
        raise CannotPatch(f"the edit of {path} would change more than was planned")
    return bom + after.encode()


def _into_list(
    text: str, found: Sequence[Statement], line: str, path: PurePosixPath, where: Path
) -> tuple[list[tuple[int, str]], int]:
    """The insertions into the list at `where`, and the index of the new element."""
    array = next((s for s in found if s.path == where and s.value), None)
    if array is None:
        return [_new_list(text, found, line, path)], 0
    elements = _elements_of(text, array)
    said = [unquoted(element) for _, _, element in elements if element[0] in "'\""]
    spans = [(start, end) for start, end, _ in elements]
    brackets = Brackets(text, array.value[0].end, array.value[-1].start, spans)
    # an inline table, `{include-group = "base"}`, has no name and no place in the order
    if len(said) == len(elements):
        names = [name_in(s) or s for s in said]
        index = brackets.place_of(names, name_in(unquoted(line)) or line)
    else:
        index = len(elements)
    # literal strings, if that is what the neighbours are
    if elements and elements[0][2].startswith("'"):
        line = line.replace('"', "'")
    return brackets.insert(index, line), index


def _elements_of(text: str, array: Statement) -> list[tuple[int, int, str]]:
    """Start, end and text of each element of an array: a string, or an inline table."""
    found: list[tuple[int, int, str]] = []
    depth, begins = 0, 0
    for token in array.value[1:-1]:
        if token.text in ("{", "["):
            if depth == 0:
                begins = token.start
            depth += 1
        elif token.text in ("}", "]"):
            depth -= 1
            if depth == 0:
                found.append((begins, token.end, text[begins : token.end]))
        elif depth == 0 and token.kind == "string":
            found.append((token.start, token.end, token.text))
    return found


def group_with(data: bytes, name: str) -> Path:
    """The list or table, of a group or an extra, that declares `name`; (): none does.

    Groups for developers do not count: no server installs them.
    """
    if value_at(data) is None:
        return ()
    text = _parse_lenient(data)
    for s in statements(text):
        if s.path[:-1] in _LISTS and not _FOR_DEVELOPERS.search(s.path[-1].lower()):
            names = [name_in(unquoted(token.text)) for token in s.strings()]
            if any(found and normalised(found) == name for found in names):
                return s.path
        table = _find_group(s.path)
        if table and len(s.path) > len(table) and normalised(s.path[len(table)]) == name:
            return table
    return ()


def developers_group_with(data: bytes, name: str) -> tuple[str, int] | None:
    """The group for developers that declares `name`, as a header spells it, and the line."""
    if value_at(data) is None:
        return None
    text = _parse_lenient(data)
    for path, found, offset in _find_developers_requirements(text):
        if normalised(found) == name:
            return f"[{'.'.join(path)}]", text.count("\n", 0, offset) + 1
    return None


def _find_developers_requirements(text: str) -> Iterator[tuple[Path, str, int]]:
    """The group, name and offset of what only developers install."""
    for s in statements(text):
        listed = s.path[:-1] in _LISTS and _FOR_DEVELOPERS.search(s.path[-1].lower())
        # [tool.uv] has one list, [tool.pdm.dev-dependencies] has several
        if listed or s.path[-1:] == ("dev-dependencies",) or s.path[:-1] == _PDM:
            for token in s.strings():
                yield s.path, name_in(unquoted(token.text)) or "", token.start
        tables = [*_DEVELOPERS_TABLES]
        if s.path[:3] == _GROUPS and s.path[4:5] == ("dependencies",):
            tables.append(s.path[:5])
        for table in tables:
            if s.path[: len(table)] == table and len(s.path) > len(table):
                yield table, s.path[len(table)], s.start


def _new_list(
    text: str, found: Sequence[Statement], line: str, path: PurePosixPath
) -> tuple[int, str]:
    """The insertion of a `dependencies` that [project] does not have yet."""
    dynamic = next((s for s in found if s.path == (*_PROJECT, "dynamic")), None)
    if dynamic and any(unquoted(t.text) == "dependencies" for t in dynamic.strings()):
        raise CannotPatch(
            f"the dependencies of {path} are dynamic: the build computes them",
            hint="Add the line where the build takes them from.",
            where=_place_line(path, text, dynamic.start),
        )
    # below the last line of [project], whatever comes after it
    own = [s for s in found if s.path == _PROJECT or (s.value and s.table == _PROJECT)]
    if not own:
        raise CannotPatch(
            f"{path} has no [project] table to declare dependencies in", where=Where(path)
        )
    return line_after(text, own[-1].after, f"dependencies = [{line}]")


def _into_table(
    text: str, found: Sequence[Statement], table: Path, name: str, line: str
) -> tuple[int, str]:
    """The insertion into a table: inline, with a header, in dotted keys, or missing."""
    inside = [s for s in found if s.value and s.path[: len(table)] == table]
    # celery = { ... }, [table] of its own, dotted keys of a parent, an empty table, or none
    if inline := next((s for s in inside if s.path == table), None):
        filled = len(inline.value) > 2
        if filled:
            return (inline.value[-2].end, f", {line}")
        return (inline.value[0].end, line)
    if own := [s for s in inside if s.table == table]:
        return _insert_among(text, own, name, line)
    if dotted := [s for s in inside if len(s.table) < len(table)]:
        prefix = ".".join(table[len(dotted[-1].table) :])
        return line_after(text, dotted[-1].after, f"{prefix}.{line}")
    if header := next((s for s in found if s.path == table), None):
        return line_after(text, header.after, line)
    # a blank line between the last table and ours
    newline = newline_at(text, len(text))
    if not text.strip():
        gap = ""
    else:
        if text.endswith("\n"):
            gap = newline
        else:
            gap = newline * 2
    return len(text), f"{gap}[{'.'.join(table)}]{newline}{line}{newline}"


def _insert_among(text: str, own: Sequence[Statement], name: str, line: str) -> tuple[int, str]:
    """The insertion among the entries of a table.

    Poetry's `python` comes first, whatever the order.
    """
    listed = [s for s in own if s.path[len(s.table)] != "python"]
    items = [_item_of(text, s) for s in listed]
    place = place_among(items, name)
    # at the end of all entries, python among them
    if place is None or place.index + place.below_comment == len(listed):
        return line_after(text, own[-1].after, line)
    index = place.index + place.below_comment
    if index == 0:
        # above the comments of the first one
        start = text.rfind("\n", 0, listed[0].start) + 1
        while (above := _line_above(text, start)) is not None and above[1].startswith("#"):
            start = above[0]
        return start, line + newline_at(text, start)
    return line_after(text, listed[index - 1].after, line)


def _item_of(text: str, statement: Statement) -> Item:
    """An entry of a table with the comments above it, and the blank line above those."""
    start = text.rfind("\n", 0, statement.start) + 1
    comments: list[str] = []
    above = _line_above(text, start)
    while above is not None and above[1].startswith("#"):
        comments.insert(0, above[1])
        above = _line_above(text, above[0])
    gap = above is not None and not above[1]
    return Item(statement.path[len(statement.table)], "\n".join(comments), gap)


def _line_above(text: str, start: int) -> tuple[int, str] | None:
    """The start and the text of the line above the one that begins at `start`."""
    if start == 0:
        return None
    begins = text.rfind("\n", 0, start - 1) + 1
    return begins, text[begins : start - 1].strip()


def _find_requirements(text: str) -> Iterator[tuple[str, str, int]]:
    """Name, requirement as written, and offset."""
    for s in statements(text):
        # [project].dependencies, its extras and groups, as arrays of strings
        if s.path == _LIST or (
            s.path[:-1] in _LISTS and not _FOR_DEVELOPERS.search(s.path[-1].lower())
        ):
            for token in s.strings():
                said = unquoted(token.text)
                if name := name_in(said):
                    yield name, said, token.start
        # Poetry and pipenv have tables, in one line or with a header
        for table in (*_TABLES.values(), _find_group(s.path)):
            if s.path == table and s.value:
                inline = parse_toml(f"x = {text[s.value[0].start : s.value[-1].end]}")["x"]
                for name, version in inline.items() if isinstance(inline, dict) else ():
                    yield name, f"{name} = {version}", s.start
            elif table and len(s.path) > len(table) and s.path[: len(table)] == table:
                yield s.path[len(table)], text[s.start : s.end], s.start


def _find_group(path: Path) -> Path:
    """The dependency table of the Poetry group that `path` leads into.

    (): none, or one for developers.
    """
    if (
        path[:3] != _GROUPS
        or path[4:5] != ("dependencies",)
        or _FOR_DEVELOPERS.search(path[3].lower())
    ):
        return ()
    return path[:5]


def _parse_document(body: bytes, path: PurePosixPath) -> tuple[str, dict[str, Any]]:
    try:
        text = body.decode()
        return text, parse_toml(text)
    except UnicodeDecodeError as error:
        raise CannotPatch(
            f"{path} is not UTF-8: {error.reason}",
            hint="Save the file as UTF-8, then run the command again.",
            where=Where(path, body.count(b"\n", 0, error.start) + 1),
        ) from error
    except ValueError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise CannotPatch(
            f"{path} cannot be parsed: {error}",
            hint="Fix the file, then run the command again.",
            where=Where(path, int(line.group(1)) if line else None),
        ) from error


def _reads_back(text: str, expected: Mapping[str, Any]) -> bool:
    try:
        return parse_toml(text) == expected
    except ValueError:
        return False


def _table_at(parsed: dict[str, Any], table: Path, path: PurePosixPath) -> dict[str, Any]:
    """The table of that name, created if missing. Raises CannotPatch if it is no table."""
    found: object = parsed
    for part in table:
        if isinstance(found, dict):
            found = found.setdefault(part, {})
        else:
            found = None
    if not isinstance(found, dict):
        raise CannotPatch(f"{'.'.join(table)} in {path} is not a table", where=Where(path))
    return found


def _parse_lenient(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")


def _place_line(path: PurePosixPath, text: str, offset: int) -> Where:
    return Where(path, text.count("\n", 0, offset) + 1)
