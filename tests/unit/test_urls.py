"""urls.py: no half of a password is shown, and a text without one is shown as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.urls import holds_password, redacted
from tests import commands
from tests.views import Recorder

WITH = {
    "redis://:pw@host:6379/1": "redis://:***@host:6379/1",
    "amqp://user:pw@host//": "amqp://user:***@host//",
    "redis://:p@w@host": "redis://:***@host",
    "redis://:p/w@host": "redis://:***@host",
    "redis://:@pw@host": "redis://:***@host",
    "A = 'redis://:p\"w x@host'": "A = 'redis://:***@host'",
    "REDIS://:pw@host": "REDIS://:***@host",
    "redis://one;redis://:pw@two": "redis://one;redis://:***@two",
    "redis://host?db=1&password=pw&x=2": "redis://host?db=1&password=***&x=2",
}
WITHOUT = (
    "redis://localhost:6379/0",
    "a 'redis://host:6379/0' for b@c.example",
    "x: y@z",
    "rpc://",
    "?page=2",
)


@pytest.mark.parametrize("text", WITH)
def test_a_password_is_hidden_whole(text):
    assert redacted(text) == WITH[text]
    assert redacted(WITH[text]) == WITH[text]


@pytest.mark.parametrize("text", WITHOUT)
def test_a_text_without_one_stays_as_it_is(text):
    assert redacted(text) == text


def test_a_url_that_may_hold_one_is_distinguished_from_others():
    assert all(holds_password(text) for text in WITH)
    assert not any(
        holds_password(text) for text in ("redis://localhost:6379/0", "rpc://", "redis://h/0?db=1")
    )


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "'" + "a" * 200_000, "?" + "a" * 200_000, "'a" * 100_000]
)
def test_a_long_text_is_read_once(text):
    """A scheme that is looked for at every letter makes this take minutes."""
    assert redacted(text) == text


def test_the_command_to_repeat_names_no_password_and_no_asterisks(project: Path):
    flags = {"broker": "redis://:sekrit@queue/0"}
    ended = commands.init(project, Recorder(), flags=flags, yes=True, no_verify=True)
    assert "--broker URL" in ended.command_line
    assert "sekrit" not in ended.command_line and "*" not in ended.command_line
