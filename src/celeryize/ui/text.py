"""Text for a terminal: pieces in styles, wrapped at words, as long as the terminal shows them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from celeryize.printable import printable
from celeryize.ui.terminal import Terminal
from celeryize.urls import redacted

# What is in backticks is pasted, and therefore stays on one line.
WORD = re.compile(r"\s+|(?:`[^`\n]*`|[^\s`]|`(?![^`\n]*`))+")
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line: its text, the words of its style, and the address that it links to."""

    text: str
    style: str = ""
    link: str = ""


def safe(text: str) -> str:
    """A text of anybody without passwords and control characters."""
    return printable(redacted(text))


def display_width(text: str) -> int:
    """The columns that a text takes: two for what East Asian fonts draw wide, none for marks."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 1


def render(pieces: Iterable[Piece], terminal: Terminal, hang: str | None = None) -> str:
    """The pieces as one text. With a `hang`, it is wrapped to the terminal, and each line but the
    first begins with that.

    A word that is wider than the terminal stays whole: half a path is no path.
    """
    clean = [replace(piece, text=safe(piece.text)) for piece in pieces]
    if terminal.width is not None and hang is not None:
        clean = list(_wrapped(clean, terminal.width, hang))
    return "".join(_painted(piece, terminal) for piece in _merged(clean))


def paint(text: str, style: str, terminal: Terminal) -> str:
    """A text that is safe already, in a style, where the terminal has colours."""
    return _painted(Piece(text, style), terminal)


def _painted(piece: Piece, terminal: Terminal) -> str:
    text = piece.text
    if not text.strip():
        return text
    if piece.style and terminal.colour:
        codes = ";".join(COLOURS[word] for word in piece.style.split())
        text = f"\x1b[{codes}m{text}\x1b[0m"
    if piece.link and terminal.links:
        text = f"\x1b]8;;{piece.link}\x1b\\{text}\x1b]8;;\x1b\\"
    return text


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of one style as one piece."""
    last: Piece | None = None
    for piece in pieces:
        if last is not None and (last.style, last.link) == (piece.style, piece.link):
            last = replace(last, text=last.text + piece.text)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _wrapped(pieces: list[Piece], width: int, hang: str) -> Iterator[Piece]:
    """The pieces with line breaks for blanks, where the next word would not fit."""
    column = 0
    blank: list[Piece] = []
    for word in _words(pieces):
        if word[0].text.isspace():
            blank = word
            continue
        length = sum(display_width(piece.text) for piece in word)
        gap = sum(display_width(piece.text) for piece in blank)
        # a line that only holds its indent is not full
        if column and column > len(hang) and column + gap + length > width:
            yield Piece(f"\n{hang}")
            column = len(hang)
        else:
            yield from blank
            column += gap
        blank = []
        yield from word
        column += length
    yield from blank


def _words(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Runs of blanks and of other characters; a word may be in several styles."""
    word: list[Piece] = []
    for piece in pieces:
        for part in WORD.findall(piece.text):
            if word and (part.isspace() or word[-1].text.isspace()):
                yield word
                word = []
            word.append(replace(piece, text=part))
    if word:
        yield word
