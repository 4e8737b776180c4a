"""The oldest Python of this machine with the Celery and Django of its time; `make matrix` tries all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.matrix.run import OK, PAIRS, STEPS, interpreter, told, try_pair
from tests.services import over_files


@over_files
def test_an_old_python_with_its_celery_and_django_is_set_up_and_verified(tmp_path: Path):
    running = "{}.{}".format(*sys.version_info)
    found = ((interpreter(p), p, c, d) for p, c, d in PAIRS if p != running)
    python, version, celery, django = next((one for one in found if one[0]), (None, "", "", ""))
    if python is None:
        pytest.skip(f"there is no other Python than {running} on this machine")
    outcome = try_pair(python, celery, django, tmp_path)
    if outcome.skipped:
        pytest.skip(f"Celery {celery} and Django {django} for Python {version}: {outcome.skipped}")
    assert outcome.steps == dict.fromkeys(STEPS, OK)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no answer: it broke"),
        ('{"error": {"message": "there is no project"}}', "there is no project"),
        (
            '{"findings": [{"id": "celery.E010", "severity": "error", "message": "m"}]}',
            "celery.E010: m",
        ),
        ('{"live_steps": [{"name": "ping", "outcome": "failed", "summary": "w"}]}', "ping: w"),
        ('{"proof": {"verdict": "not run", "summary": "s"}}', "the proof: not run: s"),
        ('{"status": "findings"}', "code 1: findings"),
    ],
)
def test_a_step_that_does_not_do_what_it_says_is_not_called_ok(answer: str, why: str):
    assert told(subprocess.CompletedProcess([], 1, answer, "it broke")) == why
