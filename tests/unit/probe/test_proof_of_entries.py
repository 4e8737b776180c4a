"""probe/proof.py: an entry whose task nobody has fails, wherever the entry is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.probe.proof import Expected, Verdict, judge
from celeryize.probe.report import ImportedApp, ImportedTask, ImportReport

APP = ImportedApp("config", "config.celery", "app", "CELERY", "django.conf:settings")
TASK = ImportedTask(
    "shop_front.users.tasks.greet",
    "shop_front.users.tasks",
    None,
    None,
    "()",
    {},
    "config",
    True,
    None,
)


def report(mode: str) -> ImportReport:
    return ImportReport(
        mode,
        django_importable=True,
        celery_importable=True,
        app=APP,
        current_app_main="config",
        apps_active=("config",),
        tasks=(TASK,),
        installed_apps=("users",),
    )


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [
        (TASK.name, Verdict.PASSED),
        ("users.tasks.greet", Verdict.FAILED),
        (None, Verdict.PASSED),
    ],
)
def test_a_task_that_is_sent_has_to_be_registered(sent: str | None, verdict: Verdict):
    reports = (report("worker"), report("web"))
    proof = judge(
        reports, reports, Expected("config.celery", "app", sent=sent), Path("/"), remedy=""
    )
    assert proof.verdict is verdict
    if verdict is Verdict.FAILED:
        (finding,) = proof.findings
        assert finding.id == "proof.E012" and TASK.name in finding.hint
