"""What every command shows on a terminal of 80 columns, with and without colour, as text files.

`--rewrite-goldens` writes tests/golden_screens anew. Versions, times and the folder are the same in
all of them; the escape character is shown as ␛.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import make_tree, small_project

SCREENS = Path(__file__).parents[1] / "golden_screens"
ROWS, COLUMNS = 24, 80
# In this order, on one project: each begins where the one before has ended.
COMMANDS = {
    "bare": "",
    "help": "--help",
    "help_add_task": "help add-task",
    "help_verify": "help verify",
    "wrong_option": "init --brocker redis",
    "wrong_value": "init --profile prod --yes",
    "no_celery": "tasks",
    "init": "init --broker filesystem --beat --yes",
    "init_again": "init --yes",
    "update_check": "update --check",
    "help_update": "help update",
    "add_task": "add-task doctors.remind_patient patient_id:int --time-limit 60 --yes",
    "add_task_lock": "add-task doctors.sync --lock --dry-run --no-verify",
    "add_schedule": "add-schedule remind-on-friday doctors.remind_patient"
    " --at 08:30 --on fri --args [1] --yes --no-verify",
    "tasks": "tasks",
    "schedule": "schedule",
    "remove_schedule_wrong": "remove-schedule remind-on-fryday --yes --no-verify",
    "verify": "verify",
    "verify_mistake": "verify --static --quiet -C ../mistaken",
    "verify_many": "verify --static -C ../crowded",
    "verify_explain": "verify --explain E170",
    "remove_schedule": "remove-schedule remind-on-friday --yes --no-verify",
    "remove_task": "remove-task doctors.remind_patient --check",
    "templates": "templates",
    "undo_list": "undo --list",
    "undo": "undo --yes",
    "undo_all": "undo --all --yes",
}
MISTAKE = (
    "from celery import shared_task\n\n\n@shared_task(retry_backof=True)\n"
    "def remind_patient(patient_id: int) -> None:\n    pass\n"
)
CROWDED = (
    "from celery import shared_task\n\nfrom doctors.models import Doctor\n\n\n"
    "@shared_task(retry_backof=True)\ndef remind(doctor_id: int) -> None:\n    pass\n\n\n"
    "@shared_task\ndef remind_all(ids: set[int] = []) -> None:\n    remind(1)\n\n\n"
    "def remind_later(doctor: Doctor) -> None:\n    remind.delay()\n"
    "    remind.delay(1, 2)\n    remind_all.delay({1, 2})\n"
)


@pytest.fixture(scope="module", params=["plain", "colour"])
def screens(request, tmp_path_factory) -> Iterator[tuple[str, dict[str, str]]]:
    """The screens of all commands on one project, in a folder whose name is always as long."""
    above = Path(tempfile.mkdtemp(prefix="cz-", dir="/tmp"))
    folder = above / "clinic"
    make_tree(folder, {**small_project(), "requirements.txt": "django\n", ".git/HEAD": ""})
    mistaken = {**small_project(), "doctors/tasks.py": MISTAKE, ".git/HEAD": ""}
    make_tree(above / "mistaken", mistaken)
    crowded = {**small_project(), "doctors/tasks.py": CROWDED, ".git/HEAD": ""}
    make_tree(above / "crowded", crowded)
    (folder / ".venv").symlink_to(sys.prefix)
    plain = request.param == "plain"
    state = str(tmp_path_factory.mktemp("state"))
    shown = {
        name: tidy(on_terminal(folder, command, plain=plain, state=state), above)
        for name, command in COMMANDS.items()
    }
    yield request.param, shown
    shutil.rmtree(above)


def on_terminal(folder: Path, command: str, *, plain: bool, state: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    left_out = {"CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "TERM_PROGRAM"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "TERM": "xterm-256color",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_STATE_HOME": state,
        # where nothing else is found, no manager of this machine is
        "PATH": "/usr/bin:/bin",
    }
    for name in ("VTE_VERSION", "KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION"):
        environment.pop(name, None)
    if plain:
        environment["NO_COLOR"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "celeryize", *command.split()],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=child,
        stderr=child,
        env=environment,
    )
    os.close(child)
    seen = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(parent)
    process.wait()
    return seen.decode() + f"(exit code {process.returncode})\n"


def tidy(text: str, above: Path) -> str:
    """The text without what differs from machine to machine, and from run to run."""
    text = text.replace("\r\n", "\n")
    # the line of the progress, each time it was drawn, and taken back
    text = re.sub(r"\r\x1b\[K[^\r\n]*(?=\r\x1b\[K)", "", text).replace("\r\x1b[K", "")
    text = text.replace(str(above), "/tmp/project")
    # lines with versions are as long as these are: they are joined again
    text = re.sub(r"(?m)^.*(?:versions  |proved: ).*\n(?: {8,}.*\n)*", _joined, text)
    moment = r"\b[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d"
    text = re.sub(moment, "Fri 2026-12-04 08:30 +01:00", text)
    text = re.sub(r"\b\d+ checks\b", "223 checks", text)
    return text.replace("\x1b", "␛")


def _joined(match: re.Match[str]) -> str:
    line = re.sub(r"\n +", " ", match[0].rstrip("\n"))
    return re.sub(r"\b\d+(\.\d+)+\b", "N", line) + "\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_screen_is_as_it_was_looked_at(name, screens, request: pytest.FixtureRequest):
    form, shown = screens
    golden = SCREENS / f"{name}.{form}.txt"
    if request.config.getoption("--rewrite-goldens"):
        golden.write_text(shown[name])
    assert shown[name] == golden.read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_prose_is_wider_than_the_terminal(name, screens):
    form, shown = screens
    if form == "colour":
        return
    for line in shown[name].splitlines():
        # what is pasted or compared is never wrapped, and joined lines are ours
        whole = line.startswith(("+", "-", "@", " ", "    |")) or "proved: " in line
        assert len(line) <= COLUMNS or whole, line


def test_there_is_no_screen_of_a_command_that_is_gone():
    assert {path.name.split(".")[0] for path in SCREENS.glob("*.txt")} == set(COMMANDS)
