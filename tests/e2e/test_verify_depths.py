"""The depths of `celeryize verify`: reading a thousand modules, and running the project for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run, make_tree, snapshot
from tests.unit.checks.projects import healthy


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "well", healthy())


def test_the_live_proof_uses_no_server_and_changes_nothing(well, celeryize: Run):
    before = snapshot(well)
    ran = celeryize(well, "verify", "--live", "--json")
    document = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert {s["name"]: s["outcome"] for s in document["live_steps"]}["round-trip"] == "passed"
    assert all(s["outcome"] == "passed" for s in document["live_steps"])
    assert {k: v for k, v in snapshot(well).items() if "__pycache__" not in k} == before


def test_a_live_proof_that_fails_is_the_verdict(well, celeryize: Run):
    with (well / "config/settings.py").open("a") as settings:
        settings.write('\nCELERY_BROKER_URL = "redis://127.0.0.1:1/0"\n')
    ran = celeryize(well, "verify", "--live", "--broker", "configured")
    assert ran.returncode == 1
    assert "live.worker" in ran.stdout and "CELERY_BROKER_URL" in ran.stdout
    assert "Nothing is wrong" not in ran.stdout
    formatted = celeryize(
        well, "verify", "--live", "--broker", "configured", "--format", "github"
    ).stdout
    assert "live.worker" in formatted


def test_a_live_proof_says_which_broker_it_ran_on(well, celeryize: Run):
    assert (
        "on a filesystem broker (on yours: --broker configured)"
        in celeryize(well, "verify", "--live").stdout
    )


def test_a_thousand_modules_are_read_without_importing_one(tmp_path, celeryize: Run):
    many = {f"doctors/m{n}.py": "def f(x):\n    return x\n" * 20 for n in range(1000)}
    root = make_tree(tmp_path / "big", {**healthy(), **many})
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "celeryize", "verify", "--static"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    loaded = {
        line.rsplit("|", 1)[-1].strip()
        for line in ran.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert not loaded & {"celery", "django", "copier", "pydantic", "yaml", "rich.console"}
