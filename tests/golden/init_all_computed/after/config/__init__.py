import os

__all__ = [n for n in ["os"]]

from .celery import app as celery_app

__all__ = [*__all__, "celery_app"]
