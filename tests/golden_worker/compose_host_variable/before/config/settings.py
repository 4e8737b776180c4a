import os

SECRET_KEY = "x"
INSTALLED_APPS = ["doctors"]
REDIS_HOST = os.environ.get("REDIS_HOST", "localhost")
REDIS_PORT = os.environ.get("REDIS_PORT", "6379")
CELERY_BROKER_URL = f"redis://{REDIS_HOST}:{REDIS_PORT}/1"
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
