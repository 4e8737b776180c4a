"""Each folder of tests/golden_worker is the deployment files before and after `celeryize add-worker`.

The Django project around them is that of tests/worker_projects.py; `after/` has what differs from it.
What the plan says is in told.txt, the words of a refusal are in refusal.txt. `--rewrite-goldens` writes what the
program does now; read the diff as the maintainer of that project would.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import all_checks
from celeryize.commands.worker.request import Request
from celeryize.commands.writing.runner import Written
from celeryize.detect.project import load_project
from celeryize.errors import CannotPatch
from tests import commands
from tests.conftest import snapshot
from tests.unit.test_golden import is_subsequence, told_beside, words_of
from tests.views import Recorder
from tests.worker_projects import write_project

GOLDEN = Path(__file__).parents[1] / "golden_worker"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/case.toml"))
# What is wrong in them is what the user wrote, and no line that is missing.
LEFT_ALONE = {
    # a Beat that may be one
    "compose_unknown_beat_beside_worker",
    # a worker that is not of the project's app
    "compose_worker_of_another_app",
    "supervisor_worker_of_another_app",
    # the policy of a Redis, which a note is about
    "compose_redis_conf_evicts",
    "compose_redis_evicts",
    # a schedule, and --no-beat
    "compose_queues_beside_worker",
    "compose_service_of_one_file",
    "compose_several_web_one_named",
    "kubernetes_worker_is_there",
    "procfile_worker_is_complete",
    "procfile_worker_is_there",
}
KINDS = ("compose", "procfile", "systemd", "supervisor", "kubernetes")


def load(name: str) -> dict[str, Any]:
    return tomllib.loads((GOLDEN / name / "case.toml").read_text())


def prepare(name: str, folder: Path) -> None:
    """The project of a case, in a folder that is called as the units name it."""
    write_project(folder, **load(name).get("project", {}))
    before = GOLDEN / name / "before"
    if before.exists():
        shutil.copytree(before, folder, dirs_exist_ok=True)


def run(folder: Path, name: str, view: Recorder, **more: Any) -> Written:
    options = load(name).get("options", {})
    options["queues"] = tuple(options.get("queues", ()))
    return commands.add_worker(folder, view, Request(**options), yes=True, no_verify=True, **more)


def difference(folder: Path, base: Path) -> dict[str, bytes]:
    """The files of a folder that another one has not, or otherwise."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        other = base / name
        if path.is_file() and not (other.is_file() and other.read_bytes() == path.read_bytes()):
            found[name] = path.read_bytes()
    return found


def test_each_kind_of_file_has_its_cases():
    for kind in KINDS:
        assert len([name for name in CASES if kind in name]) >= 4, kind
    assert len(CASES) >= 30


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("refuse_")])
def test_no_check_of_the_deployment_finds_anything_afterwards(name: str, tmp_path: Path):
    """What a stop does, how it is supervised, Beat inside a worker or among the sources."""
    folder = tmp_path / "shop"
    prepare(name, folder)
    view = Recorder()
    if run(folder, name, view).todos or name in LEFT_ALONE:
        return
    facts = read_facts(load_project(folder, python=sys.executable))
    families = re.compile(r"celery\.[EWI](8..|9..|26.|28.)")
    found = [
        f"{check.id} {occurrence.where}: {occurrence.message}"
        for check in all_checks()
        if families.fullmatch(check.id) and not check.imports
        for occurrence in check.run(facts)
    ]
    assert found == []


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, tmp_path: Path, request: pytest.FixtureRequest):
    folder, base = tmp_path / "shop", tmp_path / "base"
    prepare(name, folder)
    write_project(base, **load(name).get("project", {}))
    before = snapshot(folder)
    rewrite = request.config.getoption("--rewrite-goldens")
    view = Recorder()
    refusal = GOLDEN / name / "refusal.txt"
    try:
        ended = run(folder, name, view)
    except CannotPatch as error:
        if rewrite:
            refusal.write_text(words_of(error))
        assert refusal.read_text() == words_of(error)
        assert snapshot(folder) == before, "a refusal writes nothing"
        return
    if rewrite:
        refusal.unlink(missing_ok=True)
    assert not refusal.exists()
    said = told_beside(view, ended)
    told, after = GOLDEN / name / "told.txt", GOLDEN / name / "after"
    if rewrite:
        told.unlink(missing_ok=True)
        if said:
            told.write_text(said)
        shutil.rmtree(after, ignore_errors=True)
        for path, data in difference(folder, base).items():
            (after / path).parent.mkdir(parents=True, exist_ok=True)
            (after / path).write_bytes(data)
    assert (told.read_text() if told.exists() else "") == said
    changed = difference(folder, base)
    assert changed == {
        p.relative_to(after).as_posix(): p.read_bytes() for p in after.rglob("*") if p.is_file()
    }
    for path in folder.rglob("*.py"):
        ast.parse(path.read_bytes())
    now = snapshot(folder)
    for path, (kind, _, data) in before.items():
        if kind == "file":
            assert is_subsequence(data, now[path][2]), path
    again = run(folder, name, Recorder())
    assert again.result.outcome == "nothing to do"
    assert snapshot(folder) == now, "the second run writes nothing"
    if now != before:
        commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before, "undo restores every byte and mode"
