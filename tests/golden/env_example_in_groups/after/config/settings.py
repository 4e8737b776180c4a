"""Settings of the doctors' site."""

from os import environ
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = environ.get("SECRET_KEY", "x")

DEBUG = True

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "doctors",
]

ROOT_URLCONF = "config.urls"

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

TIME_ZONE = "Europe/Paris"

USE_TZ = True

# Celery: https://docs.celeryq.dev/en/stable/userguide/configuration.html
CELERY_BROKER_URL = environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
CELERY_RESULT_BACKEND = environ.get("CELERY_RESULT_BACKEND", "redis://localhost:6379/0")
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE

# A task whose worker is gone runs again, so write tasks that may run twice.
CELERY_TASK_ACKS_LATE = True
# Each process reserves one task: a long one does not hold back those behind it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Seconds. Without limits, a task that hangs occupies its process for ever.
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
# A worker that starts before its broker waits for it.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Seconds. Longer than any task, countdown or retry delay: after it, Redis delivers
    # a task again.
    "visibility_timeout": 3600,
    # Seconds. Without them, .delay() hangs for ever where the network drops packets.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
