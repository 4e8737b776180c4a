"""celeryize puts Celery into a Django project that already exists, and proves that it works."""

__version__ = "0.1.0"
