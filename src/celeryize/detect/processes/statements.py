"""The commands of a shell script one by one, as `;` and line ends part them.

Quotes, comments, `$(...)` and here-documents are known; a text that is only printed is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEREDOC = re.compile(r"(?<!<)<<-?\s*[\"'\\]?(\w+)[\"']?")
# what is printed for a person; behind a pipe or in a file it may be run
PRINTS = re.compile(r"(?:(?:then|else|do)\s+)?(?:echo|printf|cat)\b(?=[^|]*$)")
TO_FILE = re.compile(r"(?:^|\s)(?:1?>>?|&>)\s*(?![&\s])(?!/dev/)\S")
QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", re.S)
TOKEN = re.compile(
    r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|\$\(|;;&|;&|;;|[;\n()'\"]|(?:(?<=\s)|(?<=;)|^)#[^\n]*",
    re.S | re.M,
)


class NotUnderstood(Exception):
    """A script that is not read: it may run any of its lines."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A command with the number of its line; `end` is what parts it from the next."""

    number: int
    text: str
    end: str


def split_statements(text: str) -> Iterator[Statement]:
    """The commands of a script. Raises NotUnderstood where a quote is not closed."""
    start = place = depth = comment = 0
    waiting: list[tuple[str, bool]] = []
    while match := TOKEN.search(text, place):
        token, place = match[0], match.end()
        depth += _step(token, depth)
        if token.startswith("#"):
            comment = comment or match.start()
        if depth or token not in {";", ";;", "\n"}:
            continue
        words = text[start : comment or match.start()]
        comment = 0
        yield from _statement(text, start, words, token)
        waiting += _documents(words)
        if token == "\n" and waiting:
            for name, printed in waiting:
                end = re.compile(rf"^\t*{name}$", re.M).search(text, place)
                if end is None:
                    raise NotUnderstood
                if not printed:
                    yield from _body(text, place, end.start())
                place = min(end.end() + 1, len(text))
            waiting = []
        start = place
    if depth or waiting:
        raise NotUnderstood
    yield from _statement(text, start, text[start : comment or len(text)], "\n")


def _step(token: str, depth: int) -> int:
    """How many `$(` are opened by a token."""
    if token in {"'", '"', ";&", ";;&"}:
        raise NotUnderstood
    if token == "$(" or (token == "(" and depth):
        return 1
    return -1 if token == ")" and depth else 0


def _documents(words: str) -> list[tuple[str, bool]]:
    """The here-documents that a command asks for: where each ends, and whether it is printed."""
    if "<<" not in QUOTED.sub("''", words):
        return []
    return [(name, is_printed(words)) for name in HEREDOC.findall(words)]


def is_printed(text: str) -> bool:
    """Whether a command only shows its text to a person."""
    bare = QUOTED.sub("''", text.strip())
    return bool(PRINTS.match(bare)) and not TO_FILE.search(bare) and "$(" not in text


def _statement(text: str, start: int, words: str, end: str) -> Iterator[Statement]:
    blank = len(words) - len(words.lstrip())
    found = re.sub(r"\\\n", " ", words).strip()
    if found or end == ";;":
        yield Statement(text.count("\n", 0, start + blank) + 1, found, end)


def _body(text: str, start: int, end: int) -> Iterator[Statement]:
    first = text.count("\n", 0, start) + 1
    for offset, line in enumerate(text[start:end].split("\n")):
        # a text, no part of the script around it
        if line.strip():
            yield Statement(first + offset, f": {line.strip()}", "\n")
