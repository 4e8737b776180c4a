"""facts/: one frozen value; what each of its parts reads off the files."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from celeryize.detect.command import CeleryCommand
from celeryize.model import Where
from celeryize.probe.report import ImportReport
from tests.conftest import make_tree
from tests.unit.checks.projects import entry, facts_of, healthy


def test_facts_never_change(tmp_path):
    facts = facts_of(make_tree(tmp_path, healthy()))
    report = ImportReport("worker")
    with pytest.raises(FrozenInstanceError):
        facts.worker = report  # type: ignore[misc]
    imported = facts.with_imports(report, report)
    assert facts.worker is None
    assert imported.worker is report and imported.tasks is facts.tasks


def test_tasks_are_read_with_their_names_and_places(tmp_path):
    facts = facts_of(make_tree(tmp_path, healthy()))
    assert [(task.name, str(task.where)) for task in facts.tasks] == [
        ("doctors.tasks.greet", "doctors/tasks.py:5"),
        ("doctors.tasks.call", "doctors/tasks.py:10"),
    ]


def test_a_file_of_tests_is_not_read_for_tasks(tmp_path):
    text = "from celery import shared_task\n\n\n@shared_task\ndef f():\n    pass\n"
    tree = {**healthy(), "doctors/tests/test_tasks.py": text}
    assert len(facts_of(make_tree(tmp_path, tree)).tasks) == 2


def test_the_entries_of_the_schedule_are_read(tmp_path):
    fields = "        'task': 'doctors.tasks.greet',\n        'schedule': 30.0,\n"
    facts = facts_of(make_tree(tmp_path, {**healthy(), **entry(fields)}))
    assert [(e.name, e.task) for e in facts.schedule.entries] == [
        ("nightly", "doctors.tasks.greet")
    ]


def test_an_entry_with_unpacked_fields_is_not_read(tmp_path):
    facts = facts_of(make_tree(tmp_path, {**healthy(), **entry("        **COMMON,\n")}))
    assert facts.schedule.entries == ()


@pytest.mark.parametrize("words", [("-Q", "slow"), ("--queues=slow",), ("-Qslow",), ("-Q=slow",)])
def test_an_option_is_found_in_each_spelling(words):
    command = CeleryCommand(("worker", *words), Where("Procfile", 1), "")  # type: ignore[arg-type]
    assert command.option("-Q", "--queues") == "slow"
    assert command.option("-P", "--pool") is None


def test_the_command_lines_of_deployment_files_are_read(tmp_path):
    files = {
        "Procfile": "# worker: celery -A old worker\nworker: celery -A config worker && true\n",
        "docker-compose.yml": '    command: ["celery", "-A", "config", "beat"]\n',
        "node_modules/x/Procfile": "worker: celery -A other worker\n",
    }
    found = facts_of(make_tree(tmp_path, {**healthy(), **files})).deployment.commands
    assert [(str(c.where), c.subcommand, c.words) for c in found] == [
        ("Procfile:2", "worker", ("-A", "config", "worker")),
        ("docker-compose.yml:1", "beat", ("-A", "config", "beat")),
    ]
