"""Checks in two processes find what they find in one, also where the second one ends early."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from celeryize.checks import halves
from celeryize.checks import run_checks as run_checks_module
from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import facts_of, healthy, view

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


def _raise() -> tuple[str, int]:
    raise RecursionError


def test_each_piece_is_run_once_by_one_of_two_processes() -> None:
    names = [str(number) for number in range(300)]
    found = halves.run_in_halves({name: lambda name=name: (name, os.getpid()) for name in names})
    assert {name: answer[0] for name, answer in found.items()} == dict(
        zip(names, names, strict=True)
    )
    assert len({answer[1] for answer in found.values()}) <= 2


def test_what_raises_is_left_out() -> None:
    work = {"first": lambda: ("first", 0), "raises": _raise, "last": lambda: ("last", 0)}
    assert halves.run_in_halves(work) == {"first": ("first", 0), "last": ("last", 0)}


def test_a_second_process_that_is_killed_takes_its_pieces_with_it() -> None:
    first = os.getpid()

    def run(name: str) -> str:
        # the first process waits, so that the second one has a piece to die with
        if os.getpid() != first:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return name

    names = [str(number) for number in range(20)]
    found = halves.run_in_halves({name: lambda name=name: run(name) for name in names})
    assert 0 < len(found) < len(names)
    assert all(name == answer for name, answer in found.items())


def test_one_process_does_all_where_no_second_one_can_be_had(monkeypatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    open_before = len([*Path("/proc/self/fd").iterdir()])
    work = {str(number): lambda number=number: number for number in range(100)}
    assert halves.run_in_halves(work) == {str(number): number for number in range(100)}
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


def test_two_processes_find_the_same(tmp_path, monkeypatch) -> None:
    body = "def send(request):\n    with transaction.atomic():\n        greet.delay(request)\n"
    crowd = {f"doctors/part{n}.py": "from doctors.tasks import greet\n" for n in range(40)}
    root = make_tree(tmp_path / "project", {**healthy(), **crowd, **view(body)})
    monkeypatch.setattr(halves, "MANY", 10**9)
    alone = run_checks(facts_of(root))
    assert {finding.id for finding in alone.findings} >= {"celery.W330", "celery.W360"}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(halves, "MANY", 30)
    forks = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(fork()) or forks[-1])
    assert run_checks(facts_of(root)) == alone
    assert len(forks) == 1


def test_many_tests_are_read_in_a_process_of_their_own(tmp_path, monkeypatch) -> None:
    sends = "from doctors.tasks import greet\n\n\ndef test_greets():\n    greet.delay(1)\n"
    crowd = {f"doctors/part{n}.py": "from doctors.tasks import greet\n" for n in range(40)}
    root = make_tree(tmp_path / "project", {**healthy(), **crowd, "tests/test_greet.py": sends})
    monkeypatch.setattr(halves, "MANY", 10**9)
    alone = run_checks(facts_of(root))
    assert "celery.W700" in {finding.id for finding in alone.findings}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(halves, "MANY", 30)
    forks = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(fork()) or forks[-1])
    monkeypatch.setattr(run_checks_module, "MANY_READ", 1)
    assert run_checks(facts_of(root)) == alone
    assert len(forks) == 2


def test_a_process_that_is_killed_has_found_nothing() -> None:
    def die() -> dict[str, int]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {"never": 1}

    open_before = len([*Path("/proc/self/fd").iterdir()])
    with halves.second_process(die) as second:
        pass
    assert second.found == {}
    with halves.second_process(lambda: {"done": 1}) as second:
        pass
    assert second.found == {"done": 1}
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before
