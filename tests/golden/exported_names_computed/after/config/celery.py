import os

from celery import Celery

# The settings that wsgi.py names, because a web process imports this file before
# that line runs. manage.py has set its own by then; the environment variable wins.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
# Every setting that starts with CELERY_, read when it is first needed.
app.config_from_object("django.conf:settings", namespace="CELERY")
# The tasks modules of all apps in INSTALLED_APPS.
app.autodiscover_tasks()
