"""Amazon SQS: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, healthy, tasks, with_twin

BASE = healthy()["config/settings.py"].partition("CELERY_BROKER_URL")[0]
QUEUES = "'predefined_queues': {'shop': {'url': 'https://sqs/1/shop'}}"
DEFAULT = "CELERY_TASK_DEFAULT_QUEUE = 'shop'\n"


def sqs(options: str, more: str = "") -> dict[str, str]:
    return {
        "config/settings.py": f"{BASE}CELERY_BROKER_URL = 'sqs://'\n{more}"
        f"CELERY_BROKER_TRANSPORT_OPTIONS = {{{options}}}",
        "requirements.txt": "django>=4.2\ncelery[sqs]>=5.4\n",
    }


def marked(files: dict[str, str]) -> dict[str, str]:
    """The same, with the last line of the settings as the place."""
    return {**files, "config/settings.py": files["config/settings.py"] + "  # <-"}


MISTAKES = [
    Mistake("celery.E165", marked(sqs(QUEUES)), sqs(QUEUES, DEFAULT)),
    *(
        Mistake("celery.E165", marked(sqs(QUEUES)), sqs(QUEUES, twin))
        for twin in [
            "import os\nCELERY_TASK_DEFAULT_QUEUE = os.environ['QUEUE']\n",
            "import os\nCELERY_TASK_DEFAULT_QUEUE = os.environ.get('QUEUE', f'{\"shop\"}')\n",
            "NAME = 'sh' + 'op'\nCELERY_TASK_DEFAULT_QUEUE = NAME\n",
            "CELERY_TASK_DEFAULT_QUEUE = f'{BASE_DIR.name}'\n",
            "CELERY_TASK_ROUTES = {'*': {'queue': 'shop'}}\n",
            "CELERY_TASK_ROUTES = 'doctors.routes.route_all'\n",
        ]
    ),
    Mistake(
        "celery.E165",
        {**marked(sqs(QUEUES)), "Procfile": "worker: celery -A config worker\n"},
        {
            **sqs(QUEUES),
            "Procfile": "worker: celery -A config worker -Q shop\n",
            "doctors/tasks.py": healthy()["doctors/tasks.py"]
            .replace("@shared_task\n", "@shared_task(queue='shop')\n")
            .replace("bind=True", "bind=True, queue='shop'"),
        },
    ),
    Mistake(
        "celery.E165",
        sqs(QUEUES, "CELERY_TASK_DEFAULT_QUEUE = 'mail'  # <-\n"),
        sqs(f"'queue_name_prefix': 'shop-', {QUEUES}"),
    ),
    Mistake(
        "celery.E165",
        {
            **sqs(QUEUES, DEFAULT),
            **tasks("@shared_task(queue='mail')  # <-\ndef write():\n    pass\n"),
        },
        {
            **sqs(QUEUES.replace("}}", "}, 'mail': {'url': 'https://sqs/1/mail'}}"), DEFAULT),
            **tasks("@shared_task(queue='mail')\ndef write():\n    pass\n"),
        },
    ),
    Mistake(
        "celery.W168",
        marked(sqs(f"'visibility_timeout': 7200, {QUEUES}", DEFAULT)),
        sqs("'visibility_timeout': 7200", DEFAULT),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
