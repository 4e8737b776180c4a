"""What a session says of a program that has ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from celeryize.commands.dev.child import Program
from celeryize.commands.dev.session import DevSession, LineEnded, Service
from celeryize.commands.dev.watching import Change
from tests.views import Recorder


class Log(Recorder):
    """Keeps the lines, too."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def show_log(self, process: str, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize(
    ("text", "when"),
    [("def broken(:\n", "when views.py is fixed"), ("fine = 1\n", "at the next change")],
)
def test_a_program_that_ends_while_a_file_is_broken_waits_for_it(tmp_path: Path, text, when):
    """The web server restarts, and a broken file is saved before it has read it."""
    views = tmp_path / "views.py"
    views.write_text(text)
    web = Service(Program("web", [sys.executable, "-c", "exit(3)"], tmp_path), waits=False)
    log = Log()
    session = DevSession(log, tmp_path, Path(sys.executable), "token", [web])
    session._begin(web)
    if "broken" in text:
        session._python_changed((views,))
    event = session._next_event()
    assert isinstance(event, LineEnded)
    session._ended(event.child, event.code)
    assert log.lines[-1] == f"web: ended with 3; it starts again {when}"
    session.kill()


def test_a_change_of_a_template_alone_restarts_what_had_ended(tmp_path: Path):
    web = Service(Program("web", [sys.executable, "-c", "exit(3)"], tmp_path), waits=False)
    session = DevSession(Log(), tmp_path, Path(sys.executable), "token", [web])
    session._begin(web)
    event = session._next_event()
    assert isinstance(event, LineEnded)
    session._ended(event.child, event.code)
    assert web.current is None
    session._changed(Change(python=(), templates=(tmp_path / "page.html",)))
    assert web.current is not None
    session.kill()
