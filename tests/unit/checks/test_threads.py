"""Threads beside the worker: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, tasks, view, with_twin

THREADING = "import threading\n\n\n@shared_task\ndef warm(pks):\n"
POOL = "from concurrent.futures import ThreadPoolExecutor\n\npool = ThreadPoolExecutor()\n\n\n"

MISTAKES = [
    Mistake(
        "celery.W572",
        view(
            "def add(request, pk):\n    Thread(target=call, args=(pk,)).start()  # <-\n",
            "from threading import Thread\n",
        ),
        view(
            "def add(request, pk):\n    Thread(target=call.delay, args=(pk,)).start()\n",
            "from threading import Thread\n",
        ),
    ),
    Mistake(
        "celery.W572",
        view(
            "def add(request, pk):\n    threading.Timer(60, call, [pk]).start()  # <-\n",
            "import threading\n",
        ),
        view("def add(request, pk):\n    Timer(60, call, [pk])\n", "from clocks import Timer\n"),
    ),
    Mistake(
        "celery.W572",
        view("def add(request, pk):\n    pool.submit(call, pk)  # <-\n", POOL),
        view("def add(request, pk):\n    pool.submit(call.apply_async, [pk])\n", POOL),
    ),
    # a class of the project's own may send what it is given
    Mistake(
        "celery.W572",
        view(
            "def add(request, pk):\n    with ThreadPoolExecutor() as outbox:\n"
            "        outbox.submit(call, pk)  # <-\n",
            "from concurrent.futures import ThreadPoolExecutor\n",
        ),
        view(
            "class Outbox:\n    def submit(self, task, *args):\n        task.delay(*args)\n\n\n"
            "outbox = Outbox()\n\n\ndef add(request, pk):\n    outbox.submit(call, pk)\n"
        ),
    ),
    *(
        Mistake(
            "celery.W575",
            tasks(
                f"{THREADING}    workers = []\n    for pk in pks:\n"
                "        one = threading.Thread(target=load)  # <-\n"
                "        workers.append(one)\n        one.start()\n"
            ),
            tasks(f"{THREADING}{twin}"),
        )
        for twin in (
            "    workers = [threading.Thread(target=load) for pk in pks]\n"
            "    for one in workers:\n        one.start()\n    _end_all(workers)\n",
            "    workers = []\n    for pk in pks:\n        one = threading.Thread(target=load)\n"
            "        workers.append(one)\n        one.start()\n    _end_all(workers)\n",
            "    _run_all([threading.Thread(target=load) for pk in pks])\n",
        )
    ),
    Mistake(
        "celery.W575",
        tasks(f"{THREADING}    threading.Thread(target=load).start()  # <-\n"),
        tasks(
            f"{THREADING}    thread = threading.Thread(target=load)\n    thread.start()\n"
            "    thread.join()\n"
        ),
    ),
    Mistake(
        "celery.W575",
        tasks(f"{POOL}@shared_task\ndef warm(pk):\n    pool.submit(load, pk)  # <-\n"),
        tasks(f"{POOL}@shared_task\ndef warm(pk):\n    return pool.submit(load, pk).result()\n"),
    ),
    # `with` waits
    Mistake(
        "celery.W575",
        tasks(f"{POOL}@shared_task\ndef warm(pk):\n    pool.submit(load, pk)  # <-\n"),
        tasks(
            f"{POOL}@shared_task\ndef warm(pk):\n    with ThreadPoolExecutor() as workers:\n"
            "        workers.submit(load, pk)\n"
        ),
    ),
    Mistake(
        "celery.W575",
        tasks(f"{POOL}@shared_task\ndef warm(pk):\n    pool.submit(load, pk)  # <-\n"),
        tasks(
            f"{THREADING}    thread = threading.Thread(target=beat, daemon=True)\n"
            "    thread.start()\n"
        ),
    ),
    Mistake(
        "celery.W572",
        view(
            "async def add(request, pk):\n    loop.run_in_executor(None, call, pk)  # <-\n",
            "from clocks import loop\n",
        ),
        view(
            "async def add(request, pk):\n    await sync_to_async(call)(pk)\n",
            "from asgiref.sync import sync_to_async\n",
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
