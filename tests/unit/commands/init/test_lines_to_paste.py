"""What a refusal says is enough: its lines pasted where it says, or its hint followed, lead to "nothing to do"."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from celeryize.errors import CeleryizeError
from celeryize.ui.planned import format_message
from tests.unit.test_golden import CASES, GOLDEN, load, run

BY_HAND = ["celery_app_that_imports_the_package", "requirements_utf16", "requirements_hashes"]
REFUSALS = [name for name in CASES if (GOLDEN / name / "refusal.txt").exists()]
SECTION = re.compile(
    r"==> (?P<path>\S+), (?:(?P<new>a new file)|(?P<end>at the end|manual step: [^\n]*)|(?P<top>at the top)"
    r"|below line (?P<below>\d+)|in place of lines? (?P<first>\d+)(?: to (?P<last>\d+))?) <=="
)


def paste(text: str, folder: Path) -> int:
    """Write the lines of a refusal where it says, as its reader would; how many places these were."""
    places = list(SECTION.finditer(text))
    ends = [place.start() for place in places[1:]] + [len(text)]
    for place, end_of_lines in zip(places, ends, strict=False):
        lines = text[place.end() : end_of_lines].split("\n")
        pasted = [line.removeprefix("    ") for line in lines]
        while pasted and not pasted[0]:
            pasted.pop(0)
        while pasted and not pasted[-1]:
            pasted.pop()
        file = folder / place["path"]
        assert file.exists() == (place["new"] is None), f"{file} is a new file, or there already"
        there = file.read_text().split("\n") if file.exists() else []
        if there and not there[-1]:
            there.pop()
        start = end = len(there)
        if place["top"]:
            start = end = 0
        elif place["below"]:
            start = end = int(place["below"])
        elif place["first"]:
            start, end = int(place["first"]) - 1, int(place["last"] or place["first"])
        there[start:end] = pasted
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(there) + "\n")
    return len(places)


def follow(mend: dict[str, object], folder: Path, case: dict[str, object]) -> None:
    """Do what the hint says: other flags, another start, a renamed or mended file."""
    for old, new in dict(mend.get("rename", {})).items():  # type: ignore[call-overload]
        (folder / old).rename(folder / new)
    for name, text in dict(mend.get("write", {})).items():  # type: ignore[call-overload]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, (old, new) in dict(mend.get("replace", {})).items():  # type: ignore[call-overload]
        before = (folder / name).read_text("latin-1")
        assert old in before
        (folder / name).write_text(before.replace(old, new))
    case["start"] = mend.get("start", case.get("start", "."))
    case["options"] = {**dict(case.get("options", {})), **dict(mend.get("options", {}))}  # type: ignore[call-overload]


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_refusal_says_to_do_leads_to_nothing_to_do(name: str, tmp_path: Path):
    case = load(name)
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / name / "before", folder, symlinks=True)
    text = (GOLDEN / name / "refusal.txt").read_text()
    pasted = paste(text, folder)
    mend = case.get("mend")
    assert bool(pasted) != bool(mend), "lines to paste, or a hint that a person follows"
    if isinstance(mend, dict):
        follow(mend, folder, case)
        assert run(folder, case).result.outcome == "done"
    ended = run(folder, case)
    assert ended.result.outcome == "nothing to do"
    assert not ended.todos


@pytest.mark.parametrize("name", BY_HAND)
def test_a_manual_step_done_by_hand_is_asked_for_no_more(name: str, tmp_path: Path):
    case = load(name)
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / name / "before", folder, symlinks=True)
    encoding = str(case.get("encoding", "utf-8"))
    steps = [todo for todo in run(folder, case).todos if todo.path]
    assert steps
    assert run(folder, case, check=True).result.exit_code == 1, "a gap, which init cannot fill"
    for todo in steps:
        file = folder / str(todo.path)
        file.write_text(file.read_text(encoding) + todo.snippet.rstrip("\n") + "\n", encoding)
    ended = run(folder, case, check=True)
    assert (ended.result.outcome, ended.result.exit_code, ended.todos) == ("nothing to do", 0, ())


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_its_next_step(name: str, tmp_path: Path):
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / name / "before", folder, symlinks=True)
    with pytest.raises(CeleryizeError) as caught:
        run(folder, load(name))
    assert caught.value.hint
    assert format_message(caught.value)
