"""registration.py: `tasks` and `verify` give the same reason, in the same sentence, for the same task."""

from __future__ import annotations

import pytest

from celeryize.checks.facts import Facts
from celeryize.checks.registration import CAUSES
from celeryize.checks.run_checks import run_checks
from celeryize.checks.task_table import task_rows
from tests.conftest import make_tree
from tests.unit.checks import test_imported, test_tasks, test_unregistered, test_wiring
from tests.unit.checks.projects import (
    APP,
    TASK,
    Mistake,
    found_by_import,
    healthy,
    imported_facts_of,
)

BROKEN = [
    *test_unregistered.MISTAKES,
    *test_imported.IMPORTED,
    *test_wiring.MISTAKES,
    *(mistake for mistake in test_tasks.MISTAKES if mistake.id == "celery.E190"),
]
DEFINITION = f"from celery import shared_task\n\n\n{TASK}def lost():\n    pass\n"
# Ids of the findings that are about tasks which are not registered.
UNREGISTERED = {"celery.E190", *(f"celery.E03{n}" for n in range(1, 7))}


def reasons_by_tasks(facts: Facts) -> dict[str, str]:
    """The remark of `celeryize tasks` on each unregistered task, by its place."""
    return {str(row.where): row.remark for row in task_rows(facts) if not row.registered}


def reasons_by_verify(facts: Facts) -> dict[str, str]:
    """The message of `celeryize verify` on each unregistered task, by its place."""
    findings = run_checks(facts).findings
    return {str(f.where): f.message for f in findings if f.id in UNREGISTERED}


def ungrouped(message: str) -> str:
    """What the message about several tasks says of the one at its place."""
    listed, several, why = message.partition(" are not registered: ")
    if not several:
        return message
    first = listed.partition("(")[2].split(",")[0]
    return f"{first} is not registered: {why.replace('their modules', 'its module')}"


def assert_same_reasons(facts: Facts) -> dict[str, str]:
    """Compare both; the reasons by place."""
    by_tasks, by_verify = reasons_by_tasks(facts), reasons_by_verify(facts)
    # `verify` has one finding for the tasks of one cause, `tasks` a line for each
    by_verify = {where: ungrouped(said) for where, said in by_verify.items()}
    findings = run_checks(facts).findings
    shared = {
        message.partition(": ")[2].replace("their modules", "its module")
        for finding in findings
        for message in [finding.message]
        if " are not registered: " in message
    }
    messages = {finding.message for finding in findings}
    messages |= {said for said in by_tasks.values() if said.partition(": ")[2] in shared}
    causes = {finding.message for finding in findings if finding.id in CAUSES}
    # each of two tasks of one name has the place of the other
    taken = {str(finding.where) for finding in findings if finding.id == "celery.E190"}
    for where, remark in by_tasks.items():
        is_taken = any(remark.endswith(f"is already taken by {place}") for place in taken)
        assert is_taken or remark in messages or "nothing in the code explains" in remark, where
    for where, message in by_verify.items():
        # which of the two the process knows is decided by the order of its imports
        assert message in by_tasks.values() or where in taken, where
    assert not causes or not by_tasks or taken or set(by_tasks.values()) & causes
    return by_tasks


@pytest.mark.parametrize("mistake", BROKEN, ids=str)
def test_tasks_and_verify_give_the_same_reason(tmp_path, mistake: Mistake):
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **mistake.broken}))
    if facts.worker is None or not facts.worker.installed_apps:
        pytest.skip("`tasks` refuses a project that does not start")
    reasons = assert_same_reasons(facts)
    # which of two tasks of one name is registered is for Celery to say
    if mistake.id in UNREGISTERED - {"celery.E190"}:
        assert mistake.place in reasons


def test_a_folder_that_is_no_app_has_the_same_reason_in_both(tmp_path):
    tree = {**healthy(), "lonely/__init__.py": "", "lonely/tasks.py": DEFINITION}
    reasons = assert_same_reasons(imported_facts_of(make_tree(tmp_path, tree)))
    assert "does not belong to an installed app" in reasons["lonely/tasks.py:5"]


def test_a_reason_is_given_although_the_package_does_not_import_the_app(tmp_path):
    files = {
        "config/__init__.py": "",
        "shop/__init__.py": "",
        "shop/models.py": "",
        "shop/tasks.py": DEFINITION,
    }
    found = {identifier for identifier, _ in found_by_import(tmp_path, files)}
    assert found == {"celery.E010", "celery.E032"}


def test_a_module_that_fails_has_the_same_reason_in_both(tmp_path):
    tree = {**healthy(), "doctors/tasks.py": "import no_such_module\n" + DEFINITION}
    reasons = assert_same_reasons(imported_facts_of(make_tree(tmp_path, tree)))
    assert "No module named 'no_such_module'" in reasons["doctors/tasks.py:6"]


def test_another_related_name_is_the_one_that_is_looked_for(tmp_path):
    app = APP.replace("autodiscover_tasks()", 'autodiscover_tasks(related_name="jobs")')
    tree = {**healthy(), "config/celery.py": app}
    reasons = assert_same_reasons(imported_facts_of(make_tree(tmp_path, tree)))
    assert set(reasons) == {"doctors/tasks.py:5", "doctors/tasks.py:10"}
    assert all("looks for jobs.py, not tasks.py" in reason for reason in reasons.values())


def test_a_registered_task_has_no_reason(tmp_path):
    assert assert_same_reasons(imported_facts_of(make_tree(tmp_path, healthy()))) == {}
