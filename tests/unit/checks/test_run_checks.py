"""run_checks: every check explains itself, and every check has a broken project."""

from __future__ import annotations

import re

import pytest

from celeryize.checks.check import CHECKS, SECTIONS
from celeryize.checks.run_checks import all_checks, check_named
from celeryize.errors import UsageError
from tests.unit.checks import (
    test_amazon,
    test_arguments,
    test_bodies,
    test_calls,
    test_canvas,
    test_clients,
    test_command_lines,
    test_commits,
    test_configuration,
    test_containers,
    test_definitions,
    test_deployment,
    test_direct_calls,
    test_django_tasks,
    test_entries,
    test_environments,
    test_giving_up,
    test_handles,
    test_images,
    test_imported,
    test_installed,
    test_instances,
    test_joined_urls,
    test_killing,
    test_lacking,
    test_left_out,
    test_leftovers,
    test_limits,
    test_locks,
    test_misnamed,
    test_options,
    test_patience,
    test_rebound,
    test_receivers,
    test_refused,
    test_results,
    test_retrying,
    test_rows,
    test_schedule,
    test_sending,
    test_settings,
    test_side_by_side,
    test_signals,
    test_stale_locks,
    test_start_files,
    test_stopping,
    test_supervision,
    test_taken_literally,
    test_task_classes,
    test_tasks,
    test_testing,
    test_threads,
    test_undecorated,
    test_unread,
    test_unregistered,
    test_waiting,
    test_wiring,
    test_workloads,
)
from tests.unit.checks.projects import found_in

FAMILIES = (
    test_workloads,
    test_arguments,
    test_bodies,
    test_clients,
    test_lacking,
    test_images,
    test_left_out,
    test_calls,
    test_configuration,
    test_definitions,
    test_direct_calls,
    test_django_tasks,
    test_command_lines,
    test_deployment,
    test_entries,
    test_receivers,
    test_refused,
    test_canvas,
    test_retrying,
    test_rows,
    test_schedule,
    test_sending,
    test_settings,
    test_signals,
    test_stale_locks,
    test_stopping,
    test_supervision,
    test_taken_literally,
    test_tasks,
    test_undecorated,
    test_unregistered,
    test_wiring,
    test_commits,
    test_containers,
    test_environments,
    test_giving_up,
    test_handles,
    test_leftovers,
    test_limits,
    test_results,
    test_task_classes,
    test_instances,
    test_options,
    test_patience,
    test_rebound,
    test_testing,
    test_locks,
    test_misnamed,
    test_threads,
    test_waiting,
    test_side_by_side,
    test_killing,
    test_start_files,
    test_amazon,
    test_joined_urls,
    test_unread,
)


# What an import sees as well, or better.
SEEN_STATICALLY = {"celery.E036", "celery.E170", "celery.E652", "celery.W730"}


def test_nothing_is_found_in_a_healthy_project(tmp_path):
    assert found_in(tmp_path, {}) == []


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_each_check_explains_itself_in_full(check):
    assert tuple(head for head, body in check.sections if body) == SECTIONS
    assert check.title and re.fullmatch(r"celery\.[EWI]\d{3}", check.id)


def test_each_static_check_has_a_broken_project():
    static = {check.id for check in CHECKS.values() if not (check.imports or check.stops)}
    tested = {mistake.id for family in FAMILIES for mistake in family.MISTAKES}
    # these have tests of their own
    assert static - tested == {"celery.I004", "celery.E036", "celery.E935", "celery.W008"}


def test_each_check_that_needs_an_import_has_a_broken_project():
    families = (
        test_imported,
        test_clients,
        test_configuration,
        test_definitions,
        test_entries,
        test_installed,
        test_lacking,
    )
    tested = {mistake.id for family in families for mistake in family.IMPORTED}
    others = {
        "celery.E002",
        "celery.W003",
        "celery.W082",
        "celery.W643",
        "celery.E754",
        "celery.E755",
    }
    needing = {check.id for check in CHECKS.values() if check.imports}
    assert needing == (tested - SEEN_STATICALLY) | others


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("E440", "celery.W440"),
        ("celery.w44", "celery.W440"),
        ("W4400", "celery.W440"),
        ("tasks", ""),
        ("X", ""),
        ("", ""),
    ],
)
def test_an_id_that_does_not_exist_is_answered_by_the_near_one_alone(typed, meant):
    with pytest.raises(UsageError) as caught:
        check_named(typed)
    assert caught.value.hint.startswith(f"Did you mean {meant}? " if meant else "`celeryize verify")
