"""Checks in two processes find what they find in one, also where the second one ends early."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from celeryize.checks import halves
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
