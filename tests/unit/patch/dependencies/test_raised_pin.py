"""A Celery that fits in the place of an old pin, in each form of dependencies that has one per line."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.dependencies import Form, Requirement
from celeryize.patch.dependencies.raised_pin import raise_celery

PINNED = Requirement("celery", ("redis",), pin="5.7.0")
OPEN = Requirement("celery", lower="5.4")
GONE = ("kombu", "django-celery")
PEP621 = """[project]
name = "blog"
dependencies = [
    "django>=4.2",  # ours
    "celery==3.1.18",
    'kombu==3.0.37',
    "django-celery==3.1.17"
]
"""
CASES = [
    (
        Form.PEP621,
        PINNED,
        GONE,
        PEP621,
        PEP621.split("    'kombu")[0].replace("celery==3.1.18", "celery[redis]==5.7.0") + "]\n",
    ),
    (
        Form.GROUP,
        OPEN,
        (),
        '[dependency-groups]\nprod = [\n  "Celery[sqs] < 4",  # old\n  "django",\n]\n',
        '[dependency-groups]\nprod = [\n  "Celery[sqs]>=5.4",  # old\n  "django",\n]\n',
    ),
    (
        Form.POETRY_PEP621,
        OPEN,
        (),
        '[project]\nname = "b"\ndependencies = [\n    "celery[redis] (>=3.1,<4.0)",\n    "django"\n]\n[tool.poetry]\n',
        '[project]\nname = "b"\ndependencies = [\n    "celery[redis] (>=5.4)",\n    "django"\n]\n[tool.poetry]\n',
    ),
    (
        Form.POETRY_TABLE,
        OPEN,
        GONE,
        '[tool.poetry.dependencies]\npython = "^3.11"\ncelery = "^3.1"  # old\nkombu = "3.0.37"\ndjango-celery = "*"\n',
        '[tool.poetry.dependencies]\npython = "^3.11"\ncelery = "^5.4"  # old\n',
    ),
    (
        Form.POETRY_TABLE,
        PINNED,
        (),
        '[tool.poetry.dependencies]\ncelery = {version = "3.1.18", extras = ["msgpack"]}\n',
        '[tool.poetry.dependencies]\ncelery = {version = "5.7.0", extras = ["msgpack"]}\n',
    ),
    (
        Form.PIPFILE,
        PINNED,
        ("kombu",),
        '[packages]\ndjango = "*"\ncelery = "==3.1.18"\nkombu = "==3.0.37"\n',
        '[packages]\ndjango = "*"\ncelery = {extras = ["redis"], version = "==5.7.0"}\n',
    ),
    (
        Form.SETUP_CFG,
        OPEN,
        ("kombu",),
        "[options]\ninstall_requires =\n    django\n    celery<4\n    kombu<4\n",
        "[options]\ninstall_requires =\n    django\n    celery>=5.4\n",
    ),
    (
        Form.SETUP_PY,
        OPEN,
        ("kombu",),
        "from setuptools import setup\nsetup(\n    install_requires=[\n        'celery<4',\n        'kombu<4',\n    ],\n)\n",
        "from setuptools import setup\nsetup(\n    install_requires=[\n        'celery>=5.4',\n    ],\n)\n",
    ),
]


@pytest.mark.parametrize(("form", "wanted", "gone", "before", "after"), CASES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_line_of_celery_gets_other_versions(form, wanted, gone, before, after, newline):
    data = before.replace("\n", newline).encode()
    made = raise_celery(data, PurePosixPath("file"), form, wanted, gone)
    assert made.decode() == after.replace("\n", newline)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.PEP621, '[project]\nname = "b"\ndependencies = ["celery==3.1.18", "django"]\n'),
        (
            Form.PEP621,
            '[project]\nname = "b"\ndependencies = [\n    "celery==3.1.18", "django",\n]\n',
        ),
        (Form.SETUP_CFG, "[options]\ninstall_requires = celery<4; django\n"),
        (Form.SETUP_PY, "from setuptools import setup\nsetup(install_requires=['celery<4'])\n"),
        (Form.POETRY_TABLE, "[tool.poetry.dependencies.celery]\nversion = '3.1'\n"),
    ],
)
def test_what_shares_its_line_is_left_as_it_is(form, text):
    with pytest.raises(CannotPatch) as refused:
        raise_celery(text.encode(), PurePosixPath("file"), form, OPEN, ())
    assert "celery" in refused.value.snippet
