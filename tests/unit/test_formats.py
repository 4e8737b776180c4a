"""Findings for other programs: what a program is told about each check."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from celeryize.checks.run_checks import all_checks
from celeryize.formats import github_annotations, junit_suite, sarif_log
from celeryize.model import Finding, Severity, Where
from celeryize.ui.found import first_sentence, rules_of

RAN = tuple(check.id for check in all_checks())
PAGE = "https://celeryize.github.io/celeryize/checks/E010/"
FOUND = Finding("celery.E010", Severity.ERROR, "m", "do it", Where(PurePosixPath("a.py"), 3))


def test_every_rule_of_a_sarif_log_is_complete():
    driver = json.loads(sarif_log([FOUND], RAN, rules_of(RAN)))["runs"][0]["tool"]["driver"]
    assert driver["version"]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] and "\n" not in rule["fullDescription"]["text"]
        assert rule["helpUri"].startswith("https://") and rule["help"]["text"]
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in driver["rules"]}
    assert (levels["celery.E010"], levels["celery.I061"]) == ("error", "note")


def test_a_finding_that_is_no_check_has_a_rule_of_its_own():
    found = Finding("live.run", Severity.ERROR, "m")
    rules = json.loads(sarif_log([found], (), {}))["runs"][0]["tool"]["driver"]["rules"]
    assert rules == [{"id": "live.run"}]


def test_github_and_junit_have_the_link():
    rules = rules_of(RAN)
    assert github_annotations([FOUND], RAN, rules).endswith(f"do it%0A{PAGE}")
    assert f"More: {PAGE}" in junit_suite([FOUND], ("celery.E010",), rules)
    assert PAGE not in github_annotations([FOUND], RAN)


def test_the_first_sentence_ends_at_a_full_stop_before_a_new_sentence():
    assert first_sentence("It calls `a.b()` at\n once. Then more.") == "It calls `a.b()` at once."
    assert first_sentence("Without an end") == "Without an end"
    assert first_sentence("Since 5.3 (see e.g. celery.py) it is gone.") == (
        "Since 5.3 (see e.g. celery.py) it is gone."
    )
