"""What a task does while it runs: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASK, Mistake, found_in, settings, tasks, with_twin

UNLIMITED = settings("", instead="CELERY_TASK_")
MISTAKES = [
    Mistake(
        "celery.E667",
        tasks(
            f"import multiprocessing\n{TASK}def work():\n    with multiprocessing.Pool(2) as pool:  # <-\n"
            "        pool.map(str, [1])\n"
        ),
        {
            **tasks(
                f"import multiprocessing\n{TASK}def work():\n    multiprocessing.Pool(2).map(str, [1])\n"
            ),
            "Procfile": "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker -P custom\n",
            **settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"),
        },
    ),
    Mistake(
        "celery.E667",
        tasks(
            f"from concurrent import futures\n{TASK}def work():\n"
            "    futures.ProcessPoolExecutor(2).submit(str)  # <-\n"
        ),
        tasks(
            f"from concurrent import futures\n{TASK}def work():\n"
            "    with futures.ThreadPoolExecutor(2) as pool:\n        pool.submit(str)\n"
        ),
    ),
    Mistake(
        "celery.W644",
        tasks(f"import time\n{TASK}def poll():\n    while True:  # <-\n        time.sleep(1)\n"),
        tasks(f"{TASK}def poll():\n    while True:\n        if input():\n            break\n"),
    ),
    Mistake(
        "celery.W644",
        tasks(f"{TASK}def poll():\n    while 1:  # <-\n        print('on')\n"),
        tasks(f"{TASK}def poll():\n    while not input():\n        print('on')\n"),
    ),
    Mistake(
        "celery.W665",
        {
            **UNLIMITED,
            **tasks(f"import requests\n{TASK}def fetch(url):\n    requests.get(url)  # <-\n"),
        },
        tasks(f"import requests\n{TASK}def fetch(url):\n    requests.get(url)\n"),
    ),
    Mistake(
        "celery.W665",
        {
            **UNLIMITED,
            **tasks(
                f"from urllib.request import urlopen\n{TASK}def fetch(url):\n    urlopen(url)  # <-\n"
            ),
        },
        {
            **UNLIMITED,
            **tasks(
                f"from urllib.request import urlopen\n{TASK}def fetch(url):\n    urlopen(url, timeout=3)\n"
            ),
        },
    ),
    Mistake(
        "celery.W665",
        {
            **UNLIMITED,
            **tasks(f"from requests import post\n{TASK}def fetch(url):\n    post(url)  # <-\n"),
        },
        {
            **UNLIMITED,
            **tasks(
                "from requests import post\n\n\n@shared_task(time_limit=9)\ndef fetch(url):\n    post(url)\n"
            ),
        },
    ),
    Mistake(
        "celery.W668",
        tasks(f"SENT = 0\n{TASK}def count():\n    global SENT\n    SENT += 1  # <-\n"),
        tasks(
            f"CLIENT = None\n{TASK}def work():\n    global CLIENT\n    CLIENT = CLIENT or open('x')\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
