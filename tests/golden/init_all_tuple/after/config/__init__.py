from os import path

__all__ = ("path", "celery_app")

from .celery import app as celery_app
