"""The documents for programs: keys of one form, no password, and a schema for every command."""

from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft202012Validator

from celeryize.cli.main import VERBS
from celeryize.errors import Exit, UsageError
from celeryize.model import Plan, Todo
from celeryize.ui.machine import SCHEMA, Machine, hide_passwords
from tests.schemas import check_document, schemas

KEY = re.compile(r"[a-z]+(_[a-z]+)*")


def keys_of(schema: object) -> set[str]:
    """Every key that a schema has a property for."""
    found: set[str] = set()
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            found |= set(properties)
        for part in schema.values():
            found |= keys_of(part)
    if isinstance(schema, list):
        for part in schema:
            found |= keys_of(part)
    return found


def test_every_command_that_answers_in_json_has_a_schema():
    assert set(schemas()) == {*VERBS, "celeryize", "common"} - {"demo"}


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_valid_and_of_this_version(name: str):
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    if name != "common":
        assert schema["properties"]["schema"] == {"const": SCHEMA}  # type: ignore[index]


@pytest.mark.parametrize("name", schemas())
def test_keys_are_snake_case(name: str):
    assert not {key for key in keys_of(schemas()[name]) if not KEY.fullmatch(key)}


def test_an_error_is_a_document(capsys: pytest.CaptureFixture[str]):
    machine = Machine()
    machine.show_error(UsageError("wrong", hint="Right it."))
    machine.finish("tasks", "error", Exit.USAGE)
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["message"] == "wrong"


def test_a_document_with_another_key_or_without_one_is_not_valid():
    document = {"schema": SCHEMA, "command": "undo", "status": "done", "exit_code": 0}
    with pytest.raises(AssertionError, match="'summary' is a required"):
        check_document(document)
    check_document({**document, "summary": "nothing"})
    with pytest.raises(AssertionError, match="'told' was unexpected"):
        check_document({**document, "summary": "nothing", "told": 1})
    with pytest.raises(AssertionError):
        check_document({**document, "status": "error", "exit_code": 3, "summary": "nothing"})


def test_a_manual_step_keeps_its_lines():
    machine = Machine()
    machine.show_plan(Plan(todos=(Todo("declare", "no file", "celery\n"),)), with_diff=True)
    assert machine.document["manual_steps"] == [
        {"summary": "declare", "reason": "no file", "snippet": "celery\n", "path": None}
    ]


def test_a_password_is_hidden_wherever_it_is():
    url = "redis://:sekrit@host/0"
    hidden = hide_passwords({"a": [url, {"b": url}], "c": 1})
    assert hidden == {"a": ["redis://:***@host/0", {"b": "redis://:***@host/0"}], "c": 1}
