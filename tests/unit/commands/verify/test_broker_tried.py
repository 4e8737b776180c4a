"""What a failed live proof on the project's own broker says of that broker."""

from __future__ import annotations

import pytest

from celeryize.checks.outcome import CheckResults
from celeryize.commands.verify.options import VerifyOptions
from celeryize.commands.verify.run import summarise
from celeryize.live.report import LiveReport, StepOutcome, StepResult
from celeryize.ui.found import summary_line
from tests.conftest import make_tree
from tests.unit.checks.projects import facts_of, healthy


def outcome(folder, broker, url, step):
    facts = facts_of(make_tree(folder, healthy()))
    report = LiveReport((StepResult("worker", step, "the worker"),), broker, 1.0, url)
    return summarise(facts, CheckResults((), (), ()), VerifyOptions(live=True), report)


@pytest.mark.parametrize(
    ("broker", "url", "said"),
    [
        ("configured", "redis://h:6379/0", "The broker was redis://h:6379/0: does it run"),
        ("configured", "amqp://guest:**@localhost:5672//", "is CELERY_BROKER_URL set?"),
        ("configured", "", "Is the broker running"),
        ("filesystem", "", "The lines above are from the log of the process."),
    ],
)
def test_a_failed_proof_names_the_broker_that_was_tried(tmp_path, broker, url, said):
    [finding] = outcome(tmp_path, broker, url, StepOutcome.FAILED).findings
    assert said in finding.hint


def test_the_summary_names_the_broker(tmp_path):
    verified = outcome(tmp_path, "configured", "redis://h:6379/0", StepOutcome.PASSED)
    assert summary_line(verified).endswith("on the configured broker redis://h:6379/0")
