"""checks/stops.py: the findings of a stop proof, and none without one."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

import pytest

from celeryize.checks.check import CHECKS
from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import run_checks
from celeryize.detect.project import load_project
from celeryize.live.stop import Outcome, Scaled, StopResult
from celeryize.live.stop_report import RehearsedStop
from celeryize.model import Where
from tests.conftest import make_tree, small_project

STOPS = {check.id for check in CHECKS.values() if check.stops}


def stop(*outcomes: Outcome, log: tuple[str, ...] = ()) -> RehearsedStop:
    scaled = Scaled(4, 0, 8)
    results = tuple(
        StopResult(mode, outcome, 1.0, False, scaled, log)
        for mode, outcome in zip(("early", "late"), outcomes, strict=False)
    )
    where = Where(PurePosixPath("compose.yml"), 3)
    return RehearsedStop(
        "worker", "worker", "compose", where, "SIGTERM", 16, 0, 30, 3600, "the one line", results
    )


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.FINISHED, Outcome.FINISHED), []),
        ((Outcome.FINISHED, Outcome.AGAIN), []),
        ((Outcome.ENDED,), []),
        ((Outcome.LOST, Outcome.AGAIN), ["celery.E960"]),
        ((Outcome.LOST, Outcome.STUCK), ["celery.E960", "celery.E961"]),
        ((Outcome.LOST, Outcome.LOST), ["celery.E960", "celery.E960"]),
        ((Outcome.KILLED,), ["celery.W962"]),
        ((Outcome.UNPROVED,), ["celery.W963"]),
    ],
)
def test_each_verdict_has_its_finding(tmp_path, outcomes, expected):
    facts = read_facts(
        load_project(make_tree(tmp_path, small_project()), python=sys.executable)
    ).with_stops((stop(*outcomes),))
    results = run_checks(facts, only=STOPS)
    assert [finding.id for finding in results.findings] == expected
    assert set(results.ran) == STOPS
    assert all(
        finding.where == Where(PurePosixPath("compose.yml"), 3) for finding in results.findings
    )


def test_the_finding_says_the_mode_and_the_one_line(tmp_path):
    facts = read_facts(load_project(make_tree(tmp_path, small_project()), python=sys.executable))
    found = run_checks(facts.with_stops((stop(Outcome.LOST, Outcome.STUCK),)), only=STOPS).findings
    assert "acks_early, as in your settings" in found[0].message
    assert "stuck for 3600 s (acks_late)" in found[1].message
    assert {finding.hint for finding in found} == {"the one line"}


@pytest.mark.parametrize(
    ("reason", "is_missing"),
    [
        ("ImproperlyConfigured: Error loading psycopg2 or psycopg module", True),
        ("ImproperlyConfigured: Error loading MySQLdb module.", True),
        ("ModuleNotFoundError: No module named 'storages.backends'", True),
        # of the project itself
        ("ModuleNotFoundError: No module named 'config.production'", False),
        ("KeyError: 'SECRET_KEY'", False),
    ],
)
def test_a_library_that_is_missing_here_is_to_be_installed(tmp_path, reason, is_missing):
    facts = read_facts(load_project(make_tree(tmp_path, small_project()), python=sys.executable))
    stops = (stop(Outcome.UNPROVED, log=("Traceback", reason)),)
    (finding,) = run_checks(facts.with_stops(stops), only=STOPS).findings
    assert reason in finding.message
    wanted = f"Install what requirements.txt declares, for the interpreter that tries it: {sys.executable}"
    assert (finding.hint == wanted) == is_missing


def test_without_a_stop_proof_none_of_them_runs(tmp_path):
    facts = read_facts(load_project(make_tree(tmp_path, small_project()), python=sys.executable))
    assert not STOPS & set(run_checks(facts).ran)
