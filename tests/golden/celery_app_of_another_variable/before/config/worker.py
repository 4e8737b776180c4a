import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

clinic = Celery("config")
clinic.config_from_object("django.conf:settings", namespace="CELERY")
clinic.autodiscover_tasks()
