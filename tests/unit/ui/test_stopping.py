"""What a person reads of a stop proof: what was done, what became of the tasks, what it means."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from celeryize.live.stop import Outcome, Scaled, StopResult
from celeryize.live.stop_report import RehearsedStop
from celeryize.model import Where
from celeryize.ui.screen import Screen

SCALED = Scaled(4, 8, 12)
MODES = ("early", "late")


def results(*outcomes: Outcome, killed: bool = False) -> tuple[StopResult, ...]:
    modes = MODES if len(outcomes) > 1 else ("",)
    return tuple(
        StopResult(mode, outcome, 1.0, killed, SCALED)
        for mode, outcome in zip(modes, outcomes, strict=True)
    )


def stop(name: str, line: int, tried: tuple[StopResult, ...], **more: Any) -> RehearsedStop:
    where = Where(PurePosixPath("compose.yml"), line)
    how = "SIGTERM to the main process, SIGKILL after 30 s"
    role = "worker" if len(tried) > 1 else "beat"
    given = {"soft": 20.0, "change": "", **more}
    return RehearsedStop(
        name=name,
        role=role,
        kind="compose",
        where=where,
        how=how,
        task=16,
        grace=30,
        visibility_timeout=3600,
        results=tried,
        **given,
    )


GOOD = stop(
    "worker",
    3,
    results(Outcome.FINISHED, Outcome.FINISHED),
    default="late",
    longer=results(Outcome.LOST, Outcome.AGAIN),
)
BEAT = stop("beat", 9, results(Outcome.ENDED), soft=None)
BAD = stop(
    "mails",
    15,
    results(Outcome.LOST, Outcome.STUCK, killed=True),
    change="raise stop_grace_period above the soft timeout (20 s)",
    longer=results(Outcome.LOST, Outcome.STUCK, killed=True),
)
ALL_WELL = """\
Stopped as the files have it, while a task of 16 s runs:

  worker (compose.yml:3): SIGTERM to the main process, SIGKILL after 30 s
    task of 16 s            finished   acks_late, as in your settings
    task of 16 s            finished   acks_early
    task of more than 20 s  run again  acks_late, as in your settings
    task of more than 20 s  lost       acks_early
    it means: a deploy waits for tasks of up to 20 s; a longer one is run again by the new worker
    tried with shorter times: task 16 s as 4 s, soft timeout 20 s as 8 s, grace 30 s as 12 s

  beat (compose.yml:9): SIGTERM to the main process, SIGKILL after 30 s
    Beat  ended
    it means: Beat ends by itself
    tried with shorter times: grace 30 s as 12 s
No stop loses a running task of 16 s.
"""
ONE_LOSES = """\
  mails (compose.yml:15): SIGTERM to the main process, SIGKILL after 30 s
    task of 16 s  lost              acks_early, as in your settings, killed
    task of 16 s  stuck for 3600 s  acks_late, killed
    it means: a deploy loses the tasks that run, and nobody is told
    to change it: raise stop_grace_period above the soft timeout (20 s)
A stop loses a running task, or leaves it stuck: mails.
"""


def test_a_stop_that_loses_nothing(capsys):
    Screen(interactive=False).show_stops((GOOD, BEAT))
    assert capsys.readouterr().err == f"{ALL_WELL}\n"


def test_a_quiet_run_shows_what_loses_a_task_alone(capsys):
    Screen(interactive=False, quiet=True).show_stops((GOOD, BAD, BEAT))
    assert capsys.readouterr().err == ONE_LOSES


@pytest.mark.parametrize(
    ("outcomes", "means", "summary"),
    [
        ((Outcome.AGAIN, Outcome.AGAIN), "runs it again from its beginning", "No stop loses"),
        ((Outcome.STUCK, Outcome.STUCK), "run again only 3600 s later", "leaves it stuck: w."),
        ((Outcome.FINISHED, Outcome.LOST), "waits for a task of 16 s", "leaves it stuck: w."),
        ((Outcome.KILLED,), "Beat is killed", "No stop loses"),
        ((Outcome.UNPROVED, Outcome.UNPROVED), "nothing is known", "Not proved: w."),
    ],
)
def test_each_verdict_says_what_it_means(outcomes, means, summary, capsys):
    Screen(interactive=False).show_stops((stop("w", 3, results(*outcomes)),))
    said = capsys.readouterr().err
    assert means in said
    assert summary in said
