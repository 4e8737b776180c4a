import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config", broker="redis://localhost:6379/1")
app.autodiscover_tasks()
