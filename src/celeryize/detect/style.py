"""How the project writes Python: the settings of its formatter, its linter and its type checker."""

from __future__ import annotations

import configparser
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from celeryize.patch.source import Source
from celeryize.patch.style import LINE_LENGTH, Style
from celeryize.reading import parse_toml, read_file

INI_FILES = ("setup.cfg", "tox.ini", ".flake8", ".isort.cfg", "mypy.ini", ".mypy.ini")
# Where Ruff and isort look for the project's own packages, from the folder of their settings.
OWN_FOLDERS = (".", "src")
_LICENCE = re.compile(r"(?i)\b(copyright|licen[cs]e|SPDX)")
_CODING = re.compile(r"#.*coding[:=]")
# A line cannot be shorter than this, whatever a file says.
SHORTEST = 40


def find_style(
    root: Path, base: PurePosixPath, roots: Iterable[PurePosixPath], samples: Sequence[Source] = ()
) -> Style:
    """The style that the nearest settings ask for, from the folder of manage.py upwards.

    What no tool decides, new files have as the `samples` do.
    """
    folders = [root / folder for folder in (base, *base.parents)]
    tables = [(folder, _tables_of(folder)) for folder in dict.fromkeys(folders)]
    sorting = _first(tables, "isort", "ruff")
    names = _names_in(root / path for path in roots)
    mixed = False
    # what a formatter decides need not be counted
    quote = '"'
    if _first(tables, "black", "ruff") is None:
        quote = _quote_of(samples)
    if sorting is not None:
        folder, table = sorting
        names = _own_names(folder, table)
        mixed = bool(table.get("force_sort_within_sections"))
    ruff = _first(tables, "ruff")
    if ruff is not None and ruff[1].get("quote_style") == "single":
        quote = "'"
    return Style(
        line_length=_line_length(tables),
        own=frozenset(names),
        mixed=mixed,
        quote=quote,
        typed=_first(tables, "mypy") is not None,
        indent=samples[-1].indent if samples else "    ",
        header=_header_of(samples),
    )


def _quote_of(samples: Sequence[Source]) -> str:
    """The quote that all samples use most; the double one where they differ."""
    if samples and all(source.quote == "'" for source in samples):
        return "'"
    return '"'


def _header_of(samples: Sequence[Source]) -> str:
    """The comment about the licence that all samples begin with, below a `#!` line; with its
    newline, empty without one."""
    found = {_first_comment(source.text) for source in samples}
    if len(samples) < 2 or len(found) != 1:
        return ""
    (header,) = found
    return header if _LICENCE.search(header) else ""


def _first_comment(text: str) -> str:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    while lines and (lines[0].startswith("#!") or _CODING.match(lines[0]) or not lines[0].strip()):
        lines.pop(0)
    comment = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    return "".join(f"{line}\n" for line in comment)


_Tables = Sequence[tuple[Path, Mapping[str, Mapping[str, Any]]]]


def _first(tables: _Tables, *tools: str) -> tuple[Path, Mapping[str, Any]] | None:
    """The nearest settings of one of the tools, and the folder that they are in."""
    for folder, found in tables:
        for tool in tools:
            if tool in found:
                return folder, found[tool]
    return None


def _line_length(tables: _Tables) -> int:
    """The formatter's length; without one, the linter's, where that is shorter than usual."""
    for tool in ("ruff", "black"):
        found = _first(tables, tool)
        if found is not None:
            return _length_in(found[1]) or LINE_LENGTH
    limits = [_first(tables, tool) for tool in ("flake8", "pycodestyle", "isort")]
    lengths = [_length_in(found[1]) for found in limits if found is not None]
    return min([length for length in lengths if length] + [LINE_LENGTH])


def _length_in(table: Mapping[str, Any]) -> int:
    """The line length of a tool; 0 where it names none."""
    given = str(table.get("line_length") or table.get("max_line_length") or "")
    if given.isdigit() and int(given) >= SHORTEST:
        return int(given)
    return 0


def _own_names(folder: Path, table: Mapping[str, Any]) -> set[str]:
    given = table.get("src") or table.get("src_paths") or OWN_FOLDERS
    places = _listed(given)
    names = _names_in(folder / place for place in places)
    names |= set(_listed(table.get("known_first_party", ())))
    return names - set(_listed(table.get("known_third_party", ())))


def _names_in(folders: Iterable[Path]) -> set[str]:
    """The packages and modules of some folders."""
    names: set[str] = set()
    for folder in folders:
        try:
            entries = list(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            if entry.suffix == ".py":
                names.add(entry.stem)
            elif entry.name.isidentifier() and entry.is_dir():
                names.add(entry.name)
    return names


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return [str(part) for part in value]
    return []


def _tables_of(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """The settings of each tool in one folder, with `_` in their names."""
    found: dict[str, Mapping[str, Any]] = {}
    tools = _toml(folder / "pyproject.toml").get("tool", {})
    if isinstance(tools, dict):
        for tool in ("ruff", "black", "isort", "mypy"):
            if isinstance(tools.get(tool), dict):
                found[tool] = _plain(tools[tool])
    for name in ("ruff.toml", ".ruff.toml"):
        if (folder / name).is_file():
            found["ruff"] = _plain(_toml(folder / name))
    if "ruff" in found:
        found["ruff"] = _flat_ruff(found["ruff"])
    for tool, table in _ini_tables(folder):
        found.setdefault(tool, table)
    return found


def _flat_ruff(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ruff's settings with those of its import sorting and its formatter."""
    lint = table.get("lint") if isinstance(table.get("lint"), dict) else {}
    flat = dict(table)
    for part in (table.get("isort"), (lint or {}).get("isort"), table.get("format")):
        if isinstance(part, dict):
            flat |= _plain(part)
    return flat


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("-", "_"): value for key, value in table.items()}


def _toml(file: Path) -> Mapping[str, Any]:
    try:
        return parse_toml(read_file(file).decode("utf-8"))
    except (OSError, ValueError):
        return {}


def _ini_tables(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in INI_FILES:
        file = folder / name
        if not file.is_file():
            continue
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(read_file(file).decode("utf-8", "replace"))
        except (OSError, configparser.Error):
            continue
        for section in parser.sections():
            tool = section.removeprefix("tool:").split("-")[0]
            if section == "settings" and name == ".isort.cfg":
                tool = "isort"
            if tool in {"flake8", "isort", "mypy", "pycodestyle"}:
                values = {key: _value_of(value) for key, value in parser.items(section)}
                yield tool, _plain(values)


def _value_of(text: str) -> str | bool:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return text
