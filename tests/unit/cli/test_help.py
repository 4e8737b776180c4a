"""`--help`: groups, two examples, exit codes, and no line that is cut or wider than the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.cli.main import IN_SHORT, VERBS, load_verb
from tests import commands
from tests.conftest import make_tree, small_project
from tests.views import Recorder


def help_of(*arguments: str, **environment: str) -> str:
    variables = {**os.environ, "COLUMNS": "80", **environment}
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", *arguments],
        capture_output=True,
        text=True,
        env={name: value for name, value in variables.items() if value},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_a_help_is_whole(verb):
    shown = help_of(verb, "--help")
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert not re.search(r"\w\.\.\.$", shown, re.MULTILINE)
    for part in ("Usage: celeryize", "Examples:", "Exit codes:", "Environment:", "Documentation:"):
        assert part in shown
    assert len(re.findall(rf"^  celeryize {verb}\b", shown, re.MULTILINE)) >= 2
    assert "env var" not in shown and "{" not in shown.split("\n")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_in_the_help_unless_it_is_hidden(verb):
    shown = help_of(verb, "--help")
    for parameter in load_verb(verb).params:
        if parameter.param_type_name == "option":
            assert (parameter.opts[-1] in shown) is not parameter.hidden


def test_help_is_a_verb_too():
    assert help_of("help") == help_of("--help")
    assert help_of("help", "help") == help_of("--help")
    assert help_of("help", "init") == help_of("init", "--help")


def test_options_of_many_are_in_groups():
    heads = re.findall(r"^(\w[\w ]*):$", help_of("add-task", "--help"), re.MULTILINE)
    assert heads == [
        *("Writing", "Project", "Output"),
        # the end stays on the screen
        *("Arguments", "Task", "Retries", "Limits and delivery", "Test", "Examples"),
    ]


def test_colours_are_for_those_who_want_them():
    assert "\x1b[" not in help_of("init", "--help")
    assert "\x1b[1m" in help_of("init", "--help", FORCE_COLOR="1")
    assert "\x1b[" not in help_of("init", "--help", FORCE_COLOR="1", NO_COLOR="1")


def test_fields_that_the_shell_took_apart_are_explained():
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "add-schedule", "a", "b.c", "--cron", "0", "8", "x"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "Quote the five fields" in ran.stderr and '--cron "0 8 * * *"' in ran.stderr


def test_the_old_name_of_lock_is_known_and_not_shown():
    assert "--idempotent" not in help_of("add-task", "--help")
    assert "--idempotent" in {name for p in load_verb("add-task").params for name in p.opts}


def test_the_commands_and_the_examples_are_what_stays_on_a_screen_of_24_lines():
    end = help_of("--help").splitlines()[-23:]
    assert "Commands:" in end and "Examples:" in end
    for verb in IN_SHORT:
        assert any(line.startswith(f"  {verb} ") for line in end)


def alone(folder: Path) -> list[str]:
    """What `celeryize` alone shows in a folder."""
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    return ran.stderr.splitlines()


def test_the_first_screen_fits_and_begins_with_the_first_command(tmp_path):
    first = {}
    for name in ("bare", "wired", "empty", "several/one", "several/two"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        if name != "empty":
            make_tree(folder, small_project())
        if name == "wired":
            flags = {"broker": "filesystem"}
            commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    for name in ("bare", "wired", "empty", "several"):
        shown = alone(tmp_path / name)
        # the prompt is the last line of 24
        assert len(shown) < 24 and max(map(len, shown)) <= 80
        first[name] = shown[3].strip()
        assert set(IN_SHORT) <= {line.split()[0] for line in shown if line.startswith("  ")}
    assert first["bare"] == "celeryize init"
    assert first["wired"] == "celeryize verify"
    assert first["empty"] == "celeryize demo"
    assert first["several"] == "celeryize init -C one"


def test_every_verb_has_its_few_words():
    assert list(IN_SHORT) == list(VERBS)
