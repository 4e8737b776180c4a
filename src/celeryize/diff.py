"""The unified diff of a plan, as `git apply` takes it; bytes, as files have any encoding."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from celeryize.model import Edit

DEV_NULL = b"/dev/null"
# Of two versions that differ in more lines, difflib may skip those that are often in them.
MANY_LINES = 1000
# What difflib says of two versions: a tag, and the lines of the old and of the new one.
Tag = Literal["replace", "delete", "insert", "equal"]
Opcode = tuple[Tag, int, int, int, int]


def unified(edits: Iterable[Edit]) -> bytes:
    """All edits as one patch; paths are relative to the root of the project."""
    return b"".join(_patch_of(edit) for edit in edits)


def _patch_of(edit: Edit) -> bytes:
    old, new = _quoted_name(b"a/", edit), _quoted_name(b"b/", edit)
    head = b"diff --git " + old + b" " + new + b"\n"
    # as after "---" and "+++"; the line before them has no tab
    old_name, new_name = old + _tab(old), new + _tab(new)
    if edit.before is None:
        # the mode of all files that celeryize creates
        head += b"new file mode 100644\n"
        old_name = DEV_NULL
    if edit.after is None:
        head += b"deleted file mode 100644\n"
        new_name = DEV_NULL
    lines = list(_hunk_lines(_split_lines(edit.before), _split_lines(edit.after)))
    if lines:
        head += b"--- " + old_name + b"\n+++ " + new_name + b"\n"
    return head + b"".join(map(_ended, lines))


def _hunk_lines(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[bytes]:
    """The hunks of a patch."""
    for group in _Slid(old, new).get_grouped_opcodes():
        (_, first, _, start, _), (_, _, last, _, stop) = group[0], group[-1]
        yield b"@@ -%b +%b @@\n" % (_range(first, last), _range(start, stop))
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (b" " + line for line in old[i:j])
                continue
            yield from (b"-" + line for line in old[i:j])
            yield from (b"+" + line for line in new[k:m])


def _range(start: int, stop: int) -> bytes:
    """Which lines a hunk is about; where there are none, the line before it."""
    if stop - start == 1:
        return b"%d" % stop
    if stop == start:
        return b"%d,0" % start
    return b"%d,%d" % (start + 1, stop - start)


class _Slid(difflib.SequenceMatcher[bytes]):
    """difflib's differences, but that lines which are added or removed alone begin where a person
    would begin them: a function at its decorator, not at its name, with the next one's decorator.
    """

    def __init__(self, old: Sequence[bytes], new: Sequence[bytes]) -> None:
        self._old, self._new = old, new
        # what both begin and end with need not be compared
        self._head = _common(old, new, 0)
        self._tail = _common(old[::-1], new[::-1], self._head)
        middle = [lines[self._head : len(lines) - self._tail] for lines in (old, new)]
        many = max(map(len, middle)) > MANY_LINES
        super().__init__(None, middle[0], middle[1], autojunk=many)

    def get_opcodes(self) -> list[Opcode]:
        """The differences of both versions."""
        head, ends = self._head, (len(self._old), len(self._new))
        codes: list[Opcode] = [("equal", 0, head, 0, head)]
        for tag, i, j, k, m in super().get_opcodes():
            codes.append((tag, i + head, j + head, k + head, m + head))
        tail = self._tail
        codes.append(("equal", ends[0] - tail, ends[0], ends[1] - tail, ends[1]))
        for number in range(1, len(codes) - 1):
            before, code, after = codes[number - 1 : number + 2]
            if before[0] == after[0] == "equal" and code[0] in {"insert", "delete"}:
                by = self._best_slide(before, code, after)
                codes[number - 1 : number + 2] = _slide(before, code, after, by)
        return [code for code in codes if code[1] < code[2] or code[3] < code[4]]

    def _best_slide(self, before: Opcode, code: Opcode, after: Opcode) -> int:
        """By how many lines the lines begin later, or earlier, for the place that reads best."""
        lines, start, stop = self._old, code[1], code[2]
        if code[0] == "insert":
            lines, start, stop = self._new, code[3], code[4]
        up = down = 0
        while up < before[2] - before[1] and lines[start - 1 - up] == lines[stop - 1 - up]:
            up += 1
        while down < after[2] - after[1] and lines[start + down] == lines[stop + down]:
            down += 1
        size = stop - start
        return min(
            range(-up, down + 1),
            key=lambda by: (*_oddness(lines, start + by, size), abs(by)),
        )


def _slide(before: Opcode, code: Opcode, after: Opcode, by: int) -> list[Opcode]:
    """Three neighbours, the one in the middle moved by `by` lines."""
    return [
        ("equal", before[1], before[2] + by, before[3], before[4] + by),
        (code[0], code[1] + by, code[2] + by, code[3] + by, code[4] + by),
        ("equal", after[1] + by, after[2], after[3] + by, after[4]),
    ]


def _oddness(lines: Sequence[bytes], start: int, size: int) -> tuple[int, int]:
    """How odd it is to begin there: inside of a block, or without a blank line above."""
    filled = (line for line in lines[start : start + size] if line.strip())
    first = next(filled, b"")
    indent = len(first) - len(first.lstrip())
    if not lines[start].strip():
        return indent, 1
    if start == 0 or not lines[start - 1].strip():
        return indent, 0
    return indent, 2


def _common(old: Sequence[bytes], new: Sequence[bytes], taken: int) -> int:
    """With how many lines both begin; those `taken` at the other end are not among them."""
    most = min(len(old), len(new)) - taken
    count = 0
    while count < most and old[count] == new[count]:
        count += 1
    return count


def _ended(line: bytes) -> bytes:
    """A line of the patch; git marks the last one of a file without a final newline."""
    if line.endswith(b"\n"):
        return line
    return line + b"\n\\ No newline at end of file\n"


def _split_lines(data: bytes | None) -> list[bytes]:
    """Lines that end at LF only, as git counts them."""
    # not splitlines(), which also splits at form feeds
    if not data:
        return []
    *whole, rest = data.split(b"\n")
    lines = [line + b"\n" for line in whole]
    if rest:
        lines.append(rest)
    return lines


def _quoted_name(prefix: bytes, edit: Edit) -> bytes:
    """The name as git writes it: quoted if it has a quote, a backslash or a control character."""
    name = prefix + edit.path.as_posix().encode("utf-8", "surrogateescape")
    # git leaves bytes above 127 as they are only with core.quotePath=off, and reads both
    if not any(byte in b'"\\' or byte < 32 for byte in name):
        return name
    return b'"' + b"".join(map(_octal, name)) + b'"'


def _octal(byte: int) -> bytes:
    if byte in b'"\\' or byte < 32:
        return b"\\%03o" % byte
    return bytes([byte])


def _tab(name: bytes) -> bytes:
    """git marks the end of a name that holds a space."""
    if b" " in name:
        return b"\t"
    return b""
