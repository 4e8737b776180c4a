import os

from celery import Celery

from worker.names import NAME

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery(NAME)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
