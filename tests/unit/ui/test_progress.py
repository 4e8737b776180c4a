"""The line that says what is going on: drawn after a moment, gone before anything else is said."""

from __future__ import annotations

import io
import re
import threading

import pytest

from celeryize.ui import progress
from celeryize.ui.progress import Progress
from celeryize.ui.terminal import Terminal

FULL = Terminal(is_terminal=True, moves=True, erases=True, motion=True, width=40)
STILL = Terminal(is_terminal=True, moves=True, erases=True, width=40)
DUMB = Terminal(is_terminal=True, width=40)


class Stream(io.StringIO):
    """A stream that says when something was written to it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


@pytest.fixture(autouse=True)
def _no_silence(monkeypatch):
    monkeypatch.setattr(progress, "SILENCE", 0.0)
    monkeypatch.setattr(progress, "PACE", 0.01)


def drawn(terminal: Terminal, *details: str) -> str:
    stream = Stream()
    shown = Progress(stream, terminal)
    with shown.working("importing your project as a worker"):
        for detail in details:
            shown.tell(detail)
        stream.written.clear()
        assert stream.written.wait(30)
    return stream.getvalue()


def test_it_turns_counts_seconds_and_is_gone_afterwards():
    text = drawn(FULL)
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] importing your project as a worker,", text)
    assert text.endswith("\r\x1b[K")


def test_a_line_is_never_wider_than_the_terminal_also_with_the_words_of_a_manager():
    text = drawn(FULL, "Downloading celery-5.7.0-py3-none-any.whl (485 kB)")
    for line in re.split(r"\r\x1b\[K", text):
        assert len(line) < 40


def test_without_motion_it_is_said_once_and_taken_back():
    text = drawn(STILL)
    assert text.count("importing your project as a worker ...") >= 1
    assert not set(text) & set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") and text.endswith("\r\x1b[K")


def test_where_nothing_can_be_taken_back_it_is_a_line():
    assert drawn(DUMB) == "importing your project as a worker ...\n"


def test_what_is_said_meanwhile_stands_on_a_clean_line_and_a_question_is_left_alone():
    stream = Stream()
    shown = Progress(stream, FULL)
    with shown.working("reading"):
        assert stream.written.wait(30)
        with shown.writing():
            stream.write("a finding\n")
        assert "\r\x1b[Ka finding\n" in stream.getvalue()
        with shown.paused():
            stream.write("Write? [y/N] ")
            stream.written.clear()
            assert not stream.written.wait(0.1)


def test_no_thread_is_left():
    before = threading.active_count()
    drawn(FULL)
    assert threading.active_count() == before


def test_a_stream_that_is_closed_ends_it_quietly():
    stream = Stream()
    shown = Progress(stream, FULL)
    with shown.working("reading"):
        assert stream.written.wait(30)
        with shown.writing():
            pass
        shown._stream = io.StringIO()
        shown._stream.close()
        shown._shown = False
        assert shown._thread is not None
        shown._thread.join(30)
        assert not shown._thread.is_alive()
