"""The unified diff of a plan, as `git apply` takes it; bytes, as files have any encoding."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from celeryize.model import Edit

DEV_NULL = b"/dev/null"


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
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _split_lines(edit.before),
        _split_lines(edit.after),
        old_name,
        new_name,
        lineterm=b"\n",
    )
    return head + b"".join(map(_ended, lines))


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
