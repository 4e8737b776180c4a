"""Each folder of tests/golden is a project before and after `celeryize init`, or the words of its refusal.

What init says beside that, its notes and manual steps, is in told.txt.

`--rewrite-goldens` writes what the program does now; read the diff before committing.
"""

from __future__ import annotations

import ast
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from celeryize.commands.writing.runner import Written
from celeryize.errors import CannotPatch, CeleryizeError
from celeryize.ui.planned import format_message
from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/case.toml"))


def load(name: str) -> dict[str, object]:
    return tomllib.loads((GOLDEN / name / "case.toml").read_text())


def run(
    folder: Path, case: dict[str, object], view: Recorder | None = None, **more: object
) -> Written:
    options: dict[str, object] = dict(case.get("options", {}))  # type: ignore[call-overload]
    flags = {
        name: options.pop(name)
        for name in ("broker", "result_backend", "profile", "beat")
        if name in options
    }
    return commands.init(
        folder / str(case.get("start", ".")),
        view or Recorder(),
        flags=flags,
        yes=True,
        no_verify=True,
        **options,
        **more,
    )


def told_beside(view: Recorder, ended: Written) -> str:
    lines = [f"{note}\n" for note in view.plans[0].notes]
    for todo in ended.todos:
        lines.append(
            f"manual step: {todo.what}{f' ({todo.path})' if todo.path else ''}\n  {todo.why}\n"
        )
        lines += [f"    {line}\n" for line in todo.snippet.splitlines()]
    return "".join(lines)


def words_of(error: CeleryizeError) -> str:
    lines = [format_message(error), f"  {error.hint}"]
    if isinstance(error, CannotPatch) and error.snippet:
        lines += ["", *(f"    {line}".rstrip() for line in error.snippet.splitlines())]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_each_of_the_thirty_shapes_has_its_cases():
    shapes = tomllib.loads((GOLDEN / "shapes.toml").read_text())
    assert list(shapes) == [str(number) for number in range(1, 31)]
    for number, shape in shapes.items():
        assert shape["cases"], number
        assert set(shape["cases"]) <= set(CASES), number


@pytest.mark.parametrize("name", CASES)
def test_golden(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    case = load(name)
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / name / "before", folder, symlinks=True)
    # what is there to paste is for the folder where the user is
    monkeypatch.chdir(folder)
    before = snapshot(folder)
    rewrite = request.config.getoption("--rewrite-goldens")
    view = Recorder()
    try:
        ended = run(folder, case, view)
    except CeleryizeError as error:
        ours = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
        words = words_of(error).replace(str(folder), "PROJECT").replace(ours, "Python 3.X")
        if rewrite:
            (GOLDEN / name / "refusal.txt").write_text(words)
        assert (GOLDEN / name / "refusal.txt").read_text() == words
        assert snapshot(folder) == before, "a refusal writes nothing"
        return
    said = told_beside(view, ended)
    file = GOLDEN / name / "told.txt"
    if rewrite and said:
        file.write_text(said)
    elif rewrite:
        file.unlink(missing_ok=True)
    assert (file.read_text() if file.exists() else "") == said
    if rewrite:
        shutil.rmtree(GOLDEN / name / "after", ignore_errors=True)
        shutil.copytree(folder, GOLDEN / name / "after", symlinks=True)
    after = snapshot(folder)
    assert after == snapshot(GOLDEN / name / "after")
    for path in folder.rglob("*.py"):
        ast.parse(path.read_bytes())
    renames = "modernize" in dict(case.get("options", {}))  # type: ignore[call-overload]
    for path, (kind, _, data) in before.items():
        if kind == "file":
            assert renames or is_subsequence(data, after[path][2]), path
    again = run(folder, case)
    assert again.result.outcome == "nothing to do"
    assert snapshot(folder) == after, "the second run writes nothing"
    if after != before:
        commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before, "undo restores every byte and mode"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("startproject_standard", 1),
        ("celery_app_not_imported", 1),
        ("celery_without_broker", 1),
        ("celery_configured_in_the_app_file", 1),
        ("celery_app_in_another_package", 1),
        ("modernize_old_names", 1),
        ("celery_app_complete", 0),
        ("celery_configured_in_the_app_file_complete", 0),
        ("celery_always_eager", 0),
        ("celery_old_names", 0),
    ],
)
def test_check_ends_with_1_where_there_is_a_gap_and_writes_nothing(
    name: str, code: int, tmp_path: Path
):
    folder = shutil.copytree(GOLDEN / name / "before", tmp_path / "project", symlinks=True)
    before = snapshot(folder)
    assert run(folder, load(name), check=True).result.exit_code == code
    assert snapshot(folder) == before


def is_subsequence(old: bytes, new: bytes) -> bool:
    """Whether every old byte is still there, in order."""
    remaining = iter(new)
    return all(byte in remaining for byte in old)
