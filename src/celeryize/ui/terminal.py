"""What the terminal behind a stream can show: colours, links, motion, and how wide it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

# Narrower, a text is one word a line.
NARROWEST = 20
USUAL = 80
# Terminals that make `OSC 8` a link, by the variables that they set; others would show rubbish.
# Source: https://github.com/Alhadis/OSC8-Adoption
LINKING = (
    *("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "DOMTERM", "FORCE_HYPERLINK"),
    *("GHOSTTY_RESOURCES_DIR", "WEZTERM_EXECUTABLE"),
)
LINKING_PROGRAMS = {"iTerm.app", "WezTerm", "vscode", "Hyper", "ghostty", "rio", "zed", "Tabby"}
LINKING_TERMS = ("alacritty", "foot", "xterm-kitty", "xterm-ghostty", "contour")
# GNOME Terminal and its relatives, from 0.50 on
VTE_WITH_LINKS = 5000


@dataclass(frozen=True, slots=True)
class Terminal:
    """`width` is None where nothing says how wide the text may be: in a file, in a pipe.

    `moves`: the cursor can be moved. `erases`: somebody watches, too, so that a line may be taken
    back. `motion`: it may also change while somebody waits.
    """

    is_terminal: bool = False
    colour: bool = False
    links: bool = False
    moves: bool = False
    erases: bool = False
    motion: bool = False
    width: int | None = None


def terminal_of(stream: TextIO) -> Terminal:
    """What is behind a stream, as the environment wants it to be treated.

    NO_COLOR (https://no-color.org) is stronger than FORCE_COLOR; CI means that nobody watches.
    """
    is_terminal = stream.isatty()
    moves = is_terminal and os.environ.get("TERM") != "dumb"
    colour = _wants_colour(moves)
    erases = moves and not os.environ.get("CI")
    plain = bool(os.environ.get("NO_COLOR"))
    return Terminal(
        is_terminal,
        colour=colour,
        links=erases and _knows_links(),
        moves=moves,
        erases=erases,
        motion=erases and not plain,
        # with FORCE_COLOR, a person reads it behind the pipe: less -R
        width=columns(stream) if is_terminal or colour else None,
    )


def _wants_colour(capable: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    if forced:
        return forced.lower() not in {"0", "false"}
    return capable


def rows(stream: TextIO) -> int | None:
    """LINES, else the lines of the terminal behind a stream; None where nothing says how many."""
    given = os.environ.get("LINES", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).lines or None
    except (OSError, ValueError):
        return None


def columns(stream: TextIO) -> int:
    """COLUMNS, else the columns of the terminal behind a stream, else 80."""
    given = os.environ.get("COLUMNS", "")
    if not given.isdecimal() or not int(given):
        # the patch may be in a pipe while the talk is on a terminal
        try:
            return max(NARROWEST, os.get_terminal_size(stream.fileno()).columns or USUAL)
        except (OSError, ValueError):
            return USUAL
    return max(NARROWEST, int(given))


def _knows_links() -> bool:
    if any(os.environ.get(name) for name in LINKING):
        return True
    if os.environ.get("TERM_PROGRAM") in LINKING_PROGRAMS:
        return True
    if os.environ.get("TERM", "").startswith(LINKING_TERMS):
        return True
    version = os.environ.get("VTE_VERSION", "")
    return version.isdigit() and int(version) >= VTE_WITH_LINKS
