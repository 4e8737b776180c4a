"""cli/meant.py: what a misspelt command or option was meant to be."""

from __future__ import annotations

import pytest

from celeryize.cli.main import VERBS, all_options
from celeryize.cli.meant import CALLED, meant_command, meant_option

OPTIONS = {
    "init": ["--broker", "--yes", "--help"],
    "add-task": ["--run-test", "--yes", "--help"],
    "add-schedule": ["--every", "--yes", "--help"],
}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ad-task", "Did you mean celeryize add-task?"),
        ("add_task", "Did you mean celeryize add-task?"),
        ("add", "Did you mean celeryize add-task, celeryize add-schedule or celeryize add-worker?"),
        ("strat", "Did you mean celeryize dev or celeryize add-worker?"),
        ("run-test", "It is an option: celeryize add-task --run-test"),
        ("zzz", "The commands are in celeryize --help."),
    ],
)
def test_a_command(typed, told):
    assert meant_command(typed, OPTIONS) == told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--brokr", "Did you mean --broker?"),
        ("--every", "It is an option of celeryize add-schedule."),
        ("--every=5", "It is an option of celeryize add-schedule."),
        ("--hel", "The options are in celeryize init --help."),
        ("--schedule", "The options are in celeryize init --help."),
    ],
)
def test_an_option(typed, told):
    assert meant_option(typed, "init", OPTIONS) == told


def test_what_others_call_it_leads_to_commands():
    assert {name for names in CALLED.values() for name in names} <= set(VERBS)
    assert not set(CALLED) & set(VERBS)


def test_the_options_of_all_commands_are_known():
    known = all_options()
    assert set(known) == set(VERBS)
    assert "--run-test" in known["add-task"] and "--broker" in known["init"]
