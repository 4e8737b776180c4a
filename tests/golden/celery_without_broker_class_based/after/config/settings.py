import os

from configurations import Configuration


class Base(Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
    CELERY_TASK_TIME_LIMIT = 300

    CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")


class Dev(Base):
    DEBUG = True
