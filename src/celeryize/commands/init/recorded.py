"""What init wrote into the settings, as the answers file keeps it: one line for each setting.

CELERY_TASK_TIME_LIMIT: "300"

A setting that still says so was not touched since, and follows other answers and newer templates.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from itertools import takewhile

from celeryize.patch.block_change import pieces_of
from celeryize.patch.newlines import newline_at

COMMENT = "# What was written into the settings: what still says so follows `celeryize update`.\n"
# The first line as earlier versions wrote it.
OLD_HEAD = (
    "# What `celeryize init` was asked for; later commands read it. No secrets, no paths of one "
    "machine."
)
_KEY = re.compile(r"([A-Za-z_]\w*):")


def recorded_of(block: str) -> dict[str, str]:
    """The source text of each setting of a block, on one line."""
    return {piece.name: ast.unparse(piece.value) for piece in pieces_of(block)}


def lines_of(recorded: Mapping[str, str]) -> str:
    """The lines of the answers file, sorted, so that two branches merge."""
    if not recorded:
        return ""
    lines = (f"{name}: {json.dumps(text, ensure_ascii=False)}\n" for name, text in recorded.items())
    return COMMENT + "".join(sorted(lines))


def renewed_answers(there: bytes, wanted: bytes) -> bytes:
    """An answers file with the values of `wanted`; the lines of the user's own stay.

    Byte for byte the same where it differs in nothing but the version that wrote it.
    """
    text, new = there.decode("utf-8"), wanted.decode("utf-8")
    old_lines = {key: line for line in text.splitlines() if (key := _key_of(line))}
    new_lines = {key: line for line in new.splitlines() if (key := _key_of(line))}
    if _without_version(old_lines) == _without_version(new_lines):
        return there
    kept: list[str] = []
    for line in text.splitlines():
        key = _key_of(line)
        if line == COMMENT.rstrip() or (key.startswith("CELERY_") and key not in new_lines):
            continue
        if line == OLD_HEAD:
            kept += takewhile(lambda head: head.startswith("#"), new.splitlines())
            continue
        if key in new_lines and not key.startswith("CELERY_"):
            kept.append(new_lines[key])
        elif not key.startswith("CELERY_"):
            kept.append(line)
    settings = sorted(line for key, line in new_lines.items() if key.startswith("CELERY_"))
    answers = [
        line
        for key, line in new_lines.items()
        if key not in old_lines and not key.startswith("CELERY_")
    ]
    kept += answers
    if settings:
        kept += [COMMENT.rstrip(), *settings]
    return (newline_at(text, len(text)).join(kept) + newline_at(text, len(text))).encode()


def _key_of(line: str) -> str:
    found = _KEY.match(line)
    return found[1] if found else ""


def _without_version(lines: Mapping[str, str]) -> dict[str, str]:
    return {key: line.rstrip() for key, line in lines.items() if key != "_commit"}
