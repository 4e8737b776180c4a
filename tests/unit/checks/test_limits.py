"""What a broker, a database or a logger cannot do: broken projects, and healthy twins."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import (
    DECLARED,
    TASK,
    Mistake,
    found_in,
    healthy,
    settings,
    tasks,
    view,
    with_twin,
)

SEND = "def add(request, pk):\n    call.apply_async(args=[pk], "
LOG = (
    "LOGGING = {{  {mark}\n    'version': 1,\n"
    "    'handlers': {{'log': {{'class': 'logging.{kind}'}}}},\n"
    "    'root': {{'handlers': ['log']}},\n}}\n"
)
CACHES = 'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}\n'


def rabbit(lines: str = "") -> dict[str, str]:
    """The healthy project with RabbitMQ for its broker."""
    text = settings(f'CELERY_BROKER_URL = "amqp://localhost"\n{lines}', instead="CELERY_BROKER_")
    return {**text, "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\n"}


def cached(lines: str) -> dict[str, str]:
    """The healthy project with its results in Django's cache."""
    return (
        settings(
            "INSTALLED_APPS += ['django_celery_results']\nCELERY_RESULT_BACKEND = 'django-cache'\n"
            f"{CACHES}{lines}",
            instead="CELERY_RESULT_BACKEND",
        )
        | DECLARED
    )


NO_LIMITS = healthy()["config/settings.py"].split("CELERY_TASK_TIME_LIMIT")[0]
UNLIMITED_THREADS = {
    "config/settings.py": f"{NO_LIMITS}CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n",
    "Procfile": "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker -P threads\n",
}
MISTAKES = [
    Mistake(
        "celery.W471",
        {**rabbit(), **view(f"{SEND}countdown=7200)  # <-\n")},
        {**rabbit(), **view(f"{SEND}countdown=1200)\n")},
    ),
    Mistake(
        "celery.W471",
        {
            **rabbit(),
            **view(
                f"{SEND}eta=timezone.now() + timedelta(days=1))  # <-\n",
                "from datetime import timedelta\nfrom django.utils import timezone\n",
            ),
        },
        {
            **rabbit("CELERY_TASK_DEFAULT_QUEUE_TYPE = 'quorum'\n"),
            **view(f"{SEND}countdown=7200)\n"),
        },
    ),
    Mistake(
        "celery.W472",
        {**rabbit(), **view(f"{SEND}priority=9)  # <-\n")},
        {**rabbit("CELERY_TASK_QUEUE_MAX_PRIORITY = 10\n"), **view(f"{SEND}priority=9)\n")},
    ),
    Mistake(
        "celery.W162",
        settings(
            'CELERY_RESULT_BACKEND = "redis://localhost:6379/16"  # <-\n',
            instead="CELERY_RESULT_BACKEND",
        ),
        settings(
            'CELERY_RESULT_BACKEND = "redis://localhost:6379/15"\n',
            instead="CELERY_RESULT_BACKEND",
        ),
    ),
    Mistake(
        "celery.W163",
        settings("CELERY_BROKER_USE_SSL = True  # <-\n"),
        settings("import ssl\nCELERY_BROKER_USE_SSL = {'ssl_cert_reqs': ssl.CERT_REQUIRED}\n"),
    ),
    Mistake(
        "celery.E690",
        settings(
            "import os\nCELERY_BROKER_TRANSPORT_OPTIONS = {\n"
            "    'visibility_timeout': os.environ.get('TIMEOUT', '3600'),  # <-\n}\n",
            instead="CELERY_BROKER_TRANSPORT_OPTIONS",
        ),
        settings(
            "import os\nCELERY_BROKER_TRANSPORT_OPTIONS = {\n"
            "    'visibility_timeout': int(os.environ.get('TIMEOUT', '3600')),\n}\n",
            instead="CELERY_BROKER_TRANSPORT_OPTIONS",
        ),
    ),
    Mistake(
        "celery.W696",
        settings("CELERY_TASK_REJECT_ON_WORKER_LOST = True  # <-\n"),
        settings("CELERY_TASK_REJECT_ON_WORKER_LOST = True\nCELERY_TASK_ACKS_LATE = True\n"),
    ),
    Mistake(
        "celery.W696",
        tasks("@shared_task(reject_on_worker_lost=True)  # <-\ndef pack():\n    pass\n"),
        tasks("@shared_task(acks_late=True, reject_on_worker_lost=True)\ndef pack():\n    pass\n"),
    ),
    Mistake(
        "celery.W699",
        settings(LOG.format(mark="# <-", kind="FileHandler")),
        settings(LOG.format(mark="", kind="StreamHandler")),
    ),
    Mistake(
        "celery.W699",
        settings(LOG.format(mark="# <-", kind="handlers.SysLogHandler")),
        settings(
            LOG.format(mark="", kind="FileHandler") + "CELERY_WORKER_HIJACK_ROOT_LOGGER = False\n"
        ),
    ),
    Mistake(
        "celery.E679",
        cached("CELERY_CACHE_BACKEND = 'results'  # <-\n"),
        cached("CELERY_CACHE_BACKEND = 'default'\n"),
    ),
    Mistake(
        "celery.W164",
        settings('CELERY_BROKER_URL = "memory://"  # <-\n', instead="CELERY_BROKER_URL"),
        settings(
            'import os\nCELERY_BROKER_URL = os.environ.get("BROKER", "memory://")\n',
            instead="CELERY_BROKER_URL",
        ),
    ),
    Mistake(
        "celery.W470",
        view(
            f"DAY = 24 * 60 * 60\n\n\n{SEND}countdown=DAY)  # <-\n",
        ),
        view(f"HOUR = 60 * 30\n\n\n{SEND}countdown=HOUR)\n"),
    ),
    Mistake(
        "celery.E461",
        tasks("@shared_task(time_limit=60)  # <-\ndef pack():\n    pass\n"),
        tasks("@shared_task(time_limit=60, soft_time_limit=50)\ndef pack():\n    pass\n"),
    ),
    Mistake(
        "celery.E461",
        tasks("@shared_task(soft_time_limit=1800)  # <-\ndef pack():\n    pass\n"),
        tasks(f"{TASK}def pack():\n    pass\n"),
    ),
    Mistake(
        "celery.W083",
        settings(
            "import os\nCELERY_TASK_IGNORE_RESULT = bool(os.environ.get('IGNORE', 'False'))  # <-\n"
        ),
        settings(
            "import os\nCELERY_TASK_IGNORE_RESULT = bool(int(os.environ.get('IGNORE', '0')))\n"
        ),
    ),
    Mistake(
        "celery.W951",
        settings("CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512  # <-\n"),
        settings("CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512_000\n"),
    ),
    *(
        Mistake(
            "celery.E690",
            settings(
                "import environ\nenv = environ.Env(DEBUG=(bool, False))\n"
                "CELERY_BROKER_TRANSPORT_OPTIONS = {\n"
                "    'visibility_timeout': env('TIMEOUT', default='3600'),  # <-\n}\n",
                instead="CELERY_BROKER_TRANSPORT_OPTIONS",
            ),
            settings(
                f"{before}\nCELERY_BROKER_TRANSPORT_OPTIONS = {{\n"
                f"    'visibility_timeout': {read},\n}}\n",
                instead="CELERY_BROKER_TRANSPORT_OPTIONS",
            ),
        )
        for before, read in (
            ("import environ\nenv = environ.Env(TIMEOUT=(int, 3600))", "env('TIMEOUT')"),
            ("import environ\nenv = environ.Env()", "env('TIMEOUT', default=3600)"),
            ("import environ\nenv = environ.Env()", "env('TIMEOUT', int)"),
            ("from shopfront.environment import env", "env('TIMEOUT')"),
            ("from decouple import config", "config('TIMEOUT', 3600, int)"),
        )
    ),
    Mistake(
        "celery.W696",
        settings("CELERY_TASK_REJECT_ON_WORKER_LOST = True  # <-\n"),
        settings(
            "CELERY_TASK_REJECT_ON_WORKER_LOST = True\n"
            "CELERY_TASK_ANNOTATIONS = {'*': {'acks_late': True}}\n"
        ),
    ),
    Mistake(
        "celery.W162",
        settings(
            'CELERY_RESULT_BACKEND = "redis://localhost:6379/20"  # <-\n',
            instead="CELERY_RESULT_BACKEND",
        ),
        settings(
            'CELERY_RESULT_BACKEND = "redis://localhost:6379/20"\n',
            instead="CELERY_RESULT_BACKEND",
        )
        | {
            "compose.yaml": "services:\n  redis:\n    image: redis:7\n"
            "    command: redis-server --databases 32\n"
        },
    ),
    Mistake(
        "celery.W442",
        {
            **settings("CELERY_WORKER_DISABLE_RATE_LIMITS = True\n"),
            **tasks("@shared_task(rate_limit='10/m')  # <-\ndef slow():\n    pass\n"),
        },
        tasks("@shared_task(rate_limit='10/m')\ndef slow():\n    pass\n"),
    ),
    Mistake(
        "celery.W957",
        {
            **UNLIMITED_THREADS,
            **view(
                "def stop(request, pk):\n    app.control.revoke(pk, terminate=True)  # <-\n",
                "from config.celery import app\n",
            ),
        },
        {
            **UNLIMITED_THREADS,
            **view(
                "def stop(request, pk):\n    app.control.revoke(pk)\n",
                "from config.celery import app\n",
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
