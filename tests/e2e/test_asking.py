"""What add-task and add-schedule ask who left something out, on a terminal of 80 by 24.

`--rewrite-goldens` writes tests/golden_questions anew: the screen at each question, and at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.commands.schedule.plan import Request as Entry
from celeryize.commands.task.plan import Request as Task
from celeryize.when import parse
from tests import commands
from tests.conftest import snapshot
from tests.docs.picture import Recorder as Terminal
from tests.views import Recorder

SCREENS = Path(__file__).parents[1] / "golden_questions"
UP, DOWN = "\x1b[A", "\x1b[B"
NO = ("Write these changes?", "n\r")
# What is waited for, and what is typed then.
DIALOGUES = {
    "add_task": (
        "add-task",
        ("(APP.TASK)", "2nd\r"),
        ("not a valid name in Python", "remind_patient\r"),
        ("(--kind)", "\r"),
        ("(NAME:TYPE)", "patient_id\r"),
        ("has no type", "patient_id:int note:str=hello\r"),
        NO,
    ),
    "add_task_model": (
        "add-task",
        ("(APP.TASK)", "remind\r"),
        ("(--kind)", f"{DOWN}\r"),
        ("(--model)", "\r"),
        NO,
    ),
    "add_task_email": (
        "add-task",
        ("(APP.TASK)", "send_offer\r"),
        ("(--kind)", f"{DOWN}{DOWN}\r"),
        ("(--model)", "\r"),
        ("(NAME:TYPE)", "user_id:int\r"),
        ("no parameter holds an address", "note:str=hello recipient:str\r"),
        ("has no default", "recipient:str\r"),
        NO,
    ),
    "add_task_email_model": (
        "add-task",
        ("(APP.TASK)", "send_offer\r"),
        ("(--kind)", f"{DOWN}{DOWN}\r"),
        ("(--model)", f"{DOWN}\r"),
        NO,
    ),
    "add_task_email_no_model": (
        "add-task",
        ("(APP.TASK)", "send_offer\r"),
        ("(--kind)", f"{DOWN}{DOWN}\r"),
        ("(--model)", "\r"),
        ("(NAME:TYPE)", "\r"),
        NO,
    ),
    "add_task_another_model": (
        "add-task",
        ("(APP.TASK)", "load\r"),
        ("(--kind)", f"{DOWN}\r"),
        ("(--model)", f"{DOWN}\r"),
        ("another model", "doctors.Docter\r"),
        ("no model Docter", "doctors.Doctor\r"),
        NO,
    ),
    "add_task_back": (
        "add-task",
        ("(APP.TASK)", "remnd\r"),
        ("back to the question before", "<"),
        ("(APP.TASK)", "remind\r"),
        ("(--kind)", f"{DOWN}\r"),
        ("(--model)", f"{DOWN}{DOWN}\r"),
        # the pointer is at the model
        ("(--kind)", f"{UP}\r"),
        ("(NAME:TYPE)", "<\r"),
        # and now at the plain one
        ("(--kind)", "\r"),
        ("(NAME:TYPE)", "?\r"),
        ("Ctrl-C ends", "url: str, tries: int = 3\r"),
        ("Write these changes?", "<\r"),
        ("Type y to write", "n\r"),
    ),
    "add_task_without_app": ("add-task remind", NO),
    "add_worker": ("add-worker", ("(--to)", f"{DOWN}\r"), NO),
    "add_schedule": (
        "add-schedule",
        ("(TASK)", "\r"),
        ("(--at, --every, --cron)", f"{DOWN}\r"),
        ("(--on)", "mon-fri\r"),
        ("(--at)", "25:00\r"),
        ("invalid hour", "7:30\r"),
        ("(NAME)", "\r"),
        ("(--args)", "1\r"),
        NO,
    ),
    "add_schedule_time": (
        "add-schedule nightly charge",
        ("(--at, --every, --cron)", f"{DOWN}{DOWN}\r"),
        ("(--every)", "15min\r"),
        ("(--args)", "ten\r"),
        ("not a value in JSON", '"x"\r'),
        ("is annotated as int", "1\r"),
        NO,
    ),
    "remove_task": ("remove-task", ("(APP.TASK)", f"{DOWN}\r"), NO),
    "remove_schedule": ("remove-schedule", ("(NAME)", f"{DOWN}\r"), NO),
}
ROOM = "from django.db import models\n\n\nclass Room(models.Model):\n    pass\n"
# What there is to be removed, in the order in which it was written.
WRITTEN = {
    "remove_task": ("doctors.remind", "doctors.bill"),
    "remove_schedule": ("nightly", "weekly"),
}
TASKS = "from celery import shared_task\n\n\n@shared_task\ndef charge(pk: int) -> None:\n    pass\n"


@pytest.fixture
def clinic(project: Path) -> Path:
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    (project / "doctors/tasks.py").write_text(TASKS)
    return project


@pytest.mark.parametrize("name", DIALOGUES)
def test_what_is_left_out_is_asked(name, clinic, request: pytest.FixtureRequest):
    if name == "add_task_email":
        # no model has an address
        (clinic / "doctors/models.py").write_text(ROOM)
    for written in WRITTEN.get(name, ()):
        if name == "remove_task":
            task = Task(written, test=False)
            commands.add_task(clinic, Recorder(), task, yes=True, no_verify=True)
        else:
            entry = Entry(written, "doctors.tasks.charge", parse(at="03:00"), args="[1]")
            commands.add_schedule(clinic, Recorder(), entry, yes=True, no_verify=True)
    before = snapshot(clinic)
    command, *answers = DIALOGUES[name]
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1", "COLUMNS": "80"}
    terminal = Terminal(clinic, f"celeryize {command} --no-verify", environment, (80, 24))
    screens = [f"$ celeryize {command} --no-verify"]
    for wanted, typed in answers:
        terminal.wait_for(wanted)
        screens.append(_shown(terminal))
        terminal.press(typed)
    assert terminal.finish() == 3
    screens.append(_shown(terminal))
    text = "\n----\n".join(screens) + "\n"
    golden = SCREENS / f"{name}.txt"
    if request.config.getoption("--rewrite-goldens"):
        golden.write_text(text)
    assert text == golden.read_text()
    assert snapshot(clinic) == before


def _shown(terminal: Terminal) -> str:
    return "\n".join(line.rstrip() for line in terminal.screen.display).strip("\n")


def test_there_is_no_screen_of_a_dialogue_that_is_gone():
    assert {path.stem for path in SCREENS.glob("*.txt")} == set(DIALOGUES)


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("add-task", "add-task needs APP.TASK"),
        ("add-schedule", "add-schedule needs a NAME and a TASK and a time"),
        ("remove-task", "remove-task needs APP.TASK"),
        ("remove-schedule", "remove-schedule needs a NAME"),
        ("add-schedule nightly", "add-schedule needs a TASK and a time"),
        ("add-schedule nightly --at 03:00", "add-schedule needs a TASK"),
    ],
)
def test_without_a_terminal_it_is_a_wrong_command_line_with_one_example(clinic, command, missing):
    before = snapshot(clinic)
    for option in ("--no-input", "--json", "--yes"):
        ran = subprocess.run(
            [sys.executable, "-m", "celeryize", *command.split(), option],
            cwd=clinic,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        said = ran.stderr
        if option == "--json":
            said = json.loads(ran.stdout)["error"]["message"]
        else:
            assert said.count(f"For example: celeryize {command.split()[0]} ") == 1
        assert (ran.returncode, missing in said) == (2, True), said
    assert snapshot(clinic) == before
