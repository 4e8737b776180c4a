"""commands/task/kinds.py: a kind is one entry, its template, and the template of its test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from celeryize import render
from celeryize.commands.task import kinds
from celeryize.commands.task.kinds import KINDS, Kind, find_kind
from celeryize.commands.task.request import Request, chosen_kind
from tests import commands
from tests.views import Recorder

WEBHOOK = """{% extends "task/base.py.jinja" %}
{% block body %}
payload["received"] = True
{% endblock %}
"""
WEBHOOK_TEST = """from {{ module }} import {{ function }}

payload = {}
{{ function }}(payload)
assert payload == {"received": True}
"""


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_each_kind_has_a_template(kind):
    assert render.has_template(f"task/{kind.name}.py.jinja")


def test_each_template_of_a_test_is_that_of_a_kind():
    folder = render.templates() / "test"
    names = {file.name.removesuffix(".py.jinja") for file in folder.iterdir()}
    assert names <= {kind.name for kind in KINDS} and "plain" in names


def test_a_kind_of_a_template_of_the_projects_own_needs_nothing():
    assert find_kind("report") == Kind("report")


def test_a_new_kind_is_an_entry_and_its_templates(project: Path, tmp_path: Path, monkeypatch):
    folder = shutil.copytree(render.templates(), tmp_path / "templates")
    (folder / "task/webhook.py.jinja").write_text(WEBHOOK)
    (folder / "test/webhook.py.jinja").write_text(WEBHOOK_TEST)
    monkeypatch.setattr(render, "templates", lambda: folder)
    render._snippet_environment.cache_clear()
    monkeypatch.setattr(kinds, "KINDS", (*KINDS, Kind("webhook", parameter="payload:dict")))
    commands.init(project, Recorder(), flags={}, yes=True, no_verify=True)
    request = Request("doctors.receive", kind="webhook", test=True)
    commands.add_task(project, Recorder(), request, yes=True, no_verify=True)
    render._snippet_environment.cache_clear()
    assert (
        (project / "doctors/tasks.py")
        .read_text()
        .endswith(
            "@shared_task\n"
            "def receive(payload: dict) -> None:\n"
            '    """Receive."""\n'
            '    payload["received"] = True\n'
        )
    )
    assert (project / "doctors/tests.py").read_text() == (
        "from django.test import TestCase\n\n"
        "from .tasks import receive\n\n\n"
        "class ReceiveTests(TestCase):\n"
        "    def test_it_runs(self) -> None:\n"
        "        payload = {}\n"
        "        receive(payload)\n"
        '        self.assertEqual(payload, {"received": True})\n'
    )


def test_a_model_without_a_kind_is_worked_on():
    assert chosen_kind(None, "doctors.Doctor", None) == "model"


def test_without_a_model_a_task_is_plain_and_what_was_said_counts():
    assert chosen_kind(None, None, None) == "plain"
    assert chosen_kind("email", "doctors.Doctor", None) == "email"
    # the user's own body need not have a parameter for a key
    assert chosen_kind(None, "doctors.Doctor", Path("body.jinja")) == "plain"
