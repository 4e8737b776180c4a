import os

from celery import Celery

# The settings that manage.py names; the environment variable wins over them.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
# Every setting that starts with CELERY_, read when it is first needed.
app.config_from_object("django.conf:settings", namespace="CELERY")
# The tasks modules of all apps in INSTALLED_APPS.
app.autodiscover_tasks()
