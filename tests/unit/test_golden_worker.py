"""Each folder of tests/golden_worker is the deployment files before and after `celeryize add-worker`.

The Django project around them is that of tests/worker_projects.py; `after/` has what differs from it.
What the plan says is in told.txt, the words of a refusal are in refusal.txt. `--rewrite-goldens` writes what the
program does now; read the diff as the maintainer of that project would.
"""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from celeryize.commands.worker.request import Request
from celeryize.commands.writing.runner import Written
from celeryize.errors import CannotPatch
from tests import commands
from tests.conftest import snapshot
from tests.unit.test_golden import is_subsequence, told_beside, words_of
from tests.views import Recorder
from tests.worker_projects import write_project

GOLDEN = Path(__file__).parents[1] / "golden_worker"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/case.toml"))
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
