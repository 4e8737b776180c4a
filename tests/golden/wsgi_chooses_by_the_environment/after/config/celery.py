import os

from celery import Celery

# The settings are chosen as in wsgi.py: a web process imports this file before
# those lines run. The environment variable wins.
if os.environ.get("PROD"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.production")
else:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
# Every setting that starts with CELERY_, read when it is first needed.
app.config_from_object("django.conf:settings", namespace="CELERY")
# The tasks modules of all apps in INSTALLED_APPS.
app.autodiscover_tasks()
