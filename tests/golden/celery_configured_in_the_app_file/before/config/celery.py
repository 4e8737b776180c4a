import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.conf.update(
    timezone="Europe/Paris",
    task_time_limit=300,
)
app.autodiscover_tasks()
