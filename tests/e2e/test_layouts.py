"""The layouts that `init` fills or renames, proved: the project imports, and each line takes effect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from celeryize.checks.proof import Verdict
from celeryize.commands import run_init
from tests.unit.test_golden import GOLDEN, load
from tests.views import Recorder

PROVED = [
    "celery_in_a_module_of_its_own",
    "celery_in_a_module_of_old_names",
    "celery_configured_in_the_app_file",
    "celery_without_broker",
    "celery_without_broker_amqp",
    "celery_without_broker_class_based",
    "celery_without_broker_split_settings",
    "celery_without_namespace_or_broker",
    "celery_app_of_another_variable",
    "exec_stays_last",
    "settings_by_globals",
    "split_settings_by_code",
    "modernize_old_names",
    "modernize_settings_package",
    "modernize_class_based",
]


@pytest.mark.parametrize("name", PROVED)
def test_what_init_does_to_a_layout_takes_effect(name: str, tmp_path: Path):
    folder = tmp_path / "project"
    shutil.copytree(GOLDEN / name / "before", folder, symlinks=True)
    view = Recorder()
    modernize = "modernize" in dict(load(name).get("options", {}))  # type: ignore[call-overload]
    ended = run_init.run(
        folder,
        view,
        flags={} if modernize or name.startswith("celery_") else {"profile": "minimal"},
        yes=True,
        modernize=modernize,
    )
    assert ended.result.outcome == "done"
    assert ended.result.proof.verdict is Verdict.PASSED, ended.result.proof
    assert not ended.result.proof.before, "the project imports before and after"
