__all__ = ["a", "celery_app"]
__all__ += ["b"]
a = b = 1

from .celery import app as celery_app
