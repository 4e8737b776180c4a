"""commands/dev/broker.py: what the lines of a session say of its servers."""

from __future__ import annotations

import pytest

from celeryize.commands.dev.broker import (
    addresses_without_password,
    refuse_unreachable,
    server_of,
    without_false_mask,
)

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


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("amqp://localhost", True),
        ("pyamqp://localhost:5672", True),
        # the program of the machine listens on its own port
        ("amqp://localhost:5673", False),
        ("redis://localhost", False),
    ],
)
def test_what_starts_rabbitmq_is_named_beside_docker(url, named):
    server = server_of(url)
    assert server is not None
    hint = refuse_unreachable(server).hint
    assert ("(rabbitmq-server, or docker run" in hint) is named
    assert "docker run" in hint
