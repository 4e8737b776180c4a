import os

SECRET_KEY = "x"
INSTALLED_APPS = ["doctors"]
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://localhost:5672//")
CELERY_RESULT_BACKEND = os.environ.get("RESULTS_URL", "redis://localhost:6379/1")
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
