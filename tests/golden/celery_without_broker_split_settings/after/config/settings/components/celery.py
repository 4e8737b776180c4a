import os

CELERY_TASK_TIME_LIMIT = 300

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
