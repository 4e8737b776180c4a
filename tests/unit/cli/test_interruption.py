"""Ctrl-C while a module is loaded: Python before 3.12 wraps it where a class is made."""

from __future__ import annotations

import pytest
import typer

from celeryize.cli.talk import TalkOptions, run_guarded
from celeryize.errors import Exit


class Interrupting:
    def __set_name__(self, owner: type, name: str) -> None:
        raise KeyboardInterrupt


def make_class() -> None:
    type("Made", (), {"field": Interrupting()})


def fail() -> None:
    raise RuntimeError("x") from ValueError("y")


@pytest.mark.parametrize(("command", "code"), [(make_class, Exit.INTERRUPTED), (fail, Exit.BUG)])
def test_an_interruption_inside_of_a_class_is_one(command, code, capsys):
    talk = TalkOptions(no_input=True)
    with pytest.raises(typer.Exit) as ended:
        run_guarded("init", talk, talk.make_view(), command)
    assert ended.value.exit_code == code
    assert ("Traceback" in capsys.readouterr().err) == (code is Exit.BUG)
