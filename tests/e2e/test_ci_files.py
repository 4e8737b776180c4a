"""action.yml and the GitLab job, run step by step in a shell, as their runners do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.conftest import make_tree, small_project

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
JOB = yaml.safe_load((ROOT / "integrations/gitlab-ci.yml").read_text())["celeryize"]
# a syntax error, which is found without an import
BROKEN = {"doctors/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef send(:\n"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's temporary folder after the action's own step that installs celeryize."""
    folder = tmp_path_factory.mktemp("runner")
    ran = step("Install celeryize", {}, folder, folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def step(name: str, inputs: dict[str, str], runner: Path, folder: Path, code: str = ""):
    """Run the step of the action that is called so, with these inputs."""
    (found,) = [each for each in ACTION["runs"]["steps"] if each["name"] == name]
    given = {key: each["default"] for key, each in ACTION["inputs"].items()} | inputs
    said = {"steps.verify.outputs.code": code}
    said |= {f"inputs.{key}": value for key, value in given.items()}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda match: said[match[1]], text)

    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(runner),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(folder / "outputs"),
        **{key: filled(value) for key, value in found.get("env", {}).items()},
    }
    # what `shell: bash` is
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(found["run"])]
    return subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("inputs", "files", "code"),
    [
        ({}, {}, 0),
        ({}, BROKEN, 1),
        ({"project": "backend", "arguments": "--strict --skip I004"}, {}, 0),
        ({"import": "true", "sarif-file": "found.sarif"}, {}, 0),
    ],
    ids=["healthy", "broken", "in a folder", "imported"],
)
def test_the_action_shows_findings_writes_sarif_and_ends_as_verify(
    installed: Path, tmp_path: Path, celeryize, inputs, files, code
):
    folder = make_tree(tmp_path / inputs.get("project", "."), small_project())
    celeryize(folder, "init", "--yes", "--no-verify")
    make_tree(folder, files)
    ran = step("celeryize verify", inputs, installed, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "outputs").read_text() == f"code={code}\n"
    assert ("::error " in ran.stdout) is (code == 1), ran.stdout
    sarif = json.loads((tmp_path / inputs.get("sarif-file", "celeryize.sarif")).read_text())
    errors = [one for one in sarif["runs"][0]["results"] if one["level"] == "error"]
    assert bool(errors) is (code == 1)
    last = step("The exit code of celeryize verify", inputs, installed, tmp_path, str(code))
    assert last.returncode == code


@pytest.mark.parametrize(("files", "code"), [({}, 0), (BROKEN, 1)], ids=["healthy", "broken"])
def test_the_job_of_gitlab_reports_what_is_found(
    installed: Path, tmp_path: Path, celeryize, files, code
):
    folder = make_tree(tmp_path, small_project())
    celeryize(folder, "init", "--yes", "--no-verify")
    make_tree(folder, files)
    # the image's folder for it is the runner's here
    lines = [line.replace("/opt/celeryize", str(installed / "celeryize")) for line in JOB["script"]]
    env = {**os.environ, **JOB["variables"]}
    ran = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines)], cwd=folder, env=env, text=True
    )
    assert ran.returncode == code
    report = ElementTree.parse(folder / JOB["artifacts"]["reports"]["junit"]).getroot()
    assert bool(list(report.iter("failure"))) is (code == 1)
