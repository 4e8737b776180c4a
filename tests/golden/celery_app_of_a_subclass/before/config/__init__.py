from .worker import celery_app
