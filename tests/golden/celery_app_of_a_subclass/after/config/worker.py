import os

from celery import Celery


class ClinicCelery(Celery):
    pass


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

celery_app = ClinicCelery("config")
celery_app.config_from_object("django.conf:settings", namespace="CELERY")
celery_app.autodiscover_tasks()
