"""Signals of Celery: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import (
    Mistake,
    found_by_import,
    found_in,
    settings,
    tasks,
    with_twin,
)

IMPORTS = "from celery import signals\nfrom celery.signals import after_task_publish, task_success as done\n\n\n"
OPENS = "from celery.signals import worker_process_init\n\n\n"
UNLIMITED = {
    "config/settings.py": settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n")[
        "config/settings.py"
    ]
    .replace("CELERY_TASK_TIME_LIMIT = 300\n", "")
    .replace("CELERY_TASK_SOFT_TIME_LIMIT = 270\n", "")
}
START = "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker"
MISTAKES = [
    Mistake(
        "celery.W464",
        {
            **UNLIMITED,
            **tasks(
                f"{OPENS}@worker_process_init.connect  # <-\ndef open_pool(**kwargs):\n    pass\n"
            ),
            "Procfile": f"{START} -P threads\n",
        },
        {
            **UNLIMITED,
            **tasks(f"{OPENS}@worker_process_init.connect\ndef open_pool(**kwargs):\n    pass\n"),
            "Procfile": f"{START}\n",
        },
    ),
    Mistake(
        "celery.W641",
        tasks(IMPORTS + "done.connect(lambda **kwargs: None)  # <-\n"),
        tasks(IMPORTS + "done.connect(lambda **kwargs: None, weak=False)\n"),
    ),
    Mistake(
        "celery.W641",
        tasks(
            IMPORTS + "def set_up():\n    @signals.task_success.connect  # <-\n"
            "    def log(**kwargs):\n        pass\n"
        ),
        tasks(
            IMPORTS + "def set_up():\n    @signals.task_success.connect\n"
            "    def log(**kwargs):\n        pass\n\n    return log\n"
        ),
    ),
    Mistake(
        "celery.W641",
        tasks(
            IMPORTS
            + "def set_up():\n    def log(**kwargs):\n        pass\n\n"
            "    done.connect(\n        log,\n        sender=greet,\n    )\n".replace(
                "connect(\n", "connect(  # <-\n"
            )
        ),
        tasks(
            IMPORTS + "def log(**kwargs):\n    pass\n\n\ndef set_up():\n    done.connect(log)\n\n\n"
            "@done.connect(weak=True)\ndef other(**kwargs):\n    pass\n"
        ),
    ),
    Mistake(
        "celery.W642",
        tasks(
            IMPORTS
            + "@done.connect(sender='doctors.tasks.greet')  # <-\ndef log(**kwargs):\n    pass\n"
        ),
        tasks(IMPORTS + "@done.connect(sender=greet)\ndef log(**kwargs):\n    pass\n"),
    ),
    Mistake(
        "celery.W642",
        tasks(
            IMPORTS + "def log(**kwargs):\n    pass\n\n\n"
            "after_task_publish.connect(\n    log,\n    sender=greet,  # <-\n)\n"
        ),
        tasks(
            IMPORTS + "def log(**kwargs):\n    pass\n\n\n"
            "after_task_publish.connect(\n    log,\n    sender=greet.name,\n)\n"
        ),
    ),
]
HANDLER = (
    "from celery.signals import task_failure\n\n\n"
    "@task_failure.connect(\n    sender=None,\n)\ndef log(**kwargs):  # <-\n    pass\n"
)
IMPORTED = [
    Mistake(
        "celery.W643",
        {"doctors/handlers.py": HANDLER},
        {"doctors/handlers.py": HANDLER, **tasks("from doctors import handlers\n")},
    )
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_nothing_in_the_healthy_twin(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.twin) == []
