"""brokers.py: each entry agrees with Celery and kombu, and with the rest of the program."""

from __future__ import annotations

import ast
from importlib.metadata import metadata

import pytest
from kombu.transport import TRANSPORT_ALIASES

from celeryize.brokers import (
    BROKERS,
    PROFILES,
    RESULT_BACKENDS,
    URL_EXTRAS,
    broker_schemes,
    extra_for,
    find_broker,
    find_result_backend,
    has_visibility_timeout,
    library_of,
    url_of_broker,
    url_of_result_backend,
)

NAMES = [broker.name for broker in BROKERS]


@pytest.mark.parametrize("broker", BROKERS, ids=NAMES)
def test_kombu_has_a_transport_for_each_scheme_of_a_broker(broker):
    assert set(broker.schemes) <= set(TRANSPORT_ALIASES)
    assert broker.url.partition("://")[0] in broker.schemes


@pytest.mark.parametrize("broker", BROKERS, ids=NAMES)
def test_a_broker_is_found_by_its_name_and_by_each_of_its_schemes(broker):
    assert find_broker(broker.name) == broker
    for scheme in broker.schemes:
        assert find_broker(f"{scheme}://host/") == broker
    assert url_of_broker(broker.name) == broker.url


@pytest.mark.parametrize("broker", BROKERS, ids=NAMES)
def test_a_broker_suggests_a_result_backend_that_is_offered(broker):
    assert broker.result_backend in {entry.name for entry in RESULT_BACKENDS if entry.offered}


@pytest.mark.parametrize("broker", BROKERS, ids=NAMES)
def test_the_transport_options_of_a_broker_are_python_in_known_profiles(broker):
    for option in broker.options:
        ast.parse(option.value.format(key_prefix='"shop:"', data_folder='BASE_DIR / ".celery"'))
        assert option.profiles and set(option.profiles) <= set(PROFILES)


def test_every_extra_is_one_of_celerys_own():
    own = set(metadata("celery").get_all("Provides-Extra") or ())
    extras = {entry.extra for entry in (*BROKERS, *RESULT_BACKENDS) if entry.extra}
    assert extras | set(URL_EXTRAS.values()) <= own


def test_a_broker_that_has_no_entry_is_a_url_as_it_is():
    assert find_broker("mongodb://host/") is None
    assert url_of_broker("mongodb://host/") == "mongodb://host/"
    assert extra_for("mongodb://host/") == "mongodb" and library_of("mongodb") == "pymongo"
    assert not has_visibility_timeout("mongodb://host/")


def test_redis_keeps_the_results_where_it_keeps_the_messages():
    assert url_of_result_backend("redis", "rediss://host:6380/1") == "rediss://host:6380/1"
    assert url_of_result_backend("redis", "amqp://host//") == "redis://localhost:6379/0"
    assert url_of_result_backend("redis://results/", "redis://host/") == "redis://results/"


def test_a_result_backend_is_found_by_its_name_and_by_its_scheme():
    for entry in RESULT_BACKENDS:
        assert find_result_backend(entry.name) == entry
    found = find_result_backend("redis+socket:///tmp/redis.sock")
    assert found is not None and found.name == "redis"


def test_sqs_has_no_remote_control_and_delivers_again_and_says_so():
    sqs = find_broker("sqs")
    assert sqs is not None and "sqs" in broker_schemes()
    assert not sqs.has_remote_control and has_visibility_timeout("sqs://")
    assert extra_for("sqs://") == "sqs" and library_of("sqs") == "kombu[sqs]"
    assert any("remote control" in note for note in sqs.notes)
    assert any("stores no results" in note for note in sqs.notes)
