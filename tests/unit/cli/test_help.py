"""`--help`: groups, two examples, exit codes, and no line that is cut or wider than the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from celeryize.cli.main import VERBS, load_verb


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
        *("Arguments", "Task", "Retries", "Limits and delivery", "Test"),
        *("Writing", "Project", "Output", "Examples"),
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
