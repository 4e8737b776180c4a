a = b = 1
__all__ = "a", "b", "celery_app"

from .celery import app as celery_app
