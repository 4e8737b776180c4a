"""Values of a compose file as Compose makes them: the table of its documentation, and nested ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.commands.worker.compose_values import interpolated, variable_in

ENV = {"SET": "given", "EMPTY": "", "DEEP": "${SET}/x", "LOOP": "${LOOP}"}
VALUES = {
    "redis://redis:6379/0": "redis://redis:6379/0",
    "${SET}": "given",
    "$SET/1": "given/1",
    "${SET:-other}": "given",
    "${EMPTY:-other}": "other",
    "${EMPTY-other}": "",
    "${NONE-other}": "other",
    "${NONE:-${ALSO:-redis://${HOST:-redis}:${PORT:-6379}/0}}": "redis://redis:6379/0",
    "${NONE:-redis://${SET}:6379}/0": "redis://given:6379/0",
    "${SET:+there}${NONE:+not}": "there",
    "${EMPTY:+there}": "",
    "${EMPTY+there}": "there",
    "${SET:?it has to be set}": "given",
    "${DEEP}": "given/x",
    "a$$b": "a$$b",
}


@pytest.mark.parametrize(("value", "expected"), VALUES.items())
def test_a_value_is_what_compose_makes_of_it(value, expected):
    assert interpolated(value, ENV.get) == expected


@pytest.mark.parametrize(
    "value", ["${NONE}", "$NONE", "${NONE:?why}", "${NONE:-open", "${NONE.x}", "$", "${}"]
)
def test_what_is_not_known_stays_as_it_is_written(value):
    shown = interpolated(value, ENV.get)
    assert shown == value or value == "${NONE:-open"


def test_a_variable_that_leads_to_itself_ends():
    assert interpolated("${LOOP}", ENV.get) == "${LOOP}"


def test_compose_itself_makes_the_same_of_them(tmp_path: Path):
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    compose = shutil.which("docker-compose", path=beside)
    if compose is None:
        pytest.skip("there is no docker-compose on this machine")
    lines = [f"      V{n}: '{value}'" for n, value in enumerate(VALUES)]
    text = "services:\n  web:\n    image: x\n    environment:\n" + "\n".join(lines) + "\n"
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").write_text("SET=given # of all\nEMPTY=\nDEEP=${SET}/x\n")
    ended = subprocess.run(
        [compose, "config", "--format", "json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    made = json.loads(ended.stdout)["services"]["web"]["environment"]
    assert [made[f"V{n}"] for n in range(len(VALUES))] == list(VALUES.values())


def test_a_value_of_an_env_file_is_without_its_quotes_and_its_comment():
    text = "A=1 # one\nexport B=\"2 # two\"\nC='3'\nD=\n"
    found = {name: variable_in(text, name) for name in "ABCDE"}
    assert found == {"A": "1", "B": "2 # two", "C": "3", "D": "", "E": None}
