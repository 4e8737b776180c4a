"""The depths of `celeryize verify`: reading a thousand modules, and running the project for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run, make_tree, snapshot
from tests.unit.test_checks import healthy


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "well", healthy())


def test_the_live_proof_uses_no_server_and_changes_nothing(well, celeryize: Run):
    before = snapshot(well)
    ran = celeryize(well, "verify", "--live", "--json")
    document = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert {s["step"]: s["outcome"] for s in document["live"]}["round-trip"] == "passed"
    assert all(s["outcome"] == "passed" for s in document["live"])
    assert {k: v for k, v in snapshot(well).items() if "__pycache__" not in k} == before


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
        line.rsplit("|", 1)[-1].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")
    }
    assert not loaded & {"celery", "django", "copier", "pydantic", "yaml", "rich.console"}
