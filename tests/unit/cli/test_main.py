"""The table of the verbs is that of their modules, and a verb loads its own module alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.cli import verbs
from celeryize.cli.main import VERBS, load_verb

LOADED = "import sys; from celeryize.cli.main import run; run(); print(*sys.modules, sep='\\n')"


def modules_after(*arguments: str) -> set[str]:
    """The modules of celeryize that a command line loads."""
    program = f"import sys; sys.argv[1:] = {list(arguments)!r}; {LOADED}"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {line for line in ran.stdout.splitlines() if line.startswith("celeryize")}


def test_every_module_of_a_verb_is_in_the_table():
    files = Path(verbs.__path__[0]).glob("[a-z]*.py")
    assert {file.stem.replace("_", "-") for file in files} == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_the_line_of_a_verb_is_the_first_of_its_docstring(name: str):
    assert load_verb(name).help.splitlines()[0] == VERBS[name]


def test_help_loads_no_verb():
    assert not [name for name in modules_after("--help") if name.startswith("celeryize.cli.verbs.")]


def test_a_verb_loads_its_own_module_alone():
    loaded = modules_after("add-task", "--help")
    assert {n for n in loaded if n.startswith("celeryize.cli.verbs.")} == {
        "celeryize.cli.verbs.add_task"
    }
    assert not {n for n in loaded if n.startswith(("celeryize.checks", "celeryize.detect"))}


def test_a_misspelt_verb_gets_a_suggestion():
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", "ad-task"], capture_output=True, text=True
    )
    assert (ran.returncode, "Did you mean celeryize add-task?" in ran.stderr) == (2, True)
