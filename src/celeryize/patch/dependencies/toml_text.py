"""The lines of the headers and `key = value` pairs of a TOML file; tomllib has no positions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r'''(?P<comment>\#[^\n]*)
    |(?P<string>"""(?:\\[\s\S]|[^\\])*?"{3,5}|'{3}[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    |(?P<mark>[\[\]{},=])
    |(?P<newline>\n)
    |(?P<blank>[ \t\r]+)
    |(?P<bare>[^\s\[\]{},=#"']+)''',
    re.VERBOSE,
)
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """A string, a bracket, or another piece of a value, and its offsets."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A header (without `value`) or a `key = value`: its table, its full path, its place in the
    text.
    """

    table: Path
    path: Path
    start: int
    end: int
    after: int  # the start of the next line, or the end of the file
    value: tuple[Token, ...] = ()

    def strings(self) -> tuple[Token, ...]:
        """The strings of the value, at any depth."""
        return tuple(token for token in self.value if token.kind == "string")


# What nearly all keys and strings are, and what needs no parser.
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_STRING = re.compile(r"""(["'])([^"'\\\n]*)\1""")


def statements(text: str) -> Iterator[Statement]:
    """The statements of a text that tomllib accepts, in order."""
    table: Path = ()
    line: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text + "\n"):
        token = Token(match.lastgroup or "", match.group(), match.start(), match.end())
        # inside of brackets a newline ends nothing; comments are no tokens of a line
        if token.kind == "newline" and depth == 0 and line:
            found = _read_statement(text, line, table, min(token.end, len(text)))
            # a header: what follows belongs to its table
            if not found.value:
                table = found.path
            line = []
            yield found
        elif token.kind in ("string", "bare", "mark"):
            line.append(token)
            depth += _DEPTH.get(token.text, 0)


def unquoted(string: str) -> str:
    """What a TOML string says."""
    plain = _PLAIN_STRING.fullmatch(string)
    if plain:
        return plain[2]
    said: str = tomllib.loads(f"x = {string}")["x"]
    return said


def _read_statement(text: str, line: Sequence[Token], table: Path, after: int) -> Statement:
    start, end = line[0].start, line[-1].end
    if line[0].text == "[":
        path = _split_keys(tomllib.loads(text[start:end]))
        return Statement(path, path, start, end, after)
    # an = in the key would be in quotes, and so within a token
    equals = next(i for i, token in enumerate(line) if token.text == "=")
    key = text[start : line[equals].start].strip()
    if _BARE_KEY.fullmatch(key):
        path = (*table, key)
    else:
        # tomllib reads the key, because quoted and dotted keys have rules of their own
        path = table + _split_keys(tomllib.loads(f"{key} = 0"))
    return Statement(table, path, start, end, after, tuple(line[equals + 1 :]))


def _split_keys(parsed: Any) -> Path:
    """The one path of a file that has only one; a table of an array gets its own part."""
    path: list[str] = []
    while isinstance(parsed, dict) and parsed:
        ((key, parsed),) = parsed.items()
        path.append(key)
    if isinstance(parsed, list):
        return (*path, "[]")
    return tuple(path)
