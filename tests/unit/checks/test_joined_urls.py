"""URLs that are put together of parts: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest
from kombu import Connection

from celeryize.checks.joined_urls import ENDS, sign_that_ends
from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    Mistake,
    found_in,
    healthy,
    imported_facts_of,
    settings,
    with_twin,
)


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


BROKEN = "amqp://shop:p@ss/word@rabbit.internal:5672/prod"
WHOLE = "amqp://shop:p%40ss%2Fword@rabbit.internal:5672/prod"
READ = "os.environ.get('SHOP_BROKER', 'amqp://rabbit')"
MISTAKES += [
    # written out, as the default of a variable, and in the files that give it
    Mistake("celery.E167", joined(f"{BROKEN!r}  # <-"), joined(f"{WHOLE!r}")),
    Mistake(
        "celery.E167",
        joined(f"os.environ.get('SHOP_BROKER', {BROKEN!r})  # <-"),
        joined(f"os.environ.get('SHOP_BROKER', {WHOLE!r})"),
    ),
    *(
        Mistake(
            "celery.E167",
            {**joined(READ), file: text.format(BROKEN)},
            {**joined(READ), file: text.format(WHOLE)},
            at=f"{file}:{text.count(chr(10))}",
        )
        for file, text in [
            (".env", "export SHOP_BROKER='{}'\n"),
            (".env", "DEBUG=1\nCELERY_BROKER_URL={}\n"),
            ("docker-compose.yml", "x-env: &env\n  SHOP_BROKER: {}\n"),
        ]
    ),
]


@pytest.mark.parametrize(
    "url",
    [
        "amqp://shop:a/b@rabbit//",
        "amqp://shop:1#2@rabbit:5672",
        "amqp://shop:a?b@rabbit",
        "redis://:12/4@redis:6379/0",
        "redis://:p@s/s@redis:6379/0",
        "sqs://AKIA:ab/cd@",
    ],
)
def test_a_password_that_ends_too_early_is_found_and_kombu_reads_another_one(url):
    assert sign_that_ends(url)
    try:
        found = Connection(url).password
    except ValueError:
        found = None
    assert not found or found not in url.rpartition("@")[0].partition("://")[2].split(":", 1)[1:]


@pytest.mark.parametrize(
    "url",
    [
        "amqp://guest:guest@rabbit:5672//",
        "amqp://shop:p@ss@rabbit/shop",
        "amqp://shop:secret@rabbit/user@shop",
        "amqp://rabbit:5672/user@shop",
        "redis://redis:6379/0?user=a@b",
        "redis://:secret@redis:6379/0?user=a@b",
        "amqp://shop:${SECRET}/x@rabbit",
        "amqp://<user>:<a/b>@rabbit",
        "db+postgresql://shop:a/b@db/shop",
    ],
)
def test_an_at_behind_the_host_ends_no_password(url):
    assert sign_that_ends(url) == ""


def test_a_url_that_only_the_environment_has_is_found_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_BROKER", BROKEN)
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **joined(READ)}))
    [found] = [f for f in run_checks(facts).findings if f.id == "celery.E167"]
    assert found.hint == "Write %2F for / in the password."
    assert "word" not in found.message.replace("password", "") and "p@ss" not in found.message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis//cache:6379/0", ["celery.E160"]),
        ("redis:/cache:6379/0", ["celery.E160"]),
        ("redis://cache:6379/0", []),
        ("amqp://shop:word@cache//", []),
    ],
)
def test_a_url_of_the_environment_without_a_scheme_is_found(tmp_path, monkeypatch, url, found):
    monkeypatch.setenv("SHOP_BROKER", url)
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **joined(READ)}))
    assert [f.id for f in run_checks(facts).findings if f.id in {"celery.E160"}] == found


@pytest.mark.parametrize("sign", list('/#?[]@:% +&"\\'))
@pytest.mark.parametrize("before", ["amqp://shop:", "redis://:", "rediss://shop:"])
def test_kombu_reads_what_is_not_found(sign, before):
    try:
        found = Connection(f"{before}a{sign}b@rabbit:5672/1").password
    except ValueError:
        found = None
    assert (found == f"a{sign}b") is not bool(ENDS.search(f"a{sign}b"))


def found_here(folder, files):
    """What is found, but for the password in the code, which is a finding of its own."""
    return [one for one in found_in(folder, files) if one[0] != "celery.W561"]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_here(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_here(tmp_path, mistake.twin) == []
