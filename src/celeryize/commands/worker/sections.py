"""More lines in files of sections: systemd's units and supervisor's programs."""

from __future__ import annotations

from pathlib import PurePosixPath

from celeryize.detect.processes.process import Item
from celeryize.detect.processes.sections import sections_of
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.yaml_edit import newline_of


def add_lines(path: PurePosixPath, text: str, section: str, lines: list[str]) -> str:
    """The text with lines at the end of a section, behind its last pair.

    Raises CannotPatch unless the section has exactly these more.
    """
    newline = newline_of(text)
    last = last_line_of(path, text, section)
    parts = text.split("\n")
    ending = "\r" if newline == "\r\n" else ""
    # the last line of a file without a final newline has no carriage return either
    if last == len(parts) and ending:
        parts[last - 1] += ending
        ending_of_last = ""
    else:
        ending_of_last = ending
    added = [line + ending for line in lines]
    if last == len(parts):
        added[-1] = lines[-1] + ending_of_last
    new = "\n".join([*parts[:last], *added, *parts[last:]])
    _prove(path, text, new)
    return new


def append_to_value(path: PurePosixPath, text: str, section: str, key: str, more: str) -> str:
    """The text with more at the end of a value. Raises CannotPatch for one with a comment."""
    lines = text.split("\n")
    for name, _, pairs in sections_of(path, text, indented=_is_ini(path)):
        for found, item in pairs:
            if (name, found) != (section, key):
                continue
            index = (item.where.line or 1) - 1
            while index + 1 < len(lines) and lines[index + 1][:1] in {" ", "\t"}:
                index += 1
            line = lines[index].rstrip()
            if " ;" in line:
                raise CannotPatch(f"{key} ends with a comment", where=item.where)
            lines[index] = (
                f"{line}{_joint(lines, index, item.text)}{more}{lines[index][len(line) :]}"
            )
            return "\n".join(lines)
    raise CannotPatch(f"{path} has no {key} in [{section}]", where=Where(path))


def _joint(lines: list[str], index: int, value: str) -> str:
    """What is between a value and one more, as the value has it: on a line each, or behind a comma
    with a space or without."""
    line = lines[index].rstrip()
    sign = "" if line.endswith((",", "=")) else ","
    margin = line[: len(line) - len(line.lstrip())]
    if margin:
        newline = "\r\n" if lines[index].endswith("\r") else "\n"
        return f"{sign}{newline}{margin}"
    if ", " in value and not line.endswith("="):
        return f"{sign} "
    return sign


def value_lines(text: str, item: Item) -> tuple[str, list[str]]:
    """The lines of a value, and the margin of those behind the first one; none of a value with a
    comment, or whose first line is empty."""
    lines = text.split("\n")
    first = (item.where.line or 1) - 1
    last = first + 1
    while last < len(lines) and lines[last][:1] in {" ", "\t"} and lines[last].strip():
        last += 1
    found = [lines[first].partition("=")[2], *lines[first + 1 : last]]
    if " ;" in " ".join(found) or not found[0].strip():
        return "", []
    margin = found[-1][: len(found[-1]) - len(found[-1].lstrip())]
    return margin, [line.strip() for line in found]


def last_line_of(path: PurePosixPath, text: str, section: str) -> int:
    """The number of the last line of a section that is a pair, or the rest of one."""
    raw = text.split("\n")
    found = [s for s in sections_of(path, text, indented=_is_ini(path)) if s[0] == section]
    # written twice, the one that starts the process
    for _, where, pairs in sorted(
        found, key=lambda s: not {"ExecStart", "command"} & set(dict(s[2]))
    ):
        last = pairs[-1][1].where.line if pairs else where.line
        last = last or 1
        while last <= len(raw) and raw[last - 1].rstrip().endswith("\\"):
            last += 1
        while last < len(raw) and raw[last][:1] in {" ", "\t"} and raw[last].strip():
            last += 1
        return last
    raise CannotPatch(f"{path} has no section [{section}]", where=Where(path))


def _is_ini(path: PurePosixPath) -> bool:
    """Whether a file is of supervisor: a margin continues a value there."""
    return path.suffix != ".service"


def _prove(path: PurePosixPath, before: str, after: str) -> None:
    """Raise CannotPatch unless every old pair is still there, in its section and order."""
    old = [
        (name, key, item.text)
        for name, _, pairs in sections_of(path, before, indented=_is_ini(path))
        for key, item in pairs
    ]
    new = iter(
        [
            (name, key, item.text)
            for name, _, pairs in sections_of(path, after, indented=_is_ini(path))
            for key, item in pairs
        ]
    )
    if not all(pair in new for pair in old):
        raise CannotPatch(f"{path}: the lines would change another value", where=Where(path))
