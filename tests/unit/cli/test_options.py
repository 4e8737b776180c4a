"""The shared options are the fields of the records that they fill, each with the same default."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from celeryize.cli.main import VERBS, load_verb
from celeryize.cli.options import (
    RUN_OPTIONS,
    TALK_OPTIONS,
    WRITE_OPTIONS,
    run_options,
    split_list,
    write_options,
)
from celeryize.cli.talk import TalkOptions
from celeryize.commands.options import RunOptions, WriteOptions

WRITERS = ("init", "add-task", "remove-task", "add-schedule", "remove-schedule")


@pytest.mark.parametrize(
    ("options", "record"),
    [(RUN_OPTIONS, RunOptions), (WRITE_OPTIONS, WriteOptions), (TALK_OPTIONS, TalkOptions)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_field_is_an_option_with_its_default(options, record):
    defaults = {field.name: field.default for field in fields(record)}
    assert {name: one.default for name, one in options.items()} == defaults
    assert MISSING not in defaults.values()


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_has_every_shared_option(name: str):
    names = {parameter.name for parameter in load_verb(name).params}
    assert {*RUN_OPTIONS, *WRITE_OPTIONS, *TALK_OPTIONS} <= names


@pytest.mark.parametrize("name", sorted(set(VERBS) - {"demo"}))
def test_every_command_can_be_told_the_project_and_to_answer_in_json(name: str):
    assert {"start", "as_json", "quiet"} <= {parameter.name for parameter in load_verb(name).params}


def test_values_that_a_verb_does_not_have_keep_their_defaults():
    values = {"start": Path("x"), "yes": True, "keep": None}
    assert run_options(values) == RunOptions(Path("x"))
    assert write_options(values) == WriteOptions(yes=True)


def test_a_list_is_split_at_its_commas():
    assert split_list(" W014, ,W060") == ("W014", "W060")
    assert split_list(None) == ()
