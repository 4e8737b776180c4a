"""probe/proof: what two imports of a project, without a change and with it, have to show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from celeryize.probe.proof import Expected, Verdict, WrittenValue, judge
from celeryize.probe.report import (
    EntryPoint,
    Failure,
    ImportedApp,
    ImportedDjangoTask,
    ImportedTask,
    ImportReport,
)

APP = ImportedApp("config", "config.celery", "app", "CELERY", "django.conf:settings")
WORKER = ImportReport(
    "worker",
    django_importable=True,
    celery_importable=True,
    app=APP,
    apps_active=("config",),
    installed_apps=("doctors",),
)
WEB = replace(WORKER, mode="web", current_app_main="config")
EXPECTED = Expected("config.celery", "app")
FAILURE = Failure("KeyError", "'SECRET_KEY'", "web")


def verdict(before, after, expected=EXPECTED):
    proof = judge(
        before, after, expected, Path("/p"), remedy="`pip install celery`, then `celeryize verify`"
    )
    return proof.verdict, [finding.id for finding in proof.findings]


def entry(settings, *, debug=False, failure=None):
    return (EntryPoint("config.wsgi", settings, debug, failure),)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (entry("a.production"), entry("a.production"), []),
        (entry("a.production"), entry("a.local"), ["proof.E014"]),
        (entry("a.settings"), entry("a.settings", debug=True), ["proof.E014"]),
        (entry("a.production"), entry(None, failure=FAILURE), ["proof.E014"]),
        # what does not import without the change says nothing: the text has decided
        (entry(None, failure=FAILURE), entry("a.local"), []),
        (entry(None, failure=FAILURE), entry(None, failure=FAILURE), []),
        ((), entry("a.local"), []),
    ],
)
def test_a_web_entry_keeps_its_settings(before, after, found):
    reports = (WORKER, replace(WEB, entry_points=before))
    changed = (WORKER, replace(WEB, entry_points=after))
    outcome = Verdict.PASSED
    if found:
        outcome = Verdict.FAILED
    assert verdict(reports, changed) == (outcome, found)


@pytest.mark.parametrize(
    ("value", "environment", "found"),
    [
        (300, (), []),
        (1, (), ["proof.E015"]),
        # the environment may say otherwise
        (1, ("CELERY_TASK_TIME_LIMIT",), []),
    ],
)
def test_a_setting_has_the_value_that_was_written(value, environment, found):
    name = "CELERY_TASK_TIME_LIMIT"
    expected = replace(EXPECTED, settings=(name,), values=(WrittenValue(name, 300),))
    worker = replace(
        WORKER,
        settings_values={name: value},
        conf={"task_time_limit": value},
        environment=environment,
    )
    assert verdict((WORKER, WEB), (worker, WEB), expected)[1] == found


def test_a_literal_is_compared_as_a_report_has_it():
    name = "CELERY_ACCEPT_CONTENT"
    expected = replace(EXPECTED, settings=(name,), values=(WrittenValue(name, ("json",)),))
    worker = replace(WORKER, settings_values={name: ["json"]}, conf={"accept_content": ["json"]})
    assert verdict((WORKER, WEB), (worker, WEB), expected) == (Verdict.PASSED, [])


def test_a_setting_that_was_there_before_is_not_written_a_second_time():
    name = "CELERY_BROKER_URL"
    worker = replace(WORKER, settings_values={name: "x"}, conf={"broker_url": "x"})
    expected = replace(EXPECTED, settings=(name,))
    assert verdict((worker, WEB), (worker, WEB), expected) == (Verdict.FAILED, ["proof.E016"])
    assert verdict((WORKER, WEB), (worker, WEB), expected) == (Verdict.PASSED, [])


@pytest.mark.parametrize(("registered", "found"), [("shop.tasks.add", []), (None, ["proof.E017"])])
def test_a_django_task_has_to_be_registered_on_the_app(registered, found):
    task = ImportedDjangoTask(
        "shop.tasks.add", "/p/shop/tasks.py", 4, "default", "default", "x.CeleryBackend", registered
    )
    worker = replace(WORKER, django_tasks=(task,), settings_values={"TASKS": {}})
    expected = replace(EXPECTED, settings=("TASKS",))
    assert verdict((WORKER, WEB), (worker, WEB), expected)[1] == found


@pytest.mark.parametrize(
    ("backend", "found"),
    [
        ("django_tasks_celery.CeleryBackend", []),
        ("django.tasks.backends.immediate.ImmediateBackend", ["proof.E015"]),
    ],
)
def test_the_settings_end_up_with_a_backend_of_celery(backend, found):
    tasks = {"default": {"BACKEND": backend}}
    worker = replace(WORKER, settings_values={"TASKS": tasks})
    packages = frozenset({"django_tasks_celery"})
    expected = replace(EXPECTED, settings=("TASKS",), replaced=frozenset({"TASKS"}))
    expected = replace(expected, task_backends=packages)
    assert verdict((worker, WEB), (worker, WEB), expected)[1] == found


def test_a_site_is_not_given_what_a_worker_cannot_import_already():
    """The failure of the worker is an old one; the web process meets it with the change alone."""
    failing = replace(WORKER, failures=(FAILURE,), app=None, installed_apps=())
    web = replace(WEB, current_app_main=None)
    assert verdict((failing, web), (failing, web))[0] is Verdict.NOT_RUN
    broken = replace(web, failures=(FAILURE,))
    assert verdict((failing, web), (failing, broken)) == (Verdict.FAILED, ["proof.E000"])


@pytest.mark.parametrize(
    ("app", "main", "found"),
    [
        # a running set-up whose package does not import the app, and that is left so
        (APP, "default", []),
        (APP, "config", ["proof.E003"]),
        # a new set-up has to bind @shared_task
        (None, "default", ["proof.E003"]),
    ],
)
def test_shared_tasks_are_bound_to_the_app_unless_they_never_were(app, main, found):
    before = (replace(WORKER, app=app), replace(WEB, current_app_main=main))
    after = (WORKER, replace(WEB, current_app_main="default"))
    assert verdict(before, after)[1] == found


def registered(name: str, module: str) -> ImportedTask:
    return ImportedTask(name, module, None, None, "", {}, "config", True, None)


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        (registered("doctors.tasks.remind", "doctors.tasks"), None),
        # gen_task_name of the app: doctors.remind
        (registered("doctors.remind", "doctors.tasks"), None),
        (registered("other.remind", "other.tasks"), "add 'doctors' to its list"),
    ],
)
def test_a_task_is_there_under_whatever_name_the_app_gives_it(task, hint):
    expected = replace(
        EXPECTED, tasks=("doctors.tasks.remind",), undiscovered="add 'doctors' to its list"
    )
    reports = (replace(WORKER, tasks=(task,)), replace(WEB, tasks=(task,)))
    proof = judge((WORKER, WEB), reports, expected, Path("/p"), remedy="")
    assert [finding.hint for finding in proof.findings] == ([hint] if hint else [])


def test_a_task_of_another_name_in_its_module_is_another_task():
    other = replace(registered("billing.remind", "doctors.tasks"), options={"max_retries": None})
    own = replace(registered("doctors.tasks.remind", "doctors.tasks"), options={"max_retries": 5})
    expected = replace(EXPECTED, tasks=("doctors.tasks.remind",), options=(("max_retries", 5),))
    reports = (replace(WORKER, tasks=(other, own)), replace(WEB, tasks=(other, own)))
    assert verdict((WORKER, WEB), reports, expected) == (Verdict.PASSED, [])


@pytest.mark.parametrize(
    ("message", "phase", "known", "outcome"),
    [
        # what celery[redis] brings besides the library itself
        ("No module named 'packaging'", "broker", False, Verdict.NOT_RUN),
        ("No module named 'kombu.transport.rediss'", "broker", False, Verdict.FAILED),
        # the project's own: an import that the change has broken
        ("No module named 'doctors.tsaks'", "tasks", False, Verdict.FAILED),
        ("No module named 'packaging'", "broker", True, Verdict.PASSED),
    ],
)
def test_what_the_client_of_a_new_broker_lacks_is_installed_first(message, phase, known, outcome):
    failing = replace(WORKER, failures=(Failure("ModuleNotFoundError", message, phase),))
    before = failing if known else WORKER
    proof = judge((before, WEB), (failing, WEB), EXPECTED, Path("/p"), remedy="`pip install X`")
    assert proof.verdict is outcome
    if outcome is Verdict.NOT_RUN:
        assert "packaging cannot be imported" in proof.summary


@pytest.mark.parametrize(
    ("app", "cause"),
    [
        (replace(APP, config_source=None, namespace=None), "does not read the settings"),
        (replace(APP, namespace=None), "reads the settings with namespace=None"),
        (APP, "Other code sets the schedule"),
    ],
)
def test_an_entry_that_does_not_reach_beat_has_its_cause(app, cause):
    reports = (replace(WORKER, app=app), WEB)
    proof = judge(reports, reports, replace(EXPECTED, entry="nightly"), Path("/p"), remedy="")
    [finding] = [one for one in proof.findings if one.id == "proof.E011"]
    assert cause in finding.hint
