"""The clinic."""

from .worker import clinic as celery_app

__all__ = ("celery_app",)
