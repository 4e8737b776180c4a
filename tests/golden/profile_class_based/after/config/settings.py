import os

from configurations import Configuration


class Base(Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
    CELERY_TASK_TIME_LIMIT = 300
    CELERY_ACCEPT_CONTENT = ["json"]
    CELERY_TASK_SERIALIZER = "json"
    CELERY_RESULT_SERIALIZER = "json"
    # A task whose worker is gone runs again, so write tasks that may run twice.
    CELERY_TASK_ACKS_LATE = True
    # Each process reserves one task: a long one does not hold back those behind it.
    CELERY_WORKER_PREFETCH_MULTIPLIER = 1
    CELERY_TASK_SOFT_TIME_LIMIT = 270
    # A worker that starts before its broker waits for it.
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

    CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")


class Dev(Base):
    DEBUG = True
