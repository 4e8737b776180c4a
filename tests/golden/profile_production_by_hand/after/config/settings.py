from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "not a secret"

DEBUG = True

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "doctors",
]

ROOT_URLCONF = "config.urls"

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

TIME_ZONE = "Europe/Paris"

USE_TZ = True

CELERY_BROKER_URL = "redis://"
CELERY_WORKER_PREFETCH_MULTIPLIER = 8
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_RESULT_BACKEND = "rpc://"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = True
CELERY_TASK_TRACK_STARTED = True
CELERY_RESULT_EXTENDED = True
# Seconds: a day.
CELERY_RESULT_EXPIRES = 86400
CELERY_TASK_SOFT_TIME_LIMIT = 270
# A task whose worker or process dies runs again, so write tasks that may run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A task that runs while the connection is lost would run twice after it is back.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
# A fresh process after so many tasks bounds what a leak can take.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
# Seconds that running tasks get at a stop, where the worker's process has
# REMAP_SIGTERM=SIGQUIT in its environment (not here: Celery reads it earlier). Longest
# task < this < the grace until it is killed: 30 s on Kubernetes and Heroku; compose and
# supervisor have 10 s unless stop_grace_period, stopwaitsecs say more.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
# A worker that starts before its broker waits for it.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For Flower and exporters; they cost a message per task.
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Seconds. Longer than any task, countdown or retry delay: after it, Redis delivers
    # a task again.
    "visibility_timeout": 3600,
    # Seconds. Without them, .delay() hangs for ever where the network drops packets.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "max_retries": 3,
    "global_keyprefix": "project:",
}
