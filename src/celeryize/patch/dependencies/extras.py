"""Other extras of Celery, in the line that declares it.

celery[redis]>=5.4                                    celery[sqs]>=5.4
celery = {extras = ["redis"], version = "^5.4"}   ->  celery = "^5.4"
"""

from __future__ import annotations

import re

_BRACKETS = re.compile(r"(?i)(?<![\w-])(celery)\s*\[([^\]]*)\]")
_BARE = re.compile(r"(?i)(?<![\w-])(celery)(?=\s*(?:$|[\"'(<>=!~;@#\s]))")
_TABLE = re.compile(r"^(\s*[\"']?celery[\"']?\s*=\s*)(\{.*\}|\"[^\"]*\"|'[^']*')(\s*(?:#.*)?)$")
_LIST = re.compile(r"extras\s*=\s*\[([^\]]*)\]")
_ONLY = re.compile(r"^\{\s*version\s*=\s*(\"[^\"]*\"|'[^']*')\s*\}$")


def line_with_extras(line: bytes, gone: set[str], more: set[str]) -> bytes:
    """The line with the extras less `gone` and with `more`; other extras keep their order."""
    text = line.decode("utf-8")
    ending = text[len(text.rstrip("\r")) :]
    text = text.rstrip("\r")
    table = _TABLE.match(text)
    if table:
        return (table[1] + _in_table(table[2], gone, more) + table[3] + ending).encode()
    found = _BRACKETS.search(text)
    if found:
        extras = _changed([part.strip() for part in found[2].split(",")], gone, more)
        written = f"[{','.join(extras)}]" if extras else ""
        return (text[: found.end(1)] + written + text[found.end() :] + ending).encode()
    bare = _BARE.search(text)
    if bare is None or not more:
        return line
    return f"{text[: bare.end(1)]}[{','.join(sorted(more))}]{text[bare.end(1) :]}{ending}".encode()


def _in_table(value: str, gone: set[str], more: set[str]) -> str:
    """The value of a key of TOML: a version, or an inline table with extras."""
    found = _LIST.search(value)
    there: list[str] = []
    if found:
        there = [part.strip().strip("\"'") for part in found[1].split(",") if part.strip()]
    extras = _changed(there, gone, more)
    if extras == there:
        return value
    quoted = ", ".join(f'"{extra}"' for extra in extras)
    listed = f"extras = [{quoted}]"
    if found is None:
        if value.startswith("{"):
            return f"{{{listed}, {value[1:].lstrip()}"
        return f"{{{listed}, version = {value}}}"
    if extras:
        return value[: found.start()] + listed + value[found.end() :]
    less = re.sub(
        r"^\{\s*,\s*|,\s*(?=\})", "{", value[: found.start()] + value[found.end() :], count=1
    )
    less = re.sub(r",\s*,", ",", less)
    only = _ONLY.match(less)
    return only[1] if only else less


def _changed(there: list[str], gone: set[str], more: set[str]) -> list[str]:
    kept = [extra for extra in there if extra and extra not in gone]
    return kept + sorted(more - set(kept))
