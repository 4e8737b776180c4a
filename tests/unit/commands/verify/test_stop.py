"""commands/verify/stop.py: each kind of file as a case, and the one line that would change it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from celeryize.checks.facts import read_facts
from celeryize.commands.verify.stop import (
    case_of,
    change_of,
    refuse_no_process,
    stopped_processes,
)
from celeryize.detect.processes import Process
from celeryize.detect.project import load_project
from celeryize.errors import CeleryizeError
from celeryize.live.stop import StopCase
from tests.conftest import Tree, make_tree, small_project

CELERY = 'from celery import Celery\n\napp = Celery("config")\n'
SOFT = "\nCELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"


def cases(folder: Path, files: Tree, settings: str = "") -> list[tuple[Process, StopCase]]:
    tree = small_project()
    tree["config/celery.py"] = CELERY
    tree["config/__init__.py"] = "from .celery import app\n"
    tree["config/settings.py"] = str(tree["config/settings.py"]) + settings
    project = load_project(make_tree(folder, {**tree, **files}), python=sys.executable)
    facts = read_facts(project)
    return [(one, case_of(project, facts, one)) for one in stopped_processes(facts)]


def compose(*lines: str) -> Tree:
    return {"compose.yml": "\n    ".join(("services:\n  worker:", *lines)) + "\n"}


def fly(*lines: str) -> Tree:
    worker = 'processes = {worker = "celery -A config worker"}'
    return {"fly.toml": "\n".join((worker, *lines)) + "\n"}


TERM = 'kill_signal = "SIGTERM"'
REMAPPED = 'env = {REMAP_SIGTERM = "SIGQUIT"}'
PLAIN = "command: celery -A config worker -l INFO"
REMAP = "environment: {REMAP_SIGTERM: SIGQUIT}"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (compose(PLAIN), ("SIGTERM", False, 10, "", False)),
        (compose(PLAIN, "stop_grace_period: 1m30s", REMAP), ("SIGTERM", False, 90, "", True)),
        (compose(PLAIN, "stop_signal: SIGQUIT"), ("SIGQUIT", False, 10, "", True)),
        (compose(PLAIN, "stop_signal: SIGINT", REMAP), ("SIGINT", False, 10, "", False)),
        (fly(REMAPPED), ("SIGINT", False, 5, "", False)),
        (fly(TERM, REMAPPED, "kill_timeout = 60"), ("SIGTERM", False, 60, "", True)),
        (
            compose('command: sh -c "celery -A config worker"'),
            ("SIGTERM", False, 10, "ignores", False),
        ),
        (
            compose('command: sh -c "celery -A config worker"', "init: true"),
            ("SIGTERM", False, 10, "dies", False),
        ),
        (
            compose('command: sh -c "exec celery -A config worker"'),
            ("SIGTERM", False, 10, "", False),
        ),
        (
            {
                **compose("command: /start.sh"),
                "start.sh": "#!/bin/bash\nset -e\ncelery -A config worker -l INFO\n",
            },
            ("SIGTERM", False, 10, "ignores", False),
        ),
        (
            {"Procfile": "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker\n"},
            ("SIGTERM", True, 30, "", True),
        ),
        (
            {"w.service": "[Service]\nExecStart=/x/celery -A config worker\n"},
            ("SIGTERM", True, 90, "", False),
        ),
        (
            {
                "w.service": "[Service]\nExecStart=/x/celery -A config worker\nKillMode=mixed\n"
                "TimeoutStopSec=2min\nEnvironment=REMAP_SIGTERM=SIGQUIT\n"
            },
            ("SIGTERM", False, 120, "", True),
        ),
        (
            {
                "supervisord.conf": "[program:w]\ncommand=celery -A config worker\nstopasgroup=true\n"
            },
            ("SIGTERM", True, 10, "", False),
        ),
    ],
)
def test_the_signals_are_those_of_the_supervisor(tmp_path, files, expected):
    ((_, case),) = cases(tmp_path, files)
    assert (case.signal, case.group, case.grace, case.shell, case.remapped) == expected
    assert (case.role, case.spec, case.folder) == ("worker", "config", tmp_path)


def test_beat_is_stopped_too_and_what_is_for_development_is_not(tmp_path):
    files = {
        **compose(PLAIN),
        "docker-compose.dev.yml": "services:\n  beat:\n    command: celery -A config beat\n",
    }
    assert [process.name for process, _ in cases(tmp_path / "both", files)] == ["worker"]
    del files["compose.yml"]
    assert [case.role for _, case in cases(tmp_path / "development", files)] == ["beat"]


def test_the_environment_is_that_of_the_file_and_of_its_env_file(tmp_path):
    files = {
        **compose(PLAIN, "env_file: ./web.env", 'environment: {A: "1", B: "${B}"}'),
        "web.env": "# comment\nC=two words\nexport D='quoted'\nE=it's \"so\"\n\n=x\n",
    }
    ((_, case),) = cases(tmp_path, files)
    environment = dict(case.environment)
    assert environment["A"] == "1" and "B" not in environment
    assert environment["E"] == 'it\'s "so"'
    assert environment["C"] == "two words" and environment["D"] == "quoted"


def test_words_that_a_variable_gives_are_left_out(tmp_path):
    command = "command: celery -A $APP worker -c $MANY --loglevel=info -P threads"
    ((_, case),) = cases(tmp_path, compose(command))
    assert not [word for word in case.words if "$" in word or word == "-c"]
    assert case.pool == "threads" and case.spec.startswith("config")


@pytest.mark.parametrize(
    ("files", "settings", "told"),
    [
        (compose(PLAIN), "", "REMAP_SIGTERM=SIGQUIT in its environment"),
        (compose(PLAIN, REMAP, "stop_grace_period: 30s"), "", "SOFT_SHUTDOWN_TIMEOUT = 20"),
        (compose(PLAIN, REMAP), SOFT, "raise stop_grace_period above the soft timeout (20 s)"),
        (compose(PLAIN, REMAP, "stop_grace_period: 30s"), SOFT, "above the longest task"),
        (compose('command: sh -c "celery -A config worker"'), SOFT, "exec in front of celery"),
        (compose(f"{PLAIN} -P solo", REMAP), SOFT, "no REMAP_SIGTERM=SIGQUIT with -P solo"),
        (compose(f"{PLAIN} -Psolo"), "", "raise stop_grace_period above the longest task"),
        (
            {"Procfile": "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker\n"},
            SOFT,
            "Heroku's 30 seconds are the most",
        ),
        (
            {"w.service": "[Service]\nExecStart=/x/celery -A config worker\n"},
            "",
            "KillMode=mixed",
        ),
        (
            {"supervisord.conf": "[program:w]\ncommand=celery -A config worker\nstopasgroup=yes\n"},
            "",
            "stopasgroup=false",
        ),
        (fly(), SOFT, 'kill_signal = "SIGTERM", REMAP_SIGTERM=SIGQUIT in [env]'),
        # the variable is for SIGTERM alone
        (fly(REMAPPED), SOFT, 'kill_signal = "SIGTERM", REMAP_SIGTERM=SIGQUIT in [env]'),
        (fly(TERM), SOFT, "REMAP_SIGTERM=SIGQUIT in [env]"),
        (fly(TERM, REMAPPED), SOFT, "raise kill_timeout above the soft timeout (20 s)"),
        (compose(PLAIN, "stop_signal: SIGINT", REMAP), SOFT, "SIGTERM in place of SIGINT"),
    ],
)
def test_the_first_thing_in_the_way_is_named(tmp_path, files, settings, told):
    ((process, case),) = cases(tmp_path, files, settings)
    assert told in change_of(process, case)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (compose(PLAIN), "raise stop_grace_period above the longest task"),
        (compose(PLAIN, REMAP), "no REMAP_SIGTERM=SIGQUIT (the soft shutdown needs Celery 5.5)"),
        ({"Procfile": "worker: celery -A config worker\n"}, "Celery 5.5, for its soft shutdown"),
        ({"w.service": "[Service]\nExecStart=/x/celery -A config worker\n"}, "KillMode=mixed, no"),
    ],
)
def test_before_soft_shutdown_something_else_helps(tmp_path, files, told):
    ((process, case),) = cases(tmp_path, files)
    assert told in change_of(process, replace(case, soft=None))


def test_workers_that_differ_in_their_queues_are_one_case(tmp_path):
    lines = [
        f"  {name}:\n    command: celery -A config worker -Q {name} -n {name}@%h -c 4\n"
        for name in "abc"
    ]
    found = cases(tmp_path, {"compose.yml": "services:\n" + "".join(lines)})
    assert len(found) == 3
    assert len({case for _, case in found}) == 1


@pytest.mark.parametrize("there", [True, False])
def test_a_project_without_a_process_is_refused_before_anything_is_started(tmp_path, there):
    files = compose(PLAIN) if there else {}
    tree = {**small_project(), "config/celery.py": CELERY, **files}
    facts = read_facts(load_project(make_tree(tmp_path, tree), python=sys.executable))
    if there:
        assert [process.name for process in refuse_no_process(facts)] == ["worker"]
    else:
        with pytest.raises(CeleryizeError, match="no stop to try"):
            refuse_no_process(facts)
