import os

from celery import Celery

from . import celeryconfig

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object(celeryconfig)
app.autodiscover_tasks()
