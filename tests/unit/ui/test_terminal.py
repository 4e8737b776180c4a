"""What a terminal shows, as its environment wants it, and text that is laid out for it."""

from __future__ import annotations

import io

import pytest

from celeryize.ui.tables import Table, table_lines
from celeryize.ui.terminal import Terminal, terminal_of
from celeryize.ui.text import Piece, display_width, render

VARIABLES = (
    *("NO_COLOR", "FORCE_COLOR", "TERM", "CI", "COLUMNS", "TERM_PROGRAM", "VTE_VERSION"),
    *("KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "FORCE_HYPERLINK", "DOMTERM"),
)


class Screen(io.StringIO):
    def __init__(self, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def terminal(monkeypatch, *, is_terminal: bool = True, **environment: str) -> Terminal:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return terminal_of(Screen(is_terminal))


@pytest.mark.parametrize(
    ("is_terminal", "environment", "colour"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (True, {"FORCE_COLOR": "0"}, False),
        (True, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"CI": "true"}, True),
    ],
)
def test_who_wants_colours(monkeypatch, is_terminal, environment, colour):
    assert terminal(monkeypatch, is_terminal=is_terminal, **environment).colour is colour


@pytest.mark.parametrize(
    ("is_terminal", "environment", "erases", "motion"),
    [
        (True, {}, True, True),
        (True, {"NO_COLOR": "1"}, True, False),
        (True, {"CI": "true"}, False, False),
        (True, {"TERM": "dumb"}, False, False),
        (False, {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_where_something_may_move(monkeypatch, is_terminal, environment, erases, motion):
    found = terminal(monkeypatch, is_terminal=is_terminal, **environment)
    assert (found.erases, found.motion) == (erases, motion)


@pytest.mark.parametrize(
    ("environment", "links"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, True),
        ({"VTE_VERSION": "7006"}, True),
        ({"VTE_VERSION": "4000"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM_PROGRAM": "vscode", "CI": "true"}, False),
        ({}, False),
    ],
)
def test_which_terminals_link(monkeypatch, environment, links):
    assert terminal(monkeypatch, **environment).links is links


def test_a_pipe_is_not_wrapped_and_columns_counts_on_a_terminal(monkeypatch):
    assert terminal(monkeypatch, is_terminal=False, COLUMNS="80").width is None
    assert terminal(monkeypatch, COLUMNS="60").width == 60
    assert terminal(monkeypatch, is_terminal=False, COLUMNS="60", FORCE_COLOR="1").width == 60


def test_text_is_wrapped_at_words_and_a_long_word_stays_whole():
    narrow = Terminal(width=20)
    text = "note: one two three four config/settings/production.py five"
    lines = render([Piece(text)], narrow, "      ").split("\n")
    assert lines == [
        "note: one two three",
        "      four",
        "      config/settings/production.py",
        "      five",
    ]


def test_a_style_goes_on_over_blanks_and_an_escape_of_a_file_does_not_get_through():
    colours = Terminal(colour=True, width=80)
    assert render([Piece("a b", "red"), Piece(" c")], colours, "") == "\x1b[31ma b\x1b[0m c"
    assert "\x1b]0;" not in render([Piece("\x1b]0;title\x07")], colours)


def test_a_link_is_only_for_those_who_know_it():
    place = [Piece("a.py:3", link="file:///p/a.py#3")]
    assert render(place, Terminal()) == "a.py:3"
    shown = render(place, Terminal(links=True))
    assert shown == "\x1b]8;;file:///p/a.py#3\x1b\\a.py:3\x1b]8;;\x1b\\"


def test_a_wide_character_takes_two_columns():
    assert display_width("日本") == 4
    assert display_width("e\u0301") == 1


ROWS = [("shop.tasks.send_welcome_email", "(x: int)", "mail"), ("a.b", "()", "")]


def test_a_table_breaks_no_name_and_moves_what_does_not_fit():
    table = Table(("task", "signature", "queue"), ROWS, ("queue", "signature"))
    assert list(table_lines(table, Terminal(is_terminal=True, width=80))) == [
        "task                           signature  queue",
        "shop.tasks.send_welcome_email  (x: int)   mail",
        "a.b                            ()",
    ]
    assert list(table_lines(table, Terminal(is_terminal=True, width=42))) == [
        "task                           signature",
        "shop.tasks.send_welcome_email  (x: int)",
        "    queue: mail",
        "a.b                            ()",
    ]
    assert list(table_lines(table, Terminal(is_terminal=True, width=20)))[1] == ROWS[0][0]


def test_a_table_in_a_pipe_has_tabs_and_a_header():
    table = Table(("task", "queue"), [("a\tb", "x\ny")])
    assert list(table_lines(table, Terminal())) == ["task\tqueue", "a b\tx y"]
    assert list(table_lines(Table(("task",), []), Terminal())) == []


def test_what_is_in_backticks_is_pasted_and_stays_whole():
    narrow = Terminal(width=20)
    text = "Run `celeryize verify --live` then, or don`t."
    lines = render([Piece(text)], narrow, "").split("\n")
    assert lines == ["Run", "`celeryize verify --live`", "then, or don`t."]
