"""Retries that wait longer than the broker: a broken project for each mistake, and a twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, tasks, with_twin

BODY = "def push(self, pk):\n    try:\n        load(pk)\n    except OSError as error:\n"
BACKOFF = "@shared_task(autoretry_for=(OSError,), retry_backoff=60, max_retries=12"


def retried(options: str, more: str, mark: str = "", head: str = "") -> dict[str, str]:
    return tasks(
        f"@shared_task(bind=True, {options}){head}\n{BODY}"
        f"        raise self.retry(exc=error{more}){mark}\n"
    )


def other_broker(url: str, options: str = "{}") -> dict[str, str]:
    text = settings("", instead="CELERY_BROKER_URL")["config/settings.py"]
    lines = [line for line in text.split("\n") if not line.startswith("CELERY_BROKER_TR")]
    text = "\n".join(lines)
    return {
        "config/settings.py": f"{text}\nCELERY_BROKER_URL = {url!r}\n"
        f"CELERY_BROKER_TRANSPORT_OPTIONS = {options}\n",
        "requirements.txt": "django>=4.2\ncelery[redis,sqs]>=5.4\n",
    }


DOUBLED = ", countdown=60 * 2 ** self.request.retries"
PREDEFINED = "{'predefined_queues': {'celery': {'url': 'https://sqs/1/celery'}}}"

MISTAKES = [
    Mistake(
        "celery.W473",
        retried("max_retries=10", DOUBLED, "  # <-"),
        retried("max_retries=4", DOUBLED),
    ),
    Mistake(
        "celery.W473",
        retried("max_retries=9", ", countdown=(self.request.retries + 1) * 450", "  # <-"),
        retried("max_retries=9", ", countdown=min(1800, 60 * 2 ** self.request.retries)"),
    ),
    # the task gives up, or takes another delay, before the longest of them
    Mistake(
        "celery.W473",
        tasks(
            "@shared_task(bind=True, max_retries=20)\ndef push(self, pk):\n    try:\n"
            "        load(pk)\n    except OSError as error:\n"
            f"        raise self.retry(exc=error{DOUBLED})  # <-\n"
        ),
        tasks(
            "@shared_task(bind=True, max_retries=20)\ndef push(self, pk):\n"
            "    if self.request.retries > 4:\n        return\n    try:\n"
            "        load(pk)\n    except OSError as error:\n"
            f"        raise self.retry(exc=error{DOUBLED})\n"
        ),
    ),
    Mistake(
        "celery.W473",
        retried("default_retry_delay=2 * 60 * 60", "", head="  # <-"),
        # the delay of the decorator counts where the call has none
        retried("default_retry_delay=2 * 60 * 60", ", countdown=60"),
    ),
    Mistake(
        "celery.W473",
        tasks(f"{BACKOFF}, retry_backoff_max=7200)  # <-\ndef push(pk):\n    load(pk)\n"),
        tasks(f"{BACKOFF})\ndef push(pk):\n    load(pk)\n"),
    ),
    Mistake(
        "celery.W473",
        {
            **other_broker("sqs://"),
            **retried("default_retry_delay=2400", "", head="  # <-"),
        },
        {
            **other_broker("sqs://", PREDEFINED),
            **retried("default_retry_delay=2400", ""),
        },
    ),
    Mistake(
        "celery.W473",
        retried("max_retries=10", DOUBLED, "  # <-"),
        {
            **other_broker("redis://localhost:6379/0", "{'visibility_timeout': 86400}"),
            **retried("max_retries=10", DOUBLED),
        },
    ),
    # the delay is in a variable
    Mistake(
        "celery.W473",
        tasks(
            f"@shared_task(bind=True, max_retries=8)\n{BODY}"
            "        delay = 90 * 3**self.request.retries\n"
            "        raise self.retry(exc=error, countdown=delay)  # <-\n"
        ),
        tasks(
            f"@shared_task(bind=True, max_retries=3)\n{BODY}"
            "        delay = 90 * 3**self.request.retries\n"
            "        raise self.retry(exc=error, countdown=delay)\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
