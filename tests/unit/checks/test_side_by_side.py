"""The containers of the web server and of the worker: a broken project each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, settings, with_twin

WEB = "services:\n  web:\n    build: .\n    command: gunicorn config.wsgi\n"
WORKER = (
    "  worker:\n    build: .\n    stop_grace_period: 600s\n    command: celery -A config worker"
)
VARIABLES = "      REDIS_HOST: redis\n"
MEDIA = settings("MEDIA_ROOT = '/app/media'\n")
COMPUTED = settings("MEDIA_ROOT = BASE_DIR / 'media'\n")
MOUNT = "    volumes:\n      - media:/app/media\n"
LONG_MOUNT = (
    "    volumes:\n      - type: volume\n        source: media\n        target: /app/media\n"
)
IMAGES = WEB.replace("build: .", "image: shop:2.1") + WORKER.replace("build: .", "image: shop:{}")
CHOSEN = "    environment:\n      DJANGO_SETTINGS_MODULE: config.production\n"
PRODUCTION = {
    "config/production.py": "from .settings import *\n",
    "config/celery.py": APP,
}
RESULTS = "    environment:\n      CELERY_RESULT_BACKEND: redis://user:secret@redis:6379/{}\n"
BROKER = settings('CELERY_BROKER_URL = "redis://redis:6379/0"\n', instead="CELERY_BROKER_URL")[
    "config/settings.py"
]

MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {0}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - name: {0}
          image: {1}
          command: [{2}, -A, config, worker]
"""


def compose(text: str, **more: str) -> dict[str, str]:
    """A compose file with a Redis, beside settings that reach it."""
    return {
        "docker-compose.yml": f"{text}  redis:\n    image: redis:7\n",
        "config/settings.py": BROKER,
    } | {name.replace("__", "/") + ".py": value for name, value in more.items()}


def with_media(files: dict[str, str], media: dict[str, str] = MEDIA) -> dict[str, str]:
    text = media["config/settings.py"].replace("redis://localhost:6379/0", "redis://redis:6379/0")
    return {**files, "config/settings.py": text}


MISTAKES = [
    Mistake(
        "celery.W929",
        with_media(compose(f"{WEB}{MOUNT}{WORKER}  # <-\n")),
        with_media(compose(f"{WEB}{MOUNT}{WORKER}\n{MOUNT}")),
    ),
    *(
        Mistake(
            "celery.W929",
            with_media(compose(f"{WEB}{web}{WORKER}  # <-\n")),
            with_media(compose(f"{WEB}{web}{WORKER}\n{worker}")),
        )
        for web, worker in [(MOUNT, LONG_MOUNT), (LONG_MOUNT, MOUNT)]
    ),
    Mistake(
        "celery.W929",
        with_media(compose(f"{WEB}{MOUNT}{WORKER}  # <-\n"), COMPUTED),
        # what only the web server needs
        with_media(compose(f"{WEB}{MOUNT.replace('media', 'static')}{WORKER}\n"), COMPUTED),
    ),
    Mistake(
        "celery.W929",
        with_media(
            compose(f"{WEB}{MOUNT.replace('/app/media', '/data')}{WORKER}  # <-\n"),
            settings(
                "DATABASES['default']['NAME'] = '/data/x'\nDATABASES = {'default': {'ENGINE': "
                "'django.db.backends.sqlite3', 'NAME': '/data/db.sqlite3'}}\n"
            ),
        ),
        with_media(compose(f"{WEB}{MOUNT.replace('/app/media', '/data')}{WORKER}\n")),
    ),
    Mistake(
        "celery.W982",
        compose(f"{WEB}{WORKER.replace('build: .', 'image: shop:2.0  # <-')}\n"),
        compose(f"{WEB}    image: shop:2.0\n{WORKER.replace('build: .', 'image: shop:2.0')}\n"),
    ),
    Mistake(
        "celery.W982",
        compose(f"{WEB}{WORKER.replace('build: .', 'image: shop:2.0  # <-')}\n"),
        compose(f"{WEB}{WORKER.replace('build: .', 'image: ${IMAGE}')}\n"),
    ),
    Mistake(
        "celery.W982",
        compose(IMAGES.format("2.0").replace("shop:2.0", "shop:2.0  # <-") + "\n"),
        compose(IMAGES.format("2.1") + "\n"),
    ),
    Mistake(
        "celery.W982",
        compose(IMAGES.format("2.0").replace("shop:2.0", "shop:2.0  # <-") + "\n"),
        compose(IMAGES.format("${TAG}") + "\n"),
    ),
    Mistake(
        "celery.W122",
        compose(f"{WEB}{CHOSEN}{WORKER}  # <-\n") | PRODUCTION,
        compose(f"{WEB}{CHOSEN}{WORKER}\n{CHOSEN}") | PRODUCTION,
    ),
    Mistake(
        "celery.W122",
        compose(f"{WEB}{CHOSEN}{WORKER}  # <-\n") | PRODUCTION,
        compose(f"{WEB}{CHOSEN}{WORKER}\n    env_file: .env\n") | PRODUCTION,
    ),
    Mistake(
        "celery.W983",
        compose(
            f"{WEB}{RESULTS.format(1)}{WORKER}\n" + RESULTS.format(2).replace("/2\n", "/2  # <-\n")
        ),
        compose(f"{WEB}{RESULTS.format(1)}{WORKER}\n{RESULTS.format(1)}"),
    ),
    # two names of one server, and hosts of which nothing is known
    *(
        Mistake(
            "celery.W983",
            compose(
                f"{WEB}{RESULTS.format(1)}{WORKER}\n"
                + RESULTS.format(2).replace("/2\n", "/2  # <-\n")
            ),
            compose(
                f"{WEB}{RESULTS.format(1).replace('@redis', web)}{WORKER}\n"
                f"{RESULTS.format(1).replace('@redis', worker)}{more}"
            ),
        )
        for web, worker, more in (
            ("@it", "@other", "  other:\n    image: redis:7\n    container_name: it\n"),
            ("@redis", "@redis.local", ""),
        )
    ),
    # the override file builds the image
    Mistake(
        "celery.W982",
        compose(f"{WEB}{WORKER.replace('build: .', 'image: shop:2.0  # <-')}\n"),
        compose(f"{WEB}{WORKER.replace('build: .', 'image: shop:2.0')}\n")
        | {"docker-compose.build.yml": "services: {it: {build: ., image: 'shop:2.0'}}\n"},
    ),
    Mistake(
        "celery.W982",
        {
            "k8s/web.yaml": MANIFEST.format("web", "shop:2.1", "gunicorn"),
            "k8s/worker.yaml": MANIFEST.format("worker", "shop:2.0  # <-", "celery"),
        },
        {
            "k8s/web.yaml": MANIFEST.format("web", "nginx:1.27", "gunicorn"),
            "k8s/worker.yaml": MANIFEST.format("worker", "shop:2.0", "celery"),
        },
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
