"""URLs that are put together of parts: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest
from kombu import Connection

from celeryize.checks.joined_urls import ENDS
from tests.unit.checks.projects import Mistake, found_in, settings, with_twin


def joined(expression: str, before: str = "") -> dict[str, str]:
    return settings(
        f"import os\nfrom urllib.parse import quote\n{before}CELERY_BROKER_URL = {expression}\n",
        instead="CELERY_BROKER_URL",
    )


SECRET = "SECRET = 'p@ss/word'\n"
MISTAKES = [
    Mistake("celery.E167", joined(f"{broken}  # <-", SECRET), joined(twin, SECRET))
    for broken, twin in [
        (
            "f'amqp://shop:{SECRET}@rabbit:5672/shop'",
            "'amqp://shop:' + quote(SECRET, '') + '@rabbit:5672/shop'",
        ),
        (
            "'redis://:' + SECRET + '@redis:6379/0'",
            "'redis://:' + quote(SECRET, safe='') + '@redis:6379/0'",
        ),
        (
            "'amqp://{}:{}@{}//'.format('shop', SECRET, 'rabbit')",
            "'amqp://{}:{}@{}//'.format('shop', 'secret', 'rabbit')",
        ),
        (
            "'amqp://{user}:{word}@rabbit//'.format(user='shop', word=SECRET)",
            "'amqp://{user}:{word}@rabbit//'.format(user='shop', word='p%40ss')",
        ),
        (
            "'amqp://%s:%s@rabbit//' % ('shop', SECRET)",
            "'amqp://%s:%s@rabbit//' % ('shop', os.environ['SECRET'])",
        ),
        (
            'f\'amqp://shop:{os.environ.get("SECRET", "k9#Lm")}@rabbit//\'',
            'f\'amqp://shop:{os.environ.get("SECRET", "k9Lm")}@rabbit//\'',
        ),
    ]
]
# kombu reads these as they are written
MISTAKES += [
    Mistake(
        "celery.E167",
        joined("f'amqp://shop:{SECRET}@rabbit:5672//'  # <-", f"SECRET = {broken!r}\n"),
        joined("f'amqp://shop:{SECRET}@rabbit:5672//'", f"SECRET = {twin!r}\n"),
    )
    for broken, twin in [
        ("a#b", "a:b"),
        ("a/b", "p@ss"),
        ("a?b", "50%off"),
        ("a[b", "a b"),
        ("50%off]", "[off]"),
    ]
]


@pytest.mark.parametrize("sign", list('/#?[]@:% +&"\\'))
@pytest.mark.parametrize("before", ["amqp://shop:", "redis://:", "rediss://shop:"])
def test_kombu_reads_what_is_not_found(sign, before):
    try:
        found = Connection(f"{before}a{sign}b@rabbit:5672/1").password
    except ValueError:
        found = None
    assert (found == f"a{sign}b") is not bool(ENDS.search(f"a{sign}b"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
