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

# Celery
# Development only: messages are files in .celery, which needs no server. Use a real broker in production.
CELERY_BROKER_URL = "filesystem://localhost/"
CELERY_RESULT_BACKEND = "file://" + str(BASE_DIR / ".celery" / "results")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": str(BASE_DIR / ".celery" / "broker"),
    "data_folder_out": str(BASE_DIR / ".celery" / "broker"),
    "control_folder": str(BASE_DIR / ".celery" / "broker"),
    # Seconds between two looks into the folder; the default is 1.
    "polling_interval": 0.1,
}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"

CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
