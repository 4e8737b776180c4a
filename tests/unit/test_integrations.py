"""The files for other programs: the schema of [tool.celeryize], the matcher, the action, the hook."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

import pytest
import yaml
from jsonschema import Draft202012Validator

from celeryize.brokers import BROKERS, PROFILES, RESULT_BACKENDS
from celeryize.commands.init.run import TABLE_KEYS
from celeryize.formats import FORMATS, compiler_lines
from celeryize.model import Finding, Severity, Where

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/schema/pyproject/tool-celeryize.json").read_text())
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def test_the_schema_has_the_keys_and_choices_of_the_program():
    properties = SCHEMA["properties"]
    assert set(properties) == set(TABLE_KEYS)
    assert properties["broker"]["anyOf"][0]["enum"] == [broker.name for broker in BROKERS]
    offered = [backend.name for backend in RESULT_BACKENDS if backend.offered]
    assert properties["result-backend"]["anyOf"][0]["enum"] == offered
    assert properties["profile"]["enum"] == list(PROFILES)


@pytest.mark.parametrize(
    ("table", "valid"),
    [
        ({"broker": "redis", "beat": True, "silence": {"celery.W270": "on a volume"}}, True),
        ({"broker": "amqp://host//", "result-backend": "none", "profile": "minimal"}, True),
        ({"brocker": "redis"}, False),
        ({"broker": "reddis"}, False),
        ({"silence": {"W270": ""}}, False),
        ({"silence": ["W270"]}, False),
    ],
)
def test_a_table_is_as_the_schema_says(table, valid):
    Draft202012Validator.check_schema(SCHEMA)
    assert Draft202012Validator(SCHEMA).is_valid(table) is valid


def test_the_problem_matcher_reads_the_lines():
    (matcher,) = json.loads((ROOT / "integrations/problem-matcher.json").read_text())[
        "problemMatcher"
    ]
    (pattern,) = matcher["pattern"]
    where = Where(PurePosixPath("shop/tasks.py"), 7)
    found = Finding("celery.W440", Severity.WARNING, "the option x has\nno effect", where=where)
    lines = compiler_lines([found, Finding("celery.I004", Severity.INFO, "none")], ())
    first, second = (re.match(pattern["regexp"], line) for line in lines.split("\n"))
    assert [first[pattern[key]] for key in ("file", "line", "severity", "message", "code")] == [
        *("shop/tasks.py", "7", "warning", "the option x has no effect", "celery.W440")
    ]
    assert second[pattern["code"]] == "celery.I004"


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("shop/tasks.py", True),
        ("Procfile", True),
        ("Procfile.dev", True),
        ("compose.yml", True),
        ("deploy/docker-compose.prod.yaml", True),
        ("systemd/worker.service", True),
        ("etc/supervisord.conf", True),
        ("requirements/base.txt", True),
        ("pyproject.toml", True),
        ("README.md", False),
        ("static/app.js", False),
    ],
)
def test_the_hook_runs_for_what_starts_the_worker_too(path, runs):
    assert bool(re.search(HOOK["files"], path)) is runs
    assert HOOK["types_or"] and not HOOK["pass_filenames"]


def test_the_action_is_composite_and_asks_for_known_formats():
    assert ACTION["runs"]["using"] == "composite"
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"--format (\w+)", text)) <= set(FORMATS)
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])


def test_the_snippet_for_gitlab_is_a_job():
    job = yaml.safe_load((ROOT / "integrations/gitlab-ci.yml").read_text())["celeryize"]
    assert job["artifacts"]["reports"]["junit"] in " ".join(job["script"])
