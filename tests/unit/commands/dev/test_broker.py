"""commands/dev/broker.py: what the lines of a session say of its servers."""

from __future__ import annotations

import pytest

from celeryize.commands.dev.broker import addresses_without_password, without_false_mask

BANNER = "transport:   redis://:**@localhost:6379/0"


@pytest.mark.parametrize(
    ("urls", "bare"),
    [
        (["redis://localhost:6379/0", "redis://localhost/1"], {"localhost:6379"}),
        (["redis://:pw@localhost:6379/0"], set()),
        # one address, and its results have a password
        (["redis://localhost/0", "redis://:pw@localhost/1"], set()),
        (["amqp://guest:guest@localhost//", "redis://cache/0", None], {"cache:6379"}),
    ],
)
def test_an_address_has_no_password_where_no_url_has_one(urls, bare):
    assert addresses_without_password(urls) == bare


def test_the_mask_of_a_password_that_there_is_none_of_is_not_shown():
    assert without_false_mask(BANNER, {"localhost:6379"}) == (
        "transport:   redis://localhost:6379/0"
    )
    assert without_false_mask(BANNER, {"localhost:63"}) == BANNER
    assert without_false_mask(BANNER, set()) == BANNER
