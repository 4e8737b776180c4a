"""The user of a URL in a compose file, for the broker that is made for it."""

from __future__ import annotations

import pytest

from celeryize.commands.worker.login import Login, login_in

LOGINS = {
    "amqp://shop:secret@mq:5672//": Login("shop", "secret", "/"),
    "amqp://shop:s%2Fcret@mq/prices%2Fall?heartbeat=5": Login("shop", "s/cret", "prices/all"),
    "amqp://mq:5672/shop": Login("", "", "shop"),
    "redis://redis:6379": Login(),
    "redis://:${PASSWORD}@redis:6379/0": Login("", "${PASSWORD}", "0"),
    "amqp://${U:-a:b@c/d}:${P:?no/@:}@${HOST}:${PORT}/${V}": Login(
        "${U:-a:b@c/d}", "${P:?no/@:}", "${V}"
    ),
    "redis://:p@ss@cache:6379/1": Login("", "p@ss", "1"),
    "${URL:-amqp://shop:${P}@mq//}": Login("shop", "${P}", "/"),
}


@pytest.mark.parametrize(("value", "expected"), LOGINS.items())
def test_a_login_is_taken_as_it_is_written(value, expected):
    assert login_in(value, lambda _: None) == expected


@pytest.mark.parametrize("value", ["${URL}", "$URL", "${GIVEN:-amqp://shop:secret@mq//}", "mq"])
def test_what_is_set_elsewhere_is_not_known(value):
    assert login_in(value, {"GIVEN": "amqp://other:secret@mq//"}.get) is None


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (Login("shop", "secret", "/"), ["RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"]),
        (Login("guest", "guest", "shop"), ["RABBITMQ_DEFAULT_VHOST"]),
        (Login("guest", "guest", ""), []),
        (Login("guest", "other", ""), ["RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"]),
        (Login(), []),
    ],
)
def test_rabbitmq_is_given_what_it_does_not_know(login, expected):
    assert [name for name, _ in login.rabbitmq_variables()] == expected
