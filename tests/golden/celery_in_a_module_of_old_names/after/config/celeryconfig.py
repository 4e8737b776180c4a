import os

CELERY_ACKS_LATE = True

BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
