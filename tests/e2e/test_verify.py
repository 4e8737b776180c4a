"""`celeryize verify` on the command line: exit codes, formats, the live proof."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.conftest import Run, make_tree, snapshot
from tests.unit.test_checks import healthy


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "well", healthy())


@pytest.fixture
def ill(tmp_path: Path) -> Path:
    """Two mistakes: pickles are accepted, and the package does not import the app."""
    well = healthy()
    settings = well["config/settings.py"] + "CELERY_ACCEPT_CONTENT = ['json', 'pickle']\n"
    return make_tree(tmp_path / "ill", {**well, "config/settings.py": settings, "config/__init__.py": ""})


def test_the_exit_code_says_whether_something_is_wrong(well, ill, celeryize: Run):
    assert celeryize(well, "verify").returncode == 0
    assert celeryize(ill, "verify").returncode == 1
    assert celeryize(ill, "verify", "--skip", "E010").returncode == 0, "a warning is no error"
    assert celeryize(ill, "verify", "--skip", "E010", "--strict").returncode == 1


def test_findings_are_grouped_by_file_the_worst_first(ill, celeryize: Run):
    lines = celeryize(ill, "verify", "--static").stdout.splitlines()
    assert [line for line in lines if line.startswith(("config/", "doctors/"))] == [
        "config/__init__.py",
        "config/settings.py",
    ]
    assert any("error" in line and "celery.E010" in line for line in lines)
    assert "      | CELERY_ACCEPT_CONTENT = ['json', 'pickle']" in lines


def test_json_has_findings_versions_and_what_ran(ill, celeryize: Run):
    document = json.loads(celeryize(ill, "verify", "--json").stdout)
    assert (document["schema"], document["command"], document["exit_code"]) == (1, "verify", 1)
    assert {f["id"]: (f["path"], f["line"]) for f in document["findings"]}["celery.E010"] == (
        "config/__init__.py",
        1,
    )
    assert document["versions"]["celery"] and len(document["checks_run"]) > 70


def test_other_programs_get_their_formats(ill, celeryize: Run):
    github = celeryize(ill, "verify", "--static", "--format", "github").stdout
    assert "::error file=config/__init__.py,line=1,title=celery.E010::" in github
    sarif = json.loads(celeryize(ill, "verify", "--static", "--format", "sarif").stdout)
    assert {r["ruleId"] for r in sarif["runs"][0]["results"]} == {"celery.E010", "celery.W560"}
    suite = ElementTree.fromstring(celeryize(ill, "verify", "--static", "--format", "junit").stdout)
    assert suite.get("failures") == "2"
    assert celeryize(ill, "verify", "--format", "carrier-pigeon").returncode == 2


def test_a_check_is_listed_and_explained(well, celeryize: Run):
    assert "celery.W210" in celeryize(well, "verify", "--list").stdout
    explained = celeryize(well, "verify", "--explain", "w210").stdout
    assert "minute" in explained and "Source" in explained


def test_the_live_proof_uses_no_server_and_changes_nothing(well, celeryize: Run):
    before = snapshot(well)
    ran = celeryize(well, "verify", "--live", "--json")
    document = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    assert {s["step"]: s["outcome"] for s in document["live"]}["round-trip"] == "passed"
    assert all(s["outcome"] == "passed" for s in document["live"])
    assert {k: v for k, v in snapshot(well).items() if "__pycache__" not in k} == before


def test_a_broken_project_says_so_first_and_still_tells_the_rest(ill, celeryize: Run):
    with (ill / "config/settings.py").open("a") as stream:
        stream.write("raise RuntimeError('no')\n")
    ran = celeryize(ill, "verify")
    assert ran.returncode == 1
    assert "does not start" in ran.stderr
    assert "celery.E001" in ran.stdout and "celery.W560" in ran.stdout


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
