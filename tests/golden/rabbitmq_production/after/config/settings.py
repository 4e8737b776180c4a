import os
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

LOGGING = {"version": 1}

# Celery: https://docs.celeryq.dev/en/stable/userguide/configuration.html
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://localhost:5672//")
CELERY_RESULT_BACKEND = os.environ.get(
    "CELERY_RESULT_BACKEND", "redis://localhost:6379/0"
)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE

# A queue of its own: two projects on one broker must not take each other's tasks.
CELERY_TASK_DEFAULT_QUEUE = "project"
# Quorum queues survive the loss of a node; they need a new queue name, confirms and a
# topic exchange.
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum"
CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = "quorum"
CELERY_TASK_DEFAULT_EXCHANGE = CELERY_TASK_DEFAULT_QUEUE
CELERY_TASK_DEFAULT_ROUTING_KEY = CELERY_TASK_DEFAULT_QUEUE
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
CELERY_TASK_CREATE_MISSING_QUEUE_EXCHANGE_TYPE = "topic"
# Results cost a write per task, and a dead result backend blocks .delay(): tasks that
# need one say ignore_result=False.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = True
CELERY_TASK_TRACK_STARTED = True
CELERY_RESULT_EXTENDED = True
# Seconds: a day.
CELERY_RESULT_EXPIRES = 86400
# Seconds. Without limits, a task that hangs occupies its process for ever.
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
# A task whose worker or process dies runs again, so write tasks that may run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# Each process reserves one task: a long one does not hold back those behind it.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
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
# The project's LOGGING applies to the worker too.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # .delay() returns when the broker has the message, and gives up after some tries.
    "confirm_publish": True,
    "max_retries": 3,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {
    "global_keyprefix": "project:",
    # Seconds until a dead result backend is an error.
    "retry_policy": {"timeout": 5.0},
}
CELERY_REDIS_SOCKET_TIMEOUT = 10
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 5
CELERY_REDIS_SOCKET_KEEPALIVE = True
CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL = 25
