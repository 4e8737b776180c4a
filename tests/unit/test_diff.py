"""The patch of a plan: what git takes, and what a person reads."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeryize import diff
from celeryize.model import Edit

HEAD = "from celery import shared_task\n"


def task(name: str) -> str:
    return f"@shared_task\ndef {name}():\n    pass\n"


def module(*names: str) -> str:
    return "\n\n".join([HEAD, *map(task, names)])


def changed(before: str, after: str) -> list[str]:
    patch = diff.unified([Edit(PurePosixPath("tasks.py"), before.encode(), after.encode())])
    lines = patch.decode().splitlines()[3:]
    return [line for line in lines if line.startswith(("+", "-"))]


@pytest.mark.parametrize(
    "left", [("b", "c"), ("a", "c"), ("a", "b")], ids=["first", "middle", "last"]
)
@pytest.mark.parametrize("sign", ["-", "+"])
def test_a_function_is_shown_from_its_decorator_to_its_end(left, sign):
    whole, part = module("a", "b", "c"), module(*left)
    gone = next(name for name in "abc" if name not in left)
    versions = (whole, part) if sign == "-" else (part, whole)
    lines = [line[1:] for line in changed(*versions) if line[0] == sign]
    assert "\n".join(lines).strip("\n") + "\n" == task(gone)


def test_what_is_often_in_a_long_file_is_compared_too():
    names = [f"task{number}" for number in range(120)]
    left = [name for name in names if name != "task60"]
    assert "".join(line[1:] + "\n" for line in changed(module(*names), module(*left))).startswith(
        task("task60")
    )


def test_a_changed_line_stays_where_it_is():
    assert changed("a\n\nb\n", "a\n\nc\n") == ["-b", "+c"]


LINES = st.lists(st.sampled_from([b"a\n", b"\n", b"@t\n", b"    x\n", b"def f\n"]), max_size=14)
VERSION = st.tuples(LINES, st.sampled_from([b"", b"end"])).map(lambda v: b"".join(v[0]) + v[1])


@given(VERSION, VERSION)
def test_the_patch_makes_the_one_version_of_the_other(before, after):
    patch = diff.unified([Edit(PurePosixPath("f"), before, after)])
    _, found, hunks = patch.partition(b"\n@@")
    assert patched(before, f"@@{hunks.decode()}" if found else "") == after


def patched(before: bytes, hunks: str) -> bytes:
    """A version with the hunks of a patch, by the numbers and the lines that they give."""
    old = before.splitlines(keepends=True)
    new: list[bytes] = []
    at = 0
    for line in hunks.replace("\n\\ No newline at end of file", "").split("\n")[:-1]:
        if line.startswith("@@"):
            start, _, size = line.split()[1].removeprefix("-").partition(",")
            first = int(start) - (size != "0")
            new += old[at:first]
            at = first
            continue
        text = line[1:].encode()
        if line.startswith("+"):
            new.append(text if text == b"end" else text + b"\n")
            continue
        assert old[at].rstrip(b"\n") == text
        if line.startswith(" "):
            new.append(old[at])
        at += 1
    return b"".join([*new, *old[at:]])


def test_git_takes_it(tmp_path: Path):
    before, after = module("a", "b", "c"), module("b", "d", "c").rstrip("\n")
    (tmp_path / "tasks.py").write_bytes(before.encode())
    patch = diff.unified([Edit(PurePosixPath("tasks.py"), before.encode(), after.encode())])
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=patch, check=True)
    assert (tmp_path / "tasks.py").read_bytes() == after.encode()
