from os import path

__all__ = [
    "path",  # a comment
    "celery_app",
]

VERSION = 1

from .celery import app as celery_app
