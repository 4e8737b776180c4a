# The Celery app will be here.
