"""The project's own templates of tasks: copied, changed, added, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.task.plan import Request
from celeryize.errors import CeleryizeError, UsageError
from tests import commands
from tests.conftest import make_tree, snapshot
from tests.views import Recorder

FOLDER = "celeryize/templates/task"


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery."""
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def add(folder: Path, **options: object) -> str:
    request = Request("doctors.work", **options)
    commands.add_task(folder, Recorder(), request, yes=True, no_verify=True)
    return (folder / "doctors/tasks.py").read_text()


def test_a_copy_is_listed_and_used_and_copied_once(wired):
    assert ("task/plain", "") in commands.list_templates(wired, Recorder())
    commands.copy_template(wired, Recorder(), "task/plain", yes=True)
    own = wired / FOLDER / "plain.py.jinja"
    own.write_text(own.read_text().replace("pass  #", "print()  #"))
    assert ("task/plain", f"{FOLDER}/plain.py.jinja") in commands.list_templates(wired, Recorder())
    before = snapshot(wired)
    assert (
        commands.copy_template(wired, Recorder(), "task/plain", yes=True).result.outcome
        == "nothing to do"
    )
    assert snapshot(wired) == before
    assert "    print()  # The work" in add(wired)


def test_the_folder_that_the_project_names_is_used(wired):
    make_tree(
        wired, {"pyproject.toml": '[tool.celeryize]\ntemplates = "dev/jinja"\n', "dev/jinja/x": ""}
    )
    commands.copy_template(wired, Recorder(), "task/http", yes=True)
    assert (wired / "dev/jinja/task/http.py.jinja").is_file()


@pytest.mark.parametrize("name", ["task/plane", "../../etc/passwd", "init/copier"])
def test_a_name_that_is_none_of_ours_is_refused(wired, name):
    with pytest.raises(UsageError, match="unknown template") as caught:
        commands.copy_template(wired, Recorder(), name, yes=True)
    assert "task/plain" in caught.value.hint


def test_a_kind_of_the_projects_own_can_be_asked_for(wired):
    text = "import json\n\n\n@{{ decorator }}\ndef {{ name }}():\n    return json.dumps({})\n"
    make_tree(wired, {f"{FOLDER}/report.py.jinja": text})
    assert add(wired, kind="report") == (
        "import json\n\nfrom celery import shared_task\n\n\n@shared_task\ndef work():\n    return json.dumps({})\n"
    )


def test_a_body_from_a_file_is_a_template_too(wired):
    body = wired / "body.jinja"
    body.write_text(
        '{% extends "task/base.py.jinja" %}\n{% block body %}print("{{ name }}"){% endblock %}\n'
    )
    assert '    print("work")\n' in add(wired, body_from=body)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def {{ name }}(:\n", "does not give valid Python: invalid syntax: def work(:"),
        ("x = 1\n", "defines no function work"),
        ("-" * 50_000 + "1\n", "does not give valid Python: it cannot be parsed: ---"),
        ("\n{{ 1 / 0 }}\n", "plain.py.jinja:2: division by zero"),
        ("{{ cycler.__init__.__globals__.os }}\n", "plain.py.jinja:1"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_and_nothing_is_written(wired, text, words):
    make_tree(wired, {f"{FOLDER}/plain.py.jinja": text})
    before = snapshot(wired)
    with pytest.raises(CeleryizeError) as caught:
        add(wired)
    assert words in caught.value.message
    assert snapshot(wired) == before


@pytest.mark.parametrize("folder", ["a\\u0000b", "a" * 300, "loop"])
def test_a_folder_of_templates_that_no_file_system_has_is_said(wired, folder):
    make_tree(wired, {"pyproject.toml": f'[tool.celeryize]\ntemplates = "{folder}"\n'})
    (wired / "loop").symlink_to("loop")
    with pytest.raises(CeleryizeError, match="is not a folder"):
        add(wired)


def test_a_folder_of_templates_that_leads_out_of_the_project_is_refused(wired):
    outside = make_tree(wired.with_name("outside"), {"task/plain.py.jinja": "x = 1\n"})
    (wired / "celeryize").mkdir()
    (wired / "celeryize/templates").symlink_to(outside)
    with pytest.raises(CeleryizeError, match="celeryize/templates leads out of the project"):
        add(wired)


def test_a_template_that_is_a_link_out_of_the_folder_is_not_read(wired, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("PASSWORD")
    folder = wired / FOLDER
    folder.mkdir(parents=True)
    (folder / "plain.py.jinja").symlink_to(secret)
    with pytest.raises(CeleryizeError, match="leads out of the folder of templates"):
        add(wired, kind="plain")
    (folder / "plain.py.jinja").unlink()
    (folder / "part.jinja").symlink_to(secret)
    make_tree(wired, {f"{FOLDER}/plain.py.jinja": '{% include "task/part.jinja" %}'})
    with pytest.raises(CeleryizeError, match="leads out of the folder of templates"):
        add(wired, kind="plain")


NESTED = "{% for a in range(99999) %}{% for b in range(99999) %}BODY{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NESTED.replace("BODY", ""), "took longer than"),
        (NESTED.replace("BODY", "x" * 1000), "more than 200,000 characters"),
        ("{{ 'x' * 10 ** 9 }}", "MemoryError|longer than|characters"),
    ],
    ids=["endless", "long", "one long value"],
)
def test_a_template_ends_in_time_and_in_length(wired, monkeypatch, text, words):
    monkeypatch.setattr("celeryize.render.RENDER_SECONDS", 0.3)
    make_tree(wired, {f"{FOLDER}/plain.py.jinja": text})
    with pytest.raises(CeleryizeError, match=words):
        add(wired, kind="plain")
