import os

from celery import Celery
from config import celery_health  # noqa: F401

app = Celery("config", broker=os.getenv("QUEUE_URL", "redis://127.0.0.1:6379/3"))
app.config_from_object("django.conf:settings", namespace="CELERY")
