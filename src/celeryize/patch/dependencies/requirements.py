"""One line more in a requirements file.

django==5.2          django==5.2
                ->   celery[redis]>=5.4
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies.placement import (
    OWN_HEADLINE,
    Item,
    Place,
    are_commented,
    is_spaced,
    place_among,
)
from celeryize.patch.dependencies.requirement import Entry, name_in, normalised
from celeryize.patch.newlines import line_after, newline_at

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_GENERATED = re.compile(r"(?im)^#.*(?:auto-?generated|@generated)\b.*")
_COMMAND = re.compile(r"(?m)^#\s+((?:uv (?:pip compile|export)|pip-compile)\b.*)$")
_INPUT = re.compile(r"(?m)^#\s+.*?(\S+\.in)\s*$")
_HASHED = re.compile(r"(?m)^[^#\n]*--(?:hash=|require-hashes)")
_MERGE = re.compile(r"(?m)^(?:<{7}|={7}|>{7})(?:\s|$)")
_LOCAL = re.compile(r"\s*(?:(?:-e|--editable)[\s=]*)?[\"']?\./?(?:\[[^\]]*\])?[\"']?\s*$")
_INCLUDE = re.compile(r"\s*(?:-r|--requirement)(?:\s+|=|(?<=-r))(\S+)")
_CONSTRAINT = re.compile(r"\s*(?:-c|--constraint)(?:\s+|=|(?<=-c))(\S+)")


@dataclass(frozen=True, slots=True)
class _Line:
    """One logical line: its text without comments and backslashes, its offsets, its first line's
    number.
    """

    text: str
    start: int
    end: int  # past its newline
    number: int


def entries(data: bytes) -> Mapping[str, Entry]:
    """The requirements of the file itself, not of those it includes.

    Reads UTF-16 too, which pip does.
    """
    found: dict[str, Entry] = {}
    for line in _logical_lines(_decode_lenient(data)):
        name = name_in(line.text)
        if name:
            found.setdefault(normalised(name), Entry(line.text.strip(), line.number))
    return found


def includes(data: bytes) -> tuple[str, ...]:
    """The files named by -r, relative to the folder of this one. (-c installs nothing.)"""
    return tuple(
        m.group(1)
        for line in _logical_lines(_decode_lenient(data))
        if (m := _INCLUDE.match(line.text))
    )


def constraints(data: bytes) -> tuple[str, ...]:
    """The files named by -c, relative to the folder of this one: versions for what is installed."""
    return tuple(
        m.group(1)
        for line in _logical_lines(_decode_lenient(data))
        if (m := _CONSTRAINT.match(line.text))
    )


def installs_project(data: bytes) -> bool:
    """Whether the file installs the project itself: `-e .`, `.[prod]`, `--editable=.`."""
    return any(_LOCAL.match(line.text) for line in _logical_lines(_decode_lenient(data)))


def is_compiled(data: bytes) -> bool:
    """Whether a tool wrote this file (pip-compile, uv, poetry, pdm, pipenv say so in a comment)."""
    return _GENERATED.search(_decode_lenient(data)) is not None


def compiled_by_uv(data: bytes) -> bool:
    """Whether `uv pip compile` wrote this file."""
    found = _GENERATED.search(_decode_lenient(data))
    return found is not None and " uv" in found.group()


def command_of(data: bytes) -> tuple[str, ...]:
    """The command that a compiled file names as its own; empty where it names none."""
    found = _COMMAND.search(_decode_lenient(data))
    if found is None:
        return ()
    try:
        return tuple(shlex.split(found[1]))
    except ValueError:
        return ()


def refuse_change(data: bytes, path: PurePosixPath) -> None:
    """Raise CannotPatch where a changed line would break the file or be lost."""
    text, _ = _decode_strict(data, path)
    _refuse_file(text, path)


def declare(data: bytes, path: PurePosixPath, line: str) -> bytes:
    """The file with `line` more, at its sorted place or at the end. Raises CannotPatch."""
    text, bom = _decode_strict(data, path)
    _refuse_file(text, path)
    listed = _listed_requirements(text)
    items = [entry.item for entry in listed]
    place = place_among(items, name_in(line) or line)
    if place is None or place.index == len(listed) or _ends_in_own_comment(text):
        offset, inserted = _at_the_end(text, path, line, items, headed=place is None)
    else:
        offset, inserted = _before(text, listed, place, line)
    return bom + (text[:offset] + inserted + text[offset:]).encode()


@dataclass(frozen=True, slots=True)
class _Listed:
    """One requirement with the place of its line; `lead` is where its comment begins."""

    item: Item
    lead: int
    start: int
    end: int


def _listed_requirements(text: str) -> list[_Listed]:
    """The requirements of a text, each with the comment that is directly above it."""
    found: list[_Listed] = []
    comments: list[str] = []
    lead = 0
    gap = False
    for line in _logical_lines(text):
        raw = text[line.start : line.end].strip()
        name = name_in(line.text)
        if not comments:
            lead = line.start
        if name:
            found.append(_Listed(Item(name, "\n".join(comments), gap), lead, line.start, line.end))
            comments, gap = [], False
        elif raw.startswith("#"):
            comments.append(raw)
        else:
            # an option, an include, or a blank line: the comments above it belong to no package
            comments, gap = [], not raw or gap
    return found


def _before(text: str, listed: Sequence[_Listed], place: Place, line: str) -> tuple[int, str]:
    """The insertion above a requirement and its comment."""
    items = [entry.item for entry in listed]
    index = place.index
    if place.below_comment:
        return line_after(text, listed[index].start, line)
    if is_spaced(items):
        newline = newline_at(text, listed[index].lead)
        return listed[index].lead, f"{line}{newline * 2}"
    # in one paragraph with the requirement before it, where a blank line separates the two
    if index and (items[index].gap or items[index].comment):
        return line_after(text, listed[index - 1].end, line)
    return line_after(text, listed[index].lead, line)


def _ends_in_own_comment(text: str) -> bool:
    """Whether the last paragraph is a comment alone, about queues or a Celery of former times."""
    paragraph = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").rstrip())[-1]
    lines = paragraph.strip().split("\n")
    return all(line.lstrip().startswith("#") for line in lines) and bool(
        OWN_HEADLINE.search(paragraph)
    )


def _at_the_end(
    text: str, path: PurePosixPath, line: str, items: Sequence[Item], *, headed: bool
) -> tuple[int, str]:
    """The insertion below everything; with a headline of its own where the others have theirs."""
    offset = _below_all(text, path)
    if _ends_in_own_comment(text):
        # `# Queues`, with a Celery that is commented out
        return line_after(text, offset, line)
    end = len(text.rstrip())
    last = text[text.rfind("\n", 0, end) + 1 : end].strip()
    newline = newline_at(text, offset)
    lead = ""
    # not below a comment that is about something else
    below_comment = items and last.startswith("#") and not OWN_HEADLINE.search(last)
    if headed:
        lead = f"{newline}# Celery{newline}"
    elif is_spaced(items) or below_comment:
        lead = newline
    elif are_commented(items):
        # each has a comment: without one of its own, the line would be under that of the last
        own = "# Celery"
        if items[-1].comment.islower():
            own = own.lower()
        lead = f"{own}{newline}"
    return line_after(text, offset, f"{lead}{line}")


def _below_all(text: str, path: PurePosixPath) -> int:
    """The start of the line below the last one that is not blank."""
    end = len(text.rstrip())
    last = text[text.rfind("\n", 0, end) + 1 : end]
    if last.endswith("\\") and not last.lstrip().startswith("#"):
        raise CannotPatch(
            f"the last line of {path} ends in a backslash, which would swallow a line of ours",
            hint="Take the backslash away, then run the command again.",
            where=_place_of(path, text, end),
        )
    newline = text.find("\n", end)
    if newline >= 0:
        return newline + 1
    return len(text)


def _refuse_file(text: str, path: PurePosixPath) -> None:
    """Raise CannotPatch where a line of ours would break the file or be lost."""
    if merge := _MERGE.search(text):
        raise CannotPatch(
            f"{path} has merge markers",
            hint="Resolve the merge, then run the command again.",
            where=_place_of(path, text, merge.start()),
        )
    # a compiled file names the file that it is made from, in most cases
    if generated := _GENERATED.search(text):
        source = _INPUT.search(text)
        raise CannotPatch(
            f"{path} is written by a tool: a line added here is lost at its next run",
            hint=f"Add the line to {source.group(1) if source else 'the file it is made from'}, "
            "then run the tool again.",
            where=_place_of(path, text, generated.start()),
        )
    if hashed := _HASHED.search(text):
        raise CannotPatch(
            f"{path} pins hashes: pip refuses a line without one",
            hint="Add the line where the hashes are made from, then make them again.",
            where=_place_of(path, text, hashed.start()),
        )


def _decode_strict(data: bytes, path: PurePosixPath) -> tuple[str, bytes]:
    """The text and its BOM. Raises CannotPatch for what would not come back byte for byte."""
    bom = b""
    if data.startswith(codecs.BOM_UTF8):
        bom = codecs.BOM_UTF8
    body = data.removeprefix(bom)
    if data.startswith(_UTF16) or b"\0" in data:
        raise CannotPatch(
            f"{path} is stored as UTF-16, as PowerShell's `pip freeze >` writes it",
            hint="Save it as UTF-8, then run the command again.",
            where=Where(path),
        )
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise CannotPatch(
            f"{path} is not UTF-8: {error.reason}",
            hint="Save the file as UTF-8, then run the command again.",
            where=Where(path, body.count(b"\n", 0, error.start) + 1),
        ) from error
    if lone := re.search(r"\r(?!\n)", text):
        raise CannotPatch(
            f"{path} has a carriage return that ends no line",
            hint="Save it with LF newlines, then run the command again.",
            where=_place_of(path, text, lone.start()),
        )
    return text, bom


def _decode_lenient(data: bytes) -> str:
    """The text, whatever it takes: for reading only."""
    if data.startswith(_UTF16):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _logical_lines(text: str) -> Iterator[_Line]:
    """The logical lines, joined as pip joins them (a comment ends a continuation)."""
    parts: list[str] = []
    start = position = number = 0
    for index, raw in enumerate(re.findall(r"[^\n]*\n|[^\n]+\Z", text)):
        if not parts:
            start, number = position, index + 1
        position += len(raw)
        line = raw.rstrip("\r\n")
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment and position < len(text):
            parts.append(line[:-1])
            continue
        parts.append("" if comment else line)
        yield _Line(_COMMENT.sub("", "".join(parts)), start, position, number)
        parts = []


def _place_of(path: PurePosixPath, text: str, offset: int) -> Where:
    return Where(path, text.count("\n", 0, offset) + 1)
