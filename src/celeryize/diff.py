"""The unified diff of a plan, in the form that `git apply` takes; bytes, because files may be in any encoding."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from celeryize.model import Edit

DEV_NULL = b"/dev/null"


def unified(edits: Iterable[Edit]) -> bytes:
    """All edits as one patch; paths are relative to the root of the project."""
    return b"".join(_one(edit) for edit in edits)


def _one(edit: Edit) -> bytes:
    old, new = _named(b"a/", edit), _named(b"b/", edit)
    head = b"diff --git " + old + b" " + new + b"\n"
    if edit.before is None:
        head += b"new file mode 100644\n"
    if edit.after is None:
        head += b"deleted file mode 100644\n"
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(edit.before),
        _lines(edit.after),
        DEV_NULL if edit.before is None else old + _tab(old),
        DEV_NULL if edit.after is None else new + _tab(new),
        lineterm=b"\n",
    )
    return head + b"".join(
        line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines
    )


def _lines(data: bytes | None) -> list[bytes]:
    """Lines that end at LF only, as git counts them."""
    if not data:
        return []
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + ([data.rsplit(b"\n", 1)[-1]] * (data[-1:] != b"\n"))


def _named(prefix: bytes, edit: Edit) -> bytes:
    """The name as git writes it: quoted where it holds a quote, a backslash or a control character."""
    name = prefix + edit.path.as_posix().encode("utf-8", "surrogateescape")
    if not any(byte in b'"\\' or byte < 32 for byte in name):
        return name
    return b'"' + b"".join(b"\\%03o" % b if b in b'"\\' or b < 32 else bytes([b]) for b in name) + b'"'


def _tab(name: bytes) -> bytes:
    """git marks the end of a name that holds a space."""
    return b"\t" if b" " in name else b""
