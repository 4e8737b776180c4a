"""printable.py: no control character of a project reaches a terminal."""

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeryize.formats import FORMATS
from celeryize.model import Finding, Severity, Where
from celeryize.pictures import Row, Timeline, render_calendar, render_html, render_svg
from celeryize.printable import CONTROL, printable
from celeryize.ui.screen import Screen
from celeryize.ui.tables import Table
from celeryize.ui.voice import Voice

NASTY = "a\x1b[2J\x07\x9b\u202eb\u2028c\rd\udc80"


def test_a_control_character_becomes_an_escape():
    assert printable(NASTY) == "a\\x1b[2J\\x07\\x9b\\u202eb\\u2028c\\x0dd\\udc80"


def test_what_can_be_shown_stays():
    assert printable("Zürich\t日本語\n🙂") == "Zürich\t日本語\n🙂"


@given(st.text())
def test_nothing_unprintable_is_left_and_twice_is_once(text):
    once = printable(text)
    assert not CONTROL.search(once)
    assert printable(once) == once


def test_the_screen_shows_no_control_character(capfd):
    screen = Screen(interactive=False)
    screen.show_line(NASTY)
    screen.answer(NASTY)
    voice = Voice()
    voice.answer_table(Table(("a",), [(NASTY,)]))
    shown = capfd.readouterr()
    assert not CONTROL.search(shown.out + shown.err)


@pytest.mark.parametrize("form", FORMATS)
def test_a_finding_for_another_program_has_none(form, capfd):
    finding = Finding(
        "celery.E001", Severity.ERROR, NASTY, where=Where(PurePosixPath("a b\x07%.py"), 1)
    )
    Screen(interactive=False).answer(FORMATS[form]([finding], ["celery.E001"]))
    shown = capfd.readouterr().out
    assert not CONTROL.search(shown)
    if form == "junit":
        ElementTree.fromstring(shown)
    if form == "sarif":
        assert '"uri": "a%20b%07%25.py"' in shown


def test_a_picture_and_a_calendar_have_none():
    runs = {NASTY: [datetime(2026, 11, 28, 8, tzinfo=UTC)]}
    start = datetime(2026, 11, 28, 7, tzinfo=UTC)
    rows = (Row(NASTY, NASTY, tuple(runs[NASTY])), Row(NASTY, NASTY, (), NASTY))
    timeline = Timeline(start, "UTC", rows)
    assert not CONTROL.search(render_svg(timeline) + render_html(timeline))
    ElementTree.fromstring(render_svg(timeline))
    assert not CONTROL.search(render_calendar(runs).replace("\r\n", "\n"))


def test_two_entries_at_the_same_moment_are_two_events():
    moment = datetime(2026, 11, 28, 8, tzinfo=UTC)
    text = render_calendar({"a-b": [moment], "a_b": [moment], "x" * 200 + ";,\\": [moment]})
    assert len({line for line in text.splitlines() if line.startswith("UID:")}) == 3
    assert all(len(line.encode()) <= 75 for line in text.splitlines())
    assert "\\;\\,\\\\" in text.replace("\r\n ", "")
