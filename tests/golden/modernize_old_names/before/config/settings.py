import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "not a secret"

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

BROKER_URL = os.environ.get("BROKER_URL", "redis://")  # not BROKER_HOST
CACHE_URL = f"{BROKER_URL}/1"
if DEBUG:
    CELERYD_CONCURRENCY = 2
CELERY_TASK_SERIALIZER = "json"
CELERYBEAT_SCHEDULE = {}
CELERYBEAT_SCHEDULE["report"] = {"task": "doctors.tasks.report", "schedule": 60.0}
MY_CELERY_ACKS_LATE = True
