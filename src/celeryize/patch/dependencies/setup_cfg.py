"""One line more in the `install_requires` of a setup.cfg.

[options]                    [options]
install_requires =      ->   install_requires =
    django>=5.2                  django>=5.2
                                 celery[redis]>=5.4
"""

from __future__ import annotations

import codecs
import configparser
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies.placement import sorted_place
from celeryize.patch.dependencies.requirement import Entry, name_in, normalised
from celeryize.patch.newlines import line_after

_HEADER = re.compile(r"\[([^\]]+)\]")
_KEY = re.compile(r"install_requires\s*[=:][ \t]*([^\r\n]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str  # without indent and newline
    indent: str
    after: int  # the start of the next line
    number: int


@dataclass(frozen=True, slots=True)
class _Option:
    """`install_requires`: what is behind `=`, its own line, and the lines below that belong to
    it.
    """

    inline: str
    line: _Line
    items: tuple[_Line, ...]


def entries(data: bytes) -> Mapping[str, Entry]:
    """What `[options] install_requires` lists."""
    option = _find_option(data.decode("utf-8-sig", "replace"))
    if option is None:
        return {}
    said = [(text, option.line.number) for text in option.inline.split(";")]
    said += [(item.text, item.number) for item in option.items]
    return {normalised(name): Entry(text.strip(), n) for text, n in said if (name := name_in(text))}


def declare(data: bytes, path: PurePosixPath, line: str) -> bytes:
    """The file with one line more. Raises CannotPatch."""
    bom = b""
    if data.startswith(codecs.BOM_UTF8):
        bom = codecs.BOM_UTF8
    try:
        text = data.removeprefix(bom).decode()
        before = _parse_file(text)
    except (UnicodeDecodeError, configparser.Error) as error:
        raise CannotPatch(
            f"{path} cannot be parsed: {error}",
            hint="Fix the file, then run the command again.",
            where=Where(path),
        ) from error
    option = _find_option(text)
    if option is None:
        raise CannotPatch(f"{path} has no install_requires under [options]", where=Where(path))
    # `file: requirements.txt`, or several requirements on one line
    if option.inline.startswith("file:") or ";" in option.inline:
        raise CannotPatch(
            f"install_requires in {path} is not a list with one requirement per line",
            hint="Add it to the file it names, or put each requirement on a line of its own.",
            where=Where(path, option.line.number),
        )
    index = _find_place(option.items, option.inline, line)
    if index:
        neighbour = option.items[index - 1]
    else:
        neighbour = option.line
    indent = "    "
    if option.items:
        indent = option.items[0].indent
    offset, inserted = line_after(text, neighbour.after, indent + line)
    after = text[:offset] + inserted + text[offset:]
    # configparser is the judge: every other line of every option is as it was
    added = [item for item in _listed_items(_parse_file(after)) if item != line]
    if added != _listed_items(before) or len(_listed_items(_parse_file(after))) != len(added) + 1:
        raise CannotPatch(
            f"the edit of {path} would change more than was planned", where=Where(path)
        )
    return bom + after.encode()


def _find_place(items: Sequence[_Line], inline: str, line: str) -> int:
    if inline:
        return len(items)
    return sorted_place([name_in(item.text) or item.text for item in items], name_in(line) or line)


def _find_option(text: str) -> _Option | None:
    """The place of install_requires; None: there is none."""
    section, option, items = "", None, []
    # the indent of the option that is open; configparser continues it with every line that is
    # indented deeper, whatever is in that line, a header in brackets too
    depth: int | None = None
    for line in _lines_of(text):
        if not line.text or line.text.startswith(("#", ";")):
            continue
        if depth is not None and len(line.indent) > depth:
            if option:
                items.append(line)
            continue
        if option:
            break
        if header := _HEADER.match(line.text):
            section, depth = header.group(1).strip(), None
            continue
        depth = len(line.indent)
        if section == "options" and (key := _KEY.match(line.text)):
            option = (key.group(1).strip(), line)
    if option:
        return _Option(option[0], option[1], tuple(items))
    return None


def _lines_of(text: str) -> list[_Line]:
    found: list[_Line] = []
    position = 0
    for number, raw in enumerate(re.findall(r"[^\n]*\n|[^\n]+\Z", text), start=1):
        position += len(raw)
        body = raw.rstrip()
        stripped = body.lstrip()
        found.append(_Line(stripped, body[: len(body) - len(stripped)], position, number))
    return found


def _parse_file(text: str) -> configparser.ConfigParser:
    # a % in a URL would be taken for an interpolation
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def _listed_items(parser: configparser.ConfigParser) -> list[str]:
    """Every line of every option, so that a change anywhere shows."""
    return [
        line
        for section in parser.sections()
        for key, value in parser.items(section)
        for line in (f"[{section}] {key}", *value.split("\n"))
        if line.strip()
    ]
