"""What is typed at a question, on a terminal whose cursor stays where it is."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from celeryize.ui.questions import ask_question
from celeryize.ui.terminal import Terminal
from celeryize.ui.view import Choice, GoBack, Question

NAME = Question("Called?", "NAME", (), "", example="for example shop")
AT = Question("When?", "--at", (), "", problem_of=lambda text: "" if ":" in text else "No time.")
KINDS = (Choice("plain", "a function"), Choice("email", "a mail"))
KIND = Question("Which?", "--kind", KINDS, "plain", other="another kind ...")


def asked(question: Question, monkeypatch, *lines: str) -> str:
    """The answer to a question of who types these lines."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return ask_question(question, Terminal(is_terminal=True, width=80))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Nothing was typed."),
        ("?", "For example shop. Ctrl-C ends the questions"),
        ("help", "For example shop. Ctrl-C ends the questions"),
        ("q", "If q is the answer, give it on the command line: NAME."),
        ("\x1b[A", "keys that are not text"),
        ("celeryize undo", "That is a command, and this a question."),
        ("$ celeryize undo", "That is a command, and this a question."),
        ("<", "This is the first question."),
    ],
)
def test_what_is_no_answer_is_said_and_asked_again(typed, said, monkeypatch, capsys):
    assert asked(NAME, monkeypatch, typed, "shop") == "shop"
    assert said in " ".join(capsys.readouterr().err.split())


def test_bytes_of_another_encoding_are_no_answer(monkeypatch, capsys):
    typed = io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8")
    after = iter((typed.readline, lambda: "caf\xe9\n"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(readline=lambda: next(after)()))
    assert ask_question(NAME, Terminal(is_terminal=True, width=80)) == "caf\xe9"
    assert "keys that are not text" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["\N{SUPERSCRIPT TWO}", "0", "3", "-1", "1.5"])
def test_what_is_no_number_of_a_list_is_said(typed, monkeypatch, capsys):
    assert asked(replace(KIND, other=""), monkeypatch, typed, "2") == "email"
    assert "Type a number from 1 to 2" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["shop", "helper", "quite", "a < b", "celery"])
def test_what_only_looks_like_it_is_an_answer(typed, monkeypatch):
    assert asked(replace(NAME, has_way_back=True), monkeypatch, typed) == typed


@pytest.mark.parametrize("typed", ["07:30", "--at 07:30", "--at=07:30", "  07:30 "])
def test_the_flag_may_be_typed_with_its_value(typed, monkeypatch):
    assert asked(AT, monkeypatch, typed) == "07:30"


def test_a_question_mark_shows_what_is_right_where_there_is_no_example(monkeypatch, capsys):
    assert asked(AT, monkeypatch, "?", "07:30") == "07:30"
    assert "No time. Ctrl-C ends" in capsys.readouterr().err


def test_the_way_back_is_shown_where_there_is_one(monkeypatch, capsys):
    with pytest.raises(GoBack):
        asked(replace(NAME, has_way_back=True), monkeypatch, "<")
    assert "for example shop; < goes back" in capsys.readouterr().err
    asked(NAME, monkeypatch, "shop")
    assert "<" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "answer"), [(("2",), "email"), (("x", "1"), "plain"), (("email",), "email")]
)
def test_a_choice_is_taken_by_its_number_or_its_name(typed, answer, monkeypatch):
    assert asked(KIND, monkeypatch, *typed) == answer


def test_a_list_has_a_way_back_and_a_text_of_ones_own_leads_back_to_it(monkeypatch, capsys):
    with pytest.raises(GoBack):
        asked(replace(KIND, has_way_back=True), monkeypatch, "<")
    assert "[1-3, Enter for 1, < goes back]" in capsys.readouterr().err
    assert asked(KIND, monkeypatch, "3", "<", "2") == "email"
    assert asked(KIND, monkeypatch, "<", "3", "own") == "own"
