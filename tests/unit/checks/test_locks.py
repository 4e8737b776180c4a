"""The locks of tasks, and what a retry takes back: a broken project each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, with_twin

SHARED_CACHE = settings(
    "CACHES = {'default': {'BACKEND': 'django.core.cache.backends.redis.RedisCache'}}\n"
)
CACHE = "from django.core.cache import cache\n\n\n@shared_task\ndef sync():\n"
REDIS = "import redis\n\nclient = redis.Redis.from_url('redis://localhost/3')\n\n\n"
MANAGER = (
    "from contextlib import contextmanager\nfrom django.core.cache import cache\n\n\n"
    "@contextmanager\ndef locked(key):\n"
)
ATOMIC = (
    "from django.db import transaction\nfrom doctors.models import Doctor\n\n\n"
    "@shared_task(bind=True)\ndef settle(self, pk):\n"
)


def cached(body: str) -> dict[str, str]:
    return {**SHARED_CACHE, **tasks(CACHE + body)}


MISTAKES = [
    Mistake(
        "celery.W485",
        cached("    if cache.add('sync-lock', 1, timeout=None):  # <-\n        return 1\n"),
        cached("    if cache.add('sync-lock', 1, timeout=3600):\n        return 1\n"),
    ),
    Mistake(
        "celery.W485",
        cached("    if not cache.add('sync-lock', 1, None):  # <-\n        return 1\n"),
        cached("    if not cache.add('sync-lock', 1):\n        return 1\n"),
    ),
    Mistake(
        "celery.W485",
        cached("    with cache.lock('sync-lock'):  # <-\n        return 1\n"),
        cached("    with cache.lock('sync-lock', timeout=60):\n        return 1\n"),
    ),
    *(
        Mistake("celery.W485", tasks(f"{REDIS}{TASK}{broken}"), tasks(f"{REDIS}{TASK}{twin}"))
        for TASK in ["@shared_task\ndef sync():\n"]
        for broken, twin in [
            (
                "    with client.lock('sync-lock'):  # <-\n        return 1\n",
                "    with client.lock('sync-lock', 60):\n        return 1\n",
            ),
            (
                "    if client.set('sync-lock', 1, nx=True):  # <-\n        return 1\n",
                "    if client.set('sync-lock', 1, nx=True, ex=60):\n        return 1\n",
            ),
            (
                "    if client.setnx('sync-lock', 1):  # <-\n        return 1\n",
                "    if client.setnx('sync-lock', 1):\n        client.expire('sync-lock', 60)\n",
            ),
        ]
    ),
    # a key that is given back is a lock, whatever its name
    Mistake(
        "celery.W485",
        cached(
            "    if cache.add('sync', 1, None):  # <-\n        try:\n            load()\n"
            "        finally:\n            cache.delete('sync')\n"
        ),
        cached("    if cache.add('sync', 1, None):\n        load()\n"),
    ),
    Mistake(
        "celery.W485",
        tasks(
            f"{REDIS}@shared_task\ndef count(page):\n"
            "    if client.set('lock:' + page, 1, nx=True):  # <-\n        return page\n"
        ),
        tasks(
            f"{REDIS}@shared_task\ndef count(page):\n    client.setnx('visits', 0)\n"
            "    client.incr('visits')\n"
        ),
    ),
    # a counter is no lock
    Mistake(
        "celery.W486",
        cached(
            "    if cache.add('sync', 1, 60):\n        load()\n        cache.delete('sync')  # <-\n"
        ),
        cached(
            "    cache.add('sync', 0, 60)\n    if cache.incr('sync') > 9:\n        load()\n"
            "        cache.delete('sync')\n"
        ),
    ),
    # the lock of something else than Redis ends as it likes
    Mistake(
        "celery.W485",
        tasks(
            "from django_redis import get_redis_connection\n\n\n@shared_task\ndef sync():\n"
            "    connection = get_redis_connection('default')\n"
            "    with connection.lock('sync'):  # <-\n        return 1\n"
        ),
        tasks("@shared_task\ndef sync(door):\n    with door.lock('sync'):\n        return 1\n"),
    ),
    Mistake(
        "celery.W486",
        cached(
            "    if cache.add('sync', 1, 60):\n        load()\n        cache.delete('sync')  # <-\n"
        ),
        cached(
            "    if cache.add('sync', 1, 60):\n        try:\n            load()\n"
            "        finally:\n            cache.delete('sync')\n"
        ),
    ),
    Mistake(
        "celery.W486",
        cached(
            "    key = 'sync'\n    if not cache.add(key, 1, 60):\n        return\n"
            "    load()\n    cache.delete(key)  # <-\n"
        ),
        # nothing between the two lines can fail, or it is caught
        cached(
            "    key = 'sync'\n    if not cache.add(key, 1, 60):\n        return\n    try:\n"
            "        load()\n    except OSError:\n        print('no')\n    cache.delete(key)\n"
        ),
    ),
    Mistake(
        "celery.W331",
        tasks(
            f"{ATOMIC}    with transaction.atomic():\n"
            "        doctor = Doctor.objects.get(pk=pk)\n        try:\n            pay(doctor)\n"
            "        except OSError as error:\n            doctor.save()  # <-\n"
            "            self.retry(exc=error)\n"
        ),
        tasks(
            f"{ATOMIC}    with transaction.atomic():\n"
            "        doctor = Doctor.objects.get(pk=pk)\n        try:\n            pay(doctor)\n"
            "        except OSError as error:\n            doctor.save()\n"
            "            self.retry(exc=error, throw=False)\n"
        ),
    ),
    Mistake(
        "celery.W331",
        tasks(
            f"{ATOMIC}    with transaction.atomic():\n"
            "        doctor = Doctor.objects.get(pk=pk)\n        try:\n            pay(doctor)\n"
            "        except OSError as error:\n            doctor.name = 'failed'\n"
            "            doctor.save()  # <-\n            raise self.retry(exc=error)\n"
        ),
        tasks(
            f"{ATOMIC}    try:\n        with transaction.atomic():\n            pay(pk)\n"
            "    except OSError as error:\n"
            "        Doctor.objects.filter(pk=pk).update(name='failed')\n"
            "        raise self.retry(exc=error)\n"
        ),
    ),
    Mistake(
        "celery.W331",
        tasks(
            ATOMIC.replace("(bind=True)\n", "(bind=True)\n@transaction.atomic\n")
            + "    try:\n        pay(pk)\n    except OSError as error:\n"
            "        Doctor.objects.filter(pk=pk).update(name='failed')  # <-\n"
            "        raise self.retry(exc=error)\n"
        ),
        # a handler around the transaction may catch the retry
        tasks(
            f"{ATOMIC}    with transaction.atomic():\n        try:\n            pay(pk)\n"
            "        except OSError as error:\n            log(error)\n"
            "            raise self.retry(exc=error)\n"
        ),
    ),
    Mistake(
        "celery.W485",
        tasks(
            "from redis import Redis\nfrom redis.lock import Lock\n\n\n@shared_task\ndef sync():\n"
            "    with Lock(Redis(), 'sync'):  # <-\n        return 1\n"
        ),
        tasks(
            "from redis import Redis\nfrom redis.lock import Lock\n\n\n@shared_task\ndef sync():\n"
            "    with Lock(Redis(), 'sync', timeout=60):\n        return 1\n"
        ),
    ),
    # the lock of a context manager beside the task
    Mistake(
        "celery.W486",
        {
            **SHARED_CACHE,
            **tasks(
                f"{MANAGER}    taken = cache.add(key, 1, 60)\n    yield taken\n"
                "    cache.delete(key)  # <-\n"
            ),
        },
        {
            **SHARED_CACHE,
            **tasks(
                f"{MANAGER}    taken = cache.add(key, 1, 60)\n    try:\n        yield taken\n"
                "    finally:\n        cache.delete(key)\n"
            ),
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
