"""celery_versions.py: which Celery fits, and what requirements say about versions."""

import pytest

from celeryize.celery_versions import (
    RELEASES,
    Range,
    fitting_releases,
    is_pinned,
    is_series,
    range_of,
)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("django", None, None),
        ("Django==1.10.5", (1, 10, 5), (1, 10, 5, 1)),
        ("Django>=4.2,<6", (4, 2), (6,)),
        ("redis>=4.5 ; python_version < '3.8'", (4, 5), None),
        ("psycopg2 == 2.9 --hash=sha256:00", (2, 9), (2, 9, 1)),
        ("django~=5.0", (5, 0), (6,)),
        ("django~=5.2.1", (5, 2, 1), (5, 3)),
        ("django==6.0.*", (6, 0), (6, 1)),
        ("Django (>=5.1,<6.0)", (5, 1), (6, 0)),
        ("redis<=5.0", None, (5, 0, 1)),
        ("redis!=4.5.5", None, None),
        ('django = "^5.2"', (5, 2), (6,)),
        ('django = { version = ">=6.0,<6.1", extras = ["argon2"] }', (6, 0), (6, 1)),
        ("django = {'version': '~=5.0'}", (5, 0), (6,)),
        ('python = "3.11"', (3, 11), (3, 11, 1)),
        (">=3.8", (3, 8), None),
        ("==3.14.*", (3, 14), (3, 15)),
        ("django @ https://example.com/django-5.2.zip", None, None),
        ("boto3", None, None),
    ],
)
def test_a_requirement_says_a_range(text, low, high):
    assert range_of(text) == Range(low, high)


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("Django==5.2.16", True),
        ("python-ipware==3.0.0  # 2.0.4 breaks tests", True),
        ("psycopg[c]==3.3.4; python_version < '3.13'", True),
        ('redis = "==5.0.1"', True),
        ("django>=5", False),
        ("django", False),
        ("django==5.*", False),
        ("django~=5.0", False),
    ],
)
def test_a_pin_takes_one_version(text, pinned):
    assert is_pinned(text) is pinned


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("wagtail==7.4.*", True),
        ("django == 5.*  # the LTS", True),
        ('redis = "==5.0.*"', True),
        ("django==5.2.16", False),
        ("django>=5.2,==5.2.*", False),
        ("django~=5.0", False),
    ],
)
def test_a_series_takes_its_patch_releases(text, series):
    assert is_series(text) is series


@pytest.mark.parametrize(
    ("python", "django", "redis", "first", "last"),
    [
        (None, "", "", "5.2.7", "5.7.0"),
        ((3, 7), "", "", "5.2.7", "5.2.7"),
        ((3, 8), "", "", "5.2.7", "5.5.3"),
        ((3, 9), "", "", "5.2.7", "5.6.3"),
        (None, "==2.2.14", "", "5.2.7", "5.2.7"),
        (None, "<3", "", "5.2.7", "5.6.3"),
        (None, "==3.2.18", "", "5.2.7", "5.7.0"),
        (None, "", "==4.4.4", "5.2.7", "5.2.7"),
        (None, "", "==5.0.3", "5.2.7", "5.6.3"),
        (None, "", "==8.1.0", "5.2.7", "5.7.0"),
    ],
)
def test_what_fits_is_between(python, django, redis, first, last):
    found = fitting_releases(python=python, django=range_of(django), redis=range_of(redis))
    assert (found[0].latest, found[-1].latest) == (first, last)


@pytest.mark.parametrize(
    ("python", "django", "redis"),
    [((3, 6), "", ""), (None, "==1.10.5", ""), (None, "", "==2.10.6")],
)
def test_nothing_fits_what_is_too_old(python, django, redis):
    assert not fitting_releases(python=python, django=range_of(django), redis=range_of(redis))


def test_the_releases_are_in_order():
    assert [r.series for r in RELEASES] == sorted(r.series for r in RELEASES)
