"""What is installed beside what is declared: a broken project each, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.installed import _excludes, _without_hashes
from tests.unit.checks.projects import Mistake, found_by_import

PROJECT = """[project]
name = "shop"
version = "1"
dependencies = ["django>=4.2", "celery[redis]{}"]
"""
IMPORTED = [
    Mistake(
        "celery.W155",
        {"requirements.txt": "django>=4.2\ncelery[redis]==4.4.7\n"},
        {"requirements.txt": "django>=4.2\ncelery[redis]>=5.4,<99\n"},
        at="requirements.txt:2",
    ),
    Mistake(
        "celery.W155",
        {
            "requirements.txt": "",
            "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\ndjango = ">=4.2"\n'
            'Celery = {extras = ["redis"], version = "^4.3"}\n',
        },
        {
            "requirements.txt": "",
            "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\ndjango = ">=4.2"\n'
            'Celery = {extras = ["redis"], version = "*"}\n',
        },
        at="pyproject.toml:4",
    ),
    # groups that exclude each other, and what uv takes instead
    *(
        Mistake(
            "celery.W155",
            {"pyproject.toml": PROJECT.format("==4.4.7"), "requirements.txt": ""},
            {"pyproject.toml": PROJECT.format(version) + more, "requirements.txt": ""},
            at="pyproject.toml:4",
        )
        for version, more in (
            (">=5.4", '[dependency-groups]\nold = ["celery==4.4.7"]\n'),
            ("==4.4.7", '[tool.uv]\noverride-dependencies = ["celery>=5"]\n'),
            ("==4.4.7", "[tool.uv.sources]\ncelery = {git = 'https://x.example/celery'}\n"),
        )
    ),
    # one finding for all of them
    Mistake(
        "celery.W155",
        {"requirements.txt": "# pinned\nDjango==3.2.1\ncelery[redis]==4.4.7  # old\nredis<3\n"},
        {"requirements.txt": 'django>=4.2\ncelery[redis]==4.4.7; python_version < "3.7"\n'},
        at="requirements.txt:3",
    ),
]


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("written", "version", "excluded"),
    [
        ("celery==5.7", "5.7.0", False),
        ("celery==5.7.*", "5.7.3", False),
        ("celery>=5.7.0", "5.7", False),
        ("Django~=5.2.0", "5.2.19", False),
        ("Django~=5.2.0", "5.3", True),
        ("django>=4.2,<5", "5.0", True),
        ("celery!=5.7.0", "5.7.0", True),
        ("celery!=5.7.1", "5.7.0", False),
        ("celery!=5.7.*,>=5", "5.7.3", True),
        ("celery!=5.6.*", "5.7.3", False),
        ('celery = "^4 || ^5"', "5.7.3", False),
        ("celery @ git+https://x.example/celery@v4.4", "5.7.0", False),
        ("celery==5.3.6 --hash=sha256:4a1", "5.3.6", False),
    ],
)
def test_a_version_is_excluded_only_where_it_certainly_is(written, version, excluded):
    assert _excludes(written, version) is excluded


def test_the_hashes_of_a_requirement_are_not_shown():
    assert _without_hashes("celery==4.4.7 --hash=sha256:ab --hash=sha256:cd") == "celery==4.4.7"
    assert (
        _without_hashes("celery[redis]==4.4.7 \\\n    --hash=sha256:ab") == "celery[redis]==4.4.7"
    )
