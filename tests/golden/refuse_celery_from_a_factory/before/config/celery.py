import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def build():
    app = Celery("config")
    app.conf.update(timezone="Europe/Paris")
    return app


app = build()
