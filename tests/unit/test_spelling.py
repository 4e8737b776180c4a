"""spelling: what somebody meant."""

from __future__ import annotations

import pytest

from celeryize.spelling import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("prod", ("minimal", "standard", "production"), "production"),
        ("weeky", ("nightly", "weekly"), "weekly"),
        ("strng", ("str", "int"), "str"),
        ("MINIMAL", ("minimal",), "minimal"),
        ("xyz", ("minimal",), ""),
        ("", ("minimal",), ""),
        ("a", (), ""),
    ],
)
def test_the_nearest_word_is_meant(word, known, meant):
    assert nearest(word, known) == meant
    assert did_you_mean(word, known) == (f"Did you mean {meant}? " if meant else "")
