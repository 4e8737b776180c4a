"""detect/variables: what a file puts into an environment variable, and whether that is certain."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.detect.variables import assigned_in
from celeryize.patch.source import Source

NAME = "DJANGO_SETTINGS_MODULE"


def assigned(code):
    return list(assigned_in(Source(PurePosixPath("wsgi.py"), "import os\n" + code), NAME))


@pytest.mark.parametrize(
    ("code", "forced"),
    [
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")\n', False),
        ('os.environ.setdefault(str("DJANGO_SETTINGS_MODULE"), str("a.b"))\n', False),
        ('os.environ["DJANGO_SETTINGS_MODULE"] = "a.b"\n', True),
        ('os.environ.update({"DJANGO_SETTINGS_MODULE": "a.b"})\n', True),
        ('os.environ.update(DJANGO_SETTINGS_MODULE="a.b")\n', True),
        ('KEY = "DJANGO_SETTINGS_MODULE"\nos.environ.setdefault(KEY, "a.b")\n', False),
        ('X = "a"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", X + ".b")\n', False),
        ('X = "a"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{X}.b")\n', False),
        ('X = "a"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "%s.b" % X)\n', False),
        ('X = "a"\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}.b".format(X))\n', False),
        ('if "DJANGO_SETTINGS_MODULE" not in os.environ:\n'
         '    os.environ["DJANGO_SETTINGS_MODULE"] = "a.b"\n', True),
        ('os.environ["DJANGO_SETTINGS_MODULE"] = os.getenv("DJANGO_SETTINGS_MODULE", "a.b")\n',
         True),
        ('def main():\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")\n', False),
    ],
)  # fmt: skip
def test_a_value_that_is_always_the_same_is_certain(code, forced):
    (found,) = assigned(code)
    assert (found.values, found.certain, found.forced) == (("a.b",), True, forced)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", os.getenv("STAGE", "a.b"))\n', ("a.b",)),
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"a.{os.getenv(\'S\', \'b\')}")\n',
         ("a.b",)),
        ('os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"a.{os.environ[\'S\']}")\n', ()),
        ('X = "a.p" if "PROD" in os.environ else "a.b"\n'
         'os.environ.setdefault("DJANGO_SETTINGS_MODULE", X)\n', ("a.b", "a.p")),
        ('if PROD:\n    X = "a.p"\nelse:\n    X = "a.b"\n'
         'os.environ.setdefault("DJANGO_SETTINGS_MODULE", X)\n', ("a.p", "a.b")),
    ],
)  # fmt: skip
def test_a_value_that_depends_on_the_environment_is_not_certain(code, values):
    (found,) = assigned(code)
    assert (found.values, found.certain) == (values, False)


def test_two_branches_are_two_values_and_none_is_certain():
    code = (
        'if os.getenv("PROD"):\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.p")\n'
        'else:\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "a.b")\n'
    )
    assert [(one.values, one.certain) for one in assigned(code)] == [
        (("a.p",), False),
        (("a.b",), False),
    ]


def test_other_variables_and_comments_set_nothing():
    assert assigned('os.environ.setdefault("OTHER", "a.b")  # DJANGO_SETTINGS_MODULE\n') == []
